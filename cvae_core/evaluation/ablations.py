"""What becomes of images' nats when one thing is changed on the way: where z comes from, or a unit of it.

Costs are the terms of the bound of images x (N, 784), (N,) each, from base noise (samples, N, latent).
"""

import torch
from torch import Tensor

from cvae_core.data.conditions import Condition
from cvae_core.models.conditional_vae import ConditionalVAE, Latents
from cvae_core.models.flat import FlatVAE
from cvae_core.models.objectives import Elbo

SOURCES = ("q(z | x, c)", "p(z | c)", "N(0, I)")


def by_source(model: FlatVAE, x: Tensor, c: Condition, noise: Tensor) -> list[Latents]:
    """Place the same base noise under each of `SOURCES`: one has seen the image, one its condition, one neither."""
    ignorant = model.prior(model.context(c)).noise(noise)  # so that z is the noise itself, whatever the prior
    return [model.infer(x, c, noise), model.draw(c, noise), model.draw(c, ignorant)]


@torch.no_grad()
def cost_by_source(model: FlatVAE, x: Tensor, c: Condition, noise: Tensor) -> list[Elbo]:
    """Return log p(x | z, c) for z from each of `SOURCES`, with the rate: z from a prior costs none."""
    return [_terms(model, x, c, latents) for latents in by_source(model, x, c, noise)]


def silenced(model: ConditionalVAE, latents: Latents, c: Condition, unit: int) -> Latents:
    """Fix a dimension of z to its prior mean, ε = 0, and leave the others where they are."""
    noise = latents.noise.clone()
    noise[..., unit] = 0
    return model.draw(c, noise)


@torch.no_grad()
def cost_of_silence(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor, unit: int) -> tuple[Elbo, Elbo]:
    """Return the terms of the ELBO, and of the smaller model in which a dimension is silenced and costs no rate."""
    latents = model.infer(x, c, noise)
    kept = _terms(model, x, c, latents)
    without = _terms(model, x, c, silenced(model, latents, c, unit))
    return kept, Elbo(without.reconstruction, kept.rate - latents.rate[..., unit].mean(0))


def _terms(model: ConditionalVAE, x: Tensor, c: Condition, latents: Latents) -> Elbo:
    return Elbo(model.likelihood(latents, c).log_prob(x).mean(0), latents.rate.sum(-1).mean(0))
