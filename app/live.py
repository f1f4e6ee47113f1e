"""Estimating a cell anew while the visitor watches: a slice of work per tick, so that nobody waits for it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from app import charts, display, library
from app.library import RunKey
from cvae_core import runs, tables
from cvae_core.evaluation import Cell, Scored, evaluate, store

SLICE_SECONDS = 0.4  # of computing per tick
TICK = "0.6s"
_STATE = "live"


@dataclass
class Estimate:
    """One visitor's estimate at work, stopped or complete."""

    key: RunKey
    samples: int
    work: Iterator[Scored]
    last: Scored | None = None
    history: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    running: bool = True

    def advance(self) -> None:
        """Score images for a slice of time."""
        started = time.monotonic()
        while self.running and time.monotonic() - started < SLICE_SECONDS:
            scored = next(self.work, None)
            if scored is None:
                self.running = False
                break
            self.last = scored
            for cell in scored.cells:
                if cell.estimator != "floor":
                    name = tables.ESTIMATORS[cell.estimator]
                    self.history.setdefault(name, []).append((cell.images, cell.mean, cell.standard_error))


def begin(key: RunKey, samples: int, images: int, seed: int) -> None:
    """Start an estimate in place of the visitor's earlier one."""
    model = library.model(key)
    test = library.dataset(model.config.dataset).test
    runs.find(key.name, runs.default_root()).require_images(library.dataset(model.config.dataset).fingerprint)
    work = evaluate(model, test, samples=samples, images=images, seed=seed)
    st.session_state[_STATE] = Estimate(key, samples, work)


def show(stored: Mapping[str, Cell]) -> None:
    """Show the visitor's estimate, if there is one, and go on with it a slice per tick."""
    estimate: Estimate | None = st.session_state.get(_STATE)
    if estimate is not None:
        st.fragment(_explained, run_every=TICK if estimate.running else None)(estimate, stored)


def _explained(estimate: Estimate, stored: Mapping[str, Cell]) -> None:
    with display.sentences():
        _panel(estimate, stored)


def _panel(estimate: Estimate, stored: Mapping[str, Cell]) -> None:
    was_running = estimate.running
    estimate.advance()
    last = estimate.last
    if last is None:
        return
    done = f"{estimate.key.name}, S = {estimate.samples}: {last.done:,} of {last.images:,} images"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(last.done / last.images, text=done)
        if estimate.running and st.button("Stop", icon=":material/stop:", key="stop-live"):
            estimate.running = False
            st.rerun()
    _metrics(last.cells)
    if all(len(history) > 1 for history in estimate.history.values()):
        lines = {tables.ESTIMATORS[cell.estimator]: cell.mean for cell in stored.values()}
        st.plotly_chart(charts.settling(estimate.history, lines), config=charts.CONFIG, key="settling")
    if was_running and not estimate.running:
        store(runs.find(estimate.key.name, runs.default_root()), list(last.cells), estimate.key.weights)
        st.rerun()


def _metrics(cells: Sequence[Cell]) -> None:
    shown = [cell for cell in cells if cell.estimator != "floor"]
    for column, cell in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(
            f"{tables.ESTIMATORS[cell.estimator]}, nats",
            f"{cell.mean:.2f} ± {cell.standard_error:.2f}",
            border=True,
        )
