"""Where a text holds links, e-mail addresses and handles.

Each finder takes a text and gives the places of what it found, in order and not overlapping, as (start, end). All
repetition is bounded or cannot be split in two ways, so that time grows with the length of a text and no faster.
"""

import re
from collections.abc import Iterator

Place = tuple[int, int]

# The first two are those of data/normalise.py, letter for letter: what it masks when a model reads a text is masked
# here too. A test holds the two together.
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
_IN_EMAIL = re.compile(r"[\w.+-]@[\w-]")
_ANY_EMAIL = re.compile(rf"(?:(?<![\w.+-])[\w.+-]{{1,32}}['’])?{_EMAIL}")

_OTHER_LINK = re.compile(r"\b(?:s?ftps?|hxxps?)://\S+", re.IGNORECASE)

# Endings that a sentence without a space after its full stop ("end.Then") does not have.
_SAFE_ENDINGS = (
    "com|org|net|edu|gov|mil|int|io|eu|info|biz|co|dev|app|shop|store|online|site|website|xyz|club|cloud|tech|blog|"
    "email|support|bank|help|example|test|gle|uk|de|fr|ch|nl|pl|cz|se|dk|fi|ie|pt|hu|ro|gr|ru|ua|tr|jp|cn|kr|tw|hk|sg|"
    "au|nz|ca|br|mx|ar|cl|za|ng|ke|ae|tv|cc|ai|lu|sk|si|hr|bg|lt|lv|ee"
)
# Endings that are words as well: they count below another name ("shop.example.it") or before a path ("youtu.be/x").
_WORD_ENDINGS = "in|is|it|me|my|no|so|to|at|be|us|es|am|fm|as|do|by|id|la|li|ly|gl|gg|gd|pe|st|link|page|live|news|top"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = re.compile(
    rf"(?<![\w@.+/-])(?P<names>{_LABEL}(?:\.{_LABEL}){{0,4}})\.(?P<ending>{_SAFE_ENDINGS}|{_WORD_ENDINGS})"
    r"(?![\w@-]|\.\w)(?::\d{2,5})?(?P<path>[/?#]\S*)?",
    re.IGNORECASE,
)
_SAFE = frozenset(_SAFE_ENDINGS.split("|"))
_IN_DOMAIN = re.compile(r"\w\.[^\W\d_]{2}")
_NO_DOMAINS = frozenset({"asp.net", "vb.net", "ado.net", "e.g.", "i.e."})
_NO_PART_OF_LINK = ".,;:!?)]}>'\"»”’*_"

_AT = r"\s{0,2}[(\[{<]\s?(?:at|@|ät|a|arroba|chiocciola)\s?[)\]}>]\s{0,2}"
_DOT = r"(?:\.|\s{0,2}[(\[{<]\s?(?:dot|punkt|point|punto|\.)\s?[)\]}>]\s{0,2}|\s{1,2}(?:dot|punkt)\s{1,2})"
_LOCAL = rf"(?<![\w.+-])[\w.+-]{{1,64}}(?:(?!\.){_DOT}[\w+-]{{1,64}}){{0,3}}"
_HIDDEN = re.compile(rf"{_LOCAL}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{2,63}}){{1,3}}", re.IGNORECASE)
_SPELT = re.compile(
    rf"(?P<local>{_LOCAL})\s{{1,2}}at\s{{1,2}}[\w-]{{2,63}}(?:\s{{1,2}}dot\s{{1,2}}(?:[\w-]{{2,20}})){{0,2}}"
    rf"\s{{1,2}}dot\s{{1,2}}(?:{_SAFE_ENDINGS})\b",
    re.IGNORECASE,
)
_HINT_OF_HIDDEN = re.compile(r"[(\[{<]\s?(?:at|@|ät|a|arroba|chiocciola)\s?[)\]}>]", re.IGNORECASE)
# "Look at example dot com" is advice, no address.
_NO_LOCALS = re.compile(
    r"look|shop(?:ping)?|order(?:ed)?|bought|buy|us|me|site|store|available|website|visit|found|find|online|it|them|th[ie]s|"
    r"that|t?here|is|are|was|were|not|reach|e?mail|write|and|or|sale"
)
_MISTYPED = re.compile(
    r"(?<![\w.+-])(?:[\w.+-]{1,64}@\s[\w-]{2,63}(?:\.[\w-]{2,63}){0,2}\.(?:com|org|net|de|fr|es|it|uk|eu|in|br|au)\b"
    r"|[\w+-]{1,32}[._\d+-][\w.+-]{0,32}\s@\s?[\w-]{2,63}(?:\.[\w-]{2,63}){0,2}\.(?:com|org|net|de|fr|es|it|uk|eu|in|br|au)\b"
    r"|[\w.+-]{1,64}@[\w-]{2,63}(?:\.[\w-]{2,63}){0,2},(?:com|org|net|de|fr|es|it|co\.uk)\b)",
    re.IGNORECASE,
)

# As programs write them: with the sign as a Chinese or Japanese keyboard has it, escaped for a link, a name in quotes.
_HINT_OF_WRITTEN_OTHERWISE = re.compile(r"[\uff20\ufe6b]|%40|[\"”]@")
_WRITTEN_OTHERWISE = re.compile(
    r"(?:(?<![\w.+-])[\w.+-]{1,64}[\uff20\ufe6b]|(?<![\w.+%-])[\w.+%-]{1,64}?%40|[\"“][\w .+'’-]{1,64}[\"”]@)"
    r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.[^\W\d_]{2,63}(?![\w-])",
    re.IGNORECASE,
)

_HANDLE = re.compile(r"(?<![\w@/.+-])(?:@\w{1,50}(?:\.[a-z\d_]{1,30})*(?![\w@/]|\.\w)|/?u/[\w-]{2,30}(?![\w/-]))")


def links(text: str) -> Iterator[Place]:
    """Links that name their protocol or begin with www, up to the next white space."""
    if "://" in text or "www." in text.lower():
        for found in _LINK.finditer(text):
            yield found.span()


def emails(text: str) -> Iterator[Place]:
    """E-mail addresses as machines write them."""
    if "@" in text and _IN_EMAIL.search(text):
        for found in _ANY_EMAIL.finditer(text):
            yield found.span()


def hidden_emails(text: str) -> Iterator[Place]:
    """E-mail addresses as people and programs write them: `jane (at) example dot com`, `jane%40example.com`."""
    found = []
    if _HINT_OF_WRITTEN_OTHERWISE.search(text):
        found += [match.span() for match in _WRITTEN_OTHERWISE.finditer(text)]
    if "@" in text:
        found += [match.span() for match in _MISTYPED.finditer(text)]
    if any(map(text.__contains__, "([{<")) and _HINT_OF_HIDDEN.search(text):
        found += [match.span() for match in _HIDDEN.finditer(text)]
    if " dot " in text.lower():
        found += [match.span() for match in _SPELT.finditer(text) if not _NO_LOCALS.fullmatch(match["local"].lower())]
    return apart(found)


def domains(text: str) -> Iterator[Place]:
    """Links without a protocol: `shop.example.com/track?id=7`, `bit.ly/abc`; not `report.pdf`, `e.g.`, `end.Then`."""
    if "://" in text:
        for found in _OTHER_LINK.finditer(text):
            yield found.span()
        text = _OTHER_LINK.sub(lambda match: "\0" * len(match[0]), text)
    if not _IN_DOMAIN.search(text):
        return
    for found in _DOMAIN.finditer(text):
        if _is_domain(found):
            yield found.start(), found.start() + len(found[0].rstrip(_NO_PART_OF_LINK))


def handles(text: str) -> Iterator[Place]:
    """Names of people and companies on social networks: `@name`, `u/name`."""
    if "@" in text or "u/" in text:
        for found in _HANDLE.finditer(text):
            yield found.span()


def apart(places: list[Place]) -> Iterator[Place]:
    """The places in order, without those that overlap an earlier one, or a longer one that begins where they do."""
    end = 0
    for place in sorted(places, key=lambda place: (place[0], -place[1])):
        if place[0] >= end:
            yield place
            end = place[1]


def _is_domain(found: re.Match[str]) -> bool:
    names, ending, path = found["names"], found["ending"], found["path"]
    if found[0].lower() in _NO_DOMAINS or not re.search(r"[^\W\d_]", names):
        return False
    if path and len(path) > 1:
        return True
    if ending.istitle() and ending.lower() not in {"com", "org", "net"}:
        return False  # a sentence begins
    if ending.lower() in _SAFE:
        return len(names) > 1
    return "." in names and ending.islower() and min(map(len, names.split("."))) > 1
