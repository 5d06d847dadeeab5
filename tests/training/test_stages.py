from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import set_seed

from data.errors import Interrupted
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.network import TriageNetwork
from training.initial_network import initial_network
from training.recipe import Recipe
from training.stages import Course, teach

Teach = Callable[..., tuple[TriageNetwork, dict[str, float]]]
StoppingAt = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def taught(taxonomy: Taxonomy, parts: Parts, recipe: Recipe, tmp_path: Path) -> Teach:
    """What a recipe with some other settings makes of the toy posts, and what it scored."""

    def make(
        folder: str = "work", *, resume: bool = False, **settings: object
    ) -> tuple[TriageNetwork, dict[str, float]]:
        chosen = replace(recipe, **{"epochs": 0, **settings})  # type: ignore[arg-type]  # any settings of a recipe
        set_seed(chosen.seed)
        initial = initial_network(chosen, taxonomy)
        course = Course(taxonomy, parts.train, parts.dev)
        outcome = teach(initial, course, chosen, tmp_path / folder, resume=resume, logs=tmp_path / "logs")
        return initial.network, outcome

    return make


def same(one: TriageNetwork, other: TriageNetwork) -> bool:
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def test_heads_alone_are_fitted_and_scored_on_the_dev_part(taught: Teach) -> None:
    _, outcome = taught(probe=True)
    assert outcome.keys() == {"best_epoch", "epochs", "dev_macro_f1"}
    assert (outcome["best_epoch"], outcome["epochs"]) == (0.0, 0.0)
    assert outcome["dev_macro_f1"] > 0.9


def test_the_contrastive_stage_moves_the_encoder_and_leaves_the_heads_to_the_probe(taught: Teach) -> None:
    still, _ = taught(probe=True)
    moved, outcome = taught(probe=True, contrastive_epochs=1)
    dense = "encoder.encoder.layer.0.output.dense.weight"
    assert not torch.equal(still.state_dict()[dense], moved.state_dict()[dense])
    assert outcome["dev_macro_f1"] > 0.9
    drawn, _ = taught(contrastive_epochs=1)
    fresh, _ = taught()
    assert torch.equal(drawn.state_dict()["heads.intent.bias"], fresh.state_dict()["heads.intent.bias"])


def test_definitions_teach_too(taught: Teach) -> None:
    without, _ = taught(probe=True)
    with_them, _ = taught(probe=True, definitions=True)
    assert not torch.equal(without.state_dict()["heads.intent.weight"], with_them.state_dict()["heads.intent.weight"])


def test_the_last_epoch_is_kept_where_the_recipe_says_so(taught: Teach) -> None:
    # By the second of four epochs nothing on the dev part is left to be better at.
    best, by_dev = taught("best", epochs=4)
    last, kept = taught("last", epochs=4, keep_last=True)
    assert by_dev["best_epoch"] < kept["best_epoch"] == kept["epochs"] == 4.0
    assert kept["dev_macro_f1"] == pytest.approx(by_dev["dev_macro_f1"])
    assert not same(best, last)


@pytest.mark.parametrize("step", [3, 12], ids=["in the first stage", "in the second"])
def test_a_run_that_is_stopped_in_a_stage_ends_as_if_it_had_not_been(
    taught: Teach, stopping_at: StoppingAt, step: int
) -> None:
    settings = {"contrastive_epochs": 1, "probe": True, "definitions": True, "epochs": 1}  # ten steps and five
    whole, outcome = taught("whole", **settings)
    with stopping_at(step), pytest.raises(Interrupted):
        taught("stopped", **settings)
    resumed, found = taught("stopped", resume=True, **settings)
    assert same(whole, resumed)
    assert outcome == found


def test_a_run_with_patience_is_gone_on_with_in_a_stage_that_has_no_dev_part(
    taught: Teach, stopping_at: StoppingAt
) -> None:
    settings = {"contrastive_epochs": 1, "probe": True, "patience": 1}
    whole, outcome = taught("whole", **settings)
    with stopping_at(3), pytest.raises(Interrupted):
        taught("stopped", **settings)
    resumed, found = taught("stopped", resume=True, **settings)
    assert same(whole, resumed)
    assert outcome == found
