"""Both stores, each empty for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from data.feedback.records import Feedback, Respondent, Said
from data.feedback.store import FeedbackStore
from data.feedback.tables import url_of
from tests.postgres import PostgreSQL, postgresql

MODEL = Respondent(
    "00" * 8, "toy", "3", "taxonomy", "policy", "int8", {"intent": ("refund", "outage"), "urgency": ("low", "high")}
)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty store."""
    if request.param == "sqlite":
        return str(tmp_path / "feedback.db")
    started: PostgreSQL = request.getfixturevalue("server")
    engine = sqlalchemy.create_engine(url_of(started.url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return started.url


@pytest.fixture
def store(location: str) -> Iterator[FeedbackStore]:
    opened = FeedbackStore.open(location)
    opened.add_model(MODEL)
    yield opened
    opened.close()


def hash_of(post: str) -> str:
    return post.encode().hex().zfill(32)


def judged(
    id_: str | None, intent: str | None = "refund", *, post: str = "a", at: float = 1.0, **other: object
) -> Feedback:
    """Feedback on an answer of `MODEL` to a post."""
    said = Said(
        MODEL.key,
        hash_of(post),
        1_700_000_000,
        "review",
        {"intent": ("outage", 0.4), "urgency": ("low", 0.9)},
    )
    plain: dict[str, object] = {
        "answer": f"answer-{post}", "labels": {"intent": intent}, "wrong": (), "reviewer": "ana", "client": None,
        "judged": at, "saw_answer": True, "text": None, "said": said,
    }  # fmt: skip
    return Feedback(id=id_, **{**plain, **other})  # type: ignore[arg-type]  # a test's own words
