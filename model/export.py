"""From the network to model.onnx, fused for onnxruntime, and the proof that both answer alike."""

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from torch import Tensor, nn

from data.errors import ExportError
from data.files import whole_file
from model.network import TriageNetwork
from model.scores import EMBEDDING
from model.session import open_session

INPUTS = ("input_ids", "attention_mask")
OPSET = 17

TOLERANCE = 1e-4
"""Largest difference of a logit between the network and the graph; 1e-6 is usual."""

# Families whose graphs onnxruntime's optimizer can fuse, and the name that it knows them by.
_FUSED_FAMILIES = {"bert": "bert", "roberta": "bert", "xlm-roberta": "bert", "distilbert": "bert", "electra": "bert"}

# (posts, tokens) of the parity gate: a single short post, a usual batch, long ones, and lengths mixed in a batch.
_PARITY_SHAPES = ((1, 3), (8, 16), (3, 128), (1, 512), (16, 40))


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        operators: number of nodes by operator; `Attention` counts the fused attention layers.
        largest_difference: of any logit between network and graph in the parity gate.
    """

    operators: dict[str, int]
    largest_difference: float


def export_onnx(network: TriageNetwork, path: Path) -> Exported:
    """Write the network as a float32 ONNX graph with dynamic batch and length.

    Outputs: one `(n_posts, n_labels)` a head, by the head's name, and `embedding` `(n_posts, hidden_size)`.

    Raises:
        ExportError: the graph's answers differ from the network's; no file is left.
    """
    network.train(False)
    with whole_file(path) as temporary:
        _trace(network, temporary)
        _fuse(network, temporary)
        difference = check_parity(network, temporary)
        graph = onnx.load(str(temporary)).graph
    return Exported(dict(Counter(node.op_type for node in graph.node)), difference)


def check_parity(network: TriageNetwork, path: Path, tolerance: float = TOLERANCE) -> float:
    """Compare a graph with its network on short, long and mixed batches of random tokens.

    Returns:
        The largest difference of a logit.

    Raises:
        ExportError: a logit differs by more than `tolerance`, or a most probable label differs.
    """
    session = open_session(path)
    names = [output.name for output in session.get_outputs()]
    largest = 0.0
    for input_ids, attention_mask in _parity_batches(network):
        feeds = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
        try:
            answers = dict(zip(names, session.run(names, feeds), strict=True))
        except Exception as error:  # onnxruntime's own exceptions share no narrower base
            raise ExportError(
                f"the exported graph does not run on a batch of {tuple(input_ids.shape)}: {error}"
            ) from error
        with torch.no_grad():
            expected = network(input_ids, attention_mask).logits
        for head, logits in expected.items():
            truth, answer = logits.numpy(), answers[head]
            difference = float(np.abs(truth - answer).max())
            shape = tuple(input_ids.shape)
            if not difference <= tolerance:  # also when it is not a number
                raise ExportError(
                    f"the exported graph differs from the network: head {head!r}, batch of {shape} (posts, tokens): "
                    f"largest difference of a logit {difference:.2e}, expected at most {tolerance:.0e}"
                )
            if (truth.argmax(axis=1) != answer.argmax(axis=1)).any():
                raise ExportError(f"the exported graph gives other labels: head {head!r}, batch of {shape}")
            largest = max(largest, difference)
    return largest


class _Outputs(nn.Module):
    """The network with its outputs as a tuple, which is what the exporter can name."""

    def __init__(self, network: TriageNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        output = self.network(input_ids, attention_mask)
        return (*output.logits.values(), output.embedding)


def _trace(network: TriageNetwork, path: Path) -> None:
    input_ids, attention_mask = _random_batch(network, posts=2, tokens=9)
    outputs = [*network.heads, EMBEDDING]
    axes = {name: {0: "posts", 1: "tokens"} for name in INPUTS} | {name: {0: "posts"} for name in outputs}
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but the graph of its successor loses the attention fusion. Its
        # warnings of traced branches and of index lowering say nothing that the parity gate would not find.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Outputs(network).eval(),
            (input_ids, attention_mask),
            str(path),
            dynamo=False,
            input_names=list(INPUTS),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
        )


def _fuse(network: TriageNetwork, path: Path) -> None:
    encoder = network.encoder.config
    family = _FUSED_FAMILIES.get(encoder.model_type)
    if family is None:
        return
    options = FusionOptions(family)
    options.enable_skip_layer_norm = False  # slower than its parts on a CPU: see model/session.py
    options.enable_embed_layer_norm = False  # no faster than its parts, whose tables can then be quantised
    # opt_level 0: only the fusions, no rewriting by onnxruntime that would tie the file to this machine.
    fused = optimizer.optimize_model(
        str(path),
        model_type=family,
        num_heads=encoder.num_attention_heads,
        hidden_size=encoder.hidden_size,
        opt_level=0,
        optimization_options=options,
    )
    fused.save_model_to_file(str(path))


def _parity_batches(network: TriageNetwork) -> list[tuple[Tensor, Tensor]]:
    longest = network.max_tokens
    batches = [_random_batch(network, posts, min(tokens, longest)) for posts, tokens in _PARITY_SHAPES]
    _, mixed = batches[-1]
    for row, length in enumerate(torch.linspace(2, mixed.shape[1], mixed.shape[0]).int().tolist()):
        mixed[row, length:] = 0
    return batches


def _random_batch(network: TriageNetwork, posts: int, tokens: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(posts * 1000 + tokens)
    vocabulary = network.encoder.config.vocab_size
    input_ids = torch.randint(vocabulary // 2, vocabulary, (posts, tokens), generator=generator)
    return input_ids, torch.ones_like(input_ids)
