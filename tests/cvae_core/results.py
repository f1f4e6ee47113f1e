"""Storing results in tests: always under the run's present weights."""

from collections.abc import Sequence

from cvae_core import evaluation, latent
from cvae_core.evaluation import Cell
from cvae_core.latent import Embedding, Layout
from cvae_core.runs import Run


def store(run: Run, cells: Sequence[Cell]) -> list[Cell]:
    return evaluation.store(run, cells, run.weights_digest())


def store_embedding(run: Run, layout: Layout, embedding: Embedding) -> None:
    latent.store_embedding(run, layout, embedding, run.weights_digest())
