"""How fast the dashboard answers: pages cold and warm, controls, ten visitors at once: `python -m benchmarks.load`.

It starts a server of its own. A time runs from a visitor's asking to the end of the page's script and the last byte of its
last new picture. Results go to benchmarks/load.json, from which the README's table is written.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import machine
from benchmarks.visitors import Visitor, finished, visitor
from tests.server import dashboard

RESULTS = Path(__file__).with_name("load.json")
# A control of each page, as the protocol names its value, and what it is set to in turn.
CONTROLS: Mapping[str, tuple[str, str, tuple[Any, ...]]] = {
    "generate": ("seed", "double_value", tuple(range(1, 1000))),
    "inpaint": ("seed", "double_value", tuple(range(1, 1000))),
    "latent": ("point", "double_value", tuple(range(1, 1000))),
    "why": ("beta", "string_array_value", ({"data": ["0.1"]}, {"data": ["4"]})),
    "training": ("epoch", "string_array_value", ({"data": ["1"]}, {"data": ["0"]})),
    "cll": ("only", "string_array_value", ({"data": ["−ELBO"]}, {"data": ["importance sampling"]})),
}
PAGES = ("", *CONTROLS)
CLICKS = 20
VISITORS, SECONDS, REST = 10, 30, 1.0
CROWDED = ("generate", "inpaint")  # the pages that draw most


def main() -> None:
    results: dict[str, Any] = {"machine": machine(), "pages": {}, "crowds": {}}
    for page in PAGES:
        with TemporaryDirectory() as folder, dashboard(Path(folder)) as address:
            cold, warm, clicks = finished(alone(address, page))
        found = {"cold": cold, "warm": warm, "control": statistics.median(clicks) if clicks else None}
        results["pages"][page or "home"] = found
        print(page or "home", json.dumps(found), flush=True)
    for page in CROWDED:
        with TemporaryDirectory() as folder, dashboard(Path(folder)) as address:
            waits = finished(crowd(address, page))
        found = {"clicks": len(waits), "median": statistics.median(waits), "p95": statistics.quantiles(waits, n=20)[-1]}
        results["crowds"][page] = found
        print(VISITORS, "visitors of", page, json.dumps(found), flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


async def alone(address: str, page: str) -> tuple[float, float, list[float]]:
    """Return the seconds of a page's first opening, of another visitor's, and of each use of its control."""
    async with visitor(address) as first:
        cold = await first.open(page) + await pictures(first, set())
    async with visitor(address) as second:
        warm = await second.open(page) + await pictures(second, set())
        return cold, warm, [await click(second, page, number) for number in range(CLICKS)] if page else []


async def crowd(address: str, page: str, visitors: int = VISITORS, seconds: float = SECONDS) -> list[float]:
    """Return what many visitors wait, each clicking again a second after the last answer."""
    until = time.monotonic() + seconds

    async def one(first: int) -> list[float]:
        waits = []
        async with visitor(address) as coming:
            await coming.open(page)
            for number in count(first):
                await asyncio.sleep(REST)
                waits.append(await click(coming, page, number))
                if time.monotonic() > until:
                    return waits
        raise AssertionError("never ends")

    waits = await asyncio.gather(*(one(100 * number) for number in range(visitors)))
    return [wait for each in waits for wait in each]


async def click(coming: Visitor, page: str, number: int) -> float:
    """Use a page's control; return the seconds until all that is new is there."""
    key, kind, values = CONTROLS[page]
    known = set(coming.pictures)
    answered = await coming.set(key, **{kind: values[number % len(values)]})
    return answered + await pictures(coming, known)


async def pictures(coming: Visitor, known: set[str]) -> float:
    """Fetch the pictures that are not known yet; return the seconds, or raise where the page complains."""
    if coming.faults:
        sys.exit(f"The page says: {coming.faults}")
    since = time.monotonic()
    for picture in coming.pictures:
        if picture not in known:
            await coming.fetch(picture)
    return time.monotonic() - since


if __name__ == "__main__":
    main()
