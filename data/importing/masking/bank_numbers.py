"""Where a text holds IBANs and payment cards.

Finders as in links_and_emails.py.
"""

import re
from collections.abc import Iterator
from functools import cache

from stdnum import iban, luhn, numdb

from data.importing.masking.cues import cue_before
from data.importing.masking.links_and_emails import Place, apart

_IBAN_START = re.compile(r"(?<![^\W_])[A-Z]{2}[\s.-]?\d\s?\d(?=[\s.-]{0,2}[A-Z\d])", re.IGNORECASE)
# White space, full stops and dashes between the groups, as people copy and type them.
_NEXT_OF_IBAN = re.compile(r"[\s.-]{0,2}+([A-Za-z0-9])")
_LONGEST_IBAN = 34
_NAMED_IBAN = re.compile(r"\biban\b\W{0,3}(?:\w{2,6}\W{1,3})?$", re.IGNORECASE)
_BLOCK = re.compile(r"(\d+)!([nac])")

_CARD_RUN = re.compile(r"(?<![\w.,])\d{2,19}+(?:(?:\s?[-–]\s?|\s{1,2}|\.)\d{2,19}+)*(?!\w)")
_GROUPS = re.compile(r"\d+")
# Parted by signs that part other numbers as well, so that only the groups of a card count, all parted alike.
_PARTED_CARD = re.compile(
    r"(?<![^\W_])(?<!\d[/,_:.])\d{4}(\s?[/,_:]\s?)(?:\d{4}\1\d{4}\1\d{4}|\d{6}\1\d{5})(?![^\W_]|\1\d{4})"
)
_HIDDEN_CARD = re.compile(r"(?<![\w*•])[\dXx*•]{4}(?:[ -]{0,2}[\dXx*•]{4}){2}[ -]{0,2}[\dXx*•]{1,7}(?![\w*•])")
_BRAND_STARTS = {
    13: ("4",),
    14: ("30", "36", "38", "39"),
    15: ("34", "37"),
    16: ("4", "51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27", "6", "35", "50", "56", "57", "58"),
    17: ("6", "50", "56", "57", "58"),
    18: ("6", "50", "56", "57", "58"),
    19: ("4", "6", "50", "56", "57", "58"),
}


def ibans(text: str) -> Iterator[Place]:
    """International bank account numbers (ISO 13616), the mistyped ones of the right country and length as well."""
    end = 0
    for found in _IBAN_START.finditer(text):
        if found.start() >= end and (stop := _end_of_iban(text, found)):
            yield found.start(), stop
            end = stop


def cards(text: str) -> Iterator[Place]:
    """Payment cards: of the form of a card, or with the right check digit (ISO/IEC 7812); partly hidden ones too."""
    found = [run.span() for run in _HIDDEN_CARD.finditer(text) if _is_hidden_card(run[0])]
    for run in _CARD_RUN.finditer(text):
        found += _cards_in(text, run)
    found += [run.span() for run in _PARTED_CARD.finditer(text) if _is_parted_card(text, run)]
    return apart(found)


@cache
def _country(code: str) -> tuple[int, re.Pattern[str]] | None:
    """The length and the form of a country's IBANs; `None` where the country has none."""
    structure = numdb.get("iban").info(code)[0][1].get("bban")
    if not structure:
        return None
    classes = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
    blocks = _BLOCK.findall(structure)
    form = "".join(f"{classes[kind]}{{{count}}}" for count, kind in blocks)
    return 4 + sum(int(count) for count, _ in blocks), re.compile(r"[A-Z]{2}\d\d" + form)


def _end_of_iban(text: str, found: re.Match[str]) -> int | None:
    country = _country(found[0][:2].upper())
    if country is None:
        return None
    length, form = country
    start, end = found.span()
    compact = re.sub(r"[\s.-]", "", found[0]).upper()
    ends = [(compact, end)]
    while len(compact) < _LONGEST_IBAN and (following := _NEXT_OF_IBAN.match(text, end)):
        compact, end = compact + following[1].upper(), following.end()
        ends.append((compact, end))
    for compact, end in ends:
        if len(compact) == length:
            alone = not text[end : end + 1].isalnum()
            if alone and iban.is_valid(compact, check_country=False):
                return end
            tidy = found[0][:2].isupper() or found[0][2].isdigit()
            if alone and tidy and form.fullmatch(compact) and cue_before(text, start) != "code":
                return end
    if _NAMED_IBAN.search(text[max(0, start - 20) : start]):
        # Digits too many or too few, but its writer calls it one: up to where a word begins.
        digits = [end for compact, end in ends if compact[-1].isdigit() and not text[end : end + 1].isalnum()]
        near = [end for end in digits if end - start <= length * 5 // 4 + 3]
        return max(near, default=None) if len(ends) > 10 else None
    return None


def _is_hidden_card(text: str) -> bool:
    signs = [sign for sign in text if sign not in " -"]
    hidden = [sign for sign in signs if not sign.isdigit()]
    return 13 <= len(signs) <= 19 and 4 <= len(hidden) <= 15 and len(set(hidden)) == 1


def _cards_in(text: str, run: re.Match[str]) -> Iterator[Place]:
    groups = list(_GROUPS.finditer(run[0]))
    first = 0
    while first < len(groups):
        digits = ""
        for last in range(first, min(first + 6, len(groups))):
            digits += groups[last][0]
            start, end = run.start() + groups[first].start(), run.start() + groups[last].end()
            if 13 <= len(digits) <= 19 and _is_card(
                digits, [len(group[0]) for group in groups[first : last + 1]], text, start
            ):
                yield start, end
                first = last
                break
        first += 1


def _is_card(digits: str, form: list[int], text: str, start: int) -> bool:
    if len(form) > 1 and min(form[:-1]) < 3:
        return False
    usual = form == [4, 4, 4, 4] or (form == [4, 6, 5] and digits[0] == "3")
    right = usual or _is_right(digits)
    if not right and (len(form) > 5 or text[max(0, start - 2) : start].strip()[-1:].isdigit()):
        return False
    return _is_meant(right, text, start)


def _is_parted_card(text: str, run: re.Match[str]) -> bool:
    return _is_meant(_is_right("".join(_GROUPS.findall(run[0]))), text, run.start())


def _is_right(digits: str) -> bool:
    return digits.startswith(_BRAND_STARTS.get(len(digits), ())) and luhn.is_valid(digits)


def _is_meant(right: bool, text: str, start: int) -> bool:
    """Whether the words before let a number be a card that is right by itself, or not."""
    cue = cue_before(text, start)
    if cue == "code":
        return right and _is_labelled_card(text, start)
    return right or cue == "card"


def _is_labelled_card(text: str, start: int) -> bool:
    """`Card code 4111...` is still a card."""
    return bool(re.search(r"\b(?<!gift )card\b.{0,12}$", text[max(0, start - 24) : start], re.IGNORECASE))
