"""Quoted replies and forwarded messages, found in the lines of a plain text.

Libraries for this exist; the ones tried left a third of common mails wrong, cut lists and words of the writer, or took
time in the square of the text's length. Every pattern here looks at one line, and no further than `_LONGEST`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from data.importing.cleaning.mail_words import Pattern, either, pattern, words_of

_LONGEST = 400
"""Characters of a line beyond which it is no header of a quote."""
_HEADER_LINES = 10
_QUOTED = re.compile(r"[ \t]{0,3}(?:>|&gt;)+(?:[ \t>]|$|[^\W\d_])")
_ADDRESS = re.compile(r"[^\s<>@]@[^\s<>@]")
_FULL_ADDRESS = re.compile(r"<[^\s<>@]{1,100}@[^\s<>@]{1,100}>")
_TIME = re.compile(r"\d{1,2} ?[:.h] ?\d{2}(?!\d)|\d ?[ap]\.?m\b", re.IGNORECASE)
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
# "2025-03-04 9:14 GMT+01:00 Jane Doe <jane@example.com>:", in whatever language.
_NO_VERB = re.compile(r"[^<>]{0,200}\d{1,2}[:.]\d{2}[^<>]{0,150}<[^<>\s]{1,100}@[^<>\s]{1,100}> ?[:：]$")
_ABOVE = re.compile(
    r"\W{0,6}##-.{1,200}-##\W{0,6}$|[\W_]{2,60}.{0,40}\b(?:reply|respond|write|type|antwort\w*|schreiben|r[ée]pon\w*|"
    r"responda|rispond\w*)\b.{0,40}\b(?:above|oberhalb|[üu]ber|dessus|encima|sopra)\b.{0,40}[\W_]{2,60}$",
    re.IGNORECASE,
)
_RULE = re.compile(r"[ \t]{0,3}[-_=*—–]{3,}[ \t]*$")
_VERB_REACH = 250


def without_quotes(text: str, languages: tuple[str, ...]) -> str:
    """What the writer added to what is quoted; answers between quotes stay. Nothing is left of a mere forward."""
    marks = _marks(languages)
    if "\n" not in text:
        return _one_line(text, marks)
    lines = text.split("\n")
    many_quoted = sum(map(_is_quoted, lines)) > 1
    if not many_quoted and not any(map(marks.may_begin, lines)):
        return text
    kept, is_cut = _own_lines(lines, marks, many_quoted)
    if len(kept) == len(lines):
        return text
    while kept and (not kept[-1].strip() or (is_cut and _RULE.match(kept[-1]))):
        kept.pop()
    return "\n".join(kept)


def forwarded(text: str, languages: tuple[str, ...]) -> str:
    """The message below the first header of a quote, for a text that has no words of its own; or nothing."""
    marks = _marks(languages)
    lines = text.split("\n")
    for index in range(len(lines)):
        if _begins_quote(lines, index, marks):
            begin = index
            while begin < len(lines) and (not lines[begin].strip() or _begins_quote(lines, begin, marks)):
                height = _header_height(lines, begin, marks)
                begin += max(height, 1)
            return "\n".join(lines[begin:]).strip()
    return ""


def _own_lines(lines: list[str], marks: "_Marks", many_quoted: bool) -> tuple[list[str], bool]:
    """The lines that are not quoted, and whether all from some line on was cut."""
    kept, index = [], 0
    while index < len(lines):
        line = lines[index]
        if many_quoted and _is_quoted(line):
            index += 1
        elif not marks.may_begin(line):
            kept.append(line)
            index += 1
        elif height := _author_lines(lines, index, marks):
            if not _goes_on_quoted(lines, index + height):
                return kept, True
            many_quoted = True
            index += height
        elif _begins_quote(lines, index, marks):
            return kept, True
        else:
            kept.append(line)
            index += 1
    return kept, False


@dataclass(frozen=True, slots=True)
class _Marks:
    opening: Pattern
    wrote: Pattern
    divider: Pattern
    header: Pattern

    def may_begin(self, line: str) -> bool:
        """Whether a quote can begin here: a quick look, since most lines are plain words."""
        if ":" in line or "：" in line:
            return True
        head = line[:4].lstrip()[:1]
        if not head.isalnum():
            return bool(head)
        return len(line) <= _LONGEST and self.opening.match(line) is not None


@lru_cache(maxsize=8)
def _marks(languages: tuple[str, ...]) -> _Marks:
    words = words_of(languages)
    named = {"sender": words.sender, "date": words.date, "receiver": words.receiver, "subject": words.subject}
    roles = [f"(?P<{role}>{names})" for role, names in named.items()]
    return _Marks(
        opening=pattern(rf"[>*_\s]{{0,6}}{words.opening}\b"),
        wrote=pattern(rf"(?<!\w){words.wrote}(?!\w)"),
        divider=pattern(
            rf"[>\s]{{0,6}}(?:[-_—–=*]{{2,40}} ?{words.original} ?[-_—–=*]{{2,40}}|{words.forwarded} ?:)\s*$"
        ),
        header=pattern(rf"[>*_\s]{{0,6}}{either(roles)} ?[*_]{{0,2}} ?[:：]"),
    )


def _one_line(text: str, marks: _Marks) -> str:
    """A mail whose lines an export has joined: cut only where its author is named with an address."""
    if ":" not in text or "@" not in text:
        return text
    verb = marks.wrote.search(text)
    if verb is None or ":" not in text[verb.end() : verb.end() + 80]:
        return text
    start = max(0, verb.start() - _VERB_REACH)
    before = text[start : verb.start()]
    openings = [
        match.start() for match in re.finditer(r"\b[A-Z]", before) if marks.opening.match(before, match.start())
    ]
    for begin in openings:
        author = before[begin:]
        if _TIME.search(author) and (_ADDRESS.search(author) or _ADDRESS.search(text, verb.end(), verb.end() + 80)):
            return text[: start + begin].rstrip()
    return text


def _author_lines(lines: list[str], index: int, marks: _Marks) -> int:
    """Of how many lines "On Monday, Jane wrote:" consists here; 0: it does not stand here."""
    first = lines[index].strip()
    if not first or len(first) > _LONGEST:
        return 0
    named = first[-1] in ":：" and _FULL_ADDRESS.search(first) and marks.wrote.search(first)
    if named or (first[-1] in ":：" and _NO_VERB.match(first)):
        return 1
    if not marks.opening.match(first):
        return 0
    joined = ""
    for height in range(1, 4):
        further = lines[index + height - 1].strip() if index + height <= len(lines) else ""
        # Where a blank line follows, or one that opens by itself, what stands here is the writer's own.
        if not further or len(joined) + len(further) > _LONGEST or (height > 1 and _opens_by_itself(further, marks)):
            return 0
        joined = f"{joined} {further}".strip()
        if joined.endswith((":", "：")):
            return height if marks.wrote.search(joined) and _convincing(lines, index + height, joined) else 0
    return 0


def _opens_by_itself(line: str, marks: _Marks) -> bool:
    """Whether a line begins the naming of an author, and is no further line of one: "La Redoute wrote:"."""
    return marks.opening.match(line) is not None and _TIME.search(line) is not None and _DATE.search(line) is not None


def _convincing(lines: list[str], below: int, line: str) -> bool:
    """People write "On 5 March your colleague wrote:" too; programs add a time or an address, or quote below."""
    if _goes_on_quoted(lines, below) or _ADDRESS.search(line):
        return True
    if _TIME.search(line) and _DATE.search(line):
        return True
    return _DATE.search(line) is not None and not any(later.strip() for later in lines[below : below + 50])


def _goes_on_quoted(lines: list[str], index: int) -> bool:
    following = next((line for line in lines[index : index + 5] if line.strip()), "")
    return following.lstrip().startswith((">", "&gt;"))


def _is_quoted(line: str) -> bool:
    return line[:4].lstrip().startswith((">", "&")) and _QUOTED.match(line) is not None


def _begins_quote(lines: list[str], index: int, marks: _Marks) -> bool:
    line = lines[index]
    if len(line) > _LONGEST or not line.strip():
        return False
    if not line[0].isalnum() or line.endswith(":"):
        if marks.divider.match(line) or _ABOVE.match(line):
            return True
        if not _RULE.match(line):
            return (":" in line or "：" in line) and _header_height(lines, index, marks) > 0
        following = next((at for at in range(index + 1, min(index + 3, len(lines))) if lines[at].strip()), None)
        return following is not None and _header_height(lines, following, marks) > 0
    return (":" in line or "：" in line) and _header_height(lines, index, marks) > 0


def _header_height(lines: list[str], index: int, marks: _Marks) -> int:
    """How many lines of From, Sent, To and Subject stand here; 0 where they are not those of a mail.

    "From: Leeds, To: York, Date: 3 May" is a journey: a mail names a subject, or an address beside its date.
    """
    roles: set[str] = set()
    address, height = False, 0
    for at in range(index, min(index + _HEADER_LINES, len(lines))):
        line = lines[at]
        if len(line) > _LONGEST:
            break
        header = marks.header.match(line)
        if header is None:
            # An address list can go on in the next line.
            if not roles or not line.strip() or not _ADDRESS.search(line) or ":" in line:
                break
        else:
            roles.add(header.lastgroup or "")
            address = address or _ADDRESS.search(line) is not None
        height = at - index + 1
    count = len(roles) > 2 if "subject" in roles and not address else len(roles) > 1
    enough = "sender" in roles and count and ("subject" in roles or (address and "date" in roles))
    return height if enough else 0
