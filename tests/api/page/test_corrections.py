"""What people say of answers reaches the store, or they are told that it did not."""

from pathlib import Path

from selenium.webdriver import Keys

from tests.api.conftest import Serving, until
from tests.api.page.opened import POSTS, Page, in_one, in_two, judgements
from tests.browser import console

LEAVE = (
    "const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented"
)
# Damages what is sent until it is `mended`; holds it back while it is `held`.
REFUSE = """
const ask = window.fetch;
window.fetch = async (path, options) => {
  if (path !== "feedback") return ask(path, options);
  if (window.held) await new Promise((resolve) => { window.go = resolve; });
  const body = window.mended ? options.body : options.body.replace(/"answer":"[^"]*"/, '"answer":"damaged"');
  return ask(path, { ...options, body });
};
"""


@in_two
def test_what_a_person_says_is_stored(page: Page, serving: Serving, tmp_path: Path) -> None:
    with serving(feedback=str(tmp_path / "feedback.db")) as client:
        page.open(client)
        judge_two_posts(page)
        page.browser.refresh()
        until(lambda: page.find("#served").text != "")
        assert page.find("#reviewer").get_attribute("value") == "ana"
    stored = judgements(tmp_path / "feedback.db")
    right, other, none, unknown, rest = stored
    said = {head: label for head, (label, _) in right["said"].items()}
    assert right["labels"] == {"intent": said["intent"]}
    assert other["labels"].keys() == {"urgency"}
    assert other["labels"]["urgency"] not in (None, said["urgency"])
    assert none["labels"] == {"department": None}
    assert (unknown["labels"], unknown["wrong"]) == ({}, ["intent"])
    assert rest["labels"].keys() == {"urgency", "department"}
    assert [each["text"] for each in stored] == [POSTS[0]] * 3 + [None] * 2
    assert {(each["reviewer"], each["saw_answer"]) for each in stored} == {("ana", True)}


def judge_two_posts(page: Page) -> None:
    page.classify(POSTS[:2])
    page.find("#reviewer").send_keys("ana")
    page.judge("intent", "right")
    page.saved(1)
    page.judge("urgency", "wrong")
    chosen = page.find("#choice-labels strong").text
    page.find("#choice-labels button").send_keys(Keys.ENTER)
    page.saved(2)
    page.judge("department", "wrong")
    page.press("None applies")
    page.saved(3)
    shown = [row["label"] for row in page.cards()[0]["labels"]]
    assert shown[0].endswith(" saved")
    assert shown[1].endswith(f" {chosen} saved")
    assert shown[2].endswith(" none saved")
    page.find("#keep").click()
    page.judge("intent", "wrong", post=1)
    page.press("Cancel")
    page.judge("intent", "wrong", post=1)
    page.press("I do not know which")
    page.saved(4)
    page.press("The others are right")
    page.saved(6)


@in_one
def test_a_label_is_found_by_what_it_means(page: Page) -> None:
    page.classify(POSTS[:1])
    definition = page.answer(
        """
        const { chooseLabel } = await import("./page/choice_dialog.js");
        const labels = [..."abcdefgh"].map((name) => ({ name: `label_${name}`, definition: `about ${name}` }));
        const said = { label: "label_a", alternatives: [{ label: "label_h", confidence: 0.25 }] };
        window.chosen = chooseLabel({ name: "topic", kind: "nominal", labels }, said, "a post");
        return document.querySelector("#choice-labels li").textContent;
        """
    )
    assert definition == "label h25.0\u00a0%about h"
    page.focused.send_keys("label b")
    assert [label.text for label in page.all("#choice-labels strong") if label.is_displayed()] == ["label b"]
    page.focused.send_keys(Keys.BACKSPACE * 7, "about g", Keys.ENTER)
    assert page.answer("return window.chosen") == {"label": "label_g"}


@in_one
def test_a_correction_waits_until_the_service_takes_it(page: Page, store: Path) -> None:
    before = len(judgements(store))
    page.classify(POSTS[:1])
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **network})
    assert page.do(LEAVE) is False
    page.judge("intent", "right")
    page.judge("urgency", "right")
    until(lambda: page.find("#saved").text.startswith("2 not saved yet, next try in"))
    assert page.do(LEAVE) is True
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **network})
    page.saved(2)
    assert page.do(LEAVE) is False
    assert len(judgements(store)) == before + 2
    assert {"net::ERR_INTERNET_DISCONNECTED" in message for message in console(page.browser)} == {True}


@in_one
def test_a_correction_that_is_refused_is_shown_as_such(page: Page, store: Path) -> None:
    before = len(judgements(store))
    page.classify(POSTS[:1])
    page.do(REFUSE)
    page.judge("intent", "right")
    until(lambda: page.find("#saved").text == "1 could not be saved")
    assert "not saved: " in page.cards()[0]["labels"][0]["label"]
    assert page.do(LEAVE) is True
    page.do("window.mended = true")
    page.press("Try again")
    page.saved(1)
    assert len(judgements(store)) == before + 1


@in_one
def test_of_what_was_refused_the_rest_is_sent_again_where_one_label_was_judged_anew(page: Page, store: Path) -> None:
    before = len(judgements(store))
    page.classify(POSTS[:1])
    page.do(REFUSE)
    page.press("All are right")
    until(lambda: page.find("#saved").text == "1 could not be saved")
    page.do("window.mended = true")
    page.judge("urgency", "wrong")
    page.press("I do not know which")
    until(lambda: page.find("#saved").text == "1 label saved, 1 could not be saved")
    assert page.do(LEAVE) is True
    shown = [row["label"] for row in page.cards()[0]["labels"]]
    assert ["not saved: " in label for label in shown] == [True, False, True]
    page.press("Try again")
    page.saved(3)
    assert all(row["label"].endswith(" saved") for row in page.cards()[0]["labels"])
    assert page.do(LEAVE) is False
    anew, rest = judgements(store)[before:]
    assert (anew["labels"], anew["wrong"]) == ({}, ["urgency"])
    assert (rest["labels"].keys(), rest["wrong"]) == ({"intent", "department"}, [])


@in_one
def test_what_was_judged_anew_while_it_was_sent_is_not_sent_again(page: Page, store: Path) -> None:
    before = len(judgements(store))
    page.classify(POSTS[:1])
    page.do(REFUSE + "window.held = true")
    page.judge("intent", "right")
    sent = "return Boolean(window.go)"
    until(lambda: bool(page.do(sent)))
    page.judge("intent", "wrong")
    page.press("I do not know which")
    page.do("const { go } = window; window.go = null; go()")
    until(lambda: bool(page.do(sent)))
    page.do("window.mended = true; window.go()")
    page.saved(1)
    assert page.do(LEAVE) is False
    [stored] = judgements(store)[before:]
    assert stored["wrong"] == ["intent"]


@in_one
def test_one_that_cannot_be_taken_keeps_no_other_back(page: Page, store: Path) -> None:
    before = len(judgements(store))
    page.classify(POSTS[:1])
    page.do("""
        const ask = window.fetch;
        window.fetch = async (path, options) => {
          if (path !== "feedback") return ask(path, options);
          await new Promise((resolve) => { window.go = resolve; });
          return ask(path, { ...options, body: options.body.replace('"urgency"', '"none"') });
        };
    """)
    for head in ("intent", "urgency", "department"):
        page.judge(head, "right")
    until(lambda: page.do("window.go?.(); return document.getElementById('saved').textContent") ==
          "2 labels saved, 1 could not be saved")  # fmt: skip
    assert len(judgements(store)) == before + 2


@in_one
def test_where_no_feedback_is_taken_nobody_is_asked_for_it(page: Page, serving: Serving) -> None:
    with serving(feedback="off") as client:
        page.open(client)
        page.classify(POSTS[:1])
        assert page.all(".round") == []
        assert not page.find("#person").is_displayed()
