"""Invalid values in addresses, drawings and widgets are ignored, without an unexpected error or growing memory.

The short version tries some values, `make soak` all. Valid values that are sent in the same way change the page: this shows
that the invalid ones reach the code that must refuse them.
"""

import base64
import json
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks.visitors import Visitor, finished, visitor
from cvae_core.data import datasets
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
NAMED = {  # query parameters of a page
    "generate": ("run", "digit", "seed", "e1", "e16", "live", "view", "walk", "e0", "e-1", "encode"),
    "inpaint": ("of", "images", "visible-mnist", "visible-digits", "quadrants", "seed", "samples", "digits", "indices",
                "random", "pixels", "column", "index", "completion-walk"),
    "latent": ("run", "method", "3d", "point", "to", "caught", "route", "prior", "beside", "draw", "drawn", "units"),
    "why": ("question", "beta", "scale", "grey", "averaged", "curve"),
    "training": ("task", "replay", "runs", "epoch", "quantity", "log", "part"),
    "cll": ("figures", "estimate", "figures=All+figures&only", "figures=All+figures&scored", "figures=Estimate&draws",
            "figures=Estimate&over", "figures=Number+of+draws&curve"),
}  # fmt: skip
QUOTED = {name: quote(name.replace(chr(0), "")) for name in [*NUMBERS, *NAMES]}
WHOLE = [  # all query parameters of a page at once
    (page, "&".join(f"{name}={value}" for name in names)) for page, names in NAMED.items() for value in ("", "inf")
]
ADDRESSES = [
    (page, f"{name}={QUOTED[value]}")
    for number, (page, name) in enumerate((page, name) for page, names in NAMED.items() for name in names)
    for value in (NUMBERS[number % len(NUMBERS)], NAMES[number % len(NAMES)], NAMES[-1 - number % len(NAMES)])
]
Random(0).shuffle(ADDRESSES)
DRAWING = base64.b64encode(bytes([0, 255] * 392)).decode()
# By page and query: a widget, the field of its value, and invalid values; values that only one guard refuses come first.
# Values that Streamlit itself cannot read (such as NaN for an integer) end the sender's session before the lab's code runs.
LIES: dict[tuple[str, str], tuple[str, str, list[dict[str, Any]]]] = {
    ("inpaint", "of=My drawing&images=digits"): ("pad", "json_value", [
        {"ink": [{"value": 1}]},
        *({"ink": {"value": ink}} for ink in (
            base64.b64encode(b"\xff" * 32**2).decode(), "é", 7, base64.b64encode(b"\xff" * 785).decode(), "!" * 1048, "",
            None, [1], {"a": 1}, [[[]]], True, "A" * 3_000_000, base64.b64encode(b"\xff" * 784).decode()[:-2],
            base64.b64encode(bytes(783)).decode())),
        *({"visible": {"value": flags}} for flags in (
            None, [], [True], [1, 1, 1, 1], [0, 0, 0, 0], "text", {"0": 1}, [None] * 4, [1] * 9999, 3)),
        {}, {"more": 1}, {"ink": None, "visible": {}},
    ]),
    ("inpaint", "seed=1"): ("doors", "json_value", [
        *({"visible": {"value": flags}} for flags in (
            -1, [True], [0, 0, 0, 0], [2, 3, 4, 5], None, [float("inf")] * 4, "....", {})), {"ink": "x"},
    ]),
    ("generate", "run=digits-label"): ("live-sliders", "json_value", [
        *({"epsilon": {"value": values}} for values in (
            5, [1] * 15, [1e9] * 16, [*[1] * 15, "x"], [None] * 16, [10**400] * 16, [float("nan")] * 16, "text", [1],
            [1] * 17, {"a": 1}, [[]] * 16, [1] * 100_000, [float("inf")] * 16, ["1e400"] * 16, None, [{}] * 16)),
        {"shown": "x"}, {},
    ]),
    ("latent", "run=digits-label"): ("map", "string_value", [
        {"selection": selection} for selection in (
            {}, {"points": 5}, {"points": [None]}, {"points": [{"customdata": "x"}], "point_indices": [1]},
            {"points": [{"customdata": 1e99}]}, {"points": [{"customdata": 99_999}] * 3}, {"points": [{}]}, {"points": "x"},
            {"points": [{"customdata": None}]}, {"points": [{"customdata": [1]}]}, {"points": [{"customdata": -1}]},
            {"points": [{"customdata": 9999}]}, {"points": [{"customdata": 10_000}]})
    ] + [{}, {"selection": {"points": [{"customdata": {"a": 1}}], "box": [], "lasso": [{"x": ["a"]}]}}]),
    ("generate", "live=false"): ("seed", "double_value", [
        {"value": value} for value in (-1.0, 1e300, 0.5, -0.0, 2.0**53)
    ]),
    ("latent", "run=digits-label&seed=1"): ("point", "double_value", [
        {"value": value} for value in (-1.0, 1e300, 359.5, 360.0)
    ]),
    ("cll", "figures=All+figures"): ("only", "string_array_value", [
        {"data": [name]} for name in NAMES[5:15] if "\0" not in name
    ]),
    ("generate", "live=false&seed=2"): ("run", "string_value", [{"text": name} for name in NAMES if "\0" not in name]),
}  # fmt: skip
ANY_SET = datasets.on_disk("mnist")  # whether the page has a model for every choice of quadrants
# Valid values that change the page. Streamlit itself checks the values of the other widgets: no short test needs them.
TRUTHS: dict[str, dict[str, Any]] = {
    "pad": {"ink": {"value": DRAWING}},
    **({"doors": {"visible": {"value": [True, False, False, False]}}} if ANY_SET else {}),
    "live-sliders": {"epsilon": {"value": [1] * 16}},
    "map": {"selection": {"points": [{"customdata": 1}]}},
}
ODD: dict[str, list[dict[str, Any]]] = {  # may be interpreted or ignored, but must not cause an error
    "pad": [{"visible": {"value": flags}} for flags in (["x"] * 4, [[1]] * 4)],
    "live-sliders": [{"epsilon": {"value": values}} for values in ([True] * 16, ["2.1"] * 16, ["x"] * 16)],
    "map": [{"selection": {"points": [{"customdata": given}]}} for given in (["x"], [], [1e99], [-1])],
}
FIRST = 7  # invalid values for each widget in the short test


def spoken(kind: str, lie: dict[str, Any]) -> Any:
    """Return an invalid value in the form of Streamlit's protocol."""
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
    """Send invalid values, then a valid one; return the errors of the page and any invalid value that changed it."""
    before = coming.pictures, coming.alerts
    for lie in lies:
        await coming.set(key, **{kind: spoken(kind, lie)})
        if coming.faults:
            return coming.faults
        if key in TRUTHS and (coming.pictures, coming.alerts) != before:
            return [f"accepted: {str(lie)[:80]}"]
    for odd in ODD.get(key, []):
        await coming.set(key, **{kind: spoken(kind, odd)})
        if coming.faults:
            return coming.faults
    if key in TRUTHS:
        await coming.set(key, **{kind: spoken(kind, TRUTHS[key])})
        assert coming.pictures != before[0], key
    return []


@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_invalid_values_are_ignored(long: bool, server: Server, measured: Measured) -> None:
    inputs, on_a_page, faults = 0, 0, []
    chosen = [*WHOLE, *ADDRESSES] if long else WHOLE

    async def open_all(addresses: list[tuple[str, str]]) -> None:
        nonlocal inputs
        for page, query in addresses:
            async with visitor(server.address) as coming:
                await coming.open(page, query)
                faults.extend((page, query, fault) for fault in coming.faults)
                inputs += 1

    async def lie(turn: int) -> None:
        nonlocal inputs, on_a_page
        for (page, query), (key, kind, lies) in LIES.items():
            if some := lies[turn::2] if long else lies[: FIRST * turn] if key in TRUTHS else []:
                async with visitor(server.address) as coming:
                    await coming.open(page, query)
                    faults.extend((key, fault) for fault in await told(coming, key, kind, some))
                inputs += len(some)
                on_a_page += len(some) if key == "run" else 0

    held = []
    for turn in range(2):  # the first turn fills the caches
        finished(open_all(chosen[turn::2]))
        finished(lie(turn))
        held.append(settled(server, long))
    grown = held[1] - held[0]
    assert faults == []
    assert grown < 50 or not long  # the caches of the short test are still empty
    assert inputs >= (200 if long else len(TRUTHS) * FIRST)
    log = server.log.read_text()
    assert "app.server.uncaught_errors" not in log
    assert "Traceback" not in log
    assert DRAWING[:16] not in log
    hostile = {QUOTED[name] for name in NAMES}
    measured("names", in_addresses=sum(query.partition("=")[2] in hostile for _, query in chosen), on_a_page=on_a_page)
    measured("inputs", inputs=inputs, exceptions=len(faults), megabytes_grown=max(grown, 0.0))
