"""Where feedback is handed in and posts are kept. It lives on the event loop and leaves the database to a thread."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from api.answers import Answer, Labelled, result
from api.feedback.answer_ids import AnswerIds, hash_of
from api.feedback.usefulness import usefulness
from api.problems import Code, Problem
from api.schemas import Options
from api.served_model import ServedModel
from api.settings import Settings
from api.telemetry import Telemetry
from data.errors import StoreError
from data.feedback.records import Feedback, KeptPost, Respondent
from data.feedback.review_list import ReviewList
from data.feedback.store import FeedbackStore, Stored
from data.feedback.tables import check
from data.importing.masking.masker import Masker

log = logging.getLogger("triage")

R = TypeVar("R")

_SHOWN = Options(top_k=3)
_FORGET_SECONDS = 3600.0
_FORGOTTEN_TOGETHER = 1000  # posts; others wait meanwhile
_ANSWERS_WAIT_SECONDS = 1.0  # for their posts to be kept
_REST_SECONDS = 5.0  # after the store failed, in which no post is kept
_MOST_WAITING_POSTS = 10_000
_MOST_ASKING = 100  # requests that wait for the store


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer that was given to a text."""

    text: str
    item: Labelled
    model: ServedModel
    time: float


class Desk:
    """Makes the ids of answers, stores feedback on them, and keeps the posts where that is wished for.

    A store that fails makes feedback wait, never an answer: it is opened when it is first needed.
    """

    def __init__(self, settings: Settings, location: str, telemetry: Telemetry) -> None:
        """
        Args:
            location: of the store.

        Raises:
            ConfigurationError: it cannot be read.
            MissingExtraError: the driver of its database is not installed.
        """
        check(location)
        self.keeps_text = settings.store_text
        self._settings = settings
        self._location = location
        self._telemetry = telemetry
        self._masker = Masker()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedback")
        self._store: FeedbackStore | None = None
        self._known: dict[str, Respondent] = {}
        self._remembered: set[str] = set()
        self._waiting: list[_Given] = []
        self._keeping: asyncio.Task[None] | None = None
        self._remembering: asyncio.Task[None] | None = None
        self._housekeeping: asyncio.Task[None] | None = None
        self._rests_until = 0.0
        self._asking = 0

    async def noted(self, model: ServedModel, texts: Sequence[str], answers: Sequence[Answer]) -> list[Answer]:
        """The answers with their ids; the posts are kept, where that is wished for."""
        now = time.time()
        noted = [
            replace(item, answer_id=model.answer_ids.make(text, item.decision, now))
            if isinstance(item, Labelled)
            else item
            for text, item in zip(texts, answers, strict=True)
        ]
        if self.keeps_text:
            await self._keep(model, texts, noted)
        return noted

    def serve(self, answer_ids: AnswerIds) -> None:
        """Remember a model whose answers feedback will be about; beside all else, or later where the store fails."""
        self._known[answer_ids.respondent.key] = answer_ids.respondent
        self._remembering = asyncio.create_task(self._try_to_remember())
        if self._housekeeping is None:
            self._housekeeping = asyncio.create_task(self._keep_house())

    async def find(self, keys: set[str]) -> dict[str, Respondent]:
        """The models of these keys, as far as they are known.

        Raises:
            Problem: the store fails.
        """
        if not keys <= self._known.keys():
            self._known |= await self.ask(lambda: self._opened().models())
        return {key: self._known[key] for key in keys & self._known.keys()}

    async def models(self) -> dict[str, Respondent]:
        """All that ever answered, by key.

        Raises:
            Problem: the store fails.
        """
        return {**await self.ask(lambda: self._opened().models()), **self._known}

    async def add(self, items: Sequence[Feedback]) -> list[Stored]:
        """Store feedback for good.

        Args:
            items: with texts as they came; they are masked here.

        Raises:
            Problem: the store fails.
        """

        def add() -> list[Stored]:
            self._remember()
            return self._opened().add([self._masked(item) for item in items])

        return await self.ask(add)

    async def review(self, function: Callable[[ReviewList], R]) -> R:
        """Ask the review list.

        Raises:
            Problem: no posts are kept, or the store fails.
        """
        if not self.keeps_text:
            raise Problem(Code.TEXT_NOT_STORED, "this service keeps no posts; start it with --store-text")
        return await self.ask(lambda: function(self._review_list()))

    async def ask(self, function: Callable[[], R]) -> R:
        """Call a function on the thread of the store.

        Raises:
            Problem: the store fails, or takes longer than a request may.
        """
        unavailable = Problem(Code.STORE_UNAVAILABLE, "the store of feedback cannot be reached; send it again shortly")
        if self._asking >= _MOST_ASKING:
            raise unavailable
        self._asking += 1
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._on_thread(function)
        except StoreError as error:
            log.error("%s", error)  # noqa: TRY400  # the error says it all
            raise unavailable from None
        except TimeoutError:
            log.error("the store of feedback hangs")  # noqa: TRY400  # nothing is known of why
            raise unavailable from None
        finally:
            self._asking -= 1

    async def close(self) -> None:
        """Write what waits, and leave the store."""
        if self._housekeeping:
            self._housekeeping.cancel()
        if self._remembering:
            await self._remembering
        if self._keeping:
            await self._keeping
        await self._on_thread(self._leave)
        self._thread.shutdown()

    async def _on_thread(self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _try_to_remember(self) -> None:
        try:
            await self._on_thread(self._remember)
        except StoreError as error:
            log.error("no feedback is taken for now: %s", error)  # noqa: TRY400  # the error says it all

    async def _keep_house(self) -> None:
        """Posts are deleted when their time is over, also by a service that keeps none any more."""
        while True:
            try:
                while await self._on_thread(self._forget_some) == _FORGOTTEN_TOGETHER:
                    pass  # what came meanwhile has its turn
            except StoreError as error:
                log.error("posts whose time is over stay until the store is back: %s", error)  # noqa: TRY400  # as above
            await asyncio.sleep(_FORGET_SECONDS)

    async def _keep(self, model: ServedModel, texts: Sequence[str], answers: Sequence[Answer]) -> None:
        """Together with what others keep at the same time."""
        now = time.time()
        labelled = [(text, item) for text, item in zip(texts, answers, strict=True) if isinstance(item, Labelled)]
        if now < self._rests_until or len(self._waiting) + len(labelled) > _MOST_WAITING_POSTS:
            self._telemetry.not_kept(len(labelled))
            return
        self._waiting += [_Given(text, item, model, now) for text, item in labelled]
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_all())
        with suppress(TimeoutError):  # they are kept all the same, if the store comes back
            async with asyncio.timeout(_ANSWERS_WAIT_SECONDS):
                await asyncio.shield(self._keeping)

    async def _keep_all(self) -> None:
        try:
            while self._waiting:
                given, self._waiting = self._waiting, []
                try:
                    await self._on_thread(lambda given=given: self._write(given))  # type: ignore[misc]  # bound now
                except StoreError as error:
                    self._rests_until = time.time() + _REST_SECONDS
                    self._telemetry.not_kept(len(given))
                    log.error("%d posts are not on the review list: %s", len(given), error)  # noqa: TRY400  # as above
        finally:
            self._keeping = None

    # What follows is called on the thread.

    def _opened(self) -> FeedbackStore:
        if self._store is None:
            self._store = FeedbackStore.open(self._location)
        return self._store

    def _leave(self) -> None:
        if self._store:
            self._store.close()

    def _review_list(self) -> ReviewList:
        return ReviewList(self._opened(), self._settings.claim_seconds)

    def _remember(self) -> None:
        for key in self._known.keys() - self._remembered:
            self._opened().add_model(self._known[key])
            self._remembered.add(key)

    def _forget_some(self) -> int:
        return self._review_list().forget(self._settings.keep_days, _FORGOTTEN_TOGETHER)

    def _write(self, given: Sequence[_Given]) -> None:
        self._remember()
        self._review_list().keep([self._kept(each) for each in given])

    def _kept(self, given: _Given) -> KeptPost:
        model, decision = given.model, given.item.decision
        energies = model.baseline.energies if model.baseline else None
        shown = result(0, None, given.item, model.bundle.policy, _SHOWN)
        return KeptPost(
            answer=given.item.answer_id or "",
            text=self._masker.mask(given.text)[0],
            text_hash=hash_of(given.text),
            model=model.answer_ids.respondent.key,
            result=json.dumps({"labels": shown["labels"], "route": shown["route"]}),
            time=int(given.time),
            usefulness=usefulness(decision, given.item.energy, energies) if decision.action == "review" else None,
            labels={name: head.label for name, head in decision.heads.items()},
        )

    def _masked(self, item: Feedback) -> Feedback:
        return item if item.text is None else replace(item, text=self._masker.mask(item.text)[0])
