"""`triage bench`."""

import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import typer
from rich.table import Table

from api.commands.shared import BundleArgument, JsonOption, ModelsOption, extra, load_bundle, note, print_json, stdout
from data.errors import BundleError
from data.files import whole_file
from model.bundle import MODEL, WEIGHTS, Bundle

_EXACTNESS_POSTS = 2000
_SOAK_POSTS = 200_000
_SOAK_ENGINES = 200


def bench(
    bundle: BundleArgument = None,
    as_json: JsonOption = False,
    plot: Annotated[
        Path | None, typer.Option(help="draw the work done by length, in float32 matrix rates (.svg, .png)")
    ] = None,
    soak: Annotated[
        bool, typer.Option("--soak", help="instead: memory over 200,000 posts of every length and 200 replaced engines")
    ] = False,
    models: ModelsOption = None,
) -> None:
    """Measure a bundle's engine on this machine against its own float32 form and the limit of float32 arithmetic."""
    with extra("train"):
        from evaluation import speed
        from model.engine import Engine
        from model.export import export_onnx
        from model.network import TriageNetwork

    served = load_bundle(bundle, models)
    if soak:
        _soak(served, as_json=as_json)
        return
    network = TriageNetwork.from_pretrained(served.weights())
    heads = [head.name for head in served.taxonomy]
    with tempfile.TemporaryDirectory() as folder:
        float32 = Path(folder) / "float32.onnx"
        export_onnx(network, float32)
        engines = {"fp32": Engine(float32, served.tokenizer(), heads)}
        if served.manifest.precision != "fp32":
            engines[served.manifest.precision] = served.engine()
        workers = engines["fp32"].workers
        note(f"{speed.ROUNDS} interleaved rounds, {workers} threads; anything else that runs now spoils the figures")
        limit = speed.spread(speed.matrix_rate(workers))
        work = 2 * speed.multiply_adds(float32) / 1e9  # GFLOP a token
        result: dict[str, Any] = {
            "bundle": served.manifest.reference,
            "machine": {"processor": platform.processor() or platform.machine(), "threads": workers},
            "matrix_gflops": limit,
            "mixes": {},
        }
        vocabulary = network.encoder.config.vocab_size
        lengths = speed.mixes(served.manifest.max_tokens)
        for name in lengths:
            posts = speed.posts_of_lengths(lengths[name], vocabulary)
            note(f"posts of {name} tokens" if name.isdigit() else f"posts of the lengths of {name}")
            tokens = sum(len(post.ids) for post in posts) / len(posts)
            raced = speed.race(engines, posts)
            result["mixes"][name] = {"tokens": tokens} | {
                precision: {
                    "posts_per_second": speed.spread(figures.posts_per_second),
                    "times_the_matrix_rate": speed.spread(
                        [rate * tokens * work / limit["median"] for rate in figures.posts_per_second]
                    ),
                    "single_ms": speed.spread(figures.milliseconds),
                    "bulk_against_fp32": speed.spread(
                        _ratios(figures.posts_per_second, raced["fp32"].posts_per_second)
                    ),
                    "single_against_fp32": speed.spread(_ratios(raced["fp32"].milliseconds, figures.milliseconds)),
                }
                for precision, figures in raced.items()
            }
        posts = speed.posts_of_lengths(lengths["real posts"], vocabulary, _EXACTNESS_POSTS)
        result["exactness"] = {}
        for precision, engine in engines.items():
            shift, others = speed.largest_shift(engine, posts)
            result["exactness"][precision] = {"posts": len(posts), "largest_shift": shift, "other_labels": others}
            engine.close()
    result["serving"] = _serving(served)
    if plot:
        _draw(result, plot)
        note(f"wrote {plot}")
    if as_json:
        print_json(result)
        return
    for table in _tables(result):
        stdout.print(table)


def _soak(bundle: Bundle, *, as_json: bool) -> None:
    """Resident memory while posts are scored, then while engines are replaced, with its course on stderr."""
    from evaluation import speed

    course: dict[str, list[float]] = {"posts": [], "engines": []}
    engine = bundle.engine()
    for done in speed.soak(engine, _SOAK_POSTS):
        if done >= (len(course["posts"]) + 1) * _SOAK_POSTS // 20:
            course["posts"].append(_resident_mb("self"))
            note(f"{done} posts scored: {course['posts'][-1]:.0f} MB")
    engine.close()
    for number in range(1, _SOAK_ENGINES + 1):
        engine = bundle.engine()
        engine.score(["hello"])
        engine.close()
        if number % (_SOAK_ENGINES // 10) == 0:
            course["engines"].append(_resident_mb("self"))
            note(f"{number} engines replaced: {course['engines'][-1]:.0f} MB")
    if as_json:
        print_json(course)
        return
    for name, megabytes in course.items():
        quarter = megabytes[len(megabytes) // 4]
        stdout.print(f"{name}: {quarter:.0f} MB after a quarter, {megabytes[-1]:.0f} MB at the end")


def _resident_mb(process: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _serving(bundle: Bundle) -> dict[str, float]:
    """Start the real service in a process of its own: seconds to the first answer, and memory after it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api.cli", "serve", "--model", str(bundle.path), "--port", str(port)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603  # our own command
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - start > 60:
                    raise BundleError(f"{bundle.path}: the service did not answer within a minute; try: triage serve")
                time.sleep(0.01)
            seconds = time.perf_counter() - start
            resident = _resident_mb(str(process.pid))
        finally:
            process.terminate()
    served = sum((bundle.path / name).stat().st_size for name in bundle.manifest.files if not name.startswith(WEIGHTS))
    return {
        "first_answer_seconds": seconds,
        "resident_mb": resident,
        "bundle_mb": served / 1e6,
        "model_mb": (bundle.path / MODEL).stat().st_size / 1e6,
    }


def _answers(port: int) -> bool:
    request = Request(  # http, on this machine
        f"http://127.0.0.1:{port}/classify", b'{"text": "hello"}', {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310  # as above
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _tables(result: dict[str, Any]) -> list[Table]:
    table = Table(title=f"{result['bundle']}: median (least to greatest) of interleaved rounds")
    for column in (
        "posts",
        "precision",
        "posts a second",
        "against fp32",
        "x matrix rate",
        "alone, ms",
        "against fp32",
    ):
        table.add_column(column, justify="right")
    for name, mix in result["mixes"].items():
        for precision, figures in mix.items():
            if precision == "tokens":
                continue
            table.add_row(
                f"{name} ({mix['tokens']:.0f} tokens)",
                precision,
                _shown(figures["posts_per_second"], 0),
                _shown(figures["bulk_against_fp32"], 2),
                _shown(figures["times_the_matrix_rate"], 2),
                _shown(figures["single_ms"], 2),
                _shown(figures["single_against_fp32"], 2),
            )
    rest = Table(show_header=False)
    rest.add_row("float32 matrix rate, GFLOP/s", _shown(result["matrix_gflops"], 0))
    for precision, exact in result["exactness"].items():
        rest.add_row(
            f"{precision}: {exact['posts']} posts alone and together",
            f"largest shift of a probability {exact['largest_shift']:.1e}, other labels {exact['other_labels']}",
        )
    for name, value in result["serving"].items():
        rest.add_row(name.replace("_", " "), f"{value:.2f}")
    return [table, rest]


def _shown(spread: dict[str, float], digits: int) -> str:
    return f"{spread['median']:.{digits}f} ({spread['min']:.{digits}f} to {spread['max']:.{digits}f})"


def _draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    lengths = [name for name in result["mixes"] if name.isdigit()]
    for precision in result["exactness"]:
        rates = [result["mixes"][name][precision]["times_the_matrix_rate"]["median"] for name in lengths]
        axes.plot([int(name) for name in lengths], rates, marker="o", label=precision)
    axes.axhline(1, color="grey", linewidth=0.8, label="float32 matrix products alone")
    axes.set(xscale="log", xlabel="tokens of a post", ylabel="work, in float32 matrix rates", ylim=(0, None))
    axes.set_xticks([int(name) for name in lengths], lengths)
    axes.legend()
    figure.tight_layout()
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".") or "svg")
    plt.close(figure)
