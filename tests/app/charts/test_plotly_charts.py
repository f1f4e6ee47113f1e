"""Charts distinguish classes: one colour per class on all pages, with legible glyphs on it."""

import tomllib

import numpy as np
import pytest

from app.cached import histories, maps, runs
from app.charts import class_colours, growing_charts, map_chart, plotly_charts
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.evaluation import toy_model
from cvae_core.evaluation.latent_space import Embedding
from cvae_core.evaluation.results import CURVE, stored_cells
from cvae_core.runs.run import default_root, find
from cvae_core.training.verdicts import DEAD_RATE
from tests.app.conftest import ROOT

MNIST = BUILT_IN["mnist"]


def luminance(colour: str) -> float:
    """Return the relative luminance as defined by WCAG 2."""
    if colour in ("white", "black"):
        return float(colour == "white")
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", class_colours.colours(200))
def test_a_classes_colour_stands_out_from_both_papers_and_its_glyph_from_it(colour: str) -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
    for look in ("light", "dark"):
        assert contrast(colour, theme[look]["backgroundColor"]) >= 3
    assert contrast(plotly_charts.legible_on(colour), colour) >= 4.5


def test_what_stands_back_stands_out_from_both_papers_too() -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
    embedding = maps.stored(runs.run_keys()["vae"])
    assert embedding is not None
    prior = map_chart.embedding_map(embedding, MNIST, None, prior=embedding.coordinates).data[0].marker
    assert prior.opacity is None
    assert prior.symbol == "cross"  # the symbol of no digit
    dead = plotly_charts.rate_bars([1.0, 0.0], "latent dimension").data[0].marker.color[1]
    other = plotly_charts.rate_distortion({1.0: (10.0, 80.0), 4.0: (5.0, 100.0)}, 1.0).data[1].line.color
    for colour in (prior.color, dead, other):
        assert all(contrast(colour, theme[look]["backgroundColor"]) >= 3 for look in ("light", "dark"))


def test_bars_of_collapsed_units_are_low_beside_the_line_below_which_a_unit_is_dead() -> None:
    figure = plotly_charts.rate_bars([1.2e-7, 3e-9], "latent dimension")
    least, most = figure.layout.yaxis.autorangeoptions.include
    assert least == 0
    assert most > 5 * DEAD_RATE
    assert [shape.y0 for shape in figure.layout.shapes] == [DEAD_RATE]
    table = find("label-beta-784", default_root()).curves()
    for quantity, log in (("rate", False), ("rate", True), ("bound", False)):
        axis = plotly_charts.curves({"run": table}, {"run": None}, quantity, log).layout.yaxis
        assert (axis.autorangeoptions.include == (0, most)) == (quantity == "rate" and not log)


def test_numbers_on_axes_have_no_prefixes() -> None:
    cells = stored_cells(find("label", default_root()), CURVE)
    table = find("digits-label", default_root()).curves()
    figures = [
        plotly_charts.rate_bars([1.0, 0.0], "latent dimension"),
        plotly_charts.rate_distortion({1.0: (10.0, 80.0)}, 1.0),
        plotly_charts.grey_cost(0.3),
        plotly_charts.headline_bars({"run": cells[0]}),
        plotly_charts.curves({"run": table}, {"run": 3}, "bound", log=True),
        plotly_charts.settling({"−ELBO": [(100, 95.5, 1.0), (200, 94.25, 0.5)]}, {}),
        plotly_charts.by_draws(cells),
        plotly_charts.known_settling((1, 2), toy_model.settling(0.5, (1, 2), 0)),
    ]
    for figure in figures:
        assert {figure.layout.xaxis.exponentformat, figure.layout.yaxis.exponentformat} == {"none"}


def test_terms_under_the_pointer_add_up() -> None:
    (words,) = plotly_charts.rate_distortion({1.0: (16.4678, 81.37)}, 1.0).data[-1].hovertext
    assert words == "distortion 81.4 + rate 16.4 = −ELBO 97.8"


def lab(colour: str) -> np.ndarray:
    """Return a colour's coordinates in CIE L*a*b*, in which distances are about what the eye sees."""
    shares = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = np.cbrt(xyz / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_priors_colour_is_far_from_every_digits() -> None:
    apart = [np.linalg.norm(lab(plotly_charts.PRIOR) - lab(colour)) for colour in class_colours.FIRST]
    assert min(apart) > 40  # the two nearest digits are 15 apart


def test_every_class_has_a_colour_of_its_own() -> None:
    assert class_colours.colours(10) == class_colours.FIRST
    for count in (1, 3, 11, 200):
        colours = class_colours.colours(count)
        assert len(set(colours)) == len(colours) == count
        assert colours[:10] == class_colours.FIRST[:count]


def test_readings_of_many_classes_show_the_most_frequent_and_the_rest_together() -> None:
    shares = np.zeros((2, 200))
    shares[:, :40] = np.linspace(2, 1, 40) / 60
    classes = [f"c{number}" for number in range(200)]
    bars = plotly_charts.readings(shares, ["1", "2"], classes).data
    assert [bar.name for bar in bars] == [*classes[: plotly_charts.MOST_READ], "another class"]
    assert sum(float(bar.y[0]) for bar in bars) == pytest.approx(1)
    share = np.zeros(200)
    share[[150, 3]] = 0.25, 0.75
    one = plotly_charts.reading(share, classes)
    assert [bar.name for bar in one.data] == ["c3", "c150", "another class"]
    assert one.data[1].marker.color == class_colours.colours(200)[150]
    assert [len(plotly_charts.reading(np.ones(count) / count, classes[:count]).data) for count in (1, 3)] == [1, 3]


def test_the_theme_has_the_digits_colours() -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
    assert tuple(theme["chartCategoricalColors"]) == class_colours.FIRST


def test_every_bar_of_the_headline_has_room_for_its_number() -> None:
    cell = stored_cells(find("digits-label", default_root()))[0]
    for count in (1, 9, 30):
        figure = plotly_charts.headline_bars({f"run-{number}": cell for number in range(count)})
        assert figure.layout.height >= count * plotly_charts.BAR_HEIGHT


def test_a_curve_that_grows_draws_what_the_other_one_draws() -> None:
    table = find("digits-label", default_root()).curves()
    still = plotly_charts.curves({"mine": table}, {"mine": 3}, "bound", log=False)
    grown = growing_charts.curve(table, 3)["series"]
    assert [line["name"] for line in grown] == ["training", "validation", "best epoch"]
    for line, trace in zip(grown, still.data, strict=True):
        assert [epoch for epoch, _ in line["data"]] == list(trace.x)
        assert [nats for _, nats in line["data"]] == pytest.approx(list(trace.y), abs=0.005)


def test_estimates_that_grow_are_drawn_as_they_are_once_settled() -> None:
    histories = {
        "−ELBO": [(100, 95.5, 1.0), (200, 94.25, 0.5)],
        "importance sampling": [(100, 91.0, 1.0), (200, 90.5, 0.5)],
    }
    stored = {"importance sampling": next(c for c in stored_cells(find("label", default_root())) if c.samples == 100)}
    grown = growing_charts.estimates(histories, stored)
    lines = [trace for trace in plotly_charts.settling(histories, stored).data if trace.mode == "lines"]
    assert len(lines) == 3
    for line, trace in zip(grown["series"], lines, strict=True):
        assert [point[0] for point in line["data"]] == list(trace.x)
        assert [point[1] for point in line["data"]] == pytest.approx(list(trace.y), abs=0.005)
        assert line["itemStyle"]["color"] == trace.line.color
    assert [entry["name"] for entry in grown["legend"]["data"]] == list(histories)


@pytest.mark.parametrize("name", ["vae", "label"])
def test_a_digits_glyph_stands_at_the_median_of_its_points_where_it_can_be_read(name: str) -> None:
    embedding = maps.stored(runs.run_keys()[name])
    assert embedding is not None
    glyphs = map_chart.embedding_map(embedding, MNIST, None).layout.annotations
    assert [glyph.text for glyph in glyphs] == [f"<b>{digit}</b>" for digit in range(10)]
    assert [glyph.bordercolor for glyph in glyphs] == list(class_colours.FIRST)
    assert all(contrast(glyph.font.color, glyph.bgcolor) >= 4.5 for glyph in glyphs)
    places = np.array([(glyph.x, glyph.y) for glyph in glyphs])
    extent = np.ptp(embedding.coordinates, axis=0).max()
    assert (
        np.linalg.norm(places[:, None] - places, axis=-1)[~np.eye(10, dtype=bool)].min()
        > 0.99 * map_chart.APART * extent
    )
    medians = [np.median(embedding.coordinates[embedding.labels == digit], axis=0) for digit in range(10)]
    moved = np.linalg.norm(places - medians, axis=-1)
    assert (moved == 0).all() if name == "vae" else (moved < 0.25 * extent).all()


def test_a_map_of_some_digits_has_no_other_glyphs() -> None:
    embedding = maps.stored(runs.run_keys()["vae"])
    assert embedding is not None
    some = embedding.labels < 3
    few = Embedding(*(part[some] for part in (embedding.indices, embedding.labels, embedding.z, embedding.coordinates)))
    assert len(map_chart.embedding_map(few, MNIST, None).layout.annotations) == 3


def test_curves_of_many_runs_have_a_legend_of_one_entry_for_each() -> None:
    keys = {name: runs.run_keys()[name] for name in ("digits-label", "label", "vae")}
    tables = {name: histories.curves(key) for name, key in keys.items()}
    figure = plotly_charts.curves(
        tables, {name: runs.card(key).best_epoch for name, key in keys.items()}, "bound", log=False
    )
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == list(keys)
    for name in keys:
        assert (
            len([trace for trace in figure.data if trace.legendgroup == name]) == 3
        )  # training, validation, best epoch
