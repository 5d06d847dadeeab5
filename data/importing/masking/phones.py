"""Where a text holds telephone numbers.

What a number looks like and the words before it decide together; what is a number at all in a region says the
`phonenumbers` library. It alone would take any ten digits for one: every order number is valid somewhere.
"""

import re
from collections.abc import Iterator, Sequence

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberType

from data.importing.masking.cues import Cue, cue_before
from data.importing.masking.links_and_emails import Place

_BETWEEN = r"(?:[^\S\n]|[().\-‐‑–/·])"
_CANDIDATE = re.compile(rf"(?:\+[^\S\n]?)?[(]?\+?\d(?:{_BETWEEN}{{0,3}}+\d){{6,}}")
_GROUP = re.compile(r"\d+")
_EXTENSION = re.compile(
    r"[\s,;]{0,2}(?:ext(?:ension)?|extn|x(?=\s?\d\d)|poste|durchwahl|dw|int(?:erno)?|anexo|ramal)[.:]?\s?\d{1,5}(?!\w)",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:\d{4}|\d{2}))(?!\d|[-./]\d)")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+|[1-9](?: \d{3})+")
# Addresses of machines, amounts, spans of years.
_NO_PHONES = (
    re.compile(r"\d{1,3}(?:\.\d{1,3}){3}"),
    re.compile(r"\d+\.\d{1,2}"),
    re.compile(r"(?:19|20)\d\d\s?[-–/]\s?(?:19|20)\d\d"),
)
_NORTH_AMERICAN = re.compile(
    r"(?:\+?1[ .-]{0,2})?(?:\(\d{3}\)[ .-]{0,2}\d{3}[ .-]?\d{4}|\d{3}([-.])\d{3}\1\d{4}|\d{3}[/-] ?\d{3}[-. ]\d{4}"
    r"|[2-9]\d\d \d{3}[- .]\d{4}|[2-9]\d\d-\d{7})"
)
_LOCAL = re.compile(r"\d{3}[-. ]\d{4}")
_MONEY = "$€£¥₹#"
_AFTER = re.compile(
    r"\W{0,3}(?:\w{1,8}\s){0,2}(?:phone|cell|mobile|whatsapp|call\sme|my\snumber|handy|anrufen)(?!\w)", re.IGNORECASE
)
_GLUED = re.compile(r"(?<!\w)(?:tel|ph|phone|mobile|mob|cell|call|whatsapp|on|at)$", re.IGNORECASE)
_MOST_DIGITS = 60
"""More in one chain are a table, or nonsense; not a few telephone numbers in a line."""


def phones(text: str, regions: Sequence[str]) -> Iterator[Place]:
    """Telephone numbers, international or of one of the regions (ISO 3166 codes), with their extensions."""
    for found in _CANDIDATE.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, found.start(), found.end())]
        if sum(end - start for start, end in groups) <= _MOST_DIGITS:
            yield from _Candidate(text, found.span(), groups, regions).phones()


class _Candidate:
    """A chain of groups of digits: one number, several, or none."""

    def __init__(self, text: str, place: Place, groups: list[Place], regions: Sequence[str]) -> None:
        self._text = text
        self._place = place
        self._groups = groups
        self._regions = regions
        self._cue: Cue | None = cue_before(text, place[0])

    def phones(self) -> Iterator[Place]:
        first = 0
        while first < len(self._groups):
            start = self._groups[first][0]
            date = _DATE.match(self._text, start)
            if date:
                while first < len(self._groups) and self._groups[first][0] < date.end():
                    first += 1
                continue
            last = self._last_of_phone(first) if self._is_free(first) else None
            if last is None:
                first += 1
                continue
            end = self._groups[last][1]
            extension = _EXTENSION.match(self._text, end)
            start = self._start(first)
            start += self._text[start] == "(" and ")" not in self._text[start:end]
            yield start, extension.end() if extension else end
            first = last + 1

    def _is_free(self, first: int) -> bool:
        """Whether a number can begin at this group: not within a word, and no price."""
        if first:
            gap = self._text[self._groups[first - 1][1] : self._groups[first][0]]
            return any(map(str.isspace, gap)) or "/" in gap
        before = self._text[max(0, self._place[0] - 2) : self._place[0]]
        if before[-1:].isalnum():
            return self._text[self._place[0]] == "+" or bool(
                _GLUED.search(self._text[max(0, self._place[0] - 10) : self._place[0]])
            )
        decimal = len(before) == 2 and before[0].isdigit() and before[1] in ".,-"
        return not decimal and before[-1:] not in {"_", *_MONEY} and before.rstrip()[-1:] not in {*_MONEY}

    def _last_of_phone(self, first: int) -> int | None:
        ends = [last for last in range(len(self._groups) - 1, first - 1, -1) if self._is_end(last)]
        for certain in (True, False):
            for last in ends:
                start, end = self._start(first), self._groups[last][1]
                if 7 <= sum(map(str.isdigit, self._text[start:end])) <= 17 and self._is_phone(start, end, certain):
                    return last
        return None

    def _start(self, first: int) -> int:
        start = self._groups[first][0]
        for sign in "(+":  # in this order from the right, as normalise() takes them
            start -= start > self._place[0] and self._text[start - 1] == sign
        return start

    def _is_end(self, last: int) -> bool:
        end = self._groups[last][1]
        if last + 1 < len(self._groups):
            gap = self._text[end : self._groups[last + 1][0]]
            return any(map(str.isspace, gap)) or "/" in gap
        after = self._text[end : end + 2]
        if _EXTENSION.match(self._text, end) or (self._cue == "phone" and after[:1].isalpha()):
            return True
        decimal = len(after) == 2 and after[0] in ",." and after[1].isdigit()
        return not decimal and not after[:1].isalnum() and after[:1] not in {"%", "_", "€", "$", "£", "@"}

    def _is_phone(self, start: int, end: int, certain: bool) -> bool:
        written = self._text[start:end]
        digits = "".join(filter(str.isdigit, written))
        if "+" in written[:2] or self._text[max(0, start - 2) : start] == "+ ":
            return 8 <= len(digits) <= 15 and (not certain or self._is_valid("+" + digits, [None]))
        if digits.startswith("00") and len(digits) >= 10 and self._is_valid("+" + digits[2:], [None], certain):
            return self._cue != "code" and (certain or self._cue == "phone" or len(written) > len(digits))
        north_american = _NORTH_AMERICAN.fullmatch(written) is not None
        if self._cue == "code" or any(form.fullmatch(written) for form in _NO_PHONES):
            return north_american and written[0] == "("
        called = self._cue == "phone" or (self._cue is None and _AFTER.match(self._text, end) is not None)
        return north_american or (len(digits) <= 13 and self._is_without_country(written, digits, certain, called))

    def _is_without_country(self, written: str, digits: str, certain: bool, called: bool) -> bool:
        """A number as it is dialled within a country or a town; `called`: the words beside it speak of a telephone."""
        if _THOUSANDS.fullmatch(written) and not called:
            return False
        if len(written) == len(digits):
            leading = digits[0] == "0" and len(digits) in {10, 11}
            return (leading and self._is_valid(digits, self._regions)) or called
        if _LOCAL.fullmatch(written):
            return called or written.startswith("555")
        return self._is_national(written, digits, certain, called)

    def _is_national(self, written: str, digits: str, certain: bool, called: bool) -> bool:
        """A number in groups, without the code of a country."""
        sizes = [len(group) for group in _GROUP.findall(written)]
        if min(sizes[1:], default=2) < 2 or (sizes[0] == 1 and digits[0] not in "01"):
            return called and not certain and len(digits) >= 9
        if digits[0] == "0" or written[0] == "(" or called:
            long_enough = len(digits) >= 9 or called
            return long_enough and (self._is_valid(written, self._regions, certain) or (called and not certain))
        return (
            certain
            and 9 <= len(digits) <= 11
            and any(
                self._is_valid(written, [region]) and (_has_no_trunk_code(region) or _is_mobile(written, region))
                for region in self._regions
            )
        )

    @staticmethod
    def _is_valid(number: str, regions: Sequence[str | None], certain: bool = True) -> bool:
        """Whether it is a number of one of the regions; not `certain`: whether it has the length of one."""
        for region in regions:
            parsed = _parsed(number, region)
            if parsed is None:
                continue
            valid = phonenumbers.is_valid_number if certain else phonenumbers.is_possible_number
            if valid(parsed):
                return True
        return False


def _parsed(number: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except NumberParseException:
        return None


def _has_no_trunk_code(region: str) -> bool:
    """Whether people write their numbers without a 0 before them."""
    metadata = PhoneMetadata.metadata_for_region(region)
    return metadata is not None and metadata.national_prefix != "0"


def _is_mobile(number: str, region: str) -> bool:
    parsed = _parsed(number, region)
    return parsed is not None and phonenumbers.number_type(parsed) == PhoneNumberType.MOBILE
