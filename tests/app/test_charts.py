"""What pages draw is told apart: one colour per digit, everywhere, and glyphs that can be read on it."""

import tomllib

import pytest

from app import charts
from cvae_core.evaluation import stored_cells
from cvae_core.runs import default_root, find
from tests.app.conftest import ROOT


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    if colour in ("white", "black"):
        return float(colour == "white")
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", charts.DIGIT_COLOURS)
def test_a_digits_colour_stands_out_from_both_papers_and_its_glyph_from_it(colour: str) -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
    for look in ("light", "dark"):
        assert contrast(colour, theme[look]["backgroundColor"]) >= 3
    assert contrast(charts.legible_on(colour), colour) >= 4.5


def test_the_theme_has_the_digits_colours() -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
    assert tuple(theme["chartCategoricalColors"]) == charts.DIGIT_COLOURS


def test_every_bar_of_the_headline_has_room_for_its_number() -> None:
    cell = stored_cells(find("digits-label", default_root()))[0]
    for count in (1, 9, 30):
        figure = charts.headline_bars({f"run-{number}": cell for number in range(count)})
        assert figure.layout.height >= count * charts.BAR_HEIGHT


def test_a_curve_that_grows_draws_what_the_other_one_draws() -> None:
    table = find("digits-label", default_root()).curves()
    still = charts.curves({"mine": table}, {"mine": 3}, "bound", log=False)
    growing = charts.growing_curve("mine", table, 3)["series"]
    assert [line["name"] for line in growing] == [trace.name for trace in still.data]
    for line, trace in zip(growing, still.data, strict=True):
        assert [epoch for epoch, _ in line["data"]] == list(trace.x)
        assert [nats for _, nats in line["data"]] == pytest.approx(list(trace.y), abs=0.005)
