"""A visitor's own estimate of a cell, computed in short slices so that it does not block other visitors."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import streamlit as st

from app.cached import runs as library
from app.cached.runs import RunKey
from app.charts import growing_charts, plotly_charts
from app.display import elements
from app.text.plain_text import plain
from app.views import cll_table, code_snippets
from app.views.cll_numbers import RUN
from app.widgets import background_command, controls, run_pickers
from cvae_core.data import datasets
from cvae_core.errors import LabError
from cvae_core.evaluation import table
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import Cell, Scored, closest, store, stored_cells
from cvae_core.jobs import housekeeping

SLICE_SECONDS = 0.3  # of computing per tick
TICK = "0.6s"
KEPT = ((100, 10_000), (1000, 1000))  # draws and images of the table's rows; other estimates are not stored
MAX_SAMPLES, LIVE_SAMPLES, LIVE_IMAGES = 1000, 100, 2000
_STATE = "own-estimate"  # in the session
_SLICE_LOCK = threading.Lock()  # one slice at a time, so that concurrent estimates do not slow each other's slices down


@dataclass
class Estimate:
    """One visitor's estimate: running, stopped or complete."""

    key: RunKey
    samples: int
    seed: int
    work: Iterator[Scored]
    last: Scored | None = None
    history: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    running: bool = True
    fault: str | None = None
    hold: ExitStack = field(default_factory=ExitStack)  # keeps the run from being renamed or deleted until the end

    def advance(self) -> None:
        """Score images for SLICE_SECONDS, unless another visitor's slice is running."""
        if not self.running or not _SLICE_LOCK.acquire(blocking=self.last is None):
            return
        try:
            started = time.monotonic()
            while self.running and time.monotonic() - started < SLICE_SECONDS:
                if (scored := next(self.work, None)) is None:
                    self.keep()
                    self.end()
                else:
                    self.note(scored)
        except LabError as error:
            self.fault = str(error)
            self.end()
        finally:
            _SLICE_LOCK.release()

    def end(self) -> None:
        """Stop the estimate and release its run."""
        self.running = False
        self.hold.close()

    def note(self, scored: Scored) -> None:
        """Record the current estimates in the history."""
        self.last = scored
        for cell in scored.cells:
            if cell.estimator != "floor":
                name = table.ESTIMATORS[cell.estimator]
                self.history.setdefault(name, []).append((cell.images, cell.mean, cell.standard_error))

    def keep(self) -> None:
        """Store a complete estimate if it belongs to a row of the table."""
        assert self.last is not None
        most = len(library.images(self.key).test)
        if (self.samples, self.last.images) not in [(samples, min(images, most)) for samples, images in KEPT]:
            return
        try:
            store(library.run_named(self.key.name), list(self.last.cells), self.key.weights)
        except LabError as error:
            self.fault = f"This estimate is complete but could not be stored in the table. {error}"

    def stored(self) -> dict[str, Cell]:
        """Return the run's stored cells for the same visible quadrants with the closest S, by the estimator's name."""
        cells = closest(stored_cells(library.run_named(self.key.name)), self.last.cells if self.last else ())
        return {table.ESTIMATORS[cell.estimator]: cell for cell in cells}


def begin(key: RunKey, samples: int, images: int, seed: int) -> None:
    """Start an estimate that replaces the visitor's earlier one."""
    run = library.run_named(key.name)
    work = evaluate(library.model(key), library.images(key).test, samples=samples, images=images, seed=seed)
    if earlier := st.session_state.get(_STATE):
        earlier.end()
    estimate = Estimate(key, samples, seed, work)
    estimate.hold.enter_context(housekeeping.held(run, "estimate"))
    st.session_state[_STATE] = estimate


def show() -> None:
    """Show the view: a form, and the visitor's estimate, which is advanced by one slice every TICK."""
    with elements.sentences():
        _form()
    estimate: Estimate | None = st.session_state.get(_STATE)
    if estimate is not None:
        st.fragment(_panel, run_every=TICK if estimate.running else None)(estimate)


def _form() -> None:
    """Let the visitor start an estimate."""
    runs, damaged = cll_table.readable_runs()
    cll_table.tell_unscored(runs, damaged, table.entries(runs))
    everything = sorted(
        library.run_keys().items(),
        key=lambda item: (bool(library.other_images(item[1])), item[0] != cll_table.FIRST_RUN, item[0]),
    )
    here = {name: key for name, key in everything if datasets.on_disk(library.config(key).dataset)}
    lacking = {library.config(key).dataset: key for name, key in everything if name not in here}
    for missing, key in sorted(lacking.items()):
        st.info(
            f"New estimates of {plain(missing)} runs need its images. {library.lacks_images(key)}",
            icon=":material/info:",
        )
        if missing in datasets.DOWNLOAD_BYTES:
            background_command.offer_download(missing)
    if not here:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.run("Run", here, key=RUN)
        samples = controls.whole_number("S, draws per image", 1, MAX_SAMPLES, default=LIVE_SAMPLES, key="draws")
        most = len(library.images(key).test)
        images = controls.whole_number("N, test images", 1, most, default=min(LIVE_IMAGES, most), key="over")
        seed = controls.seed()
        if st.button("Estimate", icon=":material/play_arrow:", type="primary"):
            begin(key, samples, images, seed)
    kept = " and ".join(f"S = {samples:,} over {images:,}" for samples, images in KEPT)
    elements.caption(
        f"Complete estimates with {kept} images (or all, if fewer) are stored in the table. Others are shown to you only. "
        "An estimate advances while this tab is open."
    )


def _panel(estimate: Estimate) -> None:
    was_running = estimate.running
    estimate.advance()
    if estimate.fault:
        st.error(plain(estimate.fault), icon=":material/error:")
    last = estimate.last
    if last is None:
        return
    done = f"{library.label(estimate.key.name)}, S = {estimate.samples}: {last.done:,} of {last.images:,} images"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(last.done / last.images, text=plain(done))
        if estimate.running and st.button("Stop", icon=":material/stop:", key="stop-estimate"):
            estimate.end()
            st.rerun()
    _metrics(last.cells)
    with elements.sentences():
        if all(len(history) > 1 for history in estimate.history.values()):
            lines = code_snippets.settling(estimate.key, estimate.samples, last.images, estimate.seed)
            alt = f"How the estimates of {library.label(estimate.key.name)} settle as images are added"
            numbers = estimate.history, estimate.stored()
            if estimate.running:
                elements.growing_chart(growing_charts.estimates(*numbers), lines, "growing", alt)
            else:
                elements.chart(plotly_charts.settling(*numbers), lines, "settling", alt)
    if was_running and not estimate.running:
        st.rerun()


def _metrics(cells: Sequence[Cell]) -> None:
    shown = [cell for cell in cells if cell.estimator != "floor"]
    for column, cell in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(
            f"{table.ESTIMATORS[cell.estimator]}, nats", f"{cell.mean:.2f} ± {cell.standard_error:.2f}", border=True
        )
