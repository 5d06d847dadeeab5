"""The starter corpus is what it says: whole, balanced and without leaks."""

import re
from collections import Counter, defaultdict

import pytest

from data.checking.check import findings_of
from data.checking.giveaways import giveaways
from data.checking.survey import survey
from data.normalise import fingerprint
from data.posts import Example
from data.splitting.parts import Parts
from data.starter_corpus import STARTER, known_giveaways, read_readings, read_starter, split_starter, starter_files
from data.tables.reading import read_rows
from data.tables.rows import BadRow, Row
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy
from evaluation.agreement import agreement

PARTS = ["train", "dev", "calibration", "test"]

COSTLY = {
    "legal_threat",
    "privacy_request",
    "content_or_ip_claim",
    "safety_incident",
    "security_report",
    "workplace_concern",
    "employment_admin",
    "job_inquiry",
    "business_proposal",
}
"""Rare intents whose loss is dear; over-represented on purpose."""


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return read_starter()


@pytest.fixture(scope="module")
def starter_parts(corpus: list[Example]) -> Parts:
    return split_starter(corpus)


@pytest.fixture(scope="module")
def default() -> Taxonomy:
    return Taxonomy.read(DEFAULT_TAXONOMY)


def test_every_row_is_valid_and_there_are_enough(corpus: list[Example]) -> None:
    rows = [row for path in starter_files() for row in read_rows(path)]
    assert not [str(row) for row in rows if isinstance(row, BadRow)]
    assert len(corpus) == len(rows) >= 10_000


def test_every_intent_has_enough_posts_and_the_costly_ones_more(corpus: list[Example], default: Taxonomy) -> None:
    counts = Counter(example.labels["intent"] for example in corpus)
    wanted = {label: 400 if label in COSTLY else 280 for label in default.head("intent").labels}
    assert {label: counts[label] for label, least in wanted.items() if counts[label] < least} == {}


@pytest.mark.parametrize("owner", ["support", "it", "legal", "hr"])
def test_critical_posts_are_no_curiosity(corpus: list[Example], owner: str) -> None:
    levels = Counter(example.labels["urgency"] for example in corpus if example.labels["department"] == owner)
    assert levels["critical"] >= 0.06 * levels.total()


def test_posts_come_from_many_trades_and_channels_and_are_short(corpus: list[Example]) -> None:
    assert len({example.metadata["industry"] for example in corpus}) >= 25
    assert len({example.post.channel for example in corpus}) >= 8
    lengths = sorted(len(example.post.text.split()) for example in corpus)
    assert lengths[len(lengths) // 2] < 30
    assert lengths[-1] <= 160


def test_every_post_answers_every_question_and_says_where_it_is_from(corpus: list[Example], default: Taxonomy) -> None:
    heads = {head.name for head in default}
    assert not [example.group for example in corpus if example.labels.keys() != heads]
    assert not [example.group for example in corpus if not {"writer", "industry"} <= example.metadata.keys()]
    assert not [example.group for example in corpus if example.group is None or example.post.channel is None]


@pytest.mark.parametrize("head", ["intent", "urgency", "department"])
def test_every_label_stands_in_every_part(starter_parts: Parts, default: Taxonomy, head: str) -> None:
    for name in PARTS:
        found = {example.labels[head] for example in getattr(starter_parts, name)}
        assert set(default.head(head).labels) <= found, name


def test_every_department_has_posts_of_every_urgency(corpus: list[Example], default: Taxonomy) -> None:
    found = {(example.labels["department"], example.labels["urgency"]) for example in corpus}
    wanted = {(owner, level) for owner in default.head("department").labels for level in default.head("urgency").labels}
    assert wanted <= found


def test_nobody_owns_exactly_the_posts_whose_intent_nobody_owns(corpus: list[Example], default: Taxonomy) -> None:
    assert default.routing is not None
    unowned = default.routing.unowned["intent"]
    odd = [
        example.group
        for example in corpus
        if (example.labels["intent"] in unowned) != (example.labels["department"] is None)
    ]
    assert odd == []


def test_every_post_falls_into_one_part(corpus: list[Example], starter_parts: Parts) -> None:
    dealt = [example for name in PARTS for example in getattr(starter_parts, name)]
    assert Counter(map(id, dealt)) == Counter(map(id, corpus))


def test_no_scenario_is_torn(starter_parts: Parts) -> None:
    sides: defaultdict[str, set[str]] = defaultdict(set)
    for name in PARTS:
        for example in getattr(starter_parts, name):
            sides[example.metadata["scenario"]].add(name)
    assert {scenario: names for scenario, names in sides.items() if len(names) > 1} == {}


def test_the_writers_of_the_test_part_wrote_nothing_elsewhere(starter_parts: Parts) -> None:
    writers = {name: {example.metadata["writer"] for example in getattr(starter_parts, name)} for name in PARTS}
    elsewhere = writers["train"] | writers["dev"] | writers["calibration"]
    assert len(writers["test"]) >= 2
    assert not writers["test"] & elsewhere


def test_both_sides_of_a_pair_stand_in_one_part_and_differ_in_a_label(starter_parts: Parts) -> None:
    pairs: defaultdict[str, list[tuple[str, Example]]] = defaultdict(list)
    for name in PARTS:
        for example in getattr(starter_parts, name):
            if "pair" in example.metadata:
                pairs[example.metadata["pair"]].append((name, example))
    assert len(pairs) >= 1000
    assert not [pair for pair, sides in pairs.items() if len(sides) != 2]
    assert not [pair for pair, sides in pairs.items() if len({name for name, _ in sides}) != 1]
    assert not [pair for pair, [(_, one), (_, other)] in pairs.items() if one.labels == other.labels]


def test_the_corpus_passes_its_own_check(starter_parts: Parts, default: Taxonomy) -> None:
    surveyed = survey({name: getattr(starter_parts, name) for name in PARTS}, default)
    findings = findings_of(surveyed, default, known_giveaways())
    assert [f"{fault.kind}: {fault.where} {fault.message}" for fault in findings.faults] == []


def test_every_known_giveaway_is_one_and_has_a_reason(corpus: list[Example]) -> None:
    known = known_giveaways()
    assert set(known) <= {found.ngram for found in giveaways(corpus, "intent")}
    assert [ngram for ngram, reason in known.items() if len(reason) < 10] == []


def test_tone_does_not_stand_for_urgency(corpus: list[Example]) -> None:
    """Shouting (a word of four capitals, or two exclamation marks) says little, and a quiet post may be critical."""
    shouted = [example for example in corpus if re.search(r"\b[A-Z]{4,}\b|!.*!", example.post.text)]
    levels = Counter(example.labels["urgency"] for example in shouted)
    assert levels["low"] + levels["normal"] > 0.4 * len(shouted)
    critical = [example for example in corpus if example.labels["urgency"] == "critical"]
    assert len([example for example in critical if "!" not in example.post.text]) > 0.6 * len(critical)


def test_every_post_was_read_twice(corpus: list[Example]) -> None:
    rows = [row for row in read_rows(STARTER / "readings.jsonl") if isinstance(row, Row)]
    read = {row.values["post"] for row in rows}
    assert [example.origin for example in corpus if fingerprint(example.post.text) not in read] == []
    assert len(read_readings(corpus)) == len(rows) == len(read)


def test_two_readers_agree_as_the_aim_asks(corpus: list[Example], default: Taxonomy) -> None:
    kappas = agreement(read_readings(corpus), default)
    assert kappas["department"] >= 0.90
    assert kappas["intent"] >= 0.85
    assert kappas["urgency"] >= 0.75
