"""Heads fitted to a network that is held still: a linear probe.

A fresh head that is trained together with the encoder pulls at it with random weights at first; fitted beforehand it
does not (Kumar et al. 2022, arXiv:2202.10054).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from data.examples import posts_of
from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from model.network import TriageNetwork
from model.scores import UNLABELLED
from model.tokenizer import PostTokenizer
from training.objective import label_weights
from training.precision import network_scores
from training.recipe import Recipe

_STRENGTH = 1.0  # sklearn's C: the inverse of the regularisation, of embeddings with a standard deviation of 1
_ITERATIONS = 500


def fit_heads(
    network: TriageNetwork, tokenizer: PostTokenizer, examples: Sequence[Example], taxonomy: Taxonomy, recipe: Recipe
) -> None:
    """Replace the heads of `network` by logistic regressions on its embeddings of the examples.

    A head of which fewer than two labels are taught is left as it is.

    Args:
        recipe: its class weights are those of the posts.
    """
    embeddings = network_scores(network, tokenizer.encode(posts_of(examples)), tokenizer.pad_id).embedding
    for head in taxonomy:
        targets = targets_of(examples, head)
        taught = np.unique(targets[targets != UNLABELLED])
        if len(taught) > 1:
            known = targets != UNLABELLED
            weights = label_weights(targets, len(head.labels), recipe).numpy()[targets[known]]
            weight, bias = _regression(embeddings[known].astype(np.float64), targets[known], weights)
            _put(network.heads[head.name], taught, weight, bias)


def _regression(
    embeddings: NDArray[np.float64], targets: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights `(n_taught, hidden_size)` and biases `(n_taught,)` of the labels that are taught, in their order."""
    scale = embeddings.std() or 1.0
    fitted = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS).fit(embeddings / scale, targets, weights)
    weight, bias = fitted.coef_ / scale, fitted.intercept_
    if len(weight) == 1:  # two labels have one row, of their difference
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias


def _put(layer: Any, taught: NDArray[np.int64], weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    """Rows of labels that nobody teaches get the least bias of all, so that they never win by chance."""
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(float(bias.min()))
        layer.weight[taught] = torch.tensor(weight, dtype=torch.float32)
        layer.bias[taught] = torch.tensor(bias, dtype=torch.float32)
