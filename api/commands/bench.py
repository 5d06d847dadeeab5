"""`triage bench`."""

import platform
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api.commands.shared import BundleArgument, JsonOption, ModelsOption, extra, load_bundle, note, print_json, stdout
from api.probe import first_answer, resident_mb
from model.bundle import MODEL, WEIGHTS, Bundle

_SOAK_POSTS = 200_000
_SOAK_ENGINES = 200
_SOAK_REPORTS = 20


def bench(
    bundle: BundleArgument = None,
    as_json: JsonOption = False,
    plot: Annotated[
        Path | None, typer.Option(help="draw the work done by length, in float32 matrix rates (.svg, .png)")
    ] = None,
    soak: Annotated[
        bool, typer.Option("--soak", help="instead: memory over 200,000 posts of every length and 200 replaced engines")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="of interleaved measuring")] = 9,
    models: ModelsOption = None,
) -> None:
    """Measure a bundle's engine on this machine against its own float32 form and the limit of float32 arithmetic."""
    served = load_bundle(bundle, models)
    if soak:
        course = _soak(served)
        if as_json:
            print_json(course)
        else:
            stdout.print(_soak_table(course))
        return
    result = {
        "bundle": served.manifest.reference,
        "processor": platform.processor() or platform.machine(),
        **_race(served, rounds),
        "serving": _serving(served),
    }
    if plot:
        with extra("train"):
            from evaluation.drawing import draw_speed
        draw_speed(result, plot)
        note(f"wrote {plot}")
    if as_json:
        print_json(result)
    else:
        stdout.print(_speed_table(result), _limits_table(result))


def _race(served: Bundle, rounds: int) -> dict[str, Any]:
    with extra("train"):
        from evaluation.speed import benchmark, multiply_adds
        from model.engine import Engine
        from model.export import export_onnx
        from model.network import TriageNetwork

    network = TriageNetwork.from_pretrained(served.weights())
    with tempfile.TemporaryDirectory() as folder:
        float32 = Path(folder) / "float32.onnx"
        export_onnx(network, float32)
        engines = {"fp32": Engine(float32, served.tokenizer(), [head.name for head in served.taxonomy])}
        if served.manifest.precision != "fp32":
            engines[served.manifest.precision] = served.engine()
        measured = benchmark(engines, network.encoder.config.vocab_size, multiply_adds(float32), rounds, note)
        for engine in engines.values():
            engine.close()
    return measured


def _serving(served: Bundle) -> dict[str, float]:
    note("the service: first answer, memory")
    seconds, megabytes = first_answer(served.path)
    files = [name for name in served.manifest.files if not name.startswith(WEIGHTS)]
    return {
        "first_answer_seconds": seconds,
        "resident_mb": megabytes,
        "bundle_mb": sum((served.path / name).stat().st_size for name in files) / 1e6,
        "model_mb": (served.path / MODEL).stat().st_size / 1e6,
    }


def _soak(served: Bundle) -> dict[str, list[float]]:
    """Resident megabytes in the course of scoring posts, then in the course of replacing engines."""
    from evaluation.speed import soak

    course: dict[str, list[float]] = {"posts": [], "engines": []}
    engine = served.engine()
    for done in soak(engine, _SOAK_POSTS):
        if done >= (len(course["posts"]) + 1) * _SOAK_POSTS // _SOAK_REPORTS:
            course["posts"].append(resident_mb())
            note(f"{done} posts scored: {course['posts'][-1]:.0f} MB")
    engine.close()
    for number in range(1, _SOAK_ENGINES + 1):
        engine = served.engine()
        engine.score(["hello"])
        engine.close()
        if number % (_SOAK_ENGINES // _SOAK_REPORTS) == 0:
            course["engines"].append(resident_mb())
            note(f"{number} engines replaced: {course['engines'][-1]:.0f} MB")
    return course


def _soak_table(course: dict[str, list[float]]) -> Table:
    table = Table("", "after a quarter, MB", "at the end, MB", title="memory of the process")
    for name, megabytes in course.items():
        table.add_row(name, f"{megabytes[len(megabytes) // 4]:.0f}", f"{megabytes[-1]:.0f}")
    return table


def _speed_table(result: dict[str, Any]) -> Table:
    table = Table(title=f"{result['bundle']}: median (least to greatest) of interleaved rounds")
    for column in ("posts", "", "posts a second", "against fp32", "x matrix rate", "alone, ms", "against fp32"):
        table.add_column(column, justify="right")
    for name, mix in result["mixes"].items():
        title = f"{name} tokens" if name.isdigit() else f"{name} ({mix['tokens']:.0f} tokens)"
        for precision, figures in mix["engines"].items():
            table.add_row(
                title,
                precision,
                _shown(figures["posts_per_second"], 0),
                _shown(figures["bulk_against_fp32"], 2),
                _shown(figures["times_the_matrix_rate"], 2),
                _shown(figures["single_ms"], 2),
                _shown(figures["single_against_fp32"], 2),
            )
            title = ""
    return table


def _limits_table(result: dict[str, Any]) -> Table:
    table = Table(show_header=False)
    table.add_row("float32 matrix rate, GFLOP/s", _shown(result["matrix_gflops"], 0))
    for precision, exact in result["exactness"].items():
        table.add_row(
            f"{precision}: {exact['posts']} posts alone and together",
            f"largest shift of a probability {exact['largest_shift']:.1e}, other labels {exact['other_labels']}",
        )
    serving = result["serving"]
    table.add_row("service: first answer, s", f"{serving['first_answer_seconds']:.2f}")
    table.add_row("service: memory, MB", f"{serving['resident_mb']:.0f}")
    table.add_row("bundle without its weights, MB", f"{serving['bundle_mb']:.1f}")
    return table


def _shown(spread: dict[str, float], digits: int) -> str:
    return f"{spread['median']:.{digits}f} ({spread['min']:.{digits}f} to {spread['max']:.{digits}f})"
