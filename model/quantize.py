"""Static int8: matrix products in 8 bits whose scales are constants, so that no answer depends on a post's neighbours.

Dynamic quantisation takes the scale of an activation from the whole batch. Here it is fixed beforehand, from a sample
of posts (`model.int8` has the arithmetic). Channels are evened out behind a LayerNormalization only, where they always
differ in the same way.
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
from model.int8 import Grid, Piece, Range, even_out, to_int8
from model.session import open_session
from model.tokenizer import Encoded

_MICROSOFT = "com.microsoft"
_LOOKUP_ROWS = 1000  # a table of fewer rows (positions, segments) is too small to be worth 8 bits


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


def _is_product(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type == "Attention":
        # QAttention knows projections of one size only.
        return node.input[1] in weights and all(attribute.name != "qkv_hidden_sizes" for attribute in node.attribute)
    return node.op_type == "MatMul" and node.input[1] in weights and len(weights[node.input[1]].dims) == 2


def _measure(model: onnx.ModelProto, names: list[str], sample: Iterable[Encoded]) -> dict[str, Range]:
    """Run the sample, a post at a time, and note the range of each channel."""
    measured = onnx.ModelProto()
    measured.CopyFrom(model)
    measured.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = open_session(measured.SerializeToString())
    ranges: dict[str, Range] = {}
    for post in sample:
        input_ids = np.array([post.ids], np.int64)
        answers = session.run(names, {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)})
        for name, answer in zip(names, answers, strict=True):
            channels = answer.reshape(-1, answer.shape[-1])
            low, high = channels.min(axis=0), channels.max(axis=0)
            seen = ranges.get(name)
            ranges[name] = Range(np.minimum(seen.low, low), np.maximum(seen.high, high)) if seen else Range(low, high)
    return ranges


class _Rewriting:
    """One pass over a graph's nodes that puts quantised ones in the place of float ones.

    New tensors are named after the result of the node that they serve: layers may share their weights.
    """

    def __init__(self, model: onnx.ModelProto, weights: dict[str, onnx.TensorProto], ranges: dict[str, Range]) -> None:
        self._graph = model.graph
        self._weights = weights
        self._ranges = ranges
        self._nodes: list[onnx.NodeProto] = []
        self._biases = self._find_biases()
        self._normalised = {node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
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
            elif any(name in self._biases for name in node.input):
                self._without_bias(node)
            else:
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend([*kept, *self._constants.values()])
        return tables

    def _find_biases(self) -> dict[str, str]:
        """By product whose result goes into the addition of a constant row alone: that row."""
        products = {
            node.output[0] for node in self._graph.node if node.op_type == "MatMul" and _is_product(node, self._weights)
        }
        uses = Counter(name for node in self._graph.node for name in node.input)
        found = {}
        for node in self._graph.node:
            if node.op_type in ("Add", "BiasGelu"):
                for product, bias in (tuple(node.input), tuple(node.input)[::-1]):
                    row = self._weights.get(bias)
                    if product in products and uses[product] == 1 and row is not None and len(row.dims) == 1:
                        found[product] = bias
        return found

    def _without_bias(self, node: onnx.NodeProto) -> None:
        """What is left of an addition that the product before it does now."""
        product = next(name for name in node.input if name in self._biases)
        if node.op_type == "BiasGelu":
            self._add("Gelu", [product], node.output, domain=_MICROSOFT)
        else:
            self._add("Identity", [product], node.output)  # onnxruntime takes it out

    def _product(self, node: onnx.NodeProto) -> None:
        activation, steps, bias = self._operands(node, self._biases.get(node.output[0], ""))
        self._add(
            "MatMulIntegerToFloat",
            [activation.name, steps.name, activation.scale, steps.scale, activation.zero, steps.zero, bias],
            node.output,
            domain=_MICROSOFT,
        )

    def _attention(self, node: onnx.NodeProto) -> None:
        activation, steps, bias = self._operands(node, node.input[2])
        mask = node.input[3] if len(node.input) > 3 else ""
        self._add(
            "QAttention",
            [activation.name, steps.name, bias, activation.scale, steps.scale, mask, activation.zero, steps.zero],
            node.output,
            domain=_MICROSOFT,
        )
        self._nodes[-1].attribute.extend(node.attribute)

    def _operands(self, node: onnx.NodeProto, bias: str) -> tuple["_Operand", "_Operand", str]:
        """The activation in uint8, the weight in int8, and the bias with what the pieces' offsets add to it."""
        name, values = node.input[0], self._ranges[node.input[0]]
        weight = numpy_helper.to_array(self._weights[node.input[1]])
        if name in self._normalised:
            spread = even_out(values.without_outliers(), weight)
            name, values, weight = self._even_out(node, spread), values / spread, weight * spread[:, None]
        grid = Grid.over(values.without_outliers())
        activation = self._operand(f"{node.output[0]}_input", grid.scale, np.uint8(grid.zero))
        pieces = grid.pieces(values)
        if not pieces:
            self._add("QuantizeLinear", [name, activation.scale, activation.zero], [activation.name])
            return activation, self._weight(node, weight)[0], bias
        self._spread_pieces(name, activation, pieces)
        operand, floats = self._weight(node, np.concatenate([weight, weight[[piece.channel for piece in pieces]]]))
        # The product takes the zero point off every column. A piece has one of its own, which is made good here.
        offsets = np.array([grid.zero - piece.zero for piece in pieces]) * grid.scale
        old = numpy_helper.to_array(self._weights[bias]) if bias else 0
        return activation, operand, self._constant(f"{activation.name}_bias", old + offsets @ floats[len(weight) :])

    def _even_out(self, node: onnx.NodeProto, spread: NDArray[np.float32]) -> str:
        even = f"{node.output[0]}_even"
        self._add("Mul", [node.input[0], self._constant(f"{even}_factor", 1 / spread)], [even])
        return even

    def _spread_pieces(self, name: str, activation: "_Operand", pieces: list[Piece]) -> None:
        """Quantise the channels, and once more for each piece beyond their range, into further columns."""
        main, apart, shifted, beyond = (f"{activation.name}_{part}" for part in ("main", "apart", "shifted", "beyond"))
        places = self._constant(f"{apart}_places", np.array([piece.channel for piece in pieces], np.int64))
        shifts = self._constant(f"{apart}_shifts", np.array([-piece.start for piece in pieces], np.float32))
        nought = self._constant(f"{apart}_zero", np.uint8(0))
        self._add("QuantizeLinear", [name, activation.scale, activation.zero], [main])
        self._add("Gather", [name, places], [apart], axis=-1)
        self._add("Add", [apart, shifts], [shifted])
        self._add("QuantizeLinear", [shifted, activation.scale, nought], [beyond])
        self._add("Concat", [main, beyond], [activation.name], axis=-1)

    def _weight(self, node: onnx.NodeProto, weight: NDArray[np.float32]) -> "tuple[_Operand, NDArray[np.float32]]":
        """int8, a scale a column; and the floats that these steps stand for."""
        steps, scale = to_int8(weight)
        operand = self._operand(f"{node.output[0]}_weight", scale, np.zeros(scale.shape, np.int8))
        self._constant(operand.name, steps)
        return operand, steps * scale

    def _operand(self, name: str, scale: Any, zero: Any) -> "_Operand":
        return _Operand(name, self._constant(f"{name}_scale", scale), self._constant(f"{name}_zero", zero))

    def _is_lookup(self, node: onnx.NodeProto) -> bool:
        table = self._weights.get(node.input[0]) if node.op_type == "Gather" else None
        return table is not None and len(table.dims) == 2 and table.dims[0] >= _LOOKUP_ROWS

    def _lookup(self, node: onnx.NodeProto) -> None:
        table, ids = node.input
        steps, scale = to_int8(numpy_helper.to_array(self._weights[table]))
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
