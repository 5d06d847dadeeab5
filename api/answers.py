"""From posts to answers, for the service and the command line alike; one bad post fails alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.schemas import ItemErrorCode, Options, WarningCode
from model.decision import ACTIONS, Decision, HeadDecision, decide
from model.novelty import energy
from model.policy import Policy
from model.scores import Scores
from model.tokenizer import Encoded, PostTokenizer

_DIGITS = 6  # beyond these a float32 sum depends on the padding beside it


@dataclass(frozen=True, slots=True)
class Refused:
    """A post that cannot be labelled."""

    code: ItemErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A post that was labelled.

    Attributes:
        energy: how unlike it is what the labels were made for (`model.novelty`), by `energy_head`.
        answer_id: by which feedback refers to it; `None` where no feedback is taken.
    """

    decision: Decision
    encoded: Encoded
    energy: float
    answer_id: str | None = None


Answer = Labelled | Refused


@dataclass(frozen=True, slots=True)
class Prepared:
    """Posts as the engine takes them.

    Attributes:
        encoded: those that can be scored, in order.
        refused: the others, by their position among all posts.
        total: number of all posts.
    """

    encoded: list[Encoded]
    refused: dict[int, Refused]
    total: int


def prepare(texts: Sequence[str], tokenizer: PostTokenizer, max_characters: int) -> Prepared:
    """Tokenise posts and sort out those that cannot be labelled."""
    refused = {
        index: Refused(
            ItemErrorCode.TEXT_TOO_LONG, f"the text has {len(text)} characters, the limit is {max_characters}"
        )
        for index, text in enumerate(texts)
        if len(text) > max_characters
    }
    fitting = [index for index in range(len(texts)) if index not in refused]
    encoded = []
    for index, post in zip(fitting, tokenizer.encode([texts[index] for index in fitting]), strict=True):
        if post.empty:
            refused[index] = Refused(ItemErrorCode.TEXT_EMPTY, "the text is empty")
        else:
            encoded.append(post)
    return Prepared(encoded, refused, len(texts))


def joined(parts: Sequence[Prepared]) -> Prepared:
    """The same of all posts, from that of one part after the other."""
    encoded: list[Encoded] = []
    refused: dict[int, Refused] = {}
    total = 0
    for part in parts:
        encoded += part.encoded
        refused |= {total + index: item for index, item in part.refused.items()}
        total += part.total
    return Prepared(encoded, refused, total)


def answer(prepared: Prepared, scores: Scores, policy: Policy) -> list[Answer]:
    """Decide, and put the refused posts back in their places.

    Args:
        scores: of `prepared.encoded`, in that order.
    """
    energies = energy(scores.logits[energy_head(policy)]).tolist()
    labelled = iter(map(Labelled, decide(scores, policy), prepared.encoded, energies))
    return [prepared.refused.get(index) or next(labelled) for index in range(prepared.total)]


def energy_head(policy: Policy) -> str:
    """The head that tells how unlike others a post is: the policy's own for that, or the owner's, or the first."""
    return policy.novelty.head if policy.novelty else policy.owner or next(iter(policy.heads))


def result(index: int, post_id: str | None, item: Answer, policy: Policy, options: Options) -> dict[str, Any]:
    """One entry of `results`, as `schemas.Answered` or `schemas.Failed` describe it."""
    plain: dict[str, Any] = {"index": index} if post_id is None else {"index": index, "id": post_id}
    if isinstance(item, Refused):
        return {**plain, "status": "error", "error": {"code": item.code.value, "message": item.message}}
    decision, encoded = item.decision, item.encoded
    return {
        **plain,
        "status": "ok",
        **({"answer": item.answer_id} if item.answer_id else {}),
        "labels": {
            name: {
                "label": head.label,
                "confidence": round(head.confidence, _DIGITS),
                "threshold": head.threshold,
                "decision": "accept" if head.accepted else "review",
                "alternatives": _runners_up(head, policy.heads[name].labels, options.top_k),
                **({"label_set": list(head.label_set)} if head.label_set else {}),
            }
            for name, head in decision.heads.items()
            if options.heads is None or name in options.shown
        },
        "route": {"action": decision.action, "department": decision.owner, "reasons": list(decision.reasons)},
        "input": {"tokens": encoded.tokens, "truncated": encoded.truncated},
        "warnings": [code.value for code in warnings_of(encoded)],
    }


def warnings_of(encoded: Encoded) -> list[WarningCode]:
    """What a caller should know of how a post was read."""
    if not encoded.truncated:
        return []
    return [WarningCode.TRUNCATED_MIDDLE if encoded.end_read else WarningCode.TRUNCATED]


def summary(answers: Sequence[Answer]) -> dict[str, int]:
    """The counts that end an answer."""
    labelled = [item.decision.action for item in answers if isinstance(item, Labelled)]
    counts = {"total": len(answers), "ok": len(labelled), "failed": len(answers) - len(labelled)}
    return {**counts, **{action: labelled.count(action) for action in ACTIONS}}


def _runners_up(head: HeadDecision, labels: Sequence[str], top_k: int) -> list[dict[str, Any]]:
    if not top_k:
        return []
    probabilities: list[float] = head.probabilities.tolist()
    ranked = sorted(range(len(labels)), key=probabilities.__getitem__, reverse=True)
    return [
        {"label": labels[place], "confidence": round(probabilities[place], _DIGITS)}
        for place in ranked[: top_k + 1]
        if labels[place] != head.label
    ][:top_k]
