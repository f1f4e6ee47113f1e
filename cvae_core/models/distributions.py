"""The two distributions of the lab: Gaussian latents, spoken of in base noise, and Bernoulli pixels, some uncounted."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal

from cvae_core.data.intensities import require_intensities

MIN_LOG_SCALE, MAX_LOG_SCALE = -6.0, 3.0  # keeps 1/σ² and σ² finite in float32, far outside what trained models use


class Gaussian(Normal):
    """Independent N(μ, σ²) per dimension; a point is named by its base noise, z = μ + σ ε."""

    def __init__(self, loc: Tensor, log_scale: Tensor):
        super().__init__(loc, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp(), validate_args=False)

    def at(self, noise: Tensor) -> Tensor:
        """Return z = μ + σ ε; leading dimensions broadcast, gradients reach μ and σ."""
        return self.loc + self.scale * noise

    def noise(self, z: Tensor) -> Tensor:
        """Return ε = (z − μ) / σ, the base noise that leads to z."""
        return (z - self.loc) / self.scale


def standard_gaussian(reference: Tensor, dimensions: int) -> Gaussian:
    """Return N(0, I) over (dimensions,), on the device of `reference`."""
    zeros = torch.zeros(dimensions, device=reference.device)
    return Gaussian(zeros, zeros)


def cross_entropy(ink: Tensor, probability: Tensor) -> Tensor:
    """Return −x log p − (1 − x) log(1 − p), what an intensity x costs in nats: least at p = x, where it is x's entropy.

    >>> cross_entropy(torch.tensor(0.5), torch.tensor([0.5, 0.9]))
    tensor([0.6931, 1.2040])
    """
    require_intensities(ink)
    return -torch.special.xlogy(ink, probability) - torch.special.xlogy(1 - ink, 1 - probability)


class MaskedBernoulli:
    """Independent Bernoulli pixels of which only some are modelled and, of those, only the counted ones scored.

    `logits` (..., N, P) stand for the P pixels of an image whose positions are `pixels`; `counted` (N, P) says which
    of them have a probability here, all if None. A grey intensity x scores as x log p + (1 − x) log(1 − p), the
    expected log-probability of its binarisation (Loaiza-Ganem & Cunningham 2019 on what that is and is not).
    """

    def __init__(self, logits: Tensor, pixels: Tensor, counted: Tensor | None = None):
        self.logits, self.pixels, self.counted = logits, pixels, counted

    @property
    def probabilities(self) -> Tensor:
        """Return the modelled pixels' means, (..., N, P) in (0, 1)."""
        return torch.sigmoid(self.logits)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) over the counted pixels in nats per image, (..., N), for whole images x of (N, 784).

        Raises ImagesRefused where x does not lie in [0, 1].
        """
        require_intensities(x)
        target = x[..., self.pixels]
        if self.counted is None and not self.logits.requires_grad:  # whose gradient would be taken image by image
            with torch.autocast(self.logits.device.type, enabled=False):  # a product, so bfloat16 would be taken
                linear = torch.einsum("...np,np->...n", self.logits, target)
            return linear - F.softplus(self.logits).sum(-1)
        terms = self.logits * target - F.softplus(self.logits)
        return (terms if self.counted is None else torch.where(self.counted, terms, 0.0)).sum(-1)

    def paste(self, values: Tensor, background: Tensor) -> Tensor:
        """Return images (..., N, 784): `values` (..., N, P) on the counted pixels, `background` (N, 784) elsewhere."""
        images = background.expand(*values.shape[:-1], background.shape[-1]).clone()
        if self.counted is not None:
            values = torch.where(self.counted, values, images[..., self.pixels])
        images[..., self.pixels] = values.to(images.dtype)
        return images
