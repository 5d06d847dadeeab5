"""The questions of the next model, from those of the champion and what stands in the history."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from data.errors import ConfigurationError, DataError, TaxonomyError
from data.taxonomy import Taxonomy
from training.retraining.changes import Changes
from training.retraining.succession import Questions, Seen, for_reading, questions

Row = Mapping[str, str | None]


def write(path: Path, rows: Sequence[Row]) -> list[Path]:
    """Three posts of each kind, so that labels repeat."""
    posts = [{"text": f"post {number}-{copy}", **row} for number, row in enumerate(rows) for copy in range(3)]
    path.write_text("".join(json.dumps(post) + "\n" for post in posts))
    return [path]


EVERYTHING: list[Row] = [
    {"intent": "refund", "urgency": "low", "department": "support"},
    {"intent": "outage", "urgency": "normal", "department": "it"},
    {"intent": "spam", "urgency": "high", "department": None},
]


@pytest.fixture
def ask(tmp_path: Path, taxonomy: Taxonomy) -> "Ask":
    return Ask(tmp_path, taxonomy)


class Ask:
    """`questions` about rows."""

    def __init__(self, folder: Path, champion: Taxonomy) -> None:
        self._folder, self._champion = folder, champion

    def __call__(
        self,
        rows: Sequence[Row],
        old: Sequence[Row] = (),
        changes: Changes | None = None,
        given: Taxonomy | None = None,
        *,
        alone: bool = False,
    ) -> Questions:
        history = write(self._folder / "history.jsonl", rows)
        before = write(self._folder / "old.jsonl", old) if old else []
        champion = None if alone else self._champion
        return questions(champion, history, before, changes or Changes(), given, "mine")


def test_the_champions_questions_go_on_as_they_are(ask: Ask, taxonomy: Taxonomy) -> None:
    found = ask(EVERYTHING)
    assert found.taxonomy == taxonomy
    assert (found.new, found.unseen, found.columns) == ([], [], [])


def test_new_labels_come_last_and_a_head_with_an_order_needs_a_file(ask: Ask) -> None:
    found = ask([*EVERYTHING, {"intent": "praise"}, {"intent": "ask", "department": "hr"}])
    assert found.taxonomy.head("intent").labels == ("refund", "outage", "spam", "ask", "praise")
    assert found.taxonomy.head("department").labels == ("support", "it", "hr")
    assert found.new == [("intent", "ask"), ("intent", "praise"), ("department", "hr")]
    with pytest.raises(TaxonomyError, match="urgency has new labels, critical, and its labels have an order"):
        ask([*EVERYTHING, {"urgency": "critical"}])


def test_other_columns_become_no_heads_of_themselves_but_are_named(ask: Ask) -> None:
    rows = [{**row, "region": place} for row, place in zip(EVERYTHING, "nsn", strict=True)]
    found = ask(rows)
    assert [head.name for head in found.taxonomy] == ["intent", "urgency", "department"]
    assert found.columns == ["region"]


def test_without_a_champion_the_heads_are_found(ask: Ask) -> None:
    found = ask([{**row, "region": "n"} for row in EVERYTHING], alone=True)
    assert {head.name for head in found.taxonomy} == {"intent", "urgency", "department"}
    assert found.taxonomy.routing is None
    assert found.new == []
    renamed = ask(EVERYTHING, changes=Changes.parse(["intent=topic", "topic.spam=junk"], ["urgency"], []), alone=True)
    assert {head.name: head.labels for head in renamed.taxonomy} == {
        "topic": ("outage", "refund", "junk"), "department": ("it", "support"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "old", "lost"),
    [
        (EVERYTHING[:2], [], ["intent.spam (of the champion)", "urgency.high (of the champion)"]),
        ([{"intent": "refund"}, {"intent": "outage"}, {"intent": "spam"}], [],
         ["urgency (of the champion)", "department (of the champion)"]),
        (EVERYTHING, [{"intent": "praise"}], ["intent.praise (of the old history)"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_refused_by_name(ask: Ask, rows: list[Row], old: list[Row], lost: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ask(rows, old)
    assert f"no post of {', '.join(lost)}." in str(refused.value)


def test_old_history_must_be_accounted_for_without_a_champion_too(ask: Ask) -> None:
    with pytest.raises(ConfigurationError, match=r"intent\.praise \(of the old history\)"):
        ask(EVERYTHING, [{"intent": "praise"}], alone=True)
    kept = ask(EVERYTHING, [{"intent": "praise"}], Changes.parse([], [], ["intent.praise"]), alone=True)
    assert "praise" in kept.taxonomy.head("intent").labels
    assert kept.unseen == [("intent", "praise")]


def test_each_way_to_account_for_a_label(ask: Ask) -> None:
    rows = [*EVERYTHING[:2], {"urgency": "high"}]
    kept = ask(rows, changes=Changes.parse([], [], ["intent.spam"]))
    assert kept.taxonomy.head("intent").labels == ("refund", "outage", "spam")
    assert kept.unseen == [("intent", "spam")]
    dropped = ask(rows, changes=Changes.parse([], ["intent.spam"], []))
    assert dropped.taxonomy.head("intent").labels == ("refund", "outage")
    renamed = ask([*rows, {"intent": "junk"}], changes=Changes.parse(["intent.spam=junk"], [], []))
    assert renamed.taxonomy.head("intent").labels == ("refund", "outage", "junk")
    assert (renamed.new, renamed.unseen) == ([], [])
    assert renamed.taxonomy.routing is not None
    assert renamed.taxonomy.routing.unowned == {"intent": ("junk",)}
    merged = ask(rows, changes=Changes.parse(["intent.spam=outage"], [], []))
    assert merged.taxonomy.head("intent").labels == ("refund", "outage")


def test_a_whole_head_can_be_dropped_kept_or_renamed(ask: Ask) -> None:
    without = [{"intent": row["intent"], "urgency": row["urgency"]} for row in EVERYTHING]
    assert [head.name for head in ask(without, changes=Changes.parse([], ["department"], [])).taxonomy] == [
        "intent", "urgency",
    ]  # fmt: skip
    kept = ask(without, changes=Changes.parse([], [], ["department"]))
    assert kept.taxonomy.head("department").labels == ("support", "it")
    team = [{**row, "team": department} for row, department in zip(without, ("support", "it", None), strict=True)]
    found = ask(team, changes=Changes.parse(["department=team"], [], []))
    assert found.taxonomy.head("team").labels == ("support", "it")
    assert found.taxonomy.routing is not None
    assert found.taxonomy.routing.owner == "team"


def test_a_taxonomy_given_accounts_for_the_labels_that_it_names(ask: Ask, taxonomy: Taxonomy) -> None:
    assert ask(EVERYTHING[:2], given=taxonomy).unseen == [("intent", "spam"), ("urgency", "high")]
    fewer = Taxonomy.from_dict(
        {"name": "f", "heads": [{"name": "intent", "labels": ["refund", "outage"]}, *taxonomy.to_dict()["heads"][1:]]}
    )
    with pytest.raises(ConfigurationError, match=r"intent\.spam \(of the champion\)"):
        ask(EVERYTHING[:2], given=fewer)
    assert ask(EVERYTHING[:2], given=fewer, changes=Changes.parse([], ["intent.spam"], [])).taxonomy == fewer


def test_a_taxonomy_given_loses_nothing_silently_that_the_posts_still_have(ask: Ask, taxonomy: Taxonomy) -> None:
    plain = taxonomy.to_dict()
    without_head = Taxonomy.from_dict({"name": "f", "heads": plain["heads"][:2]})
    with pytest.raises(ConfigurationError, match=r"the taxonomy given names no department \(of the champion\)\."):
        ask(EVERYTHING, given=without_head)
    assert ask(EVERYTHING, given=without_head, changes=Changes.parse([], ["department"], [])).taxonomy == without_head
    intents = {"name": "intent", "labels": ["refund", "outage"]}
    without_label = Taxonomy.from_dict({"name": "f", "heads": [intents, *plain["heads"][1:]]})
    with pytest.raises(ConfigurationError, match=r"the taxonomy given names no intent\.spam \(of the champion\)"):
        ask(EVERYTHING, given=without_label)
    with pytest.raises(ConfigurationError, match=r"the taxonomy given names no intent\.spam \(of the old history\)"):
        ask(EVERYTHING[:2], EVERYTHING, given=without_label, alone=True)


def test_what_only_the_old_history_asks_is_named(ask: Ask) -> None:
    old = [{**row, "region": place} for row, place in zip(EVERYTHING, "nsn", strict=True)]
    assert ask(EVERYTHING, old).columns == ["region"]
    assert ask(EVERYTHING, old, alone=True).columns == ["region"]


@pytest.mark.parametrize(
    ("renames", "drops", "keeps", "said"),
    [
        (["intent.sapm=junk"], [], [], "--rename intent.sapm"),
        (["intents=topic"], [], [], "--rename intents"),
        ([], ["urgency.urgent"], [], "--drop urgency.urgent"),
        ([], [], ["tone"], "--keep tone"),
    ],
)
def test_a_slip_of_the_pen_is_named(
    ask: Ask, renames: list[str], drops: list[str], keeps: list[str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{said}: expected a head or label of the champion or of the posts"):
        ask(EVERYTHING, changes=Changes.parse(renames, drops, keeps))


def test_a_column_of_texts_is_no_head(tmp_path: Path) -> None:
    files = write(tmp_path / "posts.jsonl", [{"intent": f"text {number}"} for number in range(600)])
    with pytest.raises(DataError, match="the column 'intent' has more than 500 different values") as refused:
        Seen.of(files, ["intent"])
    assert "text 1" not in str(refused.value)


def test_old_names_and_what_is_dropped_are_read_and_other_labels_are_not(tmp_path: Path, taxonomy: Taxonomy) -> None:
    files = write(tmp_path / "posts.jsonl", [{"topic": "refund", "tone": "rude"}, {"tone": "kind"}])
    changes = Changes.parse(["topic=intent", "intent.spam=junk"], ["tone", "intent.praise"], [])
    reading = for_reading(changes.taxonomy(taxonomy), changes, files)
    assert {head.name: head.labels for head in reading} == {
        "intent": ("refund", "outage", "junk", "spam", "praise"),
        "topic": ("refund", "outage", "junk", "spam", "praise"),
        "urgency": ("low", "normal", "high"),
        "department": ("support", "it"),
        "tone": ("kind", "rude"),
    }


def test_nobody_becomes_an_answer_of_a_head_where_the_history_says_so(ask: Ask, taxonomy: Taxonomy) -> None:
    assert not taxonomy.head("urgency").optional
    found = ask([*EVERYTHING, {"intent": "spam", "urgency": None}]).taxonomy
    assert found.head("urgency").optional
    assert not found.head("intent").optional
