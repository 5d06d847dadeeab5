"""Labels that were flipped on purpose are found; copies do not vouch for each other; a sample is judged alike."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data.errors import ConfigurationError
from data.examples import posts_of
from data.posts import Example, Post
from data.starter_corpus import read_starter
from data.taxonomy import Taxonomy
from training.audit.suspects import Audit, audit, embed, judge

TWO = Taxonomy.from_dict({"name": "two", "heads": [{"name": "kind", "optional": True, "labels": ["a", "b"]}]})


def clusters(count: int = 60) -> tuple[list[Example], np.ndarray[Any, np.dtype[np.float32]]]:
    """Posts of two kinds, and embeddings that tell them apart."""
    generator = np.random.default_rng(5)
    kinds = [row % 2 for row in range(count)]
    examples = [Example(Post(f"post {row}"), {"kind": "ab"[kind]}) for row, kind in enumerate(kinds)]
    return examples, (generator.normal(0, 1, (count, 4)) + 6 * np.array(kinds)[:, None]).astype(np.float32)


@pytest.mark.slow
def test_flipped_labels_are_found_among_the_suspects() -> None:
    heads = [{"name": "department", "labels": ["sales", "support", "it", "legal", "hr"]}]
    taxonomy = Taxonomy.from_dict({"name": "owners", "heads": heads})
    corpus = [example for example in read_starter() if example.labels["department"] in ("it", "hr", "sales")][:600]
    flipped = set(range(0, len(corpus), 20))
    other = {"it": "hr", "hr": "sales", "sales": "it"}
    examples = [
        replace(example, labels={"department": other[str(example.labels["department"])]})
        if index in flipped
        else replace(example, labels={"department": example.labels["department"]})
        for index, example in enumerate(corpus)
    ]
    suspects = audit(examples, taxonomy).suspects
    found = {suspect.index for suspect in suspects}
    assert len(found & flipped) >= 0.7 * len(flipped)
    assert len(found & flipped) >= 0.3 * len(found)  # 600 posts of pairs that differ by a word are hard
    mended = [suspect for suspect in suspects if suspect.index in flipped]
    right = [suspect.suggested == corpus[suspect.index].labels["department"] for suspect in mended]
    assert np.mean(right) > 0.8
    assert [suspect.probability for suspect in suspects] == sorted(suspect.probability for suspect in suspects)


def test_one_wrong_label_is_found_with_what_is_right_and_how_sure_that_is() -> None:
    examples, embeddings = clusters()
    examples[4] = replace(examples[4], labels={"kind": "b"})
    [suspect], passed_over = judge(examples, TWO, embeddings)
    assert (suspect.index, suspect.given, suspect.suggested) == (4, "b", "a")
    assert suspect.probability < 0.2
    assert passed_over == {}


def test_a_wrong_null_is_found_too_and_unknown_labels_are_not_judged() -> None:
    examples, embeddings = clusters()
    said = {"a": "a", "b": None}
    examples = [replace(example, labels={"kind": said[str(example.labels["kind"])]}) for example in examples]
    examples[4] = replace(examples[4], labels={"kind": None})
    examples[6] = replace(examples[6], labels={})
    [suspect] = judge(examples, TWO, embeddings)[0]
    assert (suspect.index, suspect.given, suspect.suggested) == (4, "null", "a")


@pytest.mark.parametrize("tied_by", ["text", "text and group", "thread beside a group"])
def test_copies_of_a_wrong_label_do_not_vouch_for_each_other(tied_by: str) -> None:
    examples, embeddings = clusters(100)
    # Like those of kind a, but for something of their own that teaches the label of the copies.
    embeddings = np.column_stack([embeddings, np.zeros(100, np.float32)])
    copies = set(range(0, 30, 2))
    for row in copies:
        text = "the very same post" if row % 4 else "The  very same POST"
        post = Post(f"answer {row}", thread="t") if tied_by.startswith("thread") else Post(text)
        examples[row] = Example(post, {"kind": "b"}, None if tied_by == "text" else f"case {row}")
        embeddings[row, -1] = 8
    found = {suspect.index for suspect in judge(examples, TWO, embeddings)[0]}
    assert found <= copies
    assert len(found) >= 14
    others = [replace(example, post=Post(f"another {row}")) for row, example in enumerate(examples)]
    assert {suspect.index for suspect in judge(others, TWO, embeddings)[0]} == set()


def test_a_label_that_stands_in_too_few_groups_is_passed_over_and_named(
    examples: list[Example], taxonomy: Taxonomy, tiny_encoder: object
) -> None:
    few = [
        replace(example, labels={"intent": "spam" if index < 3 else "refund"}) for index, example in enumerate(examples)
    ]
    found = audit(few, taxonomy, str(tiny_encoder))
    assert found == Audit([], {"intent": ["spam"]}, judged=60, posts=60)


def test_of_many_posts_a_sample_is_judged_and_named_by_place(tiny_encoder: object) -> None:
    examples = [
        Example(Post(f"{'refund my order' if row % 2 else 'site is down'} {row}"), {"kind": "ba"[row % 2]})
        for row in range(120)
    ]
    examples[61] = replace(examples[61], labels={"kind": "b"})
    told: list[tuple[str, int, int | None]] = []
    found = audit(examples, TWO, str(tiny_encoder), 100, lambda *step: told.append(step))
    assert (found.judged, found.posts) == (100, 120)
    assert [(suspect.index, suspect.given, suspect.suggested) for suspect in found.suspects] == [(61, "b", "a")]
    assert {step: sum(done for name, done, _ in told if name == step) for step, _, _ in told} == {
        "reading posts for label errors": 100,
        "judging kind": 100,
    }


def test_a_sample_without_a_post_is_refused(examples: list[Example], taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigurationError, match="a sample of 0 posts"):
        audit(examples, taxonomy, sample=0)


def test_what_the_report_raises_stops_the_audit(
    examples: list[Example], taxonomy: Taxonomy, tiny_encoder: object
) -> None:
    def interrupt(step: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(examples, taxonomy, str(tiny_encoder), report=interrupt)


def test_an_embedding_does_not_depend_on_the_posts_beside_it(
    examples: list[Example], taxonomy: Taxonomy, tiny_encoder: object
) -> None:
    together = embed(examples, taxonomy, str(tiny_encoder))
    alone = embed(examples[7:8], taxonomy, str(tiny_encoder))
    assert together.shape == (len(posts_of(examples)), 32)
    np.testing.assert_allclose(together[7], alone[0], atol=1e-5)
