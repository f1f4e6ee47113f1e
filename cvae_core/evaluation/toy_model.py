"""A linear Gaussian model with known log p(x), for testing estimators: z ~ N(0, 1), x ~ N(z, 1).

Exactly, x ~ N(0, 2) and z | x ~ N(x/2, 1/2). q(z | x) has the correct mean, and the correct scale if `scale` is 1.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.distributions import Normal, kl_divergence

from cvae_core.data import noise
from cvae_core.models.objectives import LogMeanExp

X = 1.0  # the only image
REPEATS = 2000  # of each estimate, to approximate its expectation
MOST_DRAWS = 1000


class Settling(NamedTuple):
    """Hold −log p(x) in nats: the exact value, −ELBO, and importance sampling with each number of draws."""

    exact: float
    bound: float
    importance_sampling: list[float]  # means over repeated estimates


def settling(scale: float, counts: Sequence[int], seed: int) -> Settling:
    """Estimate −log p(x) with each number of draws from N(x/2, scale²/2), at most `MOST_DRAWS`."""
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
