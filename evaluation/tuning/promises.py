"""What a policy shall keep to, in a small language: `department:error<=0.02@0.95`, `urgency.critical:recall>=95%`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from data.errors import ConfigurationError
from data.taxonomy import Head, Taxonomy

ROUTE = "route"
DEFAULT_CHANCE = 0.95

_FINEST = 1e-9  # a share nearer to 0 or 1 is lost in rounding

_FORMS = """expected one of
  HEAD:error<=0.02@0.95           of the accepted posts that have a label of it, at most 2 % are wrong
  HEAD.LABEL:precision>=0.9       of what is accepted as LABEL, at least 90 % is LABEL
  HEAD.LABEL:recall>=0.95         of what is LABEL, at least 95 % is labelled so or sent to a person, not ignored
  route:error<=0.02               of what no person sees, at most 2 % goes to a wrong owner
  route:max-coverage              heads without a target of their own hold no post back"""

_PROMISE = re.compile(
    r"(?P<head>[^\s.:]+)(?:\.(?P<label>.+?))?\s*:\s*(?P<measure>error|precision|recall)\s*(?P<sign><=|>=)\s*"
    r"(?P<bound>[0-9.]+%?)\s*(?:@\s*(?P<chance>[0-9.]+%?))?"
)
_MAX_COVERAGE = re.compile(rf"{ROUTE}\s*:\s*max-coverage")


class Measure(StrEnum):
    """What is bounded."""

    ERROR = "error"
    PRECISION = "precision"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class Promise:
    """One bound and the chance with which it shall hold.

    Attributes:
        head: `None` where it is about the whole route.
        label: `None` where it is about all labels of the head.
        bound: as given: the most of an error, the least of a precision or recall.
    """

    head: str | None
    label: str | None
    measure: Measure
    bound: float
    chance: float = DEFAULT_CHANCE

    @property
    def error(self) -> float:
        """The share that may go wrong."""
        # Rounded, as 1 - 0.9 is not 0.1.
        return self.bound if self.measure is Measure.ERROR else round(1 - self.bound, 9)

    def __str__(self) -> str:
        about = (self.head or ROUTE) + (f".{self.label}" if self.label else "")
        sign = "<=" if self.measure is Measure.ERROR else ">="
        return f"{about}:{self.measure}{sign}{self.bound:g}@{self.chance:g}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that is asked of a policy.

    Attributes:
        max_coverage: heads without a promise of their own hold no post back.
    """

    promises: tuple[Promise, ...]
    max_coverage: bool = False


def parse_targets(texts: Sequence[str], taxonomy: Taxonomy) -> Wishes:
    """Read targets as they stand on the command line.

    Raises:
        ConfigurationError: one is not in the language, names what the taxonomy does not have, or says what cannot be;
            all faults are named at once.
    """
    promises: list[Promise] = []
    faults = []
    max_coverage = False
    for text in texts:
        if _MAX_COVERAGE.fullmatch(text.strip()):
            max_coverage = True
            continue
        try:
            promise = _parse(text.strip(), taxonomy)
        except ConfigurationError as fault:
            faults.append(f"{text!r}: {fault}")
            continue
        if any(_same_subject(promise, other) for other in promises):
            faults.append(f"{text!r}: there is already a target of this kind for it")
        promises.append(promise)
    if max_coverage and not promises and not faults:
        faults.append("route:max-coverage accepts whatever no target holds back; give one beside it")
    if faults:
        raise ConfigurationError("\n".join(faults))
    return Wishes(tuple(promises), max_coverage)


def _same_subject(one: Promise, other: Promise) -> bool:
    def subject(promise: Promise) -> tuple[str | None, str | None, bool]:
        return promise.head, promise.label, promise.measure is Measure.RECALL

    return subject(one) == subject(other)


def _parse(text: str, taxonomy: Taxonomy) -> Promise:
    found = _PROMISE.fullmatch(text)
    if not found:
        raise ConfigurationError(_FORMS)
    measure = Measure(found["measure"])
    if (found["sign"] == "<=") != (measure is Measure.ERROR):
        raise ConfigurationError("an error is bounded from above (<=), precision and recall from below (>=)")
    bound, chance = _share(found["bound"], "the bound"), _share(found["chance"] or "0.95", "the chance after @")
    if found["head"] == ROUTE and ROUTE not in [head.name for head in taxonomy]:
        if found["label"] or measure is not Measure.ERROR:
            raise ConfigurationError("the route has an error only: route:error<=0.02")
        if taxonomy.routing is None:
            raise ConfigurationError("the taxonomy names no owner (routing), so that no route can be wrong")
        return Promise(None, None, measure, bound, chance)
    head = _head(found["head"], taxonomy)
    if found["label"] is None and measure is not Measure.ERROR:
        raise ConfigurationError(f"{measure} is of one label: {head.name}.LABEL:{measure}>={bound:g}")
    if found["label"] is not None and found["label"] not in head.labels:
        raise ConfigurationError(f"{head.name} has no label {found['label']!r}; it has {', '.join(head.labels)}")
    return Promise(head.name, found["label"], measure, bound, chance)


def _head(name: str, taxonomy: Taxonomy) -> Head:
    names = [head.name for head in taxonomy]
    if name not in names:
        raise ConfigurationError(f"there is no head {name!r}; there are {', '.join(names)}")
    return taxonomy.head(name)


def _share(text: str, what: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not _FINEST <= value <= 1 - _FINEST:
        raise ConfigurationError(f"{what} must lie between 0 and 1, both excluded; found {text}")
    return value
