"""Models without a hierarchy: the VAE, the label CVAE, the quadrant CVAE of Sohn, Lee & Yan (2015) and its baseline."""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import kl_divergence

from cvae_core.config.flavours import BaselineConfig, LabelConfig, QuadrantConfig, VAEConfig
from cvae_core.config.presets import baseline_for
from cvae_core.config.quadrant_names import NAMES
from cvae_core.data.conditions import Condition
from cvae_core.data.intensities import require_images
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, completed, seen
from cvae_core.models.distributions import Gaussian, standard_gaussian
from cvae_core.models.mlp import Body, GaussianHead


class FlatVAE(ConditionalVAE):
    """Implement infer, draw and outputs with a prior, a posterior and a generation network."""

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        return standard_gaussian(self.pixels, self.latent)

    @abstractmethod
    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""

    @abstractmethod
    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the outputs of the generation network, (samples, images, parameters · P)."""

    def infer(self, x: Tensor, c: Condition, noise: Tensor) -> Latents:
        """Turn base noise into z ~ q(z | x, c), the posterior of images x (N, values)."""
        context = self.context(c)
        posterior, prior = self.posterior(x, context), self.prior(context)
        z = posterior.at(noise)
        log_weight = (prior.log_prob(z) - posterior.log_prob(z)).sum(-1)
        rate = kl_divergence(posterior, prior).expand(1, len(c), self.latent)
        return Latents(z, prior.noise(z), rate, log_weight, context)

    def draw(self, c: Condition, noise: Tensor) -> Latents:
        """Turn base noise into z ~ p(z | c), the prior."""
        context = self.context(c)
        noise = noise.expand(-1, len(c), -1)
        z = self.prior(context).at(noise)
        return Latents(z, noise, torch.zeros_like(z[:1]), z.new_zeros(z.shape[:-1]), context)

    def outputs(self, latents: Latents) -> Tensor:
        """Return the outputs of the generation network, (samples, images, parameters · P)."""
        return self.decoded(latents.z, latents.context)


class VAE(FlatVAE):
    """Model p(x) with z ~ N(0, I) (Kingma & Welling 2014)."""

    def __init__(self, config: VAEConfig):
        super().__init__(config)
        shape = (config.width, config.depth, config.residual)
        given = self.condition_sizes(config)
        self.recognition = Body((config.shape.values, *given), *shape)
        self.recognition_head = GaussianHead(config.width, config.latent)
        self.generation = Body((config.latent, *given), *shape)
        self.output = nn.Linear(config.width, self.outputs_count)

    @staticmethod
    def condition_sizes(config: VAEConfig) -> tuple[int, ...]:
        """Return the sizes of the encoded condition: see `context`."""
        return ()

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return no inputs: a VAE has no condition."""
        return ()

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c) from the image and the encoded condition."""
        require_images(x, self.config.shape)
        head: Gaussian = self.recognition_head(self.recognition(x, *context))
        return head

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the outputs for all values from z and the encoded condition."""
        out: Tensor = self.output(self.generation(z, *context))
        return out


class LabelCVAE(VAE):
    """Model p(x | label). The one-hot label is an input of encoder and decoder. The prior is N(0, I) or learned per label."""

    def __init__(self, config: LabelConfig):
        super().__init__(config)
        self.prior_table = nn.Embedding(config.classes, 2 * config.latent) if config.prior == "learned" else None

    @staticmethod
    def condition_sizes(config: VAEConfig) -> tuple[int, ...]:
        """Return the number of classes."""
        return (config.classes,)

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return the one-hot labels, (N, classes)."""
        assert c.labels is not None
        return (F.one_hot(c.labels, self.config.classes).float(),)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | label). Unless the prior is learned, it is the same for all labels."""
        if self.prior_table is None:
            return super().prior(context)
        loc, log_scale = (context[0] @ self.prior_table.weight).float().chunk(2, dim=-1)
        return Gaussian(loc, log_scale)


class Baseline(FlatVAE):
    """Model p(hidden | visible) without latents: the deterministic "NN (baseline)" of Sohn et al. (2015)."""

    def __init__(self, config: BaselineConfig):
        super().__init__(config)
        self.visible = config.visible
        shape = (config.width, config.depth, config.residual)
        self.body, self.output = (
            Body((config.shape.values, len(NAMES)), *shape),
            nn.Linear(config.width, self.outputs_count),
        )

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return the visible pixels (N, values), and flags of the visible quadrants (N, 4)."""
        return seen(self.visible, c)

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return a distribution over zero dimensions."""
        return self.prior(context)

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the outputs for the hidden values. z has zero dimensions and is ignored."""
        out: Tensor = self.output(self.body(*context))
        return out.expand(*z.shape[:-2], *out.shape)


class QuadrantCVAE(FlatVAE):
    """Model p(hidden | visible) with recognition, prior and generation networks (Sohn, Lee & Yan 2015).

    The input of the prior network is the visible pixels, with the hidden ones predicted by the frozen baseline. The input of
    the recognition network is the whole image. In the preset `classic`, the input of the generation network is z alone, as in
    the Pyro tutorial.
    """

    def __init__(self, config: QuadrantConfig):
        super().__init__(config)
        self.visible = config.visible
        shape = (config.width, config.depth, config.residual)
        image = (config.shape.values, len(NAMES))
        self.sees_condition = config.decoder_sees_condition
        self.baseline = frozen_baseline(config)
        self.recognition, self.recognition_head = Body(image, *shape), GaussianHead(config.width, config.latent)
        self.prior_network, self.prior_head = Body(image, *shape), GaussianHead(config.width, config.latent)
        self.generation = Body((config.latent, *(image if self.sees_condition else ())), *shape)
        self.output = nn.Linear(config.width, self.outputs_count)

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return the visible pixels with the baseline's prediction of the hidden ones (N, values), and the flags (N, 4)."""
        return first_guess(self.baseline, c)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        head: Gaussian = self.prior_head(self.prior_network(*context))
        return head

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""
        require_images(x, self.config.shape)
        head: Gaussian = self.recognition_head(self.recognition(x, context[1]))
        return head

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the outputs for the hidden values."""
        out: Tensor = self.output(self.generation(z, *(context if self.sees_condition else ())))
        return out


def frozen_baseline(config: QuadrantConfig) -> Baseline:
    """Return the frozen baseline of a quadrant model. Its weights are loaded later, from a baseline's run."""
    needed = baseline_for(config)
    assert needed is not None
    return Baseline(needed).requires_grad_(False)


@torch.no_grad()
def first_guess(baseline: Baseline, c: Condition) -> tuple[Tensor, Tensor]:
    """Return the visible pixels with a baseline's prediction of the hidden ones (N, values), and the flags (N, 4)."""
    pixels, visible = seen(baseline.visible, c)
    if c.guess is not None:
        return c.guess, visible
    guess = baseline.likelihood(baseline.draw(c, pixels.new_zeros(1, 1, 0)), c)
    return completed(guess, c)[0], visible
