"""Small files of the forms of public benchmarks, made up."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from data.posts import Example
from tests.benchmark import banking77, x_fincorp


@pytest.fixture
def banking(examples: list[Example], tmp_path: Path) -> Path:
    """A folder of benchmarks with BANKING77's files: 40 posts to teach and 20 to test, 3 labels; and shots of 5."""
    folder = (tmp_path / banking77.FILE).parent
    rows = [[example.post.text, str(example.labels["intent"])] for example in examples]
    _write_sheet(folder / "train.csv", ["text", "category"], rows[:40])
    _write_sheet(folder / "test.csv", ["text", "category"], [*rows[40:], ["WIN, cash now; order my!", "spam"]])
    for name, some in (("train_5", rows[:15]), ("valid", rows[15:30])):
        (folder / "fewshot" / name).mkdir(parents=True)
        for file, column in (("seq.in", 0), ("label", 1)):
            lines = "".join(row[column] + "\n" for row in some)
            (folder / "fewshot" / name / file).write_text(lines)
    return tmp_path


@pytest.fixture
def fincorp(tmp_path: Path) -> Path:
    """A folder of benchmarks with X-FINCORP's file: 240 posts whose words tell the labels."""
    kinds = [
        ("refund my late order", "1", "Blame", "negative", "anger"),
        ("invoice is wrong again", "1", "Disapproval", "neutral", "sadness"),
        ("thanks for help now", "0", "Non-Complaint", "positive", "happiness"),
    ]
    rows = []
    for index in range(240):
        text, *labels = kinds[index % 3]
        rows.append(["Loan", f"{text} {chr(97 + index % 26)}{chr(97 + index // 26)}", labels[0], "why", *labels[1:]])
    header = ["domain", "text", "complaint", "cause", "severity", "sentiment", "emotion"]
    _write_sheet(tmp_path / x_fincorp.FILE, header, rows)
    return tmp_path


def _write_sheet(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
