"""Stored results of a run: one cell per estimate, with what is needed to repeat it."""

import contextlib
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import torch
from torch import Tensor

from cvae_core.config.quadrant_names import SETS, canonical
from cvae_core.data.datasets import SPLITS
from cvae_core.errors import RunDamaged
from cvae_core.runs.card import CARDS_KEPT
from cvae_core.runs.run import Run
from cvae_core.system import distributed, files, locks
from cvae_core.system.folders import QUEUE
from cvae_core.system.seeds import MAX_SEED
from cvae_core.system.type_checks import Between, Images, Nats, Seconds, fits

RESULTS = "cll.json"
INTERIM = "scoring-"  # begins the name of what an evaluation has so far
CURVE = "draws.json"  # the same estimators at growing numbers of draws
LOG = logging.getLogger(__name__)
Estimator = Literal["floor", "baseline", "elbo", "prior", "importance"]
MAX_SAMPLES = 100_000  # one image's noise still fits in memory, whatever the number of latents


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One estimate of a run's mean −log p(x | c) with what is needed to trust it and make it again."""

    estimator: Estimator
    split: Annotated[str, SPLITS]
    visible: Annotated[str, SETS] | None  # the set that was shown, where the model has quadrants
    samples: Annotated[int, Between(0, MAX_SAMPLES)]  # draws of z per image; 0 where there is nothing to draw
    images: Images
    seed: Annotated[int, Between(0, MAX_SEED)]
    mean: Nats  # per image
    standard_error: Annotated[float, Between(0, 1e12)]  # over images
    seconds: Seconds


class Moments:
    """Sum values and their squares in float64, divide once."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0

    @classmethod
    def of(cls, cell: Cell) -> Self:
        """Return the sums that a cell was divided from."""
        moments, count = cls(), cell.images
        moments.count, moments.total = count, count * cell.mean
        moments.squares = count * cell.mean**2 + count * max(1, count - 1) * cell.standard_error**2
        return moments

    def add(self, values: Tensor) -> None:
        """Add values (N,)."""
        self.count += len(values)
        self.total += float(values.double().sum())
        self.squares += float(values.double().square().sum())

    def gather(self) -> None:
        """Add what the other processes have."""
        sums = distributed.add_up(torch.tensor([self.count, self.total, self.squares], dtype=torch.float64))
        self.count, self.total, self.squares = int(sums[0]), float(sums[1]), float(sums[2])

    @property
    def mean(self) -> float:
        """Return the mean so far."""
        return self.total / self.count

    @property
    def standard_error(self) -> float:
        """Return the standard error of the mean so far, over the values added."""
        variance = max(0.0, self.squares / self.count - self.mean**2) * self.count / max(1, self.count - 1)
        return math.sqrt(variance / self.count)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The running cells after some more images: `done` of `images`."""

    done: int
    images: int
    cells: Sequence[Cell]


def stored_cells(run: Run, file: str = RESULTS) -> list[Cell]:
    """Read a run's cells, those made from its present weights, the cached ones of a read-only run included."""
    card = run.card()
    cells: dict[tuple[object, ...], Cell] = {}
    for path in run.result_paths(file):
        if card.weights is not None:
            for cell in _results(path, files.version(path), card.weights.sha256):
                _keep(cells, cell)
    return list(cells.values())


@lru_cache(CARDS_KEPT)
def _results(path: Path, version: tuple[int, int, int], weights: str) -> Sequence[Cell]:
    content = files.read_json(path)
    files.require(content.get("file", path.name) == path.name, path)
    if content.get("weights") != weights:
        return ()
    try:
        cells = tuple(Cell(**cell) for cell in content["cells"])
    except (KeyError, TypeError) as error:
        raise RunDamaged(f"{path} is not of this version of the lab: evaluate the run anew.") from error
    files.require(all(fits(cell, Cell) for cell in cells), path)
    return cells


def store(run: Run, new: Sequence[Cell], weights: str, file: str = RESULTS) -> list[Cell]:
    """Add cells to a run's results; a cell from fewer images never replaces a fuller one. Return what is kept.

    `weights` is the digest of those that were scored; RunInUse where the run has others by now.
    """
    root = run.folder.parent
    with locks.locked(root / QUEUE / "results", root):  # others may store at this moment what this must not lose
        run.require_weights(weights)
        cells = {_key(cell): cell for cell in (stored_cells(run, file) if run.exists() else ())}
        for cell in new:
            _keep(cells, cell)
        kept = list(cells.values())
        content = {"file": file, "weights": weights, "cells": [asdict(cell) for cell in kept]}
        files.write_json(path := run.result_path(file), content)
    run.require_there(path)
    LOG.info("run %s: %d cells evaluated, %d in %s", run.name, len(new), len(kept), file)
    return kept


class Interim:
    """The cells so far of an evaluation that goes on: kept beside the run's results, in a file of its own question."""

    def __init__(self, run: Run, *, split_name: str, visible: str | None, samples: int, seed: int):
        shown = canonical(visible) if visible else run.card().config.visible_set or "all"
        self.run, self.file = run, f"{INTERIM}{split_name}-{shown}-{samples}-{seed}.json"

    def cells(self) -> list[Cell]:
        """Return what is kept of the run's present weights; raise RunDamaged where that cannot be told."""
        return stored_cells(self.run, self.file)

    @property
    def images(self) -> int:
        """Return over how many images that is."""
        try:
            return max((cell.images for cell in self.cells()), default=0)
        except RunDamaged:
            return 0

    def keep(self, cells: Sequence[Cell], weights: str) -> None:
        """Keep cells, unless those of more images are kept; raise NotWritable."""
        if cells[0].images >= self.images:
            content = {"file": self.file, "weights": weights, "cells": [asdict(cell) for cell in cells]}
            files.write_json(self.run.result_path(self.file), content)

    def drop(self, images: int) -> None:
        """Forget the cells of so many images, or of fewer."""
        if self.images <= images:
            with contextlib.suppress(OSError):  # it was a convenience, and so is tidying up after it
                self.run.result_path(self.file).unlink(missing_ok=True)


def _keep(cells: dict[tuple[object, ...], Cell], cell: Cell) -> None:
    known = cells.get(_key(cell))
    if known is None or (cell.images, cell.seed == known.seed) >= (known.images, True):
        cells[_key(cell)] = cell


def _key(cell: Cell) -> tuple[object, ...]:
    """Return what makes two cells the same question: more draws are another question, more images are not."""
    return cell.split, cell.visible, cell.estimator, cell.samples
