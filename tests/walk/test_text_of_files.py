"""Markdown in files causes no requests, and `plain` and `code` show a text literally."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page

from cvae_core.system.printable import one_line, printable
from tests.marked import marked_root
from tests.measuring import Measured
from tests.server import dashboard
from tests.walk.conftest import ready
from tests.walk.showing import KINDS, TEXTS

pytestmark = pytest.mark.promise
SHOWING = Path(__file__).with_name("showing.py")
MEANING = "a, img, em, del, li, h1, hr, pre, blockquote, table table, .katex, [role=img]"
VIEWS = (
    "",
    "training?task=Train&follow=failed",
    "training?task=Sweep&sweep=grid",
)  # the others are looked at without a browser


@contextmanager
def counting() -> Iterator[tuple[str, list[str]]]:
    """Start a server on this machine; yield its address and the list of requested paths."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Noting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_no_text_of_a_file_makes_a_browser_ask_for_anything(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    with counting() as (address, asked), marked_root(tmp_path, address) as root:
        monkeypatch.setenv("CVAE_RUNS", str(root))
        with dashboard(tmp_path) as url:
            for view in VIEWS:
                page.goto(f"{url}/{view}")
                ready(page)
                assert page.get_by_test_id("stException").count() == 0
                assert address in page.content().replace("\u2060", ""), view
                assert page.locator(f'[href*="{address}"], [src*="{address}"]').count() == 0, view
            assert asked == []
            measured("texts", views=len(VIEWS), requests=len(asked))
            page.evaluate(
                "url => new Promise(done => Object.assign(new Image(), {onerror: done, src: url}))", f"{address}/x"
            )
            assert asked == ["/x"]  # it would have been noticed


def test_every_letter_is_shown_and_none_means_anything(page: Page, tmp_path: Path, measured: Measured) -> None:
    with dashboard(tmp_path, SHOWING) as url:
        page.goto(url)
        ready(page)
        found = page.evaluate(
            """([kinds, count, meaning]) => kinds.flatMap(kind => [...Array(count).keys()].map(number => {
                const box = document.querySelector(`.st-key-${kind}-${number}`);
                const text = box.textContent.replaceAll("\\u2060", "").trim();
                return [kind, number, text, box.querySelectorAll(meaning).length]; }))""",
            [list(KINDS), len(TEXTS), MEANING],
        )
    wrong = []
    for kind, number, text, meaning in found:
        if text.removeprefix("pills") != printable(one_line(TEXTS[number])) or meaning:
            wrong.append((kind, TEXTS[number], text))
    assert wrong == []
    assert len(found) == len(KINDS) * len(TEXTS)
    measured("texts", shown_letter_by_letter=len(found))
