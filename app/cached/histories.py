"""How trainings went, for the pages: curves, stages and estimates at growing numbers of draws."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.cached.runs import RunKey, card, cells_of, config, other_images, run_keys, run_named
from app.display.plain_text import Markdown, plain
from cvae_core.evaluation.results import CURVE, Cell
from cvae_core.system import files

KEPT_TABLES = 40
SAME_MOMENT = 0.02  # of an epoch: stages within the first one fall on whole steps, which differ with the batch


@st.cache_data(max_entries=KEPT_TABLES, show_spinner=False)
def _curves(key: RunKey, epochs: int) -> pd.DataFrame:
    return run_named(key.name).curves()


def curves(key: RunKey) -> pd.DataFrame:
    """Return a run's curves: one row per epoch and split; read again when an epoch has been added."""
    return _curves(key, card(key).epochs)


def joined(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return several runs' curves as one table with the run's name in the first column."""
    return pd.concat([table.assign(run=name) for name, table in tables.items()]).pipe(
        lambda table: table[["run", *(column for column in table.columns if column != "run")]]
    )


@st.cache_data(max_entries=KEPT_TABLES, show_spinner=False)
def _stages(key: RunKey, version: tuple[int, int, int]) -> dict[str, np.ndarray]:
    return run_named(key.name).stages()


def stages(key: RunKey) -> dict[str, np.ndarray]:
    """Return the stages of a run's training; read again when one has been added."""
    return _stages(key, stages_version(key))


def stages_version(key: RunKey) -> tuple[int, int, int]:
    """Return what differs whenever a stage has been added; zeros while there is none."""
    return files.version(run_named(key.name).folder / "stages.npz")


def moments(trainings: Sequence[Mapping[str, np.ndarray]]) -> list[float]:
    """Return the epochs at which any of some trainings has a stage; of those that nearly coincide the last."""
    every = np.unique(np.concatenate([stages["epoch"] for stages in trainings]))
    return every[np.append(np.diff(every) > SAME_MOMENT, True)].tolist()


def latest(stages: Mapping[str, np.ndarray], epoch: float) -> int:
    """Return the position of a training's latest stage at or before an epoch."""
    return max(int(np.searchsorted(stages["epoch"], epoch, side="right")) - 1, 0)


def stage_words(key: RunKey) -> Markdown:
    """Say what a run's stages show, and why the truth is not beside them where this machine has other images."""
    found = config(key)
    if not found.latents:
        return f"Ten test digits completed, {plain(found.given_words)}: one answer each. {other_images(key)}"
    below = "eight $z$ under every label" if found.given else "eighty $z$ from the prior"
    if found.reads_images:
        below = f"eight completions of each, {plain(found.given_words)}"
    return f"Ten test digits reconstructed; below, {below}. {other_images(key)}"


def curves_by_draws() -> dict[str, list[Cell]]:
    """Return, for each run that has it, how its estimates settle as draws are added."""
    return {name: cells for name in run_keys() if (cells := cells_of(name, CURVE))}
