"""Masks of visible pixels, from flags for the quadrants in the order of `quadrant_names.NAMES`."""

from itertools import product

import torch
from torch import Tensor

from cvae_core.config.quadrant_names import shown

SIDE = 28
PIXELS = SIDE * SIDE

_ROWS, _COLUMNS = torch.arange(PIXELS) // SIDE, torch.arange(PIXELS) % SIDE
QUADRANT_OF_PIXEL = 2 * (_ROWS >= SIDE // 2) + (_COLUMNS >= SIDE // 2)  # (784,), an index into NAMES
PROPER_SETS = torch.tensor([flags for flags in product([False, True], repeat=4) if 0 < sum(flags) < 4])  # (14, 4)


def flags(visible: str) -> Tensor:
    """Convert "1", "2", "3" or names joined by "+" into four booleans in the order of `NAMES`.

    >>> flags("top-left+bottom-left").tolist() == flags("2").tolist() == [True, False, True, False]
    True
    """
    return torch.tensor(shown(visible), device="cpu")  # even inside `with torch.device(...)`, where models are built


def pixel_mask(visible: Tensor) -> Tensor:
    """Return the mask of visible pixels, booleans (..., 784), from flags of shape (..., 4)."""
    return visible[..., QUADRANT_OF_PIXEL.to(visible.device)]
