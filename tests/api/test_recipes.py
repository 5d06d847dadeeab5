from dataclasses import replace

import pytest

from api.commands.recipes import idle_settings, is_chosen, recipe_of
from data.errors import ConfigurationError
from training.recipe import PRESETS


def test_full_takes_all_posts_however_many() -> None:
    assert recipe_of("full").most_posts is None


def test_any_setting_of_a_recipe_can_be_given() -> None:
    given = ["class_weights=0.5", "patience=2", "most_posts=none", "encoder=some/encoder", "focal=2", "seed=7"]
    found = recipe_of("quick", epochs=3, settings=given)
    expected = replace(
        PRESETS["quick"], epochs=3, class_weights=0.5, patience=2, most_posts=None, encoder="some/encoder", focal=2.0,
        seed=7,
    )  # fmt: skip
    assert found == expected
    assert (type(found.patience), type(found.focal)) == (int, float)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("focal", "expected NAME=VALUE"),
        ("focus=2", r"epochs \(a whole number\).*patience \(a whole number or none\)"),
        ("epochs=2.5", "expected a whole number"),
        ("batch_size=0", "expected a number from 1 on"),
        ("epochs=0", "the heads would learn nothing"),
        ("dropout=much", "expected a number"),
        ("dropout=nan", "expected a number from 0 to 1"),
        ("focal=-1", "expected a number from 0 on"),
        ("epochs=none", "expected a whole number"),
        ("label_smoothing=10", "expected a number from 0 to 1"),
        ("dropout=2", "expected a number from 0 to 1"),
        ("encoder_dropout=1.5", "expected a number from 0 to 1"),
        ("noise=60", "expected a number from 0 to 1"),
        ("warmup=500", r"expected a number from 0 to 0\.99"),
        ("seed=99999999999", "expected a number from 0 to 4294967295"),
    ],
)
def test_a_setting_that_is_none_is_told_with_what_is_expected(setting: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        recipe_of("full", settings=[setting])


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_the_generators_do_not_take_is_bad_input(seed: int) -> None:
    with pytest.raises(ConfigurationError, match=f"--seed {seed}: expected a number from 0 to 4294967295"):
        recipe_of("full", seed=seed)


def test_settings_that_change_nothing_where_only_heads_are_fitted_are_found() -> None:
    given = ["focal=2", "class_weights=0.5", "patience=2", "batch_size=16"]
    assert idle_settings(recipe_of("few", settings=given), given) == ["focal", "patience"]
    assert idle_settings(recipe_of("few", epochs=1, settings=given), given) == []


def test_a_setting_is_given_once() -> None:
    with pytest.raises(ConfigurationError, match="epochs is given twice"):
        recipe_of("full", epochs=2, settings=["epochs=3"])
    with pytest.raises(ConfigurationError, match="focal is given twice"):
        recipe_of("full", settings=["focal=1", "focal=2"])


def test_heads_are_fitted_without_an_epoch_where_the_recipe_says_so() -> None:
    found = recipe_of("few", settings=["contrastive_epochs=0"])
    assert (found.epochs, found.contrastive_epochs, found.probe) == (0, 0, True)


@pytest.mark.parametrize(
    ("preset", "epochs", "settings", "expected"),
    [(None, None, ["noise=0"], False), ("full", None, [], True), (None, 3, [], True), (None, None, ["epochs=3"], True)],
)
def test_a_preset_is_chosen_only_for_who_has_not(
    preset: str | None, epochs: int | None, settings: list[str], expected: bool
) -> None:
    assert is_chosen(preset, epochs, settings) is expected
