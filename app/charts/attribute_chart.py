"""The chart of an attribute: what was asked of samples, and what was measured."""

import plotly.graph_objects as go

from app.charts.plotly_charts import GREY, HEIGHT, LINE_COLOURS, framed
from app.text.plain_text import charted
from cvae_core.evaluation.sample_quality import Asked


def asked_chart(one: Asked, name: str) -> go.Figure:
    """Draw a point per sample. On the dotted line, the measured value is the one that was asked for."""
    figure = go.Figure(layout=framed(HEIGHT))
    ends = [min(one.asked), max(one.asked)]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip", showlegend=False
    )
    for held_out, words in ((False, "in training"), (True, "combination held out from training")):
        places = [place for place, flag in enumerate(one.held_out) if flag == held_out]
        figure.add_scatter(
            x=[one.asked[place] for place in places],
            y=[one.measured[place] for place in places],
            mode="markers",
            name=words,
            marker={"color": LINE_COLOURS[held_out], "size": 5, "opacity": 0.6},
            hovertemplate="asked %{x:.4g}, measured %{y:.4g}<extra></extra>",
        )
    title = charted(name)
    figure.update_layout(
        xaxis_title=f"{title}, asked for", yaxis_title=f"{title}, measured", showlegend=any(one.held_out)
    )
    return figure
