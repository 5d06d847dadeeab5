"""Whether a challenger may take a champion's place: what each difference shows, and what all of them show together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, log10
from typing import Literal

from scipy.stats import norm

from evaluation.comparison.paired import Difference, holm

LEVEL = 0.05
"""Chance of calling even one difference real, of a family of them, where there is none."""

Standing = Literal["better", "not worse", "worse", "unknown"]
Word = Literal["better", "not worse", "worse", "unclear"]

RULE = (
    "A difference is 'better' if its 95 % interval lies above 0 and its p, Holm-adjusted over its family, is at most "
    "0.05; 'not worse' if the interval lies above minus the margin; 'worse' if it does not, but lies below 0 with an "
    "adjusted p of at most 0.05; otherwise 'unknown'. Of errors, less is better. The heads' accuracy and macro F1 and "
    "the routing are one family, the labels' recall is another. The verdict: 'worse' if anything is worse; else "
    "'unclear' if a head or the routing is unknown; else 'better' if the accuracy or macro F1 of a head is better; "
    "else 'not worse'. A label of which too little is known does not count."
)


@dataclass(frozen=True, slots=True)
class Margins:
    """Losses that are put up with.

    Attributes:
        head: of a head's accuracy and macro F1, and of the error among posts handled without a person.
        label: of a label's recall.
        share: of the share of posts handled without a person.
    """

    head: float = 0.02
    label: float = 0.10
    share: float = 0.05


@dataclass(frozen=True, slots=True)
class Measure:
    """A difference and what it shows.

    Attributes:
        adjusted_p: by Holm's method, over the family of the difference.
        less_is_better: of errors.
    """

    difference: Difference
    margin: float
    less_is_better: bool = False
    adjusted_p: float = 1.0

    @property
    def gains(self) -> tuple[float, float, float]:
        """Least, seen and greatest; above 0 where the challenger is better."""
        found = self.difference
        if self.less_is_better:
            return -found.high, -found.value, -found.low
        return found.low, found.value, found.high

    @property
    def standing(self) -> Standing:
        least, _, greatest = self.gains
        shown = self.adjusted_p <= LEVEL
        if least > 0 and shown:
            return "better"
        if least > -self.margin:
            return "not worse"
        return "worse" if greatest < 0 and shown else "unknown"

    @property
    def times_needed(self) -> float | None:
        """About how many times as many posts like these would settle it, were the difference to stay as it is.

        `None` if it is settled, or if no number would do.
        """
        if self.standing != "unknown":
            return None
        least, seen, greatest = self.gains
        # Both intervals and standard errors shrink with the square root of the posts: until one end of the interval is
        # above minus the margin, or the other is below 0 and p small enough.
        factors = []
        if seen > -self.margin:
            factors.append((seen - least) / (seen + self.margin))
        if seen < 0 and self.difference.p < 1:
            enough = norm.isf(LEVEL / 2 * self.difference.p / self.adjusted_p) / norm.isf(self.difference.p / 2)
            factors.append(max((greatest - seen) / -seen, float(enough)))
        return min(factors) ** 2 if factors else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All differences together.

    Attributes:
        because: the names of the differences that it rests on; of "not worse", none.
        posts_needed: about how many posts like these would settle what is unclear; `None` if no number would.
    """

    word: Word
    because: tuple[str, ...] = ()
    posts_needed: int | None = None

    @property
    def passed(self) -> bool:
        return self.word in {"better", "not worse"}


def adjusted(family: Mapping[str, Measure]) -> dict[str, Measure]:
    """The measures with their p adjusted for each other."""
    p_values = holm([measure.difference.p for measure in family.values()])
    return {name: replace(measure, adjusted_p=p) for (name, measure), p in zip(family.items(), p_values, strict=True)}


def verdict_on(
    heads: Mapping[str, Measure], routing: Mapping[str, Measure], labels: Mapping[str, Measure], posts: int
) -> Verdict:
    """As `RULE` says.

    Args:
        heads: accuracy and macro F1 of each, adjusted as one family with `routing`.
        routing: what may only speak against: looser thresholds alone make no better model.
        labels: their recall, adjusted as a family of their own.
        posts: all of them; a head may be labelled on fewer.
    """
    worse = _named({**heads, **routing, **labels}, "worse")
    if worse:
        return Verdict("worse", worse)
    guards = {**heads, **routing}
    unknown = _named(guards, "unknown")
    if unknown:
        times = [guards[name].times_needed for name in unknown]
        needed = [posts * each for each in times if each]
        return Verdict("unclear", unknown, _rounded_up(max(needed)) if len(needed) == len(times) else None)
    better = _named(heads, "better")
    return Verdict("better", better) if better else Verdict("not worse")


def _named(measures: Mapping[str, Measure], standing: Standing) -> tuple[str, ...]:
    return tuple(name for name, measure in measures.items() if measure.standing == standing)


def _rounded_up(posts: float) -> int:
    """To two digits: it is an estimate."""
    unit = 10 ** max(0, int(log10(posts)) - 1) if posts >= 1 else 1
    return ceil(round(posts / unit, 9)) * unit
