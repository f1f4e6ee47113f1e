"""The pages as visitors see them, with and without MNIST, with good runs, damaged runs and no runs."""

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
import torch
from PIL import Image, ImageDraw
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element
from torch import Tensor, nn

from app.cached import histories, maps
from app.cached import runs as library
from app.cached.figures import style
from app.display import map_thumbnails
from app.display.navigation import PAGES
from app.display.url_forms import packed as in_address
from app.live import epoch_slider, latent_sliders
from app.text.plain_text import plain
from app.text.provenance import provenance
from app.views import cll_estimate
from app.widgets.map_selection import packed
from benchmarks.checkpoints import RUNS
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.presets import configure
from cvae_core.data import datasets
from cvae_core.data.conditions import Condition
from cvae_core.data.ink import framed
from cvae_core.data.masks import painted
from cvae_core.errors import NotWritable, RunInUse
from cvae_core.evaluation import latent_space, table_formats
from cvae_core.evaluation import table as tables
from cvae_core.evaluation.classifier import Classifier, store_classifier
from cvae_core.evaluation.latent_space import Layout, embed, posterior_means, store_embedding, stored_embedding
from cvae_core.evaluation.results import CURVE, Interim, Scored, store, stored_cells
from cvae_core.evaluation.sample_quality import Finding, store_judgement
from cvae_core.jobs import housekeeping
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.pictures import completions, recipes
from cvae_core.runs.run import Run, find
from tests.app.conftest import ROOT, Visit, go_on

CHECKPOINTS = ROOT / "checkpoints"
QUESTIONS = (
    "Sum or mean",
    "Prior at test",
    "ELBO or sampling",
    "Not zero",
    "Collapse",
    "No label",
    "Blur",
    "Condition",
)
TINY_LADDER: dict[str, Any] = {"dataset": "digits", "width": 8, "depth": 1, "latent": 2, "groups": 1}
Untrained = Callable[..., Run]


def pictures(visitor: AppTest) -> list[str]:
    """Return the addresses of the pictures on a page, which identify their content."""
    return [image.url for element in visitor.get("image") for image in element.proto.imgs]


def figures_named(visitor: AppTest | Block, key: str) -> list[dict[str, Any]]:
    """Return the Plotly charts with a key, as they are sent to the browser."""
    charts = [element.proto for element in visitor.get("plotly_chart")]
    return [json.loads(chart.spec) for chart in charts if chart.id.endswith(f"-{key}")]


def said(visitor: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "title")
    return " ".join(str(element.value) for kind in kinds for element in visitor.get(kind))


def listed(home: AppTest) -> list[str]:
    """Return the labels of the links to models on Home."""
    labels = [link.proto.label for link in home.get("page_link")]
    return [label for label in labels if ":small" in label and not label.startswith("Explore")]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_pictures_and_no_error_without_mnist(visit: Visit, without_mnist: None, name: str) -> None:
    visitor = visit(name)
    assert pictures(visitor) or visitor.get("plotly_chart") or visitor.dataframe
    assert not visitor.error


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.mnist
def test_every_page_shows_pictures_and_no_error_with_mnist_and_from_home(visit: Visit, name: str) -> None:
    visitor = go_on(visit("home"), name)
    assert pictures(visitor) or visitor.get("plotly_chart") or visitor.dataframe
    assert not visitor.error


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_what_to_train_where_there_is_no_run(
    visit: Visit, without_mnist: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
    visitor = visit(name)
    assert not visitor.error
    assert "python -m cvae_core train" in said(visitor)


def test_every_picture_has_alternative_text(visit: Visit, without_mnist: None) -> None:
    for name in PAGES:
        for element in visit(name).get("image"):
            assert all(image.alt for image in element.proto.imgs), name


def test_every_page_has_a_formula_and_the_code_behind_it_once_they_are_asked_for(
    visit: Visit, without_mnist: None
) -> None:
    for name in PAGES:
        visitor = visit(name)
        others, formulas = sources(visitor), visitor.latex  # the others are under "Copy as Python"
        boxes = {label: folded(visitor, label) for label in EXPLAINED}
        assert len({len(keys) for keys in boxes.values()}) == 1, name
        for key in chain(*boxes.values()):
            visitor.session_state[key] = True
        visitor.run()
        number = len(boxes["The code behind it"])
        assert number > 0, name
        assert len(visitor.latex) == len(formulas) + number, name
        assert len(sources(visitor)) >= len(others) + number, name


EXPLAINED = {"What am I looking at?": "words-", "The code behind it": "code-"}


def folded(visitor: AppTest, label: str) -> list[str]:
    """Return the keys of a page's expanders with a label."""
    key = EXPLAINED[label]
    return [box.proto.id[box.proto.id.index(key) :] for box in visitor.expander if box.label == label]


def sources(visitor: AppTest) -> list[str]:
    return [block.value for block in visitor.code if block.value.startswith(("def ", "@", "class "))]


def test_other_images_than_the_published_ones_are_called_so_wherever_they_are_named(
    visit: Visit, other_mnist: Path, own_runs: Path, untrained: Untrained
) -> None:
    here = datasets.load("mnist").fingerprint
    named = f"mnist (other images, {here[:8]})"
    for flavour in ("label", "quadrant"):
        untrained(configure(flavour, width=16, latent=2), f"black-{flavour}", root=own_runs, data_fingerprint=here)
    home = visit("home")
    assert f"Data sets: {named} here, fashion not here, kmnist not here, digits here, letters here." in said(home)
    assert [line for line in listed(home) if "black" in line] == [
        f"CVAE, label, 2 latents, {plain(named)} :small[· black-label]",
        f"CVAE, 1 quadrant, 2 latents, {plain(named)} :small[· black-quadrant]",
    ]
    runs = visit("training", task="Runs").dataframe[0].value.set_index("run")["data set"]
    assert runs[["black-label", "digits-label"]].tolist() == [named, "digits"]
    choices = visit("generate").selectbox(key="run").options
    assert {f"CVAE, label, 2 latents, {named} · black-label", "CVAE, label, digits · digits-label"} <= set(choices)
    inpaint = said(visit("inpaint", images="mnist"))
    assert f"The images on this machine are {named}." in inpaint


def test_an_imported_run_is_shown_as_somebody_elses(visit: Visit, without_mnist: None, own_runs: Path) -> None:
    assert "Trained elsewhere" not in said(visit("generate"))
    run = find("digits-label", own_runs)
    run.write_card(replace(run.card(), imported="2026-01-31 from a.zip"))
    assert [line for line in listed(visit("home")) if "digits-" in line] == [
        "CVAE, label, digits, imported :small[· digits-label]",
        "CVAE, 1 quadrant, 16 latents, digits :small[· digits-quadrant-1]",
    ]
    assert "Trained elsewhere, imported `2026-01-31 from a.zip`" in said(visit("generate"))
    (table,) = [
        found.value
        for found in visit("cll", figures="All figures").dataframe
        if "model" in found.value and "label" in str(found.value)
    ]
    assert table["model"].str.endswith(", imported").all()


@pytest.fixture
def all_imported(own_runs: Path) -> Path:
    """Make every run an imported one, with all results that the pages show."""
    for name in ("digits-label", "digits-baseline-1", "digits-quadrant-1"):
        run = find(name, own_runs)
        run.write_card(replace(run.card(), imported="2026-01-31 from a.zip", read_only=False))
        store(run, stored_cells(run), run.weights_digest(), CURVE)
        store_judgement(run, [Finding(name="samples", value=0.5, of=10)], run.weights_digest())
    return own_runs


@pytest.mark.parametrize(
    ("name", "query"),
    [*((name, {}) for name in PAGES), ("training", {"task": "Runs"}), ("why", {"question": "No label"})]
    + [("cll", {"figures": figures}) for figures in ("All figures", "Estimate", "Number of draws", "Judged images")],
)
def test_an_imported_run_is_called_so_in_every_selector_and_table(
    visit: Visit, without_mnist: None, all_imported: Path, name: str, query: dict[str, str]
) -> None:
    visitor = visit(name, **query)
    shown = [option for selector in (*visitor.selectbox, *visitor.multiselect) for option in selector.options]
    shown += [str(row) for found in (*visitor.dataframe, *visitor.table) for row in found.value.to_numpy().tolist()]
    assert [words for words in shown if "digits-" in words and "imported" not in words] == []
    assert "imported" in said(visitor) + str(shown) or (name, query) == ("why", {})  # which shows no imported runs


@pytest.mark.parametrize("words", ["digits-quadrant-1", "digits-quadrant-1, imported"])
def test_an_address_names_an_imported_run_with_and_without_saying_so(
    visit: Visit, without_mnist: None, all_imported: Path, words: str
) -> None:
    visitor = visit("cll", estimate=words)
    assert visitor.selectbox(key="estimate").value == "digits-quadrant-1"
    assert not visitor.toast
    visitor = visit("cll", figures="Number of draws", curve=words)
    assert visitor.selectbox(key="curve").value == "digits-quadrant-1"
    assert not visitor.toast
    visitor.selectbox(key="curve").select("digits-label").run()
    assert visitor.selectbox(key="curve").value == "digits-label"
    visitor = visit("training", replay=[words, words.replace("quadrant-1", "label")], runs="digits-baseline-1")
    assert visitor.multiselect(key="replay").value == ["digits-quadrant-1", "digits-label"]
    assert visitor.multiselect(key="runs").value == ["digits-baseline-1"]
    assert not visitor.toast
    visitor.multiselect(key="replay").set_value(["digits-label"]).run()
    assert visitor.multiselect(key="replay").value == ["digits-label"]


def test_a_page_is_made_anew_as_soon_as_any_result_is_stored(own_runs: Path) -> None:
    run = find("digits-label", own_runs)
    weights, found = run.weights_digest(), stored_embedding(run)
    assert found is not None
    for store_it in (
        lambda: run.write_card(run.card()),
        lambda: store(run, stored_cells(run), weights),
        lambda: store(run, stored_cells(run), weights, CURVE),
        lambda: store_judgement(run, [Finding(name="samples", value=0.5, of=10)], weights),
        lambda: store_embedding(run, Layout(points=60), found, weights),
    ):
        before = library._state_of_runs()
        assert library._state_of_runs() == before
        store_it()
        assert library._state_of_runs() != before
    before = library._state_of_runs()
    Interim(run, split_name="test", visible=None, samples=3, seed=0).keep(stored_cells(run), weights)
    assert library._state_of_runs() == before


class TestGenerate:
    def test_a_slider_moves_the_picture(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("generate", live="false")
        before = pictures(visitor)
        visitor.select_slider[0].set_value(2.0).run()
        assert pictures(visitor)[0] != before[0]

    def test_sliders_are_in_descending_order_of_their_rate(self, visit: Visit, without_mnist: None) -> None:
        nats = [
            float(slider.label.split(" · ")[1].split()[0])
            for slider in visit("generate", live="false").select_slider
            if "nats" in slider.label
        ]
        assert nats == sorted(nats, reverse=True)

    def test_another_digit_is_another_picture(self, visit: Visit, without_mnist: None) -> None:
        three, five = visit("generate", digit="3"), visit("generate", digit="5")
        assert pictures(three)[1] != pictures(five)[1]  # after the test digit that can be encoded

    def test_another_seed_draws_other_samples_and_leaves_the_sliders_alone(
        self, visit: Visit, without_mnist: None
    ) -> None:
        first, second = (pictures(visit("generate", seed=seed, live="false")) for seed in ("1", "2"))
        assert first[0] == second[0]
        assert first[3] != second[3]

    def test_ink_can_be_drawn(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("inpaint", pixels="drawn ink")) != pictures(visit("inpaint"))

    def test_a_classifier_reads_the_completions_where_there_is_one(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        assert not visit("inpaint").get("plotly_chart")
        store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), own_runs)
        visitor = visit("inpaint", digits="4")
        assert len(visitor.get("plotly_chart")) == 1
        assert "of 4 images are read most often as another class" in said(visitor)

    def test_one_digit_walks_through_z(self, visit: Visit, without_mnist: None) -> None:
        settings = {"completion-walk": "true", "random": "false", "indices": "5,17"}
        assert len(pictures(visit("inpaint"))) == 1
        _, first = pictures(visit("inpaint", **settings))
        _, second = pictures(visit("inpaint", **settings, column="2"))
        assert first != second

    def test_two_visitors_with_the_same_address_see_the_same(self, visit: Visit, without_mnist: None) -> None:
        address = {"digit": "7", "seed": "11", "e12": "1.5"}
        assert pictures(visit("generate", **address)) == pictures(visit("generate", **address))

    def test_an_address_sets_the_slider(self, visit: Visit, without_mnist: None) -> None:
        key = visit("generate", live="false").select_slider[0].key
        slider = visit("generate", live="false", **{key: "-1.5"}).select_slider(key=key)
        assert slider.value == -1.5
        assert slider.options[30] == "−1.50"  # a minus sign, not a hyphen

    def test_nonsense_in_the_address_is_ignored(self, visit: Visit, without_mnist: None) -> None:
        nonsense = visit("generate", digit="eleven", seed="-3", e12="1e9", run="../../etc/passwd", e13="nan")
        assert pictures(nonsense) == pictures(visit("generate"))

    def test_random_z_moves_the_sliders_and_reset_moves_them_back(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("generate", live="false")
        before = pictures(visitor)[0]
        next(button for button in visitor.button if button.label == "Random z").click().run()
        assert pictures(visitor)[0] != before
        assert any(slider.value for slider in visitor.select_slider)
        next(button for button in visitor.button if button.label == "Reset").click().run()
        assert pictures(visitor)[0] == before

    def test_all_ten_digits_at_once(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("generate", digit="all ten")) != pictures(visit("generate"))

    def test_an_address_sets_the_live_sliders_too(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("generate", e12="1.5")
        assert not visitor.select_slider
        assert pictures(visitor)[1] != pictures(visit("generate"))[1]

    @pytest.mark.parametrize("nonsense", ["abc", "7", "nan", ""])
    def test_nonsense_for_a_live_slider_is_left_out_with_a_word(
        self, visit: Visit, without_mnist: None, nonsense: str
    ) -> None:
        visitor = visit("generate", e12=nonsense, e2="1.0")
        (told,) = visitor.toast
        assert told.value == f"Ignored invalid values in the address: `e12={nonsense}`"
        assert pictures(visitor) == pictures(visit("generate", e2="1.0"))

    def test_noise_too_long_for_a_number_is_ignored(self) -> None:
        latent_sliders.write_epsilon([10**400, 0.0], 2)
        assert "e1" not in st.session_state

    def test_ordinary_sliders_take_other_noise_at_every_press_and_a_drawings_style(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("generate", live="false", draw="true")
        seen = [pictures(visitor)[0]]
        for words in ("Random z", "Random z", "Reset"):
            next(button for button in visitor.button if button.label == words).click().run()
            seen.append(pictures(visitor)[0])
        assert len(set(seen)) == 3
        assert seen[0] == seen[-1]
        for words in ("Start from it", "Use its style"):
            next(button for button in visitor.button if button.label == words).click().run()
        assert pictures(visitor)[0] not in seen

    def test_a_test_digit_brings_its_label(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("generate", draw="true")
        visitor.number_input(key="index").set_value(5).run()
        next(button for button in visitor.button if button.label == "Start from it").click().run()
        assert visitor.selectbox(key="drawn").value == int(datasets.load("digits").test.labels[5])

    @pytest.mark.parametrize("live", ["true", "false"])
    def test_a_test_digit_is_encoded_by_one_number_and_one_click(
        self, visit: Visit, without_mnist: None, live: str
    ) -> None:
        visitor = visit("generate", run="digits-label", live=live, encode="5")
        before = pictures(visitor)
        next(button for button in visitor.button if button.label == "Encode it").click().run()
        assert pictures(visitor)[0] != before[0]
        test = datasets.load("digits").test
        z = style(library.run_keys()["digits-label"], test.images[5].numpy().tobytes(), int(test.labels[5]))
        for dimension, value in enumerate(z):
            assert float(visitor.query_params.get(f"e{dimension + 1}", 0)) == latent_sliders.on_slider(value)
        beside = f"Test image 5, a {int(test.labels[5])}"
        said = f"{beside}, and its reconstruction from this z"
        assert said in [caption.value for caption in visitor.caption]
        visitor.number_input(key="encode").set_value(6).run()
        assert f"Test image 6, a {int(test.labels[6])}" in [caption.value for caption in visitor.caption]

    @pytest.mark.mnist
    def test_a_test_digit_lends_its_style(self, visit: Visit) -> None:
        visitor = visit("generate", draw="true")
        visitor.number_input(key="index").set_value(5).run()
        before = pictures(visitor)[1]  # after the test digit that can be encoded
        for words in ("Start from it", "Use its style"):
            next(button for button in visitor.button if button.label == words).click().run()
        assert pictures(visitor)[1] != before
        assert {f"e{dimension}" for dimension in range(1, 17)} & set(visitor.query_params)


@pytest.mark.parametrize(
    ("page", "query", "left_out"),
    [
        ("generate", {"digit": "99", "seed": "abc", "run": "nope"}, "`digit=99`, `seed=abc`, `run=nope`"),
        ("generate", {"digit": "9" * 500}, f"`digit={'9' * 34}`"),
        ("generate", {"seed": "![a](http://b/c.png)"}, "`seed=![a](http://b/c.png)`"),
        ("generate", {"seed": "`![a](http://b/c.png)"}, "`` seed=`![a](http://b/c.png) ``"),
        ("training", {"replay": ["digits-label", "nope"]}, "`replay=nope`"),
        (
            "inpaint",
            {"samples": "99", "pixels": "xx", "visible-digits": "2"},
            "`samples=99`, `pixels=xx`, `visible-digits=2`",
        ),
        ("latent", {"method": "umap", "point": "-1"}, "`method=umap`, `point=-1`"),
        ("generate", {"seed": "inf"}, "`seed=inf`"),
        ("latent", {"point": "nan"}, "`point=nan`"),
        ("inpaint", {"seed": "1e400"}, "`seed=1e400`"),
        ("inpaint", {"seed": "12.7", "samples": "4"}, "`seed=12.7`"),
        ("generate", {"seed": "-5"}, "`seed=-5`"),
        ("generate", {"seed": str(2**64)}, f"`seed={2**64}`"),
        ("generate", {"seed": str(2**53 + 1)}, f"`seed={2**53 + 1}`"),  # not exact in JavaScript
        ("generate", {"seed": str(2**53 - 1)}, None),
        ("generate", {"digit": "7", "seed": "5", "live": "false", "utm_source": "a friend"}, None),
        ("generate", {"digit": "3", "seed": "0", "live": "true"}, None),  # defaults, which the address omits
        ("generate", {"seed": "1e1"}, None),
        ("latent", {"method": "t-SNE", "point": "3"}, None),
    ],
)
def test_invalid_values_of_an_address_are_reported_once(
    visit: Visit, without_mnist: None, page: str, query: dict[str, Any], left_out: str | None
) -> None:
    visitor = visit(page, **query)
    told = [toast.value for toast in visitor.toast]
    assert [words.rpartition(": ")[2] for words in told] == ([] if left_out is None else [left_out])
    assert not visitor.run().toast


@pytest.mark.parametrize(
    ("page", "emptied"),
    [
        ("generate", "digit"),
        ("generate", "run"),
        ("inpaint", "visible-digits"),
        ("why", "question"),
        ("why", "beta"),
        ("latent", "3d"),
        ("latent", "method"),
        ("latent", "prior"),
        ("latent", "run"),
        ("training", "quantity"),
        ("training", "replay"),
        ("training", "epoch"),
        ("training", "part"),
        ("cll", "estimate"),
    ],
)
def test_an_emptied_address_is_the_default(visit: Visit, without_mnist: None, page: str, emptied: str) -> None:
    assert not visit(page, **{emptied: ""}).error


def test_one_visitor_goes_through_all_pages_in_any_order(visit: Visit, without_mnist: None) -> None:
    visitor = visit("inpaint", images="digits")
    for page in (*PAGES, "generate", *reversed(PAGES)):
        if page == "cll":
            go_on(visitor, page, estimate="digits-label")
            next(button for button in visitor.button if button.label == "Estimate").click().run()
        assert not go_on(visitor, page).error, page


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("generate", {"e11": "1.5"}),
        ("generate", {"live": "false", "e11": "1.5"}),
        ("generate", {"view": "Interpolation"}),
        ("training", {"replay": "digits-label", "epoch": "20"}),
        ("training", {"task": "Runs"}),
        ("cll", {"figures": "Estimate", "estimate": "digits-quadrant-1", "draws": "7", "over": "20"}),
        ("cll", {"figures": "Number of draws"}),
    ],
)
def test_what_was_chosen_on_a_page_is_there_again_and_in_its_address(
    visit: Visit, without_mnist: None, page: str, query: dict[str, str]
) -> None:
    visitor = visit(page, **query)
    chosen = {name: visitor.query_params[name] for name in query}
    for name in ("cll", "training", "generate", "why", page):
        visitor.query_params.clear()  # a sidebar link has no query parameters
        assert not go_on(visitor, name).error, name
    assert {name: visitor.query_params.get(name) for name in query} == chosen


@pytest.mark.parametrize(
    ("page", "held", "link"),
    [
        ("generate", {"digit": "5", "seed": "3", "e3": "1.5", "view": "Interpolation"}, {"seed": "4"}),
        ("inpaint", {"pixels": "drawn ink", "random": "false", "indices": "3"}, {"samples": "2"}),
        ("latent", {"run": "digits-label", "point": "7", "route": "true"}, {"run": "digits-quadrant-1"}),
        ("training", {"replay": "digits-label", "epoch": "20"}, {"replay": "digits-quadrant-1"}),
        ("why", {"question": "Not zero", "grey": "0.6"}, {"question": "Collapse"}),
    ],
)
def test_a_link_opens_what_it_says_whatever_the_session_held(
    visit: Visit, without_mnist: None, page: str, held: dict[str, str], link: dict[str, str]
) -> None:
    visitor = visit(page, **held)
    for name in ("cll", page):
        visitor.query_params.clear()
        go_on(visitor, name, **(link if name == page else {}))
    assert visitor.query_params == link
    assert pictures(visitor) == pictures(visit(page, **link))


def test_both_kinds_of_sliders_have_the_same_z(visit: Visit, without_mnist: None) -> None:
    visitor = visit("generate", live="true", e1="1")
    for live in (False, True, True, False):
        visitor.toggle(key="live").set_value(live).run()
        if not live:
            visitor.select_slider(key="e10").set_value(visitor.select_slider(key="e10").value - 0.5).run()
        visitor.run()
        assert visitor.query_params["e1"] == "1"
    assert visitor.query_params["e10"] == "-1"


def test_an_address_has_the_name_of_a_run_and_not_its_label(
    visit: Visit, without_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "label", lambda name: f"A label of {name}")
    visitor = visit("generate")
    visitor.selectbox(key="run").select("digits-label").run()
    assert visitor.query_params == {"run": "digits-label"}
    assert visit("generate", run="digits-label").selectbox(key="run").value == "digits-label"
    visitor = visit("training")
    visitor.multiselect(key="replay").set_value(["digits-quadrant-1", "digits-label"]).run()
    assert visitor.query_params["replay"] == ["digits-quadrant-1", "digits-label"]


def test_a_drawing_and_its_label_are_in_the_address(visit: Visit, without_mnist: None) -> None:
    drawn = datasets.load("digits").test.images[5].numpy()
    visitor = visit("inpaint", of="My drawing")
    visitor.session_state["ink"] = drawn
    visitor.run()
    assert len(visitor.query_params["ink"]) < 500
    other = visit("inpaint", **visitor.query_params)
    assert (other.session_state["ink"] == drawn).all()
    assert pictures(other) == pictures(visitor)
    visitor = visit("latent", run="digits-label", draw="true", drawn="7", ink=visitor.query_params["ink"])
    assert visitor.selectbox(key="drawn").value == 7
    assert not visitor.toast


@pytest.mark.parametrize("nonsense", ["", "x", "eNrt", "é", "A" * 100_000, packed([3])])
def test_a_drawing_that_is_none_is_told(visit: Visit, without_mnist: None, nonsense: str) -> None:
    visitor = visit("inpaint", of="My drawing", ink=nonsense)
    (told,) = visitor.toast
    assert told.value.startswith("Ignored invalid values in the address: `ink=")
    assert "ink" not in visitor.query_params
    assert not pictures(visitor)


LABELLED = {"run-1": "digits-label-quadrant-1", "digits": "2"}  # a run that is given a label and a quadrant


class TestInpaint:
    def test_without_mnist_the_embedded_digits_stand_in_and_the_page_says_so(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("inpaint")
        assert "embedded digits" in said(visitor)
        assert "digits-quadrant-1" in said(visitor)

    @pytest.mark.mnist
    def test_the_number_of_visible_quadrants_changes_the_picture(self, visit: Visit) -> None:
        by_set = {tuple(pictures(visit("inpaint", **{"visible-mnist": number}))) for number in "123"}
        assert len(by_set) == 3

    def test_the_digit_whose_quadrants_open_stands_high_in_the_sidebar(self, visit: Visit, without_mnist: None) -> None:
        keys = [getattr(element, "key", None) for element in visit("inpaint").sidebar]
        shown = [key for key in keys if key]
        assert shown[:3] == ["of", "doors", "visible-digits"]

    def test_another_seed_shows_other_digits(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("inpaint", seed="1")) != pictures(visit("inpaint", seed="2"))

    def test_digits_can_be_named(self, visit: Visit, without_mnist: None) -> None:
        named = visit("inpaint", random="false", indices="5,17")
        assert "5, 17" in named.text_input[0].value or named.text_input[0].value == "5,17"
        assert pictures(named) != pictures(visit("inpaint", random="false", indices="5,18"))

    @pytest.mark.parametrize("nonsense", ["-1", "1e3", "999999", "a,b", ",,,", "²", "0;1", "1" * 5000])
    def test_numbers_that_are_none_get_a_sentence(self, visit: Visit, without_mnist: None, nonsense: str) -> None:
        visitor = visit("inpaint", random="false")
        visitor.text_input[0].set_value(nonsense).run()
        assert not visitor.exception
        assert "numbers from 0 to 359" in said(visitor)
        assert pictures(visitor)

    def test_ink_can_be_drawn(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("inpaint", pixels="drawn ink")) != pictures(visit("inpaint"))

    def test_a_classifier_reads_the_completions_where_there_is_one(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        assert not visit("inpaint").get("plotly_chart")
        store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), own_runs)
        visitor = visit("inpaint", digits="4")
        assert len(visitor.get("plotly_chart")) == 1
        assert "of 4 images are read most often as another class" in said(visitor)

    def test_what_is_read_is_what_is_shown_and_drawn_once(
        self, visit: Visit, without_mnist: None, own_runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), own_runs)
        drawn, decoded = [], completions.decoded

        def noted(model: ConditionalVAE, c: Condition, epsilon: Tensor) -> np.ndarray:
            drawn.append(epsilon.shape[:2])
            return decoded(model, c, epsilon)

        monkeypatch.setattr(completions, "decoded", noted)
        assert visit("inpaint", digits="3", seed="4711").get("plotly_chart")
        assert drawn.count((recipes.MANY, 3)) == 1

    def test_an_image_is_completed_as_its_own_label_or_as_the_chosen_one(
        self, visit: Visit, without_mnist: None
    ) -> None:
        own, chosen = visit("inpaint", **LABELLED), visit("inpaint", **LABELLED, **{"as": "7"})
        assert len(pictures(own)) == len(pictures(chosen)) == 2
        assert pictures(own)[0] != pictures(chosen)[0]
        assert pictures(own)[1] == pictures(chosen)[1]  # one image as each label
        assert len(own.get("plotly_chart")) == 2  # log p(hidden | visible, label), and what it could become
        assert "Log-likelihood of the hidden part of test image" in said(own)
        assert "importance sampling with S = 300 draws per label" in said(own)
        other = visit("inpaint", **LABELLED, **{"column-as": "2"})
        assert pictures(other)[1] != pictures(own)[1]

    def test_nobody_knows_the_hidden_part_of_a_drawing(self, visit: Visit, without_mnist: None) -> None:
        drawn = in_address(datasets.load("digits").test.images[5].numpy().tobytes())
        visitor = visit("inpaint", **LABELLED, of="My drawing", ink=drawn, **{"as": "7"})
        assert len(pictures(visitor)) == 2
        assert len(visitor.get("plotly_chart")) == 1
        assert "Log-likelihood" not in said(visitor)
        (code,) = [block.value for block in visitor.code if "sheet = recipes.drawing(" in block.value]
        assert "label=7" in code

    def test_every_run_tells_what_an_image_could_become(self, visit: Visit, without_mnist: None) -> None:
        assert not visit("inpaint").get("plotly_chart")
        visitor = visit("inpaint", become="true", digits="2")
        assert len(visitor.get("plotly_chart")) == 1
        assert "judge digits-label --visible 1" in said(visitor)

    def test_a_painted_mask_is_kept_in_the_address_and_in_the_code(self, visit: Visit, without_mnist: None) -> None:
        mask = torch.zeros(28, 28, dtype=torch.bool)
        mask[::2, 5:] = True
        name = painted(mask.flatten())
        brush = {"visible-digits": "brush", "digits": "2"}
        usual, visitor = visit("inpaint", **brush), visit("inpaint", **brush, mask=name)
        assert "Bottom left visible" in said(usual)
        assert "Painted part visible" in said(visitor)
        assert pictures(usual) != pictures(visitor)
        assert name in "".join(block.value for block in visitor.code)
        assert pictures(visit("inpaint", **brush, mask="mask-nonsense")) == pictures(usual)

    def test_one_digit_walks_through_z(self, visit: Visit, without_mnist: None) -> None:
        settings = {"completion-walk": "true", "random": "false", "indices": "5,17"}
        assert len(pictures(visit("inpaint"))) == 1
        _, first = pictures(visit("inpaint", **settings))
        _, second = pictures(visit("inpaint", **settings, column="2"))
        assert first != second

    def test_a_drawing_has_the_rows_the_readings_and_the_walk_that_a_test_digit_has(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        classifier = Classifier(BUILT_IN["digits"])
        nn.init.constant_(classifier.output.bias[7:8], 1000.0)  # it classifies everything as 7
        store_classifier(classifier, datasets.load("digits"), own_runs)
        visitor = visit("inpaint", of="My drawing", **{"completion-walk": "true"})
        assert not pictures(visitor)
        visitor.session_state["ink"] = datasets.load("digits").test.images[5].numpy()
        visitor.run()
        assert [image.alt for element in visitor.get("image") for image in element.proto.imgs] == [
            "Your drawing, its completions and their spread",
            "Completions of one image along walks through z",
        ]
        (figure,) = figures_named(visitor, "reading")
        assert figure["data"][0]["x"] == list("0123456789")
        assert {word for bar in figure["data"] for word in bar["text"]} == {"", "7"}
        assert "completions of it as **7** 100%" in said(visitor)

    def test_two_visitors_with_the_same_address_see_the_same(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("inpaint", seed="4")) == pictures(visit("inpaint", seed="4"))


class TestBadState:
    def test_damaged_weights_are_a_sentence(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        path = next((own_runs / "digits-label").glob("weights-*"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert "is damaged" in visit("generate").error[0].value
        assert str(path.name) in visit("generate").error[0].value
        assert str(path.name) in visit("how", run="digits-label").error[0].value
        home = visit("home")
        assert len(home.error) == 1
        assert len(pictures(home)) == 3  # completions, map and stages, which do not need these weights

    def test_a_damaged_card_is_named_beside_the_good_ones(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        (own_runs / "digits-label" / "card.json").write_text("{")
        home = visit("home")
        assert any("card.json is damaged" in warning.value for warning in home.warning)
        assert listed(home) == ["CVAE, 1 quadrant, 16 latents, digits :small[· digits-quadrant-1]"]

    def test_damaged_mnist_is_a_sentence(self, visit: Visit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            (raw / f"{name}-ubyte").write_bytes(b"not an IDX file")
        monkeypatch.setenv("CVAE_DATA", str(tmp_path))
        visitor = visit("inpaint")
        assert "Delete it and download again" in visitor.error[0].value


def test_home_offers_the_download_once_and_calmly(visit: Visit, without_mnist: None) -> None:
    home = visit("home")
    assert len(home.info) == 1
    assert [button.label for button in home.button] == ["Download mnist (12 MB)"]
    assert not home.warning


@pytest.mark.mnist
def test_home_offers_no_download_where_mnist_is(visit: Visit) -> None:
    assert not visit("home").button


@pytest.fixture
def a_ladder(own_runs: Path, untrained: Untrained) -> Path:
    """Add untrained ladders to the runs: one that generates digits, and one that completes them."""
    untrained(configure("label", "ladder", **TINY_LADDER), "wide", root=own_runs)
    untrained(configure("quadrant", "ladder", **TINY_LADDER), "deep", root=own_runs)
    return own_runs


class TestLadder:
    def test_a_walk_stands_in_for_sliders(self, visit: Visit, without_mnist: None, a_ladder: Path) -> None:
        visitor = visit("generate", run="wide", seed="3")
        assert [slider.label for slider in visitor.slider] == ["Along the walk"]
        assert "490 numbers" in said(visitor)
        assert not visitor.error
        before = pictures(visitor)
        visitor.slider(key="walk").set_value(0.5).run()
        assert pictures(visitor)[0] != before[0]
        assert pictures(visit("generate", run="wide", seed="3", walk="0.5"))[0] == pictures(visitor)[0]

    def test_completions_are_of_the_chosen_model(self, visit: Visit, without_mnist: None, a_ladder: Path) -> None:
        visitor = visit("inpaint")
        assert visitor.selectbox(key="run-1").options == list(map(library.label, ["deep", "digits-quadrant-1"]))
        shown = pictures(visitor)
        visitor.selectbox(key="run-1").select("digits-quadrant-1").run()
        assert not visitor.error
        assert pictures(visitor) != shown

    def test_its_map_is_of_its_top_group(self, without_mnist: None, a_ladder: Path) -> None:
        key = library.run_keys()["wide"]
        model, test = library.model(key), datasets.load("digits").test
        assert posterior_means(model, test, torch.arange(3)).shape == (3, 2 * 49)
        assert [drawn.shape for drawn in latent_space.draws(model, test, torch.arange(3), 0)] == [(3, 2 * 49)] * 2


def decoded(packed: dict[str, str]) -> np.ndarray:
    """Return the numbers that Plotly has packed for the browser."""
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


class TestLatent:
    def test_the_map_of_embedded_digits_shows_a_point_in_full(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="digits-label", point="7")
        assert any("Test image 7, a" in heading.value for heading in visitor.subheader)
        (point,) = pictures(visitor)
        assert pictures(visit("latent", run="digits-label", point="8"))[0] != point
        frames, same = pictures(visit("latent", run="digits-label", point="7", route="true"))
        assert frames != same == point

    def test_a_selection_of_other_images_or_off_the_map_is_told(self, visit: Visit) -> None:
        visitor = visit("latent", run="digits-label", caught=f"mnist.{packed([1, 2])}")
        assert "The 2 selected points are images of mnist. They are ignored on this map of digits" in said(visitor)
        assert "caught" not in visitor.query_params
        visitor = visit("latent", run="digits-label", caught=f"digits.{packed([1, 2, 6000])}")
        assert "2 selected" in {heading.value for heading in visitor.subheader}
        assert "Not on this map: 1 more." in said(visitor)
        visitor = visit("latent", run="digits-label", caught=f"digits.{packed([6000])}")
        assert "0 selected" in {heading.value for heading in visitor.subheader}
        assert not [button for button in visitor.get("download_button") if "selection" in button.proto.label]
        for nonsense in ("", "x", "digits.", "digits.x", f"other.{packed([1])}", f"digits.{packed([])}"):
            (told,) = visit("latent", run="digits-label", caught=nonsense).toast
            assert told.value == f"Ignored invalid values in the address: `{f'caught={nonsense}'[:40]}`"

    def test_without_the_images_the_map_is_there_and_the_point_says_what_is_missing(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("latent", run="label", point="7")
        assert "nearest neighbours" in said(visitor)
        assert not pictures(visitor)
        assert "Maps with other settings need the images" in said(visitor)

    def test_active_units_are_counted(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="label-2d")
        assert "2 of 2 units are active" in [box.label for box in visitor.expander]
        charts = len(visitor.get("plotly_chart"))
        assert len(visit("latent", run="label-2d", units="true").get("plotly_chart")) == charts + 1

    def test_pca_is_another_map_of_the_same_points(self, without_mnist: None) -> None:
        key = library.run_keys()["digits-label"]
        tsne, pca = maps.stored(key), maps.stored(key, Layout(method="pca"))
        assert tsne is not None
        assert pca is not None
        assert (tsne.indices == pca.indices).all()
        assert not np.allclose(tsne.coordinates, pca.coordinates)

    def test_the_csv_has_a_row_per_point_and_all_of_z(self, without_mnist: None) -> None:
        embedding = maps.stored(library.run_keys()["label-2d"])
        assert embedding is not None
        table = pd.read_csv(io.BytesIO(maps.csv(embedding)))
        assert list(table.columns) == ["index", "label", "x", "y", "z1", "z2"]
        assert len(table) == len(embedding.indices) == 5000

    def test_principal_components_are_there_in_three_dimensions_without_computing(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("latent", run="digits-label", method="PCA", **{"3d": "true"})
        (figure,) = figures_named(visitor, "map-3d")
        assert [trace["type"] for trace in figure["data"]] == ["scatter3d"] * 12  # ten digits, ring and neighbours
        assert not figures_named(visitor, "map")
        assert "PCA of 360 posterior means: the three directions" in said(visitor)
        assert "Streamlit reports no selection" in said(visitor)
        embedding = maps.stored(library.run_keys()["digits-label"], Layout(method="pca", dimensions=3))
        assert embedding is not None
        assert list(maps.table(embedding).columns[:5]) == ["index", "label", "x", "y", "depth"]
        assert maps.table(embedding)["depth"].std() > 0

    def test_the_number_of_an_image_rings_it_in_three_dimensions_too(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="digits-label", method="PCA", point="7", **{"3d": "true"})
        embedding = maps.stored(library.run_keys()["digits-label"], Layout(method="pca", dimensions=3))
        assert embedding is not None
        (figure,) = figures_named(visitor, "map-3d")
        (arrow,) = figure["layout"]["scene"]["annotations"]
        assert arrow["text"] == "test image 7"
        np.testing.assert_allclose([arrow[axis] for axis in "xyz"], embedding.coordinates[7], rtol=1e-5)

    def test_a_drawing_has_a_place_in_three_dimensions(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="digits-label", method="PCA", point="7", **{"3d": "true"})
        visitor.session_state["ink"] = datasets.load("digits").test.images[4].numpy()
        visitor.run()
        assert not visitor.exception
        (figure,) = figures_named(visitor, "map-3d")
        (drawing,) = [trace for trace in figure["data"] if trace.get("name") == "drawing"]
        assert drawing["type"] == "scatter3d"
        assert [arrow["text"] for arrow in figure["layout"]["scene"]["annotations"]] == ["test image 7", "your drawing"]

    def test_t_sne_in_three_dimensions_is_offered(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        visitor = visit("latent", run="digits-label", **{"3d": "true"})
        assert [button.label for button in visitor.button if "Compute" in button.label] == ["Compute it, about 30 s"]
        layout, key = Layout(dimensions=3), library.run_keys()["digits-label"]
        solid = maps.stored(key, replace(layout, method="pca"))
        assert solid is not None
        store_embedding(find("digits-label", own_runs), layout, solid, key.weights)
        assert figures_named(visit("latent", run="digits-label", **{"3d": "true"}), "map-3d")

    def test_two_latents_have_no_map_in_three_dimensions(self, visit: Visit, without_mnist: None) -> None:
        address = {"method": "PCA", "3d": "true"}
        assert figures_named(visit("latent", run="label-2d", **address), "map")
        others = visit("latent", run="label", beside="label-2d", **address)
        assert library.label("label-2d") not in others.selectbox(key="beside").options
        assert library.label("vae") in others.selectbox(key="beside").options
        assert others.selectbox(key="beside").value == "vae"
        assert figures_named(visit("latent", run="label", beside="vae", **address), "map-beside-3d")

    def test_another_runs_map_stands_in_the_column_beside(self, visit: Visit, without_mnist: None) -> None:
        first, second = visit("latent", run="digits-label", beside="digits-quadrant-1").columns
        assert figures_named(first, "map")
        assert figures_named(second, "map-beside")
        (alone, _) = visit("latent", run="digits-label").columns
        assert figures_named(alone, "map")

    def test_the_page_opens_with_a_vae_and_a_label_cvae(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent")
        assert [visitor.selectbox(key=key).value for key in ("run", "beside")] == ["vae", "label"]
        assert figures_named(visitor, "map")
        assert figures_named(visitor, "map-beside")
        assert "83% of the ten nearest neighbours of a point are of the same class (10% by chance)" in said(visitor)
        assert "38% of the ten nearest neighbours of a point are of the same class (10% by chance)" in said(visitor)
        assert "numbered from 0 to 9,999. The map shows the first 5,000." in said(visitor)
        assert not figures_named(visit("latent", beside="no other run"), "map-beside")

    def test_the_second_run_follows_the_first_until_it_is_chosen(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent")
        for run, beside in (
            ("label", "vae"),
            ("quadrant-1", "vae"),
            ("digits-label", "no other run"),
            ("vae", "label"),
        ):
            visitor.selectbox(key="run").select(run).run()
            assert visitor.selectbox(key="beside").value == beside
        visitor.selectbox(key="beside").select("label-ladder").run()
        visitor.selectbox(key="run").select("label").run()
        assert visitor.selectbox(key="beside").value == "label-ladder"

    def test_both_maps_have_the_same_marks_if_they_show_the_same_images(
        self, visit: Visit, without_mnist: None
    ) -> None:
        def marks(visitor: AppTest) -> dict[str, Any]:
            parts = visitor.get("bidi_component")
            (found,) = [part.proto for part in parts if part.proto.component_name == "cvae_map_marks"]
            data: dict[str, Any] = json.loads(found.json)
            return data

        caught = f"mnist.{packed([1, 2, 3])}"
        both = marks(visit("latent", point="7", route="true", to="9", caught=caught))
        assert (both["start"], both["end"], both["selected"]) == (7, 9, [1, 2, 3])
        assert list(both["maps"]) == ["map", "map-beside"]
        for run, place in (("vae", "map"), ("label", "map-beside")):
            embedding = maps.stored(library.run_keys()[run])
            assert embedding is not None
            assert both["maps"][place]["near"] == latent_space.neighbours(embedding, 7, 8)
        other = marks(visit("latent", run="digits-label", beside="label", point="7", route="true", to="9"))
        assert list(other["maps"]) == ["map"]
        (line,) = other["maps"]["map"]["paths"]
        embedding = maps.stored(library.run_keys()["digits-label"])
        assert embedding is not None
        np.testing.assert_allclose([line[0], line[-1]], embedding.coordinates[[7, 9]], atol=0.05)

    def test_the_marks_of_three_dimensions_are_in_both_figures(self, visit: Visit, without_mnist: None) -> None:
        address = {"method": "PCA", "3d": "true", "point": "7", "route": "true", "to": "9"}
        visitor = visit("latent", run="digits-label", beside="digits-quadrant-1", **address)
        for name, run in (("map-3d", "digits-label"), ("map-beside-3d", "digits-quadrant-1")):
            embedding = maps.stored(library.run_keys()[run], Layout(method="pca", dimensions=3))
            assert embedding is not None
            (figure,) = figures_named(visitor, name)
            start, end = figure["layout"]["scene"]["annotations"]
            assert (start["text"], end["text"]) == ("test image 7", "end: test image 9")
            for arrow, index in ((start, 7), (end, 9)):
                np.testing.assert_allclose([arrow[axis] for axis in "xyz"], embedding.coordinates[index], rtol=1e-4)
            lines = [trace for trace in figure["data"] if trace["mode"] == "lines"]
            ends = [[decoded(lines[0][axis])[0] for axis in "xyz"], [decoded(lines[-1][axis])[-1] for axis in "xyz"]]
            np.testing.assert_allclose(ends, embedding.coordinates[[7, 9]], atol=0.02)

    @pytest.mark.parametrize("run", ["vae", "label"])
    def test_a_drawing_is_centred_before_it_is_looked_up(self, visit: Visit, without_mnist: None, run: str) -> None:
        seven = Image.new("L", (28, 28))
        ImageDraw.Draw(seven).line([(2, 1), (26, 1), (18, 20)], fill=255, width=2)  # wide, and in the upper part
        wide = np.asarray(seven)
        visitor = visit("latent", run=run)
        visitor.session_state["ink"], visitor.session_state["drawn"] = wide.flatten(), 7
        visitor.run()
        key = library.run_keys()[run]
        embedding = maps.stored(key)
        assert embedding is not None
        centred = framed(wide).tobytes()
        z = recipes.encoded(library.model(key), centred, 7).z[0, 0].numpy()
        place, near = latent_space.placed(embedding, z, 8)
        (figure,) = figures_named(visitor, "map")
        (star,) = [trace for trace in figure["data"] if trace.get("name") == "drawing"]
        np.testing.assert_allclose([decoded(star[axis])[0] for axis in "xy"], place, rtol=1e-5)
        if run == "vae":
            assert {maps.label(embedding, index) for index in near} == {7}
            raw = recipes.encoded(library.model(key), wide.tobytes(), 7).z[0, 0].numpy()
            _, elsewhere = latent_space.placed(embedding, raw, 8)
            assert 7 not in {maps.label(embedding, index) for index in elsewhere}

    def test_draws_from_prior_and_posteriors_lie_over_each_other(self, visit: Visit, without_mnist: None) -> None:
        address = {"run": "digits-quadrant-1", "method": "PCA"}
        (means,) = figures_named(visit("latent", **address), "map")
        assert [trace["name"] for trace in means["data"]] == [str(digit) for digit in range(10)]
        visitor = visit("latent", prior="true", seed="3", beside="digits-label", **address)
        (figure,) = figures_named(visitor, "map")
        assert [trace["name"] for trace in figure["data"]] == ["prior", *(str(digit) for digit in range(10))]
        assert figures_named(visitor, "map-beside")[0]["data"][0]["name"] == "prior"
        assert "a draw from $q(z \\mid x, c)$ for each of 360 test images" in said(visitor)
        (again,) = figures_named(visit("latent", prior="true", seed="3", **address), "map")
        (other,) = figures_named(visit("latent", prior="true", seed="4", **address), "map")
        assert again["data"][:2] == figure["data"][:2]
        assert other["data"][0]["x"] != figure["data"][0]["x"]
        assert other["data"][1]["x"] != figure["data"][1]["x"]

    def test_a_map_of_draws_is_projected_as_the_means_are(self, without_mnist: None) -> None:
        key = library.run_keys()["digits-label"]
        means = maps.stored(key, Layout(method="pca"))
        assert means is not None
        shown, prior = maps.drawn(key, means, 0)
        assert prior is not None
        assert prior.shape == shown.coordinates.shape == (360, 2)
        directions, *_ = np.linalg.lstsq(means.z - means.z.mean(0, np.float32), means.coordinates)
        np.testing.assert_allclose((shown.z - means.z.mean(0, np.float32)) @ directions, shown.coordinates, atol=1e-2)
        apart = shown.coordinates - means.coordinates
        assert 0.1 < apart.std() < 1  # the standard deviation of a posterior
        assert (np.abs(apart.mean(axis=0)) < 0.15).all()
        assert maps.drawn(key, means, None) == (means, None)

    def test_t_sne_has_no_place_for_the_priors_draws(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="digits-label", prior="true")
        assert "t-SNE cannot place new points" in said(visitor)
        assert len(figures_named(visitor, "map")[0]["data"]) == 10

    def test_nonsense_in_the_address_is_the_map_of_the_means(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="digits-label", method="PCA", prior="perhaps", seed="-3", **{"3d": "4"})
        assert not visitor.error
        assert len(figures_named(visitor, "map")[0]["data"]) == 10

    def test_without_images_no_draws_are_offered(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("latent", run="label", method="PCA", prior="true", beside="digits-label")
        assert "prior" not in [toggle.key for toggle in visitor.toggle]
        assert len(figures_named(visitor, "map")[0]["data"]) == 10

    def test_thumbnails_are_sent_where_the_images_are(self, visit: Visit, without_mnist: None) -> None:
        def sent(run: str) -> list[bytes]:
            parts = visit("latent", run=run).get("bidi_component")
            return [part.proto.bytes for part in parts if part.proto.component_name == "cvae_thumbnail"]

        (packed,) = sent("digits-label")
        header, _, png = packed.partition(b"\n")
        labels = datasets.load("digits").test.labels.tolist()
        assert json.loads(header) == {"images": "digits", "names": list("0123456789"), "labels": labels}
        images = datasets.load("digits").test.images[:360].numpy()
        places = np.asarray(Image.open(io.BytesIO(png)).convert("L")).reshape(6, 28, 64, 28).swapaxes(1, 2)
        paper_to_ink = 255 - (places.reshape(-1, 784)[:360].astype(float) - 29) / (255 - 29) * 255
        np.testing.assert_allclose(paper_to_ink, images, atol=10)
        assert not sent("label")

    @pytest.mark.mnist
    def test_thumbnails_of_5000_digits_are_half_a_megabyte(self) -> None:
        assert (
            len(map_thumbnails.sprite(datasets.load("mnist").test.images[:5000].numpy(), BUILT_IN["mnist"])) < 600_000
        )

    def test_a_run_without_a_map_says_so(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        (own_runs / "digits-label" / "embedding-tsne.npz").unlink()
        assert "is not computed yet" in said(visit("latent", run="digits-label"))

    def test_a_damaged_map_is_a_sentence(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        path = own_runs / "digits-label" / "embedding-tsne.npz"
        content = bytearray(path.read_bytes())
        content[-200] ^= 255
        content[2000] ^= 1
        path.write_bytes(content)
        visitor = visit("latent", run="digits-label")
        assert "embedding-tsne.npz is damaged" in visitor.error[0].value
        assert "4 of 16 units are active" in [box.label for box in visitor.expander]
        assert [button.label for button in visitor.button] == ["Compute it, about 20 s"]

    def test_the_settings_of_the_map_stand_in_the_address(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        layout = Layout(points=60, perplexity=5)
        key = library.run_keys()["digits-label"]
        small = embed(library.model(key), datasets.load("digits").test, layout)
        store_embedding(find("digits-label", own_runs), layout, small, key.weights)
        settings = {"points-360": "60", "perplexity-19": "5"}
        assert "t-SNE of 60 posterior means" in said(visit("latent", run="digits-label", **settings))
        assert "t-SNE of 360 posterior means" in said(visit("latent", run="digits-label"))
        assert "is not computed yet" in said(visit("latent", run="digits-label", **settings | {"points-360": "70"}))

    def test_the_units_of_a_run_that_still_trains_are_not_called_dead(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        run = find("digits-label", own_runs)
        run.write_card(replace(run.card(), status="running", rates=[], read_only=False))
        assert "measured when its training ends" in said(visit("latent", run="digits-label"))


class TestWhy:
    @pytest.fixture
    def betas(self, own_runs: Path, untrained: Untrained) -> Path:
        """Add runs that differ only in β, with names that do not contain it, and an unfinished run."""
        for number, (beta, status) in enumerate(
            [(0.5, "finished"), (1.0, "finished"), (4.0, "finished"), (9.0, "running")]
        ):
            config = configure("label", dataset="digits", width=8, depth=1, latent=2, beta=beta)
            metrics = {"bound": -110.0, "reconstruction": -100.0 - beta, "rate": 10 / beta, "elbo": -100.0}
            untrained(config, f"any-{number}", root=own_runs, metrics=metrics, status=status)
        return own_runs

    def test_runs_that_differ_in_beta_alone_are_found_by_their_configuration(
        self, without_mnist: None, betas: Path
    ) -> None:
        family = library.by_beta()
        assert {beta: key.name for beta, key in family.items()} == {0.5: "any-0", 1.0: "any-1", 4.0: "any-2"}
        assert library.rate_and_distortion(family[4.0]) == (2.5, 104.0)

    def test_a_beta_shows_its_own_samples_and_reconstructions(
        self, visit: Visit, without_mnist: None, betas: Path
    ) -> None:
        first, second = visit("why"), visit("why", beta="4")
        assert f"{library.named('any-1')}, validation images: distortion 101.0 + rate 10.0 = −ELBO 111.0 nats" in said(
            first
        )
        assert f"{library.named('any-2')}, validation images" in said(second)
        assert len(pictures(first)) == 2
        assert not set(pictures(first)) & set(pictures(second))
        assert pictures(visit("why", beta="nonsense")) == pictures(visit("why", beta="")) == pictures(first)

    def test_where_there_is_one_beta_the_page_says_how_to_train_others(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        visitor = visit("why")
        assert "runs that differ in β alone" in said(visitor)
        settings = "--width 128 --epochs 20 --beta 784"  # on the images of the one run
        assert f"train label --dataset digits {settings} --run digits-label-beta-784" in visitor.code[0].value
        assert visitor.get("plotly_chart")

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_every_question_is_answered_by_the_embedded_runs(
        self, visit: Visit, without_mnist: None, own_runs: Path, question: str
    ) -> None:
        visitor = visit("why", question=question)
        for key in folded(visitor, "What am I looking at?"):
            visitor.session_state[key] = True
        visitor.run()
        assert pictures(visitor) or visitor.get("plotly_chart")
        assert not visitor.error
        assert visitor.latex
        assert all(image.alt for element in visitor.get("image") for image in element.proto.imgs)
        assert len(visitor.subheader) == 1  # only that of the open question
        precise = re.findall(r"[\d.]*\.\d\d+(?=\W* (?:nats|with))", said(visitor))
        assert set(precise) <= {"0.01"}  # of a collapsed unit

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_every_question_says_what_is_missing_where_there_is_no_run(
        self, visit: Visit, without_mnist: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, question: str
    ) -> None:
        monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
        visitor = visit("why", question=question)
        assert not visitor.error
        assert re.search(r"python -m cvae_core (train|evaluate)", said(visitor))

    def test_nonsense_in_the_address_is_ignored(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        nonsense = {"unit-16": "z99", "run-collapse": "../..", "grey": "7", "averaged": "3", "scale": "x", "digit": "x"}
        for question in QUESTIONS:
            assert pictures(visit("why", question=question, **nonsense)) == pictures(visit("why", question=question))

    def test_z_from_three_sources_costs_what_it_has_not_seen(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("why", question="Prior at test")
        costs = re.search(
            r"distortion ([\d.]+) \+ rate ([\d.]+) = −ELBO ([\d.]+) nats.*distortion ([\d.]+) nats.*distortion ([\d.]+) nats",
            said(visitor),
        )
        assert costs
        posterior, rate, total, prior, ignorant = map(float, costs.groups())
        assert posterior + rate == pytest.approx(total, abs=0.11)
        assert total < prior < ignorant
        assert pictures(visit("why", question="Prior at test", seed="1")) != pictures(visitor)

    def test_a_live_unit_is_missed_and_a_dead_one_is_not(self, visit: Visit, without_mnist: None) -> None:
        address = {"question": "Collapse", "run-collapse": "digits-label"}
        live = visit("why", **address)
        order = live.selectbox(key="unit-16").options
        dead = visit("why", **address, **{"unit-16": order[-1]})
        assert re.search(r"−ELBO \*\*\+\d+\.\d\*\* nats per image. The unit is worth its rate", said(live))
        assert re.search(r"rate 0\.0, so −ELBO \*\*\S?0\.\d\*\* nats per image. The unit is collapsed", said(dead))
        assert pictures(live) != pictures(dead)

    def test_a_wrong_label_loses_nats(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("why", question="No label", digit="8")
        lost = re.search(r"with the label 8\. The wrong label costs \*\*([\d.]+) nats", said(visitor))
        assert lost
        assert float(lost[1]) > 10
        assert "train vae --dataset digits" in said(visitor)
        assert pictures(visit("why", question="No label", digit="1")) != pictures(visitor)

    def test_a_vae_stands_beside_the_label_run(
        self, visit: Visit, without_mnist: None, own_runs: Path, untrained: Untrained
    ) -> None:
        untrained(configure("vae", dataset="digits", width=8, depth=1, latent=2), "plain", root=own_runs)
        visitor = visit("why", question="No label")
        assert f"{library.named('plain')}, without labels: −ELBO" in said(visitor)
        assert len(pictures(visitor)) == 2

    def test_averaging_leads_to_the_networks_answer(self, visit: Visit, without_mnist: None) -> None:
        apart = [
            float(
                re.search(r"by the ink of \*\*([\d.]+) pixels", said(visit("why", question="Blur", averaged=count)))[1]
            )  # type: ignore[index]
            for count in ("1", "16", "256")
        ]
        assert apart == sorted(apart, reverse=True)

    def test_the_floors_are_those_that_are_stored(self, visit: Visit, without_mnist: None) -> None:
        table, _ = (frame.value for frame in visit("why", question="Not zero").dataframe)
        stored = next(c.mean for c in stored_cells(find("quadrant-1", CHECKPOINTS)) if c.estimator == "floor")
        row = table[(table["images"] == "mnist") & (table["scored"] == "1 quadrant visible")]
        assert row["floor"].item() == pytest.approx(stored)
        assert (table["above the floor"] > 0).all()

    def test_the_curve_of_a_run_is_shown_where_there_is_one(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        assert "evaluate RUN --curve" in said(visit("why", question="ELBO or sampling"))
        run = find("digits-label", own_runs)
        store(run, stored_cells(run), run.weights_digest(), CURVE)
        assert len(visit("why", question="ELBO or sampling").get("plotly_chart")) == 2


def cursor(visitor: AppTest) -> float:
    """Return the epoch at which the browser draws the line on the curves."""
    (button,) = (found for each in visitor.get("bidi_component") if "epoch" in (found := json.loads(each.proto.json)))
    return button["epoch"]


class TestTraining:
    def test_one_slider_moves_the_cursor_and_the_pictures_of_all_runs(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("training", replay=["label", "quadrant-1"])
        before = pictures(visitor)
        assert cursor(visitor) == 40
        visitor.select_slider[0].set_value("0.5").run()
        assert cursor(visitor) == 0.5
        after = pictures(visitor)
        assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, False, False]
        assert visitor.query_params["epoch"] == "0.5"
        assert pictures(visit("training", replay=["label", "quadrant-1"], epoch="0.5")) == after

    def test_every_run_shows_its_latest_stage_until_then(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("training", replay=["digits-label", "digits-baseline-1"])
        assert f"**{library.named('digits-label')}** after 150 epochs" in said(visitor)
        assert f"**{library.named('digits-baseline-1')}** after 75 epochs" in said(visitor)
        visitor.select_slider[0].set_value("75").run()
        assert f"**{library.named('digits-label')}** after 50 epochs" in said(visitor)
        assert f"**{library.named('digits-baseline-1')}** after 75 epochs" in said(visitor)
        visitor.select_slider[0].set_value("0.25").run()
        assert f"**{library.named('digits-baseline-1')}** after 0.25 epochs" in said(visitor)

    def test_another_choice_of_runs_keeps_the_moment(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("training", replay="label", epoch="13")
        visitor.multiselect(key="replay").set_value(["label", "digits-label"]).run()
        assert visitor.select_slider[0].value == "13"
        assert visitor.select_slider[0].options[-1] == "150"

    @pytest.mark.parametrize("nonsense", ["eleven", "nan", "inf", ""])
    def test_a_moment_that_makes_no_sense_is_the_last(self, visit: Visit, without_mnist: None, nonsense: str) -> None:
        visitor = visit("training", epoch=nonsense)
        assert pictures(visitor) == pictures(visit("training"))
        assert "epoch" not in visitor.query_params

    @pytest.mark.parametrize(
        ("given", "replayed"),
        [
            (["label", "../../etc/passwd"], ["label"]),
            (["nonsense"], ["label", "quadrant-1"]),
            (["label", "vae", "label-2d", "quadrant-1"], ["label", "vae", "label-2d"]),
        ],
    )
    def test_runs_that_are_none_or_too_many_are_left_out(
        self, visit: Visit, without_mnist: None, given: list[str], replayed: list[str]
    ) -> None:
        visitor = visit("training", replay=given)
        assert visitor.multiselect(key="replay").value == replayed
        assert len(pictures(visitor)) == 2 * len(replayed)

    def test_of_more_runs_than_stand_side_by_side_that_a_forger_tells_the_first_are_replayed(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("training", replay="digits-label")
        visitor.multiselect(key="replay").set_value(["digits-label", "digits-baseline-1", "vae", "label"]).run()
        assert len(pictures(visitor)) == 2 * 3
        assert visitor.multiselect(key="replay").value == ["digits-label", "digits-baseline-1", "vae"]
        assert not visitor.error

    @pytest.mark.parametrize(
        ("told", "reached"),
        [
            ({"moment": 3, "resting": False}, 3),
            ({"moment": None, "resting": True}, None),  # the visitor has moved the slider
            ({"moment": 10}, None),
            ({"moment": -1}, None),
            ({"moment": "3"}, None),
            ([3], None),
            (None, None),
        ],
    )
    def test_only_a_step_of_the_button_moves_the_slider(self, told: object, reached: int | None) -> None:
        assert epoch_slider.stepped_to(told, 10) == reached

    def test_stages_that_nearly_coincide_are_one_moment(self) -> None:
        trainings = [{"epoch": np.array(epochs)} for epochs in ([0, 0.0612, 0.25, 1, 2], [0, 0.0614, 0.26, 1])]
        assert histories.moments(trainings) == [0, 0.0614, 0.26, 1, 2]
        assert [histories.latest(trainings[0], epoch) for epoch in (0, 0.0614, 0.99, 1, 40)] == [0, 1, 2, 3, 4]

    def test_the_strip_is_of_samples_or_of_reconstructions(self, visit: Visit, without_mnist: None) -> None:
        shown = [pictures(visit("training", replay="label", part=part)) for part in ("samples", "reconstructions")]
        assert shown[0][0] == shown[1][0]
        assert shown[0][1] != shown[1][1]

    @pytest.mark.mnist
    def test_with_the_images_the_truth_stands_above(
        self, visit: Visit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        here = pictures(visit("training", replay="label"))
        monkeypatch.setenv("CVAE_DATA", str(tmp_path))
        assert pictures(visit("training", replay="label"))[0] != here[0]

    def test_no_run_at_all_is_asked_for(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("training")
        visitor.multiselect(key="replay").set_value([]).run()
        assert "Choose runs" in said(visitor)
        visitor.multiselect(key="runs").set_value(["label"]).run()
        assert visitor.get("plotly_chart")

    @pytest.mark.parametrize("quantity", ["bound", "reconstruction", "rate"])
    def test_every_quantity_is_drawn(self, visit: Visit, without_mnist: None, quantity: str) -> None:
        assert not visit("training", quantity=quantity, log="true").error

    def test_every_run_can_be_replayed(self, visit: Visit, without_mnist: None) -> None:
        for name in library.run_keys():
            assert len(pictures(visit("training", replay=name))) == 2, name

    def test_damaged_stages_are_a_sentence_and_the_curves_go_on(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        path = own_runs / "digits-label" / "stages.npz"
        path.write_bytes(path.read_bytes()[:-1000])
        visitor = visit("training", replay=["digits-label", "digits-quadrant-1"])
        assert "stages.npz is damaged" in visitor.error[0].value
        assert visitor.get("plotly_chart")
        assert len(pictures(visitor)) == 2


@pytest.mark.mnist
def test_a_model_of_any_set_is_quoted_for_the_set_that_is_visible(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = {
        cell.visible: f"{cell.mean:.1f} ± {cell.standard_error:.1f} nats"
        for cell in stored_cells(find("quadrant-any", CHECKPOINTS))
        if cell.estimator == "importance"
    }
    assert len(scored) == 3
    for quadrants, visible in ((["bottom-left"], "1"), (["top-left", "bottom-left"], "2")):
        address = {"visible-mnist": "any", "quadrants": quadrants}
        assert scored[visible] in said(visit("inpaint", **address)), visible
    address = {"visible-mnist": "any", "quadrants": ["top-left"]}
    assert "Test score of" not in said(visit("inpaint", **address))


def displayed(table: Element) -> pd.DataFrame:
    """Return the texts that a table displays for its values."""
    return convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)


class TestTable:
    def test_every_stored_number_is_shown(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("cll", figures="All figures")
        shown = " ".join(displayed(frame).to_string() for frame in visitor.dataframe)
        for name in RUNS:
            for cell in stored_cells(find(name, CHECKPOINTS)):
                if cell.estimator != "floor":
                    assert f"{cell.mean:.2f} ± {cell.standard_error:.2f}" in shown, (name, cell)

    def test_chosen_estimators_alone_are_shown_with_baselines_gaps_and_the_floor(
        self, visit: Visit, without_mnist: None
    ) -> None:
        first = visit("cll", figures="All figures", only=["importance sampling"]).dataframe[0].value
        everything = visit("cll", figures="All figures").dataframe[0].value
        assert set(first) == set(everything) - {"−ELBO", "prior Monte Carlo"}
        assert {"NN baseline (mlp)", "floor"} <= set(first["model"])
        chosen = visit("cll", figures="All figures", scored=["2 quadrants visible"]).dataframe[0].value
        assert set(chosen["scored"]) == {"2 quadrants"}
        assert {"NN baseline (mlp)", "floor"} <= set(chosen["model"])

    def test_reference_rows_say_what_they_are(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("cll", figures="All figures")
        shown = visitor.dataframe[0].value
        assert shown["model"].str.endswith("Pyro tutorial*").sum() == 6
        assert "The tutorial used its test images for early stopping too" in said(visitor)

    def test_without_the_images_live_cells_say_what_they_need(
        self, visit: Visit, without_mnist: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        shutil.copytree(CHECKPOINTS / "label", tmp_path / "label")
        monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
        assert "New estimates of mnist runs need its images" in said(visit("cll", figures="Estimate"))

    def test_without_mnist_live_cells_of_its_runs_say_so_and_the_others_are_offered(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("cll", figures="Estimate")
        assert "New estimates of mnist runs need its images" in said(visitor)
        assert all(" · digits-" in name or " · letters-" in name for name in visitor.selectbox(key="estimate").options)

    def test_what_a_classifier_found_is_shown_beside_real_digits(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        assert "No run's images are judged yet" in said(visit("cll", figures="Judged images"))
        run = find("digits-label", own_runs)
        found = [Finding(name="samples", value=0.75, of=1000, reference=0.5), Finding(name="alone", value=0.5, of=10)]
        store_judgement(run, found, run.weights_digest())
        visitor = visit("cll", figures="Judged images")
        samples, alone = visitor.dataframe[0].value.to_numpy().tolist()
        assert samples == [library.label("digits-label"), "samples", 0.75, 0.5, 1000]
        assert alone[:3] + alone[4:] == [library.label("digits-label"), "alone", 0.5, 10]
        assert np.isnan(alone[3])

    def test_how_estimates_settle_is_shown_where_a_run_has_it(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        assert "are not stored yet" in said(visit("cll", figures="Number of draws"))
        run = find("digits-label", own_runs)
        store(run, stored_cells(run), run.weights_digest(), CURVE)
        visitor = visit("cll", figures="Number of draws")
        assert visitor.selectbox(key="curve").options == [library.label("digits-label")]
        assert len(visitor.get("plotly_chart")) == 1

    def test_a_run_without_cells_is_named(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        (own_runs / "digits-label" / "cll.json").unlink()
        for figures in ("At a glance", "All figures", "Estimate"):
            assert f"Not scored yet: {library.label('digits-label')}." in said(visit("cll", figures=figures))

    @staticmethod
    def estimated(visit: Visit, draws: int, images: int) -> AppTest:
        visitor = visit("cll", estimate="digits-label", draws=str(draws), over=str(images))
        next(button for button in visitor.button if button.label == "Estimate").click().run()
        for _ in range(60):
            if not visitor.session_state["own-estimate"].running:
                break
            visitor.run()
        assert f"{images} of {images}" in visitor.get("progress")[0].proto.text
        assert [metric.label for metric in visitor.metric] == [
            "−ELBO, nats", "importance sampling, nats", "prior Monte Carlo, nats"
        ]  # fmt: skip
        return visitor

    def test_an_estimate_that_is_a_row_of_the_table_is_stored_beside_the_read_only_run(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        self.estimated(visit, 100, 360)
        assert (own_runs / ".cache" / "digits-label" / "cll.json").exists()

    def test_an_estimate_of_other_draws_or_fewer_images_is_the_visitors_own(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        before = stored_cells(find("digits-label", own_runs))
        for draws, images in ((7, 360), (100, 120)):
            self.estimated(visit, draws, images)
        assert stored_cells(find("digits-label", own_runs)) == before

    def test_an_estimate_that_cannot_be_stored_keeps_saying_so(
        self, visit: Visit, without_mnist: None, own_runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise NotWritable("The disk is full.")

        monkeypatch.setattr(cll_estimate, "store", refuse)
        visitor = self.estimated(visit, 100, 360)
        for _ in range(2):
            assert [error.value for error in visitor.error] == [
                "This estimate is complete but could not be stored in the table. The disk is full."
            ]
            visitor.run()

    def test_an_estimate_that_fails_shows_the_reason(
        self, visit: Visit, without_mnist: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> Iterator[Scored]:
            raise NotWritable("Something is in the way.")
            yield

        monkeypatch.setattr(cll_estimate, "evaluate", broken)
        visitor = visit("cll", estimate="digits-label")
        next(button for button in visitor.button if button.label == "Estimate").click().run()
        for _ in range(2):
            assert [error.value for error in visitor.error] == ["Something is in the way."]
            visitor.run()

    def test_the_dotted_lines_are_of_the_run_that_is_estimated(self, visit: Visit, without_mnist: None) -> None:
        visitor = self.estimated(visit, 3, 120)
        visitor.selectbox(key="estimate").select("digits-quadrant-1").run()
        estimate = visitor.session_state["own-estimate"]
        stored = {cell.mean for cell in stored_cells(find("digits-label", CHECKPOINTS))}
        dotted = {cell.mean for cell in estimate.stored().values()}
        assert dotted
        assert dotted <= stored

    @pytest.mark.parametrize(("visible", "dotted"), [("2", {"2"}), ("any", set())])
    def test_no_dotted_line_is_of_another_set_of_quadrants(self, visible: str, dotted: set[str]) -> None:
        key = library.run_keys()["quadrant-any"]
        cell = stored_cells(find("quadrant-any", CHECKPOINTS))[0]
        last = Scored(done=1, images=1, cells=[replace(cell, visible=visible)])
        estimate = cll_estimate.Estimate(key, 100, 0, iter(()), last)
        assert {stored.visible for stored in estimate.stored().values()} == dotted

    def test_an_estimate_holds_its_run_until_it_is_stopped_or_complete(
        self, visit: Visit, without_mnist: None, own_runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = find("digits-label", own_runs)
        run.write_card(replace(run.card(), read_only=False))
        monkeypatch.setattr(cll_estimate, "SLICE_SECONDS", 0.0)
        for over, end in ((360, "Stop"), (100, "complete")):
            visitor = visit("cll", estimate="digits-label", draws="2", over=str(over))
            next(button for button in visitor.button if button.label == "Estimate").click().run()
            with pytest.raises(RunInUse, match=rf"in use \(estimate, process {os.getpid()}\)"):
                housekeeping.rename(own_runs, "digits-label", "mine")
            if end == "Stop":
                visitor.session_state["own-estimate"].end()
            else:
                monkeypatch.setattr(cll_estimate, "SLICE_SECONDS", 600.0)
                visitor.session_state["own-estimate"].advance()
            housekeeping.rename(own_runs, "digits-label", "mine")
            housekeeping.rename(own_runs, "mine", "digits-label")

    def test_a_number_of_an_imported_run_is_marked_as_imported(self, own_runs: Path) -> None:
        run = find("digits-label", own_runs)
        run.write_card(replace(run.card(), imported="2026-01-31 from a.zip"))
        words = {
            entry.runs[-1]: provenance(entry) for entry in tables.entries([run, find("digits-quadrant-1", own_runs)])
        }
        assert "Computed elsewhere, imported `2026-01-31 from a.zip`" in words["digits-label"]
        assert "elsewhere" not in words["digits-quadrant-1"]

    def test_a_number_says_where_it_comes_from(self) -> None:
        rows = tables.entries([find("quadrant-1", CHECKPOINTS)])
        words = {table_formats.number(entry): provenance(entry) for entry in rows}
        ours = next(entry for entry in rows if entry.estimators == ("importance",) and entry.samples == 1000)
        assert (
            "`python -m cvae_core evaluate quadrant-1 --samples 1000 --images 1000`"
            in words[table_formats.number(ours)]
        )
        assert ", seed 0; trained in 4.6 minutes (cpu)" in words[table_formats.number(ours)]
        assert "Pyro tutorial" in words["71.8"]

    def test_a_number_whose_weights_are_not_shipped_says_how_to_train_them(self) -> None:
        (entry,) = (row for row in tables.entries([find("quadrant-1-gsnn", CHECKPOINTS)]) if row.is_score)
        train = "python -m cvae_core train quadrant --alpha 0.0 --run my-quadrant-1-gsnn"
        score = "python -m cvae_core evaluate my-quadrant-1-gsnn --samples 100"
        assert provenance(entry).endswith(f"`{train}`, then `{score}`")
