"""Which graph of a network is served: static int8 where it decides as the network does, float32 otherwise."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.errors import BundleError, ExportError
from data.examples import posts_of
from data.files import file_sha256
from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.calibration import fit_temperature
from evaluation.metrics import evaluate
from evaluation.scored import ScoredPosts
from evaluation.targets import targets_of
from evaluation.weighting import Shares, weights_for
from model.bundle import Precision
from model.decision import decide
from model.engine import Engine
from model.export import export_onnx
from model.network import TriageNetwork
from model.policy import Policy
from model.quantize import quantize
from model.reference import ReferencePosts, scored
from model.scores import UNLABELLED, Scores
from model.tokenizer import Encoded, PostTokenizer
from model.windows import counts_of, pool, windows_of
from training.gate import Judged, compare

SAMPLE_POSTS = 300
"""How many posts fix the scales of int8."""

_SEED = 13
_TORCH_TOKENS = 2048  # torch is at its best with larger runs than onnxruntime


@dataclass(frozen=True, slots=True)
class Judges:
    """What a model is calibrated on and scored on.

    Attributes:
        shares: of the labels in the stream that will be served, where the posts have others; see `Job`.
    """

    calibration: Sequence[Example]
    test: Sequence[Example]
    shares: Shares | None = None

    def weights(self, examples: Sequence[Example]) -> NDArray[np.float64] | None:
        """Weights that give the labels their shares in the stream, where these are known."""
        return None if self.shares is None else weights_for(examples, self.shares)


@dataclass(frozen=True, slots=True)
class ServedGraph:
    """The graph that a bundle is made of.

    Attributes:
        policy: fitted on the scores of this very graph.
        calibrated_on: some of the posts that it was fitted on, as this graph sees them.
        figures: of the test part, under the policy.
        provenance: what was written, from which sample, and how it passed the gate, or why it did not.
    """

    path: Path
    precision: Precision
    policy: Policy
    calibrated_on: ReferencePosts
    figures: dict[str, Any]
    provenance: dict[str, Any]


def serve_at(
    precision: Precision,
    network: TriageNetwork,
    tokenizer: PostTokenizer,
    taxonomy: Taxonomy,
    sample: Sequence[str],
    judges: Judges,
    folder: Path,
) -> ServedGraph:
    """Export, quantise, calibrate and compare; the files are written to `folder`.

    Args:
        precision: the wished one; int8 falls back to float32 where it does not pass the gate.
        sample: texts to take the scales of int8 from; some of them are drawn.

    Raises:
        ExportError: the float32 graph does not answer as the network does.
    """
    float32 = folder / "float32.onnx"
    exported = export_onnx(network, float32)
    reference, seen = _judge(float32, tokenizer, taxonomy, judges)
    traced = compare(_judge_network(network, tokenizer, taxonomy, judges, reference.policy), reference)
    if faults := traced.faults():
        raise ExportError(f"the exported graph decides otherwise than the network: {'; '.join(faults)}")
    provenance: dict[str, Any] = {"float32": asdict(exported), "float32_against_network": asdict(traced)}
    if precision is Precision.FP32:
        return ServedGraph(float32, precision, reference.policy, seen, reference.figures, provenance)
    int8 = folder / "int8.onnx"
    try:
        provenance["int8"] = asdict(quantize(float32, int8, tokenizer.encode(_draw(sample))))
        candidate, seen_by_int8 = _judge(int8, tokenizer, taxonomy, judges)
        comparison = compare(reference, candidate)
        provenance["int8_against_float32"] = asdict(comparison)
        faults = comparison.faults()
    except (ExportError, BundleError) as error:  # it cannot be quantised, or onnxruntime cannot load what came of it
        faults = [str(error)]
    if not faults:
        return ServedGraph(int8, precision, candidate.policy, seen_by_int8, candidate.figures, provenance)
    return ServedGraph(
        float32, Precision.FP32, reference.policy, seen, reference.figures, provenance | {"fp32_because": faults}
    )


def fit_policy(
    scores: Scores,
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    model_sha256: str,
    weights: NDArray[np.float64] | None = None,
) -> Policy:
    """Plain thresholds with one temperature a head; a head that no example carries keeps its logits as they are."""
    temperatures = {}
    for head in taxonomy:
        targets = targets_of(examples, head)
        known = targets != UNLABELLED
        if np.any(known):
            temperatures[head.name] = fit_temperature(
                scores.logits[head.name][known], targets[known], None if weights is None else weights[known]
            )
    return Policy.plain(taxonomy, model_sha256, temperatures)


def network_scores(network: TriageNetwork, posts: Sequence[Encoded], pad_id: int) -> Scores:
    """What the network itself answers, in torch."""
    network.train(False)
    windows = windows_of(posts)
    logits = {name: np.empty((len(windows), size), np.float32) for name, size in network.config.heads}
    embedding = np.empty((len(windows), network.encoder.config.hidden_size), np.float32)
    for run in _runs(windows):
        input_ids = torch.full((len(run), max(len(windows[index]) for index in run)), pad_id)
        attention_mask = torch.zeros_like(input_ids)
        for row, index in enumerate(run):
            input_ids[row, : len(windows[index])] = torch.tensor(windows[index])
            attention_mask[row, : len(windows[index])] = 1
        with torch.inference_mode():
            output = network(input_ids, attention_mask)
        embedding[run] = output.embedding
        for name, answer in output.logits.items():
            logits[name][run] = answer
    return pool(Scores(logits, embedding), counts_of(posts))


def _runs(windows: Sequence[list[int]]) -> list[list[int]]:
    """The indices of windows in runs of like length, because padding is what costs."""
    runs: list[list[int]] = []
    for index in sorted(range(len(windows)), key=lambda index: len(windows[index])):
        # Lengths ascend, so this window sets the width of the run that it joins.
        if runs and (len(runs[-1]) + 1) * len(windows[index]) <= _TORCH_TOKENS:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _judge(model: Path, tokenizer: PostTokenizer, taxonomy: Taxonomy, judges: Judges) -> tuple[Judged, ReferencePosts]:
    """Fit a policy on one part and score it on the other, both with the very graph that will be served."""
    engine = Engine(model, tokenizer, [head.name for head in taxonomy])
    try:
        seen = scored(engine, posts_of(judges.calibration))
        weights = judges.weights(judges.calibration)
        policy = fit_policy(seen.scores, judges.calibration, taxonomy, file_sha256(model), weights)
        return _judged(engine.score(posts_of(judges.test)), policy, taxonomy, judges), seen.draw()
    finally:
        engine.close()


def _judge_network(
    network: TriageNetwork, tokenizer: PostTokenizer, taxonomy: Taxonomy, judges: Judges, policy: Policy
) -> Judged:
    scores = network_scores(network, tokenizer.encode(posts_of(judges.test)), tokenizer.pad_id)
    return _judged(scores, policy, taxonomy, judges)


def _judged(scores: Scores, policy: Policy, taxonomy: Taxonomy, judges: Judges) -> Judged:
    figures = evaluate(ScoredPosts(judges.test, scores), policy, taxonomy, judges.weights(judges.test))
    return Judged(policy, decide(scores, policy), figures)


def _draw(sample: Sequence[str]) -> list[str]:
    """Some of the texts, the same ones every time."""
    return Random(_SEED).sample(list(sample), min(SAMPLE_POSTS, len(sample)))  # noqa: S311  # nothing secret
