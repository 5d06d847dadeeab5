"""The posts that a person should look at, most useful first, each claimed by one reviewer at a time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, or_, select

from data.feedback.records import KeptPost
from data.feedback.store import FeedbackStore, give_texts, insert_new, one_at_a_time
from data.feedback.tables import OPEN, feedback, models, posts

_SECONDS_A_DAY = 86_400
_ABOUT = ("name", "version", "taxonomy", "policy", "precision")


@dataclass(frozen=True, slots=True)
class OpenPost:
    """A post that waits for a person.

    Attributes:
        result: the answer as it was given, JSON.
        model: what gave it, without its labels.
        model_key: of the respondent, which has them.
        claimed_by: who looks at it now, until `claimed_until`, in seconds since 1970.
    """

    answer: str
    text: str
    result: str
    model: Mapping[str, str]
    model_key: str
    time: int
    usefulness: float
    claimed_by: str | None
    claimed_until: float


class ReviewList:
    """Posts kept with their answers. May be used from several threads and processes at a time."""

    def __init__(self, store: FeedbackStore, claim_seconds: float) -> None:
        """
        Args:
            claim_seconds: for so long a claimed post is nobody else's.
        """
        self._store = store
        self._seconds = claim_seconds

    def keep(self, kept: Sequence[KeptPost]) -> None:
        """Store posts; those that have a usefulness are open from now on, each text once, and unless it is judged.

        Feedback that came before its post takes the text.

        Raises:
            StoreError: they may or may not be stored.
        """
        if not kept:
            return
        hashes = {post.text_hash for post in kept}
        with self._store.transaction() as connection:
            one_at_a_time(connection)
            judged = select(feedback.c.text_hash).where(feedback.c.text_hash.in_(hashes)).distinct()
            asked = select(posts.c.text_hash).where(posts.c.text_hash.in_(hashes), OPEN)
            closed = {*connection.scalars(judged), *connection.scalars(asked)}
            rows = [_row(post) for post in kept]
            for row in rows:
                if row["text_hash"] in closed:
                    row["usefulness"] = None
                elif row["usefulness"] is not None:
                    closed.add(row["text_hash"])
            connection.execute(insert_new(connection, posts, "answer"), rows)
            give_texts(connection, feedback.c.text_hash.in_(hashes))

    def open(self, most: int, wanted: Mapping[str, str], now: float | None = None) -> list[OpenPost]:
        """Open posts, claimed ones among them.

        They are most useful first, spread over the labels of the first head: the best of each label, then the second
        best of each, and so on.

        Args:
            wanted: labels by head that the answers must have.
        """
        with self._store.transaction(reads=True) as connection:
            rows = _open_posts(connection, _best(connection, most, *_with_labels(wanted)))
        return [_open_post(row, _now(now)) for row in rows]

    def claim(self, reviewer: str, most: int, wanted: Mapping[str, str], now: float | None = None) -> list[OpenPost]:
        """Claim the most useful of the posts that nobody else has; those that the reviewer has already come first."""
        now = _now(now)
        own = (posts.c.claimed_by == reviewer) & (posts.c.claimed_until > now)
        with self._store.transaction() as connection:
            one_at_a_time(connection)
            conditions = _with_labels(wanted)
            held = select(posts.c.usefulness, posts.c.answer).where(OPEN, own, *conditions)
            answers = [row.answer for row in sorted(connection.execute(held), reverse=True)[:most]]
            answers += _best(connection, most - len(answers), posts.c.claimed_until <= now, *conditions)
            return self._claimed(connection, reviewer, answers, now)

    def claim_these(self, reviewer: str, answers: Sequence[str], now: float | None = None) -> list[OpenPost]:
        """Claim these posts, or prolong the claim; those that somebody else has are left out."""
        now = _now(now)
        with self._store.transaction() as connection:
            one_at_a_time(connection)
            return self._claimed(connection, reviewer, answers, now)

    def release(self, reviewer: str, answers: Sequence[str]) -> int:
        """Give posts back; returns how many the reviewer had."""
        with self._store.transaction() as connection:
            one_at_a_time(connection)
            released = connection.execute(
                posts.update()
                .where(posts.c.answer.in_(answers), posts.c.claimed_by == reviewer)
                .values(claimed_by=None, claimed_until=0)
            )
        return released.rowcount

    def counts(self, now: float | None = None) -> tuple[int, int]:
        """How many posts are open, and how many of them are claimed."""
        claimed = (posts.c.claimed_by.is_not(None), posts.c.claimed_until > _now(now))
        with self._store.transaction(reads=True) as connection:
            open_ = connection.scalar(select(func.count(posts.c.kind)).where(OPEN))
            held = connection.scalar(select(func.count()).select_from(posts).where(OPEN, *claimed))
        return int(open_ or 0), int(held or 0)

    def models(self) -> set[str]:
        """Keys of the respondents whose posts are open."""
        with self._store.transaction(reads=True) as connection:
            return {*connection.scalars(select(posts.c.model).where(OPEN).distinct())}

    def forget(self, days: float, most: int, now: float | None = None) -> int:
        """Delete posts that are older; their feedback has a copy of the text.

        Args:
            most: that are deleted together, while others wait.

        Returns:
            How many were; fewer than `most` where none is left.
        """
        over = select(posts.c.answer).where(posts.c.time < _now(now) - days * _SECONDS_A_DAY).limit(most)
        with self._store.transaction() as connection:
            one_at_a_time(connection)
            return connection.execute(posts.delete().where(posts.c.answer.in_(over))).rowcount

    def _claimed(self, connection: Connection, reviewer: str, answers: Sequence[str], now: float) -> list[OpenPost]:
        free = or_(posts.c.claimed_by == reviewer, posts.c.claimed_until <= now)
        connection.execute(
            posts.update()
            .where(posts.c.answer.in_(answers), OPEN, free)
            .values(claimed_by=reviewer, claimed_until=now + self._seconds)
        )
        return [_open_post(row, now) for row in _open_posts(connection, answers, posts.c.claimed_by == reviewer)]


def _best(connection: Connection, most: int, *wanted: ColumnElement[bool]) -> list[str]:
    """Answers of open posts: the best of each kind, then the second best of each, and so on."""
    if most < 1:
        return []
    ranked: list[tuple[int, float, str]] = []
    for kind in connection.scalars(select(posts.c.kind).distinct().where(OPEN)).all():
        best = (
            select(posts.c.usefulness, posts.c.answer)
            .where(OPEN, posts.c.kind == kind, *wanted)
            .order_by(posts.c.usefulness.desc(), posts.c.answer)
            .limit(most)
        )
        ranked += [(place, -usefulness, answer) for place, (usefulness, answer) in enumerate(connection.execute(best))]
    return [answer for _, _, answer in sorted(ranked)[:most]]


def _open_posts(connection: Connection, answers: Sequence[str], *wanted: ColumnElement[bool]) -> list[RowMapping]:
    """Those of these answers that are open, in their order."""
    query = (
        select(posts, models.c.about)
        .join(models, models.c.key == posts.c.model)
        .where(posts.c.answer.in_(answers), OPEN, *wanted)
    )
    found = {row["answer"]: row for row in connection.execute(query).mappings()}
    return [found[answer] for answer in dict.fromkeys(answers) if answer in found]


def _with_labels(wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [posts.c.labels[head].as_string() == label for head, label in wanted.items()]


def _open_post(row: RowMapping, now: float) -> OpenPost:
    held = row["claimed_until"] > now
    return OpenPost(
        answer=row["answer"],
        text=row["text"],
        result=row["result"],
        model={name: row["about"][name] for name in _ABOUT},
        model_key=row["model"],
        time=row["time"],
        usefulness=row["usefulness"],
        claimed_by=row["claimed_by"] if held else None,
        claimed_until=row["claimed_until"] if held else 0.0,
    )


def _row(post: KeptPost) -> dict[str, Any]:
    return {**asdict(post), "labels": dict(post.labels), "kind": next(iter(post.labels.values()), "")}


def _now(now: float | None) -> float:
    return time.time() if now is None else now
