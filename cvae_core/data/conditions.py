"""Conditions: what a model is given of each image."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cvae_core.config.quadrant_names import NAMES
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import pixel_mask
from cvae_core.errors import ConfigError

LABELS = 10


@dataclass(frozen=True)
class Condition:
    """What is known of each of N images: nothing, its label, or the pixels of its visible quadrants.

    `labels` (N,) int64; `visible` (N, 4) booleans; `pixels` (N, 784) intensities, zero wherever a quadrant is hidden.
    `guess` (N, 784) is a baseline's completion of the pixels, where that has been computed before.
    """

    count: int
    labels: Tensor | None = None
    visible: Tensor | None = None
    pixels: Tensor | None = None
    guess: Tensor | None = None

    def __len__(self) -> int:
        return self.count

    def to(self, device: torch.device) -> "Condition":
        """Return the same condition on a device."""
        return self._map(lambda given: given.to(device), self.count)

    def part(self, rows: slice) -> "Condition":
        """Return the condition of some of the images."""
        return self._map(lambda given: given[rows], len(range(self.count)[rows]))

    def _map(self, change: Callable[[Tensor], Tensor], count: int) -> "Condition":
        given = (self.labels, self.visible, self.pixels, self.guess)
        return Condition(count, *(None if part is None else change(part) for part in given))


def nothing(count: int) -> Condition:
    """Condition `count` images on nothing."""
    return Condition(count)


def labelled(labels: Tensor) -> Condition:
    """Condition images on their labels (N,), int64; raise ConfigError where one is no digit."""
    if not torch.compiler.is_compiling() and not bool(((labels >= 0) & (labels < LABELS)).all()):
        low, high = labels.min(), labels.max()
        raise ConfigError(f"Labels cannot range from {low} to {high}: they lie between 0 and {LABELS - 1}.")
    return Condition(len(labels), labels=labels)


def quadrants_of(images: Tensor, visible: Tensor) -> Condition:
    """Condition images (N, 784) on their visible quadrants, flags (4,) or (N, 4); hidden pixels are dropped here.

    Raises ImagesRefused where the images are not intensities in [0, 1], hidden pixels included.
    """
    require_images(images)
    visible = visible.to(images.device).expand(len(images), len(NAMES))
    return Condition(len(images), visible=visible, pixels=images * pixel_mask(visible))
