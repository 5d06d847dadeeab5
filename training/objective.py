"""What a run minimises: cross-entropy of the known labels, rare labels and hard posts weighed as the recipe says."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from model.network import TriageOutput
from model.scores import UNLABELLED
from training.recipe import Recipe

# To certainty, for the focal loss: a power below 1 is infinitely steep at 0.
_LEAST_MISSING = 1e-6


class Objective:
    """The loss of a batch: mean over its heads of the mean over the posts whose label is known."""

    def __init__(self, weights: Mapping[str, Tensor], *, label_smoothing: float = 0.0, focal: float = 0.0) -> None:
        """
        Args:
            weights: by head, of a post with each label, `(n_labels,)`.
            label_smoothing: share of the target's mass that is spread over all labels.
            focal: exponent of the focal loss: posts that the network is sure and right about count less.
        """
        self._weights = dict(weights)
        self._label_smoothing = label_smoothing
        self._focal = focal

    @classmethod
    def of(cls, recipe: Recipe, examples: Sequence[Example], taxonomy: Taxonomy) -> "Objective":
        """As the recipe says, with class weights by the counts of labels in the train part."""
        weights = {head.name: label_weights(targets_of(examples, head), len(head.labels), recipe) for head in taxonomy}
        return cls(weights, label_smoothing=recipe.label_smoothing, focal=recipe.focal)

    def __call__(self, output: TriageOutput, labels: Tensor) -> Tensor:
        """A scalar.

        Args:
            output: of the batch.
            labels: `(n_posts, n_heads)`, the index of each gold label or `UNLABELLED`.
        """
        logits: Mapping[str, Tensor] = output.logits or {}
        losses = [
            self._head_loss(name, head_logits.float(), targets)
            for (name, head_logits), targets in zip(logits.items(), labels.unbind(dim=1), strict=True)
            if bool((targets != UNLABELLED).any())  # the mean over no target is not a number
        ]
        if not losses:
            return torch.stack([head_logits.sum() for head_logits in logits.values()]).sum() * 0.0
        return torch.stack(losses).mean()

    def _head_loss(self, name: str, logits: Tensor, targets: Tensor) -> Tensor:
        known = targets != UNLABELLED
        logits, targets = logits[known], targets[known]
        losses = (
            functional.cross_entropy(logits, targets, reduction="none", label_smoothing=self._label_smoothing)
            * self._weights[name].to(logits.device)[targets]
        )
        if self._focal:
            right = logits.softmax(dim=1).gather(1, targets[:, None]).squeeze(1)
            missing = (1.0 - right).clamp_min(_LEAST_MISSING)
            losses = losses * missing**self._focal
        return losses.mean()


def label_weights(targets: np.ndarray[tuple[int], np.dtype[np.int64]], labels: int, recipe: Recipe) -> Tensor:
    """The weight of a post with each label, `(labels,)`, float32; over the known targets their mean is 1."""
    counts = np.bincount(targets[targets != UNLABELLED], minlength=labels).astype(np.float64)
    powers = np.where(counts > 0, np.maximum(counts, 1.0) ** -recipe.class_weights, 1.0)
    mean = (powers * counts).sum() / max(counts.sum(), 1.0)
    return torch.tensor(powers / (mean or 1.0), dtype=torch.float32)
