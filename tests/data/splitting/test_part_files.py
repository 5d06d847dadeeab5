"""Parts are written whole, with a manifest that says what they are."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataError
from data.examples import LabelledFile, iter_examples
from data.posts import Example, Post
from data.splitting import part_files
from data.splitting.dealing import deal
from data.splitting.part_files import MANIFEST, missing_labels, write_parts
from data.splitting.parts import split_by_time
from data.taxonomy import Taxonomy

SHARES = {"train": 0.4, "dev": 0.2, "calibration": 0.2, "test": 0.2}
HEADS = Taxonomy.from_dict({"name": "toy", "heads": [{"name": "intent", "labels": ["x", "y"]}]})


def written(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def source(folder: Path, count: int = 40) -> LabelledFile:
    rows = [
        {"text": f"post {number}", "intent": "x", "time": f"2026-01-{1 + number * 7 % 28:02d}", "extra": "é\u2028"}
        for number in range(count)
    ]
    return LabelledFile(written(folder / "posts.jsonl", rows), HEADS)


def read(path: Path) -> list[Example]:
    return [example for example in iter_examples(path, HEADS) if isinstance(example, Example)]


def test_every_post_is_written_once_with_all_its_columns(tmp_path: Path) -> None:
    file = source(tmp_path)
    folder = tmp_path / "parts"
    manifest = write_parts(deal({"a": file}, HEADS, "group", SHARES, 1), folder, {"by": "group"})
    assert sorted(path.name for path in folder.iterdir()) == sorted([MANIFEST, *(f"{name}.jsonl" for name in SHARES)])
    assert sorted(example.post.text for name in SHARES for example in read(folder / f"{name}.jsonl")) == sorted(
        example.post.text for example in file
    )
    assert read(folder / "dev.jsonl")[0].metadata == {"extra": "é\u2028"}
    assert json.loads((folder / MANIFEST).read_text()) == manifest == {
        "by": "group",
        "parts": {
            name: {
                "posts": len(read(folder / f"{name}.jsonl")),
                "sha256": hashlib.sha256((folder / f"{name}.jsonl").read_bytes()).hexdigest(),
            }
            for name in SHARES
        },
    }  # fmt: skip


def test_a_split_by_time_is_written_in_the_order_of_time(tmp_path: Path) -> None:
    file = source(tmp_path)
    write_parts(deal({"a": file}, HEADS, "time", SHARES, 1), tmp_path / "parts", {})
    for name, examples in split_by_time(list(file), SHARES).items():
        assert read(tmp_path / "parts" / f"{name}.jsonl") == examples


def test_an_empty_part_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing fell into \['train'"):
        write_parts(deal({"a": source(tmp_path, count=1)}, HEADS, "time", SHARES, 1), tmp_path / "parts", {})
    assert not (tmp_path / "parts").exists()


def test_an_empty_part_is_told_with_what_may_be_the_cause() -> None:
    posts = [Example(Post(f"post number {day} of its own kind"), {"intent": "x"}) for day in range(1, 10)]
    posts = [replace(post, post=replace(post.post, time=f"2026-01-0{day}")) for day, post in enumerate(posts, start=1)]
    with pytest.raises(DataError) as refused:
        write_parts(deal({"a": posts}, HEADS, "time", SHARES, 1), Path("nowhere"), {})
    for said in (
        "5 of 9 posts were left out (near copy in an",
        "largest group holds 9 of 9",
        "--no-near-copies",
        "--seed",
    ):
        assert said in str(refused.value)


def test_a_file_that_is_split_is_not_replaced_by_a_part(tmp_path: Path) -> None:
    file, folder = source(tmp_path, count=100), tmp_path / "parts"
    write_parts(deal({"a": file}, HEADS, "group", SHARES, 1), folder, {})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = LabelledFile(folder / "train.jsonl", HEADS)
    with pytest.raises(DataError, match=r"train.jsonl: is to be split, and would be replaced"):
        write_parts(deal({"a": again}, HEADS, "group", SHARES, 14), folder, {})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_parts_without_a_manifest_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("mine")
    with pytest.raises(DataError, match=r"found test.jsonl without it"):
        write_parts(deal({"a": source(tmp_path)}, HEADS, "group", SHARES, 1), tmp_path, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["posts.jsonl", "test.jsonl"]


def test_columns_that_are_no_heads_keep_their_values(tmp_path: Path) -> None:
    row = {"intent": "x", "department": None, "priority": 3, "flag": True, "tags": ["a"], "thread": "t "}
    path = written(
        tmp_path / "posts.jsonl", [{"text": f"post {number}", **row, "thread": None} for number in range(40)]
    )
    write_parts(deal({"a": LabelledFile(path, HEADS)}, HEADS, "group", SHARES, 1), tmp_path / "parts", {})
    first = json.loads((tmp_path / "parts" / "test.jsonl").read_text().splitlines()[0])
    assert {name: first[name] for name in row} == {**row, "thread": None}


def test_an_empty_number_of_a_parquet_file_is_written_as_null(tmp_path: Path) -> None:
    table = {"text": [f"post {number}" for number in range(40)], "intent": ["x"] * 40, "score": [float("nan")] * 40}
    pq.write_table(pa.table(table), tmp_path / "posts.parquet")
    file = LabelledFile(tmp_path / "posts.parquet", HEADS)
    write_parts(deal({"a": file}, HEADS, "group", SHARES, 1), tmp_path / "parts", {})
    assert '"score": null}' in (tmp_path / "parts" / "dev.jsonl").read_text()


def test_an_earlier_split_stays_whole_until_the_new_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = source(tmp_path), tmp_path / "parts"
    write_parts(deal({"a": file}, HEADS, "group", SHARES, 1), folder, {"seed": 1})
    (folder / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def stopped(*_: object) -> Iterator[None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(part_files, "_bring_into_order", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_parts(deal({"a": file}, HEADS, "group", SHARES, 2), folder, {"seed": 2})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_new_split_leaves_no_part_of_an_earlier_one_and_other_files_alone(tmp_path: Path) -> None:
    file, folder = source(tmp_path), tmp_path / "parts"
    write_parts(deal({"a": file}, HEADS, "group", SHARES, 1), folder, {})
    (folder / "notes.txt").write_text("mine")
    (folder / ".split.incomplete-abcd1234").mkdir()
    two = {"train": 0.5, "test": 0.5}
    write_parts(deal({"a": file}, HEADS, "group", two, 1), folder, {})
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", MANIFEST, "test.jsonl", "train.jsonl"]
    assert list(json.loads((folder / MANIFEST).read_text())["parts"]) == ["train", "test"]


def test_labels_that_a_part_lacks_are_named() -> None:
    posts = [
        Example(Post(f"p {number}", time=f"2026-01-{number:02d}"), {"intent": "y" if number < 3 else "x"})
        for number in range(1, 11)
    ]
    found = deal({"a": posts}, HEADS, "time", {"train": 0.5, "test": 0.5}, 1)
    assert missing_labels(found, HEADS) == {"test": {"intent": ["y"]}}
