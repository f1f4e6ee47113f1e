"""Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz; only the condition c differs.

A model says how to infer z, how to draw z and what the likelihood is. Both ways to z take base noise ε of shape
(samples, images or 1, latent), so that randomness stays with the caller and a point means the same under any prior:
z = μ + σ ε. Bounds, estimates, training and pictures are free functions elsewhere, written once for all models.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import ANY, described
from cvae_core.data.conditions import Condition
from cvae_core.data.masks import PIXELS, flags, pixel_mask
from cvae_core.errors import ConfigError
from cvae_core.models.distributions import MaskedBernoulli


class Latents(NamedTuple):
    """Points in latent space with what their making knew."""

    z: Tensor  # (samples, images, latent)
    noise: Tensor  # (samples, images, latent), base noise under the prior
    rate: Tensor  # (samples or 1, images, latent), KL(q ‖ p) per dimension in nats; zero for draws from the prior
    log_weight: Tensor  # (samples, images), log p(z | c) − log q(z | x, c); zero for draws from the prior
    context: tuple[Tensor, ...]  # the condition as the networks see it, encoded once
    features: Tensor | None = None  # (samples, images, …), what a hierarchy has computed on its way down to z


class ConditionalVAE(nn.Module, ABC):
    """Say how z is inferred and drawn, and what the likelihood is."""

    pixels: Tensor  # (P,) positions of the pixels that the model generates
    image_draws = 4096  # decoded at a time: large enough for matrix products, small enough for the processor's cache

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.latent = config.latents
        hidden = None if config.any_set else config.visible_set
        generated = torch.ones(PIXELS, dtype=torch.bool, device="cpu") if hidden is None else ~pixel_mask(flags(hidden))
        self.register_buffer("pixels", generated.nonzero().squeeze(-1), persistent=False)

    @abstractmethod
    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the condition as the networks' inputs, (N, …) each."""

    @abstractmethod
    def infer(self, x: Tensor, c: Condition, noise: Tensor) -> Latents:
        """Place base noise under the posterior of images x (N, 784): z ~ q(z | x, c)."""

    @abstractmethod
    def draw(self, c: Condition, noise: Tensor) -> Latents:
        """Place base noise under the prior: z ~ p(z | c)."""

    @abstractmethod
    def logits(self, latents: Latents) -> Tensor:
        """Return the generated pixels' logits, (samples, images, P)."""

    @property
    def device(self) -> torch.device:
        """Return where the model computes."""
        return self.pixels.device

    @property
    def mapped(self) -> int:
        """Return how many of z's first dimensions a map of the latent space shows."""
        return self.latent

    def per_unit(self, rate: Tensor) -> Tensor:
        """Sum rates (…, latent) over what is told as one unit, (…, units): a dimension of z is one."""
        return rate

    def counted(self, c: Condition) -> Tensor | None:
        """Return which generated pixels are scored, (N, P), or None where all are."""
        return ~pixel_mask(c.visible) if self.config.any_set and c.visible is not None else None

    def likelihood(self, latents: Latents, c: Condition) -> MaskedBernoulli:
        """Return p(x | z, c)."""
        return MaskedBernoulli(self.logits(latents).float(), self.pixels, self.counted(c))


def completed(likelihood: MaskedBernoulli, c: Condition) -> Tensor:
    """Return the pixel means as whole images (samples, N, 784), visible pixels as they were given."""
    background = likelihood.logits.new_zeros(len(c), PIXELS) if c.pixels is None else c.pixels
    return likelihood.paste(likelihood.probabilities, background)


def seen(visible: str, c: Condition) -> tuple[Tensor, Tensor]:
    """Return the visible pixels (N, 784) and flags (N, 4) as network inputs, refusing sets that were not learned."""
    assert c.pixels is not None and c.visible is not None
    if not torch.compiler.is_compiling() and not bool(_learned(visible, c.visible).all()):
        sets = "one to three quadrants are" if visible == ANY else f"the {described(visible)} is"
        raise ConfigError(f"This model completes digits of which {sets} visible, and no others.")
    return c.pixels, c.visible.to(c.pixels.dtype)


def _learned(visible: str, flagged: Tensor) -> Tensor:
    """Say of flags (N, 4) whether a model that was trained on a set, or on any, has learned theirs."""
    return flagged.any(-1) & ~flagged.all(-1) if visible == ANY else flagged == flags(visible).to(flagged.device)
