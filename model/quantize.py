"""Static int8: matrix products in 8 bits whose scales are constants, so that no answer depends on a post's neighbours.

Dynamic quantisation takes the scale of an activation from the whole batch. Here it is fixed beforehand, from a sample
of posts. A few channels of an activation are far larger than the others and would use up the range that all share. So
channels are evened out between activation and weight first (SmoothQuant, Xiao et al. 2023,
https://arxiv.org/abs/2211.10438), and the one or two that stick out most stay in float32 (as in LLM.int8(), Dettmers et
al. 2022, https://arxiv.org/abs/2208.07339).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from data.errors import ExportError
from data.files import whole_file
from model.session import open_session
from model.tokenizer import Encoded

MIGRATION = 0.85
"""Strength of the evening out: 1 moves the whole spread of an activation's channels into the weights."""

OUTLIER = 2.5
"""A channel sticks out when its largest value is so many times that of the 99th percentile of the channels."""

_MICROSOFT = "com.microsoft"
_LOOKUP_ROWS = 1000  # a table of fewer rows (positions, segments) is too small to be worth 8 bits
_SMALL = 1e-4


@dataclass(frozen=True, slots=True)
class Quantised:
    """What was written.

    Attributes:
        products: matrix products that now run in 8 bits.
        tables: embedding tables that are now kept in 8 bits.
        posts, tokens: of the sample that fixed the scales.
    """

    products: int
    tables: int
    posts: int
    tokens: int


def quantize(graph: Path, path: Path, sample: Sequence[Encoded]) -> Quantised:
    """Write the static int8 form of an exported float32 graph.

    Products with constant weights run in 8 bits (uint8 activations with one scale, int8 weights with a scale a column);
    embedding tables are kept in 8 bits; all else, the heads too, stays in float32.

    Args:
        sample: posts like those to be served, of mixed length; the scales are taken from them. Nothing else of them
            is kept.

    Raises:
        ExportError: the sample is empty, or nothing in the graph can be quantised.
    """
    model = onnx.load(str(graph))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if _is_product(node, weights)]
    if not products or not sample:
        raise ExportError(f"{graph}: {len(products)} products to quantise, {len(sample)} posts to take the scales from")
    ranges = _measure(model, sorted({node.input[0] for node in products}), sample)
    rewriting = _Rewriting(model, weights, ranges)
    quantised = Quantised(len(products), rewriting.run(), len(sample), sum(len(post.ids) for post in sample))
    with whole_file(path) as temporary:
        onnx.save(model, str(temporary))
    return quantised


@dataclass(frozen=True, slots=True)
class _Range:
    """Least and greatest value of each channel of an activation, `(channels,)`."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def largest(self) -> NDArray[np.float32]:
        """Of each channel, without its sign."""
        return np.maximum(np.maximum(-self.low, self.high), _SMALL)

    def outliers(self) -> NDArray[np.int64]:
        """The channels that stick out."""
        largest = self.largest()
        return np.flatnonzero(largest > OUTLIER * np.quantile(largest, 0.99))

    def without(self, channels: NDArray[np.int64]) -> "_Range":
        """The same, some channels silent."""
        low, high = self.low.copy(), self.high.copy()
        low[channels] = high[channels] = 0
        return _Range(low, high)


def _is_product(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type == "Attention":
        # QAttention knows projections of one size only.
        return node.input[1] in weights and all(attribute.name != "qkv_hidden_sizes" for attribute in node.attribute)
    return node.op_type == "MatMul" and node.input[1] in weights and len(weights[node.input[1]].dims) == 2


def _measure(model: onnx.ModelProto, names: list[str], sample: Iterable[Encoded]) -> dict[str, _Range]:
    """Run the sample, a post at a time, and note the range of each channel."""
    measured = onnx.ModelProto()
    measured.CopyFrom(model)
    measured.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = open_session(measured.SerializeToString())
    ranges: dict[str, _Range] = {}
    for post in sample:
        input_ids = np.array([post.ids], np.int64)
        answers = session.run(names, {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)})
        for name, answer in zip(names, answers, strict=True):
            channels = answer.reshape(-1, answer.shape[-1])
            low, high = channels.min(axis=0), channels.max(axis=0)
            seen = ranges.get(name)
            ranges[name] = _Range(np.minimum(seen.low, low), np.maximum(seen.high, high)) if seen else _Range(low, high)
    return ranges


class _Rewriting:
    """One pass over a graph's nodes that puts quantised ones in the place of float ones.

    New tensors are named after the result of the node that they serve: layers may share their weights.
    """

    def __init__(self, model: onnx.ModelProto, weights: dict[str, onnx.TensorProto], ranges: dict[str, _Range]) -> None:
        self._graph = model.graph
        self._weights = weights
        self._ranges = ranges
        self._nodes: list[onnx.NodeProto] = []
        self._biases = self._find_biases()
        self._constants: dict[str, onnx.TensorProto] = {}

    def run(self) -> int:
        """Rewrite the graph in place; returns the number of tables."""
        tables = 0
        for node in self._graph.node:
            if _is_product(node, self._weights):
                (self._attention if node.op_type == "Attention" else self._product)(node)
            elif self._is_lookup(node):
                self._lookup(node)
                tables += 1
            elif not self._is_bias(node):
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend([*kept, *self._constants.values()])
        return tables

    def _find_biases(self) -> dict[str, tuple[str, str]]:
        """By product whose result goes into the addition of a constant row alone: that row, and the name of the sum."""
        products = {
            node.output[0] for node in self._graph.node if node.op_type == "MatMul" and _is_product(node, self._weights)
        }
        uses = Counter(name for node in self._graph.node for name in node.input)
        found = {}
        for node in self._graph.node:
            if node.op_type != "Add":
                continue
            for product, bias in (tuple(node.input), tuple(node.input)[::-1]):
                row = self._weights.get(bias)
                if product in products and uses[product] == 1 and row is not None and len(row.dims) == 1:
                    found[product] = (bias, node.output[0])
        return found

    def _is_bias(self, node: onnx.NodeProto) -> bool:
        return node.op_type == "Add" and any(
            self._biases.get(name, ("", ""))[1] == node.output[0] for name in node.input
        )

    def _product(self, node: onnx.NodeProto) -> None:
        name, weight = node.input[0], numpy_helper.to_array(self._weights[node.input[1]]).copy()
        outliers = self._ranges[name].outliers()
        apart = weight[outliers]
        weight[outliers] = 0
        bias, result = self._biases.get(node.output[0], ("", node.output[0]))
        output = f"{result}_int8" if len(outliers) else result
        activation, steps = self._operands(node, self._ranges[name].without(outliers), weight)
        self._add(
            "MatMulIntegerToFloat",
            [activation.name, steps.name, activation.scale, steps.scale, activation.zero, steps.zero, bias],
            [output],
            domain=_MICROSOFT,
        )
        if len(outliers):
            channels = f"{node.output[0]}_outliers"
            self._add("Gather", [name, self._constant(f"{channels}_places", outliers)], [channels], axis=-1)
            self._add("MatMul", [channels, self._constant(f"{channels}_weight", apart)], [f"{channels}_product"])
            self._add("Add", [output, f"{channels}_product"], [result])

    def _attention(self, node: onnx.NodeProto) -> None:
        weight = numpy_helper.to_array(self._weights[node.input[1]])
        activation, steps = self._operands(node, self._ranges[node.input[0]], weight)
        bias, mask = node.input[2], node.input[3] if len(node.input) > 3 else ""
        self._add(
            "QAttention",
            [activation.name, steps.name, bias, activation.scale, steps.scale, mask, activation.zero, steps.zero],
            node.output,
            domain=_MICROSOFT,
        )
        self._nodes[-1].attribute.extend(node.attribute)

    def _operands(
        self, node: onnx.NodeProto, values: _Range, weight: NDArray[np.float32]
    ) -> tuple["_Operand", "_Operand"]:
        spread = _spread(values, weight)
        activation = self._activation(node, values, spread)
        return activation, self._weight(f"{node.output[0]}_weight", weight * spread[:, None])

    def _activation(self, node: onnx.NodeProto, values: _Range, spread: NDArray[np.float32]) -> "_Operand":
        """uint8, one scale: `x / spread` is rounded to steps of the scale around the zero point."""
        low = min(float((values.low / spread).min()), 0.0)
        high = max(float((values.high / spread).max()), 0.0)
        scale = np.float32(max(high - low, _SMALL) / 255)
        operand = self._operand(f"{node.output[0]}_input", scale, np.uint8(np.clip(round(-low / scale), 0, 255)))
        even = f"{operand.name}_even"
        self._add("Mul", [node.input[0], self._constant(f"{even}_factor", 1 / spread)], [even])
        self._add("QuantizeLinear", [even, operand.scale, operand.zero], [operand.name])
        return operand

    def _weight(self, name: str, weight: NDArray[np.float32]) -> "_Operand":
        """int8, a scale a column."""
        steps, scale = _to_int8(weight)
        operand = self._operand(name, scale, np.zeros(scale.shape, np.int8))
        self._constant(operand.name, steps)
        return operand

    def _operand(self, name: str, scale: Any, zero: Any) -> "_Operand":
        return _Operand(name, self._constant(f"{name}_scale", scale), self._constant(f"{name}_zero", zero))

    def _is_lookup(self, node: onnx.NodeProto) -> bool:
        table = self._weights.get(node.input[0]) if node.op_type == "Gather" else None
        return table is not None and len(table.dims) == 2 and table.dims[0] >= _LOOKUP_ROWS

    def _lookup(self, node: onnx.NodeProto) -> None:
        table, ids = node.input
        steps, scale = _to_int8(numpy_helper.to_array(self._weights[table]))
        rows, floats = f"{table}_rows", f"{table}_floats"
        self._add("Gather", [self._constant(f"{table}_int8", steps), ids], [rows], axis=0)
        self._add("Cast", [rows], [floats], to=onnx.TensorProto.FLOAT)
        self._add("Mul", [floats, self._constant(f"{table}_scale", scale)], node.output)

    def _add(self, operator: str, inputs: list[str], outputs: Iterable[str], **attributes: Any) -> None:
        self._nodes.append(helper.make_node(operator, inputs, list(outputs), **attributes))

    def _constant(self, name: str, value: Any) -> str:
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self._constants[name] = numpy_helper.from_array(array, name)
        return name


@dataclass(frozen=True, slots=True)
class _Operand:
    """The names of a quantised tensor, its scale and its zero point."""

    name: str
    scale: str
    zero: str


def _spread(activation: _Range, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """By what each channel of the activation is divided, and its row of the weight multiplied; geometric mean 1."""
    heaviest = np.maximum(np.abs(weight).max(axis=1), _SMALL)
    spread = activation.largest() ** MIGRATION / heaviest ** (1 - MIGRATION)
    even: NDArray[np.float32] = (spread / np.exp(np.log(spread).mean())).astype(np.float32)
    return even


def _to_int8(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Steps in -127..127 and the size of a step, by column."""
    scale = np.maximum(np.abs(matrix).max(axis=0), _SMALL * _SMALL).astype(np.float32) / 127
    return np.round(matrix / scale).astype(np.int8), scale
