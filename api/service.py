"""The service: loading, replacing the model, admission, scoring off the event loop, draining."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from api.admission import Admission, estimated_tokens
from api.answers import Answer, Prepared, answer, joined, prepare
from api.feedback.desk import Desk
from api.problems import Code, Problem
from api.served_model import ServedModel
from api.settings import Settings
from api.telemetry import Stages, Telemetry
from data.errors import TriageError
from model.bundle import Bundle

log = logging.getLogger("triage")

SLICE_POSTS = 32
"""Work on so many posts holds the event loop up for a millisecond or two; then others have their turn. On a thread of
its own it would fight with the loop for the interpreter's lock, and both would be the slower for it."""

_SLICE_CHARACTERS = 8_000


class State(StrEnum):
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the promoted bundle is not the one that is served."""

    bundle: str
    message: str


class Service:
    """What answers. Lives on the event loop, tokenises there in slices, and leaves inference to the engine's threads.

    Attributes:
        fault: of the last attempt to replace the model, `None` where it went well.
        failure: what kept the first model from being loaded.
        draining: set when it begins to drain.
        desk: where feedback is handed in; `None` where none is taken.
    """

    def __init__(
        self,
        bundle: Bundle,
        settings: Settings,
        telemetry: Telemetry,
        fallback: Callable[[], Bundle] | None = None,
    ) -> None:
        """
        Args:
            fallback: reads the bundle to begin with where that one cannot be served.
        """
        self.settings = settings
        self.telemetry = telemetry
        self.state = State.LOADING
        self.draining = asyncio.Event()
        self.failure: BaseException | None = None
        self.fault: Fault | None = None
        self.admission = Admission(
            settings.max_queued_posts,
            settings.max_queued_bytes,
            settings.engine_threads,
            telemetry.queue,
        )
        location = settings.feedback_location
        self.desk = Desk(settings, location, telemetry) if location else None
        self._first = bundle
        self._fallback = fallback
        self._model: ServedModel | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        # One slice of many requests at a time: hundreds in a row would hold the event loop up after all.
        self._turn = asyncio.Lock()

    @property
    def bundle(self) -> Bundle:
        """The bundle in service, or the one that is being loaded."""
        return self._model.bundle if self._model else self._first

    async def load(self) -> None:
        """Load and warm up; afterwards the state is READY, or FAILED with the reason in `failure`."""
        try:
            await self._serve_first()
        except Exception as error:  # noqa: BLE001  # whatever it was, the process must say so and end
            self.state, self.failure = State.FAILED, error
            return
        if self.state is State.LOADING:
            self.state = State.READY
        log.info("ready: %s", self.bundle.manifest.reference)

    async def replace(self, reference: str, find: Callable[[], Bundle]) -> None:
        """Put another bundle in service between two requests; one that fails stays out, and `fault` says why.

        Args:
            reference: of the bundle, as `NAME@VERSION`.
            find: reads and verifies it; called on a thread.
        """
        began = time.perf_counter()
        try:
            await self._serve(await asyncio.to_thread(find))
        except TriageError as error:
            self._keep(reference, str(error))
        except Exception as error:  # noqa: BLE001  # a library's, whose text could be anything
            self._keep(reference, f"{type(error).__name__} while loading it")
        else:
            self.fault = None
            self.telemetry.replaced("done")
            log.info("now serving %s, loaded in %.1f s", self.bundle.manifest.reference, time.perf_counter() - began)

    def drain(self) -> None:
        """Refuse what comes from now on; what was admitted is still answered."""
        self.state = State.DRAINING
        self.draining.set()

    async def close(self) -> None:
        """End the engines' threads, once nobody uses them."""
        if self._model:
            await self._model.retire()
        await asyncio.gather(*self._retiring)
        if self.desk:
            await self.desk.close()

    def model(self) -> AbstractContextManager[ServedModel]:
        """The model for one request, from its first byte to its last.

        Raises:
            Problem: loading or draining.
        """
        if self.state is State.DRAINING:
            raise Problem(Code.DRAINING, "the service is shutting down; ask another instance")
        if self._model is None or self.state is not State.READY:
            raise Problem(Code.LOADING, "the model is being loaded; try again shortly")
        return self._model.in_use()

    async def classify(
        self, model: ServedModel, texts: Sequence[str], seconds: float, charge: Callable[[int], None]
    ) -> tuple[list[Answer], Stages]:
        """Answer a batch, which is admitted whole or refused whole. Cancelled, no more of it is begun.

        Args:
            seconds: after which the answer is of no use.
            charge: told of the posts that there is room for; may refuse them.

        Raises:
            Problem: too much waits.
        """
        tokens = estimated_tokens(texts, model.engine.tokenizer.most_tokens)
        with self.admission.admitted(len(texts), tokens, seconds):
            charge(len(texts))
            return await self._answers(model, texts)

    async def classify_when_there_is_room(self, model: ServedModel, texts: Sequence[str]) -> list[Answer]:
        """Answer a part of a stream, which waits where a batch would be refused."""
        tokens = estimated_tokens(texts, model.engine.tokenizer.most_tokens)
        async with self.admission.when_there_is_room(len(texts), tokens, self.settings.timeout_seconds):
            answers, _ = await self._answers(model, texts)
        return answers

    async def _answers(self, model: ServedModel, texts: Sequence[str]) -> tuple[list[Answer], Stages]:
        began = time.perf_counter()
        prepared = await self._prepare(model, texts)
        scoring = model.engine.submit(prepared.encoded)
        # Cancelling what wraps the future cancels the future too, and no worker begins what is left.
        scores = await asyncio.wrap_future(scoring.future)
        scored = time.perf_counter()
        answers = answer(prepared, scores, model.bundle.policy)
        if self.desk:
            answers = await self.desk.noted(model, texts, answers)
        begun = scoring.begun or scoring.ended
        stages = Stages(
            tokenise=scoring.submitted - began,
            queue=begun - scoring.submitted,
            inference=scoring.ended - begun,
            decide=time.perf_counter() - scored,
        )
        self.telemetry.answered(answers, stages, scoring.known)
        return answers, stages

    async def _prepare(self, model: ServedModel, texts: Sequence[str]) -> Prepared:
        tokenizer, limit = model.engine.tokenizer, self.settings.max_characters
        if len(texts) == 1 and len(texts[0]) <= _SLICE_CHARACTERS:
            return prepare(texts, tokenizer, limit)
        parts: list[Prepared] = []
        for part in _slices(texts):
            async with self._turn:
                if len(part[0]) > _SLICE_CHARACTERS:  # a post that is long work by itself
                    parts.append(await asyncio.to_thread(prepare, part, tokenizer, limit))
                else:
                    parts.append(prepare(part, tokenizer, limit))
                    await asyncio.sleep(0)
        return joined(parts)

    async def _serve_first(self) -> None:
        try:
            await self._serve(self._first)
        except Exception:
            if self._fallback is None:
                raise
            reference = self._first.manifest.reference
            log.error("%s stays out of service; following it says why", reference)  # noqa: TRY400  # it does
            await self._serve(await asyncio.to_thread(self._fallback))

    async def _serve(self, bundle: Bundle) -> None:
        model = await ServedModel.load(bundle, self.settings, self.telemetry.run)
        if self.desk:
            self.desk.serve(model.answer_ids)
        before, self._model = self._model, model
        self.telemetry.model(bundle.manifest, model.baseline)
        if before:
            retiring = asyncio.create_task(before.retire())
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    def _keep(self, reference: str, message: str) -> None:
        self.fault = Fault(reference, message)
        self.telemetry.replaced("failed")
        log.error("%s stays out of service, %s serves on: %s", reference, self.bundle.manifest.reference, message)


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The posts, in parts that are not much work each."""
    first = characters = 0
    for index, text in enumerate(texts):
        if index > first and (index - first == SLICE_POSTS or characters + len(text) > _SLICE_CHARACTERS):
            yield texts[first:index]
            first, characters = index, 0
        characters += len(text)
    if texts:
        yield texts[first:]
