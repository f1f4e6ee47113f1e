"""Masks of visible values, from flags of the quadrants in the order of `quadrant_names.NAMES`, or of the pixels."""

import base64
import math
import zlib
from functools import cache, lru_cache
from itertools import product

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import MNIST, SIDES, Shape
from cvae_core.config.quadrant_names import ANY, BRUSH, NAMES, PAINTED, SCATTERED, name_of, shown
from cvae_core.data import noise
from cvae_core.errors import ConfigError

LONGEST = 40  # characters of a wrong name in a message
PROPER_SETS = torch.tensor([flags for flags in product([False, True], repeat=4) if 0 < sum(flags) < 4])  # (14, 4)


def flags(visible: str) -> Tensor:
    """Convert "1", "2", "3" or names joined by "+" into four booleans in the order of `NAMES`.

    The name of a painted mask becomes flags of pixels, (side²,): see `painted`. Raises ConfigError for other names.

    >>> flags("top-left+bottom-left").tolist() == flags("2").tolist() == [True, False, True, False]
    True
    """
    if visible.startswith(PAINTED):
        return _unpacked(visible.removeprefix(PAINTED))
    return torch.tensor(shown(visible), device="cpu")  # even inside `with torch.device(...)`, where models are built


def painted(visible: Tensor) -> str:
    """Return the name of a mask, flags of pixels (side²,): that of its quadrants, or its bits in compressed Base64.

    >>> painted(visible_values(flags("2"))), len(painted(torch.rand(784) < 0.5)) < 160
    ('2', True)
    """
    quadrants = visible_values(PROPER_SETS, Shape(1, math.isqrt(len(visible))))
    if same := (quadrants == visible).all(-1).nonzero().flatten().tolist():
        return name_of(PROPER_SETS[same[0]])
    content = zlib.compress(np.packbits(visible.numpy()).tobytes(), 9)
    return PAINTED + base64.urlsafe_b64encode(content).decode().rstrip("=")


def _unpacked(text: str) -> Tensor:
    """Return the flags (side²,) of a mask from its bits in compressed Base64."""
    most = SIDES[-1] ** 2 // 8
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        bits = np.unpackbits(np.frombuffer(zlib.decompressobj().decompress(content, most + 1), np.uint8))
    except (ValueError, zlib.error):
        bits = np.empty(0, np.uint8)
    if len(bits) not in {side**2 for side in SIDES}:
        raise ConfigError(
            f"{PAINTED}{text[:LONGEST]} is no mask of pixels: use a name that masks.painted has returned."
        )
    return torch.from_numpy(bits.astype(bool))


def resized(visible: Tensor, side: int) -> Tensor:
    """Return flags of the pixels of images of a side from flags of pixels of other images; flags of quadrants stay."""
    if len(visible) == len(NAMES):
        return visible
    own = math.isqrt(len(visible))
    rows = torch.arange(side) * own // side
    return visible.unflatten(-1, (own, own))[rows][:, rows].flatten()


@cache
@torch.inference_mode(False)
def quadrant_of_value(shape: Shape) -> Tensor:
    """Return the quadrant of each value of an image, (values,), an index into `NAMES`."""
    half = torch.arange(shape.side, device="cpu") >= shape.side // 2
    return (2 * half[:, None] + half.int()).flatten().repeat(shape.channels)


def visible_values(visible: Tensor, shape: Shape = MNIST) -> Tensor:
    """Return the mask of visible values, booleans (..., values), from flags of quadrants (..., 4) or pixels (..., side²)."""
    if visible.shape[-1] == len(NAMES):
        return visible[..., quadrant_of_value(shape).to(visible.device)]
    return visible.repeat(*[1] * (visible.ndim - 1), shape.channels)


def regions_of(visible: Tensor, regions: int, shape: Shape) -> Tensor:
    """Return flags of `regions` regions, the quadrants or the pixels, from flags of either, except quadrants from pixels."""
    if visible.shape[-1] == regions or regions == len(NAMES):
        return visible
    return visible_values(visible, Shape(1, shape.side))


def drawn(visible: str, shape: Shape, count: int, seed: int, *stream: int | str) -> Tensor:
    """Draw a mask for each of `count` images: a set of quadrants (count, 4) for "any", else flags of pixels (count, side²).

    `visible` is "any", "brush" or a name of `SCATTERED`. The stream determines the result: see `noise`.
    """
    if visible == ANY:
        return PROPER_SETS[noise.integers(len(PROPER_SETS), count, seed, *stream)]
    if visible == BRUSH:
        return brushed(shape, count, seed, *stream)
    order = noise.uniform((count, shape.pixels), seed, *stream).argsort(-1).argsort(-1)
    return order >= round(shape.pixels * SCATTERED[visible] / 100)


@lru_cache(maxsize=8)
def held_out_masks(visible: str, shape: Shape, count: int, seed: int) -> Tensor:
    """Return the mask of each image of a split of `count` images, the same in every evaluation."""
    return drawn(visible, shape, count, seed, "visible")


def brushed(shape: Shape, count: int, seed: int, *stream: int | str) -> Tensor:
    """Draw masks of visible pixels for training with a brush, (count, side²) booleans.

    A fifth of the masks each are a rectangle, a half, a set of one to three quadrants, a stroke of a brush, and scattered
    pixels. Sides, places, widths and the share of scattered pixels are uniform. What is inside a rectangle or a stroke is
    visible or hidden with equal probability.
    """
    side = shape.side
    numbers = noise.uniform((count, 16), seed, *stream, "numbers")
    kind, inverted = (5 * numbers[:, 0]).long(), numbers[:, 1:2] < 0.5
    steps = (torch.arange(side) + 0.5) / side
    down, right = (place.flatten() for place in torch.meshgrid(steps, steps, indexing="ij"))  # (side²,)
    top, bottom = numbers[:, 2:4].sort(-1).values.split(1, -1)
    left, far = numbers[:, 4:6].sort(-1).values.split(1, -1)
    rectangle = (down >= top) & (down <= bottom) & (right >= left) & (right <= far)
    half = torch.stack([down < 0.5, down > 0.5, right < 0.5, right > 0.5])[(4 * numbers[:, 6]).long()]
    quadrants = visible_values(PROPER_SETS[(len(PROPER_SETS) * numbers[:, 6]).long()], Shape(1, side))
    scattered = noise.uniform((count, side**2), seed, *stream, "scattered") < numbers[:, 6:7]
    masks = torch.stack([rectangle ^ inverted, half, quadrants, half, scattered])[kind, torch.arange(count)]
    strokes = kind == 3
    masks[strokes] = _stroke(down, right, numbers[strokes]) ^ inverted[strokes]
    return masks


def _stroke(down: Tensor, right: Tensor, numbers: Tensor) -> Tensor:
    """Return the pixels (N, side²) near a line through four random points, from random numbers (N, 16)."""
    points, radius = numbers[:, 7:15].unflatten(-1, (4, 2)), 0.05 + 0.15 * numbers[:, 15:16]
    nearest = torch.full((len(numbers), len(down)), torch.inf)
    for start, end in zip(points[:, :-1].unbind(1), points[:, 1:].unbind(1), strict=True):
        (y, x), (dy, dx) = ((each[:, :1], each[:, 1:]) for each in (start, end - start))
        along = ((down - y) * dy + (right - x) * dx) / (dy**2 + dx**2).clamp(min=1e-9)
        along = along.clamp(0, 1)
        nearest = nearest.minimum((down - y - along * dy) ** 2 + (right - x - along * dx) ** 2)
    return nearest <= radius**2
