"""The two distributions of the lab: Gaussians, parametrised by base noise, and Bernoulli pixels with a mask."""

import torch
import torch.nn.functional as F
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


class MaskedBernoulli:
    """Represent independent Bernoulli pixels. Only some pixels are modelled, and only the counted ones are scored.

    `logits` (..., N, P) are those of the P modelled pixels. `pixels` (P,) are the indices of these pixels in the image.
    `counted` (N, P) is a mask of the pixels that are scored, or None for all. The score of a grey intensity x is
    x log p + (1 − x) log(1 − p), the expected log-probability of its binarisation. It is not a density of grey values
    (Loaiza-Ganem & Cunningham 2019).
    """

    def __init__(self, logits: Tensor, pixels: Tensor, counted: Tensor | None = None):
        self.logits, self.pixels, self.counted = logits, pixels, counted

    @property
    def probabilities(self) -> Tensor:
        """Return the means of the modelled pixels, (..., N, P) in (0, 1)."""
        return torch.sigmoid(self.logits)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), summed over the counted pixels, in nats per image, (..., N), for whole images x (N, 784).

        Raises ImagesRefused if a value of x is outside [0, 1].
        """
        require_intensities(x)
        target = x[..., self.pixels]
        if self.counted is None and not self.logits.requires_grad:  # faster, but with a slow gradient, image by image
            with torch.autocast(self.logits.device.type, enabled=False):  # einsum would compute in bfloat16
                linear = torch.einsum("...np,np->...n", self.logits, target)
            return linear - F.softplus(self.logits).sum(-1)
        terms = self.logits * target - F.softplus(self.logits)
        return (terms if self.counted is None else torch.where(self.counted, terms, 0.0)).sum(-1)

    def paste(self, values: Tensor, background: Tensor) -> Tensor:
        """Return images (..., N, 784) with `values` (..., N, P) at the counted pixels and `background` (N, 784) elsewhere."""
        images = background.expand(*values.shape[:-1], background.shape[-1]).clone()
        if self.counted is not None:
            values = torch.where(self.counted, values, images[..., self.pixels])
        images[..., self.pixels] = values.to(images.dtype)
        return images
