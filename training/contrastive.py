"""Learning from few examples: posts of one label are drawn together before the heads are fitted.

Supervised contrastive learning (Khosla et al. 2020, arXiv:2004.11362), as a stage of its own before the heads as in
SetFit (Tunstall et al. 2022, arXiv:2209.11055). Which of its settings won where stands in EXPERIMENTS.md.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from model.network import TriageOutput
from model.scores import UNLABELLED

TEMPERATURE = 0.07


class ContrastiveObjective:
    """The loss of a batch: mean over heads of the supervised contrastive loss of the embeddings."""

    def __call__(self, output: TriageOutput, labels: Tensor) -> Tensor:
        """A scalar; zero where no two posts of the batch share a label.

        Args:
            output: of the batch; only its embedding is looked at.
            labels: `(n_posts, n_heads)`, the index of each gold label or `UNLABELLED`.
        """
        pooled: Any = output.embedding
        embedding = functional.normalize(pooled.float(), dim=1)
        similarity = embedding @ embedding.T / TEMPERATURE
        losses = [loss for targets in labels.unbind(dim=1) if (loss := _head_loss(similarity, targets)) is not None]
        return torch.stack(losses).mean() if losses else similarity.sum() * 0.0


def _head_loss(similarity: Tensor, targets: Tensor) -> Tensor | None:
    known = targets != UNLABELLED
    targets, similarity = targets[known], similarity[known][:, known]
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    alike = (targets[:, None] == targets[None, :]) & ~itself
    paired = alike.any(dim=1)
    if not bool(paired.any()):
        return None
    logs = similarity.masked_fill(itself, -torch.inf)
    logs = logs - torch.logsumexp(logs, dim=1, keepdim=True)
    means = logs.masked_fill(~alike, 0.0).sum(dim=1)[paired] / alike.sum(dim=1)[paired]
    return -means.mean()
