"""The code that a visitor copies draws the picture that the visitor sees."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.cached import figures, histories, label_readings, maps, runs, scores
from app.cached.figures import Figure, Walk
from app.cached.stage_figures import Animation, Stage, Strip
from app.charts import label_charts, map_chart, plotly_charts
from app.display.elements import Picture
from app.views import cll_estimate, code_snippets
from cvae_core import __all__ as interface
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.of_data_set import Given
from cvae_core.data import datasets
from cvae_core.data.masks import painted
from cvae_core.evaluation import savings, toy_model
from cvae_core.evaluation.classifier import Classifier, store_classifier
from cvae_core.evaluation.latent_space import USUAL, Embedding, Layout
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import CURVE, Cell, Scored, stored_cells
from cvae_core.pictures import recipes as gallery
from cvae_core.pictures.recipes import Sheet
from cvae_core.runs.run import default_root, find
from tests.app.conftest import ROOT, Visit


def lines(visitor: AppTest) -> list[str]:
    return [block.value for block in visitor.code if block.value.startswith("from cvae_core import find, ")]


PICTURES = {"home": 3, "generate": 3, "inpaint": 1, "training": 6, "why": 1}  # by page, without MNIST


@pytest.mark.parametrize("page", PICTURES)
def test_every_picture_can_be_copied_as_python(visit: Visit, without_mnist: None, page: str) -> None:
    assert len(lines(visit(page))) == PICTURES[page]


def test_beside_a_picture_stands_the_code_that_made_it(visit: Visit, without_mnist: None) -> None:
    shown = [block.value for block in visit("generate", digit="all ten", view="Manifold of a 2-D z").code]
    for recipe in (gallery.around, gallery.one_z, gallery.manifold):
        assert inspect.getsource(recipe).strip() in shown


def of_run(name: str, recipe: Callable[..., Sheet], **settings: Any) -> Figure:
    return Figure(runs.run_keys()[name], recipe, settings, "a 'caption'")


STYLE = {"epsilon": (0.5,) * 16, "labels": (1, 2), "columns": 2}
SHOWN = {"indices": (1, 2), "visible": "1", "count": 2, "seed": 4}
INK = bytes(range(256)) * 3 + bytes(16)
MASK = painted(torch.arange(28**2) % 5 == 0)
FIGURES: dict[str, Picture] = {
    "samples": of_run("digits-label", gallery.samples, labels=(1, 2), columns=3, seed=4),
    "one z": of_run("digits-label", gallery.one_z, **STYLE),
    "around": of_run("digits-label", gallery.around, **STYLE, seed=4),
    "block": of_run("digits-label", gallery.block, label=1, rows=2, columns=3, seed=4),
    "interpolation": of_run("digits-label", gallery.interpolation, label=1, rows=2, steps=3, seed=4),
    "manifold": of_run("label-2d", gallery.manifold, label=1, side=3),
    "point": of_run("digits-label", gallery.point, index=1, close=tuple(range(8))),
    "both ways": of_run("digits-label", gallery.both_ways, index=1, count=2),
    "reconstructions": of_run("digits-label", gallery.reconstructions, indices=(1, 2), columns=2),
    "traversal": of_run("digits-label", gallery.traversal, start=1, end=4, steps=5),
    "relabelled": of_run("digits-label", gallery.relabelled, indices=(1, 2), label=3),
    "completions": of_run("digits-quadrant-1", gallery.completions, **SHOWN, pixels="ink"),
    "drawing": of_run("digits-quadrant-1", gallery.drawing, ink=INK, visible="1", count=2, seed=4),
    "drawing walks": of_run("digits-quadrant-1", gallery.drawing_walks, ink=INK, visible="1", rows=2, steps=3, seed=4),
    "drawing at once": of_run("digits-quadrant-1", gallery.drawing_at_once, ink=INK, visible="1", count=2, seed=4),
    "drawing as": of_run("digits-label-quadrant-1", gallery.drawing_as, ink=INK, visible="1", labels=(1, 2), count=2, seed=4),
    "completions as": of_run(
        "digits-label-quadrant-1", gallery.completions_as, index=3, visible="1", labels=[1, 2], count=2, seed=4, pixels="ink"
    ),
    "own mask": of_run("digits-quadrant-brush", gallery.completions, **SHOWN | {"visible": MASK}),
    "sources": of_run("digits-quadrant-1", gallery.sources, **SHOWN),
    "averages": of_run("digits-quadrant-1", gallery.averages, **SHOWN),
    "without unit": of_run("digits-quadrant-1", gallery.without_unit, indices=(1, 2), unit=3),
    "titled": Figure(runs.run_keys()["digits-label"], gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 0},
                     "caption", rows=("one",), columns=("two", "three")),
    "stage": Stage(runs.run_keys()["digits-quadrant-1"], 3),
    "some rows": Figure(runs.run_keys()["digits-quadrant-1"], gallery.completions, SHOWN, "caption", only=(0, 2, 3)),
    "strip": Strip(runs.run_keys()["digits-label"], "reconstructions"),
    "short strip": Strip(runs.run_keys()["label"], "samples", (0, 3)),
}  # fmt: skip
WALKED = of_run("digits-quadrant-1", gallery.completion_walks, index=1, visible="1", rows=2, steps=3, seed=0)
ANIMATIONS: dict[str, Animation | Walk] = {
    "stages": Animation(runs.run_keys()["digits-label"]),
    "walk": Walk(WALKED, first=1),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run all copied code in a shell; return the folder with its output."""
    folder = tmp_path_factory.mktemp("drawn")
    texts = [figure.python(3, str(folder / f"{name}.png")) for name, figure in FIGURES.items()]
    texts += [animation.python(1, str(folder / f"{name}.gif")) for name, animation in ANIMATIONS.items()]
    subprocess.run([sys.executable, "-c", "\n".join(texts)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("name", FIGURES)
def test_the_lines_draw_the_same_picture(name: str, drawn: Path) -> None:
    expected = np.asarray(FIGURES[name].draw(3))
    np.testing.assert_array_equal(np.asarray(Image.open(drawn / f"{name}.png")), expected)


@pytest.mark.parametrize("name", ANIMATIONS)
def test_the_lines_write_the_same_animation(name: str, drawn: Path) -> None:
    assert (drawn / f"{name}.gif").read_bytes() == ANIMATIONS[name].gif(1)


def require_public(lines: str) -> None:
    """Fail if copied code imports anything but the public interface, the charts, torch and NumPy."""
    imported = [node for node in ast.walk(ast.parse(lines)) if isinstance(node, ast.Import | ast.ImportFrom)]
    places = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported]
    assert len(places) == len(set(places)), "a line for each place"
    for place, names in zip(places, [{alias.name for alias in node.names} for node in imported], strict=True):
        allowed = {
            "cvae_core": set(interface),
            "app.charts": {"glance_chart", "label_charts", "map_chart", "plotly_charts"},
        }
        assert names <= allowed.get(place or "", {"numpy", "torch"}), f"from {place} import {names}"


@pytest.mark.parametrize("name", FIGURES)
def test_the_lines_of_a_picture_import_the_public_interface_alone(name: str) -> None:
    require_public(FIGURES[name].python(3, "x.png"))


@pytest.mark.parametrize("name", ANIMATIONS)
def test_the_lines_of_an_animation_import_the_public_interface_alone(name: str) -> None:
    require_public(ANIMATIONS[name].python(1, "x.gif"))


def test_no_recipe_that_makes_a_picture_is_left_out() -> None:
    recipes = {name for name, made in vars(gallery).items() if get_return(made) is gallery.Sheet and name[0] != "_"}
    assert recipes == {
        picture.recipe.__name__ for picture in (*FIGURES.values(), WALKED) if isinstance(picture, Figure)
    }


def get_return(made: object) -> object:
    return inspect.signature(made).return_annotation if inspect.isfunction(made) else None


def test_a_strip_names_its_moments() -> None:
    facts = Strip(runs.run_keys()["digits-label"], "samples").facts
    epochs = facts.pop("epochs")
    assert facts == {"run": "digits-label", "part": "samples"}
    assert isinstance(epochs, list)
    assert (len(epochs), epochs[0], epochs[-1]) == (8, 0, 150)


def test_every_recipe_of_the_gallery_is_cached_by_its_settings() -> None:
    key = runs.run_keys()["digits-label"]
    first = Figure(key, gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 0}, "")
    other = Figure(key, gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 1}, "")
    assert (first.sheet.images != other.sheet.images).any()
    assert (first.sheet.images == figures.Figure(key, gallery.block, first.settings, "other").sheet.images).all()


def untimed(shown: Any) -> Any:
    """Remove the seconds from cells, because they differ at every run."""
    if isinstance(shown, list | tuple):
        return [untimed(part) for part in shown]
    return replace(shown, seconds=0.0) if isinstance(shown, Cell) else shown


def estimated() -> list[Scored]:
    run = find("digits-label", default_root())
    return list(evaluate(run.model(), run.images().test, samples=2, images=30, seed=5))


def changed() -> dict[Given, savings.Change]:
    run = find("digits-label", default_root())
    return savings.changes(run.model(), run.images().test, samples=3, images=30)


def settled() -> go.Figure:
    estimate = cll_estimate.Estimate(DIGITS, 2, 5, iter(()))
    for scored in estimated():
        estimate.note(scored)
    return plotly_charts.settling(estimate.history, estimate.stored())


def curves(quantity: str, log: bool) -> go.Figure:
    tables, best = {"digits-label": histories.curves(DIGITS)}, {"digits-label": runs.card(DIGITS).best_epoch}
    return plotly_charts.curves(tables, best, quantity, log)


def marks() -> dict[float, tuple[float, float]]:
    return {beta: runs.rate_and_distortion(key) for beta, key in runs.by_beta().items()}


def by_draws() -> list[Cell]:
    return stored_cells(find("quadrant-1", default_root()), CURVE)


DIGITS = runs.run_keys()["digits-label"]
LABELLED = runs.run_keys()["digits-label-quadrant-1"]
PCA = Layout(method="pca")


def by_label(found: Sequence[torch.Tensor], title: str, own: int | None = None) -> go.Figure:
    values, errors = (part.reshape(-1).numpy() for part in found)
    return label_charts.by_label(values, errors, BUILT_IN["digits"].classes, title, own)


# By name: the copied code, the numbers that it computes, the chart that it writes.
def named_bars() -> dict[str, Cell]:
    bars = scores.headline()
    return dict(zip(code_snippets.headline_names(bars), bars.values(), strict=True))


CHARTS: dict[str, tuple[str, Callable[[], Any], Callable[[], go.Figure]]] = {
    "curves": (
        code_snippets.curves(["digits-label"], "rate", log=True),
        lambda: {"digits-label": histories.curves(DIGITS).to_dict("list")},
        lambda: curves("rate", log=True),
    ),
    "rates": (
        code_snippets.rates(DIGITS, "latent dimension", 3),
        lambda: runs.rates(DIGITS),
        lambda: plotly_charts.rate_bars(runs.rates(DIGITS), "latent dimension", 3),
    ),
    "rate and distortion": (
        code_snippets.rate_and_distortion(runs.by_beta(), 0.4), marks, lambda: plotly_charts.rate_distortion(marks(), 0.4)
    ),
    "by draws": (code_snippets.by_draws("quadrant-1"), by_draws, lambda: plotly_charts.by_draws(by_draws())),
    "by draws, without the prior's": (
        code_snippets.by_draws("quadrant-1", hidden="prior"),
        by_draws,
        lambda: plotly_charts.by_draws([cell for cell in by_draws() if cell.estimator != "prior"]),
    ),
    "headline": (
        code_snippets.headline(scores.headline()),
        lambda: list(scores.headline().values()),
        lambda: plotly_charts.headline_bars(named_bars()),
    ),
    "a known integral": (
        code_snippets.known_settling(0.5, (1, 10), 3),
        lambda: toy_model.settling(0.5, (1, 10), 3),
        lambda: plotly_charts.known_settling((1, 10), toy_model.settling(0.5, (1, 10), 3)),
    ),
    "changes": (
        code_snippets.changes(DIGITS, samples=3, images=30),
        changed,
        lambda: plotly_charts.changes(changed()),
    ),
    "grey cost": (
        code_snippets.grey_cost(0.3),
        lambda: np.array(plotly_charts.grey_cost(0.3).data[0].y),
        lambda: plotly_charts.grey_cost(0.3),
    ),
    "settling": (
        code_snippets.settling(DIGITS, samples=2, images=30, seed=5),
        lambda: [scored.cells for scored in estimated()],
        settled,
    ),
    "could become": (
        code_snippets.could_become(DIGITS, INK, "1", seed=2, own=None),
        lambda: label_readings.could_become(DIGITS, INK, "1", seed=2),
        lambda: by_label(label_readings.could_become(DIGITS, INK, "1", seed=2)[:2], code_snippets.P_LABEL),
    ),
    "hidden by label": (
        code_snippets.hidden_by_label(LABELLED, 3, "1", seed=2, own=4),
        lambda: label_readings.hidden_by_label(LABELLED, 3, "1", seed=2),
        lambda: by_label(label_readings.hidden_by_label(LABELLED, 3, "1", seed=2)[:2], code_snippets.P_HIDDEN, 4),
    ),
    "map": (code_snippets.places(DIGITS, USUAL, ringed=7), lambda: placed(USUAL), lambda: mapped(USUAL, ringed=7)),
    "map of another method": (code_snippets.places(DIGITS, PCA), lambda: placed(PCA), lambda: mapped(PCA)),
    "map of draws": (
        code_snippets.places(DIGITS, PCA, drawn=360, seed=2), lambda: placed(PCA, seed=2), lambda: mapped(PCA, seed=2)
    ),
}  # fmt: skip


def shown_on(layout: Layout, seed: int | None) -> tuple[Embedding, np.ndarray | None]:
    embedding = maps.stored(DIGITS, layout)
    assert embedding is not None
    return maps.drawn(DIGITS, embedding, seed)


def placed(layout: Layout, seed: int | None = None) -> Any:
    shown, prior = shown_on(layout, seed)
    return shown.coordinates if prior is None else (shown.coordinates, prior)


def mapped(layout: Layout, seed: int | None = None, ringed: int | None = None) -> go.Figure:
    shown, prior = shown_on(layout, seed)
    return map_chart.embedding_map(shown, BUILT_IN["digits"], ringed, prior=prior)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Run the code of a chart in a folder and check that it writes an HTML page; return its variables."""

    def in_a_folder(lines: str) -> dict[str, Any]:
        monkeypatch.chdir(tmp_path)
        found: dict[str, Any] = {}
        exec(lines, found)
        (page,) = tmp_path.glob("*.html")
        assert "Plotly.newPlot(" in page.read_text()
        return found

    return in_a_folder


@pytest.mark.parametrize("name", CHARTS)
def test_the_lines_compute_the_numbers_of_the_chart_and_write_it(
    name: str, run: Callable[[str], dict[str, Any]]
) -> None:
    lines, numbers, figure = CHARTS[name]
    require_public(lines)
    found = run(lines)
    np.testing.assert_equal(untimed(found["shown"]), untimed(numbers()))
    assert found["figure"].to_json() == figure().to_json()


@pytest.mark.parametrize("given", [(1, 2), INK])
def test_the_lines_read_completions_as_the_page_does(
    own_runs: Path, given: tuple[int, ...] | bytes, run: Callable[[str], dict[str, Any]]
) -> None:
    store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), own_runs)
    key, names = runs.run_keys()["digits-quadrant-1"], ["one", "two"]
    lines = code_snippets.readings(key, given, {"visible": "1"}, seed=4, names=names)
    require_public(lines)
    found = run(lines)
    shares = figures.readings(key, given, {"visible": "1"}, seed=4)
    assert shares is not None
    np.testing.assert_equal(found["shown"], shares)
    classes, drawn = BUILT_IN["digits"].classes, isinstance(given, bytes)
    expected = plotly_charts.reading(shares[0], classes) if drawn else plotly_charts.readings(shares, names, classes)
    assert found["figure"].to_json() == expected.to_json()


CHARTED = {"home": 3, "generate": 0, "latent": 3, "training": 1, "cll": 1}  # charts by page, without MNIST
WHERE = {"latent": {"units": "true"}, "cll": {"figures": "Number of draws"}}


@pytest.mark.parametrize("name", CHARTED)
def test_every_chart_can_be_copied_as_python(visit: Visit, without_mnist: None, name: str) -> None:
    shown = [block for block in visit(name, **WHERE.get(name, {})).code if "\nshown = " in block.value]
    assert len(shown) == CHARTED[name]
