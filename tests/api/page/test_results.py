"""The list of answers: filtered, sorted, downloaded, and long."""

import csv
import json
from pathlib import Path
from typing import Any

import httpx
from selenium.webdriver import Keys

from tests.api.conftest import until
from tests.api.page.opened import POSTS, Page, answers, in_one, in_two

LEVELS = ["low", "normal", "high"]


def choose(page: Page, name: str, value: str) -> None:
    page.find(f".tools select[name='{name}'] option[value='{value}']").click()


def urgency(answer: dict[str, Any]) -> str:
    return str(answer["labels"]["urgency"]["label"])


def confidence(answer: dict[str, Any]) -> float:
    return min(float(said["confidence"]) for said in answer["labels"].values())


@in_two
def test_posts_are_filtered(page: Page, client: httpx.Client) -> None:
    page.classify(POSTS)
    found = list(zip(POSTS, answers(client, POSTS), strict=True))

    def expect(wanted: list[str]) -> None:
        assert 0 < len(wanted) < len(POSTS)
        until(lambda: page.texts() == wanted)
        assert page.find(".found").text == f"{len(wanted)} of {len(POSTS)} posts"

    page.find("#search").send_keys("ORDER")
    expect([text for text in POSTS if "order" in text])
    page.find("#search").send_keys(Keys.BACKSPACE * 5)
    for owner in {answer["route"]["department"] for _, answer in found} - {None}:
        choose(page, "department", owner)
        expect([text for text, answer in found if answer["route"]["department"] == owner])
    page.find(".tools select[name='department'] option:last-child").click()
    expect([text for text, answer in found if answer["route"]["department"] is None])
    choose(page, "department", "")
    for level in {urgency(answer) for _, answer in found}:
        choose(page, "urgency", level)
        expect([text for text, answer in found if urgency(answer) == level])
    choose(page, "urgency", "")
    for name, action in (("automatic", "auto"), ("ignored", "ignore"), ("for a person", "review")):
        wanted = [text for text, answer in found if answer["route"]["action"] == action]
        page.press(f"{len(wanted)} {name}")
        expect(wanted)
    page.press(f"{len(POSTS)} all")
    until(lambda: page.texts() == POSTS)


@in_two
def test_posts_are_sorted_those_that_failed_last(page: Page, client: httpx.Client) -> None:
    page.classify(["x" * 2_001, *POSTS])
    found = dict(zip(POSTS, answers(client, POSTS), strict=True))
    for order, wanted in (
        ("unsure", sorted(POSTS, key=lambda text: confidence(found[text]))),
        ("sure", sorted(POSTS, key=lambda text: -confidence(found[text]))),
        ("by urgency", sorted(POSTS, key=lambda text: -LEVELS.index(urgency(found[text])))),
    ):
        choose(page, "order", order)
        until(lambda wanted=wanted: page.texts() == [*wanted, "x" * 2_001])  # type: ignore[misc]  # bound now
    choose(page, "order", "given")
    until(lambda: page.texts() == ["x" * 2_001, *POSTS])


@in_two
def test_what_is_shown_is_downloaded(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.drop("posts.csv", "id,text\n" + "".join(f'{number},"{text}"\n' for number, text in enumerate(POSTS)))
    until(lambda: page.find("#file-note").text != "")
    page.press(f"Classify {len(POSTS)} posts")
    page.labelled(len(POSTS))
    page.find("#search").send_keys("order")
    kept = [text for text in POSTS if "order" in text]
    until(lambda: page.texts() == kept)
    expected = answers(client, kept)
    page.press("JSONL")
    page.press("CSV")
    until(lambda: {path.name for path in tmp_path.iterdir()} == {"triage.jsonl", "triage.csv"})

    lines = [json.loads(line) for line in (tmp_path / "triage.jsonl").read_text().splitlines()]
    assert [(line["id"], line["text"]) for line in lines] == [(str(POSTS.index(text)), text) for text in kept]
    for line, answer in zip(lines, expected, strict=True):
        del line["triage"]["answer"], answer["index"]
        assert line["triage"] == answer
    with (tmp_path / "triage.csv").open(encoding="utf-8-sig", newline="") as written:
        rows = list(csv.DictReader(written))
    for row, text, answer in zip(rows, kept, expected, strict=True):
        assert row["text"] == text
        assert row["triage_intent"] == answer["labels"]["intent"]["label"]
        assert float(row["triage_intent_confidence"]) == answer["labels"]["intent"]["confidence"]
        assert row["triage_action"] == answer["route"]["action"]
        assert row["triage_reasons"].split() == answer["route"]["reasons"]


@in_one
def test_a_download_is_labelled_again_and_nothing_of_the_earlier_answers_stays(page: Page, tmp_path: Path) -> None:
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    texts = ["@acme my order is late", "x" * 2_001]
    earlier = {"triage_intent": "old", "triage_intent_confidence": "0.25", "triage_action": "auto"}
    names = ["text", "note", *earlier]
    rows = [[f"'{texts[0]}", "'tis", *earlier.values()], [texts[1], "-1", *earlier.values()]]
    page.drop("triage.csv", "\ufeff" + "".join(",".join(row) + "\r\n" for row in [names, *rows]))
    left_out = "left out, because new answers get such names: "
    until(lambda: page.find("#file-note").text == f"2 rows; {left_out}{', '.join(earlier)}")
    page.press("Classify 2 posts")
    page.labelled(2)
    assert page.texts() == texts
    page.press("CSV")
    until((tmp_path / "triage.csv").exists)
    with (tmp_path / "triage.csv").open(encoding="utf-8-sig", newline="") as written:
        answered, failed = csv.DictReader(written)
    assert (answered["text"], answered["note"]) == (f"'{texts[0]}", "'tis")
    assert answered["triage_intent"] in {"refund", "outage", "spam"}
    assert {name: value for name, value in failed.items() if value} == {
        "text": texts[1],
        "note": "-1",
        "triage_error": "text_too_long",
    }

    page.drop("triage.jsonl", '{"triage": {"status": "ok"}, "text": "late", "triage_id": 1, "id": 2}\n')
    until(lambda: page.find("#file-note").text == f"1 row; {left_out}triage, triage_id")
    page.press("Classify 1 post")
    page.labelled(1)
    page.press("JSONL")
    until((tmp_path / "triage.jsonl").exists)
    [line] = (tmp_path / "triage.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert (list(row), row["triage"]["status"], "labels" in row["triage"]) == (["text", "id", "triage"], "ok", True)


@in_two
def test_many_posts_are_built_as_they_are_needed(page: Page) -> None:
    page.classify([f"order {number}" for number in range(300)])
    built = "scrollTo(0, document.body.scrollHeight); return document.querySelectorAll('.post').length"
    assert len(page.all(".post")) < 100
    until(lambda: page.do(built) == 300)
    page.find("#search").send_keys("order 299")
    until(lambda: page.texts() == ["order 299"])
