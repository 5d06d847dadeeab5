from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome

from model.bundle import Bundle
from tests.api.conftest import serving_app
from tests.api.page.opened import Page
from tests.browser import console, headless_chromium, look


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chrome]:
    with headless_chromium() as started:
        yield started


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "feedback.db"


@pytest.fixture(scope="package")
def client(bundle: Bundle, store: Path) -> Iterator[httpx.Client]:
    """A service with small limits that keeps posts for review."""
    with serving_app(bundle, max_posts=20, max_characters=2_000, feedback=str(store), store_text=True) as found:
        yield found


@pytest.fixture
def page(chromium: Chrome, client: httpx.Client, look_of: str) -> Iterator[Page]:
    """The page opened at a width and in a theme; at the end nothing may stand in the browser's console."""
    look(chromium, look_of)
    page = Page(chromium)
    page.open(client)
    yield page
    page.do("sessionStorage.clear()")
    assert console(chromium) == []
