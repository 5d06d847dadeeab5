"""What a person wrote comes out of what a helpdesk stored, and nothing that a person wrote is lost."""

import pickle
import time
import timeit
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import ConfigurationError
from data.importing.cleaning.cleaner import Cleaned, Cleaner, join
from data.starter_corpus import read_starter

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "cleaning_cases.yaml").read_text(encoding="utf-8"))
UNSEEN: list[dict[str, Any]] = yaml.safe_load((HERE / "cleaning_unseen.yaml").read_text(encoding="utf-8"))
CLEANER = Cleaner()

PIECES = [
    *(
        "<p>",
        "</p>",
        "<div>",
        "<br>",
        "<",
        ">",
        "&lt;p&gt;",
        "<!--",
        "-->",
        "<table><tr><td>",
        "<ul><li>",
        "\0",
        "\ud83d",
    ),
    *(
        "\n",
        "\n\n",
        "> ",
        "On 3 Mar 2025, at 09:14, A <a@example.com> wrote:",
        "-----Original Message-----",
        "-- ",
        "Re: ",
    ),
    *(
        "Best regards,",
        "Jane Doe",
        "Sent from my iPhone",
        "From: a@example.com",
        "Subject: b",
        "Date: 3 May",
        "PS",
        "word",
    ),
    *(
        '<div class="gmail_quote">',
        '<div id="appendonsend">',
        "<blockquote>",
        "</blockquote>",
        "<script>",
        "\u00a0",
        "\r",
    ),
]


def wanted(case: dict[str, Any]) -> Cleaned:
    return Cleaned(case.get("expected", case["text"]), frozenset(case.get("removed", ())))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_posts_as_helpdesks_store_them(case: dict[str, Any]) -> None:
    assert CLEANER.clean(case["text"]) == wanted(case)


def test_nearly_all_of_a_second_set_is_right() -> None:
    wrong = [case["name"] for case in UNSEEN if CLEANER.clean(case["text"]) != wanted(case)]
    assert len(wrong) <= 0.05 * len(UNSEEN), wrong


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_cleaned_text_is_clean(case: dict[str, Any]) -> None:
    cleaned = CLEANER.clean(case["text"]).text
    assert CLEANER.clean(cleaned).text == cleaned


def test_posts_without_quotes_lose_nothing_but_signatures() -> None:
    posts = [example.post.text for example in read_starter()]
    changed = {post: CLEANER.clean(post) for post in posts if CLEANER.clean(post).text.split() != post.split()}
    assert len(changed) <= 0.004 * len(posts)
    assert {kind for cleaned in changed.values() for kind in cleaned.removed} == {"signature"}
    assert all(len(cleaned.text) > 0.5 * len(post) for post, cleaned in changed.items())


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join))
def test_every_text_has_an_answer_without_blanks_at_its_ends(text: str) -> None:
    cleaned = CLEANER.clean(text)
    assert cleaned.text == cleaned.text.strip()
    assert "\n\n\n" not in cleaned.text
    if not cleaned.text:
        assert not text.strip() or "html" in cleaned.removed


@pytest.mark.parametrize(
    ("cleaner", "kept"),
    [
        (Cleaner(html=False), "<p>"),
        (Cleaner(quotes=False), "wrote:"),
        (Cleaner(signatures=False), "Jane Doe"),
    ],
)
def test_each_step_can_be_left_out(cleaner: Cleaner, kept: str) -> None:
    signed = "<p>It is broken.</p><p>Best regards,<br>Jane Doe</p>"
    text = f"{signed}<p>On 3 Mar 2025, at 09:14, a@example.com wrote:</p><p>&gt; b</p>"
    assert CLEANER.clean(text).text == "It is broken."
    assert kept in cleaner.clean(text).text


def test_only_the_languages_that_are_asked_for() -> None:
    german = "Geht nicht.\n\nMit freundlichen Grüßen\nMax Muster"
    assert CLEANER.clean(german).text == "Geht nicht."
    assert Cleaner(languages=("en",)).clean(german).text == german
    with pytest.raises(ConfigurationError, match="tlh"):
        Cleaner(languages=("en", "tlh"))


def test_a_cleaner_goes_to_other_processes() -> None:
    again = pickle.loads(pickle.dumps(Cleaner(quotes=False)))  # noqa: S301  # our own bytes
    assert again == Cleaner(quotes=False)
    assert again.clean("<p>a</p>") == Cleaned("a", frozenset({"html"}))


@pytest.mark.parametrize("depth", [100, 1000, 10_000])
def test_html_of_any_depth_keeps_its_words(depth: int) -> None:
    markup = "<div>" * depth + "the door is stuck" + "</div>" * depth + "<p>please help</p>"
    assert CLEANER.clean(markup).text.split() == ["the", "door", "is", "stuck", "please", "help"]


def test_very_long_html_keeps_its_words() -> None:
    markup = "<style>p {color: red}</style>" + "<p>the door <b>is</b> stuck &amp; cold</p>" * 25_000
    assert CLEANER.clean(markup).text.split() == ["the", "door", "is", "stuck", "&", "cold"] * 25_000


@pytest.mark.parametrize(
    "unit",
    [
        *(
            ">",
            "> \n",
            "\n",
            "On ",
            "On \n",
            "On 3 wrote:",
            "On 3 Mar 2025 a@example.com\n",
            "<",
            "<p>a",
            "<b>a</b>",
            "&lt;",
        ),
        *(
            "From: a@example.com\nSubject: b\n",
            "____________\n",
            "--\n",
            "Regards\n",
            "Thanks,\n",
            "\n\nThis email ",
            " ",
        ),
        *(
            "<!--",
            "<ul><li>",
            "<blockquote>a",
            '<div class="gmail_quote">a',
            "<p>a<div id=appendonsend></div>",
            "<a ",
            "Re: ",
        ),
        *("-----Original Message-----\n", "-- reply ", "9:00 <a@b>:", ". Sent from my iPhone", "\u00a0\n", "1:11"),
    ],
)
def test_time_grows_with_the_length(unit: str) -> None:
    short, long = ("x\n" + unit * (size // len(unit)) for size in (20_000, 200_000))
    assert seconds(long) <= 15 * seconds(short) + 0.05


def seconds(text: str) -> float:
    return min(timeit.repeat(lambda: CLEANER.clean(text), timer=time.thread_time, number=1, repeat=3))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("No heating", "It is cold."), "No heating\nIt is cold."),
        (("Re: No heating", "It is cold."), "No heating\nIt is cold."),
        (("RE: AW: WG: Fwd: FW: No heating", "It is cold."), "No heating\nIt is cold."),
        (("Re[2]: [Ticket #123] Re: No heating", "It is cold."), "No heating\nIt is cold."),
        (("[#AB-4411] [EXTERNAL] No heating", "It is cold."), "No heating\nIt is cold."),
        (("TR : Panne", "Rien ne va."), "Panne\nRien ne va."),
        (("[Urgent] No heating", "It is cold."), "[Urgent] No heating\nIt is cold."),
        (("Refund: where?", "It is late."), "Refund: where?\nIt is late."),
        (("No heating", "No  heating since Monday"), "No  heating since Monday"),
        (("No heating...", "no heating"), "no heating"),
        (("Re: ", "It is cold."), "It is cold."),
        (("Re: No heating", ""), "No heating"),
        (("", "Re: it is cold."), "Re: it is cold."),
        (("It is cold.",), "It is cold."),
        (("One", "Two", "Three"), "One\nTwo\nThree"),
        (("", ""), ""),
        ((), ""),
    ],
)
def test_subject_and_body_are_one_text(parts: tuple[str, ...], expected: str) -> None:
    assert join(parts) == expected
