"""The review list, worked through."""

from itertools import product
from pathlib import Path

import httpx
from selenium.webdriver import Keys

from tests.api.conftest import Serving, until
from tests.api.feedback import earlier
from tests.api.page.opened import Page, in_one, in_two, judgements

UNSURE = [
    f"{one} {other} {number}" for number, (one, other) in enumerate(product(["help", "order", "down", "win"], repeat=2))
]


@in_two
def test_posts_are_reviewed(page: Page, client: httpx.Client, store: Path) -> None:
    page.classify(UNSURE)
    listed = client.get("/review").json()["posts"]
    assert len(listed) >= 4
    bens = listed[0]["answer"]
    client.post("/review/claims", json={"reviewer": "ben", "answers": [bens]})
    before = len(judgements(store))

    page.find("nav a[href='#review']").click()
    until(lambda: len(page.all("#review-view .post")) == len(listed))
    assert page.focused.text == "Review"
    assert "with ben until" in page.all("#review-view .post")[0].text
    free = min(10, len(listed) - 1)
    page.press("Take up to 10")
    until(lambda: "Type your name first" in page.find("#fault").text)
    page.focused.send_keys("ana")
    page.press("Take up to 10")
    until(lambda: page.all("#review-view article") != [])
    assert holders(client).count("ana") == free

    page.press("All are right")
    until(lambda: len(judgements(store)) == before + 1)
    assert page.focused.text == "Next"
    page.press("Next")
    until(lambda: f"Post 2 of {free}" in page.find("#review-content").text)
    [judged] = judgements(store)[before:]
    assert (judged["reviewer"], judged["labels"].keys()) == ("ana", {"intent", "urgency", "department"})
    page.press("Skip and give it back")
    until(lambda: f"Post 3 of {free}" in page.find("#review-content").text)
    assert holders(client).count("ana") == free - 2
    page.press("Stop and give the rest back")
    until(lambda: page.all("#review-view article") == [])
    assert {holder for holder in holders(client) if holder} == {"ben"}
    assert judged["answer"] not in {each["answer"] for each in client.get("/review?limit=100").json()["posts"]}
    client.post("/review/releases", json={"reviewer": "ben", "answers": [bens]})


@in_one
def test_posts_of_one_department_are_taken(page: Page, client: httpx.Client) -> None:
    page.classify(UNSURE)
    page.find("#reviewer").send_keys("ana")
    listed = client.get("/review?limit=100").json()["posts"]
    owners = [each["labels"]["department"]["label"] for each in listed]
    assert {"it", "support"} == set(owners)
    page.find("nav a[href='#review']").click()
    until(lambda: page.all("#review-view select") != [])
    page.find("#review-view select[name='department'] option[value='it']").click()
    until(lambda: len(page.all("#review-view .post")) == min(20, owners.count("it")))
    page.do("document.querySelector('#review-view .primary').click()")
    until(lambda: page.all("#review-view article") != [])
    mine = [each for each in client.get("/review?limit=100").json()["posts"] if each["claimed_by"] == "ana"]
    assert {each["labels"]["department"]["label"] for each in mine} == {"it"}
    page.browser.refresh()
    until(lambda: page.all("#review-view .post") != [])
    page.press("Take up to 10")
    until(lambda: f"Post 1 of {min(10, len(listed))}" in page.find("#review-content").text)
    assert page.find("#review-view blockquote").text in {each["text"] for each in mine}
    page.press("Stop and give the rest back")
    until(lambda: page.all("#review-view article") == [])


@in_two
def test_a_post_that_an_earlier_model_answered_is_judged_by_its_own_labels(
    page: Page, serving: Serving, tmp_path: Path
) -> None:
    store = tmp_path / "feedback.db"
    with serving(feedback=str(store), store_text=True) as client:
        earlier.leave_post(str(store), usefulness=1.0)
        page.open(client, "/#review")
        until(lambda: page.all("#review-view select") != [])
        offered = [option.get_attribute("value") for option in page.all("select[name='department'] option")]
        assert offered == ["", "support", "it", "gifts"]
        page.find("select[name='department'] option[value='gifts']").click()
        until(lambda: len(page.all("#review-view .post")) == 1)
        page.find("#reviewer").send_keys("ana")
        page.press("Take up to 10")
        until(lambda: page.all("#review-view article") != [])

        page.judge("mood", "wrong")
        assert [label.text for label in page.all("#choice-labels strong")] == ["sad"]
        page.press("None applies")
        page.saved(1)
        page.judge("intent", "wrong")
        assert [label.text for label in page.all("#choice-labels strong")] == ["refund"]
        assert page.find("#choice-labels .definition").text == "wants money back"
        page.find("#choice-labels button").send_keys(Keys.ENTER)
        page.saved(2)
        page.judge("department", "right")
        page.saved(3)
        page.press("Next")
        until(lambda: page.all("#review-content .lead") != [])
        assert page.find("#review-content .lead").text == "No post waits for a person."
        assert page.find("select[name='department']").get_attribute("value") == "gifts"  # and can be left
    said = [judged["labels"] for judged in judgements(store)]
    assert said == [{"mood": None}, {"intent": "refund"}, {"department": "gifts"}]


@in_one
def test_a_head_of_which_nothing_is_known_is_called_wrong_at_least(page: Page) -> None:
    page.answer(
        """
        const { labelRows } = await import("./page/label_rows.js"), { Heads } = await import("./page/heads.js");
        const said = { label: "glad", confidence: 0.5, threshold: 0.9, decision: "review", alternatives: [] };
        const corrections = { add: (_, told) => { window.told = told; } };
        const heads = new Heads({ taxonomy: { heads: [] } });
        const post = { text: "late", judged: new Map(), result: { labels: { mood: said } } };
        document.body.append(...labelRows(post, { heads, corrections }));
        document.querySelector(".wrong").click();
        """
    )
    page.press("I do not know which")
    until(lambda: page.do("return window.told") == {"wrong": ["mood"]})


@in_one
def test_without_kept_posts_the_view_says_how_to_have_them(page: Page, serving: Serving) -> None:
    with serving() as client:
        page.open(client, "/#review")
        until(lambda: "triage serve --store-text" in page.find("#review-content").text)


def holders(client: httpx.Client) -> list[str | None]:
    return [each["claimed_by"] for each in client.get("/review?limit=100").json()["posts"]]
