"""A real browser for tests: where Chromium is, how it is started, and pages that must log no error."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium on this machine (apt-get install chromium)"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WAIT_MS = 300_000  # on a busy machine


@contextmanager
def started_chromium() -> Iterator[Any]:
    """Chromium; the test is skipped where playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=WAIT_MS)
        yield opened
        opened.close()


@contextmanager
def opened_page(
    browser: Any, language: str = "en", width: int = 1280, height: int = 900, **options: Any
) -> Iterator[Any]:
    """A page in a language; `options` are those of the browser's context."""
    context = browser.new_context(locale=language, viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


@contextmanager
def faultless_page(browser: Any, language: str = "en", meant: str = "(?!)") -> Iterator[Any]:
    """A page that must log no error but those in which this pattern is found."""
    errors: list[str] = []
    with opened_page(browser, language, accept_downloads=True) as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        yield page
    assert [each for each in errors if not re.search(meant, each)] == []
