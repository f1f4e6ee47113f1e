"""The chart of the table at a glance: a dot per model and column, with the floor and published figures marked."""

from typing import Any

import plotly.graph_objects as go

from app.charts.plotly_charts import GREY, LINE_COLOURS
from app.text.plain_text import charted
from cvae_core.evaluation.glance import Glance, Row
from cvae_core.evaluation.table_formats import briefly

ROW, TITLE, AXIS = 13, 22, 22  # pixels of a model, of the columns' names, of the ticks
SPACE = 0.03  # between columns, as a share of the width
TICKS = 4


def glance_chart(glance: Glance) -> go.Figure:
    """Draw one column of dots per set of scored pixels, with standard errors; a dotted line is the floor."""
    rows = [row for row in glance.rows if not row.is_gap and set(row.cells.values()) - set(glance.floors.values())]
    width = (1 - SPACE * (len(glance.columns) - 1)) / len(glance.columns)
    names = [charted(row.title) for row in rows]
    figure = go.Figure()
    for number, column in enumerate(glance.columns, start=1):
        start = (number - 1) * (width + SPACE)
        axis = "" if number == 1 else str(number)
        figure.add_scatter(**_dots(glance, rows, column), xaxis=f"x{axis}", yaxis="y")
        shown: dict[str, Any] = {
            "domain": [start, start + width],
            "nticks": TICKS,
            "zeroline": False,
            "fixedrange": True,
        }
        figure.update_layout({f"xaxis{axis}": shown})
        title = {"text": f"<b>{charted(briefly(column))}</b>", "x": start, "xref": "paper", "xanchor": "left"}
        figure.add_annotation(**title, y=1, yref="paper", yanchor="bottom", showarrow=False)
        if floor := glance.floors.get(column):
            look = {"color": GREY, "dash": "dot", "width": 2}
            figure.add_shape(
                type="line", x0=floor.nats, x1=floor.nats, xref=f"x{axis}", y0=0, y1=1, yref="paper", line=look
            )
            label = {"text": "floor", "textangle": -90, "xanchor": "left", "font": {"color": GREY, "size": 11}}
            figure.add_annotation(**label, x=floor.nats, xref=f"x{axis}", y=0.5, yref="paper", showarrow=False)
    margin = {"l": 0, "r": 8, "t": TITLE, "b": AXIS}
    height = ROW * len(rows) + TITLE + AXIS
    categories = {"categoryorder": "array", "categoryarray": names[::-1], "tickmode": "linear", "fixedrange": True}
    figure.update_layout(height=height, margin=margin, showlegend=False, yaxis={**categories, "tickfont_size": 12})
    return figure


def _dots(glance: Glance, rows: list[Row], column: str) -> dict[str, Any]:
    here = [(row, entry) for row in rows if (entry := row.cells.get(column))]
    best = glance.best.get(column)
    colours = [
        LINE_COLOURS[1] if entry == best else GREY if entry.estimators == ("baseline",) else LINE_COLOURS[0]
        for _, entry in here
    ]
    return {
        "x": [entry.nats for _, entry in here],
        "y": [charted(row.title) for row, _ in here],
        "mode": "markers",
        "error_x": {"array": [entry.standard_error or 0 for _, entry in here], "thickness": 2, "width": 4, "color": GREY},
        "marker": {
            "size": 9, "color": colours, "line": {"width": 2, "color": colours},
            "symbol": ["circle" if entry.trained else "diamond-open" for _, entry in here],
        },
        "customdata": [charted(row.estimator) for row, _ in here],
        "hovertemplate": "%{y}: %{x:.2f} nats per image, %{customdata}<extra></extra>",
    }  # fmt: skip
