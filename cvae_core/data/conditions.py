"""Conditions: what a model is given of each image."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

import torch
from torch import Tensor

from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import NAMES
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import PIXELS, flags, pixel_mask
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
        changed = {name: change(part) for name, part in vars(self).items() if isinstance(part, Tensor)}
        return Condition(count, **changed)


def condition(config: Config, x: Tensor, labels: Tensor | None, visible: Tensor | None = None) -> Condition:
    """Condition images x (N, 784), and their labels (N,), on every part that a configuration's model is given.

    `visible`, flags (4,) or (N, 4), says which quadrants are visible for a model of any set; others have their own.
    """
    c = nothing(len(x))
    for part in config.given:
        match part:
            case "label":
                if labels is None:
                    raise ConfigError("This model is given the labels of the images too, and there are none.")
                c = replace(c, labels=labelled(labels).labels)
            case "pixels":
                seen = quadrants_of(x, flags(config.visible_set or "") if visible is None else visible)
                c = replace(c, visible=seen.visible, pixels=seen.pixels)
            case _:
                assert_never(part)
    return c


def chosen(config: Config, labels: Tensor) -> Condition:
    """Condition on chosen labels (N,), or on nothing N times; raise ConfigError for a model that is given more."""
    if config.reads_images:
        raise ConfigError(f"A {config.flavour} model needs images to complete: use complete instead of draw.")
    return condition(config, torch.empty(len(labels), PIXELS, device="cpu"), labels)


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
