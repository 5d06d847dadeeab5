import numpy as np
import pytest
import torch

from model.network import TriageOutput
from model.scores import UNLABELLED
from training.contrastive import TEMPERATURE, ContrastiveObjective

EMBEDDINGS = [[1.0, 0.2], [0.8, 0.6], [-0.5, 1.0], [-1.0, -0.3]]


def loss_of(labels: list[list[int]], embeddings: list[list[float]] = EMBEDDINGS) -> float:
    output = TriageOutput(logits={}, embedding=torch.tensor(embeddings))
    return ContrastiveObjective()(output, torch.tensor(labels)).item()


def hand_worked(targets: list[int]) -> float:
    """Mean over the posts with a partner of the mean over partners of minus the log of their share."""
    rows = np.array(EMBEDDINGS) / np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)
    costs = []
    for one, target in enumerate(targets):
        partners = [other for other, found in enumerate(targets) if found == target and other != one]
        others = [other for other in range(len(targets)) if other != one and targets[other] != UNLABELLED]
        if partners and target != UNLABELLED:
            whole = sum(np.exp(rows[one] @ rows[other] / TEMPERATURE) for other in others)
            costs.append(np.mean([np.log(whole) - rows[one] @ rows[other] / TEMPERATURE for other in partners]))
    return float(np.mean(costs))


@pytest.mark.parametrize("targets", [[0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 0, UNLABELLED]])
def test_the_loss_is_the_supervised_contrastive_one(targets: list[int]) -> None:
    assert loss_of([[target] for target in targets]) == pytest.approx(hand_worked(targets), rel=1e-4)


def test_heads_count_alike_and_one_without_pairs_does_not_count() -> None:
    one, other = [0, 0, 1, 1], [1, 0, 1, 0]
    both = loss_of([[a, b] for a, b in zip(one, other, strict=True)])
    assert both == pytest.approx((hand_worked(one) + hand_worked(other)) / 2, rel=1e-4)
    assert loss_of([[target, place] for place, target in enumerate(one)]) == pytest.approx(hand_worked(one), rel=1e-4)


def test_a_batch_without_a_pair_costs_nothing_and_moves_nothing() -> None:
    embedding = torch.tensor(EMBEDDINGS, requires_grad=True)
    loss = ContrastiveObjective()(TriageOutput(logits={}, embedding=embedding), torch.tensor([[0], [1], [2], [3]]))
    torch.autograd.backward([loss])
    assert loss.item() == 0.0
    assert embedding.grad is not None
    assert not embedding.grad.any()


def test_a_step_draws_posts_of_one_label_together() -> None:
    embedding = torch.tensor(EMBEDDINGS, requires_grad=True)
    labels = torch.tensor([[0], [1], [0], [1]])

    def likeness() -> float:
        rows = torch.nn.functional.normalize(embedding.detach(), dim=1)
        return float(rows[0] @ rows[2] + rows[1] @ rows[3] - rows[0] @ rows[1] - rows[2] @ rows[3])

    before = likeness()
    loss = ContrastiveObjective()(TriageOutput(logits={}, embedding=embedding), labels)
    [gradient] = torch.autograd.grad(loss, [embedding])
    with torch.no_grad():
        embedding -= 0.01 * gradient
    assert likeness() > before
