"""What checks and splits need of every post, in some 200 bytes, so that millions of posts fit into memory.

Texts, groups and authors are kept as hashes of 64 bits: of ten million different ones, two are taken for one and the
same with a probability of 3 in 1,000,000.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.checking.duplicates import NearIndex, letters
from data.checking.signatures import BANDS, band_hashes, shared_bands
from data.examples import LabelledFile
from data.normalise import same_text
from data.posts import Example
from data.tables.reading import count_rows
from data.taxonomy import Taxonomy
from data.times import read_time

Source = Sequence[Example] | LabelledFile
Report = Callable[[str, int, int | None], None]
"""Told of progress: the step, the posts done since the last call, and how many there are in all, if that is known."""

NO_TIME, ODD_TIME = -(2**63), -(2**63) + 1
"""In `Survey.time`: none is given, or it is not ISO 8601."""
NO_LABEL, UNKNOWN = -1, -2
"""In `Survey.labels`: no label of the optional head applies; nothing is said."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Survey:
    """One element or row a post, in the order of the parts.

    Attributes:
        part: number of its part.
        line: where it begins in its file; in a list, its place from 1 on.
        text: hash of `same_text`.
        bands: `(posts, BANDS)`, of its letters: see `band_hashes`.
        group, thread, author, pair: hash of the name, of an author without case; 0 where there is none.
        time: microseconds since 1970 in UTC, or `NO_TIME`, or `ODD_TIME`.
        words: how many.
        labels: `(posts, heads)`, the index of its label, or `NO_LABEL`, or `UNKNOWN`.
    """

    parts: Mapping[str, Source]
    part: NDArray[np.int64]
    line: NDArray[np.int64]
    text: NDArray[np.uint64]
    bands: NDArray[np.uint32]
    group: NDArray[np.uint64]
    thread: NDArray[np.uint64]
    author: NDArray[np.uint64]
    pair: NDArray[np.uint64]
    time: NDArray[np.int64]
    words: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.text)

    def where(self, post: int) -> str:
        """`FILE:LINE`."""
        name, source = list(self.parts.items())[self.part[post]]
        line = int(self.line[post])
        if isinstance(source, LabelledFile):
            return f"{name}:{line}"
        return source[line - 1].origin or f"row {post + 1}"

    def examples(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Example]]:
        """The posts of which `wanted` is true, each with its number; read anew."""
        for number, source in enumerate(self.parts.values()):
            posts = np.flatnonzero(wanted & (self.part == number))
            lines = self.line[posts].tolist()
            if isinstance(source, LabelledFile):
                yield from zip(posts.tolist(), source.at(frozenset(lines)), strict=True)
            else:
                yield from ((post, source[line - 1]) for post, line in zip(posts.tolist(), lines, strict=True))

    def firsts(self) -> NDArray[np.bool_]:
        """Which posts are the first of their text."""
        first = np.zeros(len(self), np.bool_)
        first[np.unique(self.text, return_index=True)[1]] = True
        return first


def survey(
    parts: Mapping[str, Source],
    taxonomy: Taxonomy,
    report: Report | None = None,
    also: Callable[[Example, str], None] | None = None,
) -> Survey:
    """Read every post once.

    Args:
        also: is called with each post and its `same_text`.

    Raises:
        DataError: a file cannot be read, or has too many bad rows.
    """
    columns, total = _Columns(taxonomy), _size(parts.values()) if report else None
    for number, source in enumerate(parts.values()):
        for place, example in enumerate(source, start=1):
            same = same_text(example.post.text)
            line = int(str(example.origin).rpartition(":")[2]) if isinstance(source, LabelledFile) else place
            columns.add(number, line, example, same)
            if also:
                also(example, same)
            if report and place % _CHUNK == 0:
                report("reading", _CHUNK, total)
    return Survey(parts=parts, **columns.arrays())


def near_pairs(surveyed: Survey, report: Report | None = None) -> NDArray[np.int64]:
    """`(pairs, 2)`: the numbers of posts that are near copies (see `duplicates`), the earlier first, in order.

    Of posts that are equal only the first is compared. The texts of those that share a band are read anew.
    """
    firsts = np.flatnonzero(surveyed.firsts())
    bands = shared_bands(surveyed.bands[firsts])
    likely = bands.any(axis=1)
    candidates, bands = firsts[likely], bands[likely]
    wanted = np.zeros(len(surveyed), np.bool_)
    wanted[candidates] = True
    index, found = NearIndex(), array("q")
    for place, (post, example) in enumerate(surveyed.examples(wanted)):
        for other in index.add(post, letters(same_text(example.post.text)), bands[place]):
            found.extend((other, post))
        if report and place % _CHUNK == 0:
            report("comparing near copies", min(_CHUNK, len(candidates) - place), len(candidates))
    pairs = np.frombuffer(found, np.int64).reshape(-1, 2)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def groups_of(keys: NDArray[Any], size: int = 2) -> Iterator[NDArray[np.int64]]:
    """The places of each key that stands `size` times or more, in the order of the first."""
    order = np.argsort(keys, kind="stable")
    ends = np.flatnonzero(np.append(keys[order][1:] != keys[order][:-1], True)) + 1 if len(keys) else order
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    large = np.flatnonzero(ends - starts >= size)
    for run in large[np.argsort(order[starts[large]], kind="stable")].tolist():
        yield order[starts[run] : ends[run]]


def key_of(name: str | None) -> int:
    """A hash of 64 bits, never 0; 0 where there is no name."""
    if not name:
        return 0
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) or 1


def author_name(example: Example) -> str | None:
    """Without case, since an address is written in either."""
    return example.post.author and example.post.author.casefold()


class _Columns:
    """The columns of a survey as they grow."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._codes = [
            (head.name, {None: NO_LABEL, **{label: code for code, label in enumerate(head.labels)}})
            for head in taxonomy
        ]
        self._numbers = {name: array(kind) for name, kind in _KINDS.items()}
        self._bands = array("I")
        self._lines: list[str] = []

    def add(self, part: int, line: int, example: Example, same: str) -> None:
        post = example.post
        values = (
            part,
            line,
            key_of(same),
            key_of(example.group),
            key_of(post.thread),
            key_of(author_name(example)),
            key_of(example.metadata.get("pair")),
            _time(post.time),
            same.count(" ") + 1,
        )
        for column, value in zip(self._numbers.values(), values, strict=False):
            column.append(value)
        self._numbers["labels"].extend(
            [codes[example.labels[head]] if head in example.labels else UNKNOWN for head, codes in self._codes]
        )
        self._lines.append(letters(same))
        if len(self._lines) == _CHUNK:
            self._flush()

    def arrays(self) -> dict[str, NDArray[Any]]:
        self._flush()
        arrays = {name: np.frombuffer(column, column.typecode) for name, column in self._numbers.items()}
        arrays["labels"] = arrays["labels"].reshape(-1, len(self._codes))
        return {**arrays, "bands": np.frombuffer(self._bands, np.uint32).reshape(-1, BANDS)}

    def _flush(self) -> None:
        self._bands.frombytes(band_hashes(self._lines).tobytes())
        self._lines = []


# As `array` names the types of C; `labels` is last, since a post has several.
_KINDS = {
    "part": "H",
    "line": "I",
    "text": "Q",
    "group": "Q",
    "thread": "Q",
    "author": "Q",
    "pair": "Q",
    "time": "q",
    "words": "I",
    "labels": "h",
}


def _size(sources: Iterable[Source]) -> int | None:
    sizes = [count_rows(source.path) if isinstance(source, LabelledFile) else len(source) for source in sources]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _time(text: str | None) -> int:
    if not text:
        return NO_TIME
    try:
        return read_time(text)
    except ValueError:
        return ODD_TIME
