"""Runs trained on images that this machine does not have: every page says so, and does not use this machine's images."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from streamlit.testing.v1 import AppTest

from app.cached import costs, figures, maps, runs, scores
from app.display.navigation import PAGES
from app.live import drawing_pad
from app.views import cll_estimate
from app.widgets import run_pickers
from app.widgets.map_selection import packed
from cvae_core.cli import main
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.data import datasets
from cvae_core.data.datasets import DataSet, Split
from cvae_core.errors import ConfigError
from cvae_core.evaluation.classifier import Classifier, store_classifier
from cvae_core.evaluation.results import CURVE, store, stored_cells
from cvae_core.runs.run import Run, find
from tests.app.conftest import Visit
from tests.conftest import PUBLISHED_MNIST

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
OTHER = "0" * 64
NAMED = "digits (other images, 00000000)"
SENTENCE = "The digits images here are not those that run '{}' was trained on: scores would mislead."
MEETINGS: Sequence[tuple[str, dict[str, str], str]] = [  # pages that use a run and images: page, query parameters, run
    ("home", {}, "digits-quadrant-1"),
    ("how", {}, "digits-quadrant-1"),
    ("generate", {}, "digits-label"),
    ("generate", {"live": "false", "draw": "true", "view": "VAE beside CVAE"}, "digits-label"),
    ("inpaint", {}, "digits-quadrant-1"),
    ("inpaint", {"completion-walk": "true", "random": "false", "indices": "5,17"}, "digits-quadrant-1"),
    ("inpaint", {"of": "My drawing"}, "digits-quadrant-1"),
    ("latent", {}, "digits-label"),
    ("latent", {"method": "pca", "prior": "true", "point": "3"}, "digits-label"),
    ("latent", {"caught": f"digits.{packed((1, 2, 3))}", "route": "true", "draw": "true"}, "digits-label"),
    ("latent", {"run": "digits-quadrant-1", "points-360": "60", "beside": "digits-label"}, "digits-quadrant-1"),
    ("training", {}, "digits-label"),
    ("training", {"replay": "digits-baseline-1"}, "digits-baseline-1"),
    ("training", {"task": "Train", "follow": "digits-label"}, "digits-label"),
    ("cll", {"figures": "Estimate"}, "digits-baseline-1"),
    ("why", {"question": "Sum or mean"}, "digits-label"),
    ("why", {"question": "Prior at test"}, "digits-quadrant-1"),
    ("why", {"question": "Collapse"}, "digits-label"),
    ("why", {"question": "No label"}, "digits-label"),
    ("why", {"question": "Blur"}, "digits-quadrant-1"),
    ("why", {"question": "Condition"}, "digits-label"),
]
OTHERS: Sequence[tuple[str, dict[str, str]]] = [
    ("training", {"task": "Sweep"}),
    ("training", {"task": "Runs"}),
    ("cll", {}),
    ("cll", {"figures": "All figures"}),
    ("cll", {"figures": "Number of draws"}),
    ("cll", {"figures": "Judged images"}),
    ("why", {"question": "ELBO or sampling"}),
    ("why", {"question": "Not zero"}),
]


class Untouched(Split):
    """Images that raise if a page uses them."""

    def __init__(self, split: Split):
        object.__setattr__(self, "count", len(split))

    def __len__(self) -> int:
        return int(self.count)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"the images of another training are read: {name}")


@pytest.fixture
def of_other_images(own_runs: Path, monkeypatch: pytest.MonkeyPatch, digits: DataSet) -> Path:
    """Make every run a visitor's, trained on other images, with all results; forbid access to this machine's images."""
    for name in ("digits-label", "digits-baseline-1", "digits-quadrant-1"):
        run = find(name, own_runs)
        run.write_card(replace(run.card(), data_fingerprint=OTHER, read_only=False))
        store(run, stored_cells(run), run.weights_digest(), CURVE)
    splits = {name: Untouched(digits.split(name)) for name in datasets.SPLITS}
    monkeypatch.setattr(
        datasets, "load", lambda _: DataSet(digits.description, **splits, fingerprint=digits.fingerprint)
    )
    monkeypatch.setattr(runs, "epoch_seconds", lambda _: 30.0)  # a new training may use this machine's images
    return own_runs


def said(visitor: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "subheader")
    return " ".join(str(element.value) for kind in kinds for element in visitor.get(kind))


def test_no_page_is_forgotten() -> None:
    assert {name for name, *_ in MEETINGS} == set(PAGES) - {"data"}  # which shows images of data sets, not of runs


@pytest.mark.parametrize(("name", "query", "run"), MEETINGS)
def test_pages_and_the_command_line_give_the_same_message_about_other_images(
    visit: Visit, without_mnist: None, of_other_images: Path, name: str, query: dict[str, str], run: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        find(run, of_other_images).images()
    assert str(refused.value) == SENTENCE.format(run)
    assert SENTENCE.format(run) in said(visit(name, **query))


@pytest.mark.parametrize(("name", "query"), [*((name, query) for name, query, _ in MEETINGS), *OTHERS])
def test_a_run_of_other_images_is_called_so_in_every_selector_and_table(
    visit: Visit, without_mnist: None, of_other_images: Path, name: str, query: dict[str, str]
) -> None:
    visitor = visit(name, **query)
    shown = [option for selector in (*visitor.selectbox, *visitor.multiselect) for option in selector.options]
    rows = [found.value.to_dict("records") for found in (*visitor.dataframe, *visitor.table)]
    shown += [str(row) for table in rows for row in table if "pair" not in row and "model" not in row]
    assert [words for words in shown if "'digits-" in repr(words) and NAMED not in words] == []


def test_the_table_has_a_heading_for_them_and_the_map_no_digits_under_the_pointer(
    visit: Visit, without_mnist: None, of_other_images: Path
) -> None:
    headings = [heading.value for heading in visit("cll", figures="All figures").subheader]
    assert f"{NAMED}, grey pixels, quadrants" in headings
    assert not [heading for heading in headings if heading.startswith("digits,")]
    visitor = visit("latent", beside="digits-quadrant-1")
    assert "Hover over a point" not in said(visitor)
    assert '"images":"digits"' not in str([chart.proto.spec for chart in visitor.get("plotly_chart")])


def test_no_figure_of_a_run_is_computed_with_other_images(without_mnist: None, of_other_images: Path) -> None:
    key = runs.run_keys()["digits-label"]
    for compute in (
        lambda: costs.of_all(key),
        lambda: costs.first_images(key),
        lambda: figures.rate(key, 0),
        lambda: figures.one_of_each(key),
        lambda: cll_estimate.begin(key, 1, 1, 0),
    ):
        with pytest.raises(ConfigError, match="scores would mislead"):
            compute()
    embedding = maps.stored(key)
    assert embedding is not None
    assert maps.drawn(key, embedding, seed=0) == (embedding, None)
    assert runs.test_images(key) is None


def test_a_classifier_of_other_images_reads_nothing(
    visit: Visit, without_mnist: None, own_runs: Path, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_classifier(Classifier(BUILT_IN["digits"]), replace(digits, fingerprint=OTHER), own_runs)
    for query in ({"digits": "4"}, {"of": "My drawing"}):
        monkeypatch.setattr(drawing_pad, "ink", lambda _: digits.test.images[0].numpy())
        visitor = visit("inpaint", **query)
        assert "was trained on other images than the run to be judged" in visitor.error[0].value
        assert not visitor.get("plotly_chart")
        assert visitor.get("image")
    assert main.main(["judge", "digits-label", "--root", str(own_runs)]) == 2


def test_runs_of_other_images_are_no_family_and_no_neighbours(
    own_runs: Path, tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    for beta in (1.0, 2.0):
        untrained(tiny("label", beta=beta), f"here-{beta:g}", root=own_runs)
    for beta in (3.0, 4.0):
        untrained(tiny("label", beta=beta), f"there-{beta:g}", root=own_runs, data_fingerprint=OTHER)
    assert sorted(key.name for key in runs.by_beta().values()) in (["here-1", "here-2"], ["there-3", "there-4"])
    untrained(tiny("vae", width=17), "a", root=own_runs)
    untrained(tiny("vae"), "b", root=own_runs)
    untrained(tiny("vae"), "c", root=own_runs, data_fingerprint=OTHER)
    keys = runs.run_keys()
    found = {name: run_pickers.vae_of(keys[name]) for name in ("here-1", "there-3")}
    assert {name: key and key.name for name, key in found.items()} == {"here-1": "b", "there-3": "c"}
    assert run_pickers.vae_of(keys["there-3"], width=17) is None
    for name, fingerprint in (("here", PUBLISHED_MNIST), ("there", OTHER)):
        run = untrained(tiny("quadrant", dataset="mnist"), f"q-{name}", root=own_runs, data_fingerprint=fingerprint)
        cell = stored_cells(find("digits-quadrant-1", own_runs))[0]
        store(run, [replace(cell, estimator="importance", samples=100)], run.weights_digest())
    logistic = untrained(
        tiny("quadrant", dataset="mnist", likelihood="discretised-logistic"), "q-logistic", root=own_runs
    )
    store(logistic, [replace(cell, estimator="importance", samples=100)], logistic.weights_digest())
    assert list(scores.headline()) == ["q-here"]


def test_the_table_of_all_runs_names_other_images(visit: Visit, own_runs: Path) -> None:
    run = find("digits-label", own_runs)
    run.write_card(replace(run.card(), data_fingerprint=OTHER))
    table = visit("training", task="Runs").dataframe[0].value.set_index("run")
    assert table["data set"].to_dict() == {
        "digits-label": NAMED, "digits-baseline-1": "digits", "digits-quadrant-1": "digits"
    }  # fmt: skip


def test_images_are_read_again_when_their_files_have_changed(monkeypatch: pytest.MonkeyPatch, digits: DataSet) -> None:
    read: list[str] = []
    monkeypatch.setattr(datasets, "load", lambda name: read.append(name) or digits)
    for fingerprint in ("a", "a", "b"):
        monkeypatch.setattr(runs, "fingerprint_here", lambda _, now=fingerprint: now)
        runs.dataset("mnist")
    assert read == ["mnist", "mnist"]
