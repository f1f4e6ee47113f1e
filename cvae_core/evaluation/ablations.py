"""Ablations: how the ELBO's terms change with the source of z, or without one unit of z.

Costs are the terms of the ELBO for images x (N, 784), (N,) each, computed from base noise (samples, N, latent).
"""

import torch
from torch import Tensor

from cvae_core.data.conditions import Condition
from cvae_core.models.conditional_vae import ConditionalVAE, Latents
from cvae_core.models.flat import FlatVAE
from cvae_core.models.objectives import Elbo

SOURCES = ("q(z | x, c)", "p(z | c)", "N(0, I)")


def by_source(model: FlatVAE, x: Tensor, c: Condition, noise: Tensor) -> list[Latents]:
    """Turn the same base noise into z from each of `SOURCES`: given image and condition, the condition, or nothing."""
    unconditional = model.prior(model.context(c)).noise(noise)  # `draw` then returns z = noise for every prior
    return [model.infer(x, c, noise), model.draw(c, noise), model.draw(c, unconditional)]


@torch.no_grad()
def cost_by_source(model: FlatVAE, x: Tensor, c: Condition, noise: Tensor) -> list[Elbo]:
    """Return log p(x | z, c) and the rate for z from each of `SOURCES`. The rate of z from a prior is 0."""
    return [_terms(model, x, c, latents) for latents in by_source(model, x, c, noise)]


def with_unit_fixed(model: ConditionalVAE, latents: Latents, c: Condition, unit: int) -> Latents:
    """Set one dimension of z to its prior mean, ε = 0. The others keep their base noise."""
    noise = latents.noise.clone()
    noise[..., unit] = 0
    return model.draw(c, noise)


@torch.no_grad()
def cost_of_fixing(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor, unit: int) -> tuple[Elbo, Elbo]:
    """Return the ELBO's terms with all dimensions of z, and with one at its prior mean and without its rate."""
    latents = model.infer(x, c, noise)
    kept = _terms(model, x, c, latents)
    without = _terms(model, x, c, with_unit_fixed(model, latents, c, unit))
    return kept, Elbo(without.reconstruction, kept.rate - latents.rate[..., unit].mean(0))


def _terms(model: ConditionalVAE, x: Tensor, c: Condition, latents: Latents) -> Elbo:
    return Elbo(model.likelihood(latents, c).log_prob(x).mean(0), latents.rate.sum(-1).mean(0))
