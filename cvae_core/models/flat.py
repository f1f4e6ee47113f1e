"""Models with one z: the VAE, the label CVAE, the quadrant CVAE of Sohn, Lee & Yan (2015) and their baseline."""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import kl_divergence

from cvae_core.config.flavours import BaselineConfig, LabelConfig, QuadrantConfig, VAEConfig
from cvae_core.config.presets import baseline_for
from cvae_core.config.quadrant_names import NAMES
from cvae_core.data.conditions import LABELS, Condition
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import PIXELS
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, completed, seen
from cvae_core.models.distributions import Gaussian, standard_gaussian
from cvae_core.models.mlp import Body, GaussianHead


class FlatVAE(ConditionalVAE):
    """Give infer, draw and logits to a prior, a posterior and a generation network."""

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        return standard_gaussian(self.pixels, self.latent)

    @abstractmethod
    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""

    @abstractmethod
    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the generated pixels' logits, (samples, images, P)."""

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

    def logits(self, latents: Latents) -> Tensor:
        """Return the generated pixels' logits, (samples, images, P)."""
        return self.decoded(latents.z, latents.context)


class VAE(FlatVAE):
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
        require_images(x)
        head: Gaussian = self.recognition_head(self.recognition(x, *context))
        return head

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
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


class Baseline(FlatVAE):
    """p(hidden | visible) without latents: the deterministic network of Sohn et al. (2015), "NN (baseline)"."""

    def __init__(self, config: BaselineConfig):
        super().__init__(config)
        self.visible = config.visible
        shape = (config.width, config.depth, config.residual)
        self.body, self.output = Body((PIXELS, len(NAMES)), *shape), nn.Linear(config.width, len(self.pixels))

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the visible pixels and which quadrants they are."""
        return seen(self.visible, c)

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return the distribution over no dimensions."""
        return self.prior(context)

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the hidden pixels' logits; z has no dimensions and says nothing."""
        out: Tensor = self.output(self.body(*context))
        return out.expand(*z.shape[:-2], *out.shape)


class QuadrantCVAE(FlatVAE):
    """p(hidden | visible) with recognition, prior and generation networks (Sohn, Lee & Yan 2015).

    The prior network sees the visible pixels with the frozen baseline's first guess in the hidden ones; the
    recognition network sees the whole image. In `classic` the generation network sees z alone, as in the Pyro tutorial.
    """

    def __init__(self, config: QuadrantConfig):
        super().__init__(config)
        self.visible = config.visible
        shape = (config.width, config.depth, config.residual)
        image = (PIXELS, len(NAMES))
        self.sees_condition = config.decoder_sees_condition
        self.baseline = frozen_baseline(config)
        self.recognition, self.recognition_head = Body(image, *shape), GaussianHead(config.width, config.latent)
        self.prior_network, self.prior_head = Body(image, *shape), GaussianHead(config.width, config.latent)
        self.generation = Body((config.latent, *(image if self.sees_condition else ())), *shape)
        self.output = nn.Linear(config.width, len(self.pixels))

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Encode the visible pixels with the baseline's guess pasted into the hidden ones, and which are visible."""
        return first_guess(self.baseline, c)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        head: Gaussian = self.prior_head(self.prior_network(*context))
        return head

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""
        require_images(x)
        head: Gaussian = self.recognition_head(self.recognition(x, context[1]))
        return head

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the hidden pixels' logits."""
        out: Tensor = self.output(self.generation(z, *(context if self.sees_condition else ())))
        return out


def frozen_baseline(config: QuadrantConfig) -> Baseline:
    """Return the baseline inside a quadrant model; its weights come from a run of its own."""
    needed = baseline_for(config)
    assert needed is not None
    return Baseline(needed).requires_grad_(False)


@torch.no_grad()
def first_guess(baseline: Baseline, c: Condition) -> tuple[Tensor, Tensor]:
    """Return the visible pixels with a baseline's guess pasted into the hidden ones (N, 784), and the flags (N, 4)."""
    pixels, visible = seen(baseline.visible, c)
    if c.guess is not None:
        return c.guess, visible
    guess = baseline.likelihood(baseline.draw(c, pixels.new_zeros(1, 1, 0)), c)
    return completed(guess, c)[0], visible
