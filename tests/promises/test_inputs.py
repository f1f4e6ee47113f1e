"""Nonsense in an address, from a pen or from a widget is left out: no page complains of the unexpected, none grows.

Some of it is tried here, all by `make soak`.
"""

import base64
import json
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks.visitors import Visitor, finished, visitor
from tests.measuring import Measured
from tests.promises.conftest import Server, settled
from tests.promises.hostile import NAMES

NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "9" * 400,
    "0x1f",
    "1_0",
    "٣",
    "",
    "[]",
    "{}",
    "null",
    "true",
    "%00",
    "\0",
    "1;2",
]
NAMED = {  # what an address may say of a page
    "generate": ("run", "digit", "seed", "e1", "e16", "live", "view", "walk", "e0", "e-1", "encode"),
    "inpaint": ("of", "images", "visible-mnist", "visible-digits", "quadrants", "seed", "samples", "digits", "indices",
                "random", "pixels", "column", "index", "completion-walk"),
    "latent": ("run", "method", "3d", "point", "to", "route", "prior", "beside", "draw", "drawn"),
    "why": ("question", "beta", "scale", "grey", "averaged", "curve"),
    "training": ("replay", "runs", "epoch", "quantity", "log", "part"),
    "cll": ("run", "only", "samples", "images", "curve"),
}  # fmt: skip
QUOTED = {name: quote(name.replace(chr(0), "")) for name in [*NUMBERS, *NAMES]}
ADDRESSES = [
    (page, f"{name}={QUOTED[value]}")
    for number, (page, name) in enumerate((page, name) for page, names in NAMED.items() for name in names)
    for value in (NUMBERS[number % len(NUMBERS)], NAMES[number % len(NAMES)], NAMES[-1 - number % len(NAMES)])
]
Random(0).shuffle(ADDRESSES)
# By page and query: a widget, and what it is made to say. What Streamlit itself cannot read, NaN in a field of whole numbers
# say, ends the forger's own session with a sentence, before a line of the lab has run.
LIES: dict[tuple[str, str], tuple[str, str, list[dict[str, Any]]]] = {
    ("inpaint", "of=My drawing"): ("pad", "json_value", [
        *({"ink": {"value": ink}} for ink in (
            base64.b64encode(bytes(783)).decode(), base64.b64encode(bytes(785)).decode(), "!" * 1048, "é", "", None, 7, [1],
            {"a": 1}, [[[]]], True, "A" * 3_000_000, base64.b64encode(b"\xff" * 784).decode()[:-2])),
        *({"visible": {"value": flags}} for flags in (
            None, [], [True], [1, 1, 1, 1], [0, 0, 0, 0], "text", {"0": 1}, [None] * 4, ["x"] * 4, [[1]] * 4, [1] * 9999, 3)),
        {}, {"more": 1}, {"ink": None, "visible": {}}, {"ink": [{"value": 1}]},
    ]),
    ("inpaint", "seed=1"): ("doors", "json_value", [
        *({"visible": {"value": flags}} for flags in (None, [2, 3, 4, 5], [float("inf")] * 4, "....", {}, -1)), {"ink": "x"},
    ]),
    ("generate", "run=digits-label"): ("live-sliders", "json_value", [
        *({"epsilon": {"value": values}} for values in (
            None, "text", [1], [1e9] * 16, ["x"] * 16, {"a": 1}, [None] * 16, [[]] * 16, [True] * 16, [1] * 100_000,
            [float("nan")] * 16, [float("inf")] * 16, ["1e400"] * 16, 5, [{}] * 16, ["2.1"] * 16)),
        {"shown": "x"}, {},
    ]),
    ("generate", "live=false"): ("seed", "double_value", [
        {"value": value} for value in (-1.0, 1e300, 0.5, -0.0, 1e6)
    ]),
    ("latent", "run=digits-label"): ("point", "double_value", [
        {"value": value} for value in (-1.0, 1e300, 359.5, 360.0)
    ]),
    ("latent", "run=digits-label&seed=1"): ("map", "string_value", [
        {"selection": selection} for selection in (
            {"points": [{"customdata": ["x"]}], "point_indices": [1]}, {"points": [{}]}, {"points": [{"customdata": []}]},
            {"points": [{"customdata": [1e99]}]}, {"points": "x"}, {"points": [None]}, {},
            {"points": [{"customdata": [-1]}]}, {"points": [{"customdata": [99999]}] * 3})
    ] + [{}, {"selection": {"points": [{"customdata": {"a": 1}}], "box": [], "lasso": [{"x": ["a"]}]}}]),
    ("cll", "seed=1"): ("only", "string_array_value", [{"data": [name]} for name in NAMES[5:15] if "\0" not in name]),
    ("generate", "live=false&seed=2"): ("run", "string_value", [{"text": name} for name in NAMES if "\0" not in name]),
}  # fmt: skip


def spoken(kind: str, lie: dict[str, Any]) -> Any:
    """Return a lie as the protocol has it."""
    match kind:
        case "json_value":
            return json.dumps(lie)
        case "double_value":
            return lie["value"]
        case "string_array_value":
            return lie
        case "string_value":
            return lie["text"] if "text" in lie else json.dumps(lie)
    raise AssertionError(kind)


async def told(coming: Visitor, key: str, kind: str, lies: list[dict[str, Any]]) -> list[str]:
    faults = []
    for lie in lies:
        await coming.set(key, **{kind: spoken(kind, lie)})
        faults += coming.faults
    return faults


@pytest.mark.parametrize("every", [80, pytest.param(1, marks=pytest.mark.soak)])
def test_no_nonsense_is_more_than_left_out(every: int, server: Server, measured: Measured) -> None:
    inputs, on_a_page, faults, long = 0, 0, [], every == 1
    chosen = ADDRESSES[::every]

    async def open_all(addresses: list[tuple[str, str]]) -> None:
        nonlocal inputs
        for page, query in addresses:
            async with visitor(server.address) as coming:
                await coming.open(page, query)
                faults.extend((page, query, fault) for fault in coming.faults)
                inputs += 1

    async def lie(turn: int) -> None:
        nonlocal inputs, on_a_page
        for (page, query), (key, kind, lies) in list(LIES.items())[:: 1 if long else 4]:
            async with visitor(server.address) as coming:
                await coming.open(page, query)
                some = lies[turn :: 2 * (1 + every // 3)]
                faults.extend((key, fault) for fault in await told(coming, key, kind, some))
                inputs += len(some)
                on_a_page += len(some) if key == "run" else 0

    held = []
    for turn in range(2):  # the first fills the caches
        finished(open_all(chosen[turn::2]))
        finished(lie(turn))
        held.append(settled(server, long))
    grown = held[1] - held[0]
    assert faults == []
    assert grown < 50 or not long  # the few that come here meet empty caches
    assert inputs >= 200 // every
    log = server.log.read_text()
    assert "app.faults" not in log
    assert "Traceback" not in log
    hostile = {QUOTED[name] for name in NAMES}
    measured("names", in_addresses=sum(query.partition("=")[2] in hostile for _, query in chosen), on_a_page=on_a_page)
    measured("inputs", inputs=inputs, exceptions=len(faults), megabytes_grown=max(grown, 0.0))
