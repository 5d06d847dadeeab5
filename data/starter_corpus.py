"""The starter corpus: posts written by hand to the default taxonomy, in `data/starter/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from data.errors import DataError
from data.examples import read_examples
from data.normalise import fingerprint
from data.posts import Example
from data.splitting.parts import Parts, split_by_group
from data.tables.reading import read_rows
from data.tables.rows import BadRow
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy

Labels = Mapping[str, str | None]

STARTER = Path(__file__).parent / "starter"


def starter_files() -> list[Path]:
    """One JSONL file a writer, sorted by name."""
    return sorted((STARTER / "posts").glob("*.jsonl"))


def read_starter() -> list[Example]:
    """All posts, in the order of the files.

    Raises:
        DataError: any row is bad; the corpus is ours, so nothing is passed over.
    """
    return read_examples(starter_files(), Taxonomy.read(DEFAULT_TAXONOMY), max_bad_share=0).examples


def split_starter(examples: list[Example]) -> Parts:
    """Split as `data/starter/splits.yaml` says: test by writer, the rest by scenario."""
    rules = yaml.safe_load((STARTER / "splits.yaml").read_text(encoding="utf-8"))
    held_out = set(rules["test_writers"])
    test = [example for example in examples if example.metadata["writer"] in held_out]
    rest = [example for example in examples if example.metadata["writer"] not in held_out]
    return Parts(**split_by_group(rest, rules["shares"], rules["seed"]), test=test)


def stream_shares() -> dict[str, dict[str | None, float]]:
    """Share of each label in an unfiltered stream of real posts, by head; `None` is nobody's."""
    rules = yaml.safe_load((STARTER / "splits.yaml").read_text(encoding="utf-8"))
    shares: dict[str, dict[str | None, float]] = rules["stream_shares"]
    return shares


def known_giveaways() -> dict[str, str]:
    """N-grams that may stand for one intent, each with its reason."""
    found: dict[str, str] = yaml.safe_load((STARTER / "giveaways.yaml").read_text(encoding="utf-8"))
    return found


def read_readings(examples: Sequence[Example]) -> list[tuple[Labels, Labels]]:
    """The labels that the writer and the blind second reader gave to each post, before they were settled.

    `readings.jsonl` has a row for each post that was read twice, by its fingerprint: with the labels of both where they
    differed (posts that were dropped since among them), without where both gave the labels that the post has. A post
    without a row was not read.

    Raises:
        DataError: a row cannot be read.
    """
    labels = {fingerprint(example.post.text): example.labels for example in examples}
    readings: list[tuple[Labels, Labels]] = []
    for row in read_rows(STARTER / "readings.jsonl"):
        if isinstance(row, BadRow):
            raise DataError(str(row))
        agreed = labels.get(row.values["post"])
        if "reader" in row.values:
            readings.append((row.values["writer"], row.values["reader"]))
        elif agreed is not None:
            readings.append((agreed, agreed))
    return readings
