from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from model.network import TriageOutput
from model.scores import UNLABELLED
from training.objective import Objective, label_weights
from training.recipe import Recipe

SIZES = {"intent": 3, "urgency": 3, "department": 2}
RECIPE = Recipe(epochs=1)


def output_of(logits: dict[str, Tensor]) -> TriageOutput:
    return TriageOutput(logits=logits, embedding=torch.zeros(len(logits["intent"]), 2))


def output(seed: int = 3) -> Any:
    """Logits of three posts."""
    generator = torch.Generator().manual_seed(seed)
    return output_of(
        {name: torch.randn(3, size, generator=generator, requires_grad=True) for name, size in SIZES.items()}
    )


def objective(label_smoothing: float = 0.0, focal: float = 0.0, **weights: list[float]) -> Objective:
    given = {name: torch.tensor(weights.get(name, [1.0] * size)) for name, size in SIZES.items()}
    return Objective(given, label_smoothing=label_smoothing, focal=focal)


def logits_of(answer: Any, name: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = answer.logits[name].detach().numpy().astype(np.float64)
    return found


def hand_worked(logits: NDArray[np.float64], target: int, smoothing: float = 0.0) -> float:
    """Cross-entropy against a target that spreads `smoothing` evenly over all labels."""
    log_probabilities = logits - np.log(np.exp(logits).sum())
    wanted = np.full(len(logits), smoothing / len(logits))
    wanted[target] += 1 - smoothing
    return float(-(wanted * log_probabilities).sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_heads_of_the_mean_over_known_labels(smoothing: float) -> None:
    labels = torch.tensor([[0, 2, 1], [2, UNLABELLED, UNLABELLED], [UNLABELLED, 0, UNLABELLED]])
    answer = output()
    intent, urgency, department = (logits_of(answer, name) for name in SIZES)
    expected = np.mean(
        [
            np.mean([hand_worked(intent[0], 0, smoothing), hand_worked(intent[1], 2, smoothing)]),
            np.mean([hand_worked(urgency[0], 2, smoothing), hand_worked(urgency[2], 0, smoothing)]),
            hand_worked(department[0], 1, smoothing),
        ]
    )
    assert objective(smoothing)(answer, labels).item() == pytest.approx(expected, rel=1e-5)


def test_a_head_whose_labels_are_all_missing_gets_no_gradient() -> None:
    answer = output()
    labels = torch.tensor([[0, UNLABELLED, 1], [2, UNLABELLED, 0], [1, UNLABELLED, UNLABELLED]])
    torch.autograd.backward([objective()(answer, labels)])
    moved = {name for name in SIZES if answer.logits[name].grad is not None}
    assert moved == {"intent", "department"}


def test_a_batch_without_any_label_costs_nothing_and_moves_nothing() -> None:
    answer = output()
    loss = objective()(answer, torch.full((3, 3), UNLABELLED))
    torch.autograd.backward([loss])
    assert loss.item() == 0.0
    assert not any(bool(logits.grad.any()) for logits in answer.logits.values())


def test_a_post_without_labels_does_not_dilute_the_loss_of_the_others() -> None:
    answer = output()
    labels = torch.tensor([[0, 2, 1], [2, 1, 0], [UNLABELLED, UNLABELLED, UNLABELLED]])
    two = output_of({name: logits[:2] for name, logits in answer.logits.items()})
    assert objective()(answer, labels).item() == pytest.approx(objective()(two, labels[:2]).item(), rel=1e-6)


def test_a_label_that_weighs_three_times_as_much_costs_three_times_as_much() -> None:
    answer = output()
    labels = torch.tensor([[0, UNLABELLED, UNLABELLED], [1, UNLABELLED, UNLABELLED], [UNLABELLED] * 3])
    intent = logits_of(answer, "intent")
    expected = (3 * hand_worked(intent[0], 0) + 0.5 * hand_worked(intent[1], 1)) / 2
    found = objective(intent=[3.0, 0.5, 1.0])(answer, labels).item()
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_focal_loss_counts_a_post_by_the_power_of_what_is_missing_to_certainty() -> None:
    answer = output()
    labels = torch.tensor([[2, UNLABELLED, UNLABELLED], [UNLABELLED] * 3, [UNLABELLED] * 3])
    cost = hand_worked(logits_of(answer, "intent")[0], 2)
    expected = (1 - np.exp(-cost)) ** 2 * cost
    assert objective(focal=2.0)(answer, labels).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("focal", [0.5, 1.0, 2.0])
def test_a_post_that_the_network_is_wholly_sure_of_spoils_no_gradient(focal: float) -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0], [1.0, 0.0, 0.0]], requires_grad=True)
    certain = Objective({"intent": torch.ones(3)}, focal=focal)
    loss = certain(output_of({"intent": logits}), torch.tensor([[0], [0]]))
    [gradient] = torch.autograd.grad(loss, [logits])
    assert torch.isfinite(gradient).all()
    assert gradient[1].abs().min() > 0


@pytest.mark.parametrize(
    ("power", "expected"), [(0.0, [1.0, 1.0, 1.0]), (0.5, [0.75, 1.5, 1.0]), (1.0, [0.625, 2.5, 1.0])]
)
def test_weights_fall_with_the_power_of_the_count_and_are_1_in_the_mean_over_posts(
    power: float, expected: list[float]
) -> None:
    targets = np.array([0, 0, 0, 0, 1, UNLABELLED])
    weights = label_weights(targets, 3, replace(RECIPE, class_weights=power))
    assert weights[targets[:5]].mean().item() == pytest.approx(1.0, rel=1e-6)
    ratio = (weights / weights[0])[:2].tolist()
    assert ratio == pytest.approx([1.0, expected[1] / expected[0]], rel=1e-6)
    assert torch.isfinite(weights).all()


def test_the_weights_of_a_recipe_are_of_the_labels_that_teach(taxonomy: Taxonomy) -> None:
    examples = [Example(Post(f"post {number}"), {"urgency": "low" if number else "high"}) for number in range(10)]
    rare = Objective.of(replace(RECIPE, class_weights=1.0, label_smoothing=0.0), examples, taxonomy)

    def cost(target: int) -> Tensor:
        logits = {name: torch.zeros(1, size) for name, size in SIZES.items()}
        return rare(output_of(logits), torch.tensor([[UNLABELLED, target, UNLABELLED]]))

    assert (cost(2) / cost(0)).item() == pytest.approx(9.0, rel=1e-5)
