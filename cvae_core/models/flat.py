"""Models without a hierarchy: the CVAE with any condition, or none, and the baseline of Sohn, Lee & Yan (2015)."""

from abc import abstractmethod
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import kl_divergence

from cvae_core.config.flavours import BaselineConfig, Config, VAEConfig
from cvae_core.config.presets import baseline_for
from cvae_core.data.conditions import Condition
from cvae_core.data.intensities import require_images
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, completed, encoded, seen
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


class CVAE(FlatVAE):
    """Model p(x | c) for any condition c. Without one, it is the VAE of Kingma & Welling (2014).

    c has some of these parts: the one-hot label, the attributes (see `encoded`), and the visible pixels, with the hidden ones
    predicted by the frozen baseline, and flags of what is visible. The prior is N(0, I), a Gaussian for each label, or the
    output of a network of c, as in Sohn, Lee & Yan (2015). The recognition network receives the image instead of the visible
    pixels. In the preset `classic`, the generation network of a model that is given pixels receives z alone, as in the Pyro
    tutorial.
    """

    def __init__(self, config: VAEConfig):
        super().__init__(config)
        shape = (config.width, config.depth, config.residual)
        given = _sizes(config)
        if config.has_baseline:
            self.baseline = frozen_baseline(config)
        beside_image = [*given[:-2], given[-1]] if "pixels" in config.given else given
        self.recognition = Body((config.shape.values, *beside_image), *shape)
        self.recognition_head = GaussianHead(config.width, config.latent)
        if config.prior_kind == "network":
            self.prior_network, self.prior_head = Body(tuple(given), *shape), GaussianHead(config.width, config.latent)
        self.generation = Body((config.latent, *(given if config.decoder_reads_condition else ())), *shape)
        self.output = nn.Linear(config.width, self.outputs_count)
        self.prior_table = nn.Embedding(given[0], 2 * config.latent) if config.prior_kind == "learned" else None

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return the parts of the condition, (N, size) each; the last two are pixels, visible or predicted, and flags."""
        parts: list[Tensor] = []
        for part in self.config.given:
            match part:
                case "label":
                    assert c.labels is not None
                    parts.append(F.one_hot(c.labels, self.config.classes).float())
                case "attributes":
                    assert c.attributes is not None
                    parts.append(encoded(self.config.attributes, c.attributes))
                case "pixels":
                    parts += first_guess(self.baseline, c)
                case _:
                    assert_never(part)
        return tuple(parts)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        """Return p(z | c)."""
        if self.prior_table is not None:
            loc, log_scale = (context[0] @ self.prior_table.weight).float().chunk(2, dim=-1)
            return Gaussian(loc, log_scale)
        if self.config.prior_kind == "standard":
            return super().prior(context)
        head: Gaussian = self.prior_head(self.prior_network(*context))
        return head

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return q(z | x, c)."""
        require_images(x, self.config.shape)
        beside_image = (*context[:-2], context[-1]) if "pixels" in self.config.given else context
        head: Gaussian = self.recognition_head(self.recognition(x, *beside_image))
        return head

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the outputs for the generated values."""
        out: Tensor = self.output(self.generation(z, *(context if self.config.decoder_reads_condition else ())))
        return out


class Baseline(FlatVAE):
    """Model p(hidden | visible) without latents: the deterministic "NN (baseline)" of Sohn et al. (2015)."""

    def __init__(self, config: BaselineConfig):
        super().__init__(config)
        self.body = Body((config.shape.values, config.regions), config.width, config.depth, config.residual)
        self.output = nn.Linear(config.width, self.outputs_count)

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return the visible pixels (N, values), and flags of what is visible (N, regions)."""
        return seen(self.config, c)

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        """Return a distribution over zero dimensions."""
        return self.prior(context)

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """Return the outputs for the hidden values. z has zero dimensions and is ignored."""
        out: Tensor = self.output(self.body(*context))
        return out.expand(*z.shape[:-2], *out.shape)


def _sizes(config: Config) -> list[int]:
    """Return the sizes of the inputs that `CVAE.context` returns."""
    sizes: list[int] = []
    for part in config.given:
        match part:
            case "label":
                sizes.append(config.classes)
            case "attributes":
                sizes.append(sum(one.inputs for one in config.attributes))
            case "pixels":
                sizes += [config.shape.values, config.regions]
            case _:
                assert_never(part)
    return sizes


def frozen_baseline(config: Config) -> Baseline:
    """Return the frozen baseline of a model that is given pixels. Its weights are loaded later, from a baseline's run."""
    needed = baseline_for(config)
    assert needed is not None
    return Baseline(needed).requires_grad_(False)


@torch.no_grad()
def first_guess(baseline: ConditionalVAE | None, c: Condition) -> tuple[Tensor, Tensor]:
    """Return the visible pixels with a baseline's prediction of the hidden ones (N, values), and the flags (N, regions)."""
    assert baseline is not None
    pixels, visible = seen(baseline.config, c)
    if c.guess is not None:
        return c.guess, visible
    guess = baseline.likelihood(baseline.draw(c, pixels.new_zeros(1, 1, 0)), c)
    return completed(guess, c)[0], visible
