"""What the network reads of a post."""

import time
import timeit
import unicodedata

import emoji
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.normalise import fingerprint, normalise

# Pieces of which emoji, masks and combined letters are made, so that random texts hit what the code looks for.
PIECES = [
    *"\U0001f468\U0001f3fd\u200d\ufe0f\u2640\U0001f1ec\U0001f1e7\u20e3\U0001f3f4",
    *"\u0301\u0316\u00ad\u200b\ufeff\x00\x1f\u2028\ue000\ud83d\ude00",
    *"e1 ()-+.@\t\n",
    "https://",
    "www.",
    "a@b.de",
    "123456",
]
CHARACTERS = st.characters() | st.characters(categories=("Cs", "Cf", "Cc", "Mn")) | st.sampled_from(PIECES)
ANY_TEXT = st.lists(CHARACTERS, max_size=30).map("".join)


@settings(deadline=None, max_examples=300)
@given(ANY_TEXT)
@example("\ud83d lone \udc00")
def test_every_text_has_an_answer_of_visible_characters_and_single_spaces(text: str) -> None:
    found = normalise(text)
    assert found.isprintable()
    assert found.encode("utf-8").decode("utf-8") == found
    assert found == " ".join(found.split(" ")).strip()
    assert "  " not in found


@settings(deadline=None, max_examples=300)
@given(ANY_TEXT)
@example("\U0001f1ec\u200d\U0001f1e7")
@example("1\x00\u20e3")
def test_no_emoji_is_left(text: str) -> None:
    assert emoji.emoji_count(normalise(text)) == 0


@settings(deadline=None, max_examples=300)
@given(ANY_TEXT)
@example("e\u200b\u0301")
def test_the_answer_is_composed(text: str) -> None:
    assert unicodedata.is_normalized("NFC", normalise(text))


@settings(deadline=None, max_examples=300)
@given(ANY_TEXT.filter(lambda text: "&" not in text))
@example("1234   567")
@example("jo\u200bhn@example.com")
@example("http\u200b://a.b")
def test_a_text_without_entities_is_changed_once_only(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "&",
        "&;&#;&#x;&#xD800;&#0;&#x110000;",
        pytest.param("&#" + "9" * 5000 + ";", id="an entity of 5,000 digits"),
        pytest.param("&amp;#" + "0" * 5000 + "65;", id="an escaped entity of 5,000 digits"),
    ],
)
def test_no_entity_is_too_strange(text: str) -> None:
    assert normalise(text).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom &amp; Ann &lt;3", "Tom & Ann <3"),
        ("Tom &amp;amp; Ann", "Tom & Ann"),
        ("cafe\u0301", "café"),
        ("a\u200bb\u00adc\ufeffd\x00e", "abcde"),
        ("one\ttwo\r\nthree\u00a0four\u2028five  six ", "one two three four five six"),
        ("half \ud83d here", "half here"),
        ("great 🔥", "great fire"),
        ("🔥🔥now", "fire fire now"),
        ("thanks ❤️", "thanks red heart"),
        ("👩‍💻 at work", "woman technologist at work"),
        ("🇬🇧", "United Kingdom"),
        ("&#128293;", "fire"),
        ("@AcmeHelp please #Fail ACME", "@AcmeHelp please #Fail ACME"),
        ("", ""),
        (" \u200b\n", ""),
    ],
)
def test_a_post_is_brought_into_one_form(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://acme.example/a?b=c&d=e now", "see [link] now"),
        ("HTTP://ACME.EXAMPLE", "[link]"),
        ("(www.acme.example", "( [link]"),
        ("mail me: jane.doe+x@mail.acme.co.uk please", "mail me: [email] please"),
        ("<a_b-c@d-e.org>", "< [email] >"),
        ("jörg@müller.de", "[email]"),
        ("order 123456", "order [number]"),
        ("ref AB12345678", "ref AB [number]"),
        ("call +44 20 7946 0018 now", "call [number] now"),
        ("call (020) 7946-0018", "call [number]"),
        ("card 4111 1111 1111 1111", "card [number]"),
        ("٠١٢٣٤٥٦", "[number]"),
    ],
)
def test_links_addresses_and_long_numbers_are_masked(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jo\u200bhn@exam\u00adple.com", "[email]"),
        ("http\u200b://acme.example/jane", "[link]"),
        ("12\u200b34\u200b56", "[number]"),
        ("020   7946   0018", "[number]"),
        ("020\n7946\u00a00018", "[number]"),
        ("&#106;ohn&#64;acme.example", "[email]"),
        ("jane&commat;acme.example", "[email]"),
    ],
)
def test_invisible_characters_spaces_and_entities_hide_nothing_from_the_masks(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "£12.99 or £1,299.00 or $12,345.67",
        "since 2019, not 2024",
        "on 12/03/2024 at 10:30",
        "on 12.03.2024",
        "error 40412, 3 of 5, 100%",
        "sort code 12-34-56",
        "user@localhost",
    ],
)
def test_prices_years_dates_and_short_numbers_are_kept(text: str) -> None:
    assert normalise(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a@",
        "a@a.",
        "@.",
        "1",
        "1 ",
        "12345.",
        "+(",
        "1  ()-  ",
        "http://",
        "www.",
        "&",
        "&amp;",
        "&#1",
        " ",
        "\x00",
        "\ud83d",
        "\u0301",
        "\u0301\u0316",
        "\u200d",
        "\ufe0f",
        "\U0001f600",
        "\U0001f1ec",
        "\U0001f468\u200d",
        "\U0001f3f4\U000e0067",
    ],
    ids=ascii,
)
def test_time_grows_with_the_length_of_a_hostile_text_and_no_faster(piece: str) -> None:
    short, long = (_seconds((piece * length)[:length]) for length in (1000, 8000))
    assert long < 20 * short  # 8 times in linear time, 64 times in quadratic time


def _seconds(text: str) -> float:
    """Of this thread's processor time, so that other work on the machine does not count."""
    return min(timeit.repeat(lambda: normalise(text), timer=time.thread_time, number=1, repeat=5))


def test_a_fingerprint_knows_a_post_again_by_what_the_network_reads() -> None:
    assert fingerprint("Call  +44 20 7946 0018 🔥") == fingerprint("Call 020 7946 0019\tfire")
    assert fingerprint("refund please") != fingerprint("refund, please")


def test_a_fingerprint_is_a_hash_and_not_the_text() -> None:
    assert len(fingerprint("a")) == 32
    assert int(fingerprint("a\ud83d"), 16) == int(fingerprint("a"), 16)
