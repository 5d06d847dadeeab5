"""What the page does where the service refuses."""

from pathlib import Path

from selenium.webdriver import Keys

from api.keys import add_key
from tests.api.conftest import Serving, until
from tests.api.page.opened import POSTS, Page, in_one, in_two
from tests.browser import console


@in_two
def test_a_key_is_asked_for_and_kept_in_memory_alone(page: Page, serving: Serving, tmp_path: Path) -> None:
    secret = add_key(tmp_path / "keys.json", "desk")
    with serving(keys_file=tmp_path / "keys.json") as client:
        page.browser.get(str(client.base_url))
        until(lambda: page.find("#key").is_displayed())
        assert page.focused.get_attribute("id") == "key"
        page.press("Not now")
        until(lambda: "this service asks for a key" in page.find("#fault").text)
        page.press("Try again")
        until(lambda: page.find("#key").is_displayed())
        page.find("#key").send_keys("triage_wrong", Keys.ENTER)
        until(lambda: page.find("#key-fault").is_displayed())
        page.find("#key").send_keys(secret, Keys.ENTER)
        until(lambda: page.find("#served").text != "")
        page.classify(POSTS[:2])
        page.find(".post details summary").send_keys(Keys.ENTER)
        until(lambda: page.all(".code") != [])
        assert "Bearer $TRIAGE_KEY" in page.find(".code").text
        kept = "JSON.stringify([sessionStorage, localStorage, document.cookie])"
        assert secret not in page.do(f"return document.documentElement.outerHTML + {kept}")
    assert {"401 (Unauthorized)" in message for message in console(page.browser)} == {True}


@in_one
def test_a_refusal_for_now_is_waited_out_and_a_run_can_be_stopped(page: Page, serving: Serving, tmp_path: Path) -> None:
    secret = add_key(tmp_path / "keys.json", "slow", posts_per_second=20)
    with serving(keys_file=tmp_path / "keys.json", max_posts=40) as client:
        page.browser.get(str(client.base_url))
        until(lambda: page.find("#key").is_displayed())
        page.find("#key").send_keys(secret, Keys.ENTER)
        until(lambda: page.find("#served").text != "")
        page.paste(["late"] * 120)
        until(lambda: "next try in" in page.find("#state").text)
        page.press("Cancel")
        until(lambda: page.find("#state").text == "Cancelled. 40 of 120 posts are labelled.")
        page.press("Go on")
        page.labelled(120)
        assert page.find(".found").text == "120 posts"
    refused = console(page.browser)
    assert {"401 (Unauthorized)" in message or "429 (Too Many Requests)" in message for message in refused} == {True}


@in_one
def test_a_post_larger_than_a_request_fails_alone(page: Page, serving: Serving) -> None:
    with serving(max_body_bytes=4096) as client:
        page.open(client)
        page.classify(["late", "x" * 5000, *["down"] * 50])
        assert page.do("return document.querySelector('.part.failed strong').textContent") == "1"
        assert "the limit is 4096" in page.cards()[1]["remarks"][0]
    assert {"413" in message for message in console(page.browser)} == {True}
