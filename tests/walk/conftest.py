"""The dashboard as a user starts it, and a browser that notices what goes wrong on a page."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

from tests.browser import find_browser
from tests.server import dashboard

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --in-process-gpu"
)
WIDE, NARROW, HEIGHT = 1400, 390, 900  # pixels of a window, of one as wide as a phone
LONG = {"walk", "promises", "test_checkpoints.py", "test_interrupted.py", "test_parallel.py", "test_sessions.py"}
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "walk" in Path(item.path).parts:
            item.add_marker(pytest.mark.browser)
    items.sort(
        key=lambda item: not LONG & set(Path(item.path).parts)
    )  # they start first, that no process waits for one


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome here: install one, or set CHROMIUM to its path")
    return browser_type_launch_args | {"executable_path": path, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def wide(browser: Browser) -> Iterator[Page]:
    """Open one window for all tests: its process has Streamlit's own files compiled, and pages open in half the time."""
    yield from window(browser, WIDE)


@pytest.fixture(scope="session")
def narrow(browser: Browser) -> Iterator[Page]:
    """Open a window as wide as a phone."""
    yield from window(browser, NARROW)


def window(browser: Browser, width: int) -> Iterator[Page]:
    """Open a window of a visitor's own, some pixels wide."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHT})
    yield context.new_page()
    context.close()


def as_found(page: Page) -> Iterator[Page]:
    """Lend a window, then leave nothing in it: no page that goes on, no key or button held, no other size or scheme."""
    size = page.viewport_size
    assert size is not None
    yield page
    page.mouse.up()
    page.keyboard.up("Shift")
    page.mouse.move(0, 0)
    page.goto("about:blank")
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="light")


@pytest.fixture
def page(wide: Page) -> Iterator[Page]:
    """Lend the window, in place of the plugin's, which belongs to a new visitor each time and fetches all anew."""
    yield from as_found(wide)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server; yield where it answers."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with dashboard(folder) as url:
        yield url
    assert "Traceback" not in (folder / "log").read_text()


def settle(page: Page) -> None:
    """Wait until a page is ready and nothing has changed for a moment."""
    ready(page)
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def ready(page: Page) -> None:
    """Wait until a page's script has run and its pictures are loaded."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")


def time_to(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def point_on_screen(page: Page, digit: int, number: int) -> tuple[int, float, float]:
    """Return the test index of a point of the first map, and where it is in the window."""
    index, x, y = page.locator(".js-plotly-plot").first.evaluate(
        """(g, [digit, i]) => {
        const t = g._fullData[digit], l = g._fullLayout, box = g.getBoundingClientRect();
        const at = (axis, v, offset) => axis._offset + axis.d2p(v) + offset;
        return [t.customdata[i], at(l.xaxis, t.x[i], box.left), at(l.yaxis, t.y[i], box.top)]; }""",
        [digit, number],
    )
    return int(index), x, y


def leaves(url: str, address: str) -> bool:
    """Say whether a request goes elsewhere than to the server."""
    return not url.startswith((address, "data:", "blob:"))


@pytest.fixture
def requests() -> list[str]:
    """Hold the addresses that watched pages have asked for."""
    return []


@pytest.fixture
def watched(address: str, requests: list[str]) -> Iterator[Callable[[Page], Page]]:
    """Watch pages: no error on them or in their console, and no request to another host."""
    faults: list[str] = []
    pages: list[Page] = []

    def failed(error: Error) -> None:
        faults.append(str(error))

    def asked(request: Request) -> None:
        requests.append(request.url)
        if leaves(request.url, address):
            faults.append(f"a request left the machine: {request.url}")

    def said(line: ConsoleMessage) -> None:
        if line.type == "error" and "/_stcore/" not in line.location["url"]:  # asked twice for on a deep link
            faults.append(line.text)

    handlers = {"pageerror": failed, "request": asked, "console": said}

    def watch(page: Page) -> Page:
        pages.append(page)
        for event, handler in handlers.items():
            page.on(event, handler)  # type: ignore[call-overload]
        return page

    yield watch
    for page in pages:
        for event, handler in handlers.items():
            page.remove_listener(event, handler)
    assert not faults


@pytest.fixture
def phone(narrow: Page, watched: Callable[[Page], Page]) -> Iterator[Page]:
    """Lend the window as wide as a phone."""
    yield from as_found(watched(narrow))


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
