"""The dashboard as a user starts it, and a browser that notices what goes wrong on a page."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request

from tests.browser import find_browser

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
START_SECONDS = 60
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "walk" in Path(item.path).parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome here: install one, or set CHROMIUM to its path")
    return browser_type_launch_args | {"executable_path": path, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server from a foreign folder with nothing but `streamlit run`; yield where it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("elsewhere")
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if given := surroundings.get("CVAE_DATA"):
        surroundings["CVAE_DATA"] = str(Path(given).resolve())
    program = [str(Path(sys.executable).with_name("streamlit")), "run", str(ROOT / "app" / "Home.py")]
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*program, "--server.port", str(port)],
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(10 * START_SECONDS):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail(f"the server did not start: {log.read_text()}")
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)
    assert "Traceback" not in log.read_text()


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
