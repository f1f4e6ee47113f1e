"""Hierarchical convolutional models: groups of latents from coarse to fine, each given c and the groups above it.

p(z | c) = Π p(z_l | z_<l, c) and q(z | x, c) = Π q(z_l | z_<l, x, c) share the top-down network, as in the ladder VAE
(Sønderby et al. 2016). Posteriors are offsets from their priors (Vahdat & Kautz 2020). z concatenates the maps of all groups.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import kl_divergence

from cvae_core.config.descriptions import Shape
from cvae_core.config.flavours import VAEConfig
from cvae_core.data.conditions import Condition
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import visible_values
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, encoded
from cvae_core.models.convolutions import LatentGroup, PixelHead, Pyramid, coarse_channels, over_samples
from cvae_core.models.flat import first_guess, frozen_baseline
from cvae_core.models.likelihoods import LIKELIHOODS
from cvae_core.models.mlp import ZeroLinear


class Ladder(ConditionalVAE):
    """Model p(x | c) with a hierarchy of latents. Each part of the condition adds features at each size.

    These are learned vectors of the label, projections of the attributes, and convolutions of the visible pixels, with the
    hidden ones predicted by the frozen baseline, and their mask. Pixels and mask are also inputs of the last layers.
    """

    chunk = 256

    def __init__(self, config: VAEConfig):
        super().__init__(config)
        fine, coarse = config.width, coarse_channels(config.width)
        channels, parameters = config.channels, LIKELIHOODS[config.likelihood].parameters
        self.recognition = Pyramid(channels, fine, config.depth)
        self.top = nn.Parameter(torch.zeros(coarse, 1, 1))
        self.coarse = nn.ModuleList(LatentGroup(coarse, config.latent, config.coarse) for _ in range(config.groups))
        self.up = nn.Conv2d(coarse, fine, 1)
        self.fine = nn.ModuleList(LatentGroup(fine, config.latent, config.fine) for _ in range(config.groups))
        self.head = PixelHead(fine, self.seen, parameters * channels)
        if "label" in config.given:
            self.coarse_label, self.fine_label = (nn.Embedding(config.classes, size) for size in (coarse, fine))
        if "attributes" in config.given:
            inputs = sum(one.inputs for one in config.attributes)
            self.coarse_attributes, self.fine_attributes = (ZeroLinear(inputs, size) for size in (coarse, fine))
        if "pixels" in config.given:
            self.baseline = frozen_baseline(config)
            self.vision = Pyramid(self.seen, fine, config.depth)

    @property
    def seen(self) -> int:
        """Return the number of channels of the conditioning images: visible pixels or prediction, and the mask."""
        return self.config.channels + 1 if "pixels" in self.config.given else 0

    @property
    def mapped(self) -> int:
        """Return the number of dimensions of the top group. Only the top group is mapped."""
        return self.groups[0].size

    @property
    def groups(self) -> list[LatentGroup]:
        """Return the groups from top to bottom."""
        return [*self.coarse, *self.fine]

    def per_unit(self, rate: Tensor) -> Tensor:
        """Sum rates (…, latent) over the positions of each map, (…, groups · channels). Here, every map is a unit."""
        parts = rate.split([group.size for group in self.groups], dim=-1)
        mapped = zip(self.groups, parts, strict=True)
        return torch.cat([part.unflatten(-1, (group.latent, -1)).sum(-1) for group, part in mapped], -1)

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        """Return what is added to coarse and fine features, (N, channels, side, side) or (N, channels, 1, 1).

        If pixels are given, return these images and their mask too, (N, channels + 1, side, side).
        """
        given, shape = self.config.given, self.config.shape
        coarse, fine = [], []
        images: tuple[Tensor, ...] = ()
        if "label" in given:
            assert c.labels is not None
            coarse.append(self.coarse_label(c.labels)[..., None, None])
            fine.append(self.fine_label(c.labels)[..., None, None])
        if "attributes" in given:
            assert c.attributes is not None
            inputs = encoded(self.config.attributes, c.attributes)
            coarse.append(self.coarse_attributes(inputs)[..., None, None])
            fine.append(self.fine_attributes(inputs)[..., None, None])
        if "pixels" in given:
            guess, _ = first_guess(self.baseline, c)
            assert c.visible is not None
            mask = visible_values(c.visible, Shape(1, shape.side)).to(guess.dtype)
            images = (torch.cat([guess, mask], dim=-1).unflatten(-1, (self.seen, shape.side, shape.side)),)
            features = self.vision(*images)
            coarse.append(features[self.config.coarse])
            fine.append(features[self.config.fine])
        nothing = self.top.new_zeros(len(c), 1, 1, 1)
        sums = (sum(parts[1:], start=parts[0]) if parts else nothing for parts in (coarse, fine))
        return *sums, *images

    def infer(self, x: Tensor, c: Condition, noise: Tensor) -> Latents:
        """Turn base noise into z ~ q(z | x, c), the posterior of images x (N, values), group by group."""
        require_images(x, self.config.shape)
        return self._descend(
            self.context(c), noise.expand(-1, len(c), -1), self.recognition(x.unflatten(-1, self.config.shape.maps))
        )

    def draw(self, c: Condition, noise: Tensor) -> Latents:
        """Turn base noise into z ~ p(z | c), the prior, group by group."""
        return self._descend(self.context(c), noise.expand(-1, len(c), -1), None)

    def outputs(self, latents: Latents) -> Tensor:
        """Return the outputs of the generation network, (samples, images, parameters · P)."""
        assert latents.features is not None
        images = latents.context[2] if self.seen else None
        out: Tensor = self.head(latents.features, images)
        values = out.flatten(2).unflatten(-1, (-1, self.config.shape.values))  # (…, parameters, values)
        return values[..., self.pixels].flatten(-2)

    def _descend(self, context: tuple[Tensor, ...], noise: Tensor, evidence: dict[int, Tensor] | None) -> Latents:
        """Compute the groups from top to bottom. Without `evidence`, features of the images, z comes from the prior."""
        count = noise.shape[1]
        side = self.config.coarse
        h = (self.top + context[0]).expand(count, -1, side, side).contiguous(memory_format=torch.channels_last)
        h = h.unsqueeze(0)  # (samples, N, channels, side, side): one sample until z is added
        found: list[tuple[Tensor, ...]] = []
        log_weight = noise.new_zeros(noise.shape[:2])
        for position, (group, epsilon) in enumerate(zip(self.groups, self._parts(noise), strict=True)):
            if position == len(self.coarse):
                h = over_samples(lambda h: F.interpolate(self.up(h), size=self.config.fine), h) + context[1]
            prior = group.prior(h)
            if evidence is None:
                z, under_prior, rate = prior.at(epsilon), epsilon, epsilon.new_zeros(1, *epsilon.shape[1:])
            else:
                posterior = group.posterior(h, evidence[group.side], prior)
                z = posterior.at(epsilon)
                rate, under_prior = kl_divergence(posterior, prior), prior.noise(z)
                log_weight = log_weight + (prior.log_prob(z) - posterior.log_prob(z)).flatten(2).sum(-1)
            found.append((z.flatten(2), under_prior.flatten(2), rate.flatten(2)))
            h = group(h, z)
        z, under_prior, rate = (torch.cat(_alike(parts), dim=-1) for parts in zip(*found, strict=True))
        return Latents(z, under_prior, rate, log_weight, context, h)

    def _parts(self, noise: Tensor) -> list[Tensor]:
        """Split base noise (samples, N, latent) into one map for each group."""
        parts = noise.split([group.size for group in self.groups], dim=-1)
        return [
            part.unflatten(-1, (group.latent, group.side, group.side))
            for group, part in zip(self.groups, parts, strict=True)
        ]


def _alike(parts: tuple[Tensor, ...]) -> list[Tensor]:
    """Expand tensors (samples or 1, …) to the same number of samples."""
    samples = max(len(part) for part in parts)
    return [part.expand(samples, -1, -1) for part in parts]
