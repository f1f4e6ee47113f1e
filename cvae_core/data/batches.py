"""Batches of images and conditions: sampled anew at each training step, fixed for validation and test."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from cvae_core.config.descriptions import Attribute, Shape
from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import ANY, BRUSH, SCATTERED
from cvae_core.data import masks, noise
from cvae_core.data.conditions import Condition, condition
from cvae_core.data.datasets import Split
from cvae_core.data.masks import flags
from cvae_core.errors import ConfigError
from cvae_core.system.distributed import CPU

HELD_OUT_SEED = 2015  # fixes the binary pixels of validation and test images, and their visible sets under `any`


def training_batch(config: Config, split: Split, rows: Tensor, epoch: int, step: int) -> tuple[Tensor, Condition]:
    """Return images (N, values) and conditions of one training step, with newly sampled pixels and visible sets."""
    x = split.intensities(rows)
    if config.shifts:
        x = shifted(x, config.shape, config.shifts, config.seed, epoch, step)
    if config.pixels == "binarised":
        x = noise.binarise(x, config.seed, "pixels", epoch, step)
    visible = attributes = None
    if config.visible_set and config.any_set:
        visible = masks.drawn(config.visible_set, config.shape, len(rows), config.seed, "visible", epoch, step)
    if config.attributes:
        attributes = partly(split.attributes[rows], config.seed, "attributes", epoch, step)
    return x, condition(config, x, split.labels[rows], visible, attributes)


def partly(attributes: Tensor, seed: int, *stream: int | str) -> Tensor:
    """Return attributes (N, A) without some values, so that a model learns to work without any of them.

    Half of the images keep all values. Of the others, each loses every value with the same probability, uniform in [0, 1].
    """
    lost = (2 * noise.uniform((len(attributes), 1), seed, *stream, "share") - 1).clamp(min=0)
    return attributes.masked_fill(noise.uniform(attributes.shape, seed, *stream, "values") < lost, math.nan)


def trained_on(config: Config, split: Split) -> Tensor:
    """Return the indices of the training images: all, or without the combinations of attributes that are held out."""
    if not config.holds_out:
        return torch.arange(len(split))
    kept = (~combinations_held_out(config.attributes, split.attributes)).nonzero()[:, 0]
    if not len(kept):
        raise ConfigError(f"All images of {config.dataset} have combinations that are held out. Leave out hold-out.")
    return kept


def combinations_held_out(attributes: Sequence[Attribute], values: Tensor) -> Tensor:
    """Return whether the first two numbers among attributes (N, A) are a combination that `hold_out` leaves out, (N,).

    They span a plane that is divided into squares with sides of one standard deviation. In each row and column, every fourth
    square is held out: where (i + j) mod 4 = 0, with floors i and j of the standardised numbers. Missing values never are.
    """
    numbers = [place for place, one in enumerate(attributes) if not one.categories][:2]
    if len(numbers) < 2:
        return torch.zeros(len(values), dtype=torch.bool)
    first, second = (((values[:, at] - attributes[at].mean) / attributes[at].scale).floor() for at in numbers)
    return (first + second).remainder(4) == 0  # NaN is not equal to 0


def guess_is_fixed(config: Config) -> bool:
    """Return whether the frozen baseline receives the same pixels in every epoch of a training."""
    return config.has_baseline and not (config.any_set or config.shifts or config.pixels == "binarised")


def held_out(
    config: Config, split: Split, rows: Tensor, visible: Tensor | str | None = None, *, device: torch.device = CPU
) -> tuple[Tensor, Condition]:
    """Return images (N, values) and conditions of a validation or test split. They depend on the images' indices only.

    `visible` tells what is visible, as flags or by the name of a set, if the model accepts any set. By default, a model for
    any set of quadrants is shown a set for each image, and a model for any mask a mask for each.
    """
    x = split.intensities(rows)
    if config.pixels == "binarised":
        drawn = [noise.uniform(x.shape[1:], HELD_OUT_SEED, "pixels", int(row)) for row in rows]
        x = (torch.stack(drawn) < x).float()
    if visible is None and config.any_set:
        visible = config.visible_set
    if isinstance(visible, str):
        varies = visible in (ANY, BRUSH, *SCATTERED)
        visible = (
            masks.held_out_masks(visible, config.shape, len(split), HELD_OUT_SEED)[rows] if varies else flags(visible)
        )
    attributes = split.attributes[rows] if config.attributes else None
    return x.to(device), condition(config, x, split.labels[rows], visible, attributes).to(device)


def shifted(x: Tensor, shape: Shape, share: float, seed: int, *stream: int | str) -> Tensor:
    """Shift a share of images (N, values) by up to one pixel in each direction. Pixels outside the frame are dropped."""
    moved = noise.uniform((len(x),), seed, "moved", *stream) < share
    ways = noise.integers(9, len(x), seed, "ways", *stream)
    side, wide = shape.side, shape.side + 2  # without and with a margin of one pixel
    places = torch.arange(wide**2).reshape(wide, wide)
    offsets = [(down, right) for down in range(3) for right in range(3)]
    windows = torch.stack([places[down : down + side, right : right + side] for down, right in offsets])
    chosen = windows.flatten(1)[torch.where(moved, ways, 4)]  # the fifth window is the middle one
    framed = F.pad(x.unflatten(-1, shape.maps), (1, 1, 1, 1)).flatten(2)
    return framed.gather(2, chosen[:, None].expand(-1, shape.channels, -1)).flatten(1)


def shown_rows(test: Split, classes: int, most: int = 10) -> Tensor:
    """Return the indices of at most `most` test images for pictures.

    These are the first image of each class, in the order of the classes, then further images in their own order. Classes
    without a test image are left out.
    """
    firsts = [(test.labels == label).nonzero()[:1, 0] for label in range(classes)]
    first = torch.cat(firsts)[:most]
    others = torch.ones(len(test), dtype=torch.bool)
    others[first] = False
    return torch.cat([first, others.nonzero()[: most - len(first), 0]])
