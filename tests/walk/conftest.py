"""The dashboard as a user starts it, and a browser that detects errors on pages."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, expect

from tests.browser import find_browser
from tests.server import dashboard
from tests.waiting import WAIT

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --in-process-gpu"
)
WIDE, NARROW, HEIGHT = 1400, 390, 900  # window sizes in pixels: desktop width, phone width, height
LONG = {"walk", "promises", "test_checkpoints.py", "test_interrupted.py", "test_parallel.py", "test_sessions.py"}
Open = Callable[..., Page]
MOMENT = 300  # milliseconds: longer than Streamlit delays sending a visitor's actions
QUIET = 2000  # milliseconds without a message after which no more is expected
# Count a page's requests and the server's responses. The field numbers of Streamlit's messages (BackMsg, ClientState,
# ForwardMsg) show which messages request a run of the script, which of these a timer sends, and which end a run.
COUNT_RUNS = """
{
    const runs = window.runs = { asked: 0, done: 0, at: 0 }, ASKS = 11, BY_CLOCK = 6, ENDS = 6;
    const fields = (bytes) => {
        const found = new Map();
        let at = 0;
        const number = () => {
            let value = 0, unit = 1;
            for (; bytes[at] > 127; unit *= 128) value += (bytes[at++] - 128) * unit;
            return value + bytes[at++] * unit;
        };
        while (at < bytes.length) {
            const tag = number(), size = { 0: 0, 1: 8, 5: 4 }[tag % 8] ?? number();
            found.set(Math.floor(tag / 8), tag % 8 ? bytes.subarray(at, at + size) : number());
            at += size;
        }
        return found;
    };
    const bytesOf = (data) => {
        const { buffer = data, byteOffset, byteLength } = data;
        return new Uint8Array(buffer, byteOffset, byteLength);
    };
    window.WebSocket = class extends WebSocket {
        constructor(...words) {
            super(...words);
            this.addEventListener("message", ({ data }) => {
                runs.at = performance.now();
                if (fields(bytesOf(data)).has(ENDS)) runs.done = Math.min(runs.done + 1, runs.asked);
            });
        }
        send(data) {
            const asks = fields(bytesOf(data)).get(ASKS);
            if (asks && !fields(asks).get(BY_CLOCK)) {
                runs.at = performance.now();
                runs.asked += 1;
            }
            super.send(data);
        }
    };
}
"""
ANSWERED = f"() => runs.done === runs.asked || performance.now() - runs.at > {QUIET}"  # two requests may share a run


def pytest_configure() -> None:
    expect.set_options(timeout=1000 * WAIT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "walk" in Path(item.path).parts:
            item.add_marker(pytest.mark.browser)
    items.sort(
        key=lambda item: not LONG & set(Path(item.path).parts)
    )  # they start first, so that no process waits for them


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = find_browser()
    if path is None:
        pytest.skip("no browser was found: install Chromium or Chrome, or set CHROMIUM to its path")
    return browser_type_launch_args | {"executable_path": path, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def browser(browser: Browser) -> Browser:
    """Set timeouts of minutes in all windows, and count the requests of their pages."""
    opened = browser.new_context

    def new_context(**settings: Any) -> BrowserContext:
        context = opened(**settings)
        context.set_default_timeout(1000 * WAIT)
        context.add_init_script(COUNT_RUNS)
        return context

    browser.new_context = new_context  # type: ignore[method-assign]
    return browser


@pytest.fixture(scope="session")
def wide(browser: Browser) -> Iterator[Page]:
    """Open one window for all tests: its process has compiled Streamlit's scripts, so pages open in half the time."""
    yield from window(browser, WIDE)


@pytest.fixture(scope="session")
def another(browser: Browser) -> Iterator[Page]:
    """Open a window of another visitor."""
    yield from window(browser, WIDE)


@pytest.fixture(scope="session")
def narrow(browser: Browser) -> Iterator[Page]:
    """Open a window as wide as a phone."""
    yield from window(browser, NARROW)


def window(browser: Browser, width: int) -> Iterator[Page]:
    """Open a new visitor's window with a width in pixels."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHT})
    yield context.new_page()
    context.close()


def as_found(page: Page) -> Iterator[Page]:
    """Provide a window, then reset it: close its page, release keys and buttons, restore size and colour scheme."""
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
    """Provide the shared window instead of the plugin's, which starts a new visitor and downloads all files every time."""
    yield from as_found(wide)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server; yield its address."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with dashboard(folder) as url:
        yield url
    assert "Traceback" not in (folder / "log").read_text()


def settle(page: Page) -> None:
    """Wait until a page is ready, has sent the visitor's actions to the server, and shows the response."""
    ready(page)
    moment(page)
    page.wait_for_function(ANSWERED)
    page.evaluate("runs.done = runs.asked")
    ready(page)


def moment(page: Page, milliseconds: int = MOMENT) -> None:
    """Wait by the page's own clock, so that the page has done all that was due by then."""
    page.evaluate("milliseconds => new Promise(done => setTimeout(done, milliseconds))", milliseconds)


def eventually(page: Page, true: Callable[[], object]) -> None:
    """Wait until a condition on a page is true."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline, f"not true within {WAIT:g} seconds"
        moment(page, 50)


def ready(page: Page) -> None:
    """Wait until a page's script has run and its pictures are loaded."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")


def time_to(act: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def point_on_screen(page: Page, digit: int, number: int) -> tuple[int, float, float]:
    """Return the test index of a point of the first map, and its position in the window."""
    index, x, y = page.locator(".js-plotly-plot").first.evaluate(
        """(g, [digit, i]) => {
        const t = g._fullData[digit], l = g._fullLayout, box = g.getBoundingClientRect();
        const at = (axis, v, offset) => axis._offset + axis.d2p(v) + offset;
        return [t.customdata[i], at(l.xaxis, t.x[i], box.left), at(l.yaxis, t.y[i], box.top)]; }""",
        [digit, number],
    )
    return int(index), x, y


def leaves(url: str, address: str) -> bool:
    """Return whether a request goes to another host than the server."""
    return not url.startswith((address, "data:", "blob:"))


@pytest.fixture
def requests() -> list[str]:
    """Provide the list of addresses that watched pages have requested."""
    return []


@pytest.fixture
def watched(address: str, requests: list[str]) -> Iterator[Callable[[Page], Page]]:
    """Watch pages: fail on an error on a page or in its console, and on a request to another host."""
    faults: list[str] = []
    pages: list[Page] = []

    def failed(error: Error) -> None:
        faults.append(str(error))

    def asked(request: Request) -> None:
        requests.append(request.url)
        if leaves(request.url, address):
            faults.append(f"a request left the machine: {request.url}")

    def said(line: ConsoleMessage) -> None:
        if line.type == "error" and "/_stcore/" not in line.location["url"]:  # requested twice on a deep link
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
    """Provide the window with the width of a phone."""
    yield from as_found(watched(narrow))


@pytest.fixture
def second(another: Page, watched: Callable[[Page], Page]) -> Iterator[Page]:
    """Provide the window of another visitor."""
    yield from as_found(watched(another))


@pytest.fixture
def visit(page: Page, address: str, watched: Callable[[Page], Page]) -> Open:
    """Open a page of the dashboard by its address and wait until it is idle."""
    watched(page)

    def open_page(path: str = "", visitor: Page = page) -> Page:
        visitor.goto(f"{address}/{path}")
        settle(visitor)
        assert visitor.get_by_test_id("stException").count() == 0
        assert visitor.get_by_test_id("stAlertContentError").count() == 0
        return visitor

    return open_page
