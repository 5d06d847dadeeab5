"""What is asked for on the command line reaches the recipe, or is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import ConfigurationError
from tests.benchmark.__main__ import main
from tests.benchmark.measuring import Wanted
from training.recipe import Recipe

OWN = Recipe(epochs=8, label_smoothing=0.0)
PLAIN = Wanted(Path("train.csv"), [13, 14], Path("work"))


def test_a_benchmark_has_its_own_recipe_unless_others_are_asked_for() -> None:
    assert PLAIN.recipe(OWN) == OWN
    wanted = replace(PLAIN, epochs=3, encoder="other", settings=["class_weights=0.5", "batch_size=64", "patience=none"])
    expected = replace(OWN, epochs=3, encoder="other", class_weights=0.5, batch_size=64, patience=None)
    assert wanted.recipe(OWN) == expected
    assert [recipe.seed for recipe in wanted.recipes(OWN)] == [13, 14]


@pytest.mark.parametrize(
    ("setting", "told"),
    [("focl=2", "NAME being one of epochs, encoder"), ("focal", "--set: focal"), ("batch_size=half", "batch_size")],
)
def test_a_setting_that_is_none_is_refused(setting: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        replace(PLAIN, settings=[setting]).recipe(OWN)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["clinc150", "--shots", "5"], "--shots goes with banking77"),
        (["cleaning", "--on", "dev"], "--on dev goes with banking77 and x_fincorp"),
        (["banking77", "--shots", "7"], "invalid choice"),
    ],
)
def test_what_a_benchmark_does_not_know_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert told in capsys.readouterr().err
