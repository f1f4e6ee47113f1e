"""Estimate the conditional log-likelihood of a split with standard errors, as cells that are stored with a run.

A cell holds the result of one estimator for one number of draws and one number of images: −log p(x | c) in nats per image,
lower is better. Noise is a function of (seed, image, and whether z is drawn from the posterior or the prior). An
image's estimate therefore does not depend on the other images, and a cell of 1,000 images equals the first 1,000 images of
a larger cell.
"""

import logging
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.quadrant_names import BRUSH, SCATTERED, canonical
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import Split
from cvae_core.errors import ConfigError
from cvae_core.evaluation.results import MAX_SAMPLES, Cell, Estimator, Moments, Scored
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.distributions import cross_entropy
from cvae_core.models.objectives import elbo, from_posterior, prior_monte_carlo
from cvae_core.system import distributed
from cvae_core.system.seeds import require_seed

LOG = logging.getLogger(__name__)
SAMPLING: Sequence[Estimator] = ("elbo", "prior", "importance")  # estimators that draw z
CURVE_SAMPLES, CURVE_IMAGES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000), 100
NOISE_FLOATS = 16_000_000  # in memory at a time: 64 MB for any number of draws
IMAGES_AT_ONCE = 100


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
    """Score the first `images` images of a split with every estimator that fits the model, and yield results so far.

    `samples` is the number of draws per image. `images` None means all. `visible` names what is visible, if the model accepts
    any set; None is what it was trained on. Cells in `so_far` with the same settings and at most as many images are resumed;
    others are ignored. Raises ConfigError for invalid arguments.
    """
    total = len(split) if images is None else images
    if not 1 <= total <= len(split):
        raise ConfigError(f"Images cannot be {total}: the {split_name} split has {len(split)}, give 1 to {len(split)}.")
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"Samples cannot be {samples}: give 1 to {MAX_SAMPLES:,} draws per image.")
    seed = require_seed(seed)
    if total < distributed.processes():
        raise ConfigError(f"{total} images are too few for {distributed.processes()} processes: start fewer.")
    if visible is not None and not model.config.any_set:
        raise ConfigError("The visible quadrants of this model are fixed: leave out --visible.")
    visible = model.config.visible_set if visible is None else canonical(visible)
    if visible != model.config.visible_set and visible in (BRUSH, *SCATTERED) and model.config.visible_set != BRUSH:
        raise ConfigError(f"Only a model that was trained with --visible {BRUSH} completes masks such as {visible}.")
    fitting = _estimators(model)
    before = {
        cell.estimator: cell
        for cell in so_far
        if (cell.split, cell.visible, cell.seed) == (split_name, visible, seed)
        and cell.samples == (samples if cell.estimator in SAMPLING else 0)
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
                samples=samples if estimator in SAMPLING else 0,
                images=moment.count,
                seed=seed,
                mean=moment.mean,
                standard_error=moment.standard_error,
                seconds=seconds,
            )
            for estimator, moment in moments.items()
        ]

    by_memory = NOISE_FLOATS // (samples * max(1, model.latent))
    # If all draws of an image fit into one chunk, the image and its condition are encoded only once.
    at_once = max(1, min(IMAGES_AT_ONCE, model.image_draws // samples, by_memory, total // distributed.processes()))
    if first:
        yield Scored(done=first, images=total, cells=cells())
    if first == total:
        return
    for rows in torch.arange(first, total).split(at_once)[distributed.rank() :: distributed.processes()]:
        x, c = held_out(model.config, split, rows, visible, device=model.device)
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
    """Return the estimators that fit a model. Binarised pixels and proper likelihoods have no floor."""
    found: list[Estimator] = []
    if model.latent and not model.config.objective.gsnn:
        found += ["elbo", "importance"]
    found.append("prior" if model.latent else "baseline")
    if model.config.pixels == "grey" and LIKELIHOOD_FACTS[model.config.likelihood].floor:
        found.append("floor")
    return found


def _noise(model: ConditionalVAE, rows: Tensor, samples: int, seed: int, use: str) -> Tensor:
    return noise.per_image(rows, samples, model.latent, seed, "evaluation", use).to(model.device)


def _negative_entropy(model: ConditionalVAE, x: Tensor, counted: Tensor | None) -> Tensor:
    """Return x log x + (1 − x) log(1 − x), summed over the scored pixels: the highest score for grey targets."""
    ink = x[:, model.pixels].double()
    terms = -cross_entropy(ink, ink)
    return (terms if counted is None else torch.where(counted, terms, 0.0)).sum(-1)
