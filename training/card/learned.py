"""What taught the model, and how."""

from collections.abc import Mapping
from typing import Any

from data.posts import PARTS
from training.card.facts import Facts
from training.card.markdown import code, folded, section, table

_MOST_FILES = 20


def training(facts: Facts) -> str:
    """Data and procedure."""
    return section("## Training details", _data(facts), _procedure(facts))


def _data(facts: Facts) -> str:
    posts = facts.data.get("posts", {})
    serves = _SERVES if _picks_an_epoch(facts) else {**_SERVES, "dev": "tells how the heads do, and picks nothing"}
    parts = table(["part", "posts", "serves"], ([part, posts[part], serves[part]] for part in PARTS if part in posts))
    sha256 = facts.data.get("learned_sha256")
    rows = f"SHA-256 over the hashes of all rows of train and dev: `{sha256}`." if sha256 else ""
    return section(
        "### Training data", _files(facts), parts, rows, *(_labels(facts, head.name) for head in facts.taxonomy)
    )


_SERVES = {
    "train": "teaches the weights",
    "dev": "picks the best epoch",
    "calibration": "fits the confidences",
    "test": "gives the figures below",
}


def _files(facts: Facts) -> str:
    starter = (
        "They are the starter corpus, whose data card is `data/starter/README.md`."
        if facts.is_starter
        else f"{facts.from_starter} of them are the starter corpus's."
        if facts.from_starter
        else ""
    )
    if not facts.files:
        return "The files were not recorded."
    content = table(["file", "SHA-256"], ([code(file["name"]), code(file["sha256"])] for file in facts.files))
    if len(facts.files) > _MOST_FILES:
        content = folded(f"{len(facts.files)} files", content)
    return "\n\n".join(filter(None, [content, starter]))


def _labels(facts: Facts, head: str) -> str:
    by_part = {part: facts.labelled(part, head) for part in PARTS}
    counts = {part: found for part, found in by_part.items() if found is not None}
    if not counts:
        return ""
    described = facts.taxonomy.head(head)
    defined = any(described.definitions)
    rows: list[list[object]] = [
        [code(label), *(found.get(label, 0) for found in counts.values()), *([definition] if defined else [])]
        for label, definition in zip(described.labels, described.definitions, strict=True)
    ]
    noted: Mapping[str, Any] = facts.data["labels"]
    for kind, title in (("none", "none of them"), ("unknown", "not labelled")):
        others = [noted[part][head].get(kind, 0) for part in counts]
        if any(others):
            rows.append([title, *others, *([""] if defined else [])])
    columns = ["label", *counts, *(["definition"] if defined else [])]
    return folded(f"{head}: posts by label", table(columns, rows))


def _picks_an_epoch(facts: Facts) -> bool:
    """Whether all layers learned together, as they do in every recipe that says nothing of it."""
    return bool(facts.provenance.get("recipe", {}).get("epochs", 1))


def _procedure(facts: Facts) -> str:
    provenance = facts.provenance
    recipe = provenance.get("recipe", {})
    run = {
        name: value for name, value in provenance.items() if isinstance(value, str | int | float) and name != "encoder"
    }
    how = (
        "Fine-tuned as a whole; the weights of the best epoch of the dev part are kept."
        if _picks_an_epoch(facts)
        else "The encoder learned to bring posts of one label together; then each head was fitted to it, as a logistic "
        "regression. No epoch was picked."
        if recipe.get("contrastive_epochs")
        else "The encoder was left as it was; each head was fitted to it, as a logistic regression."
    )
    packages = {"python": provenance.get("python"), **provenance.get("packages", {})}
    return section(
        "### Training procedure",
        f"{how} The recipe in full, by the names of `training/recipe.py`:",
        table(["setting", "value"], ([code(name), _plain(name, value)] for name, value in recipe.items())),
        table(
            ["of the run", "value"],
            ([code(name), _plain(name, value)] for name, value in run.items() if name != "python"),
        ),
        folded("versions", table(["package", "version"], ([name, found] for name, found in packages.items() if found))),
    )


def _plain(name: str, value: object) -> str:
    if name == "encoder":  # a path is nobody's business but the owner's
        value = str(value).rstrip("/").rpartition("/")[2] if str(value).startswith((".", "/", "~")) else value
    return code(f"{value:.6g}" if isinstance(value, float) else value)
