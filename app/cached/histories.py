"""Histories for the pages: curves and stages of trainings, and estimates at several numbers of draws."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.cached.runs import RunKey, card, cells_of, config, description, model_of, other_images, run_keys, run_named
from app.text.plain_text import Markdown, plain
from cvae_core.evaluation.results import CURVE, Cell
from cvae_core.system import files
from cvae_core.training.validation import STAGE_ROWS

KEPT_TABLES = 40
SAME_MOMENT = 0.02  # of an epoch: early stages fall on whole steps, whose length depends on the batch size


@st.cache_data(max_entries=KEPT_TABLES, show_spinner=False)
def _curves(key: RunKey, epochs: int) -> pd.DataFrame:
    return run_named(key.name).curves()


def curves(key: RunKey) -> pd.DataFrame:
    """Return a run's curves: one row per epoch and split; read again when an epoch has been added."""
    return _curves(key, card(key).epochs)


def joined(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return several runs' curves as one table whose first columns are the run's name and its model's."""
    every = pd.concat([table.assign(run=name, model=model_of(name)) for name, table in tables.items()])
    return every[list(dict.fromkeys(["run", "model", *every.columns]))]


@st.cache_data(max_entries=KEPT_TABLES, show_spinner=False)
def _stages(key: RunKey, version: tuple[int, int, int]) -> dict[str, np.ndarray]:
    return run_named(key.name).stages()


def stages(key: RunKey) -> dict[str, np.ndarray]:
    """Return the stages of a run's training; read again when one has been added."""
    return _stages(key, stages_version(key))


def stages_version(key: RunKey) -> tuple[int, int, int]:
    """Return a version that changes with every added stage; zeros if there is no stage."""
    return files.version(run_named(key.name).folder / "stages.npz")


def moments(trainings: Sequence[Mapping[str, np.ndarray]]) -> list[float]:
    """Return all epochs at which a training has a stage; of epochs within `SAME_MOMENT`, the last."""
    every = np.unique(np.concatenate([stages["epoch"] for stages in trainings]))
    return every[np.append(np.diff(every) > SAME_MOMENT, True)].tolist()


def latest(stages: Mapping[str, np.ndarray], epoch: float) -> int:
    """Return the position of a training's latest stage at or before an epoch."""
    return max(int(np.searchsorted(stages["epoch"], epoch, side="right")) - 1, 0)


def stage_words(key: RunKey) -> Markdown:
    """Describe a run's stages; if this machine has other images, explain why the true images are missing."""
    found, count = config(key), min(STAGE_ROWS, description(key).test)
    if not found.latents:
        return f"One completion for each of {count:d} test images, {plain(found.given_words)}. {other_images(key)}"
    below = "eight $z$ for the label of each" if found.given else f"{8 * count:d} $z$ from the prior"
    if found.reads_images:
        below = f"eight completions of each, {plain(found.given_words)}"
    return f"Top: reconstructions of {count:d} test images. Below: {below}. {other_images(key)}"


def curves_by_draws() -> dict[str, list[Cell]]:
    """Return the estimates at several numbers of draws, for each run that has them."""
    return {name: cells for name in run_keys() if (cells := cells_of(name, CURVE))}
