"""How far a threshold may be lowered so that an error rate stays within a bound, with a stated chance.

The promise holds for any model and any distribution, for posts drawn like those that it was tuned on.
"""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr
from scipy.stats import binom

GRID = 1e-6
"""Thresholds are multiples of this: six digits are what a policy shows, and no promise hangs on more."""

_CUTS = 100  # that are tried; finer ones gain no coverage worth naming
# Where the search begins, and begins anew: shares of the posts, where so many of them bear an error. Early starts serve
# targets that few posts can meet, late ones go past a bad patch; by simulation these lose least on small and large
# files alike.
_STARTS = (0.1, 0.3, 0.5, 0.7)
_TIMES = np.geomspace(1, 10_000, 200)  # as many posts, for a refusal to say how many it would take


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold and what it does on the posts at hand.

    Attributes:
        accepted, wrong: how many posts reach it, and how many of these are wrong.
    """

    threshold: float
    accepted: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no threshold can be promised.

    Attributes:
        examples: of all labelled posts that it would take, if they were like these; `None` where no number would do.
        least_error: the smallest error rate that was seen, at any threshold with enough posts to say.
    """

    examples: int | None
    least_error: float


def loosest_cut(
    confidence: NDArray[np.float64], wrong: NDArray[np.bool_], error: float, chance: float
) -> Cut | Refusal:
    """The lowest threshold above which at most a share `error` of the posts is wrong, with the given chance.

    Learn then Test (Angelopoulos et al. 2021, arXiv:2110.01052): a threshold is certified when the exact binomial test
    rejects that more than `error` of what reaches it is wrong. Many are tried, and the search is paid for by the
    fallback procedure (Wiens & Dmitrienko 2005): from the strictest threshold to the loosest, each test that rejects
    hands its level on to the next, and a few of them bring some of the level along, so that a bad patch among the most
    confident posts does not end the search. What is left of the level is spent in full at the loosest.

    The cuts are ranks: above the rank k lie k posts drawn independently from those that are more confident than the
    next one, so that each test is exact; the search is exact where loosening never makes the error rate smaller again.

    Args:
        confidence: `(n,)`, of posts that could be accepted; -1 where one never is.
        wrong: `(n,)`, whether accepting it would be an error.
        error, chance: within (0, 1).
    """
    keys = grid_floor(confidence)
    cuts = _cuts(keys, wrong)
    level = 1 - chance
    return _certified(cuts, error, level) or _refusal(cuts, len(keys), error, level)


def most_misses(posts: int, share: float, chance: float) -> int:
    """How many of the posts may be missed where, with the given chance, at most `share` shall be; -1 if not even none.

    The exact binomial bound turned round; as missing grows with nothing but a lower threshold, the search costs
    nothing (risk-controlling prediction sets, Bates et al. 2021, arXiv:2101.02703).
    """
    level = 1 - chance
    if not posts:
        return -1
    misses = int(binom.ppf(level, posts, share))
    while misses >= 0 and bdtr(misses, posts, share) > level:
        misses -= 1
    return misses


def threshold_for_misses(
    confidence: NDArray[np.float64], missed: NDArray[np.bool_], share: float, chance: float
) -> float | Refusal:
    """The lowest threshold at which, with the given chance, at most a share of posts like these is missed.

    Args:
        confidence: `(n,)`, of all posts that must not be missed; negative where one passes at no threshold, above 1
            where it does at any.
        missed: `(n,)`, whether accepting the answer would miss the post.
    """
    allowed = most_misses(len(confidence), share, chance)
    keys = np.sort(grid_floor(confidence[missed]))[::-1]
    unavoidable = int(np.sum(keys >= 1))
    if unavoidable > allowed:
        return _refused_misses(unavoidable, len(confidence), share, chance)
    return 0.0 if len(keys) <= allowed else max(float(np.round(keys[allowed] + GRID, 6)), 0.0)


def grid_floor(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest threshold on the grid that each confidence reaches."""
    places = np.floor(confidence / GRID)
    # Where the division went astray by a rounding.
    places = np.where(np.round((places + 1) * GRID, 6) <= confidence, places + 1, places)
    places = np.where(np.round(places * GRID, 6) > confidence, places - 1, places)
    return np.asarray(np.round(places * GRID, 6))


def _cuts(keys: NDArray[np.float64], wrong: NDArray[np.bool_]) -> list[Cut]:
    """From the strictest to the loosest, of equal ranks apart; equal keys stay together."""
    order = np.argsort(-keys, kind="stable")
    order = order[keys[order] >= 0]
    ordered = keys[order]
    if not len(ordered):
        return []
    errors = np.cumsum(wrong[order])
    last_of_key = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    wanted = np.unique(np.ceil(np.linspace(0, len(ordered), _CUTS + 1)[1:]).astype(int)) - 1
    places = np.unique(last_of_key[np.searchsorted(last_of_key, wanted)])
    return [Cut(float(ordered[place]), int(place) + 1, int(errors[place])) for place in places]


def _certified(cuts: list[Cut], error: float, level: float) -> Cut | None:
    """The loosest cut that the fallback procedure rejects for."""
    chances = bdtr([cut.wrong for cut in cuts], [cut.accepted for cut in cuts], error)
    budget = 0.0
    found = None
    for cut, gift, chance_of_fewer in zip(cuts, _gifts(cuts, error, level), chances, strict=True):
        budget += gift * level
        if budget > 0 and chance_of_fewer <= budget:
            found = cut
        else:
            budget = 0.0
    return found


def _gifts(cuts: list[Cut], error: float, level: float) -> list[float]:
    """The share of the level that comes in at each cut."""
    gifts = [0.0] * len(cuts)
    if not cuts:
        return gifts
    posts = cuts[-1].accepted
    ranks = [ceil(share * posts) for share in _STARTS]
    bearing = [rank for rank in ranks if bdtr(1, rank, error) <= level]
    accepted = [cut.accepted for cut in cuts[:-1]]
    places = set(np.searchsorted(accepted, bearing or [max(ranks[-1], _least_posts(error, level))]).tolist())
    for place in places:
        gifts[place] = 1 / len(places)
    return gifts


def _least_posts(error: float, level: float) -> int:
    """Posts that it takes when none of them is wrong."""
    return ceil(log(level) / log(1 - error) - 1e-9)


def _refused_misses(unavoidable: int, posts: int, share: float, chance: float) -> Refusal:
    """How many posts of a label it would take, where some are missed at any threshold."""
    if not unavoidable:
        return Refusal(_least_posts(share, 1 - chance), 0.0)
    rate = unavoidable / posts
    numbers = (ceil(times * posts) for times in _TIMES)
    enough = (number for number in numbers if most_misses(number, share, chance) >= ceil(rate * number - 1e-9))
    return Refusal(next(enough, None), rate)


def _refusal(cuts: list[Cut], posts: int, error: float, level: float) -> Refusal:
    """How many times these very posts it would take."""
    least = _least_posts(error, level)
    if not cuts:
        return Refusal(least, 0.0)
    enough = [cut for cut in cuts if cut.accepted >= least] or cuts
    least_error = min(cut.wrong / cut.accepted for cut in enough)
    for times in _TIMES:
        more = [Cut(cut.threshold, ceil(times * cut.accepted), ceil(times * cut.wrong)) for cut in cuts]
        if _certified(more, error, level):
            return Refusal(ceil(times * posts), least_error)
    return Refusal(None, least_error)
