"""The folder of a split is taken as it was written, or it is said what is not as it was."""

import json
from pathlib import Path

import pytest

from data.errors import DataError
from data.examples import LabelledFile, read_examples
from data.posts import PARTS, Example, Post
from data.splitting.dealing import deal
from data.splitting.part_files import MANIFEST, write_parts
from data.splitting.part_folders import PartFolder, check_apart
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy

HEADS = Taxonomy.from_dict({"name": "toy", "heads": [{"name": "intent", "labels": ["x", "y"]}]})
SHARES = {"train": 0.4, "dev": 0.2, "calibration": 0.2, "test": 0.2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Parts of forty posts."""
    source = tmp_path / "posts.jsonl"
    source.write_text("".join(json.dumps({"text": f"post {number}", "intent": "x"}) + "\n" for number in range(40)))
    write_parts(deal({"posts": LabelledFile(source, HEADS)}, HEADS, "group", SHARES, 1), tmp_path / "parts", {})
    return tmp_path / "parts"


def parts_of(folder: PartFolder) -> Parts:
    return Parts(**{name: read_examples([path], HEADS).examples for name, path in folder.files.items()})


def test_the_parts_are_found_in_their_order(folder: Path) -> None:
    found = PartFolder.open(folder)
    assert list(found.files) == list(PARTS)
    assert found.changed == []
    check_apart(parts_of(found))


def test_a_changed_part_is_named_and_a_changed_test_part_refused(folder: Path) -> None:
    train = folder / "train.jsonl"
    train.write_text(train.read_text().replace('"x"', '"y"'))
    assert PartFolder.open(folder).changed == ["train"]
    with (folder / "test.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match=r"test\.jsonl: not the file that split\.json tells of"):
        PartFolder.open(folder)


def test_a_part_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "dev.jsonl").unlink()
    with pytest.raises(DataError, match="found no dev; split anew"):
        PartFolder.open(folder)


@pytest.mark.parametrize("content", [None, "{}", "[]", "{", '{"parts": {"train": 1}}'])
def test_a_folder_without_a_manifest_is_no_split(folder: Path, content: str | None) -> None:
    if content is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text(content)
    with pytest.raises(DataError, match=MANIFEST):
        PartFolder.open(folder)


def test_parts_that_share_a_post_are_refused_without_its_text() -> None:
    one, two, three = (Example(Post(f"secret {word}"), {"intent": "x"}) for word in ("a", "b", "c"))
    again = Example(Post("SECRET  a"), {"intent": "x"}, origin="test.jsonl:7")
    with pytest.raises(DataError, match=r"test\.jsonl:7: stands in the part train too") as refused:
        check_apart(Parts([one], [two], [three], [again]))
    assert "secret" not in str(refused.value).lower()
