"""Measure the dashboard's answer times: pages cold and warm, controls, ten visitors at once: `python -m benchmarks.load`.

The benchmark starts its own servers. An answer time runs from a request to the end of the page's script and the last byte of
the last new picture. In a browser, which draws without a graphics card, it runs until the page is complete. Results are
written to benchmarks/load.json, for the table in docs/performance.md. Needs the development requirements and a browser.
"""

import asyncio
import base64
import json
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

from app.display.navigation import PAGES
from benchmarks.machine import machine, ticks
from benchmarks.visitors import Visitor, finished, visitor
from tests.browser import find_browser
from tests.server import dashboard
from tests.walk.conftest import FLAGS, HEIGHT, WIDE, ready

RESULTS = Path(__file__).with_name("load.json")


class Control(NamedTuple):
    """A control of a page, the field of Streamlit's protocol for its value, and the values to set in turn."""

    page: str
    key: str
    kind: str
    values: Sequence[Any]
    query: str = ""


def stroke(number: int) -> str:
    """Return the pad's message for a drawing of one short stroke, a different one for each number from 0 to 351."""
    ink, start = bytearray(28 * 28), 28 * (3 + number % 22) + 4 + number // 22 % 16
    ink[start : start + 5] = [255] * 5
    return json.dumps({"ink": {"value": base64.b64encode(ink).decode()}})


SEEDS = range(1, 1000)
CONTROLS = {
    "generate": Control("generate", "seed", "double_value", SEEDS),
    "inpaint": Control("inpaint", "seed", "double_value", SEEDS),
    "inpaint: a drawing, by the ladder": Control(
        "inpaint",
        "pad",
        "json_value",
        [stroke(number) for number in range(352)],
        "of=My drawing&images=mnist&run-1=quadrant-1-ladder",
    ),
    "latent": Control("latent", "point", "double_value", SEEDS),
    "why": Control("why", "beta", "string_array_value", ({"data": ["0.1"]}, {"data": ["4"]})),
    "training": Control("training", "epoch", "string_array_value", ({"data": ["1"]}, {"data": ["0"]})),
    "cll": Control(
        "cll",
        "only",
        "string_array_value",
        ({"data": ["−ELBO"]}, {"data": ["importance sampling"]}),
        "figures=All figures",
    ),
}
CLICKS = 20
VISITORS, SECONDS, REST = 10, 30, 1.0
CROWDED = ("generate", "inpaint")  # the pages with the most computation
OPENINGS = 20  # measured openings of a warm page in a browser
WATCH = """
const visible = (places) => [...document.querySelectorAll(places)].filter((element) => element.offsetHeight > 0).length;
const FIRST = "[data-testid=stMain] label, [data-testid=stPageLink] a, [data-testid=stDataFrame]";
let known;
const look = () => {
    const aside = visible("section[data-testid=stSidebar] label");
    if (visible("h1") && (aside || visible(FIRST)) && aside !== known) {
        known = aside;
        window.seen = performance.timeOrigin + performance.now();
    }
    requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""  # records when the title and the last control of the sidebar are visible; on others, the first control or table


def main() -> None:
    begun = ticks()
    results: dict[str, Any] = {"pages": {}, "crowds": {}}
    for name in ("home", *CONTROLS):
        with TemporaryDirectory() as folder, dashboard(Path(folder)) as address:
            cold, warm, clicks = finished(alone(address, CONTROLS.get(name)))
        found = {"cold": cold, "warm": warm, "control": statistics.median(clicks) if clicks else None}
        if name in PAGES:
            with TemporaryDirectory() as folder, dashboard(Path(folder)) as address:
                found["opened"] = opened(address, name)
        results["pages"][name] = found
        print(name, json.dumps(found), flush=True)
    for page in CROWDED:
        with TemporaryDirectory() as folder, dashboard(Path(folder)) as address:
            waits = finished(crowd(address, CONTROLS[page]))
        found = {"clicks": len(waits), "median": statistics.median(waits), "p95": statistics.quantiles(waits, n=20)[-1]}
        results["crowds"][page] = found
        print(VISITORS, "visitors of", page, json.dumps(found), flush=True)
    RESULTS.write_text(json.dumps({"machine": machine(begun), **results}, indent=2) + "\n")


async def alone(
    address: str, control: Control | None, begin: int = 0, clicks: int = CLICKS
) -> tuple[float, float, list[float]]:
    """Return the seconds of a page's first opening, of another visitor's, and of each use of its control (Home has none).

    A server caches its answers: start at another value of the control, `begin`, if the same server was measured before.
    """
    place = (control.page, control.query) if control else ()
    async with visitor(address) as first:
        cold = await first.open(*place) + await pictures(first, set())
    async with visitor(address) as second:
        warm = await second.open(*place) + await pictures(second, set())
        numbers = range(begin, begin + clicks) if control else ()
        return cold, warm, [await click(second, control, number) for number in numbers]


def opened(address: str, name: str) -> dict[str, list[float]]:
    """Return the seconds until a page's title and controls are visible in a browser, and until the page is complete.

    `start`: a new browser and a server that has just started. `new`: another new browser. `again`: medians of the next
    openings in that browser. `most`: the longest of these.
    """
    path = find_browser() or sys.exit("No browser was found: install Chromium, or set CHROMIUM to its path.")
    url = f"{address}/{'' if PAGES[name].default else name}"
    times: list[list[list[float]]] = []
    with sync_playwright() as playwright:
        for openings in (1, 1 + OPENINGS):
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
            page = browser.new_page(viewport={"width": WIDE, "height": HEIGHT})
            page.add_init_script(WATCH)
            times.append([opening(page, url) for _ in range(openings)])
            browser.close()
    (start,), (new, *others) = times
    seen, all_there = zip(*others, strict=True)
    again = [statistics.median(seen), statistics.median(all_there)]
    return {"start": start, "new": new, "again": again, "most": [max(seen), max(all_there)]}


def opening(page: Page, url: str) -> list[float]:
    """Open a page with the script `WATCH`; return the seconds until title and controls are visible, and until completion."""
    started = time.time()
    page.goto(url, wait_until="commit")
    page.wait_for_function("window.seen")
    ready(page)
    there = time.time()
    return [page.evaluate("window.seen") / 1000 - started, there - started]


async def crowd(address: str, control: Control, visitors: int = VISITORS, seconds: float = SECONDS) -> list[float]:
    """Return the answer times, in seconds, of several visitors who each click again one second after the last answer."""
    until = time.monotonic() + seconds

    async def one(first: int) -> list[float]:
        waits = []
        async with visitor(address) as coming:
            await coming.open(control.page, control.query)
            for number in count(first):
                await asyncio.sleep(REST)
                waits.append(await click(coming, control, number))
                if time.monotonic() > until:
                    return waits
        raise AssertionError("unreachable: count() is infinite")

    waits = await asyncio.gather(*(one(100 * number) for number in range(visitors)))
    return [wait for each in waits for wait in each]


async def click(coming: Visitor, control: Control, number: int) -> float:
    """Set a control to its next value; return the seconds until the last byte of the last new picture."""
    known = set(coming.pictures)
    answered = await coming.set(control.key, **{control.kind: control.values[number % len(control.values)]})
    return answered + await pictures(coming, known)


async def pictures(coming: Visitor, known: set[str]) -> float:
    """Fetch the pictures that are not in `known`; return the seconds. Exit with a message if the page shows an error."""
    if coming.faults:
        sys.exit(f"The page shows an error: {coming.faults}")
    since = time.monotonic()
    for picture in coming.pictures:
        if picture not in known:
            await coming.fetch(picture)
    return time.monotonic() - since


if __name__ == "__main__":
    main()
