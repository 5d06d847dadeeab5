"""The card of a bundle: what it is, what it scored, where it came from, in the Hugging Face model card format.

The sections are those of the hub's annotated template (Mitchell et al. 2019, arXiv:1810.03993, where they began).
"""

from pathlib import Path

from model.bundle import About
from training.card.description import details, limits, uses
from training.card.facts import Facts
from training.card.front_matter import front_matter
from training.card.learned import training
from training.card.markdown import section
from training.card.origin import origin
from training.card.scored import evaluation

_COMMANDS = """\
```
triage classify "my order never came" --model {reference}
triage serve --model {reference}
triage evaluate {reference} FILE                  its figures on labelled posts of yours
triage export {reference} --to-hub-format DIR     for transformers and sentence-transformers
```"""


def card(folder: Path, about: About) -> str:
    """The card of a bundle whose other files lie in a folder, sealed or about to be.

    Args:
        about: what its provenance lacks is left out.
    """
    facts = Facts.read(folder, about)
    commands = _COMMANDS.format(reference=about.reference)
    return _document(facts, front_matter(facts, "onnx"), about.reference, commands)


def hub_card(folder: Path, about: About, usage: str) -> str:
    """The same for a folder in the hub's format.

    Args:
        folder: of the bundle.
        usage: how what lies in the other folder is used.
    """
    facts = Facts.read(folder, about)
    return _document(facts, front_matter(facts, "transformers"), about.reference, usage)


def _document(facts: Facts, head: str, title: str, usage: str) -> str:
    heads = ", ".join(f"{name.name} ({len(name.labels)} labels)" for name in facts.taxonomy)
    posts = facts.data.get("posts", {}).get("train")
    learned = f"learned from {posts:,} posts" if posts else "learned from posts whose number is not recorded"
    return "\n\n".join(
        filter(
            None,
            [
                head,
                f"# {title}",
                f"Labels the posts that people write to a company: {heads}; {learned}.",
                details(facts),
                uses(facts),
                limits(facts),
                section("## How to get started", usage),
                training(facts),
                evaluation(facts),
                origin(facts),
                "All figures: `metrics.json`. All provenance: `manifest.json` of the bundle.\n",
            ],
        )
    )
