"""Personal data masked in the text of posts.

Whatever `normalise` masks when a model reads a post is masked here too, in the same words, so that training and serving
read the same; and more: what only a reader who knows countries, check digits and words can tell.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from phonenumbers import SUPPORTED_REGIONS

from data.errors import ConfigurationError
from data.importing.masking.accounts import accounts
from data.importing.masking.bank_numbers import cards, ibans
from data.importing.masking.links_and_emails import Place, domains, emails, handles, hidden_emails, links
from data.importing.masking.phones import phones
from data.importing.masking.plain_view import plain_view
from data.importing.masking.streets import streets
from data.normalise import EMAIL, LINK, NUMBER

STREET, HANDLE = "[address]", "[handle]"


class Kind(StrEnum):
    EMAIL = "email"
    LINK = "link"
    IBAN = "iban"
    CARD = "card"
    PHONE = "phone"
    ACCOUNT = "account"
    NUMBER = "number"
    STREET = "street"
    HANDLE = "handle"


WRITTEN = {Kind.EMAIL: EMAIL, Kind.LINK: LINK, Kind.STREET: STREET, Kind.HANDLE: HANDLE}
"""What stands in place of a kind; `[number]` for all others."""
DEFAULT_KINDS = frozenset(Kind) - {Kind.HANDLE}
"""Handles stay: they are how a public post names the company, and `normalise` keeps them."""
DEFAULT_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "AU", "BR")

# What is found earlier hides what is found later: a number in a link is no phone.
Finder = Callable[[str], Iterator[Place]]
_NO_NUMBERS: Sequence[tuple[Kind, Finder]] = (
    (Kind.LINK, links),
    (Kind.EMAIL, emails),
    (Kind.EMAIL, hidden_emails),
    (Kind.LINK, domains),
    (Kind.HANDLE, handles),
)
_DIGIT = re.compile(r"\d")
# As in data/normalise.py, which folds white space first: a stretch of it counts as one sign here.
_ONE_OR_TWO_SIGNS = r"(?:\s++[()-]?|[()-](?:\s++|[()-])?)?"
_NUMBER = re.compile(rf"\+?\(?\d(?:{_ONE_OR_TWO_SIGNS}\d){{6,}}|\d{{6,}}")
_LOOKS = 8
# In no word, no white space and no number, so that what was found is a wall to every other pattern.
_WALL = "\0"


@dataclass(frozen=True, slots=True)
class Span:
    """Where something was found: `text[start:end]`."""

    kind: Kind
    start: int
    end: int


class Masker:
    """Finds personal data and writes a mask in its place.

    Total: every `str` has an answer, in time that grows with its length and no faster. Masking what is masked changes
    nothing.

    Args:
        kinds: what to look for. A number of a kind that is not asked for is masked as any number is, if NUMBER is.
        regions: whose telephone numbers to know without a code of the country (ISO 3166, two letters).

    Raises:
        ConfigurationError: a region that the library of telephone numbers does not know.
    """

    def __init__(self, kinds: Collection[Kind] = DEFAULT_KINDS, regions: Sequence[str] = DEFAULT_REGIONS) -> None:
        unknown = sorted(set(regions) - set(SUPPORTED_REGIONS))
        if unknown:
            raise ConfigurationError(f"expected regions as two capital letters, such as GB or DE; found {unknown}")
        self._kinds = frozenset(kinds)
        # With the fewest digits that such a number has. All are looked for: an IBAN holds what looks like a phone.
        self._numbers: Sequence[tuple[Kind, int, Finder]] = (
            (Kind.IBAN, 6, ibans),
            (Kind.CARD, 4, cards),
            (Kind.ACCOUNT, 4, accounts),
            (Kind.PHONE, 7, partial(phones, regions=tuple(regions))),
        )
        self._first = [stage for stage in _NO_NUMBERS if stage[0] in self._kinds]

    def find(self, text: str) -> list[Span]:
        """The personal data of a text, in order and not overlapping."""
        view = plain_view(text)
        found, _ = self._look(view.text)
        return [Span(kind, *view.source(*place)) for kind, place in found]

    def mask(self, text: str) -> tuple[str, Counter[Kind]]:
        """The text with masks, a space around each as `normalise` sets them, and how many of each kind were found.

        A mask may reach a little further than what was found, where `normalise` sees one long number; and what was
        glued to something masked (`123456Via Roma 1`) is found when that is gone.
        """
        counts: Counter[Kind] = Counter()
        for _ in range(_LOOKS):
            text, found = self._mask_once(text)
            if not found:
                break
            counts += found
        return text, counts

    def _mask_once(self, text: str) -> tuple[str, Counter[Kind]]:
        view = plain_view(text)
        found, runs = self._look(view.text)
        if not found:
            return text, Counter()
        pieces, done = [], 0
        for written, place in _joined(found, runs):
            start, end = view.source(*place)
            start = max(start, done)
            before = text[done:start]
            pieces += [before, "" if (before or " ")[-1].isspace() else " ", written]
            pieces += ["" if text[end : end + 1].isspace() or end == len(text) else " "]
            done = end
        return "".join([*pieces, text[done:]]), Counter(kind for kind, _ in found)

    def _look(self, text: str) -> tuple[list[tuple[Kind, Place]], list[Place]]:
        """What is in a plain text, and where `normalise` will see a number once links and addresses are masked."""
        found: list[tuple[Kind, Place]] = []
        for kind, finder in self._first:
            places = list(finder(text))
            text = _walled(text, places)
            found += [(kind, place) for place in places]
        digits = len(_DIGIT.findall(text))
        if digits and Kind.STREET in self._kinds:
            places = list(streets(text))
            text = _walled(text, places)
            found += [(Kind.STREET, place) for place in places]
        runs = list(_numbers(text)) if digits >= 6 and Kind.NUMBER in self._kinds else []
        rest = text  # where what was not asked for still stands, to be masked as any number
        for kind, least_digits, finder in self._numbers:
            if digits >= least_digits:
                places = list(finder(text))
                text = _walled(text, places)
                if kind in self._kinds:
                    rest = _walled(rest, places)
                    found += [(kind, place) for place in places]
        if runs:
            found += [(Kind.NUMBER, place) for place in _numbers(rest)]
        return sorted(found, key=lambda item: item[1]), runs


def _numbers(text: str) -> Iterator[Place]:
    for found in _NUMBER.finditer(text):
        yield found.span()


def _walled(text: str, places: list[Place]) -> str:
    """The text with a wall in each place, and as long as it was."""
    pieces, done = [], 0
    for start, end in places:
        pieces += [text[done:start], _WALL * (end - start)]
        done = end
    return "".join([*pieces, text[done:]]) if done else text


def _joined(found: list[tuple[Kind, Place]], runs: list[Place]) -> Iterator[tuple[str, Place]]:
    """The masks to write, in order: numbers that overlap or lie in one run share one."""
    wanted = [(place, WRITTEN.get(kind, NUMBER)) for kind, place in found] + [(run, NUMBER) for run in runs]
    (start, end), written = (0, 0), ""
    for place, mask in sorted(wanted):
        if written == mask == NUMBER and place[0] < end:
            end = max(end, place[1])
            continue
        if written:
            yield written, (start, end)
        (start, end), written = place, mask
    if written:
        yield written, (start, end)
