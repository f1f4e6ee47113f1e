"""Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz; only the condition c differs.

A model defines how to infer z, how to draw z, and the likelihood. `infer` and `draw` take base noise ε of shape (samples,
images or 1, latent) and return z = μ + σ ε. The caller thus controls the randomness, and the same ε is the corresponding
point under any prior. Bounds, estimates, training and pictures are free functions in other modules, once for all models.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvae_core.config.descriptions import MNIST, Attribute
from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import ANY, BRUSH, NAMES, described
from cvae_core.data.conditions import Condition
from cvae_core.data.masks import flags, regions_of, visible_values
from cvae_core.errors import ConfigError
from cvae_core.models.likelihoods import LIKELIHOODS, Likelihood


class Latents(NamedTuple):
    """Hold points in latent space, and the quantities that were computed with them."""

    z: Tensor  # (samples, images, latent)
    noise: Tensor  # (samples, images, latent), the base noise that gives z under the prior
    rate: Tensor  # (samples or 1, images, latent), KL(q ‖ p) per dimension in nats; zero for draws from the prior
    log_weight: Tensor  # (samples, images), log p(z | c) − log q(z | x, c); zero for draws from the prior
    context: tuple[Tensor, ...]  # the encoded condition, the input of the networks
    features: Tensor | None = None  # (samples, images, …), features of a hierarchical model after its last group


class ConditionalVAE(nn.Module, ABC):
    """Define how z is inferred and drawn, and the likelihood p(x | z, c)."""

    pixels: Tensor  # (P,) indices of the values that the model generates
    baseline: "ConditionalVAE | None"  # the frozen baseline, if the condition contains pixels
    class_names: Sequence[str] = ()  # of the labels, if the model was loaded from a run
    chunk = 4096  # draws × images per chunk for MNIST: enough for fast matrix products, small enough for the CPU cache

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.latent = config.latents
        self.baseline = None
        hidden = None if config.any_set else config.visible_set
        shown = torch.zeros(len(NAMES), dtype=torch.bool, device="cpu") if hidden is None else flags(hidden)
        generated = ~visible_values(shown, config.shape)
        larger = config.shape.values * LIKELIHOODS[config.likelihood].parameters / MNIST.values
        self.image_draws = max(1, round(self.chunk / max(1.0, larger)))  # draws × images per chunk: bounds the memory
        self.register_buffer("pixels", generated.nonzero().squeeze(-1), persistent=False)

    @abstractmethod
    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the condition as inputs of the networks, (N, …) each."""

    @abstractmethod
    def infer(self, x: Tensor, c: Condition, noise: Tensor) -> Latents:
        """Turn base noise into z ~ q(z | x, c), the posterior of images x (N, values)."""

    @abstractmethod
    def draw(self, c: Condition, noise: Tensor) -> Latents:
        """Turn base noise into z ~ p(z | c), the prior."""

    @abstractmethod
    def outputs(self, latents: Latents) -> Tensor:
        """Return the outputs of the generation network, (samples, images, parameters · P): see `Likelihood`."""

    @property
    def outputs_count(self) -> int:
        """Return the number of outputs of the generation network: those of each generated value's distribution."""
        return LIKELIHOODS[self.config.likelihood].parameters * len(self.pixels)

    @property
    def device(self) -> torch.device:
        """Return the device of the model."""
        return self.pixels.device

    @property
    def mapped(self) -> int:
        """Return the number of leading dimensions of z that a map of the latent space shows."""
        return self.latent

    def per_unit(self, rate: Tensor) -> Tensor:
        """Sum rates (…, latent) over the dimensions of each unit, (…, units). Here, every dimension of z is a unit."""
        return rate

    def counted(self, c: Condition) -> Tensor | None:
        """Return a mask of the generated pixels that are scored, (N, P), or None if all are scored."""
        if c.visible is None or not self.config.any_set:
            return None
        return ~visible_values(c.visible, self.config.shape)

    def likelihood(self, latents: Latents, c: Condition) -> Likelihood:
        """Return p(x | z, c)."""
        return LIKELIHOODS[self.config.likelihood](self.outputs(latents).float(), self.pixels, self.counted(c))


def completed(likelihood: Likelihood, c: Condition) -> Tensor:
    """Return means as whole images (samples, N, values). Visible pixels keep their given values."""
    mean = likelihood.mean
    background = mean.new_zeros(len(c), mean.shape[-1]) if c.pixels is None else c.pixels
    return likelihood.paste(mean, background)


def seen(config: Config, c: Condition) -> tuple[Tensor, Tensor]:
    """Return visible pixels (N, values) and flags (N, regions) as network inputs. Raise ConfigError for untrained sets."""
    assert c.pixels is not None and c.visible is not None and config.visible_set
    flagged = regions_of(c.visible, config.regions, config.shape)
    if not torch.compiler.is_compiling() and not _learned(config.visible_set, flagged):
        sets = "one to three quadrants are" if config.any_set else f"the {described(config.visible_set)} is"
        raise ConfigError(f"This model can complete an image only if {sets} visible.")
    return c.pixels, flagged.to(c.pixels.dtype)


def _learned(visible: str, flagged: Tensor) -> bool:
    """Return whether a model with the setting `visible` was trained on each of the sets in the rows of flags."""
    if visible == BRUSH:
        return True
    if flagged.shape[-1] != len(NAMES):
        return False
    fits = flagged.any(-1) & ~flagged.all(-1) if visible == ANY else flagged == flags(visible).to(flagged.device)
    return bool(fits.all())


def encoded(attributes: Sequence[Attribute], values: Tensor) -> Tensor:
    """Return attributes (N, A) as inputs of a network, (N, inputs): for each its value, and whether it is given.

    Numbers are standardised, categories are one-hot. Inputs of a value that is not given, NaN, are zero.
    """
    columns: list[Tensor] = []
    for one, column in zip(attributes, values.unbind(-1), strict=True):
        given, value = ~column.isnan(), column.nan_to_num()
        read = (
            F.one_hot(value.long(), len(one.categories)) if one.categories else (value - one.mean)[:, None] / one.scale
        )
        columns += [read * given[:, None], given[:, None]]
    return torch.cat([column.float() for column in columns], dim=-1)
