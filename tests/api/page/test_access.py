"""The page can be used by everybody, on every screen."""

from importlib.resources import files

import httpx
import pytest
from selenium.webdriver import Keys

from tests.api.conftest import until
from tests.api.page.opened import POSTS, Page, in_all, in_one, in_two

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@in_all
def test_nothing_keeps_anybody_from_using_it(page: Page) -> None:
    page.classify([*POSTS, "x" * 2_001])
    page.judge("intent", "right")
    page.saved(1)
    page.find(".post details summary").send_keys(Keys.ENTER)
    assert faults(page) == []
    page.judge("urgency", "wrong")
    assert faults(page) == []
    page.press("I do not know which")
    page.find("nav a[href='#review']").click()
    until(lambda: page.all("#review-view .post") != [])
    assert faults(page) == []
    page.do("document.getElementById('key-dialog').showModal()")
    assert faults(page) == []


@in_two
@pytest.mark.parametrize("view", ["classify", "review"])
def test_the_page_is_as_wide_as_the_window(page: Page, view: str) -> None:
    page.classify([*POSTS, "w" * 1_900])
    page.do(
        "for (const each of document.querySelectorAll('details')) each.open = true; location.hash = arguments[0]", view
    )
    until(lambda: page.find(f"#{view}-view h1").is_displayed())
    needed, there = page.do("return [document.documentElement.scrollWidth, innerWidth]")
    assert needed <= there


@in_one
def test_the_keyboard_skips_to_the_content_and_stays_in_the_view(page: Page, client: httpx.Client) -> None:
    page.open(client, "/#review")
    page.find("body").send_keys(Keys.TAB)
    assert page.focused.text == "Skip to the content"
    page.focused.send_keys(Keys.ENTER)
    assert page.focused.get_attribute("id") == "content"
    assert page.browser.current_url.endswith("#review")


def faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    page.do(AXE)
    found = page.answer("return (await axe.run(document, { resultTypes: ['violations'] })).violations")
    return [
        f"{each['id']}: {node['html']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
