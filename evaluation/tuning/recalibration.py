"""The calibration of a policy, fitted anew on labelled posts: one temperature, or a scale and a bias for each label."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from evaluation.calibration import fit_temperature
from model.decision import calibrated
from model.policy import HeadPolicy

_FOLDS = 5
_SEED = 13
_LEAST_POSTS = 2 * _FOLDS
_PRIOR_POSTS = 10.0
"""What speaks for scales of one and biases of nothing weighs as much as so many posts."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What was found for one head.

    Attributes:
        policy: with the better calibration.
        method: `temperature` or `vector`.
        log_loss: in nats, of posts that each was not fitted on, by method; of the policy as it was, as `before`.
    """

    policy: HeadPolicy
    method: str
    posts: int
    log_loss: dict[str, float]


def recalibrate(policy: HeadPolicy, logits: NDArray[np.float32], gold: NDArray[np.int64]) -> Recalibration:
    """Fit the calibration of a head anew.

    Vector scaling (Guo et al. 2017, arXiv:1706.04599) takes the place of temperature scaling only where, over five
    folds, the log loss of posts that it was not fitted on is smaller by more than the standard error of the difference.

    Args:
        logits: `(n, n_labels)`.
        gold: `(n,)`, indices of labels; at least one.
    """
    plain = policy.model_copy(update={"scales": (), "biases": ()})
    fits: dict[str, Callable[[NDArray[np.float32], NDArray[np.int64]], HeadPolicy]] = {
        "temperature": lambda x, y: plain.model_copy(update={"temperature": fit_temperature(x, y)}),
        "vector": lambda x, y: _fit_vector(plain, x, y),
    }
    if len(gold) < _LEAST_POSTS:
        return Recalibration(fits["temperature"](logits, gold), "temperature", len(gold), {})
    losses = {name: np.empty(len(gold)) for name in fits}
    folds = np.array_split(np.random.default_rng(_SEED).permutation(len(gold)), _FOLDS)
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(gold)), fold)
        for name, fit in fits.items():
            losses[name][fold] = _losses(fit(logits[rest], gold[rest]), logits[fold], gold[fold])
    gain = losses["temperature"] - losses["vector"]
    method = "vector" if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else "temperature"
    means = {"before": float(_losses(policy, logits, gold).mean())}
    means |= {name: float(values.mean()) for name, values in losses.items()}
    return Recalibration(fits[method](logits, gold), method, len(gold), means)


def _losses(policy: HeadPolicy, logits: NDArray[np.float32], gold: NDArray[np.int64]) -> NDArray[np.float64]:
    of_gold = calibrated(logits, policy)[np.arange(len(gold)), gold]
    return np.asarray(-np.log(np.maximum(of_gold, np.finfo(np.float64).tiny)))


def _fit_vector(policy: HeadPolicy, logits: NDArray[np.float32], gold: NDArray[np.int64]) -> HeadPolicy:
    """Around the best temperature, with log scales and biases drawn towards nothing."""
    temperature = fit_temperature(logits, gold)
    x = logits.astype(np.float64) / temperature
    n, n_labels = x.shape
    truth = np.eye(n_labels)[gold]

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_scales, biases = np.split(parameters, 2)
        scales = np.exp(log_scales)
        z = x * scales + biases
        loss = -float(log_softmax(z, axis=1)[np.arange(n), gold].sum()) + _PRIOR_POSTS / 2 * float(
            parameters @ parameters
        )
        off = softmax(z, axis=1) - truth
        gradient = np.concatenate([(off * x).sum(axis=0) * scales, off.sum(axis=0)]) + _PRIOR_POSTS * parameters
        return loss / n, gradient / n

    found = minimize(objective, np.zeros(2 * n_labels), jac=True, method="L-BFGS-B", bounds=[(-3, 3)] * 2 * n_labels)
    log_scales, biases = np.split(found.x, 2)
    # `calibrated` divides by the temperature after the scales and biases.
    return policy.model_copy(
        update={
            "temperature": temperature,
            "scales": tuple(np.exp(log_scales).tolist()),
            "biases": tuple((biases * temperature).tolist()),
        }
    )
