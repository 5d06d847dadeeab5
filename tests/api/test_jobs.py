import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.commands.jobs import job_of, recipe_of
from data.posts import Example


@pytest.fixture
def history(examples: list[Example], tmp_path: Path) -> Path:
    """The toy posts as a file."""
    rows = [{"text": example.post.text, "case": example.group, **example.labels} for example in examples]
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_preset_for_a_quick_start_takes_some_of_many_posts_and_says_so(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(recipe_of("quick"), most_posts=20)
    some, every = (
        job_of([history], each, taxonomy=None, dev=None, name=None)
        for each in (recipe, replace(recipe, most_posts=None))
    )
    assert 5 < len(some.parts.train) < len(every.parts.train)
    assert {example.post.text for example in some.parts.train} < {example.post.text for example in every.parts.train}
    assert some.parts.test == every.parts.test
    said = capsys.readouterr().err
    assert said.count("posts that could teach, this preset takes 20; full takes all") == 1
    assert f"train {len(some.parts.train)}, " in said


def test_full_takes_all_posts_however_many() -> None:
    assert recipe_of("full").most_posts is None
