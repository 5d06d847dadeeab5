"""What is written for users is checked against what they get."""

import re
from pathlib import Path

import pytest
import typer.main

from api.cli import app
from api.problems import Code
from api.schemas import ItemErrorCode
from api.settings import Settings
from data.starter_corpus import STARTER, read_starter, split_starter

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PACKAGES = ("api", "training", "evaluation", "model", "data")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_named_in_the_readme_of_its_package(package: str) -> None:
    text = (ROOT / package / "README.md").read_text()
    modules = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py"}
    assert {module for module in modules if f"`{module}`" not in text} == set()
    assert {name for name in re.findall(r"`(\w+\.py)`", text) if name not in modules} == set()


def test_every_verb_is_documented() -> None:
    group = typer.main.get_command(app)
    verbs = group.commands  # type: ignore[attr-defined]  # typer gives a group where there are several verbs
    for verb in verbs:
        assert f"`triage {verb}" in README
    for group_name in ("models", "data", "keys"):
        row = next(line for line in README.splitlines() if f"`triage {group_name} " in line)
        for part in verbs[group_name].commands:
            assert part in row


def test_every_setting_is_documented_with_its_default() -> None:
    table = README[README.index("| setting | default |") :]
    for name, field in Settings.model_fields.items():
        row = next(line for line in table.splitlines() if f"`{name}`" in line)
        if isinstance(field.default, bool):
            assert ("on" if field.default else "off") in row
        elif isinstance(field.default, int) and not row.endswith("MiB"):
            shown = row.replace(",", "")
            assert str(field.default) in shown or f"{field.default // 2**20} MiB" in shown


def test_every_code_is_documented() -> None:
    for code in (*Code, *ItemErrorCode):
        assert code.value in README


def test_links_within_the_repository_lead_somewhere() -> None:
    for page in ROOT.glob("**/README.md"):
        if ".venv" in page.parts:
            continue
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_data_card_counts_right() -> None:
    card = (STARTER / "README.md").read_text()
    posts = read_starter()
    parts = split_starter(posts)
    pairs = {post.metadata["pair"] for post in posts if "pair" in post.metadata}
    for line in (
        f"| posts | {len(posts):,},",
        f"| writers | {len({post.metadata['writer'] for post in posts})},",
        f"| contrast pairs | {len(pairs):,}:",
        f"{len(parts.test):,} posts",
        f"train ({len(parts.train):,}), dev ({len(parts.dev):,}) and calibration ({len(parts.calibration):,})",
    ):
        assert line in " ".join(card.split("\n")), line
