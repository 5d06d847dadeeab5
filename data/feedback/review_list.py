"""The posts that a person should look at, most useful first, each claimed by one reviewer at a time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, case, func, or_, select

from data.feedback.records import KeptPost
from data.feedback.store import FeedbackStore, insert_new
from data.feedback.tables import models, posts

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
        """Store posts; those that have a usefulness are open from now on.

        Raises:
            StoreError: they may or may not be stored.
        """
        if kept:
            with self._store.transaction() as connection:
                connection.execute(insert_new(connection, posts, "answer"), [_row(post) for post in kept])

    def open(self, most: int, wanted: Mapping[str, str], now: float | None = None) -> list[OpenPost]:
        """Open posts, claimed ones among them.

        They are most useful first, spread over the labels of the first head: the best of each label, then the second
        best of each, and so on.

        Args:
            wanted: labels by head that the answers must have.
        """
        with self._store.transaction(reads=True) as connection:
            rows = _open_posts(connection, *_with_labels(wanted), most=most)
        return [_open_post(row, _now(now)) for row in rows]

    def claim(self, reviewer: str, most: int, wanted: Mapping[str, str], now: float | None = None) -> list[OpenPost]:
        """Claim the most useful of the posts that nobody else has; those that the reviewer has already come first."""
        now = _now(now)
        own = (posts.c.claimed_by == reviewer) & (posts.c.claimed_until > now)
        with self._store.transaction() as connection:
            _one_at_a_time(connection)
            free = or_(own, posts.c.claimed_until <= now)
            rows = _open_posts(connection, *_with_labels(wanted), free, most=most, first=case((own, 0), else_=1))
            return self._claimed(connection, reviewer, [row["answer"] for row in rows], now)

    def claim_these(self, reviewer: str, answers: Sequence[str], now: float | None = None) -> list[OpenPost]:
        """Claim these posts, or prolong the claim; those that somebody else has are left out."""
        now = _now(now)
        with self._store.transaction() as connection:
            _one_at_a_time(connection)
            return self._claimed(connection, reviewer, answers, now)

    def release(self, reviewer: str, answers: Sequence[str]) -> int:
        """Give posts back; returns how many the reviewer had."""
        with self._store.transaction() as connection:
            released = connection.execute(
                posts.update()
                .where(posts.c.answer.in_(answers), posts.c.claimed_by == reviewer)
                .values(claimed_by=None, claimed_until=0)
            )
        return released.rowcount

    def counts(self, now: float | None = None) -> tuple[int, int]:
        """How many posts are open, and how many of them are claimed."""
        claimed = func.sum(case((posts.c.claimed_until > _now(now), 1), else_=0))
        with self._store.transaction(reads=True) as connection:
            row = connection.execute(select(func.count(), claimed).where(_OPEN)).one()
        return int(row[0]), int(row[1] or 0)

    def models(self) -> set[str]:
        """Keys of the respondents whose posts are open."""
        with self._store.transaction(reads=True) as connection:
            return {*connection.scalars(select(posts.c.model).where(_OPEN).distinct())}

    def forget(self, days: float, now: float | None = None) -> int:
        """Delete posts that are older; their feedback has a copy of the text. Returns how many."""
        with self._store.transaction() as connection:
            return connection.execute(posts.delete().where(posts.c.time < _now(now) - days * _SECONDS_A_DAY)).rowcount

    def _claimed(self, connection: Connection, reviewer: str, answers: Sequence[str], now: float) -> list[OpenPost]:
        free = or_(posts.c.claimed_by == reviewer, posts.c.claimed_until <= now)
        connection.execute(
            posts.update()
            .where(posts.c.answer.in_(answers), _OPEN, free)
            .values(claimed_by=reviewer, claimed_until=now + self._seconds)
        )
        theirs = (posts.c.answer.in_(answers), posts.c.claimed_by == reviewer)
        return [_open_post(row, now) for row in _open_posts(connection, *theirs, most=len(answers))]


_OPEN: ColumnElement[bool] = posts.c.usefulness.is_not(None)


def _open_posts(connection: Connection, *wanted: ColumnElement[bool], most: int, first: Any = None) -> list[RowMapping]:
    """The best of each kind, then the second best of each, and so on.

    Args:
        first: what stands before all others.
    """
    best = (posts.c.usefulness.desc(), posts.c.answer)
    place = func.row_number().over(partition_by=posts.c.kind, order_by=best)
    ranked = select(posts.c.answer, place.label("place")).where(_OPEN, *wanted).subquery()
    query = (
        select(posts, models.c.about)
        .join(ranked, ranked.c.answer == posts.c.answer)
        .join(models, models.c.key == posts.c.model)
        .order_by(*(() if first is None else (first,)), ranked.c.place, *best)
        .limit(most)
    )
    return [*connection.execute(query).mappings()]


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


def _one_at_a_time(connection: Connection) -> None:
    """In SQLite every transaction is alone anyway; PostgreSQL is asked for it, until the end of this one."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7241002)")


def _now(now: float | None) -> float:
    return time.time() if now is None else now
