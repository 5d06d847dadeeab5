import io
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from data.posts import Example
from model.registry import Registry
from tests.api.command_line import Triage, command_line


@pytest.fixture
def models(registry: Registry, tmp_path: Path) -> Path:
    """A copy of the trained registry that a test may change."""
    return Path(shutil.copytree(registry.root, tmp_path / "models"))


@pytest.fixture
def cli(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Triage:
    """Run `triage` in an empty folder that holds `models/`."""
    assert models.parent == tmp_path
    monkeypatch.chdir(tmp_path)
    return command_line(monkeypatch, capsys)


@pytest.fixture
def labelled(examples: list[Example], tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    rows = [{"text": example.post.text, "group": example.group, **example.labels} for example in examples]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_one_text_is_labelled(cli: Triage) -> None:
    found = cli("classify", "the site is down again")
    assert found.code == 0
    assert json.loads(found.stdout)["labels"]["intent"]["label"] == "outage"


def test_standard_input_is_labelled_line_by_line(cli: Triage, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b'{"text": "site is down"}\nnot json\n{"text": "win cash now"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    found = cli("classify", "-")
    assert [json.loads(line)["triage"]["labels"]["intent"]["label"] for line in found.stdout.splitlines()] == [
        "outage",
        "spam",
    ]
    assert "1 bad rows left out" in found.stderr
    assert "-:2: not JSON" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "nothing.csv"), "nothing.csv: no such file"),
        (("classify", "labelled.jsonl", "-o", "out.xml"), "unknown ending '.xml'"),
        (("classify", "labelled.jsonl", "-o", "labelled.jsonl"), "is the input"),
        (("classify", "-", "-o", "out.csv"), "needs a file to read from"),
        (("classify", "models"), "unknown ending"),
        (("classify", "labelled.jsonl", "-o", "/dev/null/out.csv"), "/dev/null"),
        (("train", "labelled.jsonl", "--name", "../esc"), "cannot be a bundle's name"),
        (("classify", "labelled.jsonl", "--text", "body"), "none of its 60 rows can be read"),
        (("classify", "text", "--model", "nobody"), "no bundle 'nobody'"),
        (("evaluate", "toy@1"), "give at least one file"),
        (("evaluate", "toy@9", "labelled.jsonl"), "no bundle 'toy@9'"),
        (("train", "--preset", "slow"), "expected one of ['few', 'full', 'quick']"),
        (("train", "--taxonomy", "x.yaml"), "go with files"),
        (("train", "labelled.jsonl", "--encoder", "./nowhere"), "encoder './nowhere'"),
        (("export", "toy@1"), "give --data FILE"),
        (("models", "promote", "toy@2"), "no bundle 'toy@2'"),
        (("models", "rollback"), "nothing was promoted before"),
    ],
)
def test_bad_input_ends_with_2_and_one_clear_line(
    cli: Triage, labelled: Path, arguments: tuple[str, ...], message: str
) -> None:
    found = cli(*arguments)
    assert found.code == 2
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_many_bad_rows_are_told_by_the_exit_status(cli: Triage, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('text,n\nlate,1\n"stray,2\nlate,3\n')
    found = cli("classify", "in.csv", "-o", "out.csv")
    assert found.code == 1
    assert "2 bad rows left out" in found.stderr
    assert (tmp_path / "out.csv").read_text().count("late") == 1


def test_posts_that_pick_the_epoch_are_not_learned(cli: Triage, labelled: Path, tiny_encoder: Path) -> None:
    picking = labelled.with_name("dev.jsonl")
    picking.write_text("".join(labelled.read_text().splitlines(keepends=True)[:9]))
    found = cli("train", labelled, "--dev", picking, "--encoder", tiny_encoder, "--epochs", 1, "--name", "mine")
    assert found.code == 0, found.stderr
    assert f"left 9 posts out of {labelled} that stand in {picking} too" in found.stderr


def test_a_model_is_trained_listed_promoted_and_rolled_back(
    cli: Triage, labelled: Path, models: Path, tiny_encoder: Path
) -> None:
    trained = cli("train", labelled, "--encoder", tiny_encoder, "--epochs", 1, "--name", "mine")
    assert trained.code == 0, trained.stderr
    assert "intent (3 labels)" in trained.stderr
    assert "promote it: triage models promote mine@1" in trained.stderr
    assert cli("models", "promote", "mine").code == 0

    listed = {row["bundle"]: row for row in json.loads(cli("models", "list", "--json").stdout)}
    assert {name: row["promoted"] for name, row in listed.items()} == {"mine@1": True, "toy@1": False}
    shown = json.loads(cli("models", "show", "--json").stdout)
    assert shown["manifest"]["provenance"]["recipe"]["epochs"] == 1
    assert "# mine@1" in cli("models", "show").stdout

    assert cli("models", "rollback").code == 0
    assert json.loads((models / "promoted.json").read_text())["current"] == "toy@1"


def test_export_writes_the_next_version_and_the_hub_format(cli: Triage, labelled: Path, models: Path) -> None:
    assert cli("export", "toy@1", "--data", labelled).code == 0
    assert json.loads((models / "toy" / "2" / "manifest.json").read_text())["parent"] == "toy@1"
    assert cli("export", "toy", "--to-hub-format", "hub").code == 0
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in Path("hub").iterdir()}


def test_a_corrupted_bundle_is_refused_and_listed_with_its_fault(cli: Triage, models: Path) -> None:
    with (models / "toy" / "1" / "model.onnx").open("r+b") as file:
        file.write(b"\0")
    for found in (cli("classify", "late"), cli("serve")):
        assert found.code == 2
        assert "model.onnx: torn or altered" in found.stderr
    [row] = json.loads(cli("models", "list", "--json").stdout)
    assert "torn or altered" in row["fault"]


def test_a_port_that_is_taken_is_told(cli: Triage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = cli("serve", "--port", taken.getsockname()[1])
    assert found.code == 2
    assert "cannot listen on 127.0.0.1" in found.stderr


def test_a_missing_text_column_is_told_with_those_that_are_there(cli: Triage, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("body,n\nlate,1\n")
    found = cli("classify", "in.csv", "-o", "out.csv")
    assert (found.code, "no column 'text'; it has ['body', 'n']" in found.stderr) == (2, True)
    assert cli("classify", "in.csv", "-o", "out.csv", "--text", "body").code == 0


def test_config_tells_values_and_origins(cli: Triage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_PORT", "81")
    plain = json.loads(cli("config", "--json").stdout)
    assert plain["port"] == {"value": 81, "from": "TRIAGE_PORT"}
    assert "TRIAGE_PORT" in cli("config").stdout
    monkeypatch.setenv("TRIAGE_FEEDBACK", "postgresql://ana:secret@host/triage?password=secret")
    assert "host/triage" in cli("config").stdout
    assert "secret" not in cli("config").stdout + cli("config", "--json").stdout


WITHOUT_TRANSFORMERS = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "transformers":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["triage", "train"]
from api.cli import main
main()
"""


def test_a_verb_whose_extra_is_missing_says_what_to_install() -> None:
    found = subprocess.run([sys.executable, "-c", WITHOUT_TRANSFORMERS], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.splitlines() == [
        "error: this verb needs transformers, which is not installed; install it: pip install -e '.[train]'"
    ]
