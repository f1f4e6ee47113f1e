"""Likelihoods p(x | z, c): distributions of independent values, with a mask of the values that are scored."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.likelihoods import LEVELS, LIKELIHOOD_FACTS
from cvae_core.data.intensities import require_intensities

STEP = 1 / (LEVELS - 1)  # between two levels
MARGIN, DENSITY_MARGIN = 1e-3, 1e-2  # of fitted means from 0 and from 1; a density gains from being closer for ever
MAX_LOGIT = float(LEVELS)  # the highest density of the continuous Bernoulli: that of one level out of 256
LOGITS = 8.0  # η per unit of output: networks reach the large η of black and white within the steps of a preset
NEAR_ZERO = 0.3  # where the formulas of the continuous Bernoulli are replaced by their series
MIN_LOG_SCALE, MAX_LOG_SCALE, USUAL_LOG_SCALE = -7.0, 2.0, -2.0  # of the logistic: a quarter of a level to 7.4
_START = NEAR_ZERO / 2 + math.log(-math.expm1(-NEAR_ZERO)) - math.log(NEAR_ZERO)
LEAST_UNIFORM = 2.0**-25  # between 0 and the next float32 number of `noise.uniform`
FAR = 100.0  # a logistic this far from [0, 1] has its mean at the end, with any scale


class Likelihood(ABC):
    """Represent independent values. Only some values are modelled, and only the counted ones are scored.

    `outputs` (..., N, parameters · P) are those of the generation network: one block of P numbers for each parameter of the
    distribution. `pixels` (P,) are the indices of the modelled values in the image. `counted` (N, P) is a mask of the values
    that are scored, or None for all.
    """

    name: ClassVar[LikelihoodName]
    parameters: ClassVar[int]  # numbers per modelled value

    def __init__(self, outputs: Tensor, pixels: Tensor, counted: Tensor | None = None):
        self.outputs, self.pixels, self.counted = outputs, pixels, counted

    @staticmethod
    @abstractmethod
    def fitted(mean: Tensor, deviation: Tensor) -> Tensor:
        """Return outputs (..., parameters · P) of distributions with these means and standard deviations (..., P).

        They are changed so that every image has a finite log-likelihood. A distribution with one parameter ignores the
        deviations.
        """

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Return the means of the modelled values, (..., N, P) in [0, 1]."""

    @abstractmethod
    def sample(self, uniform: Tensor) -> Tensor:
        """Return a sample of the modelled values, (..., N, P) in [0, 1], from uniform numbers (..., N, P) in [0, 1)."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), summed over the counted values, in nats per image, (..., N), for whole images x (N, values).

        Raises ImagesRefused if a value of x is outside [0, 1].
        """

    def paste(self, values: Tensor, background: Tensor) -> Tensor:
        """Return whole images with `values` (..., N, P) at the counted places and `background` (N, values) elsewhere."""
        images = background.expand(*values.shape[:-1], background.shape[-1]).clone()
        if self.counted is not None:
            values = torch.where(self.counted, values, images[..., self.pixels])
        images[..., self.pixels] = values.to(images.dtype)
        return images

    def _sum(self, terms: Tensor) -> Tensor:
        """Sum terms (..., N, P) over the counted values."""
        return (terms if self.counted is None else torch.where(self.counted, terms, 0.0)).sum(-1)


class _Natural(Likelihood):
    """Represent log p(x) = η x − A(η) with the natural parameter η. A is the log-normaliser."""

    @property
    @abstractmethod
    def natural(self) -> Tensor:
        """Return η, (..., N, P)."""

    @abstractmethod
    def log_normaliser(self) -> Tensor:
        """Return A(η), (..., N, P)."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), summed over the counted values, in nats per image, (..., N), for whole images x (N, values).

        Raises ImagesRefused if a value of x is outside [0, 1].
        """
        require_intensities(x)
        target = x[..., self.pixels]
        if self.counted is None and not self.outputs.requires_grad:  # faster, but with a slow gradient, image by image
            with torch.autocast(self.outputs.device.type, enabled=False):  # einsum would compute in bfloat16
                linear = torch.einsum("...np,np->...n", self.natural, target)
            return linear - self.log_normaliser().sum(-1)
        return self._sum(self.natural * target - self.log_normaliser())


class Bernoulli(_Natural):
    """Represent Bernoulli values, given by their logits.

    The score of a grey intensity x is x log p + (1 − x) log(1 − p), the expected log-probability of its binarisation. It is
    not a density of grey values (Loaiza-Ganem & Cunningham 2019).
    """

    name = "bernoulli"
    parameters = LIKELIHOOD_FACTS[name].parameters

    @staticmethod
    def fitted(mean: Tensor, deviation: Tensor) -> Tensor:
        """Return the logits of the means, which are at least `MARGIN` from 0 and from 1."""
        return mean.clamp(MARGIN, 1 - MARGIN).logit()

    @property
    def natural(self) -> Tensor:
        """Return the logits."""
        return self.outputs

    def log_normaliser(self) -> Tensor:
        """Return log(1 + exp η)."""
        return F.softplus(self.outputs)

    @property
    def mean(self) -> Tensor:
        """Return the probabilities of the modelled values, (..., N, P) in (0, 1)."""
        return torch.sigmoid(self.outputs)

    def sample(self, uniform: Tensor) -> Tensor:
        """Return binary values: 1 where a uniform number is less than the probability."""
        return (uniform < self.mean).to(self.outputs.dtype)


class ContinuousBernoulli(_Natural):
    """Represent values in [0, 1] with the density exp(η x) η / (exp η − 1) (Loaiza-Ganem & Cunningham 2019).

    η is `LOGITS` times the output, limited to ± `MAX_LOGIT`. Without the limit, the density of pure black and white would
    grow without end. With it, no level of an 8-bit image has a probability above 1.
    """

    name = "continuous-bernoulli"
    parameters = LIKELIHOOD_FACTS[name].parameters

    @staticmethod
    def fitted(mean: Tensor, deviation: Tensor) -> Tensor:
        """Return the outputs with these means by bisection, because the mean has no closed inverse.

        The means are at least `DENSITY_MARGIN` from 0 and from 1.
        """
        mean = mean.clamp(DENSITY_MARGIN, 1 - DENSITY_MARGIN)
        low, high = torch.full_like(mean, -MAX_LOGIT), torch.full_like(mean, MAX_LOGIT)
        for _ in range(60):
            middle = (low + high) / 2
            below = ContinuousBernoulli(middle, middle).mean < mean
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2

    @property
    def natural(self) -> Tensor:
        """Return η, within its limits."""
        return (LOGITS * self.outputs).clamp(-MAX_LOGIT, MAX_LOGIT)

    def log_normaliser(self) -> Tensor:
        """Return log((exp η − 1) / η), which is 0 at η = 0.

        Without η / 2, it is a function of |η|: the sum of its series up to `NEAR_ZERO` and its increase beyond. Each part is
        constant where the other one varies, so that no gradient is NaN.
        """
        eta = self.natural
        near, size = eta.clamp(-NEAR_ZERO, NEAR_ZERO).square(), eta.abs().clamp(min=NEAR_ZERO)
        beyond = (-torch.expm1(-size)).log() - size.log() - _START
        return (eta + size) / 2 + beyond + near / 24 - near.square() / 2880

    @property
    def mean(self) -> Tensor:
        """Return 1 / (1 − exp(−η)) − 1 / η, (..., N, P) in (0, 1)."""
        eta = self.natural
        near = eta.abs() < NEAR_ZERO
        other = torch.where(near, 1.0, eta)
        return torch.where(near, 0.5 + eta / 12 - eta**3 / 720, -1 / torch.expm1(-other) - 1 / other)

    def sample(self, uniform: Tensor) -> Tensor:
        """Return the inverse of the distribution function, log(1 + u (exp η − 1)) / η."""
        eta = self.natural
        size = eta.abs().clamp(min=1e-6)  # exp would overflow for large η: mirror the distribution instead
        mirrored = eta > 0
        u = torch.where(mirrored, 1 - uniform, uniform)
        x = (torch.log1p(u * torch.expm1(-size)) / -size).clamp(0, 1)
        return torch.where(mirrored, 1 - x, x)


class DiscretisedLogistic(Likelihood):
    """Represent 256 levels: the logistic distribution of location μ and scale s, rounded to the nearest level.

    The outermost levels also have the probability beyond them (Salimans et al. 2017, with one component). Intensities between
    two levels count as the nearest one. The first block of outputs gives μ = (1 + a) / 2, the second one log s − 2.
    """

    name = "discretised-logistic"
    parameters = LIKELIHOOD_FACTS[name].parameters

    @staticmethod
    def fitted(mean: Tensor, deviation: Tensor) -> Tensor:
        """Return the outputs for μ = mean and s = √3 / π · deviation, which is at least the distance of two levels."""
        scale = (deviation * math.sqrt(3) / math.pi).clamp(min=STEP)
        return torch.cat([2 * mean - 1, scale.log() - USUAL_LOG_SCALE], -1)

    @property
    def location(self) -> Tensor:
        """Return μ, (..., N, P)."""
        return 0.5 + 0.5 * self.outputs.chunk(2, -1)[0]

    @property
    def scale(self) -> Tensor:
        """Return s, (..., N, P)."""
        return self._log_scale.exp()

    @property
    def _log_scale(self) -> Tensor:
        return (self.outputs.chunk(2, -1)[1] + USUAL_LOG_SCALE).clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), summed over the counted values, in nats per image, (..., N), for whole images x (N, values).

        With a and b the standardised upper and lower ends of a level, log(σ(a) − σ(b)) = log σ(a) + log σ(−b) +
        log(1 − exp(b − a)). Nothing cancels, however far the level is from μ. Raises ImagesRefused if a value of x is outside
        [0, 1].
        """
        require_intensities(x)
        level = (x[..., self.pixels] * (LEVELS - 1)).round()
        centre, steepness = level * STEP - self.location, (-self._log_scale).exp()
        not_lowest, not_highest = level.clamp(max=1), (LEVELS - 1 - level).clamp(max=1)  # 0 or 1; torch.where is slow
        lower_end = F.softplus((centre - STEP / 2) * steepness) * not_lowest
        upper_end = F.softplus((-STEP / 2 - centre) * steepness) * not_highest
        width = (-torch.expm1(-STEP * steepness)).log() * (not_lowest * not_highest)
        return self._sum(width - lower_end - upper_end)

    @property
    def mean(self) -> Tensor:
        """Return the mean of the logistic after its values are limited to [0, 1]: ∫₀¹ σ((μ − t) / s) dt.

        It differs from the mean of the levels by less than their distance.
        """
        location, scale = self.location.clamp(-FAR, 1 + FAR), self.scale
        outside = F.softplus((1 - location) / scale) - F.softplus(-location / scale)
        return (1 - scale * outside).clamp(0, 1)

    def sample(self, uniform: Tensor) -> Tensor:
        """Return the level that is nearest to μ + s log(u / (1 − u))."""
        uniform = uniform.clamp(min=LEAST_UNIFORM)  # the logistic has no lowest value
        x = (self.location + self.scale * uniform.logit()).clamp(0, 1)
        return (x * (LEVELS - 1)).round() * STEP


LIKELIHOODS: Mapping[LikelihoodName, type[Likelihood]] = MappingProxyType(
    {kind.name: kind for kind in (Bernoulli, ContinuousBernoulli, DiscretisedLogistic)}
)
