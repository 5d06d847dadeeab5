"""The starter corpus: posts written by hand to the default taxonomy, in `data/starter/`."""

from pathlib import Path

import yaml

from data.examples import read_examples
from data.posts import Example
from data.splitting import Parts, split_by_group
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy

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
