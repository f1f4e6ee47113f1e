"""Charts of a value for each label: probabilities as bars, log-likelihoods as points."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.charts.plotly_charts import GREY, LINE_COLOURS, READINGS_HEIGHT, RED, framed, most_read
from app.text import labels


def by_label(
    values: np.ndarray, errors: np.ndarray, classes: Sequence[str], title: str, own: int | None = None
) -> go.Figure:
    """Draw a value with its standard error for each label, the `own` label in red; values and errors (K,).

    Probabilities are drawn as bars, log-likelihoods as points. Of more than `MOST_READ` labels, the highest are drawn.
    """
    drawn = most_read(values)
    marks = {
        "x": [labels.short(classes[label]) for label in drawn], "y": values[drawn],
        "error_y": {"array": errors[drawn], "color": GREY},
        "marker": {"color": [RED if label == own else LINE_COLOURS[0] for label in drawn]},
        "hovertemplate": "%{x}: %{y:.3g} ± %{error_y.array:.2g}<extra></extra>",
    }  # fmt: skip
    share = bool(np.isclose(values.sum(), 1))
    trace = {"type": "bar"} if share else {"type": "scatter", "mode": "markers"}
    reach = {"tickformat": ".0%", "range": [0, 1]} if share else {"zeroline": False}
    axes = {"xaxis": {"type": "category", "tickangle": 0}, "yaxis": {"title": {"text": title}, **reach}}
    return go.Figure([{**trace, **marks}], {**framed(READINGS_HEIGHT), "showlegend": False, **axes})
