"""Masks of visible values, from flags for the quadrants in the order of `quadrant_names.NAMES`."""

from functools import cache
from itertools import product

import torch
from torch import Tensor

from cvae_core.config.descriptions import MNIST, Shape
from cvae_core.config.quadrant_names import shown

PROPER_SETS = torch.tensor([flags for flags in product([False, True], repeat=4) if 0 < sum(flags) < 4])  # (14, 4)


def flags(visible: str) -> Tensor:
    """Convert "1", "2", "3" or names joined by "+" into four booleans in the order of `NAMES`.

    >>> flags("top-left+bottom-left").tolist() == flags("2").tolist() == [True, False, True, False]
    True
    """
    return torch.tensor(shown(visible), device="cpu")  # even inside `with torch.device(...)`, where models are built


@cache
@torch.inference_mode(False)
def quadrant_of_value(shape: Shape) -> Tensor:
    """Return the quadrant of each value of an image, (values,), an index into `NAMES`."""
    half = torch.arange(shape.side, device="cpu") >= shape.side // 2
    return (2 * half[:, None] + half.int()).flatten().repeat(shape.channels)


def visible_values(visible: Tensor, shape: Shape = MNIST) -> Tensor:
    """Return the mask of visible values, booleans (..., values), from flags of shape (..., 4)."""
    return visible[..., quadrant_of_value(shape).to(visible.device)]
