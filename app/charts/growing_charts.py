"""Charts that update live, as ECharts options.

Streamlit recreates a Plotly chart whenever its numbers change, which interrupts the visitor. ECharts updates in place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from app.charts.plotly_charts import LINE_COLOURS, stored_name
from cvae_core.evaluation.results import Cell

STAR = "path://M50 0 61 35 98 35 68 57 79 91 50 70 21 91 32 57 2 35 39 35z"  # ECharts has no star symbol


def curve(table: pd.DataFrame, best: int | None) -> dict[str, Any]:
    """Draw −bound of a run during training, in the style of `plotly_charts.curves`."""
    lines: dict[str, list[list[float]]] = {}
    for split in ("train", "validation"):
        rows = table[table["split"] == split]
        lines[split] = list(map(list, zip(rows["epoch"].tolist(), (-rows["bound"]).round(2).tolist(), strict=True)))
    line = {"type": "line", "symbol": "circle" if len(lines["validation"]) == 1 else "none"}
    star = {"type": "scatter", "symbol": STAR, "symbolSize": 14, "itemStyle": {"opacity": 1}}
    starred = [point for point in lines["validation"] if point[0] == best]
    # Without a symbol, the legend shows whether a line is dashed.
    legend: list[Any] = [{"name": part, "itemStyle": {"opacity": 0}} for part in ("training", "validation")]
    series: list[Any] = [
        {**line, "name": "training", "data": lines["train"], "lineStyle": {"type": "dashed"}},
        {**line, "name": "validation", "data": lines["validation"]},
        {**star, "name": "best epoch", "data": starred},
    ]
    axis = {"name": "epoch", "axisPointer": {"label": {"formatter": "epoch {value}", "precision": 0}}}
    option = _option([*legend, {"name": "best epoch"}], axis, "−bound, nats per image", series)
    return {**option, "color": [LINE_COLOURS[0]]}


def estimates(
    histories: Mapping[str, Sequence[tuple[int, float, float]]], stored: Mapping[str, Cell]
) -> dict[str, Any]:
    """Draw running means during an evaluation, in the style of `plotly_charts.settling`."""
    series: list[Any] = []
    for number, (name, history) in enumerate(histories.items()):
        look = {"type": "line", "symbol": "none", "itemStyle": {"color": LINE_COLOURS[number]}}
        series.append({**look, "name": name, "data": [[images, round(mean, 3)] for images, mean, _ in history]})
        if cell := stored.get(name):
            ends = [[history[end][0], round(cell.mean, 3)] for end in (0, -1)]
            dots = {"lineStyle": {"type": "dotted"}, "name": f"{name}, {stored_name(cell)}", "data": ends}
            series.append({**look, **dots})
    return _option(
        [{"name": name} for name in histories], {"name": "test images"}, "−log p(x | c), nats per image", series
    )


def _option(legend: list[Any], x: Mapping[str, Any], y: str, series: list[Any]) -> dict[str, Any]:
    """Return the ECharts option of a line chart whose x axis is a count from 0."""
    middle = {"nameLocation": "middle", "nameTextStyle": {"fontWeight": "normal"}}
    return {
        "animation": False,
        "tooltip": {"trigger": "axis", "valueFormatter": "%.1f"},
        # A second row of the legend would overlap the chart.
        "legend": {"type": "scroll", "top": 0, "left": 0, "right": 12, "data": legend},
        "grid": {"left": 36, "right": 12, "top": 36, "bottom": 28, "containLabel": True},
        "xAxis": {
            "type": "value", "min": 0, "max": "dataMax", "minInterval": 1, "nameGap": 26,
            "axisLabel": {"hideOverlap": True}, **x, **middle,
        },
        "yAxis": {"type": "value", "name": y, "scale": True, "nameGap": 44, **middle},
        "series": series,
    }  # fmt: skip
