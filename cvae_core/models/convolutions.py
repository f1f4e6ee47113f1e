"""Convolutional layers with features at a half and a quarter of the side length: fine and coarse.

Feature maps are (images, channels, side, side).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvae_core.models.distributions import Gaussian
from cvae_core.models.mlp import ZeroConvolution

MAX_STRETCH = 1.0  # upper bound of log(σ_q / σ_p): it limits the term (σ_q / σ_p)² / 2 of the rate to e² / 2


def coarse_channels(fine_channels: int) -> int:
    """Return the number of coarse channels: 1.5 times as many as fine ones, since there are a quarter of the positions."""
    return fine_channels * 3 // 2


class ResidualConvolutions(nn.Module):
    """Compute h + W₂ ∗ SiLU(W₁ ∗ SiLU(h)). Initially W₂ = 0, so that the block is the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=1)
        self.outer = ZeroConvolution(channels, channels, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Map (N, channels, side, side) to the same shape."""
        return h + self.outer(F.silu(self.inner(F.silu(h))))


class Pyramid(nn.Module):
    """Compute fine features of images, and from these the coarse ones."""

    def __init__(self, inputs: int, channels: int, depth: int):
        super().__init__()
        coarse = coarse_channels(channels)
        self.first = nn.Conv2d(4 * inputs, channels, 3, padding=1)
        self.fine = nn.Sequential(*(ResidualConvolutions(channels) for _ in range(depth)))
        self.down = nn.Conv2d(channels, coarse, 2, stride=2)
        self.coarse = nn.Sequential(*(ResidualConvolutions(coarse) for _ in range(depth)))

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Map images (N, inputs, side, side) to features, by side length."""
        h = F.pixel_unshuffle(images, 2).contiguous(memory_format=torch.channels_last)
        fine = self.fine(self.first(h))
        coarse = self.coarse(self.down(F.silu(fine)))
        return {maps.shape[-1]: maps for maps in (fine, coarse)}


class LatentGroup(nn.Module):
    """Compute prior and posterior of one map of latents given the groups above, and add its z to the features.

    Features are (samples, N, channels, side, side). The network predicts the posterior as an offset from the prior. Initially
    the offset is 0 (Vahdat & Kautz 2020, section 3.2).
    """

    def __init__(self, channels: int, latent: int, side: int):
        super().__init__()
        half = channels // 2
        self.side, self.latent = side, latent
        self.prior_body, self.prior_head = nn.Conv2d(channels, half, 3, padding=1), ZeroConvolution(half, 2 * latent, 1)
        self.above, self.evidence = (nn.Conv2d(channels, half, 3, padding=1) for _ in range(2))
        self.offset_head = ZeroConvolution(half, 2 * latent, 3, padding=1)
        self.merge, self.block = nn.Conv2d(latent, channels, 1), ResidualConvolutions(channels)

    @property
    def size(self) -> int:
        """Return the number of latent dimensions."""
        return self.latent * self.side**2

    def prior(self, h: Tensor) -> Gaussian:
        """Return p(z of this group | z of the groups above, c) over (samples, N, latent, side, side)."""
        loc, log_scale = over_samples(self._prior, h).float().chunk(2, dim=2)
        return Gaussian(loc, log_scale)

    def posterior(self, h: Tensor, evidence: Tensor, prior: Gaussian) -> Gaussian:
        """Return q(z of this group | z of the groups above, x, c), given features h and features (N, …) of the image."""
        merged = over_samples(self.above, F.silu(h)) + self.evidence(F.silu(evidence))
        shift, stretch = over_samples(self.offset_head, F.silu(merged)).float().chunk(2, dim=2)
        return Gaussian(prior.loc + prior.scale * shift, prior.scale.log() + stretch.clamp(max=MAX_STRETCH))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """Add z (samples, N, latent, side, side) to the features h, and apply a residual block."""
        return over_samples(self.block, h + over_samples(self.merge, z))

    def _prior(self, h: Tensor) -> Tensor:
        out: Tensor = self.prior_head(F.silu(self.prior_body(F.silu(h))))
        return out


class PixelHead(nn.Module):
    """Compute output maps from fine features, and from conditioning images if there are any."""

    def __init__(self, channels: int, seen: int, outputs: int):
        super().__init__()
        small = channels // 4
        self.up = nn.Conv2d(channels, 4 * small, 3, padding=1)
        self.seen = nn.Conv2d(seen, small, 3, padding=1) if seen else None
        self.inner, self.outer = nn.Conv2d(small, small, 3, padding=1), nn.Conv2d(small, outputs, 3, padding=1)

    def forward(self, h: Tensor, images: Tensor | None) -> Tensor:
        """Map fine features (samples, N, …) and images (N, seen, …) to output maps (samples, N, outputs, side, side)."""
        fine = over_samples(lambda h: F.pixel_shuffle(self.up(F.silu(h)), 2), h)
        if self.seen is not None and images is not None:
            fine = fine + self.seen(images)
        return over_samples(lambda h: self.outer(F.silu(self.inner(F.silu(h)))), fine)


def over_samples(layer: Callable[[Tensor], Tensor], maps: Tensor) -> Tensor:
    """Apply a layer that maps (N, …) to feature maps (samples, N, …)."""
    return layer(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
