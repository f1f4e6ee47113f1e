"""Conditions: the information about each image on which a model is conditioned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import torch
from torch import Tensor

from cvae_core.config.descriptions import MNIST, Shape
from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import NAMES
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import flags, visible_values
from cvae_core.errors import ConfigError

LISTED = 12  # names of classes that a message repeats at most


@dataclass(frozen=True)
class Condition:
    """Hold the condition of N images: nothing, their labels, or the pixels of their visible quadrants.

    `labels` (N,) int64; `visible` (N, 4) booleans; `pixels` (N, values) intensities, zero in hidden quadrants.
    `guess` (N, values) is the completion by a baseline if it has already been computed, else None.
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
        """Return the condition of the images in a slice."""
        return self._map(lambda given: given[rows], len(range(self.count)[rows]))

    def _map(self, change: Callable[[Tensor], Tensor], count: int) -> "Condition":
        changed = {name: change(part) for name, part in vars(self).items() if isinstance(part, Tensor)}
        return Condition(count, **changed)


def condition(config: Config, x: Tensor, labels: Tensor | None, visible: Tensor | None = None) -> Condition:
    """Return the condition that a configuration uses, from images x (N, values) and their labels (N,).

    `visible`, flags (4,) or (N, 4), gives the visible quadrants if the model accepts any set. By default the
    configuration's own set is used.
    """
    c = nothing(len(x))
    for part in config.given:
        match part:
            case "label":
                if labels is None:
                    raise ConfigError("This model needs the labels of the images: pass labels, one per image.")
                c = replace(c, labels=labelled(labels, config.classes).labels)
            case "pixels":
                shown = flags(config.visible_set or "") if visible is None else visible
                seen = quadrants_of(x, shown, config.shape)
                c = replace(c, visible=seen.visible, pixels=seen.pixels)
            case _:
                assert_never(part)
    return c


def chosen(config: Config, labels: Tensor) -> Condition:
    """Return the condition of N chosen labels (empty if the model has none); raise ConfigError if the model needs images."""
    if config.reads_images:
        raise ConfigError(f"This {config.flavour} model is conditioned on images: use complete instead of draw.")
    return condition(config, torch.empty(len(labels), config.shape.values, device="cpu"), labels)


def nothing(count: int) -> Condition:
    """Return an empty condition for `count` images."""
    return Condition(count)


def labelled(labels: Tensor, classes: int = Config.classes) -> Condition:
    """Return the condition for labels (N,), int64; raise ConfigError if one is not between 0 and classes − 1.

    By default, `classes` is that of MNIST.
    """
    if not torch.compiler.is_compiling() and not bool(((labels >= 0) & (labels < classes)).all()):
        low, high = labels.min(), labels.max()
        raise ConfigError(f"Labels cannot range from {low} to {high}: they must lie between 0 and {classes - 1}.")
    return Condition(len(labels), labels=labels)


def numbered(labels: Sequence[int] | Sequence[str] | Tensor, classes: int, names: Sequence[str]) -> Tensor:
    """Return labels, given as numbers or by the names of their classes, as numbers, (N,) int64.

    Raises ConfigError if there are none or if one does not exist.
    """
    if isinstance(labels, Sequence) and labels and isinstance(labels[0], str):
        if unknown := [label for label in labels if label not in names]:
            have = ", ".join(map(repr, names[:LISTED])) + (" …" if len(names) > LISTED else "")
            raise ConfigError(
                f"Labels cannot be {unknown[:LISTED]}: choose from the classes {have}, or give their numbers."
            )
        return torch.tensor([names.index(str(label)) for label in labels])
    given = torch.as_tensor(labels).reshape(-1)
    if len(given) == 0 or given.is_floating_point() or bool(((given < 0) | (given >= classes)).any()):
        raise ConfigError(f"Labels cannot be {given.tolist()}: give at least one, each from 0 to {classes - 1}.")
    return given.long()


def quadrants_of(images: Tensor, visible: Tensor, shape: Shape = MNIST) -> Condition:
    """Return the condition for images (N, values) and flags of visible quadrants, (4,) or (N, 4). Hidden pixels are set to 0.

    Raise ImagesRefused if a pixel, visible or hidden, is not an intensity in [0, 1].
    """
    require_images(images, shape)
    visible = visible.to(images.device).expand(len(images), len(NAMES))
    return Condition(len(images), visible=visible, pixels=images * visible_values(visible, shape))
