"""How good is it, honestly?"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from app import controls, display, library, live
from app.provenance import provenance
from cvae_core import data, tables
from cvae_core.evaluation import stored_cells
from cvae_core.objectives import LogMeanExp, from_posterior, prior_monte_carlo
from cvae_core.runs import default_root, find
from cvae_core.tables import Entry, Pivot

FIRST_TEXT_COLUMNS = 4  # model, estimator, S, N
MAX_SAMPLES, STORED_SAMPLES, LIVE_IMAGES = 1000, 100, 2000


def table(pivot: Pivot) -> None:
    """Show one table; a click on a number says how it was computed."""
    st.subheader(pivot.title, anchor=False)
    frame = pivot.frame()
    chosen = st.dataframe(
        frame.style.apply(emphasis, pivot=pivot, axis=None),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"table-{pivot.title}",
        height="content",
        column_config={
            "model": st.column_config.TextColumn(width="medium"),
            "N": st.column_config.TextColumn(width=70),
        },
    )
    for row, column in chosen.selection.cells:
        entry = pivot.lines[row].cells.get(column)
        if entry is not None:
            st.info(provenance(entry), icon=":material/fact_check:")


def emphasis(frame: pd.DataFrame, pivot: Pivot) -> pd.DataFrame:
    """Set the best number of each column in bold."""
    styles = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for row, line in enumerate(pivot.lines):
        for column, entry in line.cells.items():
            if entry in pivot.best:
                styles.loc[row, column] = "font-weight: bold"
    return styles


def exports(rows: Sequence[Entry]) -> None:
    """Offer the whole table as files."""
    writers: Mapping[str, tuple[str, Callable[[Sequence[Entry]], str]]] = {
        "CSV": ("csv", lambda rows: tables.long_table(rows).to_csv(index=False)),
        "Markdown": ("md", tables.markdown),
        "LaTeX": ("tex", tables.latex),
    }
    with st.container(horizontal=True):
        for name, (ending, write) in writers.items():
            st.download_button(
                name,
                data=partial(write, rows),
                file_name=f"cll.{ending}",
                mime="text/plain",
                on_click="ignore",
                icon=":material/download:",
            )


def estimate_anew() -> None:
    """Let the visitor estimate a run's cells, live."""
    st.subheader("Estimate it yourself", anchor=False)
    here = {name: key for name, key in library.run_keys().items() if data.on_disk(library.config(key).dataset)}
    if not here:
        st.info("Live cells need the images that a run was trained on, and they are not on this machine.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = controls.run("Run", here)
        samples = int(st.number_input("S, draws per image", 1, MAX_SAMPLES, 100, key="draws", bind="query-params") or 1)
        most = len(library.dataset(library.config(key).dataset).test)
        images = int(
            st.number_input("N, test images", 1, most, min(LIVE_IMAGES, most), key="images", bind="query-params") or 1
        )
        seed = controls.seed()
        if st.button("Estimate", icon=":material/play_arrow:", type="primary"):
            live.begin(key, samples, images, seed)
    live.show(
        {
            c.estimator: c
            for c in stored_cells(find(key.name, default_root()))
            if c.split == "test" and c.samples in (0, 100)
        }
    )


st.title("Conditional log-likelihoods")
st.markdown(
    "How many nats does a model need for what it was not shown? **Lower is better**, mean ± standard error over test images. "
    "Quote *importance sampling*; *prior Monte Carlo* shows why nobody should. The best full-test figure is bold; click a "
    "number to see where it comes from."
)
library.rerun_when_runs_change()
with display.sentences():
    scored, damaged = tables.readable([find(name, default_root()) for name in library.cards()[0]])
    for fault in damaged:
        st.warning(str(fault), icon=":material/broken_image:")
    entries = tables.entries(scored)
    if not any(entry.run for entry in entries):
        st.info(
            "Nothing is scored yet. Train a run with `python -m cvae_core train label`, then score it with "
            "`python -m cvae_core evaluate label`.",
            icon=":material/info:",
        )
    else:
        for pivot in tables.pivots(entries):
            table(pivot)
        exports(entries)
with display.sentences():
    estimate_anew()
display.explanation(
    "All rows estimate $-\\log p(x \\mid c)$ of the hidden pixels (or of the whole image, given the label or nothing). "
    "**−ELBO** averages draws from the recognition network and is an upper bound. **Importance sampling** weighs the same "
    "draws by $p(z \\mid c) / q(z \\mid x, c)$; it is an upper bound in expectation too, and tightens as S grows. **Prior "
    "Monte Carlo** draws from $p(z \\mid c)$, where hardly a draw explains the image: at these S it is far too high. Grey "
    "pixels are Bernoulli targets, so no model goes below their entropy, the **floor**. The tutorial's rows are as "
    "published: −ELBO, with the test set used for early stopping.",
    r"-\log p(x \mid c) \approx -\log \frac{1}{S} \sum_{s=1}^{S} \frac{p(x \mid z_s, c)\, p(z_s \mid c)}{q(z_s \mid x, c)}, "
    r"\qquad z_s \sim q(z \mid x, c)",
    from_posterior,
    prior_monte_carlo,
    LogMeanExp,
)
