"""Multilayer perceptrons whose first layer adds projections of its inputs, so that a shared input is projected once."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvae_core.models.distributions import Gaussian
from cvae_core.system.seeds import require_seed


class ZeroLinear(nn.Linear):
    """Mark a linear layer whose weights and biases are initialised with zeros."""


class ZeroConvolution(nn.Conv2d):
    """Mark a convolution whose weights and biases are initialised with zeros."""


class AddedInputs(nn.Module):
    """Compute W₁ a + W₂ b + … + bias. Inputs are broadcast: the projection of c is computed once for all samples of z."""

    def __init__(self, sizes: tuple[int, ...], width: int):
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(size, width, bias=first == 0) for first, size in enumerate(sizes))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Map inputs (..., size) to (..., width)."""
        projected = [layer(given) for layer, given in zip(self.projections, inputs, strict=True)]
        total: Tensor = sum(projected[1:], start=projected[0])
        return total


class ResidualBlock(nn.Module):
    """Compute h + W₂ SiLU(W₁ LayerNorm(h)). Initially W₂ = 0, so that the block is the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.inner, self.outer = nn.LayerNorm(width), nn.Linear(width, width), ZeroLinear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        return h + self.outer(F.silu(self.inner(self.norm(h))))


class Body(nn.Module):
    """Map inputs to features (..., width) with ReLU layers, as Sohn et al. and the Pyro tutorial do, or residual blocks.

    `depth` is the number of layers of the plain network, or of residual blocks after the first layer.
    """

    def __init__(self, inputs: tuple[int, ...], width: int, depth: int, residual: bool):
        super().__init__()
        self.first = AddedInputs(inputs, width)
        if residual:
            layers: list[nn.Module] = [ResidualBlock(width) for _ in range(depth)]
            layers += [nn.LayerNorm(width), nn.SiLU()]
        else:
            layers = [nn.ReLU()]
            for _ in range(depth - 1):
                layers += [nn.Linear(width, width), nn.ReLU()]
        self.rest = nn.Sequential(*layers)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Map inputs (..., size) to features (..., width)."""
        features: Tensor = self.rest(self.first(*inputs))
        return features


class GaussianHead(nn.Module):
    """Predict μ and log σ from features. The output is float32 even under autocast, since densities need the precision."""

    def __init__(self, width: int, latent: int):
        super().__init__()
        self.linear = nn.Linear(width, 2 * latent)

    def forward(self, features: Tensor) -> Gaussian:
        """Map features (..., width) to a distribution over (..., latent)."""
        loc, log_scale = self.linear(features).float().chunk(2, dim=-1)
        return Gaussian(loc, log_scale)


def initialise(module: nn.Module, seed: int) -> None:
    """Initialise all weights from a seed as torch does (He et al. 2015), without its global random generator."""
    generator = torch.Generator().manual_seed(require_seed(seed))
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.reset_parameters()
        elif isinstance(part, ZeroLinear | ZeroConvolution):
            for weight in part.parameters(recurse=False):
                nn.init.zeros_(weight)
        elif isinstance(part, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(part.weight[0].numel())
            for weight in part.parameters(recurse=False):
                nn.init.uniform_(weight, -bound, bound, generator=generator)
        elif isinstance(part, nn.Embedding):
            nn.init.zeros_(part.weight)
