"""Training objectives and estimates of log p(x | c) for every ConditionalVAE, in nats per image.

The ELBO is from Kingma & Welling (2014). Its conditional form is equation 4 of Sohn, Lee & Yan (2015), who also give the
Monte Carlo and importance sampling estimates. Every estimate processes draws in chunks, so that memory does not grow
with the number of draws. Sums over draws are float64, so that rounding does not drop small terms.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.data.conditions import Condition
from cvae_core.models.conditional_vae import ConditionalVAE


class Elbo(NamedTuple):
    """Hold the two terms of the evidence lower bound, (N,) each."""

    reconstruction: Tensor  # E_q log p(x | z, c)
    rate: Tensor  # KL(q(z | x, c) ‖ p(z | c))

    def value(self, beta: float = 1.0) -> Tensor:
        """Return reconstruction − β rate. At β = 1 this is a lower bound on log p(x | c)."""
        return self.reconstruction - beta * self.rate


def elbo(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor) -> Elbo:
    """Return the terms of log p(x | c) ≥ reconstruction − rate, averaged over the draws of `noise` (samples, N, latent)."""
    latents = model.infer(x, c, noise)
    reconstruction = model.likelihood(latents, c).log_prob(x)
    return Elbo(reconstruction.mean(0), latents.rate.sum(-1).mean(0))


def hybrid(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor, alpha: float) -> Elbo:
    """Return α (E_q log p(x | z, c) − rate) + (1 − α) E_p(z|c) log p(x | z, c): Sohn, Lee & Yan (2015), equation 9.

    At α = 0 this is equation 8, the objective of the Gaussian stochastic neural network. Prior and posterior draws use the
    same base noise.
    """
    predicted = model.likelihood(model.draw(c, noise), c).log_prob(x).mean(0)
    if alpha == 0:
        return Elbo(predicted, torch.zeros_like(predicted))
    terms = elbo(model, x, c, noise)
    return Elbo(alpha * terms.reconstruction + (1 - alpha) * predicted, alpha * terms.rate)


def importance_weighted(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor, beta: float = 1.0) -> Elbo:
    """Return log 1/K Σ p(x | z_k, c) (p(z_k | c) / q(z_k | x, c))^β: the importance-weighted bound, and its rate.

    At β = 1 its expectation is at least the ELBO (Burda et al. 2016). The bound is split into reconstruction − β rate: the
    rate is KL(q ‖ p), and the reconstruction is the bound plus β rate. β is an exponent of the weights. Adding a multiple of
    the rate to the bound instead would reward the rate, which would then grow without limit.
    """
    latents = model.infer(x, c, noise)
    log_weights = model.likelihood(latents, c).log_prob(x) + beta * latents.log_weight
    bound = log_weights.logsumexp(0) - math.log(len(noise))
    rate = latents.rate.sum(-1).mean(0)
    return Elbo(bound + beta * rate, rate)


def objective(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor, beta: float = 1.0) -> Elbo:
    """Return the terms of the objective in the model's configuration, where β is the weight of the rate."""
    alpha = model.config.objective.alpha
    if alpha != 1:
        return hybrid(model, x, c, noise, alpha)
    return elbo(model, x, c, noise) if len(noise) == 1 else importance_weighted(model, x, c, noise, beta)


class LogMeanExp:
    """Accumulate log 1/S Σ exp(a_s) per image in float64, chunk by chunk."""

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.count = 0

    def add(self, values: Tensor) -> None:
        """Add values (samples, N)."""
        chunk = values.double().logsumexp(0)
        self.total = chunk if self.total is None else torch.logaddexp(self.total, chunk)
        self.count += len(values)

    @property
    def value(self) -> Tensor:
        """Return the log of the mean of all values added, (N,) float64."""
        assert self.total is not None
        return self.total - torch.tensor(float(self.count), dtype=torch.float64).log()


class PosteriorEstimates(NamedTuple):
    """Hold estimates of log p(x | c) from draws of q(z | x, c), (N,) float64 each."""

    elbo: Tensor  # 1/S Σ log p(x | z_s, c) − KL. Its negative is "CVAE (Monte Carlo)" in the Pyro tutorial.
    importance_sampling: Tensor  # log 1/S Σ p(x | z_s, c) p(z_s | c) / q(z_s | x, c): below log p(x | c) in expectation


@torch.no_grad()
def from_posterior(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor) -> PosteriorEstimates:
    """Estimate log p(x | c) from z_s ~ q(z | x, c), with base noise (samples, N, latent)."""
    weights = LogMeanExp()
    bound = torch.zeros(len(c), dtype=torch.float64, device=x.device)
    for chunk in _chunks(model, noise, len(c)):
        latents = model.infer(x, c, chunk)
        log_likelihood = model.likelihood(latents, c).log_prob(x)
        weights.add(log_likelihood + latents.log_weight)
        bound += log_likelihood.double().sum(0) - len(chunk) * latents.rate.double().sum(-1).mean(0)
    return PosteriorEstimates(bound / len(noise), weights.value)


@torch.no_grad()
def prior_monte_carlo(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor) -> Tensor:
    """Return log 1/S Σ p(x | z_s, c), z_s ~ p(z | c), (N,) float64: an estimate of log p(x | c), far too low for small S."""
    mean = LogMeanExp()
    for chunk in _chunks(model, noise, len(c)):
        mean.add(model.likelihood(model.draw(c, chunk), c).log_prob(x))
    return mean.value


def _chunks(model: ConditionalVAE, noise: Tensor, images: int) -> Iterator[Tensor]:
    return iter(noise.split(max(1, model.image_draws // images)))
