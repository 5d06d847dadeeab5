"""Corrections reach train, dev and calibration, never the test part; whole or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.files import file_sha256
from data.normalise import fingerprint
from data.reviewing.correcting import correct_parts
from data.reviewing.suspects import Correction, Labelling, Review
from data.taxonomy import Taxonomy

POSTS: dict[str, list[dict[str, Any]]] = {
    "train": [
        {"text": "Parcel LATE again", "intent": "outage", "team": "it", "note": {"deep": [1, 2.50]}, "n": None},
        {"text": "site down", "intent": "outage", "team": None},
        {"text": "win cash", "intent": "spam", "team": "it"},
    ],
    "dev": [{"text": "parcel late  again", "intent": "outage", "team": "care"}],
    "calibration": [{"text": "parcel late again", "intent": "refund", "team": "care"}],
    "test": [{"text": "parcel late again", "intent": "outage", "team": "it"}, {"text": "win cash", "intent": "x"}],
}
LATE = Labelling(fingerprint("parcel late again"), "intent", "outage")


def silent(step: str, done: int, total: int | None) -> None: ...


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, posts in POSTS.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    # Bytes that no writer of ours would write.
    with (folder / "test.jsonl").open("a") as file:
        file.write('{"text" :  "caf\\u00e9", "intent": "refund"}\r\n\n')
    return folder


@pytest.fixture
def review_file(tmp_path: Path) -> Path:
    path = tmp_path / "review.jsonl"
    path.write_text("{}\n")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def review(**labels: str) -> Review:
    """Of the post about the late parcel, by head; other heads' given label is `it`."""
    return Review(
        {
            (LATE if head == "intent" else Labelling(LATE.fingerprint, head, "it")): Correction(label, f"r.jsonl:{row}")
            for row, (head, label) in enumerate(labels.items(), start=1)
        },
        right=0,
        unreviewed=0,
    )


def test_all_equal_posts_of_the_given_label_change_together(parts: Path, review_file: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    done = correct_parts(parts, review(intent="refund"), review_file, new, silent)
    changed = {**POSTS["train"][0], "intent": "refund"}
    assert read(new / "train.jsonl") == [changed, *POSTS["train"][1:]]
    assert list(read(new / "train.jsonl")[0]) == list(changed)
    assert read(new / "dev.jsonl") == [{**POSTS["dev"][0], "intent": "refund"}]
    assert (new / "calibration.jsonl").read_bytes() == (parts / "calibration.jsonl").read_bytes()
    assert done.posts == {"train": 1, "dev": 1, "calibration": 0}
    assert done.labels == {("intent", "outage", "refund"): 2}
    assert done.unmatched == []


def test_the_test_part_is_copied_to_the_byte(parts: Path, review_file: Path, tmp_path: Path) -> None:
    done = correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    assert (tmp_path / "new" / "test.jsonl").read_bytes() == (parts / "test.jsonl").read_bytes()
    assert done.in_test == 1


def test_the_parts_as_they_were_are_kept(parts: Path, review_file: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in parts.iterdir()}
    correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    assert {path.name: path.read_bytes() for path in parts.iterdir()} == before


def test_null_is_a_label_of_an_optional_head(parts: Path, review_file: Path, tmp_path: Path) -> None:
    done = correct_parts(parts, review(intent="refund", team="null"), review_file, tmp_path / "new", silent)
    first = read(tmp_path / "new" / "train.jsonl")[0]
    assert (first["intent"], first["team"]) == ("refund", None)
    assert done.posts["train"] == 1
    back = Review({Labelling(LATE.fingerprint, "team", "null"): Correction("it", "r:1")}, 0, 0)
    correct_parts(tmp_path / "new", back, review_file, tmp_path / "newer", silent)
    assert read(tmp_path / "newer" / "train.jsonl")[0]["team"] == "it"


@pytest.mark.parametrize("label", ["null", "Refund", "SECRET words of a reader"])
def test_a_label_that_the_data_does_not_know_is_refused_and_not_repeated(
    label: str, parts: Path, review_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as error:
        correct_parts(parts, review(intent=label), review_file, tmp_path / "new", silent)
    said = str(error.value)
    assert "--taxonomy FILE" in said
    assert "r.jsonl:1: label: no label of intent\n  intent has outage, refund, spam, x" in said
    assert "SECRET" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "review.jsonl"]


def test_a_text_in_a_column_of_labels_is_not_told(parts: Path, review_file: Path, tmp_path: Path) -> None:
    with (parts / "dev.jsonl").open("a") as file:
        file.write(json.dumps({"text": "b", "intent": "SECRET words that somebody wrote in a wrong column"}) + "\n")
    with pytest.raises(DataError, match="refund, spam, x, 1 more") as error:
        correct_parts(parts, review(intent="no"), review_file, tmp_path / "new", silent)
    assert "SECRET" not in str(error.value)


def test_a_taxonomy_says_which_labels_there_are(parts: Path, review_file: Path, tmp_path: Path) -> None:
    heads = [{"name": "intent", "optional": True, "labels": ["outage", "late"]}]
    taxonomy = Taxonomy.from_dict({"name": "t", "heads": heads})
    for label, expected in (("null", None), ("late", "late")):
        new = tmp_path / label
        correct_parts(parts, review(intent=label), review_file, new, silent, taxonomy)
        assert read(new / "train.jsonl")[0]["intent"] == expected
    with pytest.raises(DataError, match="intent has late, null, outage"):
        correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent, taxonomy)
    correct_parts(parts, review(team="care"), review_file, tmp_path / "new", silent, taxonomy)  # a head beside its own


def test_a_test_part_that_was_changed_since_the_split_is_refused(
    parts: Path, review_file: Path, tmp_path: Path
) -> None:
    listed = {name: {"posts": 1, "sha256": file_sha256(parts / f"{name}.jsonl")} for name in POSTS}
    (parts / "split.json").write_text(json.dumps({"parts": listed}))
    with (parts / "test.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match=r"test\.jsonl: not the file that split\.json tells of"):
        correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    assert not (tmp_path / "new").exists()


def test_what_a_killed_run_left_is_removed_by_the_next(parts: Path, review_file: Path, tmp_path: Path) -> None:
    left = tmp_path / ".new.incomplete-abcdefgh"
    left.mkdir()
    (left / "train.jsonl").touch()
    correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    assert not left.exists()


def test_a_correction_that_matches_nothing_is_named(parts: Path, review_file: Path, tmp_path: Path) -> None:
    lost = Labelling(fingerprint("never written"), "intent", "outage")
    both = Review({**review(intent="refund").corrections, lost: Correction("spam", "r.jsonl:9")}, 0, 0)
    done = correct_parts(parts, both, review_file, tmp_path / "new", silent)
    assert done.unmatched == ["r.jsonl:9"]
    with pytest.raises(DataError, match="none of the 1 corrections matches a post"):
        correct_parts(parts, Review({lost: Correction("spam", "r:1")}, 0, 0), review_file, tmp_path / "no", silent)


def test_a_review_without_corrections_copies(parts: Path, review_file: Path, tmp_path: Path) -> None:
    done = correct_parts(parts, Review({}, 3, 4), review_file, tmp_path / "new", silent)
    assert done.posts == {"train": 0, "dev": 0, "calibration": 0}
    assert read(tmp_path / "new" / "train.jsonl") == POSTS["train"]


def test_the_manifest_tells_what_was_corrected_by_what(parts: Path, review_file: Path, tmp_path: Path) -> None:
    listed = {name: {"posts": len(posts), "sha256": "old"} for name, posts in POSTS.items()}
    listed["test"]["sha256"] = file_sha256(parts / "test.jsonl")
    (parts / "split.json").write_text(json.dumps({"by": "group", "seed": 1, "parts": listed}))
    new, newer = tmp_path / "new", tmp_path / "newer"
    correct_parts(parts, review(intent="refund"), review_file, new, silent)
    manifest = json.loads((new / "split.json").read_text())
    first = {
        "corrected": {"train": 1, "dev": 1, "calibration": 0},
        "review": {"file": str(review_file), "sha256": file_sha256(review_file)},
    }
    assert manifest == {
        "by": "group",
        "seed": 1,
        "parts": {
            name: {"posts": len(posts), "sha256": file_sha256(new / f"{name}.jsonl")} for name, posts in POSTS.items()
        },
        **first,
    }
    correct_parts(new, review(team="care"), review_file, newer, silent)
    assert json.loads((newer / "split.json").read_text())["corrected_before"] == [first]


def test_a_torn_part_or_manifest_stops_it(parts: Path, review_file: Path, tmp_path: Path) -> None:
    (parts / "split.json").write_text('{"parts": 3}')
    with pytest.raises(DataError, match=r"split\.json: expected the manifest"):
        correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    (parts / "split.json").unlink()
    (parts / "dev.jsonl").write_text('{"text": "secret')
    with pytest.raises(DataError, match=r"dev\.jsonl:1: not JSON") as error:
        correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    assert "secret" not in str(error.value)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_parts_and_one_in_use_are_refused(parts: Path, review_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="exists; name a new folder"):
        correct_parts(parts, review(intent="refund"), review_file, parts, silent)
    for name in ("train", "dev", "calibration"):
        (parts / f"{name}.jsonl").unlink()
    with pytest.raises(DataError, match=r"expected a folder with parts of a split \(train\.jsonl"):
        correct_parts(parts, review(intent="refund"), review_file, tmp_path / "new", silent)
    assert not (tmp_path / "new").exists()


def test_progress_counts_every_row(parts: Path, review_file: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    correct_parts(
        parts, review(intent="refund"), review_file, tmp_path / "new", lambda _, done, total: told.append((done, total))
    )
    assert sum(done for done, _ in told) == 8
    assert {total for _, total in told} == {9}  # lines, one of which is empty
