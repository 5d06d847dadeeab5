"""The id of an answer, which says by itself what was answered: nothing is kept for feedback that may never come.

It is no secret and no signature. Whoever may send feedback could write another id, and could as well send wrong labels.
"""

import base64
import binascii
import hashlib
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from data.errors import TriageError
from data.feedback.records import Respondent, Said
from model.bundle import Bundle
from model.decision import ACTIONS, Decision

_VERSION = 1
_ANSWER = struct.Struct(">BBI8s16sI")  # version, action, time, model, text_hash, and what makes two answers two
_HEAD = struct.Struct(">HH")
_CHECK = struct.Struct(">I")
_STEPS = 65_535  # of a confidence


class InvalidAnswerError(TriageError):
    """It is no answer's id, or a damaged one."""


class UnknownModelError(TriageError):
    """The id is of an answer by a model that is not known."""


@dataclass(frozen=True, slots=True)
class AnswerIds:
    """Makes the ids of one model's answers.

    Attributes:
        places: by head, the place of each label.
    """

    respondent: Respondent
    places: dict[str, dict[str, int]]

    @classmethod
    def of(cls, bundle: Bundle) -> "AnswerIds":
        """For the answers of a bundle."""
        manifest, taxonomy, policy = bundle.manifest, bundle.taxonomy, bundle.policy
        heads = {name: head.labels for name, head in policy.heads.items()}
        told = (manifest.name, str(manifest.version), taxonomy.sha256[:12], policy.version, manifest.precision)
        optional = tuple(head.name for head in taxonomy if head.optional)
        key = hashlib.sha256("\n".join([*told, *map(repr, heads.items()), *optional]).encode()).hexdigest()[:16]
        places = {name: {label: place for place, label in enumerate(labels)} for name, labels in heads.items()}
        return cls(Respondent(key, *told, heads, optional), places)

    def make(self, text: str, decision: Decision, time: float) -> str:
        """The id of an answer, of `A-Za-z0-9_-`; two answers to one text have two.

        Args:
            text: of the post, as it came.
            time: in seconds since 1970.
        """
        parts = [
            _ANSWER.pack(
                _VERSION,
                ACTIONS.index(decision.action),
                int(time),
                bytes.fromhex(self.respondent.key),
                _hashed(text),
                random.getrandbits(32),
            )
        ]
        for name, head in decision.heads.items():
            parts.append(_HEAD.pack(self.places[name][head.label], round(head.confidence * _STEPS)))
        packed = b"".join(parts)
        return base64.urlsafe_b64encode(packed + _CHECK.pack(zlib.crc32(packed))).rstrip(b"=").decode()


def read_answer_id(answer: str, find: Callable[[str], Respondent | None]) -> Said:
    """What an id says.

    Args:
        find: the model of a key.

    Raises:
        InvalidAnswerError, UnknownModelError: see there.
    """
    packed = _unpacked(answer)
    _, action, time, model, hashed, _ = _ANSWER.unpack_from(packed)
    respondent = find(model.hex())
    if respondent is None:
        raise UnknownModelError("the answer is by a model that this store has never seen")
    heads = [*_HEAD.iter_unpack(packed[_ANSWER.size :])]
    if action >= len(ACTIONS) or len(heads) != len(respondent.heads):
        raise InvalidAnswerError("the answer's id is damaged")
    labels = {}
    for (name, known), (place, steps) in zip(respondent.heads.items(), heads, strict=True):
        if place >= len(known):
            raise InvalidAnswerError("the answer's id is damaged")
        labels[name] = (known[place], round(steps / _STEPS, 4))
    return Said(respondent.key, hashed.hex(), time, ACTIONS[action], labels)


def key_in(answer: str) -> str | None:
    """The key of the model that an id names; `None` where it is no id."""
    try:
        return str(_ANSWER.unpack_from(_unpacked(answer))[3].hex())
    except InvalidAnswerError:
        return None


def hash_in(answer: str) -> str | None:
    """What an id says of the text that was answered; `None` where it is no id."""
    try:
        return str(_ANSWER.unpack_from(_unpacked(answer))[4].hex())
    except InvalidAnswerError:
        return None


def hash_of(text: str) -> str:
    """What an id says of a text: 32 hexadecimal digits."""
    return _hashed(text).hex()


def _hashed(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _unpacked(answer: str) -> bytes:
    try:
        packed = base64.b64decode(answer + "=" * (-len(answer) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):  # ValueError: a character beyond ASCII
        packed = b""
    content, check = packed[: -_CHECK.size], packed[-_CHECK.size :]
    whole = len(content) >= _ANSWER.size and (len(content) - _ANSWER.size) % _HEAD.size == 0
    if not whole or content[0] != _VERSION or _CHECK.unpack(check)[0] != zlib.crc32(content):
        raise InvalidAnswerError("this is no answer's id, or a damaged one; send `answer` as /classify gave it")
    return content
