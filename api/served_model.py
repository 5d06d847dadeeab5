"""One bundle in memory, ready to answer; requests hold on to it, and it ends when it was replaced and nobody does."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from api.feedback.answer_ids import AnswerIds
from api.runtime import give_back_memory
from api.settings import Settings
from api.traffic import Baseline
from data.errors import BundleError
from model.bundle import Bundle
from model.decision import decide
from model.engine import Engine, RunReport
from model.scores import Scores

# Lengths of the posts that warm the engine up: its memory arena grows to what it has seen.
_WARM_UP = ("hello", "where is my order? it was due on monday " * 4, "a long e-mail " * 200)


class ServedModel:
    """A bundle and its engine. Lives on the event loop; a request that has begun with one also ends with it."""

    def __init__(self, bundle: Bundle, engine: Engine, baseline: Baseline | None = None) -> None:
        self.bundle = bundle
        self.engine = engine
        self.baseline = baseline
        self.info = {
            "name": bundle.manifest.name,
            "version": str(bundle.manifest.version),
            "taxonomy": bundle.taxonomy.sha256[:12],
            "policy": bundle.policy.version,
            "precision": bundle.manifest.precision,
        }
        """What answers say of the model that gave them."""
        self.answer_ids = AnswerIds.of(bundle)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @classmethod
    async def load(cls, bundle: Bundle, settings: Settings, report: Callable[[RunReport], None]) -> "ServedModel":
        """Load, warm up and try a bundle, beside whatever else the event loop does.

        Args:
            report: told of each run of the engine.

        Raises:
            BundleError: it does not load, or what it answers is no answer.
        """
        engine = await asyncio.to_thread(bundle.engine, settings.engine_threads, settings.cached_posts, report)
        try:
            scores = await asyncio.to_thread(engine.score, _WARM_UP)
            _check(scores, bundle)
            baseline = await asyncio.to_thread(Baseline.of, bundle)
        except BaseException:
            await asyncio.to_thread(engine.close)
            raise
        return cls(bundle, engine, baseline)

    @contextmanager
    def in_use(self) -> Iterator["ServedModel"]:
        """Around a request: the engine is not ended before it."""
        self._users += 1
        self._unused.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def retire(self) -> None:
        """Wait until nobody uses it, and end the engine's threads."""
        await self._unused.wait()
        await asyncio.to_thread(self.engine.close)
        del self.engine
        await asyncio.to_thread(give_back_memory)


def _check(scores: Scores, bundle: Bundle) -> None:
    if not all(np.isfinite(logits).all() for logits in scores.logits.values()):
        raise BundleError(f"{bundle.path}: the model answers with numbers that are not finite; train it anew")
    try:
        decide(scores, bundle.policy)
    except (IndexError, KeyError, ValueError) as error:
        raise BundleError(f"{bundle.path}: the policy does not fit what the model answers; train it anew") from error
