"""Likelihoods p(x | z, c): distributions of independent values, with a mask of the values that are scored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.data.intensities import require_intensities


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


class Bernoulli(Likelihood):
    """Represent Bernoulli values, given by their logits.

    The score of a grey intensity x is x log p + (1 − x) log(1 − p), the expected log-probability of its binarisation. It is
    not a density of grey values (Loaiza-Ganem & Cunningham 2019).
    """

    name = "bernoulli"
    parameters = 1

    @property
    def mean(self) -> Tensor:
        """Return the probabilities of the modelled values, (..., N, P) in (0, 1)."""
        return torch.sigmoid(self.outputs)

    def sample(self, uniform: Tensor) -> Tensor:
        """Return binary values: 1 where a uniform number is less than the probability."""
        return (uniform < self.mean).to(self.outputs.dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), summed over the counted values, in nats per image, (..., N), for whole images x (N, values).

        Raises ImagesRefused if a value of x is outside [0, 1].
        """
        require_intensities(x)
        target = x[..., self.pixels]
        if self.counted is None and not self.outputs.requires_grad:  # faster, but with a slow gradient, image by image
            with torch.autocast(self.outputs.device.type, enabled=False):  # einsum would compute in bfloat16
                linear = torch.einsum("...np,np->...n", self.outputs, target)
            return linear - F.softplus(self.outputs).sum(-1)
        terms = self.outputs * target - F.softplus(self.outputs)
        return (terms if self.counted is None else torch.where(self.counted, terms, 0.0)).sum(-1)


LIKELIHOODS: Mapping[LikelihoodName, type[Likelihood]] = MappingProxyType({kind.name: kind for kind in (Bernoulli,)})
