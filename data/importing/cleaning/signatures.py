"""Closings with a name, lines that programs add, and legal notices, cut from the end of a plain text.

Words that close a letter are said in the midst of one too ("Thanks for nothing"): they count only on a line of their
own, near the end, with nothing below that reads like a sentence.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from data.importing.cleaning.mail_words import Pattern, either, pattern, words_of

_LONGEST = 120
"""Characters of a line beyond which it belongs to no signature."""
_TALLEST = 10
"""Lines with words below a closing."""
_NOTICE_REACH = 8000
_ROUNDS = 4
_INITIALS = 4
"""Letters of a closing that can be an abbreviation of something else."""

_DASHES = re.compile(r"(?:--|—|__)[ \t\xa0]*$")
_RULE = re.compile(r"[ \t]*[-_=*—–~]{3,}[ \t]*$")
_WORD = re.compile(r"[^\W\d_][\w.'’-]*[,.]?$")
_PARTICLES = frozenset(
    {"de", "da", "do", "dos", "van", "von", "der", "den", "del", "della", "di", "la", "le", "el", "al", "bin", "ibn"}
    | {"of", "the", "and", "und", "et", "y", "e", "en", "für", "zu", "&", "+", "/", "-"}
)
_ADDRESS = r"(?:[ \t]*[<(\[]?[ \t]?https?:\S+)?"
_CONTACT = re.compile(r"@|www\.|https?:|\||\+?\d[\d ()/.-]{5,}\d|•|·|, .*, .*, ")
# The same in a text of one line, where it must not be a part of a sentence.
_DEVICE_AT_END = re.compile(
    r"(?<=[.!?]) (?:Sent from my (?:iPhone|iPad|phone|mobile|(?:Samsung|Galaxy|Android|BlackBerry|Huawei)[\w ]{0,30})"
    r"|Von meinem iP(?:hone|ad) gesendet|Envoyé de mon iP(?:hone|ad)|Get Outlook for (?:iOS|Android))\.?$"
)
_BANNER = re.compile(
    r"\W{0,6}(?:(?:caution|warning|achtung|attention|external|extern)\b[^\n]{0,80}\b(?:originated (?:from|outside)"
    r"|outside (?:of )?(?:the|your|our|this) (?:organi[sz]ation|company|network)|unless you (?:recogni[sz]e|trust|know)"
    r"|(?:do not|don't) (?:click|open) (?:on )?(?:any )?(?:links?|attachments?)|au(?:ß|ss)erhalb (?:der|unserer|ihrer)"
    r"|externe[rn]? (?:absender|e-?mail|nachricht|exp[ée]diteur)|provient (?:de l['’]ext|d['’]un exp))"
    r"|you (?:don't|do not) often get e-?mail from)",
    re.IGNORECASE,
)
_BANNER_GOES_ON = re.compile(r"^.{0,80}\b(?:links?|attachments?|the sender|content is safe|absender)\b", re.IGNORECASE)
_ASIDE = re.compile(r"\W{0,3}P\. ?P?\.? ?S\b|\W{0,3}PP?S\b", re.IGNORECASE)
# Not who wrote it but what it is about.
_REFERENCE = re.compile(
    r"\b(?:order|ref(?:erence)?|acc(?:oun)?t|ticket|invoice|customer|client|policy|booking|case|claim|member(?:ship)?"
    r"|tenant|badge|staff|employee|student|personnel|id|(?:kunden|auftrags|bestell|rechnungs|vertrags|ticket)-?(?:nr|nummer)"
    r"|commande|dossier|pedido|cliente|ordine|bestelling|klantnummer)(?: (?:no|nr|number|id|code|ref)\b)?[\s.:#°-]{0,5}"
    r"[a-z]{0,6}[-/]?\d",
    re.IGNORECASE,
)


def without_signature(text: str, languages: tuple[str, ...]) -> str:
    """The text without what stands below it; possibly nothing, where it is but a signature."""
    marks = _marks(languages)
    lines = text.split("\n")
    if len(lines) == 1:
        device = _DEVICE_AT_END.search(text, max(0, len(text) - _LONGEST))
        return text[: device.start()] if device else text
    lines = _without_notice(_without_banner(lines), marks)
    for _ in range(_ROUNDS):
        before = len(lines)
        lines = _without_device(_without_blanks(lines), marks)
        lines = _without_dashes(_without_blanks(lines))
        if len(lines) == before:
            break
    lines = _without_closing(lines, marks)
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Marks:
    closing: Pattern
    thanks: Pattern
    device: Pattern
    notice: Pattern


@lru_cache(maxsize=8)
def _marks(languages: tuple[str, ...]) -> _Marks:
    words = words_of(languages)
    return _Marks(
        closing=pattern(rf"\W{{0,2}}({words.closing}|{words.thanks}(?:,| and| &| und| et| y| e) ?{words.closing})"),
        thanks=pattern(rf"\W{{0,2}}{words.thanks}"),
        device=pattern(rf"[ \t]*[-*_<\[]{{0,3}} ?{words.device}{_ADDRESS}[\])>*_.!]{{0,3}}[ \t]*$"),
        notice=pattern(rf"[\s*_>\[-]{{0,6}}{either([words.disclaimer])}"),
    )


def _without_blanks(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def _without_banner(lines: list[str]) -> list[str]:
    """A warning about the sender, set by a company's mail server above the text."""
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    if first is None or not _BANNER.match(lines[first]):
        return lines
    after = first + 1
    while after < len(lines) and _BANNER_GOES_ON.search(lines[after]):
        after += 1
    return lines[after:]


def _without_notice(lines: list[str], marks: _Marks) -> list[str]:
    """Cut at the first legal notice that begins a paragraph below the first."""
    size = 0
    cut = len(lines)
    for at in range(len(lines) - 1, 0, -1):
        size += len(lines[at]) + 1
        if size > _NOTICE_REACH:
            break
        starts_paragraph = not lines[at - 1].strip() or _RULE.match(lines[at - 1])
        if starts_paragraph and len(lines[at]) > 20 and marks.notice.match(" ".join(lines[at : at + 4])):
            cut = at
    if cut == len(lines):
        return lines
    while cut and (not lines[cut - 1].strip() or _RULE.match(lines[cut - 1])):
        cut -= 1
    return lines[:cut]


def _without_device(lines: list[str], marks: _Marks) -> list[str]:
    return lines[:-1] if lines and len(lines[-1]) <= _LONGEST + 80 and marks.device.match(lines[-1]) else lines


def _without_dashes(lines: list[str]) -> list[str]:
    """Cut at "-- ", and at a rule with a few short lines below."""
    words = 0
    for at in range(len(lines) - 1, max(-1, len(lines) - 40), -1):
        line = lines[at]
        if _DASHES.match(line) and (words <= 2 * _TALLEST):
            return lines[:at] if all(len(later) <= 400 for later in lines[at:]) else lines
        if words <= 6 and _RULE.match(line):
            return lines[:at] if all(map(_of_signature, filter(str.strip, lines[at + 1 :]))) else lines
        words += bool(line.strip())
    return lines


def _without_closing(lines: list[str], marks: _Marks) -> list[str]:
    """Cut a closing and the name below it; a postscript and lines that name an order stay."""
    lines = _without_blanks(lines)
    words = 0
    for at in range(len(lines) - 1, 0, -1):
        line = lines[at].strip()
        if not line:
            continue
        if words > _TALLEST:
            break
        words += 1
        if len(line) > _LONGEST or not (found := _closes(line, marks)):
            continue
        if not any(earlier.strip() for earlier in lines[:at]):
            break
        below = [later for later in lines[at + 1 :] if later.strip()]
        aside = next((index for index, later in enumerate(below) if _ASIDE.match(later)), len(below))
        signed, aside_lines = below[:aside], below[aside:]
        if not _is_name_block(signed, found):
            continue
        kept = [later for later in signed if _REFERENCE.search(later)] + aside_lines
        head = _without_blanks(lines[:at])
        return [*head, "", *kept] if kept else head
    return lines


def _closes(line: str, marks: _Marks) -> str:
    """How a line closes a letter: `closing` or `thanks` alone on it, `signed` with a name behind; else nothing."""
    for kind, words in (("closing", marks.closing), ("thanks", marks.thanks)):
        match = words.match(line)
        if match is None:
            continue
        rest = line[match.end() :]
        if kind == "closing" and (second := marks.closing.match(rest.lstrip(" /|"))) and rest.lstrip()[:1] in "/|":
            rest = rest.lstrip(" /|")[second.end() :]
        if not rest.strip(" ,.!;:*_-–—~\t"):
            return kind
        # "LG" and "KR" close letters, and begin the names of a television and of a place.
        parted = rest[:1] in ",.!-–—" or (kind == "closing" and rest[:1] == " " and match.end() > _INITIALS)
        if parted and "?" not in rest and _is_name(rest.strip(" ,.!-–—*_"), 4):
            return "signed"
    return ""


def _is_name_block(lines: list[str], found: str) -> bool:
    if not lines:
        return found != "thanks"
    first, rest = lines[0].strip(" \t*_,.~-–—"), lines[1:]
    if found == "thanks":
        named = _is_name(re.split(r"[,|(–—]| - ", first, maxsplit=1)[0].strip(), 4) and "!" not in first
    elif found == "closing":
        named = _is_name(first, 6) or _is_short_name(first) or (_of_signature(first) and len(first.split()) <= 8)
    else:
        named = _of_signature(lines[0])
    return named and all(map(_of_signature, rest))


def _is_short_name(text: str) -> bool:
    """A name that its owner did not write with capitals."""
    return len(text.split()) <= 3 and not any(sign in text for sign in "?!") and len(text) <= 40


def _is_name(text: str, words: int) -> bool:
    parts = text.split()
    if not 1 <= len(parts) <= words or len(text) > 60:
        return False
    capitals = [part for part in parts if part.lower() not in _PARTICLES]
    return bool(capitals) and all(_WORD.match(part) and not part[0].islower() for part in capitals)


def _of_signature(line: str) -> bool:
    """Whether a line can stand below a name: short, no question, no sentence."""
    line = line.strip()
    if len(line) > 2 * _LONGEST or line.endswith(("?", "!", ":")) or line.startswith((">", "&gt;")):
        return False
    if _CONTACT.search(line) or _REFERENCE.search(line):
        return True
    return len(line) <= _LONGEST and len(line.split()) <= 8 and not (line.endswith(".") and len(line.split()) > 5)
