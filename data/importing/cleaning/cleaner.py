"""What a person wrote, out of what a helpdesk stored: no HTML, no quoted replies, no signature."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.importing.cleaning.mail_words import LANGUAGES, words_of
from data.importing.cleaning.markup import is_html, to_text, unescaped
from data.importing.cleaning.quotes import forwarded, without_quotes
from data.importing.cleaning.signatures import without_signature

_BLANK_LINES = re.compile(r"\n{3,}")
_PREFIX = re.compile(
    r"\s*(?:(?:re|aw|antw|antwort|fwd?|wg|sv|vs|vb|vl|rv|tr|rif|res|enc|odp|pd|ynt|ilt|doorst|回复|答复|转发)"
    r"(?: ?[\[(]\d{1,3}[\])])? ?[:：]"
    r"|\[(?:(?:ticket|case|request|issue|ref|sr|id|vorgang|anfrage|fall)?(?: ?(?:id|no|nr)\b)?[ :.-]{0,3}"
    r"#?[a-z]{0,8}[#-]?\d[\w-]{0,30}|external|extern|ext|spam\??)\] ?:?)\s*",
    re.IGNORECASE,
)
_PREFIXES = 12
_FORWARDS = 5
_LONGEST_SIGNATURE = 5000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text, and what was taken from it: some of "html", "quote" and "signature"."""

    text: str
    removed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Which parts are taken out, and whose words for them are known.

    Attributes:
        languages: of the words around quotes and signatures (`data.importing.cleaning.mail_words.LANGUAGES`).

    Raises:
        ConfigurationError: an unknown language, or none.
    """

    html: bool = True
    quotes: bool = True
    signatures: bool = True
    languages: tuple[str, ...] = tuple(LANGUAGES)

    def __post_init__(self) -> None:
        words_of(self.languages)

    def clean(self, text: str) -> Cleaned:
        """The text that its writer wrote, with blank lines folded and blanks at the ends of lines taken off.

        A step that would leave nothing is not done, so that no post is lost: a text that is only a signature stays, and
        a forward without words of its own becomes the message that it forwards. Only HTML without any words is empty.

        Total: any text has an answer, in time that grows with its length.
        """
        removed: set[str] = set()
        text = _folded(text)
        if self.html and ("<" in text or "&" in text):
            text = self._plain(text, removed)
        if self.quotes:
            text = self._own(text, removed)
        if self.signatures:
            signed, text = text, without_signature(text, self.languages).strip()
            if not text:
                text = signed
            elif text != signed:
                removed.add("signature")
        return Cleaned(_folded(text), frozenset(removed))

    def _plain(self, text: str, removed: set[str]) -> str:
        markup = text if is_html(text) else unescaped(text)
        if markup is None:
            return text
        removed.add("html")
        without = {"quote"} if self.quotes else set()
        without |= {"signature"} if self.signatures else set()
        # What the writer added can be nothing: then the forwarded message is the post.
        for kinds in (without, without - {"quote"}, set[str]()):
            plain, found = to_text(markup, frozenset(kinds))
            if not found or self._has_words(plain):
                break
        removed |= found
        return _folded(plain)

    def _own(self, text: str, removed: set[str]) -> str:
        for _ in range(_FORWARDS):
            own = without_quotes(text, self.languages)
            if own == text:
                break
            if self._has_words(own):
                removed.add("quote")
                return own.strip()
            message = forwarded(text, self.languages)
            if not message:
                break
            removed.add("quote")
            text = message
        return text

    def _has_words(self, text: str) -> bool:
        text = text.strip()
        if len(text) > _LONGEST_SIGNATURE or not text:
            return bool(text)
        return without_signature("…\n\n" + text, self.languages).strip() != "…"


def join(parts: Sequence[str]) -> str:
    """Subjects and the body as one text, each on its own line.

    All but the last are subjects: "Re:", "AW:", "[Ticket #123]" and the like are taken off, and one is left out that
    the body begins with.
    """
    *subjects, body = [part.strip() for part in parts] or [""]
    kept: list[str] = []
    for subject in map(_bare, subjects):
        if subject and subject not in kept and not _begins(body, subject):
            kept.append(subject)
    return "\n".join([*kept, body] if body else kept)


def _bare(subject: str) -> str:
    at = 0
    for _ in range(_PREFIXES):
        prefix = _PREFIX.match(subject, at)
        if prefix is None:
            break
        at = prefix.end()
    return subject[at:].strip()


def _begins(body: str, subject: str) -> bool:
    start = " ".join(body[: 2 * len(subject) + 100].split()).casefold()
    return start.startswith(" ".join(subject.split()).casefold().rstrip(".… "))


def _folded(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in text:
        text = _BLANK_LINES.sub("\n\n", "\n".join(map(str.rstrip, text.split("\n"))))
    return text.strip()
