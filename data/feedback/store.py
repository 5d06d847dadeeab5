"""Where feedback is kept: a file of SQLite, or PostgreSQL. What was stored stays, whatever happens to the process."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Engine, exc, select
from sqlalchemy.dialects import postgresql, sqlite

from data.feedback.records import Feedback, Respondent
from data.feedback.tables import OPEN, READS, connect, connect_to_read, feedback, models, posts, unreachable

Stored = tuple[str, "Outcome"]
"""The id of feedback, and what became of it."""


class Outcome(StrEnum):
    """What became of feedback: stored; stored before; not stored, because its id stands on another one."""

    NEW = "new"
    KNOWN = "known"
    TAKEN = "taken"


class FeedbackStore:
    """Feedback, and the models that it is about. May be used from several threads and processes at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, location: str) -> "FeedbackStore":
        """A path is a file of SQLite, which is made where it is not there; anything else a URL of SQLAlchemy.

        Raises:
            ConfigurationError, MissingExtraError, StoreError: see `data.feedback.tables.connect`.
        """
        return cls(connect(location))

    @classmethod
    def open_to_read(cls, location: str) -> "FeedbackStore":
        """One that is there; nothing is made or changed.

        Raises:
            ConfigurationError, DataError, MissingExtraError, StoreError: see `data.feedback.tables.connect_to_read`.
        """
        return cls(connect_to_read(location))

    def close(self) -> None:
        """Leave the database."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, *, reads: bool = False) -> Iterator[Connection]:
        """All that is done within is stored, or nothing of it.

        Args:
            reads: nothing is written within, and nobody held up.

        Raises:
            StoreError: the database fails; whether it was stored is not known then.
        """
        try:
            with self._engine.execution_options(**{READS: reads}).begin() as connection:
                yield connection
        except exc.SQLAlchemyError as error:
            raise unreachable(error, self._engine.url) from error

    def add_model(self, respondent: Respondent) -> None:
        """Remember a model, so that the ids of its answers can be read for ever."""
        about = {name: value for name, value in asdict(respondent).items() if name != "key"}
        with self.transaction() as connection:
            connection.execute(
                insert_new(connection, models, "key"),
                {"key": respondent.key, "about": {**about, "heads": [*respondent.heads.items()]}},
            )

    def models(self) -> dict[str, Respondent]:
        """All models that were remembered, by key."""
        with self.transaction(reads=True) as connection:
            rows = connection.execute(select(models.c.key, models.c.about)).all()
        return {key: _respondent(key, about) for key, about in rows}

    def add(self, items: Sequence[Feedback]) -> list[Stored]:
        """Store feedback, and take its posts off the review list.

        Of feedback that was known, a text is stored that it lacked. What has no id is known where the same reviewer
        said the same of the answer last.

        Returns:
            Of each its id and what became of it, once all of it is stored for good.

        Raises:
            StoreError: it may or may not be stored; send it again.
        """
        if not items:
            return []
        rows = [_row(item) for item in items]
        with self.transaction() as connection:
            one_at_a_time(connection)
            _name(connection, rows)
            added = connection.execute(
                insert_new(connection, feedback, "id").returning(feedback.c.id), _first_of_each(rows)
            )
            new = set(added.scalars())
            ids = [row["id"] for row in rows]
            stored = dict(
                connection.execute(select(feedback.c.id, feedback.c.content).where(feedback.c.id.in_(ids))).all()
            )
            outcomes = []
            for row in rows:
                same = stored[row["id"]] == row["content"]
                outcomes.append((Outcome.NEW if row["id"] in new else Outcome.KNOWN) if same else Outcome.TAKEN)
                new.discard(row["id"])
            accepted = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is not Outcome.TAKEN]
            _add_texts(connection, accepted)
            give_texts(connection, feedback.c.id.in_([row["id"] for row in accepted]))
            _settle(connection, {row["text_hash"] for row in accepted})
        return list(zip(ids, outcomes, strict=True))

    def rows(self) -> Iterator[dict[str, Any]]:
        """All feedback as it stands in the database: that on one post together, the latest first."""
        query = select(feedback).order_by(feedback.c.text_hash, feedback.c.judged.desc(), feedback.c.number.desc())
        with self.transaction(reads=True) as connection:
            for row in connection.execution_options(yield_per=1000).execute(query).mappings():
                yield dict(row)

    def count(self) -> int:
        """How many there are."""
        with self.transaction(reads=True) as connection:
            return int(connection.scalar(select(sqlalchemy.func.count()).select_from(feedback)) or 0)


def one_at_a_time(connection: Connection) -> None:
    """Until the transaction ends no other one is here. In SQLite all are alone anyway; PostgreSQL is asked for it."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7241002)")


def give_texts(connection: Connection, wanted: ColumnElement[bool]) -> None:
    """Feedback that has no text takes that of its post, where it is kept."""
    kept = select(posts.c.text).where(posts.c.text_hash == feedback.c.text_hash).limit(1).scalar_subquery()
    connection.execute(feedback.update().where(wanted, feedback.c.text.is_(None)).values(text=kept))


def insert_new(connection: Connection, table: sqlalchemy.Table, key: str) -> Any:
    """An insertion that leaves out rows whose key is there."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing(index_elements=[key])


def _respondent(key: str, about: Mapping[str, Any]) -> Respondent:
    heads = {head: tuple(labels) for head, labels in about["heads"]}
    return Respondent(key=key, **{**about, "heads": heads, "optional": tuple(about["optional"])})


def _row(item: Feedback) -> dict[str, Any]:
    said, reviewer = item.said, item.reviewer and item.reviewer.replace("\0", "")  # as it will be read
    told = {
        "answer": item.answer,
        "labels": dict(item.labels),
        "wrong": sorted(item.wrong),
        "reviewer": reviewer,
        "saw_answer": item.saw_answer,
    }
    content = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {
        **told,
        "id": item.id,
        "content": content,
        "model": said.model,
        "text_hash": said.text_hash,
        "answered": said.time,
        "action": said.action,
        "said": {head: [label, confidence] for head, (label, confidence) in said.labels.items()},
        "client": item.client,
        "judged": item.judged,
        "text": item.text,
    }


def _name(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Give an id to what was sent without: that of what the reviewer said last of the answer, where it is the same."""
    answers = {row["answer"] for row in rows if row["id"] is None}
    if not answers:
        return
    columns = (feedback.c.answer, feedback.c.reviewer, feedback.c.client, feedback.c.content, feedback.c.id)
    told = connection.execute(select(*columns).where(feedback.c.answer.in_(answers)).order_by(feedback.c.number))
    last = {tuple(whom): (content, id_) for *whom, content, id_ in told.all()}
    given = [row["id"] for row in rows if row["id"] is not None]
    before = set(connection.scalars(select(feedback.c.id).where(feedback.c.id.in_(given))))
    for row in rows:
        if row["id"] in before:
            continue  # said before what was said last, or not stored
        whom = (row["answer"], row["reviewer"], row["client"])
        content, id_ = last.get(whom, (None, None))
        if row["id"] is None:
            row["id"] = id_ if content == row["content"] else uuid.uuid4().hex
        last[whom] = (row["content"], row["id"])
        before.add(row["id"])


def _first_of_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["id"], row)
    return [*first.values()]


def _add_texts(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Texts that were sent with feedback that is there without."""
    sent = [{"of": row["id"], "sent": row["text"]} for row in rows if row["text"] is not None]
    if sent:
        of_one = feedback.update().where(feedback.c.id == sqlalchemy.bindparam("of"), feedback.c.text.is_(None))
        connection.execute(of_one.values(text=sqlalchemy.bindparam("sent")), sent)


def _settle(connection: Connection, text_hashes: set[str]) -> None:
    """Nobody is asked of these texts any more, however often they came."""
    connection.execute(
        posts.update()
        .where(posts.c.text_hash.in_(text_hashes), OPEN)
        .values(usefulness=None, claimed_by=None, claimed_until=0)
    )
