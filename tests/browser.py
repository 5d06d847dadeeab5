"""A real browser without a window, for the pages that people open."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

REQUIRED = "TRIAGE_REQUIRE_BROWSER"
"""Where this is set a missing browser is a failure."""


@contextmanager
def headless_chromium() -> Iterator[Chrome]:
    """Chromium, which keeps what pages write to its console; a test that needs it is skipped where there is none."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        missing = "chromium and chromedriver are not installed (Debian: chromium, chromium-driver)"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)
    options = ChromeOptions()
    options.binary_location = browser
    # A container knows neither Chromium's sandbox nor much shared memory; the only pages that it opens are our own.
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(driver)) as started:
        yield started


def look(chromium: Chrome, described: str) -> None:
    """Set width and theme, described as `360 dark`."""
    width, theme = described.split()
    size = {"width": int(width), "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)


def console(chromium: Chrome) -> list[str]:
    """What pages wrote to the console since this was asked last."""
    entries = chromium.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries]
