"""Attributes on the page Generate: controls, the address, the pictures, their code, and asked against measured."""

import json
import math
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import streamlit as st
import torch

from app.live import attribute_sliders
from app.live.attribute_sliders import form, places, words
from cvae_core.config.descriptions import BUILT_IN, Attribute
from cvae_core.config.flavours import Config
from cvae_core.evaluation.sample_quality import Asked, Finding, store_judgement
from cvae_core.runs.run import Run
from tests.app.conftest import Visit
from tests.app.test_pages import pictures, said
from tests.conftest import Tiny, Untrained

SLANT = BUILT_IN["digits"].attributes[0]
SERIF = Attribute(name="serif", categories=("a", "ö b"))


@pytest.fixture
def run(own_runs: Path, untrained: Untrained, tiny: Tiny, without_mnist: None) -> Callable[[str], Run]:
    def make(flavour: str) -> Run:
        config: Config = tiny(flavour)  # type: ignore[arg-type]
        return untrained(config, "asked", root=own_runs)

    return make


@pytest.mark.parametrize("flavour", ["attributes", "label+attributes"])
def test_a_slider_per_attribute_starts_without_a_value_and_changes_every_picture(
    run: Callable[[str], Run], visit: Visit, flavour: str
) -> None:
    run(flavour)
    visitor = visit("generate", run="asked", live="false")
    slant = visitor.select_slider(key="a1")
    assert (slant.label, slant.value, slant.options[0]) == ("slant", "", "not given")
    assert ("digit" in {pills.key for pills in visitor.get("button_group")}) == ("label" in flavour)
    before = pictures(visitor)
    slant.set_value(10.0).run()
    assert visitor.query_params["a1"] == "10"
    after = pictures(visitor)
    assert len(after) == len(before) and after[0] != before[0] and after[-1] != before[-1]
    assert "attributes={'slant': 10.0}" in "".join(code.value for code in visitor.code)
    assert pictures(visit("generate", run="asked", live="false", a1="10")) == after


def test_live_sliders_hold_the_values_of_the_address_and_other_pictures_show_them(
    run: Callable[[str], Run], visit: Visit
) -> None:
    run("label+attributes")
    visitor = visit("generate", run="asked", a2="5.5")
    assert not visitor.select_slider
    assert pictures(visitor)[1:] != pictures(visit("generate", run="asked"))[1:]
    assert "thickness" in said(visitor) or "attributes={'thickness': 5.5}" in "".join(
        code.value for code in visitor.code
    )


@pytest.mark.parametrize("nonsense", ["abc", "1000", "nan", "1_0"])
def test_values_that_no_slider_has_are_left_out_with_a_word(
    run: Callable[[str], Run], visit: Visit, nonsense: str
) -> None:
    run("attributes")
    visitor = visit("generate", run="asked", a1=nonsense, live="false")
    assert [toast.value for toast in visitor.toast] == [f"Ignored invalid values in the address: `a1={nonsense}`"]
    assert visitor.select_slider(key="a1").value == ""


@pytest.mark.parametrize("scale", [1e-12, 0.3, 0.816, 6.9, 158.1, 1e30])
def test_a_slider_has_round_places_around_the_mean(scale: float) -> None:
    attribute = Attribute(name="x", mean=2 * scale, scale=scale)
    first, *numbers = places(attribute)
    assert first == "" and words(first) == "not given"
    assert numbers[0] >= -0.5001 * scale and numbers[-1] <= 4.5001 * scale  # type: ignore[operator]
    steps = {round((b - a) / scale, 3) for a, b in pairwise(numbers)}  # type: ignore[operator]
    assert len(steps) <= 2 and 0.03 < max(steps) <= 0.1
    for value in (first, *numbers):
        read = form(attribute).read(form(attribute).texts(value))
        assert read == value or math.isclose(read, value)  # type: ignore[arg-type]


def test_categories_are_read_by_their_names() -> None:
    assert places(SERIF) == ["", "a", "ö b"]
    assert form(SERIF).read(["ö b"]) == "ö b" and form(SERIF).read(["c"]) is None
    assert words(-2.5) == "−2.5"


@pytest.mark.parametrize("reported", [None, "ab", [1], [1, 2, 3], [1, 10**6], [True, 0], [-1, 0], [1.0, 0]])
def test_nonsense_of_a_manipulated_browser_is_ignored(tiny: Tiny, reported: object) -> None:
    attribute_sliders.write(reported, tiny("attributes"))
    assert "a1" not in st.session_state


def test_what_was_asked_for_is_drawn_beside_what_was_measured(run: Callable[[str], Run], visit: Visit) -> None:
    own = run("attributes")
    assert "not measured yet" in said(visit("generate", run="asked", view="Asked and measured"))
    asked = [Asked(attribute=0, asked=[1.0, 2.0], measured=[1.5, 2.0], held_out=[False, True])]
    found = [Finding(name="R² of asked and measured", value=-0.25, of=2, attribute=0)]
    store_judgement(own, found, own.weights_digest(), asked)
    visitor = visit("generate", run="asked", view="Asked and measured")
    (chart,) = visitor.get("plotly_chart")
    points = [trace for trace in json.loads(chart.proto.spec)["data"] if trace["mode"] == "markers"]
    assert len(points) == 2
    assert "R² of asked and measured: slant" in str(visitor.dataframe[0].value["measure"].tolist())
    code = next(block.value for block in visitor.code if "asked_chart" in block.value)
    assert "sample_quality.stored_asked(run)" in code


def test_inpaint_completes_with_the_attributes_that_are_given(
    own_runs: Path, small_baseline: None, untrained: Untrained, tiny: Tiny, without_mnist: None, visit: Visit
) -> None:
    shutil.rmtree(own_runs / "digits-quadrant-1")
    run = untrained(tiny("attributes+quadrant"), "asked", root=own_runs)
    weights = {name: torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) for name, weight
               in run.model().state_dict().items()}  # fmt: skip
    run.write_weights(run.card(), weights, torch.float32)
    visitor = visit("inpaint", samples="2")
    before = pictures(visitor)
    visitor.select_slider(key="a1").set_value(10.0).run()
    assert visitor.query_params["a1"] == "10" and pictures(visitor) != before
    assert "attributes={'slant': 10.0}" in "".join(code.value for code in visitor.code)


@pytest.mark.parametrize(
    ("name", "value"), [("letters", "100 to 900, training mean 508.8"), ("digits", "from the ink")]
)
def test_the_page_data_says_what_attributes_hold(visit: Visit, without_mnist: None, name: str, value: str) -> None:
    tables = [shown.value for shown in visit("data", set=name).dataframe]
    (columns,) = [table for table in tables if "attribute" in table]
    assert value in columns["values"][0] and columns["kind"][0] == "number"
    if name == "letters":
        assert columns.to_dict("records")[-1] == {
            "attribute": "serif",
            "kind": "categories",
            "values": "without serifs (2,132), with serifs (520)",
            "missing": "1,248",
        }
