"""How a graph is opened with onnxruntime: the same options wherever it runs."""

from pathlib import Path
from typing import Any

import onnxruntime

from data.errors import BundleError

# onnxruntime 1.31 puts its SkipLayerNormalization in the place of an addition and a LayerNormalization; on a CPU that
# takes six times as long as the two (240 against 37 microseconds for 128 tokens of 384).
_SLOWER_FUSIONS = ["SkipLayerNormFusion"]


def open_session(model: Path | bytes, threads: int = 1) -> Any:
    """An `InferenceSession` on the CPU.

    Args:
        model: the path of a graph, or its bytes.
        threads: within one run; parallelism between runs is the caller's.

    Raises:
        BundleError: onnxruntime cannot load the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings about the graph are the exporter's to judge
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=_SLOWER_FUSIONS,
        )
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        name = "(in memory)" if isinstance(model, bytes) else str(model)
        raise BundleError(f"{name}: onnxruntime cannot load the graph: {error}") from error
