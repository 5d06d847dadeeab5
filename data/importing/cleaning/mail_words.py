"""The words by which mail programs and people mark quotes and signatures, by language."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from data.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Words:
    """Parts of patterns, without regard to case; alternatives stand between bars.

    Attributes:
        opening: how the line begins that names the author of a quote ("On Monday, Jane wrote:").
        wrote: the verb of that line.
        sender, date, receiver, subject: names of the headers above a quote.
        original: what stands between dashes above a quote or a forwarded message.
        forwarded: a line above a forwarded message, without dashes.
        closing: a formula that only ends a letter.
        thanks: words that end a letter, and are said elsewhere too.
        device: the line that a program adds about itself.
        disclaimer: how a legal notice begins.
    """

    opening: str
    wrote: str
    sender: str
    date: str
    receiver: str
    subject: str
    original: str
    forwarded: str
    closing: str
    thanks: str
    device: str
    disclaimer: str


Pattern = re.Pattern[str]


def _read() -> dict[str, Words]:
    content = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    program = rf"(?:[\w&+'’-]+,? ){{0,3}}?{either(content['program'])}[^.!?\n]{{0,50}}"
    return {
        language: Words(**{name: either(parts).replace("{program}", program) for name, parts in words.items()})
        for language, words in content["languages"].items()
    }


@lru_cache(maxsize=8)
def words_of(languages: tuple[str, ...]) -> Words:
    """The words of several languages as one set of alternatives.

    Raises:
        ConfigurationError: no language, or one that is not in `LANGUAGES`.
    """
    unknown = sorted(set(languages) - set(LANGUAGES))
    if unknown or not languages:
        raise ConfigurationError(f"languages of mails: {unknown or 'none'} given; expected some of {sorted(LANGUAGES)}")
    chosen = [LANGUAGES[language] for language in languages]
    return Words(**{name: either(getattr(words, name) for words in chosen) for name in Words.__slots__})


def either(parts: Iterable[str]) -> str:
    """A pattern that matches what one of several patterns does."""
    return f"(?:{'|'.join(parts)})"


def pattern(text: str) -> Pattern:
    return re.compile(text, re.IGNORECASE)


LANGUAGES = _read()
