"""Buttons that train the classifier of a data set and let it judge a run's images."""

import streamlit as st

from app.cached import runs as library
from app.cached import scores
from app.cached.runs import RunKey
from app.display import elements
from app.text.plain_text import Markdown, plain
from app.widgets import background_command, run_pickers
from cvae_core.system.folders import default_root

USUAL_SECONDS = 60.0  # of either command: the progress bar slows down towards its end


def offer() -> None:
    """Let the visitor choose a run to judge; without a classifier of its data set, offer to train one first."""
    keys = {name: key for name, key in library.run_keys().items() if _may_be_judged(key)}
    if not keys:
        return
    with st.container(border=True):
        key = run_pickers.run("Run to judge", keys, key="judged-run")
        dataset, root = library.config(key).dataset, str(default_root())
        notes = scores.classifier_notes(key)
        if notes is None:
            elements.caption(f"There is no classifier of {plain(dataset)} yet. It is trained on its training images.")
            _command(f"Train a classifier of {plain(dataset)}", "classifier", dataset, "--root", root)
            return
        if "accuracy" in notes:
            elements.caption(f"The classifier of {plain(dataset)} classifies {float(notes['accuracy']):.1%} of the test "
                             "images correctly.")  # fmt: skip
        _command(f"Judge {library.named(key.name)}", "judge", key.name, "--root", root)


def _may_be_judged(key: RunKey) -> bool:
    """Return whether a run is given labels or quadrants, and its images are here and have several classes."""
    config = library.config(key)
    kinds = config.given == ("label",) or config.has_baseline
    return kinds and config.classes > 1 and not library.lacks_images(key)


def _command(label: Markdown, *arguments: str) -> None:
    def progress(seconds: float) -> tuple[float, str]:
        return seconds / (seconds + USUAL_SECONDS), f"{' '.join(arguments[:2])}: {seconds:.0f} s so far"

    background_command.offer(" ".join(arguments), label, progress, *arguments)
