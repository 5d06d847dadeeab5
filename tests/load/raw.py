"""The engine with no HTTP around it, in a process of its own: what the service is held against."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from data.errors import BundleError
from model.bundle import Bundle
from model.engine import Engine
from model.tokenizer import Encoded

_ROOT = Path(__file__).parents[2]  # from where this module is found
_BULK = 2048
_PATIENCE = 60  # seconds to load, and to end what was begun


@dataclass(frozen=True, slots=True)
class Raw:
    """Figures of the engine alone.

    Attributes:
        posts_per_second: in bulk.
        alone_ms: median time of a post that is alone, tokenised already.
    """

    posts_per_second: float
    alone_ms: float


def measure_raw(bundle: Path, posts: Path, seconds: int) -> Raw:
    """Start the process, and wait for its figures.

    Args:
        posts: file with a post a line.
        seconds: of scoring in bulk; half as long, posts are scored alone.

    Raises:
        BundleError: it gave none.
    """
    command = [sys.executable, "-m", "tests.load.raw", str(bundle.resolve()), str(posts), str(seconds)]
    limit = 2 * seconds + _PATIENCE
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"{bundle}: the engine alone gave no figures within {limit} s") from error
    except subprocess.CalledProcessError as error:
        raise BundleError(
            f"{bundle}: the engine alone could not be measured:\n{error.stderr[-2000:].strip()}"
        ) from error
    return Raw(**json.loads(done.stdout))


def _measure(engine: Engine, posts: list[Encoded], seconds: float) -> Raw:
    engine.submit(posts[:_BULK]).result()  # warms up
    scored = 0
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        start = scored % len(posts)
        bulk = posts[start : start + _BULK]
        engine.submit(bulk).result()
        scored += len(bulk)
    alone: list[float] = []
    end = time.perf_counter() + seconds / 2
    while (start_alone := time.perf_counter()) < end:
        engine.submit([posts[len(alone) % len(posts)]]).result()
        alone.append(time.perf_counter() - start_alone)
    return Raw(scored / elapsed, 1000 * float(np.median(alone)))


def main() -> None:
    bundle, posts, seconds = sys.argv[1:]
    engine = Bundle.load(Path(bundle)).engine()
    texts = Path(posts).read_text(encoding="utf-8").splitlines()
    raw = _measure(engine, engine.encode(texts), float(seconds))
    engine.close()
    sys.stdout.write(json.dumps(asdict(raw)))


if __name__ == "__main__":
    main()
