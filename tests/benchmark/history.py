"""`python -m tests.benchmark.history`: millions of rows imported, checked, split; killed at random, the same bytes."""

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import psutil
from rich.table import Table

from api.commands.progress import progress_bar
from api.commands.shared import note, stdout
from data.files import file_sha256
from data.starter_corpus import read_starter

ROOT = Path(__file__).parents[2]

_COLUMNS = ["Ticket ID", "Case", "Subject", "Message", "Priority", "Group", "Topic", "Requester", "Created at"]
_START = datetime(2025, 1, 1, tzinfo=UTC)
_KEPT = 5_000
"""Earlier rows of which copies are made."""

_EVERY_SECONDS = 0.2
"""Between two looks at the memory."""


@dataclass(slots=True)
class Outcome:
    """What a command took.

    Attributes:
        memory: the most bytes that it and its children held together.
    """

    name: str
    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    kills: int = 0


class Writer:
    """Makes up messages of the length and vocabulary of real ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # made-up data, no secret
        self._posts = [example.post.text.split() for example in read_starter()]
        self._words = [word for post in self._posts[::7] for word in post]
        self._known: list[list[str]] = []

    def rows(self, count: int) -> Iterator[list[str]]:
        """Rows of an export: threads, markup, quotes, signatures, personal data, copies, near-copies, empty texts."""
        for index in range(count):
            draw = self._random.random()
            if draw < 0.02 and self._known:
                message = list(self._random.choice(self._known))
                if draw < 0.01 and len(message) > 8:
                    message[self._random.randrange(len(message))] = self._random.choice(self._words)
            else:
                message = self._message()
                self._remember(message)
            text = "" if 0.02 <= draw < 0.024 else self._dressed(" ".join(message))
            case = index // 2 if draw > 0.9 else index
            yield [
                str(5_000_000 + index),
                f"C-{case}",
                " ".join(message[:4]),
                text,
                self._random.choice(("low", "normal", "high", "urgent", "")),
                self._random.choice(("Sales", "Support", "IT desk", "Legal", "People", "")),
                f"topic {self._random.randrange(24)}",
                f"writer{self._random.randrange(count // 2 + 1)}@example.com",
                (_START + timedelta(seconds=17 * index)).isoformat(),
            ]

    def _message(self) -> list[str]:
        """Pieces of three posts, every fourth word another: nobody's copy."""
        words: list[str] = []
        for _ in range(3):
            post = self._random.choice(self._posts)
            start = self._random.randrange(len(post))
            words += post[start : start + self._random.randint(3, 14)]
        if self._random.random() < 0.01:  # a few write at length
            words = [self._random.choice(self._words) for _ in range(self._random.randint(150, 600))]
        return [self._random.choice(self._words) if self._random.random() < 0.25 else word for word in words]

    def _remember(self, message: list[str]) -> None:
        if len(self._known) < _KEPT:
            self._known.append(message)
        else:
            self._known[self._random.randrange(_KEPT)] = message

    def _dressed(self, text: str) -> str:
        draw = self._random.random()
        if draw < 0.1:
            text += (
                f" My number is +44 20 7946 0{self._random.randrange(1000):03d}, order {self._random.randrange(10**8)}."
            )
        if draw < 0.15:
            quoted = "<blockquote>On Monday you wrote:<br>we look into it</blockquote>"
            text = f"<div dir='ltr'><p>Hello team,</p><p>{text}</p></div>{quoted}"
        elif draw < 0.25:
            text += "\n\nOn Mon, 3 Mar 2025 at 10:11, Support <help@example.com> wrote:\n> Hello,\n> we look into it.\n"
        elif draw < 0.35:
            text += "\n\n--\nJo Doe\nExample Ltd."
        return text


def write_export(path: Path, rows: int, seed: int) -> None:
    """A CSV file, of which one row in 250 is broken."""
    writer = Writer(seed)
    with (
        path.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file,
        progress_bar("making up", "rows", rows) as advance,
    ):
        sheet = csv.writer(file)
        sheet.writerow(_COLUMNS)
        made = writer.rows(rows)
        while batch := list(islice(made, 1_000)):
            for index, row in enumerate(batch):
                sheet.writerow(_broken(row, index) if index % 250 == 0 else row)
            advance(len(batch))


def _broken(row: list[str], index: int) -> list[str]:
    return [*row, "a cell too many"] if index % 500 else [*row[:3], row[3] + "\udcff", *row[4:]]


def run(verb: str, folder: Path, command: Sequence[str], kills: Sequence[float] = ()) -> Outcome:
    """Run a command of `triage data` to its end, and measure it; what it says goes to a file beside `folder`.

    Args:
        kills: seconds after a start at which it is killed, to be started anew.
    """
    outcome = Outcome(verb)
    started = time.monotonic()
    with (folder.parent / f"{folder.name}.log").open("a") as log:
        for limit in (*kills, None):
            since = time.monotonic()
            process = psutil.Popen(
                [sys.executable, "-m", "api.cli", "data", *command],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            while process.poll() is None and (limit is None or time.monotonic() - since < limit):
                _measure(process, outcome)
                time.sleep(_EVERY_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()
                outcome.kills += 1
            elif process.returncode not in (0, 1):  # 1: a check found something
                raise subprocess.CalledProcessError(process.returncode, command)
            elif limit is not None:
                break
    outcome.seconds = time.monotonic() - started
    return outcome


def _measure(process: psutil.Popen, outcome: Outcome) -> None:
    memory, cpu = 0, 0.0
    try:
        for each in (process, *process.children(recursive=True)):
            memory += each.memory_info().rss
            times = each.cpu_times()
            cpu += times.user + times.system
    except psutil.NoSuchProcess:  # it has just ended
        return
    outcome.memory, outcome.cpu = max(outcome.memory, memory), max(outcome.cpu, cpu)


def commands(export: Path, audit: bool = False) -> dict[str, list[str]]:
    """What is run, in order, in the folder of the results.

    Args:
        audit: look for label errors too, in the sample that a check takes; the labels being drawn, most are suspect.
    """
    columns = {
        "--text": ["Subject", "Message"],
        "--label": ["urgency=Priority", "department=Group", "intent=Topic"],
        "--rename": ["urgency.urgent=critical"],
        "--field": ["id=Ticket ID", "time=Created at", "thread=Case", "author=Requester"],
    }
    looked_for = ["--suspects", "suspects.csv"] if audit else ["--no-audit"]
    flags = [part for flag, values in columns.items() for value in values for part in (flag, value)]
    return {
        "import": ["import", str(export), *flags, "--first-of-thread", "-o", "history.jsonl"],
        "check": ["check", "history.jsonl", "--faults", "faults.jsonl", *looked_for],
        "split": ["split", "history.jsonl", "-o", "parts"],
    }


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by name."""
    return {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 where a killed run gave other bytes."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        root = Path(name)
        export = root / "export.csv"
        write_export(export, options.rows, options.seed)
        note(f"{options.rows:,} rows, {export.stat().st_size / 2**20:,.0f} MiB of CSV")
        whole, torn = root / "whole", root / "torn"
        whole.mkdir()
        torn.mkdir()
        wanted = commands(export, options.audit)
        found = [run(verb, whole, command) for verb, command in wanted.items()]
        dealer = random.Random(options.seed)  # noqa: S311  # moments of kills, no secret
        verbs = dealer.choices(list(wanted), weights=[each.seconds for each in found], k=options.kills)
        again = []
        for each in found:
            kills = verbs.count(each.name)  # early enough that work is left, though what was done is not done again
            moments = [dealer.uniform(0, 0.9 * each.seconds / (kills or 1)) for _ in range(kills)]
            again.append(run(each.name, torn, wanted[each.name], moments))
        stdout.print(_table(found, "undisturbed"))
        stdout.print(_table(again, "killed at random and started anew"))
        expected, got = digest(whole), digest(torn)
        other = sorted(name for name in expected if got.get(name) != expected[name])
        kills = sum(each.kills for each in again)
        said = f"other bytes in {', '.join(other)}" if other else "the same bytes"
        stdout.print(
            f"{len(expected)} files; after {kills} kills: {said}; left behind: {sorted(set(got) - set(expected))}"
        )
        return 1 if other else 0


def _table(found: Sequence[Outcome], title: str) -> Table:
    table = Table(title=title)
    table.add_column("")
    for column in ("seconds", "of CPU", "MiB at most", "kills"):
        table.add_column(column, justify="right")
    for each in found:
        table.add_row(
            each.name, f"{each.seconds:.0f}", f"{each.cpu:.0f}", f"{each.memory / 2**20:,.0f}", str(each.kills)
        )
    table.add_row(
        "all", f"{sum(each.seconds for each in found):.0f}", f"{sum(each.cpu for each in found):.0f}",
        f"{max(each.memory for each in found) / 2**20:,.0f}", str(sum(each.kills for each in found)),
    )  # fmt: skip
    return table


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.history", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--kills", type=int, default=10, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=13, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--audit", action="store_true", help="look for label errors too, which takes minutes more")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where files of some gigabytes may lie for a while")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
