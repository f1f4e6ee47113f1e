"""Gaussians, parametrised by base noise, and the cross-entropy of grey intensities."""

import torch
from torch import Tensor
from torch.distributions import Normal

from cvae_core.data.intensities import require_intensities

MIN_LOG_SCALE, MAX_LOG_SCALE = -6.0, 3.0  # 1/σ² and σ² stay finite in float32; trained models stay far inside


class Gaussian(Normal):
    """Represent an independent N(μ, σ²) per dimension, with z = μ + σ ε for base noise ε ~ N(0, I)."""

    def __init__(self, loc: Tensor, log_scale: Tensor):
        super().__init__(loc, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp(), validate_args=False)

    def at(self, noise: Tensor) -> Tensor:
        """Return z = μ + σ ε. Leading dimensions are broadcast, and gradients flow to μ and σ."""
        return self.loc + self.scale * noise

    def noise(self, z: Tensor) -> Tensor:
        """Return ε = (z − μ) / σ, the base noise of z."""
        return (z - self.loc) / self.scale


def standard_gaussian(reference: Tensor, dimensions: int) -> Gaussian:
    """Return N(0, I) over (dimensions,), on the device of `reference`."""
    zeros = torch.zeros(dimensions, device=reference.device)
    return Gaussian(zeros, zeros)


def cross_entropy(ink: Tensor, probability: Tensor) -> Tensor:
    """Return −x log p − (1 − x) log(1 − p) in nats, for intensities x. Its minimum is at p = x: the entropy of x.

    >>> cross_entropy(torch.tensor(0.5), torch.tensor([0.5, 0.9]))
    tensor([0.6931, 1.2040])
    """
    require_intensities(ink)
    return -torch.special.xlogy(ink, probability) - torch.special.xlogy(1 - ink, 1 - probability)
