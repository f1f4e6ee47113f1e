"""Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz; only the condition c differs.

A model says how to infer z, how to draw z and what the likelihood is. Both ways to z take base noise ε of shape
(samples, images or 1, latent), so that randomness stays with the caller and a point means the same under any prior:
z = μ + σ ε. Bounds, estimates, training and pictures are free functions elsewhere, written once for all models.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import kl_divergence

from cvae_core.config import BaselineConfig, Config, LabelConfig, QuadrantConfig, VAEConfig, baseline_for
from cvae_core.distributions import Gaussian, MaskedBernoulli, standard_gaussian
from cvae_core.errors import ConfigError
from cvae_core.networks import Body, GaussianHead, initialise
from cvae_core.quadrants import ANY, NAMES, PIXELS, described, flags, pixel_mask

LABELS = 10


@dataclass(frozen=True)
class Condition:
    """What is known of each of N images: nothing, its label, or the pixels of its visible quadrants.

    `labels` (N,) int64; `visible` (N, 4) booleans; `pixels` (N, 784) intensities, zero wherever a quadrant is hidden.
    """

    count: int
    labels: Tensor | None = None
    visible: Tensor | None = None
    pixels: Tensor | None = None

    def __len__(self) -> int:
        return self.count

    def to(self, device: torch.device) -> "Condition":
        """Return the same condition on a device."""
        labels, visible, pixels = (
            None if given is None else given.to(device) for given in (self.labels, self.visible, self.pixels)
        )
        return Condition(self.count, labels, visible, pixels)


def nothing(count: int) -> Condition:
    """Condition `count` images on nothing."""
    return Condition(count)


def labelled(labels: Tensor) -> Condition:
    """Condition images on their labels (N,)."""
    return Condition(len(labels), labels=labels)


def quadrants_of(images: Tensor, visible: Tensor) -> Condition:
    """Condition images (N, 784) on their visible quadrants, flags (4,) or (N, 4); hidden pixels are dropped here."""
    visible = visible.to(images.device).expand(len(images), len(NAMES))
    return Condition(len(images), visible=visible, pixels=images * pixel_mask(visible))


class Latents(NamedTuple):
    """Points in latent space with what their making knew."""

    z: Tensor  # (samples, images, latent)
    noise: Tensor  # (samples, images, latent), base noise under the prior
    rate: Tensor  # (samples or 1, images, latent), KL(q ‖ p) per dimension in nats; zero for draws from the prior
    log_weight: Tensor  # (samples, images), log p(z | c) − log q(z | x, c); zero for draws from the prior
    context: tuple[Tensor, ...]  # the condition as the networks see it, encoded once


class ConditionalVAE(nn.Module, ABC):
    """Give infer, draw and likelihood to a prior, a posterior and a generation network."""

    pixels: Tensor  # (P,) positions of the pixels that the model generates

    def __init__(self, config: Config, pixels: Tensor | None = None):
        super().__init__()
        self.config = config
        self.latent = config.latents
        self.register_buffer("pixels", torch.arange(PIXELS) if pixels is None else pixels, persistent=False)

    @abstractmethod
    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the condition as the networks' inputs, (N, size) each."""

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        return standard_gaussian(self.pixels, self.latent)

    @abstractmethod
    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""

    @abstractmethod
    def logits(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the generated pixels' logits, (samples, images, P)."""

    def counted(self, c: Condition) -> Tensor | None:
        """Return which generated pixels are scored, (N, P), or None where all are."""
        return None

    def infer(self, x: Tensor, c: Condition, noise: Tensor) -> Latents:
        """Place base noise under the posterior of images x (N, 784): z ~ q(z | x, c)."""
        context = self.context(c)
        posterior, prior = self.posterior(x, context), self.prior(context)
        z = posterior.at(noise)
        log_weight = (prior.log_prob(z) - posterior.log_prob(z)).sum(-1)
        rate = kl_divergence(posterior, prior).expand(1, len(c), self.latent)
        return Latents(z, prior.noise(z), rate, log_weight, context)

    def draw(self, c: Condition, noise: Tensor) -> Latents:
        """Place base noise under the prior: z ~ p(z | c)."""
        context = self.context(c)
        noise = noise.expand(-1, len(c), -1)
        z = self.prior(context).at(noise)
        return Latents(z, noise, torch.zeros_like(z[:1]), z.new_zeros(z.shape[:-1]), context)

    def likelihood(self, latents: Latents, c: Condition) -> MaskedBernoulli:
        """Return p(x | z, c)."""
        logits = self.logits(latents.z, latents.context).float()
        return MaskedBernoulli(logits, self.pixels, self.counted(c))


class VAE(ConditionalVAE):
    """p(x) with z ~ N(0, I) (Kingma & Welling 2014)."""

    condition_sizes: tuple[int, ...] = ()

    def __init__(self, config: VAEConfig):
        super().__init__(config)
        shape = (config.width, config.depth, config.residual)
        self.recognition = Body((PIXELS, *self.condition_sizes), *shape)
        self.recognition_head = GaussianHead(config.width, config.latent)
        self.generation = Body((config.latent, *self.condition_sizes), *shape)
        self.output = nn.Linear(config.width, PIXELS)

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode nothing."""
        return ()

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c) from the image and the encoded condition."""
        head: Gaussian = self.recognition_head(self.recognition(x, *context))
        return head

    def logits(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the logits of all pixels from z and the encoded condition."""
        out: Tensor = self.output(self.generation(z, *context))
        return out


class LabelCVAE(VAE):
    """p(x | label): the one-hot label goes into encoder and decoder; its prior is N(0, I) or learned per label."""

    condition_sizes = (LABELS,)

    def __init__(self, config: LabelConfig):
        super().__init__(config)
        self.prior_table = nn.Embedding(LABELS, 2 * config.latent) if config.prior == "learned" else None

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the labels one-hot, (N, 10)."""
        assert c.labels is not None
        return (F.one_hot(c.labels, LABELS).float(),)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | label): the same for all labels unless learned."""
        if self.prior_table is None:
            return super().prior(context)
        loc, log_scale = (context[0] @ self.prior_table.weight).float().chunk(2, dim=-1)
        return Gaussian(loc, log_scale)


class Baseline(ConditionalVAE):
    """p(hidden | visible) without latents: the deterministic network of Sohn et al. (2015), "NN (baseline)"."""

    def __init__(self, config: BaselineConfig):
        super().__init__(config, _hidden_pixels(config.visible))
        self.visible = config.visible
        shape = (config.width, config.depth, config.residual)
        self.body, self.output = Body((PIXELS, len(NAMES)), *shape), nn.Linear(config.width, len(self.pixels))

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the visible pixels and which quadrants they are."""
        return _seen(self.visible, c)

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return the distribution over no dimensions."""
        return self.prior(context)

    def logits(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the hidden pixels' logits; z has no dimensions and says nothing."""
        out: Tensor = self.output(self.body(*context))
        return out.expand(*z.shape[:-2], *out.shape)

    def counted(self, c: Condition) -> Tensor | None:
        """Return which generated pixels are hidden."""
        return _counted(self.visible, c)


class QuadrantCVAE(ConditionalVAE):
    """p(hidden | visible) with recognition, prior and generation networks (Sohn, Lee & Yan 2015).

    The prior network sees the visible pixels with the frozen baseline's first guess in the hidden ones; the
    recognition network sees the whole image. In `classic` the generation network sees z alone, as in the Pyro tutorial.
    """

    def __init__(self, config: QuadrantConfig):
        super().__init__(config, _hidden_pixels(config.visible))
        self.visible = config.visible
        shape = (config.width, config.depth, config.residual)
        image = (PIXELS, len(NAMES))
        self.sees_condition = config.decoder_sees_condition
        self.baseline = Baseline(baseline_for(config)).requires_grad_(False)
        self.recognition, self.recognition_head = Body(image, *shape), GaussianHead(config.width, config.latent)
        self.prior_network, self.prior_head = Body(image, *shape), GaussianHead(config.width, config.latent)
        self.generation = Body((config.latent, *(image if self.sees_condition else ())), *shape)
        self.output = nn.Linear(config.width, len(self.pixels))

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the visible pixels with the baseline's guess pasted into the hidden ones, and which are visible."""
        seen = _seen(self.visible, c)
        with torch.no_grad():
            guess = self.baseline.likelihood(self.baseline.draw(c, seen[0].new_zeros(1, 1, 0)), c)
            return completed(guess, c)[0], seen[1]

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        head: Gaussian = self.prior_head(self.prior_network(*context))
        return head

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""
        head: Gaussian = self.recognition_head(self.recognition(x, context[1]))
        return head

    def logits(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the hidden pixels' logits."""
        out: Tensor = self.output(self.generation(z, *(context if self.sees_condition else ())))
        return out

    def counted(self, c: Condition) -> Tensor | None:
        """Return which generated pixels are hidden."""
        return _counted(self.visible, c)


def completed(likelihood: MaskedBernoulli, c: Condition) -> Tensor:
    """Return the pixel means as whole images (samples, N, 784), visible pixels as they were given."""
    background = likelihood.logits.new_zeros(len(c), PIXELS) if c.pixels is None else c.pixels
    return likelihood.paste(likelihood.probabilities, background)


def build(config: Config) -> ConditionalVAE:
    """Build a configuration's model with the weights that its seed gives."""
    model: ConditionalVAE
    match config:
        case QuadrantConfig():
            model = QuadrantCVAE(config)
        case LabelConfig():
            model = LabelCVAE(config)
        case VAEConfig():
            model = VAE(config)
        case BaselineConfig():
            model = Baseline(config)
        case _:
            raise ConfigError(f"There is no model for a {config.flavour!r} configuration.")
    initialise(model, config.seed)
    return model


def _hidden_pixels(visible: str) -> Tensor | None:
    """Return the positions to generate where the visible set is fixed, None where any pixel may be hidden."""
    return None if visible == ANY else (~pixel_mask(flags(visible))).nonzero().squeeze(-1)


def _seen(visible: str, c: Condition) -> tuple[Tensor, Tensor]:
    """Return the visible pixels (N, 784) and flags (N, 4) as network inputs, refusing sets that were not learned."""
    assert c.pixels is not None and c.visible is not None
    if visible != ANY and not bool((c.visible == flags(visible).to(c.visible.device)).all()):
        raise ConfigError(f"This model completes digits of which the {described(visible)} is visible, and no others.")
    return c.pixels, c.visible.to(c.pixels.dtype)


def _counted(visible: str, c: Condition) -> Tensor | None:
    """Return which generated pixels are hidden, (N, 784), or None where a fixed set makes all of them so."""
    assert c.visible is not None
    return ~pixel_mask(c.visible) if visible == ANY else None
