"""The starter corpus is what it says: whole, balanced and without leaks."""

import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from data.normalise import normalise
from data.posts import Example
from data.splitting import Parts
from data.starter_corpus import read_starter, split_starter, starter_files
from data.tables import BadRow, read_rows
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy

PARTS = ["train", "dev", "calibration", "test"]

NEAR_COPY = 0.7
"""Cosine of two posts from which one is a copy of the other; a test below shows what it finds."""

JUDGED_WORDS = 6
"""Shorter posts ("thanks, sent") are alike because strangers do write alike, in any company's history."""

SHORT_TWINS = 0.01
"""Share of the test posts that may be such a short post and stand in another part too."""


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return read_starter()


@pytest.fixture(scope="module")
def starter_parts(corpus: list[Example]) -> Parts:
    return split_starter(corpus)


@pytest.fixture(scope="module")
def default() -> Taxonomy:
    return Taxonomy.read(DEFAULT_TAXONOMY)


@dataclass(frozen=True)
class Similarity:
    """The posts as n-grams, and the part of each.

    Attributes:
        rows: `FILE:LINE` of each post.
        texts: without handles and hashtags, which would make two copies that name two companies look different.
        cosines: `(n_posts, n_posts)`.
    """

    rows: list[str]
    texts: list[str]
    sides: NDArray[np.str_]
    vectorizer: Any
    vectors: Any
    cosines: NDArray[np.float64]

    def pairs_across(self) -> list[tuple[int, int]]:
        """Near-copies of which one stands in one part and one in another."""
        across = np.triu((self.cosines >= NEAR_COPY) & (self.sides[:, None] != self.sides[None, :]))
        return [(int(one), int(other)) for one, other in zip(*np.nonzero(across), strict=True)]

    def is_judged(self, index: int) -> bool:
        return len(self.texts[index].split()) >= JUDGED_WORDS


@pytest.fixture(scope="module")
def similarity(corpus: list[Example], starter_parts: Parts) -> Similarity:
    side = {id(example): name for name in PARTS for example in getattr(starter_parts, name)}
    rows = [f"{path.name}:{row.line}" for path in starter_files() for row in read_rows(path)]
    texts = [" ".join(re.sub(r"[@#]\S+", " ", normalise(example.post.text)).split()) for example in corpus]
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(3, 5))
    vectors = vectorizer.fit_transform(texts)
    sides = np.array([side[id(example)] for example in corpus])
    return Similarity(rows, texts, sides, vectorizer, vectors, (vectors @ vectors.T).toarray())


def test_every_row_is_valid_and_there_are_enough(corpus: list[Example]) -> None:
    rows = [row for path in starter_files() for row in read_rows(path)]
    assert not [str(row) for row in rows if isinstance(row, BadRow)]
    assert len(corpus) == len(rows) >= 1200


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
    assert len(pairs) >= 100
    assert not [pair for pair, sides in pairs.items() if len(sides) != 2]
    assert not [pair for pair, sides in pairs.items() if len({name for name, _ in sides}) != 1]
    assert not [pair for pair, [(_, one), (_, other)] in pairs.items() if one.labels == other.labels]


def test_equal_posts_have_equal_labels(corpus: list[Example]) -> None:
    labels: defaultdict[str, set[tuple[str | None, ...]]] = defaultdict(set)
    for example in corpus:
        labels[normalise(example.post.text).lower()].add(tuple(example.labels.values()))
    assert not [found for found in labels.values() if len(found) > 1]


def test_a_post_of_eight_words_is_known_again_when_one_of_them_is_changed(similarity: Similarity) -> None:
    generator = random.Random(13)  # noqa: S311  # nothing secret
    vocabulary = " ".join(similarity.texts).split()
    longer = [index for index, text in enumerate(similarity.texts) if len(text.split()) >= 8]
    edited = []
    for index in longer:
        words = similarity.texts[index].split()
        words[generator.randrange(len(words))] = generator.choice(vocabulary)
        edited.append(" ".join(words))
    cosines = similarity.vectors[longer].multiply(similarity.vectorizer.transform(edited)).sum(axis=1)
    assert (np.asarray(cosines) >= NEAR_COPY).mean() > 0.99


def test_no_near_copy_of_a_post_stands_in_another_part(similarity: Similarity) -> None:
    copies = [
        (similarity.rows[one], similarity.rows[other])
        for one, other in similarity.pairs_across()
        if similarity.is_judged(one) or similarity.is_judged(other)
    ]
    assert copies == []


def test_few_test_posts_are_short_answers_that_stand_in_another_part_too(
    similarity: Similarity, starter_parts: Parts
) -> None:
    twins = {
        index
        for pair in similarity.pairs_across()
        for index in pair
        if similarity.sides[index] == "test" and not similarity.is_judged(index)
    }
    assert len(twins) <= SHORT_TWINS * len(starter_parts.test), sorted(similarity.rows[index] for index in twins)
