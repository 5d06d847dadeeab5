import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.problems import STATUS, Problem
from api.requests import parse_classify
from data.taxonomy import Taxonomy

MAX_POSTS = 3

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
near_requests = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text() | values,
        "posts": st.lists(st.fixed_dictionaries({"text": st.text()}, optional={"id": st.text() | values})) | values,
        "options": st.fixed_dictionaries({}, optional={"top_k": values, "heads": values}) | values,
    },
)


@settings(deadline=None)
@given(st.one_of(values, near_requests))
def test_any_json_is_read_or_refused_as_documented(taxonomy: Taxonomy, body: object) -> None:
    try:
        posts, _ = parse_classify(json.dumps(body).encode(), MAX_POSTS, taxonomy)
    except Problem as problem:
        assert STATUS[problem.code] in (400, 413, 422)  # noqa: PT017  # a refusal is one of two right outcomes
        problem.response("id")  # can be rendered, whatever the field was called
    else:
        assert 1 <= len(posts) <= MAX_POSTS


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused_as_documented(taxonomy: Taxonomy, body: bytes) -> None:
    try:
        parse_classify(body, MAX_POSTS, taxonomy)
    except Problem as problem:
        assert STATUS[problem.code] in (400, 422)  # noqa: PT017  # as above
    else:
        assert "text" in json.loads(body)  # the rare bytes that are a request


def test_the_name_of_an_unknown_field_is_cut_in_case_it_is_a_text(taxonomy: Taxonomy) -> None:
    text = "I am writing to you about something private, " * 10
    with pytest.raises(Problem) as error:
        parse_classify(json.dumps({"text": "a", text: 1}).encode(), MAX_POSTS, taxonomy)
    assert error.value.errors is not None
    [fault] = error.value.errors
    assert fault.field == text[:64] + "…"


def test_at_most_twenty_faults_are_listed(taxonomy: Taxonomy) -> None:
    body = json.dumps({"posts": [{"text": 1}] * 50}).encode()
    with pytest.raises(Problem) as error:
        parse_classify(body, 100, taxonomy)
    assert error.value.detail == "50 field(s) are wrong; the first 20 are listed"
    assert len(error.value.errors or []) == 20
