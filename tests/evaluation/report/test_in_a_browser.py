"""The report as its reader has it: opened in a real browser, its slider moved with the keyboard."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from data.taxonomy import Taxonomy
from evaluation.report.document import write_report
from evaluation.report.figures import About, Options
from tests.browser import console, headless_chromium, look
from tests.evaluation.report.reported import HOSTILE, Reported, reported

VOLUME, MINUTES, HOURS = 20_000, 3, 7


@pytest.fixture(scope="module")
def made(taxonomy: Taxonomy) -> Reported:
    return reported(taxonomy)


@pytest.fixture(scope="module")
def page(made: Reported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "out.html"
    about = About("Figures of toy@1", ["posts.jsonl"], made=datetime(2026, 3, 1, tzinfo=UTC))
    options = Options(volume=VOLUME, review_minutes=MINUTES, hours=HOURS)
    write_report(path, made.posts, made.policy, made.taxonomy, about, options)
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with headless_chromium() as started:
        yield started


in_one = pytest.mark.parametrize("browser", ["360 dark"], indirect=True)


@pytest.fixture(params=["1440 light", "1440 dark", "360 light", "360 dark"])
def browser(request: pytest.FixtureRequest, chromium: Chrome, page: Path) -> Iterator[Chrome]:
    """The page opened at a width and in a theme; at the end nothing may stand in the browser's console."""
    look(chromium, request.param)
    chromium.get(page.as_uri())
    yield chromium
    assert console(chromium) == []


def explorer(browser: Chrome, name: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f"[data-explorer='{name}']")


def shown(found: WebElement) -> dict[str, WebElement]:
    return {each.get_attribute("data-figure") or "": each for each in found.find_elements(By.TAG_NAME, "output")}


def value(element: WebElement, name: str = "data-value") -> float:
    return float(element.get_attribute(name) or "nan")


def check(
    found: WebElement, confidence: NDArray[np.float64], wrong: NDArray[np.bool_], minutes: float = MINUTES
) -> float:
    """Compare all figures of an explorer with those worked out for the threshold that it names; give the threshold."""
    figures = shown(found)
    threshold = float(figures["threshold"].text)
    handled = confidence >= threshold
    errors, coverage = int(wrong[handled].sum()), float(handled.mean())
    interval = binomtest(errors, int(handled.sum())).proportion_ci(method="exact")
    reviewers = VOLUME * (1 - coverage) * minutes / 60 / HOURS
    assert value(figures["coverage"]) == pytest.approx(coverage)
    assert value(figures["error"]) == pytest.approx(errors / handled.sum())
    assert value(figures["error"], "data-low") == pytest.approx(interval.low)
    assert value(figures["error"], "data-high") == pytest.approx(interval.high)
    assert value(figures["to_review"]) == pytest.approx(VOLUME * (1 - coverage))
    assert value(figures["reviewers"]) == pytest.approx(reviewers)
    text = {name: each.text.replace("\u00a0", " ") for name, each in figures.items()}
    assert text["coverage"] == f"{100 * value(figures['coverage']):.1f} %"
    assert text["error"] == f"{100 * value(figures['error']):.2f} %"
    assert text["to_review"] == f"{VOLUME * (1 - coverage):,.0f}"
    assert text["reviewers"] == f"{reviewers:,.1f}"
    slider = found.find_element(By.CSS_SELECTOR, "input[type=range]")
    assert f"threshold {figures['threshold'].text}, coverage" in (slider.get_attribute("aria-valuetext") or "")
    return threshold


def test_the_slider_moves_all_figures_of_a_head_at_once(browser: Chrome, made: Reported) -> None:
    confidence, wrong = made.sure("urgency")
    found = explorer(browser, "urgency")
    slider = found.find_element(By.CSS_SELECTOR, "input[type=range]")
    assert check(found, confidence, wrong) == made.policy.heads["urgency"].threshold
    mark = found.find_element(By.CSS_SELECTOR, "line.now")
    before = mark.get_attribute("x1")

    thresholds = []
    for keys in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT * 5, Keys.PAGE_DOWN, Keys.HOME, Keys.END):
        slider.send_keys(keys)
        thresholds.append(check(found, confidence, wrong))
    assert len(set(thresholds)) == 5
    assert thresholds[0] < 0.7 < thresholds[1] < thresholds[2] < thresholds[3]
    assert thresholds[4] == 0
    assert value(shown(found)["coverage"]) == 1
    assert found.find_element(By.CSS_SELECTOR, "line.now").get_attribute("x1") != before

    found.find_element(By.XPATH, ".//button[text()='As in the policy']").send_keys(Keys.ENTER)
    assert check(found, confidence, wrong) == 0.7


@in_one
def test_the_workload_is_one_for_all_sliders(browser: Chrome, made: Reported) -> None:
    minutes = explorer(browser, "routing").find_element(By.ID, "minutes-routing")
    minutes.clear()  # what is no number changes nothing
    minutes.send_keys("5")
    for name in ("intent", "urgency"):
        found = explorer(browser, name)
        check(found, *made.sure(name), minutes=5)
        assert found.find_element(By.ID, f"minutes-{name}").get_attribute("value") == "5"


@in_one
def test_the_slider_of_the_routing_tells_the_share_without_a_person(browser: Chrome, made: Reported) -> None:
    sure = {head.name: made.sure(head.name)[0] for head in made.taxonomy}
    spam = made.posts.scores.logits["intent"].argmax(axis=1) == 2
    route = np.where(spam, sure["intent"], np.min(list(sure.values()), axis=0))
    route[spam & (sure["intent"] < 0.8)] = -1  # the policy asks for more of a label that nobody owns
    found = explorer(browser, "routing")
    found.find_element(By.CSS_SELECTOR, "input[type=range]").send_keys(Keys.ARROW_LEFT * 20)
    figures = shown(found)
    assert value(figures["coverage"]) == pytest.approx((route >= float(figures["threshold"].text)).mean())


@in_one
def test_what_a_post_says_is_shown_and_does_nothing(browser: Chrome) -> None:
    assert browser.execute_script("return window.broken") is None
    quote = browser.find_element(By.CSS_SELECTOR, "#head-intent blockquote")
    assert quote.get_attribute("textContent") == HOSTILE


def test_the_page_is_as_wide_as_the_window_and_can_change_its_theme(browser: Chrome) -> None:
    wide = "return [document.documentElement.scrollWidth, innerWidth]"
    needed, there = browser.execute_script(wide)
    assert needed <= there
    root = browser.find_element(By.TAG_NAME, "html")
    colour = root.value_of_css_property("background-color")
    toggle = browser.find_element(By.ID, "theme")
    offered = toggle.text
    toggle.click()
    assert root.value_of_css_property("background-color") != colour
    assert {offered, toggle.text} == {"Dark", "Light"}
    toggle.click()
    assert root.value_of_css_property("background-color") == colour


@in_one
def test_the_confusion_is_walked_through_with_the_arrow_keys(browser: Chrome, made: Reported) -> None:
    section = browser.find_element(By.ID, "head-urgency")
    cell = section.find_element(By.CSS_SELECTOR, ".heat td[tabindex='0']")
    assert (cell.get_attribute("aria-label") or "").startswith("labelled low, answered low: ")
    cell.send_keys(Keys.ARROW_DOWN, Keys.NULL)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    labels = np.array([example.labels["urgency"] for example in made.posts.examples])
    said = made.posts.scores.logits["urgency"].argmax(axis=1)
    counted = int(((labels == "normal") & (said == 1)).sum())
    expected = f"labelled normal, answered normal: {counted} posts"
    assert (browser.switch_to.active_element.get_attribute("aria-label") or "").startswith(expected)
    assert section.find_element(By.CSS_SELECTOR, ".readout").text.startswith(expected)


@in_one
def test_labels_are_sorted_by_what_is_pressed(browser: Chrome) -> None:
    section = browser.find_element(By.ID, "head-urgency")
    table = section.find_element(By.CSS_SELECTOR, "[aria-label='Labels of urgency']")
    button = table.find_element(By.XPATH, ".//button[text()='recall']")

    def recalls() -> list[float]:
        cells = table.find_elements(By.CSS_SELECTOR, "tbody tr td:nth-of-type(3)")
        return [value(cell, "data-sort") for cell in cells]

    button.send_keys(Keys.ENTER)
    assert recalls() == sorted(recalls(), reverse=True)
    button.send_keys(Keys.ENTER)
    assert recalls() == sorted(recalls())
    assert len(set(recalls())) == 3
