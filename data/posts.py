"""A post, and a post with its gold labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field

POST_FIELDS = ("text", "id", "channel", "thread", "author", "time", "language")
PARTS = ("train", "dev", "calibration", "test")
"""What labelled posts are split into, in the order of their use."""


@dataclass(frozen=True, slots=True)
class Post:
    """One message that somebody wrote to, or about, a company.

    Only `text` is read by the model; the metadata never changes its scores.
    """

    text: str
    id: str | None = None
    channel: str | None = None
    thread: str | None = None
    author: str | None = None
    time: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A post with gold labels.

    Attributes:
        labels: label by head. A head that is absent is unknown and teaches nothing; `None` means that no label of an
            optional head applies (nobody owns the post).
        group: what must not be torn apart by a split (a scenario, a thread); `None` where the file names no group.
        metadata: the remaining columns, as text, for slices and for splits.
        origin: `FILE:LINE`, to name the example without its text.
    """

    post: Post
    labels: Mapping[str, str | None]
    group: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    origin: str | None = field(default=None, compare=False)
