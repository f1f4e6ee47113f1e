"""Stored results of a run: one cell per estimate, with the settings that reproduce it."""

import contextlib
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

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
INTERIM = "scoring-"  # prefix of the file with intermediate results of an evaluation
CURVE = "draws.json"  # results of the same estimators for growing numbers of draws
LOG = logging.getLogger(__name__)
Estimator = Literal["floor", "baseline", "elbo", "prior", "importance"]
MAX_SAMPLES = 100_000  # the noise of one image still fits into memory, for any number of latents


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Hold one estimate of a run's mean −log p(x | c), with its standard error and the settings that reproduce it."""

    estimator: Estimator
    split: Annotated[str, SPLITS]
    visible: Annotated[str, SETS] | None  # the visible quadrants, if the model has any
    samples: Annotated[int, Between(0, MAX_SAMPLES)]  # draws of z per image; 0 if the estimator draws none
    images: Images
    seed: Annotated[int, Between(0, MAX_SEED)]
    mean: Nats  # per image
    standard_error: Annotated[float, Between(0, 1e12)]  # over images
    seconds: Seconds


class Moments:
    """Accumulate sums of values and of their squares in float64, for mean and standard error."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0

    @classmethod
    def of(cls, cell: Cell) -> Self:
        """Return the sums that give the mean and standard error of a cell."""
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
        """Add the sums of the other processes."""
        sums = distributed.add_up(torch.tensor([self.count, self.total, self.squares], dtype=torch.float64))
        self.count, self.total, self.squares = int(sums[0]), float(sums[1]), float(sums[2])

    @property
    def mean(self) -> float:
        """Return the mean of the values added."""
        return self.total / self.count

    @property
    def standard_error(self) -> float:
        """Return the standard error of this mean."""
        variance = max(0.0, self.squares / self.count - self.mean**2) * self.count / max(1, self.count - 1)
        return math.sqrt(variance / self.count)


class Scored(NamedTuple):
    """Report the cells after `done` of `images` images."""

    done: int
    images: int
    cells: Sequence[Cell]


def stored_cells(run: Run, file: str = RESULTS) -> list[Cell]:
    """Read the cells of a run's current weights. For a read-only run, this includes cached ones."""
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
        raise RunDamaged(f"{path} is not of this version of the lab: evaluate the run again.") from error
    files.require(all(fits(cell, Cell) for cell in cells), path)
    return cells


def closest(stored: Sequence[Cell], cells: Sequence[Cell]) -> list[Cell]:
    """Return for each cell the stored one of its estimator, split and quadrants with the closest number of draws, if any."""

    def question(cell: Cell) -> tuple[object, ...]:
        return cell.estimator, cell.split, cell.visible

    found = []
    for cell in cells:
        alike = [other for other in stored if question(other) == question(cell)]
        found += sorted(alike, key=lambda other: (abs(other.samples - cell.samples), -other.images))[:1]
    return found


def store(run: Run, new: Sequence[Cell], weights: str, file: str = RESULTS) -> list[Cell]:
    """Add cells to a run's results and return all cells. A cell never replaces one that has more images.

    `weights` is the digest of the weights that were scored. Raises RunInUse if the run's weights have changed.
    """
    root = run.folder.parent
    with locks.locked(root / QUEUE / "results", root):  # another process may be adding cells to the same file
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
    """Store intermediate cells of an evaluation beside the run's results, one file per combination of settings."""

    def __init__(self, run: Run, *, split_name: str, visible: str | None, samples: int, seed: int):
        shown = canonical(visible) if visible else run.card().config.visible_set or "all"
        self.run, self.file = run, f"{INTERIM}{split_name}-{shown}-{samples}-{seed}.json"

    def cells(self) -> list[Cell]:
        """Return the stored cells of the run's current weights. Raise RunDamaged if the file cannot be read."""
        return stored_cells(self.run, self.file)

    @property
    def images(self) -> int:
        """Return the number of images of the stored cells, 0 if there are none."""
        try:
            return max((cell.images for cell in self.cells()), default=0)
        except RunDamaged:
            return 0

    def keep(self, cells: Sequence[Cell], weights: str) -> None:
        """Store cells, unless stored ones have more images. Raise NotWritable if that fails."""
        if cells[0].images >= self.images:
            content = {"file": self.file, "weights": weights, "cells": [asdict(cell) for cell in cells]}
            files.write_json(self.run.result_path(self.file), content)

    def drop(self, images: int) -> None:
        """Delete the stored cells if they have at most `images` images."""
        if self.images <= images:
            with contextlib.suppress(OSError):  # a leftover file does no harm
                self.run.result_path(self.file).unlink(missing_ok=True)


def _keep(cells: dict[tuple[object, ...], Cell], cell: Cell) -> None:
    known = cells.get(_key(cell))
    if known is None or (cell.images, cell.seed == known.seed) >= (known.images, True):
        cells[_key(cell)] = cell


def _key(cell: Cell) -> tuple[object, ...]:
    """Return the settings that identify a cell. A cell with more images replaces one with the same settings."""
    return cell.split, cell.visible, cell.estimator, cell.samples
