"""Files and folders appear whole or not at all."""

import os
from pathlib import Path

import pytest

from data.files import file_sha256, publish_folder, remove_leftovers, whole_file, whole_folder, write_whole


def test_the_new_text_replaces_the_old_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "figures.json"
    path.write_text("old")
    with pytest.raises(error):
        _write_half(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_nothing_where_there_was_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"):
        _write_half(tmp_path / "figures.json", ValueError)
    assert list(tmp_path.iterdir()) == []


def test_text_that_utf8_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    write_whole(path, "naïve £5")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half a character: \ud83d")
    assert path.read_bytes() == "naïve £5".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "card.md", "text")
    assert (tmp_path / "a" / "b" / "card.md").read_text() == "text"


@pytest.mark.parametrize(("mask", "file_mode", "folder_mode"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_others_may_read_what_the_umask_lets_them_read(
    tmp_path: Path, mask: int, file_mode: int, folder_mode: int
) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "card.md", "text")
        with whole_folder(tmp_path) as temporary:
            publish_folder(temporary, tmp_path / "bundle")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "card.md").stat().st_mode & 0o777 == file_mode
    assert (tmp_path / "bundle").stat().st_mode & 0o777 == folder_mode


def test_a_folder_is_published_with_all_that_it_holds(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "models") as temporary:
        (temporary / "weights").mkdir()
        (temporary / "weights" / "model.bin").write_bytes(b"\x00\x01")
        publish_folder(temporary, tmp_path / "models" / "1")
    assert (tmp_path / "models" / "1" / "weights" / "model.bin").read_bytes() == b"\x00\x01"
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["1"]


def test_a_folder_that_was_not_published_is_removed(tmp_path: Path) -> None:
    with whole_folder(tmp_path) as temporary:
        (temporary / "model.onnx").write_text("half")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    first = tmp_path / "1"
    first.mkdir()
    (first / "model.onnx").write_text("first")
    with whole_folder(tmp_path) as temporary:
        (temporary / "model.onnx").write_text("second")
        with pytest.raises(OSError, match="not empty"):
            publish_folder(temporary, first)
    assert (first / "model.onnx").read_text() == "first"
    assert list(tmp_path.iterdir()) == [first]


def test_the_checksum_is_that_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def _write_half(path: Path, error: type[BaseException]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("half of the n")
        raise error("stop")


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a[1].jsonl"
    with whole_file(path) as temporary:
        left = temporary.name
    path.unlink()
    names = ("a[1].jsonl", ".a[1].jsonl.importing", ".a[1].jsonl.original", ".a1.jsonl.incomplete-abcdefgh")
    others = [tmp_path / name for name in names]
    for file in (tmp_path / left, *others):
        file.touch()
    remove_leftovers(path)
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_folder_that_a_killed_writer_left_is_removed_with_all_that_it_holds(tmp_path: Path) -> None:
    with whole_folder(tmp_path, "mended") as temporary:
        left = temporary.name
    for name in (left, left.replace("mended", "other"), ".incomplete-abcdefgh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").touch()
    remove_leftovers(tmp_path / "mended")
    assert left not in {path.name for path in tmp_path.iterdir()}
    assert len(list(tmp_path.glob(".*/train.jsonl"))) == 2


def test_what_somebody_is_writing_is_no_leftover(tmp_path: Path) -> None:
    target = tmp_path / "mended"
    with whole_folder(tmp_path, "mended") as folder, whole_file(target) as file:
        remove_leftovers(target)
        assert sorted(tmp_path.iterdir()) == sorted([folder, file])
        file.write_text("whole")
    assert target.read_text() == "whole"


def test_a_link_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text("kept")
    (tmp_path / ".a.jsonl.incomplete-abcdefgh").symlink_to(tmp_path / "posts.jsonl")
    remove_leftovers(tmp_path / "a.jsonl")
    assert (tmp_path / "posts.jsonl").read_text() == "kept"
