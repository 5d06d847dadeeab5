import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data.errors import PolicyError
from data.taxonomy import Taxonomy
from model.policy import HeadPolicy, Policy

MODEL = "a" * 64


@pytest.fixture
def policy(taxonomy: Taxonomy) -> Policy:
    return Policy.plain(taxonomy, MODEL, {"intent": 1.7, "department": 0.8})


@pytest.fixture
def tuned(policy: Policy) -> Policy:
    """A policy with thresholds of its own."""
    head = HeadPolicy(
        labels=("refund", "outage", "spam"), temperature=1.3, threshold=0.62, label_thresholds={"spam": 0.97}
    )
    return policy.model_copy(update={"heads": {**policy.heads, "intent": head}})


def other(taxonomy: Taxonomy, **changes: Any) -> Taxonomy:
    return Taxonomy.from_dict({**taxonomy.to_dict(), **changes})


def test_a_plain_policy_takes_labels_and_routing_from_the_taxonomy(policy: Policy, taxonomy: Taxonomy) -> None:
    assert {name: head.labels for name, head in policy.heads.items()} == {
        "intent": ("refund", "outage", "spam"),
        "urgency": ("low", "normal", "high"),
        "department": ("support", "it"),
    }
    assert [head.temperature for head in policy.heads.values()] == [1.7, 1.0, 0.8]
    assert {head.threshold for head in policy.heads.values()} == {0.5}
    assert (policy.owner, dict(policy.unowned)) == ("department", {"intent": ("spam",)})
    assert (policy.model_sha256, policy.taxonomy_sha256) == (MODEL, taxonomy.sha256)


def test_a_plain_policy_of_a_taxonomy_without_routing_has_no_owner(taxonomy: Taxonomy) -> None:
    policy = Policy.plain(other(taxonomy, routing=None), MODEL)
    assert (policy.owner, dict(policy.unowned)) == (None, {})


def test_a_label_has_its_own_threshold_or_that_of_the_head(tuned: Policy) -> None:
    assert [tuned.heads["intent"].threshold_of(label) for label in ("refund", "spam")] == [0.62, 0.97]


def test_a_written_policy_reads_back_equal(tuned: Policy, tmp_path: Path) -> None:
    tuned.write(tmp_path / "policy.json")
    read = Policy.read(tmp_path / "policy.json")
    assert read == tuned
    assert read.version == tuned.version
    assert list(read.heads) == ["intent", "urgency", "department"]


def test_the_version_names_the_content(policy: Policy, tuned: Policy, taxonomy: Taxonomy) -> None:
    assert policy.version == Policy.plain(taxonomy, MODEL, {"intent": 1.7, "department": 0.8}).version
    assert policy.version != tuned.version


def test_the_model_and_taxonomy_that_it_was_made_for_are_accepted(policy: Policy, taxonomy: Taxonomy) -> None:
    policy.check(MODEL, taxonomy)
    policy.check(MODEL, other(taxonomy, name="renamed"))  # a name decides nothing


def test_another_model_is_refused(policy: Policy, taxonomy: Taxonomy) -> None:
    with pytest.raises(PolicyError, match=r"for the model aaaaaaaaaaaa, found bbbbbbbbbbbb: .*tune a policy"):
        policy.check("b" * 64, taxonomy)


@pytest.mark.parametrize(
    "changes",
    [
        {"routing": None},
        {"routing": {"owner": "department", "unowned": {"intent": ["outage"]}}},
        {"heads": [{"name": "intent", "labels": ["outage", "refund", "spam"]}], "routing": None},
    ],
    ids=["no routing", "other routing", "other labels"],
)
def test_another_taxonomy_is_refused(policy: Policy, taxonomy: Taxonomy, changes: dict[str, Any]) -> None:
    changed = other(taxonomy, **changes)
    expected = f"the taxonomy {taxonomy.sha256[:12]}, found {changed.sha256[:12]}: .*tune a policy"
    with pytest.raises(PolicyError, match=expected):
        policy.check(MODEL, changed)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("format", 3),
        ("model_sha256", None),
        ("taxonomy_sha256", 7),
        ("heads", []),
        ("surprise", 1),
        ("owner", 3),
        ("unowned.intent", "spam"),
        ("heads.intent.labels", 5),
        ("heads.intent.temperature", 0),
        ("heads.intent.temperature", -1.5),
        ("heads.intent.temperature", float("inf")),
        ("heads.urgency.threshold", 1.01),
        ("heads.urgency.threshold", -0.01),
        ("heads.urgency.threshold", float("nan")),
        ("heads.urgency.threshold", "high"),
        ("heads.department.label_thresholds.it", "high"),
        ("heads.department.label_thresholds.it", 1.5),
        ("heads.department.surprise", 1),
    ],
)
def test_a_wrong_field_is_named_with_its_path(tuned: Policy, tmp_path: Path, where: str, value: object) -> None:
    plain = json.loads(tuned.model_dump_json())
    *outer, last = where.split(".")
    inner = plain
    for key in outer:
        inner = inner[key]
    inner[last] = value
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(PolicyError) as caught:
        Policy.read(path)
    assert f"{path}: not a policy: " in str(caught.value)
    assert f"{where}: " in str(caught.value)


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ({"costs": [[0, 1]]}, "costs: expected one entry for each of the 2 labels"),
        ({"costs": [[0, 1], [0]]}, r"costs\.1: .*2 labels"),
        ({"costs": [[0, 1], []]}, r"costs\.1: .*2 labels"),
        ({"costs": [[0, -1], [0, 1]]}, "greater than or equal to 0"),
        ({"scales": [1]}, "scales: expected one entry for each of the 2 labels"),
        ({"scales": [1, 0]}, "greater than 0"),
        ({"biases": [1, 2, 3]}, "biases: expected one entry for each of the 2 labels"),
        ({"biases": [1, float("nan")]}, "finite"),
        ({"label_sets": {"coverage": 1, "least_probability": 0.1}}, "less than 1"),
    ],
)
def test_a_head_that_does_not_fit_itself_is_refused(head: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        HeadPolicy.model_validate({"labels": ("kind", "rude"), **head})


@pytest.mark.parametrize("novelty", [{"head": "mood", "threshold": 0}, {"head": "tone", "threshold": float("inf")}])
def test_novelty_is_a_number_of_a_head(novelty: dict[str, object]) -> None:
    heads = {"tone": {"labels": ("kind", "rude")}}
    with pytest.raises(ValidationError, match="novelty"):
        Policy.model_validate({"model_sha256": "m", "taxonomy_sha256": "t", "heads": heads, "novelty": novelty})


def test_a_policy_of_the_first_format_is_read(tuned: Policy, tmp_path: Path) -> None:
    later = {"scales", "biases", "costs", "label_sets"}
    plain = tuned.model_dump(mode="json", exclude={"novelty": True, "heads": {"__all__": later}}) | {"format": 1}
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(plain))
    assert Policy.read(path).heads == tuned.heads


def test_all_wrong_fields_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"format": 3, "heads": {"intent": {"threshold": 3}}, "taxonomy_sha256": "b"}')
    with pytest.raises(PolicyError) as caught:
        Policy.read(path)
    for field in ("format", "model_sha256", "heads.intent.labels", "heads.intent.threshold"):
        assert f"{field}: " in str(caught.value)


@pytest.mark.parametrize("content", ["", '{"format": 1, "heads"', "[]", "null", "\xff"])
def test_a_file_that_is_no_policy_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(PolicyError, match=r"policy\.json: not a policy: "):
        Policy.read(path)


def test_a_changed_copy_knows_its_own_thresholds() -> None:
    head = HeadPolicy(labels=("kind", "rude", "vile"), label_thresholds={"vile": 0.9})
    assert head.thresholds == (0.5, 0.5, 0.9)
    assert head.model_copy(update={"threshold": 0.7}).thresholds == (0.7, 0.7, 0.9)
    costly = head.model_copy(update={"costs": ((0.0, 1.0, 1.0),) * 3})
    assert head.cost_matrix is None
    assert costly.cost_matrix is not None


def test_thresholds_by_label_are_written_as_one_and_its_exceptions() -> None:
    head = HeadPolicy(labels=("kind", "rude", "vile")).with_thresholds([0.8, 0.3, 0.8])
    assert (head.threshold, head.label_thresholds) == (0.8, {"rude": 0.3})
    assert head.thresholds == (0.8, 0.3, 0.8)
