"""Labels that were flipped on purpose are found; a head that cannot be judged is passed over."""

from dataclasses import replace

import numpy as np
import pytest

from data.examples import posts_of
from data.posts import Example
from data.starter_corpus import read_starter
from data.taxonomy import Taxonomy
from training.audit import Audit, audit, embed


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
    assert len(found & flipped) >= 0.3 * len(found)
    mended = [suspect for suspect in suspects if suspect.index in flipped]
    right = [suspect.suggested == corpus[suspect.index].labels["department"] for suspect in mended]
    assert np.mean(right) > 0.8
    assert [suspect.probability for suspect in suspects] == sorted(suspect.probability for suspect in suspects)


def test_a_label_that_stands_in_too_few_groups_is_passed_over_and_named(
    examples: list[Example], taxonomy: Taxonomy, tiny_encoder: object
) -> None:
    few = [
        replace(example, labels={"intent": "spam" if index < 3 else "refund"}) for index, example in enumerate(examples)
    ]
    found = audit(few, taxonomy, str(tiny_encoder))
    assert found == Audit([], {"intent": ["spam"]})


def test_an_embedding_does_not_depend_on_the_posts_beside_it(
    examples: list[Example], taxonomy: Taxonomy, tiny_encoder: object
) -> None:
    together = embed(examples, taxonomy, str(tiny_encoder))
    alone = embed(examples[7:8], taxonomy, str(tiny_encoder))
    assert together.shape == (len(posts_of(examples)), 32)
    np.testing.assert_allclose(together[7], alone[0], atol=1e-5)
