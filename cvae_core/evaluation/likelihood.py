"""Conditional log-likelihoods of a split, with standard errors, and the cells in which a run keeps them.

A cell is one estimator at one number of draws over one number of images: −log p(x | c) in nats per image, lower is
better. Noise is a function of (seed, image, estimator), so an image's estimate does not depend on which others are
scored, and the first 1,000 images of a larger cell are the cell of 1,000.
"""

import contextlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import torch
from torch import Tensor

from cvae_core.config.flavours import any_set, is_gsnn
from cvae_core.config.quadrant_names import ANY, SETS, canonical
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import SPLITS, Split
from cvae_core.data.masks import flags
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.distributions import cross_entropy
from cvae_core.models.objectives import elbo, from_posterior, prior_monte_carlo
from cvae_core.runs.card import CARDS_KEPT
from cvae_core.runs.run import Run
from cvae_core.system import distributed, files, locks
from cvae_core.system.folders import QUEUE
from cvae_core.system.seeds import MAX_SEED, require_seed
from cvae_core.system.type_checks import Between, Images, Nats, Seconds, fits

Estimator = Literal["floor", "baseline", "elbo", "prior", "importance"]
LOG = logging.getLogger(__name__)
DRAWING: Sequence[Estimator] = ("elbo", "prior", "importance")  # of z
RESULTS = "cll.json"
INTERIM = "scoring-"  # begins the name of what an evaluation has so far
CURVE = "draws.json"  # the same estimators at growing numbers of draws
CURVE_SAMPLES, CURVE_IMAGES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000), 100
NOISE_FLOATS = 16_000_000  # held at a time: 64 MB, whatever the number of draws
IMAGES_AT_ONCE = 100
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


def evaluate(
    model: ConditionalVAE,
    split: Split,
    *,
    split_name: str = "test",
    samples: int = 100,
    images: int | None = None,
    seed: int = 0,
    visible: str | None = None,
    so_far: Sequence[Cell] = (),
) -> Iterator[Scored]:
    """Score the first images of a split by every estimator that fits the model, reporting as they come in.

    `samples` draws per image; `images` None means all; `visible` says what a model of any set is shown (its own draw
    of sets if None). Cells `so_far` of the same question over fewer images, or as many, are resumed; others
    are ignored. Raises ConfigError for numbers that cannot be.
    """
    total = len(split) if images is None else images
    if not 1 <= total <= len(split):
        raise ConfigError(f"Images cannot be {total}: the {split_name} split has {len(split)}, score 1 to all of them.")
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"Samples cannot be {samples}: an estimate takes 1 to {MAX_SAMPLES:,} draws per image.")
    seed = require_seed(seed)
    if total < distributed.processes():
        raise ConfigError(f"{total} images cannot be shared by {distributed.processes()} processes: start fewer.")
    if visible is not None and not any_set(model.config):
        raise ConfigError("This model has its own visible quadrants: leave out --visible.")
    visible = None if visible is None else canonical(visible)
    shown = None if visible in (None, ANY) else flags(visible)
    visible = visible or getattr(model.config, "visible", None)
    fitting = _estimators(model)
    before = {
        cell.estimator: cell
        for cell in so_far
        if (cell.split, cell.visible, cell.seed) == (split_name, visible, seed)
        and cell.samples == (samples if cell.estimator in DRAWING else 0)
        and cell.images <= total
    }
    scored = {cell.images for cell in before.values()}
    first = scored.pop() if set(before) == set(fitting) and len(scored) == 1 else 0
    moments = {estimator: Moments.of(before[estimator]) if first else Moments() for estimator in fitting}
    started = time.monotonic() - (before[fitting[0]].seconds if first else 0.0)

    def cells() -> list[Cell]:
        seconds = round(time.monotonic() - started, 2)
        return [
            Cell(
                estimator=estimator,
                split=split_name,
                visible=visible,
                samples=samples if estimator in DRAWING else 0,
                images=moment.count,
                seed=seed,
                mean=moment.mean,
                standard_error=moment.standard_error,
                seconds=seconds,
            )
            for estimator, moment in moments.items()
        ]

    by_memory = NOISE_FLOATS // (samples * max(1, model.latent))
    # All draws of an image in one chunk, where they fit: its condition and the image are then encoded only once.
    at_once = max(1, min(IMAGES_AT_ONCE, model.image_draws // samples, by_memory, total // distributed.processes()))
    if first:
        yield Scored(done=first, images=total, cells=cells())
    if first == total:
        return
    for rows in torch.arange(first, total).split(at_once)[distributed.rank() :: distributed.processes()]:
        x, c = held_out(model.config, split, rows, shown, device=model.device)
        scores: dict[Estimator, Tensor] = {}
        if "elbo" in fitting:
            drawn = from_posterior(model, x, c, _noise(model, rows, samples, seed, "posterior"))
            scores["elbo"], scores["importance"] = drawn.elbo, drawn.importance_sampling
        if "prior" in fitting:
            scores["prior"] = prior_monte_carlo(model, x, c, _noise(model, rows, samples, seed, "prior"))
        if "baseline" in fitting:
            with torch.no_grad():
                scores["baseline"] = elbo(model, x, c, x.new_zeros(1, len(rows), 0)).value()
        if "floor" in fitting:
            scores["floor"] = _negative_entropy(model, x, model.counted(c))
        for estimator, values in scores.items():
            moments[estimator].add(-values)
        yield Scored(done=int(rows[-1]) + 1, images=total, cells=cells())
    if distributed.processes() > 1:
        for moment in moments.values():
            moment.gather()
        yield Scored(done=total, images=total, cells=cells())


def _estimators(model: ConditionalVAE) -> Sequence[Estimator]:
    """Return the estimators that fit a model: no floor is of black and white pixels."""
    found: list[Estimator] = []
    if model.latent and not is_gsnn(model.config):
        found += ["elbo", "importance"]
    found.append("prior" if model.latent else "baseline")
    if model.config.pixels == "grey":
        found.append("floor")
    return found


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
        shown = canonical(visible) if visible else getattr(run.card().config, "visible", "all")
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


def _noise(model: ConditionalVAE, rows: Tensor, samples: int, seed: int, use: str) -> Tensor:
    return noise.per_image(rows, samples, model.latent, seed, "evaluation", use).to(model.device)


def _negative_entropy(model: ConditionalVAE, x: Tensor, counted: Tensor | None) -> Tensor:
    """Return the highest score that grey targets allow, x log x + (1 − x) log(1 − x) over the scored pixels."""
    ink = x[:, model.pixels].double()
    terms = -cross_entropy(ink, ink)
    return (terms if counted is None else torch.where(counted, terms, 0.0)).sum(-1)
