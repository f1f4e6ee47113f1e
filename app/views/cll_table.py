"""All figures of the table, their exports, estimates by number of draws, and judged images."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from app.cached import runs as library
from app.cached import scores
from app.charts import plotly_charts
from app.display import elements, url_state
from app.display.url_forms import several
from app.text import findings
from app.text.plain_text import Markdown, plain
from app.views import cll_by_model, cll_numbers, code_snippets
from app.views.cll_numbers import Numbers
from app.widgets import judging, run_pickers
from cvae_core.errors import RunDamaged
from cvae_core.evaluation import table as tables
from cvae_core.evaluation import table_formats
from cvae_core.evaluation.table import ESTIMATORS, Entry
from cvae_core.evaluation.table_formats import Pivot
from cvae_core.runs.run import Run
from cvae_core.system import formats

FIRST_RUN = "quadrant-1"  # selected by default
HEADINGS = {"importance sampling": "importance", "prior Monte Carlo": "prior"}  # so that all fit beside the explanation
WIDTH, ROW_HEIGHT = 160, 26  # pixels: of models' names, so that a phone also shows a number; of a row


def preview() -> None:
    """Show the headline figures as bars, and link to the page."""
    figures = scores.headline()
    if not figures:
        st.info("No quadrant run on MNIST is scored yet: `python -m cvae_core evaluate RUN`")
        return
    shown = dict(zip(code_snippets.headline_names(figures), figures.values(), strict=True))
    elements.chart(
        plotly_charts.bare(plotly_charts.headline_bars(shown)),
        code_snippets.headline(figures),
        "headline",
        "The scores of the baselines and the quadrant runs as bars",
        config=plotly_charts.BARE_CONFIG,
    )
    cell = max(figures.values(), key=lambda cell: cell.samples)
    elements.caption(
        f"−log p(hidden | visible), nats per image, over {cell.images:,} test images; lower is better. Grey: the baseline "
        f"(NN). Blue: CVAEs, by importance sampling with S = {cell.samples:,}"
    )
    elements.link("cll", "See the whole table")


def readable_runs() -> tuple[list[Run], list[RunDamaged]]:
    """Return the runs whose results can be read, and the faults of the others."""
    return tables.with_readable_results([library.run_named(name) for name in library.cards()[0]])


def tell_unscored(runs: Sequence[Run], damaged: Sequence[RunDamaged], entries: Sequence[Entry]) -> None:
    """Name finished runs without results among all entries of the runs, and damaged results."""
    for fault in damaged:
        st.warning(plain(fault), icon=":material/broken_image:")
    finished = {run.name for run in runs if run.card().status == "finished"}
    if unscored := sorted(finished - {run for entry in entries for run in entry.runs}):
        st.info(
            f"Not scored yet: {plain(', '.join(map(library.label, unscored)))}. Score them under *Estimate*.",
            icon=":material/info:",
        )


def chosen_rows(rows: Sequence[Entry]) -> list[Entry]:
    """Let the visitor filter rows by images, estimator and scored pixels. Any estimator shows baselines and floors."""
    sets = list(dict.fromkeys(row.images_name for row in rows))
    images = _filter("Images", sets, "of-images") if len(sets) > 1 else []
    there = {each for row in rows if row.kind != "floor" for each in row.estimators}
    estimators = _filter("Estimators", [name for each, name in ESTIMATORS.items() if each in there], "only")
    columns = _filter("Visible", list(dict.fromkeys(map(table_formats.scored, rows))), "scored")
    always = ("floor", "baseline")
    return [
        row
        for row in rows
        if (row.estimators[-1] in always or not estimators or ESTIMATORS[row.estimators[-1]] in estimators)
        and (not columns or table_formats.scored(row) in columns)
        and (not images or row.images_name in images)
    ]


def _filter(label: Markdown, options: Sequence[str], key: str) -> Sequence[str]:
    key = url_state.bound(key, several(options), [])
    return st.pills(label, options, selection_mode="multi", format_func=plain, key=key)


def table(pivot: Pivot) -> None:
    """Show one table of all figures."""
    elements.heading(plain(pivot.title))
    rows = cll_by_model.by_model(pivot)
    counts = {"S": [row.samples or None for row in rows], "N": [row.images for row in rows]}
    texts = {"model": [row.model for row in rows], "scored": [table_formats.briefly(row.scored) for row in rows]}
    numbers = Numbers(
        name=f"{pivot.title}-{hash(tuple(map(str, rows)))}",
        frame=pd.DataFrame({**texts, **counts}),
        first=list(texts),
        columns={name: HEADINGS.get(name, name) for name in cll_by_model.columns(rows)},
        cells=[row.cells for row in rows],
        best=pivot.best,
        config={"model": st.column_config.TextColumn(width=WIDTH)},
    )
    notes = ["Click a number to see how it was computed.", *filter(None, (pivot.note, *pivot.remarks, *pivot.troubles))]
    cll_numbers.show(numbers, "  \n".join(map(plain, notes)), row_height=ROW_HEIGHT)


def exports(rows: Sequence[Entry]) -> None:
    """Offer downloads of the rows as CSV, Markdown and LaTeX."""
    with st.container(horizontal=True):
        elements.file_button(
            "CSV", lambda: formats.spreadsheet(table_formats.long_table(rows)), "cll.csv", mime="text/plain"
        )
        elements.file_button("Markdown", partial(table_formats.markdown, rows), "cll.md", mime="text/plain")
        elements.file_button("LaTeX", partial(table_formats.latex, rows), "cll.tex", mime="text/plain")


def all_figures() -> None:
    """Show all numbers, grouped by model."""
    runs, damaged = readable_runs()
    entries = tables.entries(runs)
    tell_unscored(runs, damaged, entries)
    if not any(entry.runs for entry in entries):
        st.info(
            "No run is scored yet. Train a run with `python -m cvae_core train label`, then score it with "
            "`python -m cvae_core evaluate label`.",
            icon=":material/info:",
        )
        return
    elements.explained(
        "**Lower is better**: mean ± standard error over N test images, with S draws per image. In rows over several seeds, "
        "± is the standard deviation between seeds. Quote *importance sampling*; *prior Monte Carlo* is usually far too "
        "high. The best number on the full test set is bold. **gap**: the baseline's or the VAE's score minus the model's."
    )
    shown = chosen_rows(entries)
    for pivot in table_formats.pivots(shown):
        table(pivot)
    exports(shown)


def settling() -> None:
    """Show the bias of prior Monte Carlo: all estimators against the number of draws."""
    elements.heading("Why prior Monte Carlo is usually too high")
    settled = run_pickers.curve(FIRST_RUN)
    if settled is None:
        return
    chosen, cells = settled
    elements.explained(
        f"The first {cells[0].images:,} test images, {library.named(chosen)}. Usually few draws from the prior "
        "explain the image, and these dominate the mean over draws. With few draws, the logarithm of this mean is usually "
        f"too low. The error usually shrinks slowly as S grows. Draws from the recognition network usually explain the "
        "image, and importance weights correct for the change of distribution. "
        f"{findings.beside_importance(cells, 'prior')}"
    )
    alt = f"Three estimates of −log p(x | c) by {library.label(chosen)} against the number of draws"
    elements.chart(plotly_charts.by_draws(cells), code_snippets.by_draws(chosen), "by-draws", alt)


def judged() -> None:
    """Show how an independent classifier reads generated images."""
    elements.heading("Does a classifier recognise the generated images?")
    judging.offer()
    found = scores.judgements()
    if not found:
        st.info("No run's images are judged yet. Judge a run with: `python -m cvae_core judge RUN`")
        return
    elements.explained(
        "A small classifier, trained on real images only, reads the images that models generate. The column *real or chance* "
        "gives the value for real images, or by chance."
    )
    rows = [
        {
            "run": library.label(name),
            "measure": finding.named(library.cards()[0][name].description),
            "value": finding.value,
            "real or chance": finding.reference,
            "of": finding.of,
        }
        for name, findings in found.items()
        for finding in findings
        if " read as " not in finding.name
    ]
    share = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder="–",
        alt="How a classifier reads generated images",
        column_config={
            "value": share,
            "real or chance": share,
            "of": st.column_config.NumberColumn(format="localized"),
        },
    )
