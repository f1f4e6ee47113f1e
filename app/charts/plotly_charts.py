"""Plotly charts of the pages: one style, one colour per class, axes with units."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

from app.charts.class_colours import colours, luminance
from app.text import findings, labels
from app.text.plain_text import charted
from cvae_core.config.of_data_set import Given
from cvae_core.evaluation.results import Cell
from cvae_core.evaluation.savings import Change
from cvae_core.evaluation.table import ESTIMATORS
from cvae_core.evaluation.toy_model import Settling
from cvae_core.models.distributions import cross_entropy
from cvae_core.training.verdicts import DEAD_RATE

LEAST_RATE = 0.1  # nats: an axis of rates ends no lower, so that bars of collapsed units look low
LEGIBLE = 0.12  # the least share of a bar that can hold a class's name
MOST_READ = 20  # classes with a colour of their own in a chart of readings

RED = "#d00000"  # marks what the visitor has chosen or drawn
PRIOR = "#E000E0"  # draws from the prior: unlike the first ten classes' colours, visible on light and dark backgrounds
INK = "#1b2130"  # text on white labels, in every theme
GREY = "#888888"  # secondary marks; visible on light and dark backgrounds, unlike lighter or transparent ones
LINE_COLOURS = ("#2563a8", "#CC5500", "#228833", "#AA3377", "#777777", "#117799", "#AA8800", "#7755CC")
TOOLS_HEIGHT = 36  # room above every chart for its toolbar, which touch screens always show
HEIGHT, CURVES_HEIGHT, MAP_HEIGHT, THUMBNAIL_HEIGHT, READINGS_HEIGHT = 388, 328, 416, 248, 218
BAR_HEIGHT = 26  # high enough to read the number in the bar
SHOVES, SHOVE = 300, 0.1  # number and size of the steps that move glyphs apart
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["autoScale2d"],  # the reset button beside it does the same
    "toImageButtonOptions": {"format": "png", "scale": 3},
}
HOVER = {"hovermode": "x unified"}
COST = "−log p(x | c), nats per image"
BARE_CONFIG = {**CONFIG, "displayModeBar": True}  # hidden by buttons.css


def readings(shares: np.ndarray, names: Sequence[str], classes: Sequence[str]) -> go.Figure:
    """Draw the classes that completions are read as, a stacked bar with their names for each of `names`; shares (N, K)."""
    return _stacked(shares, names, classes, most_read(shares.sum(axis=0)))


def reading(share: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """Draw the classes that completions of one drawing are read as, a bar for each class; share (K,).

    If there are more than `MOST_READ` classes, those that no completion is read as are left out.
    """
    drawn = most_read(share)
    if len(drawn) < len(classes):
        drawn = drawn[share[drawn] > 0]
    return _stacked(np.diag(share)[drawn], [labels.short(classes[label]) for label in drawn], classes, drawn)


def most_read(shares: np.ndarray) -> np.ndarray:
    """Return the `MOST_READ` most frequent labels, or all if there are fewer, in ascending order."""
    return np.sort(np.argsort(-shares, kind="stable")[:MOST_READ])


def _stacked(shares: np.ndarray, names: Sequence[str], classes: Sequence[str], drawn: np.ndarray) -> go.Figure:
    """Draw stacked bars of some labels, and of all others together in grey."""
    every = colours(len(classes))
    parts = [(shares[:, label], labels.short(classes[label]), every[label]) for label in drawn.tolist()]
    if len(drawn) < len(classes):
        parts.append((shares.sum(axis=-1) - shares[:, drawn].sum(axis=-1), "another class", GREY))
    bars = [
        {
            "type": "bar", "x": list(names), "y": share, "name": word, "marker": {"color": colour},
            "text": [word if each >= LEGIBLE else "" for each in share], "textposition": "inside",
            "textangle": 0, "insidetextfont": {"color": legible_on(colour)},
            "hovertemplate": f"read as {word}: %{{y:.0%}}<extra></extra>",
        }
        for share, word, colour in parts
    ]  # fmt: skip
    axes = {"xaxis": {"type": "category", "tickangle": 0}, "yaxis": {"tickformat": ".0%", "range": [0, 1]}}
    layout = {**framed(READINGS_HEIGHT), "barmode": "stack", "showlegend": False, **axes}
    return go.Figure(bars, layout)  # plain dictionaries are three times as fast, and the visitor waits


def rate_bars(rates: Sequence[float], unit: str, chosen: int | None = None) -> go.Figure:
    """Draw the rate per unit of z, highest first; dead units in grey, a chosen unit in another colour.

    A dotted line marks the rate below which a unit is dead.
    """
    order = np.argsort(rates)[::-1]
    values = np.asarray(rates)[order]
    colours = [LINE_COLOURS[0] if value >= DEAD_RATE else GREY for value in values]
    if chosen is not None:
        colours[order.tolist().index(chosen)] = LINE_COLOURS[1]
    names, hover = [f"z{dimension + 1}" for dimension in order], "%{x}: %{y:.2f} nats<extra></extra>"
    bars = go.Bar(x=names, y=values, marker_color=colours, hovertemplate=hover)
    figure = _drawn([bars], HEIGHT, unit, "rate, nats per image", yaxis_autorangeoptions_include=[0, LEAST_RATE])
    line = {"color": GREY, "dash": "dot", "width": 1}
    words = {"annotation_text": f"collapsed: below {DEAD_RATE:g} nats", "annotation_font_color": GREY}
    return figure.add_hline(DEAD_RATE, line=line, **words)


def changes(found: Mapping[Given, Change]) -> go.Figure:
    """Draw the change of −log p(x | c) by part of the condition, with standard errors."""
    values, errors = zip(*((one.nats, one.standard_error) for one in found.values()), strict=True)
    look = {"orientation": "h", "width": 0.5, "marker_color": LINE_COLOURS[0], "error_x": {"array": errors}}
    trace = go.Bar(x=values, y=list(found), hovertemplate="%{y}: %{x:.2f} nats<extra></extra>", **look)
    return _drawn([trace], READINGS_HEIGHT, "change, nats per image", "part of another image")


def rate_distortion(marks: Mapping[float, tuple[float, float]], chosen: float, height: int = HEIGHT) -> go.Figure:
    """Draw runs by β as points (rate, distortion) on lines of equal ELBO, with the chosen β highlighted."""
    farthest = max(1.0, 1.4 * max(rate for rate, _ in marks.values()))
    traces = [
        go.Scatter(
            x=[0, farthest], y=[rate + distortion, rate + distortion - farthest], mode="lines", hoverinfo="skip",
            line={"color": LINE_COLOURS[1] if beta == chosen else GREY, "dash": "dot", "width": 1.5 if beta == chosen else 1},
            showlegend=False,
        )
        for beta, (rate, distortion) in marks.items()
    ]  # fmt: skip
    rates, distortions = zip(*marks.values(), strict=True)
    traces.append(
        go.Scatter(
            x=rates, y=distortions, mode="lines+markers", line={"color": LINE_COLOURS[0]}, showlegend=False, cliponaxis=False,
            marker={"size": 11, "color": [LINE_COLOURS[beta == chosen] for beta in marks]},
            hovertext=[findings.cost(distortion, rate) for rate, distortion in marks.values()],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )  # fmt: skip
    look = {"showarrow": False, "xanchor": "left", "yanchor": "bottom", "xshift": 6, "yshift": 6, "bgcolor": "white"}
    notes = [
        {"x": rate, "y": distortion, "text": f"β {beta:g}", "font": {"color": INK}, "borderpad": 1, **look}
        for beta, (rate, distortion) in marks.items()
    ]
    return _drawn(traces, height, "rate, nats per image", "distortion, nats per image", annotations=notes)


def grey_cost(ink: float) -> go.Figure:
    """Draw the cost of a grey pixel against the predicted probability of ink, and mark the least cost."""
    probabilities = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)
    grey = torch.tensor(ink, dtype=torch.float64)
    floor = float(cross_entropy(grey, grey))
    line = go.Scatter(
        x=probabilities.tolist(), y=cross_entropy(grey, probabilities).tolist(), mode="lines", showlegend=False,
        line={"color": LINE_COLOURS[0]}, hovertemplate="p = %{x:.2f}: %{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    least = go.Scatter(
        x=[ink], y=[floor], mode="markers+text", text=[f"p = x: {floor:.2f} nats"], textposition="top center",
        marker={"size": 11, "color": LINE_COLOURS[1]}, showlegend=False, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip
    ranges = {"xaxis_range": [0, 1], "yaxis_range": [0, 3]}
    return _drawn([line, least], HEIGHT, "p, probability of ink", "cost of the pixel, nats", **ranges)


def headline_bars(cells: Mapping[str, Cell]) -> go.Figure:
    """Draw one estimate per run as bars with their standard errors, baselines in grey."""
    bars = go.Bar(
        x=[cell.mean for cell in cells.values()], y=list(map(charted, cells)),
        error_x={"array": [cell.standard_error for cell in cells.values()]},
        text=[f"{cell.mean:.1f}" for cell in cells.values()], textposition="inside", insidetextanchor="start",
        marker_color=[GREY if cell.estimator == "baseline" else LINE_COLOURS[0] for cell in cells.values()],
        orientation="h", hovertemplate="%{y}: %{x:.1f} nats per image<extra></extra>",
    )  # fmt: skip
    height = max(THUMBNAIL_HEIGHT, BAR_HEIGHT * (len(cells) + 2) + TOOLS_HEIGHT)
    return go.Figure(bars).update_layout(**framed(height), yaxis_autorange="reversed")


def curves(tables: Mapping[str, pd.DataFrame], best: Mapping[str, int | None], quantity: str, log: bool) -> go.Figure:
    """Draw a quantity of several runs against the epoch: training dashed, validation solid, the best epoch marked.

    The legend has one entry for each run, which toggles all its lines: a phone has no room for more.
    """
    sign = 1 if quantity == "rate" else -1
    traces = []
    for number, (run, table) in enumerate(tables.items()):
        name, colour = charted(run), LINE_COLOURS[number % len(LINE_COLOURS)]
        for split, dash in (("train", "dash"), ("validation", "solid")):
            rows = table[table["split"] == split]
            line: dict[str, Any] = {"color": colour, "dash": dash}
            traces.append(
                go.Scatter(
                    x=rows["epoch"], y=sign * rows[quantity], mode="lines+markers" if len(rows) == 1 else "lines",
                    line=line, name=f"{name}, training" if split == "train" else name, legendgroup=name,
                    showlegend=split == "validation",
                )
            )  # fmt: skip
            if split == "validation" and (marked := rows[rows["epoch"] == best[run]]).size:
                traces.append(
                    go.Scatter(
                        x=marked["epoch"], y=sign * marked[quantity], mode="markers", name=f"{name}, best epoch",
                        marker={"color": colour, "size": 11, "symbol": "star"}, legendgroup=name, showlegend=False,
                    )
                )  # fmt: skip
    last = max((table["epoch"].max() for table in tables.values() if len(table)), default=1)
    least = {"yaxis_autorangeoptions_include": [0, LEAST_RATE]} if quantity == "rate" and not log else {}
    return _drawn(
        traces,
        CURVES_HEIGHT,
        "epoch (dashed: training, solid: validation)",
        f"{'' if quantity == 'rate' else '−'}{quantity}, nats per image",
        **HOVER,
        yaxis_hoverformat=".1f",
        xaxis_range=(0, 1.02 * last),  # with room for a cursor at either end
        yaxis_type="log" if log else "linear",
        **least,
    )


def settling(histories: Mapping[str, Sequence[tuple[int, float, float]]], stored: Mapping[str, Cell]) -> go.Figure:
    """Draw running means with standard errors against the number of images, and stored results as dotted lines."""
    traces = []
    for number, (name, history) in enumerate(histories.items()):
        colour = LINE_COLOURS[number]
        images, means, errors = (np.array(column) for column in zip(*history, strict=True))
        band = np.concatenate([means + errors, (means - errors)[::-1]])
        traces.append(
            go.Scatter(
                x=np.concatenate([images, images[::-1]]), y=band, fill="toself", fillcolor=colour, opacity=0.2,
                line={"width": 0}, showlegend=False, hoverinfo="skip",
            )
        )  # fmt: skip
        traces.append(go.Scatter(x=images, y=means, mode="lines", line={"color": colour}, name=name))
        if cell := stored.get(name):
            dots, label = {"color": colour, "dash": "dot"}, stored_name(cell)
            traces.append(go.Scatter(x=images[[0, -1]], y=[cell.mean] * 2, mode="lines", line=dots, name=label))
    return _drawn(traces, CURVES_HEIGHT, "test images", COST, **HOVER, yaxis_hoverformat=".2f")


def stored_name(cell: Cell) -> str:
    """Return the name of a stored result's dotted line."""
    return "stored" + (f", S = {cell.samples:,}" if cell.samples else "") + f", N = {cell.images:,}"


def by_draws(cells: Sequence[Cell]) -> go.Figure:
    """Draw each estimator against its number of draws, with standard errors over images."""
    traces = []
    chosen = [cell for cell in cells if cell.samples]
    for number, estimator in enumerate(dict.fromkeys(cell.estimator for cell in chosen)):
        line = sorted((cell for cell in chosen if cell.estimator == estimator), key=lambda cell: cell.samples)
        traces.append(
            go.Scatter(
                x=[cell.samples for cell in line], y=[cell.mean for cell in line], mode="lines+markers",
                error_y={"array": [cell.standard_error for cell in line]}, line={"color": LINE_COLOURS[number]},
                name=ESTIMATORS[estimator],
            )
        )  # fmt: skip
    return _drawn(traces, HEIGHT, "S, draws per image", COST, **HOVER, yaxis_hoverformat=".2f", xaxis_type="log")


def known_settling(counts: Sequence[int], found: Settling) -> go.Figure:
    """Draw estimates of a known −log p(x) against the number of draws."""
    lines = {
        "−ELBO": ([found.bound] * len(counts), "solid"),
        "importance sampling": (found.importance_sampling, "solid"),
        "exact value": ([found.exact] * len(counts), "dot"),
    }
    traces = []
    for number, (name, (values, dash)) in enumerate(lines.items()):
        line: dict[str, Any] = {"color": LINE_COLOURS[number], "dash": dash}
        traces.append(go.Scatter(x=list(counts), y=values, mode="lines", line=line, name=name))
    look = {**HOVER, "yaxis_hoverformat": ".2f", "xaxis_type": "log"}
    return _drawn(traces, HEIGHT, "S, draws per estimate", "−log p(x), nats", **look)


def _drawn(traces: Sequence[Any], height: int, x: str, y: str, **layout: Any) -> go.Figure:
    """Return a figure of traces with axis titles."""
    return go.Figure(traces).update_layout(**framed(height), xaxis_title=x, yaxis_title=y, **layout)


def bare(figure: go.Figure) -> go.Figure:
    """Remove a figure's room for the toolbar, which `BARE_CONFIG` hides."""
    return figure.update_layout(margin_t=8, height=figure.layout.height - TOOLS_HEIGHT + 8)


def page(figure: go.Figure, title: str) -> str:
    """Return a chart as a page of its own that needs no other file and no network."""
    plain = go.Figure(figure).update_layout(template="plotly_white")
    written: str = plain.to_html(config=CONFIG, include_plotlyjs=True)
    return written.replace("<head>", f"<head><title>{html.escape(title)}</title>", 1)


def framed(height: int) -> dict[str, Any]:
    """Return the layout that all charts share."""
    return {
        "height": height,
        "margin": {"l": 0, "r": 0, "t": TOOLS_HEIGHT, "b": 40},
        "xaxis": {"exponentformat": "none", "separatethousands": True},  # no prefixes such as 120n or 10k
        "yaxis": {"exponentformat": "none", "separatethousands": True},
        "legend": {"orientation": "h", "yref": "container", "y": 1 - TOOLS_HEIGHT / height, "yanchor": "top"},
    }


def legible_on(colour: str) -> str:
    """Return black or white, whichever contrasts more with a colour: at least 4.5, by the luminance of WCAG 2."""
    return "black" if luminance(colour) > 0.179 else "white"
