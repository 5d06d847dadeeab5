"""The page in a browser, in the words of those who use it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from data.feedback.store import FeedbackStore
from tests.api.conftest import until

HOSTILE = "<img src=x onerror='window.broken = 1'> down <script>window.broken = 1</script> & again"
POSTS = [
    "refund please order late",
    "site is down again",
    "win cash now",
    "my invoice is wrong, call 0171 555 01 99 or see https://help.example/x",
    HOSTILE,
    "help help",
    "lawyer court invoice",
    "the order is broken thanks",
]

in_one = pytest.mark.parametrize("look_of", ["360 dark"])
in_two = pytest.mark.parametrize("look_of", ["360 dark", "1440 light"])
in_all = pytest.mark.parametrize("look_of", ["360 light", "360 dark", "1440 light", "1440 dark"])

_ASYNC = """
const done = arguments[arguments.length - 1];
(async () => {{ {script} }})().then(done, (error) => done(`failed: ${{error}}`));
"""
_DROP = """
const [name, text] = arguments, dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([text], name));
for (const type of ["dragenter", "dragover", "drop"]) {
  document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
}
"""
_CARDS = """
const text = (element) => element.textContent.replaceAll("\\u00a0", " ");
const of = (element, selector) => [...element.querySelectorAll(selector)];
return of(document, "#results .post").map((card) => ({
  post: card.querySelector("blockquote").textContent,
  chips: of(card, ".chip").map(text),
  remarks: of(card, ".remark").map(text),
  summaries: of(card, "summary").map(text),
  labels: of(card, ".labels li").map((row) => ({
    head: text(row.querySelector(".head")),
    label: text(row.querySelector(".label")),
    number: text(row.querySelector(".number")),
    below: row.classList.contains("below"),
    filled: row.querySelector(".bar i").offsetWidth / row.querySelector(".bar").offsetWidth,
  })),
}));
"""


@dataclass(frozen=True)
class Page:
    """The page, opened."""

    browser: Chrome

    def open(self, client: httpx.Client, view: str = "") -> None:
        self.browser.get("about:blank")  # so that the next is no mere change of view
        self.browser.get(f"{client.base_url}{view}")
        until(lambda: self.find("#served").text != "")

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    @property
    def focused(self) -> WebElement:
        return self.browser.switch_to.active_element

    def press(self, text: str) -> None:
        """Press the button of that text with the keyboard."""
        found = self.browser.find_elements(By.XPATH, f"//button[normalize-space()='{text}']")
        next(button for button in found if button.is_displayed()).send_keys(Keys.ENTER)

    def do(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def answer(self, script: str, *arguments: Any) -> Any:
        """What the body of an asynchronous function gives."""
        found = self.browser.execute_async_script(_ASYNC.format(script=script), *arguments)
        assert not str(found).startswith("failed: "), found
        return found

    def drop(self, name: str, text: str) -> None:
        self.do(_DROP, name, text)

    def classify(self, posts: list[str]) -> None:
        """Paste posts, one a line, and wait for their answers."""
        self.paste(posts)
        self.labelled(len(posts))

    def paste(self, posts: list[str]) -> None:
        # Typed key by key, thousands of characters would take seconds.
        self.do("document.getElementById('text').value = arguments[0]", "\n".join(posts))
        self.find("#text").send_keys(Keys.CONTROL, Keys.ENTER)

    def labelled(self, number: int) -> None:
        until(lambda: self.find("#state").text == f"{number} post{'s' * (number != 1)} labelled")

    def cards(self) -> list[dict[str, Any]]:
        """What stands in the list of answers."""
        found: list[dict[str, Any]] = self.do(_CARDS)
        return found

    def texts(self) -> list[str]:
        return [card["post"] for card in self.cards()]

    def judge(self, head: str, verdict: str, post: int = 0) -> None:
        """Press what says that a label is `right` or `wrong`."""
        row = next(row for row in self.all(".post")[post].find_elements(By.TAG_NAME, "li") if row.text.startswith(head))
        row.find_element(By.CSS_SELECTOR, f".{verdict}").send_keys(Keys.ENTER)

    def saved(self, number: int) -> None:
        until(lambda: self.find("#saved").text == f"{number} label{'s' * (number != 1)} saved")


def answers(client: httpx.Client, texts: list[str]) -> list[dict[str, Any]]:
    """What the service says to a program, but for the ids of the answers."""
    asked = {"posts": [{"text": text} for text in texts], "options": {"top_k": 3}}
    found: list[dict[str, Any]] = client.post("/classify", json=asked).json()["results"]
    return [{key: value for key, value in each.items() if key != "answer"} for each in found]


def judgements(store: Path) -> list[dict[str, Any]]:
    """What people said, in the order in which it was stored."""
    found = FeedbackStore.open(str(store))
    try:
        return sorted(found.rows(), key=lambda row: row["number"])
    finally:
        found.close()
