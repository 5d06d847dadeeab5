"""How fast engines are on this machine: interleaved rounds, so that what disturbs one disturbs the other too."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.special import softmax

from model.engine import Engine
from model.session import open_session
from model.tokenizer import Encoded

ROUNDS = 9
EXACTNESS_POSTS = 2000

# Tokens of a post, at the 5th, 15th, ... 95th percentile, as the default encoder's tokenizer counts them: in the
# test set of BANKING77, and in 142 real posts to companies, most of them tweets.
BANKING77 = (8, 10, 11, 11, 12, 14, 15, 16, 20, 31)
REAL_POSTS = (12, 18, 25, 29, 33, 36, 40, 52, 66, 79)

_LENGTHS = (8, 16, 32, 64, 128)
_TOKENS_A_ROUND = 8_000
_SINGLE_POSTS = 60
_MATRIX = (256, 384, 1536)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one engine on one mix of posts.

    Attributes:
        posts_per_second: of each round.
        milliseconds: of each round, the median time of a post that is alone.
    """

    posts_per_second: list[float]
    milliseconds: list[float]


def mixes(longest: int) -> dict[str, tuple[int, ...]]:
    """Lengths by name: posts of one length, and posts as long as those of two sets.

    Args:
        longest: tokens that the model takes.
    """
    single = {str(length): (length,) for length in _LENGTHS if length <= longest}
    sets = {"BANKING77": BANKING77, "real posts": REAL_POSTS}
    return single | {name: tuple(min(length, longest) for length in lengths) for name, lengths in sets.items()}


def posts_of_lengths(lengths: Sequence[int], vocabulary: int, count: int | None = None) -> list[Encoded]:
    """Posts of random words, so that no two are alike.

    Args:
        lengths: in tokens; each is as likely as the others.
        vocabulary: number of tokens that the model knows.
        count: of the posts; by default as many as make a round of fair length.
    """
    random = np.random.default_rng(13)
    return [
        Encoded(random.integers(vocabulary // 2, vocabulary, length).tolist(), truncated=False, empty=False)
        for length in random.choice(lengths, count or int(_TOKENS_A_ROUND / np.mean(lengths)))
    ]


def race(engines: Mapping[str, Engine], posts: Sequence[Encoded], rounds: int = ROUNDS) -> dict[str, Figures]:
    """Let engines score the same posts, in bulk and one at a time, turn by turn."""
    figures = {name: Figures([], []) for name in engines}
    for turn in range(rounds + 1):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.submit(posts).result()
            rate = len(posts) / (time.perf_counter() - start)
            alone = [_seconds(engine, [post]) for post in posts[:_SINGLE_POSTS]]
            if turn > 0:  # the first one warms up
                figures[name].posts_per_second.append(rate)
                figures[name].milliseconds.append(1000 * float(np.median(alone)))
    return figures


def matrix_rate(workers: int, rounds: int = ROUNDS) -> list[float]:
    """Rate of float32 matrix products with `workers` threads, in GFLOP/s by round: the limit of a float32 engine."""
    rows, inner, columns = _MATRIX
    random = np.random.default_rng(13)
    weight = numpy_helper.from_array(random.normal(size=(inner, columns)).astype(np.float32), "weight")
    ends = [
        helper.make_tensor_value_info("left", TensorProto.FLOAT, [rows, inner]),
        helper.make_tensor_value_info("product", TensorProto.FLOAT, [rows, columns]),
    ]
    node = helper.make_node("MatMul", ["left", "weight"], ["product"])
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = open_session(model.SerializeToString(), threads=workers)
    left = random.normal(size=(rows, inner)).astype(np.float32)
    rates = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for _ in range(200):
            session.run(None, {"left": left})
        rates.append(200 * 2 * rows * inner * columns / (time.perf_counter() - start) / 1e9)
    return rates[1:]


def multiply_adds(float32: Path) -> int:
    """Multiply-adds that a token costs: one for each number of the weights of the graph's matrix products."""
    graph = onnx.load(str(float32)).graph
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type in ("MatMul", "Attention")]
    return sum(sizes.get(node.input[1], 0) for node in products)


def largest_shift(engine: Engine, posts: Sequence[Encoded]) -> tuple[float, int]:
    """Score posts alone, and all together in another order.

    Returns:
        The largest difference of an uncalibrated probability, and how many posts got another label in some head.
    """
    order = np.random.default_rng(13).permutation(len(posts))
    together = engine.submit([posts[index] for index in order]).result()
    alone = [engine.submit([posts[index]]).result() for index in order]
    shift, other = 0.0, np.zeros(len(posts), bool)
    for head, logits in together.logits.items():
        single = np.concatenate([scores.logits[head] for scores in alone])
        shift = max(shift, float(np.abs(softmax(logits, axis=-1) - softmax(single, axis=-1)).max(initial=0.0)))
        other |= logits.argmax(axis=1) != single.argmax(axis=1)
    return shift, int(other.sum())


def soak(engine: Engine, posts: int, seed: int = 13) -> Iterator[int]:
    """Score posts of every length, and say after each batch how many are done."""
    random = np.random.default_rng(seed)
    done = 0
    while done < posts:
        lengths = random.integers(3, engine.tokenizer.max_tokens + 1, 256) // random.integers(1, 12, 256) + 3
        batch = [
            Encoded(random.integers(5, 50, length).tolist(), truncated=False, empty=False)
            for length in np.minimum(lengths, engine.tokenizer.max_tokens)
        ]
        engine.submit(batch).result()
        done += len(batch)
        yield done


def benchmark(
    engines: Mapping[str, Engine],
    vocabulary: int,
    work: int,
    rounds: int = ROUNDS,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Race engines over all mixes, and check that no answer depends on its neighbours.

    Args:
        engines: by precision; `fp32` is what the others are compared with.
        vocabulary: number of tokens that the model knows.
        work: multiply-adds that a token costs.
        report: told what is being measured.

    Returns:
        Figures that JSON can hold: the machine's `matrix_gflops`; by name of the `mixes` their mean length and the
        figures of each engine; the `exactness` of each engine.
    """
    workers = engines["fp32"].workers
    longest = engines["fp32"].tokenizer.max_tokens
    report(f"{rounds} interleaved rounds, {workers} threads; anything else that runs now spoils the figures")
    limit = spread(matrix_rate(workers, rounds))
    measured: dict[str, Any] = {"threads": workers, "matrix_gflops": limit, "mixes": {}, "exactness": {}}
    for name, lengths in mixes(longest).items():
        report(f"posts of {name} tokens" if name.isdigit() else f"posts of the lengths of {name}")
        posts = posts_of_lengths(lengths, vocabulary)
        tokens = sum(len(post.ids) for post in posts) / len(posts)
        matrix_seconds = 2 * work * tokens / (limit["median"] * 1e9)  # that a post would take at the matrix rate
        raced = race(engines, posts, rounds)
        measured["mixes"][name] = {
            "tokens": tokens,
            "engines": {
                precision: {
                    "posts_per_second": spread(figures.posts_per_second),
                    "times_the_matrix_rate": spread([rate * matrix_seconds for rate in figures.posts_per_second]),
                    "single_ms": spread(figures.milliseconds),
                    "bulk_against_fp32": spread(_ratios(figures.posts_per_second, raced["fp32"].posts_per_second)),
                    "single_against_fp32": spread(_ratios(raced["fp32"].milliseconds, figures.milliseconds)),
                }
                for precision, figures in raced.items()
            },
        }
    report(f"{EXACTNESS_POSTS} posts alone and together")
    posts = posts_of_lengths(mixes(longest)["real posts"], vocabulary, EXACTNESS_POSTS)
    for precision, engine in engines.items():
        shift, others = largest_shift(engine, posts)
        measured["exactness"][precision] = {"posts": len(posts), "largest_shift": shift, "other_labels": others}
    return measured


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": float(np.median(values)), "min": min(values), "max": max(values)}


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _seconds(engine: Engine, posts: Sequence[Encoded]) -> float:
    start = time.perf_counter()
    engine.submit(posts).result()
    return time.perf_counter() - start
