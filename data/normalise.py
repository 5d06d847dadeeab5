"""The one text normalisation, used by training and serving alike.

What the network sees is then the same on both sides, and no personal number, address or link is ever learned.
"""

import hashlib
import html
import re
import unicodedata
from typing import Any

import emoji

LINK, EMAIL, NUMBER = "[link]", "[email]", "[number]"

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
# Six digits in a row, or seven with separators among them: orders, phones, cards, accounts. Prices, years and dates
# with slashes or dots stay.
_NUMBER = re.compile(r"\+?\(?\d(?:[ ()-]{0,2}\d){6,}|\d{6,}")


def normalise(text: str) -> str:
    """Bring a post into the form in which the network reads it.

    In order: HTML entities resolved (twice, because exports often escape twice), Unicode NFC, links and e-mail
    addresses masked, emoji turned into words (the encoder knows none), control, zero-width and private characters and
    lone surrogates removed, long numbers masked, white space folded. Handles, hashtags and case are kept.

    Total: every `str` has an answer, possibly the empty string.
    """
    if "&" in text:
        text = html.unescape(html.unescape(text))
    text = unicodedata.normalize("NFC", text)
    text = _LINK.sub(f" {LINK} ", text)
    text = _EMAIL.sub(f" {EMAIL} ", text)
    if not text.isascii():
        # Before invisible characters go: some of them join several emoji into one.
        text = emoji.replace_emoji(text, _emoji_words)
    if not text.isprintable():
        text = "".join(map(_visible, text))
    text = _NUMBER.sub(f" {NUMBER} ", text)
    return " ".join(text.split())


def fingerprint(text: str) -> str:
    """A hash that recognises a post again by what the network reads of it, without keeping the text."""
    return hashlib.sha256(normalise(text).encode()).hexdigest()[:32]


def _emoji_words(_: str, entry: dict[str, Any]) -> str:
    name: str = entry["en"]
    return " " + name.strip(":").replace("_", " ").replace("-", " ") + " "


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else ""
