"""The page of conditional log-likelihoods: what it opens on, old addresses, and clicks on numbers."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.charts.glance_chart import glance_chart
from app.text.provenance import provenance
from app.views import cll_numbers
from app.views.cll_numbers import EMPTY, ESTIMATE, MISSING, RUN, TABS, Numbers
from cvae_core.evaluation.glance import Glance, at_a_glance
from cvae_core.runs.run import find, readable
from tests.app.conftest import ROOT, Visit

CHECKPOINTS = ROOT / "checkpoints"


@pytest.fixture(scope="module")
def glance() -> Glance:
    found = at_a_glance([find(name, CHECKPOINTS) for name in readable(CHECKPOINTS)[0]])
    assert found is not None
    return found


def tab(visitor: AppTest) -> str:
    return str(visitor.session_state[TABS])


def test_the_page_opens_on_one_chart_over_one_table(visit: Visit, without_mnist: None) -> None:
    visitor = visit("cll")
    (table,) = visitor.dataframe
    assert len(visitor.get("plotly_chart")) == 1
    assert len(table.value) <= 12
    assert set(table.value.dtypes[2:].map(str)) == {"float64"}


@pytest.mark.parametrize(
    ("query", "opened"),
    [
        ({"figures": "Table"}, "All figures"),
        ({"estimate": "digits-label", "draws": "100"}, "Estimate"),
        ({"figures": "Judged digits", "estimate": "digits-label"}, "Judged images"),
        ({}, "At a glance"),
    ],
)
def test_addresses_of_earlier_versions_open_what_they_meant(
    visit: Visit, without_mnist: None, query: dict[str, str], opened: str
) -> None:
    visitor = visit("cll", **query)
    assert tab(visitor) == opened
    assert not visitor.toast
    if opened == "Estimate":
        assert visitor.selectbox(key=RUN).value == "digits-label"


def test_a_click_on_a_missing_number_opens_its_estimate(
    visit: Visit, without_mnist: None, own_runs: Path, glance: Glance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (column, *_), cells = glance.columns, [row.cells for row in glance.rows]
    models = pd.DataFrame({"model": [row.title for row in glance.rows]})
    missing = [{column: "digits-label"}, *({} for _ in cells[1:])]
    cells[0] = {name: entry for name, entry in cells[0].items() if name != column}
    numbers = Numbers(name="n", frame=models, first=["model"], columns={column: ""}, cells=cells, missing=missing)
    assert numbers.styled().data[column][0] == MISSING
    assert numbers.styled().to_string().split("\n")[1].endswith(f" {ESTIMATE}")
    state: dict[str, object] = {"key": {"selection": {"cells": [[0, column]]}}}
    monkeypatch.setattr(cll_numbers.st, "session_state", state)
    cll_numbers.take_click(numbers, "key")
    assert {name: state[name] for name in (TABS, RUN, "draws", "over")} == {
        TABS: ESTIMATE, RUN: "digits-label", "draws": 100, "over": 10_000
    }  # fmt: skip
    assert cll_numbers.CLICKED not in state
    state["key"] = {"selection": {"cells": [[1, column]]}}
    cll_numbers.take_click(numbers, "key")
    assert state[cll_numbers.CLICKED] == ("n", (1, column))


def test_other_missing_numbers_are_a_dash(glance: Glance) -> None:
    models = pd.DataFrame({"model": ["a", "b"], "S": [None, 1000]})
    entry = glance.best[glance.columns[0]]
    numbers = Numbers(
        name="n", frame=models, first=["model"], columns={"x": ""}, cells=[{"x": entry}, {}], best={entry}
    )
    first, second = numbers.styled().to_string().split("\n")[1:3]
    assert first.endswith(f"{EMPTY} {entry.nats:.2f} ± {entry.standard_error:.2f}")
    assert second.endswith(f"1,000 {EMPTY}")


def test_proper_likelihoods_have_wider_columns_with_bits_and_their_source_names_them(glance: Glance) -> None:
    grey = glance.best[glance.columns[0]]
    levels = replace(grey, likelihood="discretised-logistic", nats=588 * math.log(2) * 3)
    cells = [{"x": grey, "y": levels}]
    numbers = Numbers(name="n", frame=pd.DataFrame({"m": [1]}), first=[], columns={"x": "", "y": ""}, cells=cells)
    assert numbers.width("x") < numbers.width("y")
    assert "(3.00 bits/dim)" in numbers.styled().to_string()
    assert "nats per image (3.00 bits per dimension): " in provenance(levels)
    assert "bits" not in provenance(grey)


def test_the_chart_has_a_dot_for_every_number_of_a_model_and_a_line_for_every_floor(glance: Glance) -> None:
    figure = glance_chart(glance)
    for trace, column in zip(figure.data, glance.columns, strict=True):
        rows = [row for row in glance.rows if not row.is_gap and row.title != "floor"]
        assert list(trace.x) == [row.cells[column].nats for row in rows]
        assert list(trace.error_x.array) == [row.cells[column].standard_error or 0 for row in rows]
    assert [shape.x0 for shape in figure.layout.shapes] == [floor.nats for floor in glance.floors.values()]


def test_a_difference_to_the_floor_has_a_source(glance: Glance) -> None:
    (last,) = [row for row in glance.rows if "floor" in row.title and row.is_gap]
    words = provenance(last.cells[glance.columns[1]])
    assert "the figure of `quadrant-2-ladder` minus the floor of the same images" in words
    assert "quadrant-2-ladder" in provenance(glance.best[glance.columns[1]])


def test_rows_over_seeds_say_what_their_deviation_is(visit: Visit, without_mnist: None) -> None:
    models = visit("cll", figures="All figures").dataframe[0].value["model"]
    assert "CVAE (mlp), 3 seeds (± between seeds)" in set(models)
