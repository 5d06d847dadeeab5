"""The one text normalisation, used by training and serving alike.

What the network sees is then the same on both sides, and no personal number, address or link is ever learned.
"""

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import emoji

LINK, EMAIL, NUMBER = "[link]", "[email]", "[number]"

# No character has a number this long, and Python refuses to read it.
_ENDLESS_ENTITY = re.compile(r"&#x?[0-9a-f]{9,};?", re.IGNORECASE)
_JOINER = "\u200d"
# No text in any language has more marks on one letter (UAX #15, stream-safe text).
_HIGHEST_PILE = 30
# Where emoji can be: the library looks at every character in Python, which is slow for long texts that have none, and
# takes time in the square of the length of a chain of joined ones.
_EMOJI = "".join({character for sequence in emoji.EMOJI_DATA for character in sequence if not character.isascii()})
# The lookahead is for speed: a class of so many characters is a long list to compare each letter with.
_EMOJI_RUN = re.compile(f"[0-9#*]?(?=[^\\x00-\\x7f])[{re.escape(_EMOJI)}]{{1,64}}")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_IN_EMAIL = re.compile(r"[\w.+-]@[\w-]")
_DIGIT = re.compile(r"\d")
# Six digits in a row, or seven with separators among them: orders, phones, cards, accounts. Prices, years and dates
# with slashes or dots stay.
_NUMBER = re.compile(r"\+?\(?\d(?:[ ()-]{0,2}\d){6,}|\d{6,}")


def normalise(text: str) -> str:
    """Bring a post into the form in which the network reads it.

    In order: HTML entities resolved (twice, because exports often escape twice); control, zero-width and private
    characters and lone surrogates removed; emoji turned into words (the encoder knows none); Unicode NFC; white space
    folded; links, e-mail addresses and long numbers masked. Handles, hashtags and case are kept.

    Total: every `str` has an answer, possibly the empty string.
    """
    if "&" in text:
        for _ in range(2):
            text = html.unescape(_ENDLESS_ENTITY.sub("", text))
    if not text.isprintable():
        text = "".join(map(_visible, text))
    if not text.isascii():
        text = _spell_emoji(text)
        if _JOINER in text:
            # It makes one emoji of several; those that it stood between without making one are spelt now.
            text = _spell_emoji(text.replace(_JOINER, ""))
        if len(text.encode()) - len(text) > _HIGHEST_PILE:  # each mark takes more bytes than one
            text = "".join(_without_piles(text))
        text = unicodedata.normalize("NFC", text)
    text = _folded(text)
    # Each is looked for only where it can be: the patterns try every character.
    if "://" in text or "www." in text.lower():
        text = _folded(_LINK.sub(f" {LINK} ", text))
    if "@" in text and _IN_EMAIL.search(text):
        text = _folded(_EMAIL.sub(f" {EMAIL} ", text))
    if _DIGIT.search(text):
        text = _folded(_NUMBER.sub(f" {NUMBER} ", text))
    return text


def same_text(text: str) -> str:
    """What two posts share that are one and the same: the normalised text, whatever its case."""
    return normalise(text).lower()


def fingerprint(text: str) -> str:
    """A hash of `same_text`, which recognises a post again without keeping its text."""
    return hashlib.sha256(same_text(text).encode()).hexdigest()[:32]


def _folded(text: str) -> str:
    return " ".join(text.split())


def _visible(character: str) -> str:
    if character.isprintable() or character == _JOINER:
        return character
    return " " if character.isspace() else ""


def _spell_emoji(text: str) -> str:
    return _EMOJI_RUN.sub(lambda run: emoji.replace_emoji(run[0], _emoji_words), text)


def _emoji_words(_: str, entry: dict[str, Any]) -> str:
    name: str = entry["en"]
    return " " + name.strip(":").replace("_", " ").replace("-", " ") + " "


def _without_piles(text: str) -> Iterator[str]:
    """Leave marks out that are piled on one letter: composing n of them takes time in n squared."""
    height = 0
    for character in text:
        height = height + 1 if unicodedata.combining(character) else 0
        if height <= _HIGHEST_PILE:
            yield character
