"""The taxonomy as teacher: what a label is called, and what it means, as posts that carry it."""

from data.posts import Example, Post
from data.taxonomy import Taxonomy


def definitions(taxonomy: Taxonomy) -> list[Example]:
    """For each label its name in words, followed by its definition where it has one; other heads are not labelled."""
    return [
        Example(
            Post(": ".join(part for part in (label.replace("_", " "), definition) if part)),
            {head.name: label},
            origin=f"definition of {head.name} {label}",
        )
        for head in taxonomy
        for label, definition in zip(head.labels, head.definitions, strict=True)
    ]
