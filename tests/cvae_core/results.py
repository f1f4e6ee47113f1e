"""Helpers for results: store results for the current weights of a run, and read everything that a training leaves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cvae_core.evaluation import latent_space, results
from cvae_core.evaluation.latent_space import Embedding, Layout
from cvae_core.evaluation.results import Cell
from cvae_core.runs.run import Run
from cvae_core.system import files


def store(run: Run, cells: Sequence[Cell]) -> list[Cell]:
    return results.store(run, cells, run.weights_digest())


def store_embedding(run: Run, layout: Layout, embedding: Embedding) -> None:
    latent_space.store_embedding(run, layout, embedding, run.weights_digest())


def left(run: Run) -> dict[str, Any]:
    """Return the complete content of a run, without times and dates."""
    card, stages = run.card(), run.stages()
    assert card.weights is not None
    timeless = replace(card, seconds=0, created="", parts={})
    return {
        "card": timeless.to_json(),
        "weights": files.digest((run.folder / card.weights.file).read_bytes()),
        "curves": run.curves().drop(columns="seconds").to_dict("list"),
        "stages": {name: array.tolist() for name, array in stages.items()},
        "files": sorted(path.name for path in run.folder.iterdir() if not path.name.startswith(".")),
    }
