"""A model whose integral is known, to try estimators on: z ~ N(0, 1), x ~ N(z, 1), so that x ~ N(0, 2) and, given x,
z ~ N(x/2, 1/2). The recognition distribution has the right mean and a scale that is right at 1 only.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.distributions import Normal, kl_divergence

from cvae_core.data import noise
from cvae_core.models.objectives import LogMeanExp

X = 1.0  # the one image
REPEATS = 2000  # of an estimate, to tell its expectation
MOST_DRAWS = 1000


class Settling(NamedTuple):
    """What an image costs, −log p(x) in nats: the truth, −ELBO, and importance sampling with each number of draws."""

    exact: float
    bound: float
    importance_sampling: list[float]  # expectations, over repeated estimates


def settling(scale: float, counts: Sequence[int], seed: int) -> Settling:
    """Estimate log p(x) with draws from N(x/2, scale²/2) as their number grows, up to `MOST_DRAWS`."""
    prior, likelihood = Normal(0.0, 1.0), Normal(X, 1.0)
    posterior, q = (Normal(X / 2, width * math.sqrt(0.5)) for width in (1.0, scale))
    exact = -float(Normal(0.0, math.sqrt(2.0)).log_prob(torch.tensor(X)))
    z = q.mean + q.stddev * noise.normal((MOST_DRAWS, REPEATS), seed, "linear Gaussian")
    log_weights = likelihood.log_prob(z) + prior.log_prob(z) - q.log_prob(z)
    estimates, mean, done = [], LogMeanExp(), 0
    for count in sorted(counts):
        mean.add(log_weights[done:count])
        estimates.append(-float(mean.value.mean()))
        done = count
    return Settling(exact, exact + float(kl_divergence(q, posterior)), estimates)
