"""What is shown of an answer."""

import json

import httpx
import pytest
from selenium.webdriver import Keys

from data.normalise import normalise
from tests.api.conftest import until
from tests.api.page.opened import POSTS, Page, answers, in_one, in_two

ACTIONS = {"auto": "automatic", "ignore": "ignored", "review": "for a person"}


@in_two
def test_pasted_posts_are_shown_with_what_the_service_answers(page: Page, client: httpx.Client) -> None:
    page.classify([*POSTS, "x" * 2_001])
    *cards, too_long = page.cards()
    expected = answers(client, POSTS)
    assert [card["post"] for card in cards] == POSTS
    for card, answer in zip(cards, expected, strict=True):
        for row, (head, said) in zip(card["labels"], answer["labels"].items(), strict=True):
            assert (row["head"], row["label"]) == (head, said["label"])
            assert row["number"].startswith(f"{100 * said['confidence']:.1f} %")
            assert row["number"].endswith(f"threshold {100 * said['threshold']:.1f} %")
            assert row["below"] == (said["decision"] == "review")
            assert row["filled"] == pytest.approx(said["confidence"], abs=0.02)
        route = answer["route"]
        urgency = answer["labels"]["urgency"]["label"]
        assert card["chips"] == [ACTIONS[route["action"]], route["department"] or "nobody", urgency]
    assert {answer["route"]["action"] for answer in expected} == ACTIONS.keys()
    assert too_long["remarks"] == ["the text has 2001 characters, the limit is 2000"]
    assert page.do("return window.broken") is None


@in_one
def test_why_a_person_is_asked_stands_beside_the_post(page: Page, client: httpx.Client) -> None:
    page.classify(POSTS)
    for card, answer in zip(page.cards(), answers(client, POSTS), strict=True):
        heads = [reason.removesuffix("_below_threshold") for reason in answer["route"]["reasons"]]
        assert len(card["remarks"]) == min(1, len(heads))
        for remark in card["remarks"]:
            assert all(head in remark for head in heads)
            assert "below" in remark


@in_one
def test_one_post_may_have_several_lines(page: Page) -> None:
    page.find("#whole").click()
    page.find("#text").send_keys("site is down\nagain", Keys.CONTROL, Keys.ENTER)
    page.labelled(1)
    assert page.texts() == ["site is down\nagain"]


@in_one
def test_what_was_not_read_is_told(page: Page, client: httpx.Client) -> None:
    long = "my order is late " * 100
    [answer] = answers(client, [long.strip()])
    assert answer["warnings"] == ["truncated_middle"]
    page.classify([long.strip()])
    [card] = page.cards()
    assert "what stands between" in card["remarks"][-1]
    assert f"{answer['input']['tokens']} tokens" in card["remarks"][-1]


@in_one
def test_what_is_said_to_be_masked_is_what_is_masked(page: Page) -> None:
    texts = [
        *POSTS,
        "a  b\n\tc\u00a0d",
        "mail first.last+x@mail.example.co.uk, or ünï@exämple.de; www.x.y/z?q=1 HTTPS://A.B WWW.C",
        "+44 (0)20 7946 0958, 123456, 12345, 12-34-56-78, 1 2 3 4 5 6 7, ½²³ 2024-01-31 11:20 £1,234.56",
        "a@b c@d.e @f.g h@i..j http:// https://",
        "123456@x.yz https://x/123456789 (123) 456-7890",
        "this & that &\nthem &",
        "“quoted” – dashed… €5",
    ]
    unsure = ["&amp; 123456", "a&b", "🔥 https://x.y", "e\u0301 1234567", "zero\u200bwidth@x.yz", "\u0661\u0662", "ſ"]
    told = page.answer(
        """
        const { masked } = await import("./page/masks.js");
        return arguments[0].map((text) => masked(text)?.read ?? null);
        """,
        [*texts, *unsure],
    )
    assert told == [*map(normalise, texts), *[None] * len(unsure)]
    page.classify([POSTS[3]])
    assert page.cards()[0]["summaries"][0] == "Masked before it was read: 1 link, 1 long number"


@in_one
def test_a_program_gets_the_same_by_the_line_that_is_shown(page: Page, client: httpx.Client) -> None:
    page.classify(["it's down"])
    page.find(".post details summary").send_keys(Keys.ENTER)
    until(lambda: page.all(".code") != [])
    request, answer = (block.get_attribute("textContent") or "" for block in page.all(".code pre"))
    assert request.startswith(f"curl -s {client.base_url}/classify")
    body = request[request.index("-d '") + 4 : -1].replace("'\\''", "'")
    sent = client.post("/classify", content=body, headers={"Content-Type": "application/json"}).json()
    shown = json.loads(answer)
    for each in (sent, shown):
        del each["request_id"], each["results"][0]["answer"]
    assert shown == sent


@in_one
def test_a_taxonomy_without_owner_and_order_is_shown_as_it_is(page: Page) -> None:
    said = {"label": "dark_red", "confidence": 0.75, "threshold": 0.5, "decision": "accept", "alternatives": []}
    labels = [{"dark_red": ""}, {"blue": ""}]
    page.answer(
        """
        const { showResults } = await import("./page/results.js"), { Heads } = await import("./page/heads.js");
        const shown = showResults({ heads: new Heads({ taxonomy: arguments[0] }), corrections: null, top: 3 });
        shown.add([{ number: 1, text: "red", row: {}, judged: new Map(), about: {}, result: arguments[1] }]);
        """,
        {"name": "colours", "heads": [{"name": "main_colour", "kind": "nominal", "labels": labels}]},
        {
            "status": "ok",
            "labels": {"main_colour": said},
            "route": {"action": "auto", "department": None, "reasons": []},
            "input": {"tokens": 3, "truncated": False},
            "warnings": [],
        },
    )
    [card] = page.cards()
    assert [(row["head"], row["label"]) for row in card["labels"]] == [("main colour", "dark red")]
    assert card["chips"] == ["automatic"]
    assert [select.get_attribute("name") for select in page.all(".tools select")] == ["order"]
