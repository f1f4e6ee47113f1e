"""Which quadrants of a digit are visible: names, flags and pixel masks.

A set of visible quadrants is held as four flags in the order of `NAMES`. Sohn, Lee & Yan (2015) and the Pyro tutorial
condition on one quadrant (bottom left), two (the left half) or three (all but bottom right): `PROTOCOL`.
"""

from itertools import product

import torch
from torch import Tensor

from cvae_core.errors import ConfigError

SIDE = 28
PIXELS = SIDE * SIDE
NAMES = ("top-left", "top-right", "bottom-left", "bottom-right")
ANY = "any"
PROTOCOL = {
    "1": ("bottom-left",),
    "2": ("top-left", "bottom-left"),
    "3": ("top-left", "top-right", "bottom-left"),
}

_ROWS, _COLUMNS = torch.arange(PIXELS) // SIDE, torch.arange(PIXELS) % SIDE
QUADRANT_OF_PIXEL = 2 * (_ROWS >= SIDE // 2) + (_COLUMNS >= SIDE // 2)  # (784,), an index into NAMES
PROPER_SETS = torch.tensor([flags for flags in product([False, True], repeat=4) if 0 < sum(flags) < 4])  # (14, 4)


def flags(visible: str) -> Tensor:
    """Turn "1", "2", "3" or names joined by "+" into four booleans in the order of `NAMES`.

    >>> flags("top-left+bottom-left").tolist() == flags("2").tolist() == [True, False, True, False]
    True
    """
    names = PROTOCOL.get(visible) or tuple(visible.split("+"))
    unknown = [name for name in names if name not in NAMES]
    if unknown or len(set(names)) != len(names) or len(names) == len(NAMES):
        raise ConfigError(
            f"No set of visible quadrants is called {visible!r}. Give 1, 2 or 3, or one to three different names of "
            f"{', '.join(NAMES)} joined by +, such as top-left+bottom-left."
        )
    return torch.tensor([name in names for name in NAMES], device="cpu")  # wherever weights are just being made


def canonical(visible: str) -> str:
    """Return the one name of a set, so that equal sets have equal configurations.

    >>> canonical("bottom-left+top-left"), canonical("bottom-right+top-right"), canonical("any")
    ('2', 'top-right+bottom-right', 'any')
    """
    if visible == ANY:
        return ANY
    names = tuple(name for name, shown in zip(NAMES, flags(visible).tolist(), strict=True) if shown)
    return next((number for number, protocol in PROTOCOL.items() if protocol == names), "+".join(names))


def described(visible: str) -> str:
    """Name the visible quadrants in words.

    >>> described("1"), described("2"), described("3"), described("top-left+bottom-right")
    ('bottom left', 'left half', 'all but bottom right', 'top left and bottom right')
    """
    words = {"2": "left half", "3": "all but bottom right", ANY: "any set"}
    name = canonical(visible)
    plain = "+".join(PROTOCOL.get(name, (name,)))
    return words.get(name) or plain.replace("-", " ").replace("+", " and ")


def pixel_mask(visible: Tensor) -> Tensor:
    """Return which pixels are visible, (..., 784) booleans, from flags of shape (..., 4)."""
    return visible[..., QUADRANT_OF_PIXEL.to(visible.device)]
