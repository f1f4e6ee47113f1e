"""Conditions: the information about each image on which a model is conditioned."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import assert_never

import torch
from torch import Tensor

from cvae_core.config.descriptions import MNIST, Shape
from cvae_core.config.flavours import Config
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import flags, visible_values
from cvae_core.errors import ConfigError

Asked = Mapping[
    str, float | str | None
]  # attributes by name: a number, the name of a category, or None if it is not given
NOTHING_ASKED: Asked = MappingProxyType({})
LISTED = 12  # names or values that a message repeats at most


@dataclass(frozen=True)
class Condition:
    """Hold the condition of N images: nothing, or some of their labels, their attributes and their visible pixels.

    `labels` (N,) int64; `attributes` (N, A) float32, NaN where a value is not given; `visible` (N, 4) or (N, side²) booleans
    for quadrants or pixels; `pixels` (N, values) intensities, zero where they are hidden.
    `guess` (N, values) is the completion by a baseline if it has already been computed, else None.
    """

    count: int
    labels: Tensor | None = None
    attributes: Tensor | None = None
    visible: Tensor | None = None
    pixels: Tensor | None = None
    guess: Tensor | None = None

    def __len__(self) -> int:
        return self.count

    def to(self, device: torch.device) -> "Condition":
        """Return the same condition on a device."""
        return self._map(lambda given: given.to(device), self.count)

    def with_labels(self, labels: Tensor) -> "Condition":
        """Return the condition with other labels (N,). The condition of one image is repeated for each label."""
        repeated = self._map(lambda given: given.expand(len(labels), *given.shape[1:]), len(labels))
        return replace(repeated, labels=labels)

    def part(self, rows: slice) -> "Condition":
        """Return the condition of the images in a slice."""
        return self._map(lambda given: given[rows], len(range(self.count)[rows]))

    def _map(self, change: Callable[[Tensor], Tensor], count: int) -> "Condition":
        changed = {name: change(part) for name, part in vars(self).items() if isinstance(part, Tensor)}
        return Condition(count, **changed)


def condition(
    config: Config,
    x: Tensor,
    labels: Tensor | None = None,
    visible: Tensor | None = None,
    attributes: Tensor | None = None,
) -> Condition:
    """Return the condition that a configuration uses, from images x (N, values), labels (N,) and attributes (N, A).

    `visible`, flags (4,) or (N, 4) of quadrants or (side²,) or (N, side²) of pixels, tells what is visible if the model
    accepts any set. By default the configuration's own set is used. Attributes are in the units of the data set; NaN is
    not given.
    """
    c = nothing(len(x))
    for part in config.given:
        match part:
            case "label":
                if labels is None or len(labels) != len(x):
                    raise ConfigError("This model needs the labels of the images: pass labels, one per image.")
                c = replace(c, labels=labelled(labels, config.classes).labels)
            case "attributes":
                none = torch.full((len(x), len(config.attributes)), math.nan, device=x.device)
                c = replace(c, attributes=none if attributes is None else _described(attributes, len(x), config))
            case "pixels":
                shown = flags(config.visible_set or "") if visible is None else visible
                seen = quadrants_of(x, shown, config.shape)
                c = replace(c, visible=seen.visible, pixels=seen.pixels)
            case _:
                assert_never(part)
    return c


def chosen(config: Config, labels: Tensor, attributes: Tensor | None = None) -> Condition:
    """Return the condition of N chosen labels and attributes (N, A), as far as the model is given them.

    Raises ConfigError if the model needs images.
    """
    if config.reads_images:
        raise ConfigError(f"This {config.flavour} model is conditioned on images: use complete instead of draw.")
    return condition(config, torch.empty(len(labels), config.shape.values, device="cpu"), labels, attributes=attributes)


def _described(attributes: Tensor, count: int, config: Config) -> Tensor:
    """Return attributes (N, A) as float32; raise ConfigError for another shape, or for a value that no attribute has."""
    given = attributes.float()
    if given.shape != (count, len(config.attributes)):
        names = ", ".join(one.name for one in config.attributes)
        raise ConfigError(
            f"Attributes cannot have the shape {tuple(given.shape)}: give {count} rows with a value for each of {names}. "
            "NaN is a value that is not given."
        )
    if not torch.compiler.is_compiling():
        for one, values in zip(config.attributes, given.unbind(-1), strict=True):
            known = values[~values.isnan()]
            last = len(one.categories) - 1
            if one.categories and not bool(((known >= 0) & (known <= last) & (known == known.round())).all()):
                raise ConfigError(f"The attribute {one.name!r} cannot be {known.tolist()[:LISTED]}: give 0 to {last}.")
            if bool(known.isinf().any()):
                raise ConfigError(f"The attribute {one.name!r} cannot be infinite.")
    return given


def asked(config: Config, values: Asked, count: int) -> Tensor:
    """Return the attributes of `count` images with the same given values, (count, A) float32; NaN where none is given.

    Raises ConfigError for an attribute or a category that does not exist.
    """
    if unknown := [name for name in values if name not in {one.name for one in config.attributes}]:
        have = ", ".join(repr(one.name) for one in config.attributes) or "none"
        raise ConfigError(f"Attributes cannot be {unknown[:LISTED]}: this model is given {have}.")
    row = []
    for one in config.attributes:
        value = values.get(one.name)
        if isinstance(value, str):
            if value not in one.categories:
                have = ", ".join(map(repr, one.categories[:LISTED])) or "a number"
                raise ConfigError(f"The attribute {one.name!r} cannot be {value!r}: choose {have}.")
            value = one.categories.index(value)
        row.append(math.nan if value is None else float(value))
    return torch.tensor(row).expand(count, -1)


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


def numbered(labels: Sequence[int] | Sequence[str] | Tensor, config: Config, names: Sequence[str] = ()) -> Tensor:
    """Return labels, given as numbers or by the names of their classes, as numbers, (N,) int64.

    Raises ConfigError if there are none, if one does not exist, or if the model is not given labels.
    """
    if "label" not in config.given and labels != range(1):
        raise ConfigError("This model is not conditioned on labels: leave them out.")
    classes = config.classes
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
    """Return the condition for images (N, values) and flags of visible quadrants or pixels. Hidden pixels are set to 0.

    Flags are booleans (4,) or (N, 4) of quadrants, or (side²,) or (N, side²) of pixels.
    Raise ImagesRefused if a pixel, visible or hidden, is not an intensity in [0, 1].
    """
    require_images(images, shape)
    visible = visible.to(images.device).expand(len(images), -1)
    return Condition(len(images), visible=visible, pixels=images * visible_values(visible, shape))
