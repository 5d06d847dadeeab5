"""`triage` as its user types it, in the test process."""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from api.cli import main


class Outcome(NamedTuple):
    """What came of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def plain(self) -> Any:
        """What was printed for machines."""
        return json.loads(self.stdout)


Triage = Callable[..., Outcome]


def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Triage:
    """Run it with the arguments given, in the folder that is current, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["triage", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return run
