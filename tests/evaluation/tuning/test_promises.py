"""The little language of targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigurationError
from data.taxonomy import Taxonomy
from evaluation.tuning.promises import Measure, Promise, Wishes, parse_targets


def one(text: str, taxonomy: Taxonomy) -> Promise:
    (promise,) = parse_targets([text], taxonomy).promises
    return promise


@pytest.mark.parametrize(
    ("text", "promise"),
    [
        ("department:error<=0.02@0.95", Promise("department", None, Measure.ERROR, 0.02, 0.95)),
        ("department:error<=0.02", Promise("department", None, Measure.ERROR, 0.02, 0.95)),
        ("department:error<=2%@99%", Promise("department", None, Measure.ERROR, 0.02, 0.99)),
        ("  department : error <= .02 @ .9 ", Promise("department", None, Measure.ERROR, 0.02, 0.9)),
        ("urgency.high:recall>=95%", Promise("urgency", "high", Measure.RECALL, 0.95)),
        ("intent.spam:precision>=0.9@0.8", Promise("intent", "spam", Measure.PRECISION, 0.9, 0.8)),
        ("intent.spam:error<=0.1", Promise("intent", "spam", Measure.ERROR, 0.1)),
        ("route:error<=0.5%", Promise(None, None, Measure.ERROR, 0.005)),
    ],
)
def test_targets_are_read_as_people_write_them(text: str, promise: Promise, taxonomy: Taxonomy) -> None:
    assert one(text, taxonomy) == promise


def test_several_targets_keep_their_order_and_full_coverage_is_no_promise(taxonomy: Taxonomy) -> None:
    wishes = parse_targets(["route:max-coverage", "route:error<=0.1", "urgency.high:recall>=0.9"], taxonomy)
    assert wishes.max_coverage
    assert [promise.head for promise in wishes.promises] == [None, "urgency"]
    assert parse_targets([], taxonomy) == Wishes(())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("department", r"expected one of\n  HEAD:error<=0\.02@0\.95"),
        ("department:error<0.02", "expected one of"),
        ("department:accuracy>=0.9", "expected one of"),
        ("department:error<=0.02@", "expected one of"),
        ("department:error<=0.02 please", "expected one of"),
        ("department:error>=0.02", r"an error is bounded from above \(<=\), precision and recall from below"),
        ("intent.spam:recall<=0.9", "an error is bounded from above"),
        ("departement:error<=0.02", "there is no head 'departement'; there are intent, urgency, department"),
        ("urgency.critical:recall>=0.9", "urgency has no label 'critical'; it has low, normal, high"),
        ("urgency:recall>=0.9", r"recall is of one label: urgency\.LABEL:recall>=0\.9"),
        ("urgency:precision>=0.9", "precision is of one label"),
        ("route:recall>=0.9", "the route has an error only: route:error<=0.02"),
        ("route.spam:error<=0.1", "the route has an error only"),
        ("department:error<=0", "the bound must lie between 0 and 1, both excluded; found 0"),
        ("department:error<=2", "the bound must lie between 0 and 1, both excluded; found 2"),
        ("department:error<=100%", "the bound must lie between 0 and 1, both excluded; found 100%"),
        ("department:error<=0.0.2", "the bound must lie between 0 and 1, both excluded; found 0.0.2"),
        ("department:error<=0.02@1", "the chance after @ must lie between 0 and 1, both excluded; found 1"),
        ("department:error<=0.02@95", "the chance after @ must lie between 0 and 1, both excluded; found 95"),
    ],
)
def test_what_is_no_target_is_refused_with_what_it_should_be(text: str, fault: str, taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigurationError, match=fault) as refused:
        parse_targets([text], taxonomy)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", ["intent.spam:recall>=0.9999999999", "intent:error<=0.00000000000000000001"])
def test_a_bound_that_leaves_no_room_for_numbers_is_refused(text: str, taxonomy: Taxonomy) -> None:
    """Not even the number of posts that it would take could be said."""
    with pytest.raises(ConfigurationError, match="the bound must lie between 0 and 1"):
        parse_targets([text], taxonomy)


def test_all_faults_are_named_at_once(taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_targets(["nonsense", "route:error<=0.1", "team:error<=0.1", "intent:error<=7"], taxonomy)
    lines = str(refused.value)
    assert all(repr(text) in lines for text in ("nonsense", "team:error<=0.1", "intent:error<=7"))
    assert "'route:error<=0.1'" not in lines


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("route:error<=0.1", "route:error<=0.2"),
        ("intent:error<=0.1", "intent:error<=0.1@0.9"),
        ("intent.spam:precision>=0.9", "intent.spam:error<=0.2"),  # the same thing, said twice
        ("intent.spam:recall>=0.9", "intent.spam:recall>=0.8"),
    ],
)
def test_a_second_target_for_the_same_thing_is_refused(first: str, second: str, taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigurationError, match="there is already a target of this kind for it") as refused:
        parse_targets([first, second], taxonomy)
    assert repr(second) in str(refused.value)


def test_precision_and_recall_of_one_label_are_two_things(taxonomy: Taxonomy) -> None:
    texts = ["intent.spam:precision>=0.9", "intent.spam:recall>=0.9", "intent:error<=0.1", "intent.refund:recall>=0.9"]
    assert len(parse_targets(texts, taxonomy).promises) == 4


def test_without_an_owner_no_route_can_be_wrong() -> None:
    ownerless = Taxonomy.from_dict({"name": "t", "heads": [{"name": "intent", "labels": ["a", "b"]}]})
    with pytest.raises(ConfigurationError, match=r"names no owner \(routing\)"):
        parse_targets(["route:error<=0.02"], ownerless)


def test_a_head_may_be_called_route() -> None:
    odd = Taxonomy.from_dict({"name": "t", "heads": [{"name": "route", "labels": ["a", "b"]}]})
    assert one("route:error<=0.02", odd) == Promise("route", None, Measure.ERROR, 0.02)
    assert one("route.a:recall>=0.9", odd) == Promise("route", "a", Measure.RECALL, 0.9)


@given(
    st.sampled_from([("department", None, Measure.ERROR), ("urgency", "high", Measure.RECALL), (None, None, "error")]),
    st.integers(1, 999),
    st.integers(1, 999),
)
def test_a_promise_is_written_as_it_is_read(
    taxonomy: Taxonomy, subject: tuple[str | None, str | None, str], bound: int, chance: int
) -> None:
    head, label, measure = subject
    promise = Promise(head, label, Measure(measure), bound / 1000, chance / 1000)
    assert one(str(promise), taxonomy) == promise


def test_the_share_that_may_go_wrong_is_exact() -> None:
    assert Promise("intent", "a", Measure.PRECISION, 0.9).error == 0.1
    assert Promise("intent", "a", Measure.RECALL, 0.95).error == 0.05
    assert Promise("intent", None, Measure.ERROR, 0.02).error == 0.02
