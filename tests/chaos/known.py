"""Posts whose answers are known, by each version; and whether what the service says is one of them."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import combinations
from typing import Any

import numpy as np

from api.answers import Answer as Item
from api.answers import Labelled, answer, prepare, result, summary
from api.bodies import JSON
from api.feedback.answer_ids import AnswerId, hash_of
from api.problems import PROBLEM_JSON, RETRY_AFTER_SECONDS, STATUS, ProblemDocument
from api.schemas import Options
from api.served_model import ServedModel
from model.bundle import Bundle
from tests.chaos.questions import Question, post_id
from tests.chaos.wire import Answer
from tests.load.posts import make_posts

_TOLERANCE = 1.5e-6  # both confidences were rounded to six digits, and may be on either side of a half
_CLEAR = 1e-4  # between two versions; between a confidence and what would make it another answer
_POSTS = 1500


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of an answer; it is right where neither is said.

    Attributes:
        refused: the code of a refusal that is as documented.
        wrong: what is wrong, without the text of a post.
    """

    refused: str | None = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class _Post:
    """What one version answers to one post.

    Attributes:
        result: without index and id.
        summary: of this post alone.
        steady: no rounding makes another answer of it.
    """

    result: Mapping[str, Any]
    summary: Mapping[str, int]
    steady: bool


@dataclass(frozen=True, slots=True)
class _Version:
    """What one version answers.

    Attributes:
        model: of itself.
        posts: to each post.
    """

    model: Mapping[str, str]
    posts: Sequence[_Post]


class Known:
    """Posts, no two alike, and what each version answers to them, as the engine says in this process.

    Left out are posts to which two versions answer nearly alike, or where a rounding would make another answer.

    Attributes:
        texts: of the posts.
    """

    def __init__(self, bundles: Sequence[Bundle], posts: int = _POSTS) -> None:
        texts = make_posts(bundles[0], posts)
        versions = {str(bundle.manifest.version): _answers(bundle, texts) for bundle in bundles}
        of_each = enumerate(zip(*(version.posts for version in versions.values()), strict=True))
        clear = [place for place, posts in of_each if _is_clear(posts)]
        self.texts = [texts[place] for place in clear]
        self._versions = {
            name: _Version(version.model, [version.posts[place] for place in clear])
            for name, version in versions.items()
        }

    def question(self, request_id: str, places: Sequence[int], media_type: str = JSON) -> Question:
        """A request with some of the posts."""
        return Question.of(request_id, places, [self.texts[place] for place in places], media_type)

    def judge(self, question: Question, answered: Answer, versions: Collection[str]) -> Verdict:
        """Hold an answer against what is known.

        Args:
            versions: that may have given it.
        """
        try:
            if answered.status != HTTPStatus.OK:
                return judge_refusal(answered, question.id)
            if answered.headers["x-request-id"] != question.id:
                return Verdict(wrong="it is the answer to another request")
            if question.streamed:
                return self._judge_stream(question, answered.body, versions)
            plain = json.loads(answered.body)
            return self._judge_whole(question, plain, plain["results"], versions)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return Verdict(wrong=f"it cannot be read: {type(error).__name__}")

    def _judge_stream(self, question: Question, body: bytes, versions: Collection[str]) -> Verdict:
        *results, last = [json.loads(line) for line in body.splitlines()]
        if "summary" in last:
            return self._judge_whole(question, last, results, versions)
        faults = [self._fault(question, results, version) for version in versions]
        if all(faults):
            return Verdict(wrong=faults[0])
        return judge_document(last, question.id)

    def _judge_whole(self, question: Question, plain: Any, results: list[Any], versions: Collection[str]) -> Verdict:
        """Of an envelope, or of a stream with its last line."""
        version = plain["model"]["version"]
        if plain["request_id"] != question.id:
            return Verdict(wrong="it is the answer to another request")
        if version not in versions:
            return Verdict(wrong=f"it is of version {version}, and only {sorted(versions)} may have answered")
        if plain["model"] != self._versions[version].model:
            return Verdict(wrong=f"it says of version {version} what is not so")
        if len(results) != len(question.places):
            return Verdict(wrong=f"it has {len(results)} results for {len(question.places)} posts")
        fault = self._fault(question, results, version)
        if fault is None and plain["summary"] != self._summary(question, version):
            fault = "its summary is of other results"
        return Verdict(wrong=fault)

    def _fault(self, question: Question, results: Sequence[Any], version: str) -> str | None:
        """What is wrong with results, as far as they go."""
        for index, found in enumerate(results):
            rest = {name: value for name, value in found.items() if name not in ("index", "id", "answer")}
            if (found["index"], found["id"]) != (index, post_id(question.id, index)):
                return f"in place {index} stands the result of another post"
            place = question.places[index]
            if not _same(rest, self._versions[version].posts[place].result):
                others = [name for name, other in self._versions.items() if _same(rest, other.posts[place].result)]
                as_whom = f"version {others[0]} answers" if others else "no version answers"
                return f"result {index} of version {version} is as {as_whom} that post"
            if AnswerId.read(found["answer"]).text_hash != hash_of(self.texts[place]):
                return f"result {index} has the answer's id of another text"
        return None

    def _summary(self, question: Question, version: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for place in question.places:
            total.update(self._versions[version].posts[place].summary)
        return dict(total)


def judge_refusal(answered: Answer, request_id: str | None = None) -> Verdict:
    """Whether a refusal is as documented.

    Args:
        request_id: that it should have, where that is known.
    """
    document = json.loads(answered.body)
    found = judge_document(document, request_id)
    if found.refused is None:
        return found
    if answered.status != document["status"] or not answered.headers["content-type"].startswith(PROBLEM_JSON):
        return Verdict(wrong=f"{found.refused} came with status {answered.status}")
    if found.refused in RETRY_AFTER_SECONDS and int(answered.headers["retry-after"]) < 1:
        return Verdict(wrong=f"{found.refused} came without a time to wait")
    return found


def judge_document(plain: Any, request_id: str | None = None) -> Verdict:
    """Whether the document of a refusal is as documented; the arguments are those of `judge_refusal`."""
    document = ProblemDocument.model_validate(plain)
    if document.status != STATUS[document.code]:
        return Verdict(wrong=f"{document.code} came with status {document.status}")
    if request_id not in (None, document.request_id):
        return Verdict(wrong="it is the answer to another request")
    return Verdict(refused=document.code.value)


def _answers(bundle: Bundle, texts: Sequence[str]) -> _Version:
    engine = bundle.engine()
    try:
        prepared = prepare(texts, engine.tokenizer, max(map(len, texts)))
        items = answer(prepared, engine.submit(prepared.encoded).result(), bundle.policy)
        model = ServedModel(bundle, engine).info
    finally:
        engine.close()
    posts = []
    for item in items:
        entry = result(0, None, item, bundle.policy, Options())
        del entry["index"]
        posts.append(_Post(entry, summary([item]), steady=_is_steady(item)))
    return _Version(model, posts)


def _is_clear(posts: Sequence[_Post]) -> bool:
    """Whether an answer to this post shows which version gave it."""
    apart = (not _same(one.result, other.result, _CLEAR) for one, other in combinations(posts, 2))
    return all(post.steady for post in posts) and all(apart)


def _is_steady(item: Item) -> bool:
    """Whether no rounding makes another answer of it."""
    if not isinstance(item, Labelled):
        return False
    heads = item.decision.heads.values()
    gaps = [np.diff(np.sort(head.probabilities)[-2:]).item() for head in heads]
    return min(*gaps, *(abs(head.confidence - head.threshold) for head in heads)) > _CLEAR


def _same(found: Any, wanted: Any, tolerance: float = _TOLERANCE) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        return abs(found - wanted) <= tolerance
    if isinstance(wanted, dict) and isinstance(found, dict):
        return found.keys() == wanted.keys() and all(_same(found[name], wanted[name], tolerance) for name in wanted)
    return bool(found == wanted)
