"""The table of conditional log-likelihoods, its exports, estimates by number of draws, and judged digits."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from app.cached import runs as library
from app.display import elements, plotly_charts, url_state
from app.display.plain_text import code, plain
from app.display.provenance import provenance
from app.display.url_forms import several
from app.views import cll_estimate, code_snippets
from app.widgets import background_command, controls, run_pickers
from cvae_core.data import datasets
from cvae_core.evaluation import table as tables
from cvae_core.evaluation import table_formats
from cvae_core.evaluation.table import ESTIMATORS, Entry
from cvae_core.evaluation.table_formats import Pivot
from cvae_core.system import formats

FIRST_RUN = "quadrant-1"  # selected by default
CLICKED = "clicked-number"  # in the session: table, row and column of the last click
UNMARKED = "tables-unmarked"  # in the session: how often each table's selection was reset
WIDTHS = {
    "estimator": 250,
    "S": 45,
    "N": 62,
    table_formats.PAIR: 480,
}  # pixels, so that no text is cut off; numbers share the rest
LEAST_WIDTH, LETTER, MOST_WIDTH = 205, 7, 330  # of models' names, in pixels, so that a phone also shows a number
MAX_SAMPLES, LIVE_SAMPLES, LIVE_IMAGES = 1000, 100, 2000


def preview() -> None:
    """Show the headline figures as bars, and link to the page."""
    figures = library.headline()
    if not figures:
        st.info("No quadrant run on MNIST is scored yet: `python -m cvae_core evaluate RUN`")
        return
    elements.chart(
        plotly_charts.bare(plotly_charts.headline_bars(figures)),
        code_snippets.headline(figures),
        "headline",
        "The importance-sampling estimates of the quadrant runs as bars",
        config=plotly_charts.BARE_CONFIG,
    )
    cell = next(iter(figures.values()))
    st.caption(
        f"−log p(hidden | visible), nats per image, by importance sampling with S = {cell.samples:,} over "
        f"{cell.images:,} test images; lower is better"
    )
    elements.link("cll", "See the whole table")


def of_estimators(rows: Sequence[Entry]) -> list[Entry]:
    """Let the visitor filter rows by estimator: a difference is shown for either of its estimators, a floor always."""
    there = {each for row in rows if row.kind != "floor" for each in row.estimators}
    names = [name for each, name in ESTIMATORS.items() if each in there]
    key = url_state.bound("only", several(names), [])
    chosen = st.pills("Show only", names, selection_mode="multi", format_func=plain, key=key)
    if not chosen:
        return list(rows)
    return [row for row in rows if row.kind == "floor" or any(ESTIMATORS[each] in chosen for each in row.estimators)]


def table(pivot: Pivot) -> None:
    """Show one table; a click on a number shows how it was computed."""
    st.subheader(plain(pivot.title), anchor=False)
    frame = pivot.frame().assign(model=[line.title for line in pivot.lines])
    longest = max(map(len, frame["model"]))
    widths = {"model": max(LEAST_WIDTH, min(LETTER * longest, MOST_WIDTH)), **WIDTHS}
    name = f"{pivot.title}-{hash(tuple(map(str, pivot.lines)))}"  # the selection belongs to this table only
    key = f"table-{name}-{st.session_state.get(UNMARKED, {}).get(name, 0)}"
    clicked, *cell = st.session_state.get(CLICKED, ("",))
    marked = cell if clicked == name else []
    st.dataframe(
        frame.style.apply(emphasis, pivot=pivot, axis=None),
        hide_index=True,
        on_select=partial(take_click, name, key, len(pivot.lines)),
        selection_mode="single-cell",
        selection_default={"selection": {"cells": marked}},
        key=key,
        height="content",
        column_config={name: st.column_config.TextColumn(width=width) for name, width in widths.items()},
        column_order=["model", *pivot.columns, *WIDTHS],  # so that a phone shows at least one number
    )
    for words in filter(None, (pivot.note, *pivot.troubles)):
        st.caption(plain(words))
    for row, column in marked:
        if entry := pivot.lines[row].cells.get(column):
            with st.bottom, st.container(horizontal=True, wrap=False, vertical_alignment="center"):
                st.info(provenance(entry), icon=":material/fact_check:")
                st.button("Close", on_click=close, type="tertiary")


def take_click(name: str, key: str, lines: int) -> None:
    """Store the last clicked cell of any table, because Streamlit drops selections when a tab is closed."""
    before, *_ = st.session_state.get(CLICKED, ("",))
    if before != name:
        close()
    match st.session_state[key]:
        case {"selection": {"cells": [[int(row), str(column)], *_]}} if 0 <= row < lines:
            st.session_state[CLICKED] = name, (row, column)
        case _:
            st.session_state.pop(CLICKED, None)


def close() -> None:
    """Clear the clicked cell; its table needs a new key, because Streamlit keeps a selection with the key."""
    name, *_ = st.session_state.pop(CLICKED, ("",))
    unmarked = st.session_state.setdefault(UNMARKED, {})
    unmarked[name] = unmarked.get(name, 0) + 1


def emphasis(frame: pd.DataFrame, pivot: Pivot) -> pd.DataFrame:
    """Return styles that set the best numbers in bold."""
    styles = [
        ["font-weight: bold" if line.cells.get(column) in pivot.best else "" for column in frame.columns]
        for line in pivot.lines
    ]
    return pd.DataFrame(styles, index=frame.index, columns=frame.columns)


def exports(rows: Sequence[Entry]) -> None:
    """Offer downloads of the rows as CSV, Markdown and LaTeX."""
    with st.container(horizontal=True):
        elements.file_button(
            "CSV", lambda: formats.spreadsheet(table_formats.long_table(rows)), "cll.csv", mime="text/plain"
        )
        elements.file_button("Markdown", partial(table_formats.markdown, rows), "cll.md", mime="text/plain")
        elements.file_button("LaTeX", partial(table_formats.latex, rows), "cll.tex", mime="text/plain")


def scored() -> None:
    """Show all numbers, and let the visitor compute an estimate."""
    with elements.sentences():
        runs, damaged = tables.with_readable_results([library.run_named(name) for name in library.cards()[0]])
        for fault in damaged:
            st.warning(plain(fault), icon=":material/broken_image:")
        entries = tables.entries(runs)
        finished = {run.name for run in runs if run.card().status == "finished"}
        if unscored := sorted(finished - {run for entry in entries for run in entry.runs}):
            st.info(
                f"Not scored yet: {plain(', '.join(map(library.label, unscored)))}. Score them with *Estimate* below.",
                icon=":material/info:",
            )
        if not any(entry.runs for entry in entries):
            st.info(
                "No run is scored yet. Train a run with `python -m cvae_core train label`, then score it with "
                "`python -m cvae_core evaluate label`.",
                icon=":material/info:",
            )
        else:
            elements.explained(
                "**Lower is better**: mean ± standard error over test images. Quote *importance sampling*; *prior Monte "
                "Carlo* is usually far too high. The best number on the full test set is bold. Click a number to see how it "
                "was computed."
            )
            shown = of_estimators(entries)
            for pivot in table_formats.pivots(shown):
                table(pivot)
            exports(shown)
    estimate_anew()


def settling() -> None:
    """Show the bias of prior Monte Carlo: all estimators against the number of draws."""
    st.subheader("Why prior Monte Carlo is usually too high", anchor=False)
    settled = run_pickers.curve(FIRST_RUN)
    if settled is None:
        return
    chosen, cells = settled
    elements.explained(
        f"The first {cells[0].images:,} test images, {code(library.label(chosen))}. Few draws from the prior explain the "
        "image, and these dominate the mean over draws. With few draws, the logarithm of this mean is usually too low. The "
        "error shrinks slowly as S grows. Draws from the recognition network usually explain the image, and importance "
        "weights correct for the change of distribution."
    )
    alt = f"Three estimates of −log p(x | c) by {chosen} against the number of draws"
    elements.chart(plotly_charts.by_draws(cells), code_snippets.by_draws(chosen), "by-draws", alt)


def judged() -> None:
    """Show how an independent classifier reads generated digits."""
    st.subheader("Does a classifier recognise the generated digits?", anchor=False)
    found = library.judgements()
    if not found:
        st.info("No run's digits are judged yet. Judge a run with: `python -m cvae_core judge RUN`")
        return
    elements.explained(
        "A small classifier, trained on real digits only, reads the digits that models generate. The column *real or chance* "
        "gives the value for real digits, or by chance."
    )
    rows = [
        {
            "run": library.label(name),
            "measure": finding.name,
            "value": f"{finding.value:.3f}",
            "real or chance": "–" if finding.reference is None else f"{finding.reference:.3f}",
            "of": f"{finding.of:,}",
        }
        for name, findings in found.items()
        for finding in findings
        if " read as " not in finding.name
    ]
    elements.table(pd.DataFrame(rows), hide_index=True, alt="How a classifier reads generated digits")


def estimate_anew() -> None:
    """Let the visitor compute an estimate of a run's cells on this page."""
    st.subheader("Estimate it yourself", anchor=False)
    everything = sorted(
        library.run_keys().items(),
        key=lambda item: (bool(library.other_images(item[1])), item[0] != FIRST_RUN, item[0]),
    )
    here = {name: key for name, key in everything if datasets.on_disk(library.config(key).dataset)}
    for missing in sorted({library.config(key).dataset for name, key in everything if name not in here}):
        st.info(
            f"New estimates of {plain(missing)} runs need its images, which are not on this machine.",
            icon=":material/info:",
        )
        background_command.offer_download(missing)
    if not here:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.run("Run", here, key="estimate")
        samples = controls.whole_number("S, draws per image", 1, MAX_SAMPLES, default=LIVE_SAMPLES, key="draws")
        most = len(library.images(key).test)
        images = controls.whole_number("N, test images", 1, most, default=min(LIVE_IMAGES, most), key="over")
        seed = controls.seed()
        if st.button("Estimate", icon=":material/play_arrow:", type="primary"):
            cll_estimate.begin(key, samples, images, seed)
    kept = " and ".join(f"S = {samples:,} over {images:,}" for samples, images in cll_estimate.KEPT)
    st.caption(
        f"Complete estimates with {kept} images (or all, if fewer) are stored in the table. Others are shown to you only."
    )
