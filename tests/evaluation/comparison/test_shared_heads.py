import pytest

from data.errors import TaxonomyError
from data.taxonomy import Taxonomy
from evaluation.comparison.shared_heads import joint_taxonomy, shared_heads


def questions(**heads: list[str]) -> Taxonomy:
    return Taxonomy.from_dict(
        {
            "name": "t",
            "heads": [{"name": name, "labels": labels, "optional": "z" in labels} for name, labels in heads.items()],
        }
    )


def test_equal_questions_leave_nothing_out(taxonomy: Taxonomy) -> None:
    shared = shared_heads(taxonomy, taxonomy)
    assert shared.labels == {head.name: head.labels for head in taxonomy}
    assert shared.left_out == ()
    assert [(head.name, head.labels, head.kind, head.optional) for head in joint_taxonomy(taxonomy, taxonomy)] == [
        (head.name, head.labels, head.kind, head.optional) for head in taxonomy
    ]


def test_what_only_one_knows_is_named() -> None:
    before, after = questions(one=["a", "b"], two=["a", "b"]), questions(one=["b", "z"], three=["a", "b"])
    shared = shared_heads(before, after)
    assert shared.labels == {"one": ("b",)}
    assert shared.left_out == (
        "head two: only the champion has it",
        "one: labels that only the champion knows: a",
        "head three: only the challenger has it",
        "one: labels that only the challenger knows: z",
    )
    (joint,) = joint_taxonomy(before, after)
    assert (joint.name, joint.labels, joint.optional) == ("one", ("a", "b", "z"), True)


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(TaxonomyError, match=r"no head with a label in common: 't' has \['one'\], 't' has \['two'\]"):
        shared_heads(questions(one=["a", "b"]), questions(two=["a", "b"]))
    with pytest.raises(TaxonomyError, match="compare models of the same questions"):
        joint_taxonomy(questions(one=["a", "b"]), questions(one=["c", "d"]))
