"""95 % intervals of shares and of figures of a confusion, by post or by group of posts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import beta, t

from data.posts import Example

_LEVEL = 0.95
_TAILS = (0.025, 0.975)
_RESAMPLES = 1000
_SEED = 13
_CELLS_AT_A_TIME = 4_000_000


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of several sets of posts and their intervals; each array is `(n_sets,)`, NaN where a set is empty.

    Attributes:
        count: posts of each set.
    """

    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]

    def interval(self, place: int) -> list[float] | None:
        """JSON-ready; `None` where there is nothing to count."""
        return [float(self.low[place]), float(self.high[place])] if self.count[place] else None

    def value(self, place: int) -> float | None:
        """JSON-ready; `None` where there is nothing to count."""
        return float(self.share[place]) if self.count[place] else None


def groups_of(examples: Sequence[Example]) -> NDArray[np.int64] | None:
    """`(n_examples,)`: a number for each group; an example without one is a group by itself.

    `None` where no two examples share a group, so that each post tells something of its own.
    """
    numbers: dict[str, int] = {}
    groups = np.array(
        [
            -place - 1 if example.group is None else numbers.setdefault(example.group, len(numbers))
            for place, example in enumerate(examples)
        ],
        np.int64,
    )
    distinct, found = np.unique(groups, return_inverse=True)
    return found.astype(np.int64) if len(distinct) < len(groups) else None


def share_intervals(
    sets: NDArray[np.intp], hits: NDArray[np.bool_], n_sets: int, groups: NDArray[np.int64] | None = None
) -> Shares:
    """The share of hits in each set of posts, such as those of a label, with 95 % intervals.

    Without groups: exact binomial (Clopper & Pearson 1934). With groups: the same with the effective number of posts
    in place of their number (Korn & Graubard 1998, Survey Methodology 24:193-201), which is the number of independent
    posts whose share would vary as much as this one varies between groups. Where all posts are hits, or none, that
    spread says nothing, and each group counts as one post. With 100 groups 3 to 6 in 100 intervals miss the truth, with
    20 to 40 up to 8; of the quantiles of a bootstrap over groups it is 6 to 9, and up to 20.

    Args:
        sets: `(n_posts,)`, the set of each post.
        hits: `(n_posts,)`.
        groups: `(n_posts,)`, as `groups_of` gives them.
    """
    count = np.bincount(sets, minlength=n_sets)
    hit = np.bincount(sets, weights=hits, minlength=n_sets)
    with np.errstate(invalid="ignore"):
        share = hit / count
    effective = count.astype(np.float64) if groups is None else _effective_counts(sets, hits, share, groups)
    return Shares(share, *binomial_bounds(share * effective, effective), count)


def binomial_bounds(
    hits: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both bounds of Clopper and Pearson's 95 % intervals, element by element; counts need not be whole.

    A share of nothing is NaN.
    """
    with np.errstate(invalid="ignore"):
        low = np.where(hits <= 0, 0.0, beta.ppf(_TAILS[0], hits, counts - hits + 1))
        high = np.where(hits >= counts, 1.0, beta.ppf(_TAILS[1], hits + 1, counts - hits))
    empty = ~(counts > 0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def confusion_intervals(
    gold: NDArray[np.int64],
    said: NDArray[np.intp],
    n_labels: int,
    figures: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """`(n_figures, 2)`: the 2.5 % and 97.5 % quantiles of figures over 1,000 seeded resamples of the posts.

    With groups, groups are resampled with all their posts (the cluster bootstrap; Davison & Hinkley 1997, section 3.8).

    Args:
        gold, said: `(n_posts,)`, indices of labels.
        figures: from `(n_resamples, n_labels, n_labels)`, counts by gold and said label, to `(n_figures, n_resamples)`.
        groups: `(n_posts,)`, as `groups_of` gives them.
    """
    drawn = [figures(batch) for batch in _resampled(gold, said, n_labels, groups)]
    bounds: NDArray[np.float64] = np.quantile(np.concatenate(drawn, axis=1), _TAILS, axis=1).T
    return bounds


def _effective_counts(
    sets: NDArray[np.intp], hits: NDArray[np.bool_], share: NDArray[np.float64], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """`(n_sets,)`."""
    n_sets = len(share)
    pairs, place = np.unique(sets * (int(groups.max(initial=0)) + 1) + groups, return_inverse=True)
    set_of_pair = np.zeros(len(pairs), np.intp)
    set_of_pair[place] = sets
    posts = np.bincount(place, minlength=len(pairs))
    off = np.bincount(place, weights=hits, minlength=len(pairs)) - share[set_of_pair] * posts
    count = np.bincount(sets, minlength=n_sets).astype(np.float64)
    n_groups = np.bincount(set_of_pair, minlength=n_sets).astype(np.float64)
    squares = np.bincount(set_of_pair, weights=off**2, minlength=n_sets)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = n_groups / (n_groups - 1) * squares / count**2
        independent = share * (1 - share) / variance
        # Few groups tell little of their own spread: Korn and Graubard's correction by quantiles of Student's t.
        few = (t.ppf(_TAILS[1], count - 1) / t.ppf(_TAILS[1], n_groups - 1)) ** 2
        effective = np.minimum(independent * few, count)
    effective = np.where((share == 0) | (share == 1) | (n_groups < 2), n_groups, effective)
    return np.where(n_groups == count, count, effective)


def _resampled(
    gold: NDArray[np.int64], said: NDArray[np.intp], n_labels: int, groups: NDArray[np.int64] | None
) -> Iterator[NDArray[np.float64]]:
    """Confusions of resampled posts, `(some, n_labels, n_labels)` at a time, `_RESAMPLES` in all."""
    generator = np.random.default_rng(_SEED)
    cells, cell_of_post = np.unique(gold * n_labels + said, return_inverse=True)
    draw = _draw_posts(cell_of_post, generator) if groups is None else _draw_groups(cell_of_post, groups, generator)
    size = max(_CELLS_AT_A_TIME // max(n_labels**2, 1 if groups is None else int(groups.max()) + 1), 1)
    for first in range(0, _RESAMPLES, size):
        counts = draw(min(size, _RESAMPLES - first))
        confusions = np.zeros((len(counts), n_labels**2))
        confusions[:, cells] = counts
        yield confusions.reshape(-1, n_labels, n_labels)


_Draw = Callable[[int], NDArray[np.float64]]
"""From a number of resamples to `(n_resamples, n_cells)`, how often each cell of the confusion was drawn."""


def _draw_posts(cell_of_post: NDArray[np.intp], generator: np.random.Generator) -> _Draw:
    # Resampling posts and counting them by cell is one multinomial draw.
    shares = np.bincount(cell_of_post) / len(cell_of_post)
    return lambda resamples: generator.multinomial(len(cell_of_post), shares, size=resamples).astype(np.float64)


def _draw_groups(cell_of_post: NDArray[np.intp], groups: NDArray[np.int64], generator: np.random.Generator) -> _Draw:
    # A head that few posts carry leaves numbers of groups unused.
    _, group_of_post = np.unique(groups, return_inverse=True)
    contents = csr_array((np.ones(len(groups), np.int64), (group_of_post, cell_of_post)))
    # Groups of the same contents need not be told apart; they are known by the sum of a random number for each post.
    marks = contents @ generator.integers(2**63, size=contents.shape[1])
    _, one_of_each, how_many = np.unique(marks, return_index=True, return_counts=True)
    kinds = contents[one_of_each].astype(np.float64)
    n_groups, shares = contents.shape[0], how_many / contents.shape[0]

    def draw(resamples: int) -> NDArray[np.float64]:
        counts: NDArray[np.float64] = generator.multinomial(n_groups, shares, size=resamples) @ kinds
        return counts

    return draw
