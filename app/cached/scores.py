"""Stored scores of runs that pages quote, and what the classifier has found."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import streamlit as st

from app.cached.runs import RunKey, card, cards, cells_of, config, run_keys, run_named
from cvae_core.data.fingerprints import is_genuine
from cvae_core.errors import RunDamaged
from cvae_core.evaluation.classifier import classifier_path
from cvae_core.evaluation.results import Cell
from cvae_core.evaluation.sample_quality import Finding, stored_judgement
from cvae_core.system import formats
from cvae_core.system.folders import default_root

KEPT = 20  # classifiers
HEADLINE = (("importance", "test", 100), ("baseline", "test", 0))  # estimator, split and draws of the scores to quote


def quality(name: str) -> Cell | None:
    """Return a run's importance-sampling estimate over most test images, a baseline's cross-entropy, or None.

    Like its validation figures, the estimate of a run for any set is over random sets.
    """
    visible = run_named(name).card().config.visible_set
    return max((cell for cell in _quoted(name) if cell.visible == visible), key=lambda cell: cell.images, default=None)


def headline() -> dict[str, Cell]:
    """Return the test scores of baselines and of quadrant runs (importance sampling, S = 100), by what is visible.

    They are Bernoulli scores of runs for one set of quadrants on the published MNIST, without imported runs. The baseline
    comes first.
    """
    best: dict[str, Cell] = {}
    keys = run_keys(given=("pixels",), any_set=False, dataset="mnist", likelihood="bernoulli")
    for name, key in sorted(keys.items()):
        found = card(key)
        if is_genuine("mnist", found.data_fingerprint) and not found.imported:
            for cell in _quoted(name):
                best[name] = cell
    return dict(sorted(best.items(), key=lambda item: (item[1].visible, item[1].estimator != "baseline")))


def _quoted(name: str) -> list[Cell]:
    return [cell for cell in cells_of(name) if (cell.estimator, cell.split, cell.samples) in HEADLINE]


def judgements() -> dict[str, list[Finding]]:
    """Return the classifier's findings for each run that it has judged."""
    found = {}
    for name in cards()[0]:
        with suppress(RunDamaged):  # the row is missing, which the table reports
            if findings := stored_judgement(run_named(name)):
                found[name] = findings
    return found


def classifier_notes(key: RunKey) -> Mapping[str, str] | None:
    """Return the notes in the file of the classifier of a run's data set, such as its accuracy; None if there is none."""
    path = classifier_path(config(key).dataset, default_root())
    return _notes(path, path.stat().st_mtime_ns) if path.exists() else None


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _notes(path: Path, changed: int) -> Mapping[str, str]:
    _, notes = formats.read_tensors(path)
    return notes
