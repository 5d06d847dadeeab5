import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bodies import _count_values
from api.problems import STATUS, Code, Problem
from api.requests import parse_classify, parse_line
from api.schemas import MAX_HEADS, Options
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


def refusal(body: bytes, taxonomy: Taxonomy) -> Problem:
    with pytest.raises(Problem) as error:
        parse_classify(body, MAX_POSTS, taxonomy)
    return error.value


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "x", "options": {"heads": [%b1]}}' % (b"1," * 100_000),
        b'{"text": "x", "options": {"heads": [%b"intent"]}}' % (b'"intent",' * 100_000),
        b'{"text": [%b[]]}' % (b"[]," * 100_000),
        b'{"text": %b0%b}' % (b'{"a":' * 50_000, b"}" * 50_000),
        b"{%b}" % b",".join(b'"%d":1' % number for number in range(100_000)),
        b'{"posts": [%b{"text": ""}]}' % (b'{"text": ""},' * 100_000),
    ],
    ids=["faults", "repeats", "lists", "objects", "fields", "posts"],
)
def test_a_body_of_very_many_values_is_refused_before_it_is_parsed(
    body: bytes, taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("json.loads", lambda *_, **__: pytest.fail("it was parsed"))
    assert refusal(body, taxonomy).code is Code.BODY_TOO_LARGE
    line = parse_line(body)
    assert "values in the line" in getattr(line, "message", "")


def test_a_long_text_is_not_many_values(taxonomy: Taxonomy) -> None:
    text = 'one, "two", {three}, [four], \\, \\" ' * 10_000
    posts, _ = parse_classify(json.dumps({"posts": [{"text": text}] * 2}).encode(), MAX_POSTS, taxonomy)
    assert [post.text for post in posts] == [text] * 2


@settings(deadline=None)
@given(values)
def test_values_are_counted_without_parsing_them(value: object) -> None:
    def count(plain: Any) -> int:
        inner = list(plain.values()) if isinstance(plain, dict) else plain if isinstance(plain, list) else []
        own = max(1, len(inner)) if isinstance(plain, dict | list) else 0  # its bracket, and the commas in it
        return own + sum(map(count, inner))

    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert _count_values(body, most=10_000) == count(value)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({str(number): 1 for number in range(1000)}, "body"),
        ({"text": "a", "options": {str(number): 1 for number in range(1000)}}, "options"),
        ({"posts": [{"text": "a"}, {str(number): 1 for number in range(1000)}]}, "posts.1"),
        ({"text": "a", "options": {"heads": [1] * 1000}}, "options.heads"),
        ({"text": "a", "options": {"heads": ["intent"] * (MAX_HEADS + 1)}}, "options.heads"),
    ],
)
def test_what_has_far_too_many_fields_is_one_fault(body: object, field: str, taxonomy: Taxonomy) -> None:
    problem = refusal(json.dumps(body).encode(), taxonomy)
    assert (problem.code, problem.detail) == (Code.INVALID_REQUEST, "1 field(s) are wrong")
    assert [fault.field for fault in problem.errors or []] == [field]


def test_heads_may_be_named_twice(taxonomy: Taxonomy) -> None:
    body = {"text": "a", "options": {"heads": ["intent"] * MAX_HEADS}}
    _, options = parse_classify(json.dumps(body).encode(), MAX_POSTS, taxonomy)
    assert options.shown == {"intent"}
    assert Options().shown == set()
