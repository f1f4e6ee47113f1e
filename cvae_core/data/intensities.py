"""Pixel intensities in [0, 1]: checks, and conversion to and from bytes."""

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import Shape
from cvae_core.errors import ConfigError, ImagesRefused


def require_intensities(x: Tensor) -> None:
    """Raise ImagesRefused if values do not lie in [0, 1], with their range and the remedy.

    A Bernoulli log-likelihood of other values has no meaning: for bytes from 0 to 255 it can be above zero. Graphs that
    torch exports have their own checks.

    >>> require_intensities(torch.tensor([0.0, 0.5, 1.0]))
    """
    if torch.compiler.is_compiling() or not x.numel():
        return
    low, high = (float(value) for value in x.detach().aminmax())  # NaN if any value is NaN
    if not (low >= 0 and high <= 1):
        found = "be NaN" if low != low else f"range from {low:.9g} to {high:.9g}"
        raise ImagesRefused(
            f"Intensities cannot {found}: they must lie between 0 and 1. Divide bytes by 255, and do not normalise by "
            "mean and standard deviation."
        )


def require_images(x: Tensor, shape: Shape) -> None:
    """Raise ImagesRefused if images are not float32 intensities (N, values) of this shape."""
    if x.shape[1:] != (shape.values,) or x.dtype != torch.float32:
        order = "row by row from the top" if shape.channels == 1 else "channel by channel, each row by row from the top"
        raise ImagesRefused(
            f"Images cannot be {x.dtype} of shape {tuple(x.shape)}: they must be float32 of shape (N, {shape.values}), "
            f"{order}. Convert them with images.float().flatten(1)."
        )
    require_intensities(x)


def as_bytes(images: Tensor) -> np.ndarray:
    """Return float images in [0, 1] as uint8."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def from_bytes(content: bytes, shape: Shape) -> Tensor:
    """Return a byte per value as an image (1, values) in [0, 1]; raise ConfigError for any other number of bytes."""
    if len(content) != shape.values:
        raise ConfigError(f"A drawing has {shape.values} bytes, one per value, but {len(content)} bytes were given.")
    return torch.tensor(np.frombuffer(content, np.uint8), dtype=torch.float32)[None] / 255
