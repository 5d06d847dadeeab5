"""Rows come back in order, from one process or several, and no more are read ahead than are worked on."""

import os
from collections.abc import Iterator

import pytest

from data.importing.cleaning.cleaner import Cleaner
from data.importing.mapping import ColumnMapping
from data.importing.masking.masker import Masker
from data.importing.preparing import Preparation, Prepared
from data.importing.workers import CHUNK, available_workers, outcomes
from data.tables.rows import Row

PREPARATION = Preparation(ColumnMapping().updated(labels={"kind": "kind"}), Cleaner(), Masker())


def rows(count: int, read: list[int]) -> Iterator[Row]:
    for line in range(count):
        read.append(line)
        yield Row("a.csv", line, {"text": f"post {line}", "kind": "x"})


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_come_back_in_order_and_few_are_read_ahead(workers: int) -> None:
    read: list[int] = []
    lines = []
    for chunk in outcomes(rows(20 * CHUNK + 1, read), PREPARATION, workers):
        assert all(isinstance(outcome, Prepared) and f"post {line}" in outcome.line for _, line, outcome in chunk)
        lines += [line for _, line, _ in chunk]
        assert len(read) <= len(lines) + 3 * workers * CHUNK
    assert lines == list(range(20 * CHUNK + 1))


def test_long_rows_are_worked_on_fewer_at_a_time() -> None:
    long = [Row("a.csv", line, {"text": "x", "kind": "x", "raw": [{"html": "y" * 2**20}]}) for line in range(12)]
    keep = Preparation(ColumnMapping().updated(labels={"kind": "kind"}, keep=[]), Cleaner(), Masker())
    chunks = [len(chunk) for chunk in outcomes(iter(long), keep, 1)]
    assert sum(chunks) == 12
    assert max(chunks) <= 5


def test_processors_are_those_that_this_process_may_use() -> None:
    assert 1 <= available_workers() <= (os.cpu_count() or 1)
