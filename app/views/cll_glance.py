"""The opening view of the table: the best estimate of each model, as a chart and as one table."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.charts.glance_chart import glance_chart
from app.charts.plotly_charts import BARE_CONFIG
from app.display import elements, url_state
from app.display.url_forms import one_of
from app.text.plain_text import plain
from app.views import cll_numbers, cll_table, code_snippets
from app.views.cll_numbers import Numbers
from app.widgets import controls
from cvae_core.evaluation.glance import SAMPLES, Glance, at_a_glance
from cvae_core.evaluation.table import entries
from cvae_core.evaluation.table_formats import PYRO_NOTE, WHOLE, briefly
from cvae_core.runs.run import Run

IMAGES = "scored-images"  # key of the chosen images
ROW_HEIGHT = 22  # pixels, so that twelve rows and the chart fit into a window 720 pixels high


def show() -> None:
    """Show the view."""
    runs, damaged = cll_table.readable_runs()
    glance = _chosen(runs)
    if glance is None:
        st.info(
            "No sound run of this machine with a Bernoulli likelihood is scored yet. Train a run with "
            "`python -m cvae_core train label`, then score it with `python -m cvae_core evaluate label`. Figures of imported "
            "runs and of other likelihoods are under *All figures*.",
            icon=":material/info:",
        )
    else:
        _show(glance)
    cll_table.tell_unscored(runs, damaged, entries(runs) if glance is None else glance.entries)


def _chosen(runs: Sequence[Run]) -> Glance | None:
    """Return the table of the images that the visitor chooses in the sidebar, if there are several."""
    glance = at_a_glance(runs)
    if glance is None or len(glance.sets) == 1:
        return glance
    key = url_state.bound(IMAGES, one_of(glance.sets), glance.sets[0])
    with st.sidebar:
        images = controls.or_default(st.selectbox("Images", glance.sets, key=key), glance.sets[0])
    return glance if images == glance.sets[0] else at_a_glance(runs, images)


def _show(glance: Glance) -> None:
    alt = f"The figures of the table below as dots, a column each for {', '.join(glance.columns)}"
    chart = glance_chart(glance)
    with st.container(key="bare-glance"):
        st.plotly_chart(chart, config=BARE_CONFIG, key="glance", alt=alt)
    words = {"model": [row.title for row in glance.rows], "estimator": [row.estimator for row in glance.rows]}
    numbers = Numbers(
        name=f"glance-{hash(tuple(glance.runs))}",
        frame=pd.DataFrame(words),
        first=["model"],
        columns={column: briefly(column) for column in glance.columns},
        cells=[row.cells for row in glance.rows],
        missing=[row.unscored for row in glance.rows],
        best=set(glance.best.values()),
        config={
            "model": st.column_config.TextColumn(width=180),
            "estimator": st.column_config.TextColumn(width=142),
        },
    )
    columns = "" if glance.columns == [WHOLE] else "Columns: visible quadrants. "
    guide = (
        f"{plain(glance.title)}: −log p(x | c) in nats per image, **lower is better**; the lowest is bold and orange. "
        f"{columns}± and bars are standard errors over {glance.images:,} test images. Importance sampling uses {SAMPLES:,} "
        "draws per image. No model scores below the **floor** (dotted lines). **Click a number** to see how it was "
        "computed, or *Estimate* to compute a missing one."
    )
    more = f" {glance.left_out:,} more models are under *All figures*." if glance.left_out else ""
    published = f" Diamonds, \\*: {plain(PYRO_NOTE)}" if _is_published(glance) else ""
    cll_numbers.show(numbers, f"{guide}{published}{more}", row_height=ROW_HEIGHT)
    with st.container(horizontal=True):
        elements.chart_files(chart, "glance", alt)
        elements.numbers(code_snippets.glance(glance.runs), "glance")
        cll_table.exports(glance.entries)


def _is_published(glance: Glance) -> bool:
    return any(not entry.trained for row in glance.rows for entry in row.cells.values())
