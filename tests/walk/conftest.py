"""The dashboard as a user starts it, and a browser that notices what goes wrong on a page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.browser import find_browser
from tests.server import dashboard

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "walk" in Path(item.path).parts:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: "walk" not in Path(item.path).parts)  # whose files take longest: they start first


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome here: install one, or set CHROMIUM to its path")
    return browser_type_launch_args | {"executable_path": path, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def wide(browser: Browser) -> Iterator[BrowserContext]:
    """Open windows of one visitor, whose browser fetches Streamlit's own files once."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    yield context
    context.close()


@pytest.fixture(scope="session")
def narrow(browser: Browser) -> Iterator[BrowserContext]:
    """Open windows as wide as a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(wide: BrowserContext) -> Iterator[Page]:
    """Open a window, in place of the plugin's, which belongs to a new visitor each time and fetches all anew."""
    page = wide.new_page()
    yield page
    page.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server; yield where it answers."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with dashboard(folder) as url:
        yield url
    assert "Traceback" not in (folder / "log").read_text()


def settle(page: Page) -> None:
    """Wait until the page's script has run, its pictures are loaded and nothing has changed for a moment."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


@pytest.fixture
def watched(address: str) -> Iterator[Callable[[Page], Page]]:
    """Watch pages: no error on them or in their console, and no request to another host."""
    faults: list[str] = []

    def noted(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"a request left the machine: {request.url}")

    def watch(page: Page) -> Page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", noted)
        page.on(
            "console",
            lambda line: (
                faults.append(line.text)
                if line.type == "error" and "/_stcore/" not in line.location["url"]  # asked twice for on a deep link
                else None
            ),
        )
        return page

    yield watch
    assert not faults


@pytest.fixture
def phone(narrow: BrowserContext, watched: Callable[[Page], Page]) -> Iterator[Page]:
    """Open a window as wide as a phone."""
    page = watched(narrow.new_page())
    yield page
    page.close()


@pytest.fixture
def visit(page: Page, address: str, watched: Callable[[Page], Page]) -> Open:
    """Open a page of the dashboard by its address and wait until it stands still."""
    watched(page)

    def open_page(path: str = "", visitor: Page = page) -> Page:
        visitor.goto(f"{address}/{path}")
        settle(visitor)
        assert visitor.get_by_test_id("stException").count() == 0
        assert visitor.get_by_test_id("stAlertContentError").count() == 0
        return visitor

    return open_page
