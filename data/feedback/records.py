"""What is known of an answer and of what a person said of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Respondent:
    """A model and policy that answered.

    Attributes:
        key: 16 hexadecimal digits, the same for the same bundle with the same policy.
        heads: labels by head, in the order of the taxonomy.
        optional: heads of which no label may apply.
    """

    key: str
    name: str
    version: str
    taxonomy: str
    policy: str
    precision: str
    heads: Mapping[str, tuple[str, ...]]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, without the text of its post.

    Attributes:
        model: key of the respondent.
        text_hash: of the text as it came, 32 hexadecimal digits.
        time: of the answer, in seconds since 1970.
        labels: the label and its confidence then, by head.
    """

    model: str
    text_hash: str
    time: int
    action: str
    labels: Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of an answer.

    Attributes:
        id: sent twice, it is stored once; `None`: the store gives one, unless the reviewer said the same of the
            answer last.
        answer: id of the answer.
        labels: the right ones of the heads that were judged; `None`: no label applies.
        wrong: heads whose label is wrong, though the right one was not told.
        reviewer: the name that the person gave.
        client: name of the key that the request came with.
        judged: when, in seconds since 1970.
        saw_answer: whether the person had seen the answer before judging; `None`: not told.
        text: of the post, masked.
    """

    id: str | None
    answer: str
    said: Said
    labels: Mapping[str, str | None]
    wrong: tuple[str, ...]
    reviewer: str | None
    client: str | None
    judged: float
    saw_answer: bool | None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class KeptPost:
    """A post that was kept with its answer, for whoever reviews it.

    Attributes:
        text: masked.
        text_hash: of the text as it came, 32 hexadecimal digits.
        model: key of the respondent.
        result: the answer as it was given, with runners-up; JSON.
        time: of the answer, in seconds since 1970.
        usefulness: what a person's judgement of it would teach, from 0 to 1; `None`: nobody is asked.
        labels: the chosen label by head.
    """

    answer: str
    text: str
    text_hash: str
    model: str
    result: str
    time: int
    usefulness: float | None
    labels: Mapping[str, str]
