"""Measurements during training: the bound on validation images, pictures of a stage, and the rate of each unit."""

from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.config.flavours import Config
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.data import noise
from cvae_core.data.batches import held_out, shown_rows
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.masks import visible_values
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.likelihoods import LIKELIHOODS
from cvae_core.models.objectives import objective

VALIDATION_BATCH = 500
STAGE_ROWS, STAGE_COLUMNS = 10, 8  # test images, or labels, and samples of each


class Staged(NamedTuple):
    """Hold samples and reconstructions of one stage of the training, as float images in [0, 1]."""

    epoch: float
    samples: Tensor  # (rows, columns, values): the same noise at every stage, a row per test image, with its condition
    reconstructions: Tensor  # (rows, values): of the same test images, from their posterior means


class Measured(NamedTuple):
    """Hold bound = reconstruction − β rate of a split after an epoch, in nats per image."""

    split: str
    bound: float
    reconstruction: float
    rate: float


@torch.no_grad()
def validate(model: ConditionalVAE, split: Split) -> Measured:
    """Measure the bound at the full β, with as many draws as in training and the same noise every time."""
    config = model.config
    beta = config.objective.beta
    sums = torch.zeros(2, dtype=torch.float64)
    model.eval()
    for rows in torch.arange(len(split)).split(VALIDATION_BATCH):
        x, c = held_out(config, split, rows, device=model.device)
        shape = (config.objective.draws, len(rows), model.latent)
        epsilon = noise.normal(shape, config.seed, "validation", int(rows[0]))
        terms = objective(model, x, c, epsilon.to(model.device), beta)
        sums += torch.stack([terms.reconstruction.double().sum(), terms.rate.double().sum()]).cpu()
    reconstruction, rate = (sums / len(split)).tolist()
    bound = reconstruction - beta * rate
    return Measured(split="validation", bound=bound, reconstruction=reconstruction, rate=rate)


def trivial(config: Config, data: DataSet) -> dict[str, float]:
    """Return log p(x | c) of two trivial models on the validation split, in nats per image, by name.

    `guess` has the mean and, if the likelihood has a scale, the standard deviation of each value over the training images, or
    over those of the same label if the label is the condition. `chance` needs no training images: 0.5 for every pixel, or the
    uniform distribution. Scored values and visible quadrants are the same as in `validate`. `scored` is their mean number.
    """
    held, likelihood = data.validation, LIKELIHOODS[config.likelihood]
    images = data.train.images
    if "label" in config.given:
        fits = torch.stack([_fitted(config, images[data.train.labels == label]) for label in range(config.classes)])
    else:
        fits = _fitted(config, images).expand(config.classes, -1)
    guess, scored = 0.0, 0
    for rows in torch.arange(len(held)).split(VALIDATION_BATCH):
        x, c = held_out(config, held, rows)
        counts = torch.ones_like(x, dtype=torch.bool) if c.visible is None else ~visible_values(c.visible, config.shape)
        fit = likelihood(fits[held.labels[rows]], torch.arange(x.shape[-1]), counts)
        guess += float(fit.log_prob(x.double()).sum())
        scored += int(counts.sum())
    chance = LIKELIHOOD_FACTS[config.likelihood].chance * scored / len(held)
    return {"guess": guess / len(held), "chance": chance, "scored": scored / len(held)}


def _fitted(config: Config, images: Tensor) -> Tensor:
    """Return the outputs of the likelihood that has the moments of uint8 images (N, values), float64."""
    sums = torch.zeros(2, images.shape[-1], dtype=torch.int64)
    for part in images.split(VALIDATION_BATCH):
        sums += torch.stack([part.sum(0, dtype=torch.int64), part.long().square().sum(0)])
    mean, square = sums.double() / max(len(images), 1) / torch.tensor([[255.0], [255.0**2]])
    return LIKELIHOODS[config.likelihood].fitted(mean, (square - mean.square()).clamp(min=0).sqrt())


@torch.no_grad()
def stage(model: ConditionalVAE, data: DataSet, epoch: float) -> Staged:
    """Decode the same noise, and reconstruct the same test images, with the current weights."""
    config = model.config
    model.eval()
    rows = shown_rows(data.test, config.classes, STAGE_ROWS)
    x, c = held_out(config, data.test, rows, device=model.device)
    styles = 1 if config.given else len(rows)  # the same z under all conditions, or one z per row without a condition
    epsilon = noise.normal((STAGE_COLUMNS, styles, model.latent), config.seed, "stage")
    drawn = model.likelihood(model.draw(c, epsilon.to(model.device)), c)
    inferred = model.likelihood(model.infer(x, c, x.new_zeros(1, 1, model.latent)), c)
    return Staged(
        epoch=epoch,
        samples=completed(drawn, c).transpose(0, 1).cpu(),
        reconstructions=completed(inferred, c)[0].cpu(),
    )


@torch.no_grad()
def rates(model: ConditionalVAE, split: Split) -> Tensor:
    """Return the mean rate of each unit of z, in nats per image: (units,) float64."""
    total = torch.zeros(model.config.units, dtype=torch.float64)
    for rows in torch.arange(len(split)).split(VALIDATION_BATCH):
        x, c = held_out(model.config, split, rows, device=model.device)
        epsilon = noise.normal((1, len(rows), model.latent), model.config.seed, "rates", int(rows[0]))
        latents = model.infer(x, c, epsilon.to(model.device))
        total += model.per_unit(latents.rate).double().mean(0).sum(0).cpu()
    return total / len(split)
