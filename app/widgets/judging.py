"""A button that lets the classifier of a data set judge a run's images."""

import streamlit as st

from app.cached import runs as library
from app.cached.runs import RunKey
from app.display import elements
from app.text.plain_text import plain
from app.widgets import background_command, run_pickers
from cvae_core.evaluation.classifier import classifier_path, is_readable
from cvae_core.system.folders import default_root

USUAL_SECONDS = 60.0  # the progress bar slows down towards its end


def offer() -> None:
    """Let the visitor choose a run to judge; without a classifier of its data set, say where one is trained."""
    keys = {name: key for name, key in library.run_keys().items() if _may_be_judged(key)}
    if not keys:
        return
    with st.container(border=True):
        key = run_pickers.run("Run to judge", keys, key="judged-run")
        dataset, root = library.config(key).dataset, default_root()
        if not classifier_path(dataset, root).exists():
            elements.caption(f"There is no classifier of {plain(dataset)} yet.")
            elements.link("data", "Train a classifier")
            return
        background_command.offer(
            f"judge {key.name}",
            f"Judge {library.named(key.name)}",
            lambda seconds: (seconds / (seconds + USUAL_SECONDS), f"judging {key.name}: {seconds:.0f} s so far"),
            "judge", key.name, "--root", str(root),
        )  # fmt: skip


def _may_be_judged(key: RunKey) -> bool:
    """Return whether a run is given something, and its images are here and have classes or attributes to read."""
    config = library.config(key)
    readable = is_readable(library.description(key))
    return bool(config.given) and bool(config.latents) and readable and not library.lacks_images(key)
