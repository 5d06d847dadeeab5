import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.probe import first_answer
from model.bundle import Bundle


@pytest.fixture
def bench(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The verb on the tiny bundle, with rounds of few posts."""
    monkeypatch.setattr("evaluation.speed._TOKENS_A_ROUND", 400)
    monkeypatch.setattr("evaluation.speed._SINGLE_POSTS", 3)
    monkeypatch.setattr("evaluation.speed.EXACTNESS_POSTS", 50)
    monkeypatch.setattr("api.commands.bench._SOAK_POSTS", 6000)
    monkeypatch.setattr("api.commands.bench._SOAK_ENGINES", 20)

    def run(*options: str) -> str:
        answer = CliRunner().invoke(app, ["bench", str(bundle.path), *options], env={"COLUMNS": "200"})
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    return run


def test_bench_measures_both_precisions_on_every_mix_and_draws_them(bench: Any, tmp_path: Path) -> None:
    plot = tmp_path / "speed.svg"
    result = json.loads(bench("--rounds", "2", "--json", "--plot", str(plot)))
    assert {"8", "16", "BANKING77", "real posts"} <= result["mixes"].keys()
    for mix in result["mixes"].values():
        assert set(mix["engines"]) == {"fp32", "int8"}
        against_itself = mix["engines"]["fp32"]["bulk_against_fp32"]
        assert against_itself == {"median": 1.0, "min": 1.0, "max": 1.0}
        for figures in mix["engines"].values():
            rate, share = figures["posts_per_second"], figures["times_the_matrix_rate"]
            assert 0 < rate["min"] <= rate["median"] <= rate["max"]
            assert share["max"] / share["min"] == pytest.approx(rate["max"] / rate["min"])
    for exact in result["exactness"].values():
        assert exact["posts"] == 50
        assert exact["largest_shift"] < 1e-6
        assert exact["other_labels"] == 0
    assert result["serving"]["first_answer_seconds"] > 0
    assert result["serving"]["resident_mb"] > 20
    assert result["serving"]["model_mb"] < result["serving"]["bundle_mb"]
    drawing = plot.read_text()
    assert drawing.startswith("<?xml")
    assert "float32 matrix products alone" in drawing


def test_bench_prints_tables_for_people(bench: Any) -> None:
    printed = bench("--rounds", "1")
    for wanted in ("posts a second", "BANKING77 (", "float32 matrix rate", "service: memory, MB", "int8: 50 posts"):
        assert wanted in printed


def test_bench_soaks_and_says_how_memory_went(bench: Any) -> None:
    course = json.loads(bench("--soak", "--json"))
    for name in ("posts", "engines"):
        assert len(course[name]) == 20
        assert course[name][-1] < course[name][0] + 60  # megabytes; the full command is what shows a slow leak
    assert "after a quarter" in bench("--soak")


def test_the_service_that_is_measured_has_no_settings_but_its_own(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIAGE_KEYS_FILE", str(tmp_path / "keys.json"))  # which is not there
    monkeypatch.setenv("TRIAGE_HOST", "192.0.2.7")  # nor is this machine
    Path("triage.toml").write_text("port = 80\nkeys_file = 'keys.json'\n")
    seconds, megabytes = first_answer(bundle.path)
    assert seconds > 0
    assert megabytes > 10
