"""Stored scores of runs that pages quote, and what the classifier has found."""

from contextlib import suppress

from app.cached.runs import card, cards, cells_of, run_keys, run_named
from cvae_core.data.fingerprints import is_genuine
from cvae_core.errors import RunDamaged
from cvae_core.evaluation.results import Cell
from cvae_core.evaluation.sample_quality import Finding, stored_judgement

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
