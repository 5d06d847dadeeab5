"""A text without what hides things in it, and the way back."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.importing.masking.plain_view import plain_view

PIECES = st.sampled_from(
    ["&amp;", "&#49;", "&ampx", "&nbsp;", "&#x", "\u200b", "\n", "e\u0301", "\u1100\u1161", "\ud83d"]
)
TEXTS = st.lists(PIECES | st.characters(), max_size=20).map("".join)


@pytest.mark.parametrize("text", ["", "plain", "two\nlines\u00a0", "Tom & Ann", "R & D, Müller"])
def test_a_plain_text_is_its_own_view(text: str) -> None:
    view = plain_view(text)
    assert view.text == text
    assert view.origins is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&amp;#49;", "1"),
        ("&amp;amp;#49;", "&#49;"),
        ("a\u200bb\x00c", "abc"),
        ("cafe\u0301", "café"),
        ("\u1100\u1161\u11a8", "각"),
        ("&#" + "9" * 5000 + ";x", "x"),
    ],
    ids=ascii,
)
def test_what_hides_is_undone(text: str, expected: str) -> None:
    assert plain_view(text).text == expected


@pytest.mark.parametrize(
    ("text", "shown", "source"),
    [
        ("a &#49;23 b", "123", "&#49;23"),
        ("x&ampy z", "&y", "&ampy"),
        ("x&ampy z", "y", "y"),
        ("1\u200b2\u200b3", "2", "2"),
        ("cafe\u0301 x", "é", "e\u0301"),
    ],
    ids=ascii,
)
def test_a_place_in_the_view_leads_back_to_the_text(text: str, shown: str, source: str) -> None:
    view = plain_view(text)
    at = view.text.index(shown)
    start, end = view.source(at, at + len(shown))
    assert text[start:end] == source


@settings(deadline=None)
@given(TEXTS)
def test_every_character_has_an_origin_in_order(text: str) -> None:
    view = plain_view(text)
    origins = view.origins if view.origins is not None else [(at, at + 1) for at in range(len(text))]
    assert len(origins) == len(view.text)
    assert all(0 <= start < end <= len(text) for start, end in origins)
    assert all(one[0] <= other[0] for one, other in pairwise(origins))
    assert unicodedata.is_normalized("NFC", view.text) or not view.text.isascii()
