"""The id of an answer, which says by itself what was answered: nothing is kept for feedback that may never come.

It is no secret and no signature. Whoever may send feedback could write another id, and could as well send wrong labels.
"""

import base64
import binascii
import hashlib
import random
import struct
import zlib
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


@dataclass(frozen=True, slots=True)
class AnswerId:
    """What an id says, with the model's labels by their places.

    Attributes:
        model: key of the respondent.
        heads: place of the label and steps of confidence, in the order of the taxonomy.
    """

    model: str
    text_hash: str
    time: int
    action: int
    heads: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, answer: str) -> "AnswerId":
        """Unpack an id.

        Raises:
            InvalidAnswerError: it is none.
        """
        packed = _unpacked(answer)
        _, action, time, model, hashed, _ = _ANSWER.unpack_from(packed)
        heads = tuple((place, steps) for place, steps in _HEAD.iter_unpack(packed[_ANSWER.size :]))
        return cls(model.hex(), hashed.hex(), time, action, heads)

    def said(self, respondent: Respondent) -> Said:
        """What it says, in the words of the model that answered.

        Raises:
            InvalidAnswerError: that model could not have answered so.
        """
        known = respondent.heads
        fits = len(self.heads) == len(known) and all(
            place < len(labels) for (place, _), labels in zip(self.heads, known.values(), strict=True)
        )
        if not fits or self.action >= len(ACTIONS):
            raise InvalidAnswerError("the answer's id is damaged")
        labels = {
            name: (labels[place], round(steps / _STEPS, 4))
            for (name, labels), (place, steps) in zip(known.items(), self.heads, strict=True)
        }
        return Said(self.model, self.text_hash, self.time, ACTIONS[self.action], labels)


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
