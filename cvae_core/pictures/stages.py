"""Pictures of the stages of a training: one frame per stage, or a strip of stages side by side.

As in `recipes`, each function computes one picture completely. `Run.stages()` reads the stages. If the test images are
given, a picture also shows the input of the model and the truth.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image

from cvae_core.config.flavours import Config
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes
from cvae_core.pictures.grid import FONT_SIZE, PLAIN, SLIDE_FONT_SIZE, UNKNOWN, grid, papers
from cvae_core.pictures.recipes import Sheet

STRIP_MOMENTS = 8
Stages = Mapping[str, np.ndarray]
Part = Literal["samples", "reconstructions"]


def frame(
    stages: Stages, config: Config, name: str, scale: int, test: Split | None = None, index: int = -1,
    font_size: int = FONT_SIZE,
) -> Image.Image:  # fmt: skip
    """Draw a stage, a column per digit: reconstructions, then samples. All stages use the same noise.

    A baseline is deterministic and has no samples.
    """
    names, given = _given(stages, config, test)
    samples = stages["samples"][index].swapaxes(0, 1)[: None if config.latents else 0]
    images, under = _after(given, np.stack([stages["reconstructions"][index], *samples]))
    first = "recon." if config.latents else "NN"
    rows = [*names, first, *["samples", *[""] * len(samples)][: len(samples)]]
    what = "reconstructions and samples" if config.latents else "completions by the baseline"
    caption = f"{name}: {what} after {epochs(stages['epoch'][index])}"
    return grid(images, papers=under, scale=scale, rows=rows, caption=caption, font_size=font_size)


def frames(stages: Stages, config: Config, name: str, scale: int, test: Split | None = None) -> list[Image.Image]:
    """Draw one frame per stage, with words that are legible on a slide."""
    return [frame(stages, config, name, scale, test, index, SLIDE_FONT_SIZE) for index in range(len(stages["epoch"]))]


def strip(
    stages: Stages,
    config: Config,
    name: str,
    scale: int,
    test: Split | None = None,
    part: Part = "samples",
    shown: Sequence[int] | None = None,
) -> Image.Image:
    """Draw rows of the stages, by default all: the first sample or the reconstruction, at eight stages from first to last."""
    moments = strip_moments(stages)
    pictures = stages["samples"][moments, :, 0] if part == "samples" else stages["reconstructions"][moments]
    sampled = part == "samples" and not config.reads_images  # these pictures show no test images
    names, given = _given(stages, config, None if sampled else test)
    rows = range(stages["samples"].shape[1]) if shown is None else shown
    images, under = (table[:, list(rows)].swapaxes(0, 1) for table in _after(given, pictures))
    labels = [] if sampled and not config.given else [str(row) for row in rows]
    columns = [*names, *(said(epoch) for epoch in stages["epoch"][moments])]
    caption = f"{name}: {part} by epochs of training"
    return grid(images, papers=under, scale=scale, rows=labels, columns=columns, caption=caption)


def strip_moments(stages: Stages) -> np.ndarray:
    """Return the indices of the stages in a strip, (8,), or fewer if there are fewer stages."""
    count = len(stages["epoch"])
    return np.unique(np.linspace(0, count - 1, min(count, STRIP_MOMENTS)).round().astype(int))


def said(epoch: float) -> str:
    """Format an epoch in at most four characters: with two significant digits, or as an integer from 10 on."""
    return f"{epoch:.0f}" if epoch >= 10 else f"{epoch:.2g}"


def epochs(count: float) -> str:
    """Format a number of epochs with its unit, in the singular for 1."""
    return f"{said(count)} epoch{'' if count == 1 else 's'}"


def _given(stages: Stages, config: Config, test: Split | None) -> tuple[list[str], Sheet]:
    """Return row labels, and the model's input and the truth for the test digits of the stages, (K, rows, values)."""
    if test is None:
        nothing = np.zeros((0, *stages["reconstructions"].shape[1:]), np.uint8)
        return [], Sheet(nothing, nothing)
    x, c = held_out(config, test, torch.from_numpy(stages["test_indices"]))
    if c.pixels is None or c.visible is None:
        return ["truth"], Sheet(as_bytes(x)[None], np.full((1, *x.shape), PLAIN, np.uint8))
    under = np.stack([papers(c.visible, config.shape, hidden=UNKNOWN), papers(c.visible, config.shape)])
    return ["input", "truth"], Sheet(np.stack([as_bytes(c.pixels), as_bytes(x)]), under)


def _after(given: Sheet, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Append images (K, rows, values) to the given rows, with the same background as the truth."""
    assert given.papers is not None
    paper = np.broadcast_to(given.papers[-1] if len(given.papers) else np.uint8(PLAIN), images.shape)
    return np.concatenate([given.images, images]), np.concatenate([given.papers, paper])
