"""What is noted of the posts of a training, beyond their number, for the card to tell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data.files import file_sha256
from data.posts import PARTS, Example
from data.splitting.parts import Parts
from data.starter_corpus import starter_files
from data.taxonomy import Taxonomy


def noted(parts: Parts, taxonomy: Taxonomy, files: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """JSON-ready.

    Args:
        files: that the posts were read from, each with its `sha256`.

    Returns:
        `labels`: by part and head, how many posts carry each of the `labels`, to how many `none` applies, and of how
            many the label is `unknown`.
        `languages`: how many posts there are of each language that a file names.
        `starter_files`: how many of the files are the starter corpus's.
    """
    by_part: dict[str, list[Example]] = {part: getattr(parts, part) for part in PARTS}
    languages = Counter(example.post.language for examples in by_part.values() for example in examples)
    return {
        "labels": {
            part: {head.name: _counted(examples, head.name, head.labels) for head in taxonomy}
            for part, examples in by_part.items()
        },
        "languages": {language: count for language, count in languages.most_common() if language},
        "starter_files": count_starter_files(files),
    }


def count_starter_files(files: Sequence[Mapping[str, str]]) -> int:
    """How many of the files are of the starter corpus, as it stands here."""
    known = {file_sha256(path) for path in starter_files()}
    return sum(file.get("sha256") in known for file in files)


def _counted(examples: Sequence[Example], head: str, labels: Sequence[str]) -> dict[str, Any]:
    given = Counter(example.labels[head] for example in examples if head in example.labels)
    return {
        "labels": {label: given[label] for label in labels},
        "none": given[None],
        "unknown": len(examples) - given.total(),
    }
