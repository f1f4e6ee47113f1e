"""Recipes of pictures of completions: test images and drawings of which a model sees a part.

The rules of `recipes` apply, which has all functions of this module too.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import Shape
from cvae_core.data import masks, noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import NOTHING_ASKED, Asked, Condition, asked, condition, numbered
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes, from_bytes
from cvae_core.evaluation.ablations import by_source
from cvae_core.evaluation.latent_space import slerp
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import FlatVAE
from cvae_core.pictures.decoding import decoded
from cvae_core.pictures.grid import UNKNOWN, VISIBLE, Sheet, papers

MANY = 64  # completions per condition for statistics: a standard deviation, shares with a resolution of 2 %
LEVELS = 255  # of random numbers, from 0 on
Shown = Literal["means", "ink"]  # show the means of p(x | z, c), or samples of its pixels: for Bernoulli pixels, ink
Often = Callable[[ConditionalVAE, Condition, int, int], np.ndarray]  # `completed_often` or a cached version


def completed_often(model: ConditionalVAE, c: Condition, count: int, seed: int) -> np.ndarray:
    """Draw completions of N conditions, (count, N, values) uint8. A larger count begins with the same completions."""
    return decoded(model, c, noise.normal((count, len(c), model.latent), seed, "completions"))


def completions(
    model: ConditionalVAE, test: Split, indices: Sequence[int], visible: str, count: int, seed: int, pixels: Shown = "means",
    label: int | None = None, attributes: Asked | None = None, often: Often = completed_often,
) -> Sheet:  # fmt: skip
    """Complete test images, a column per image; a model that is given labels completes them as `label`, or as their own.

    So it is with `attributes`: those that are left out of them are not given.

    Rows: input, truth, the baseline's prediction, the model's best guess (ε = 0), `count` samples, and twice the standard
    deviation of each value over many samples. Values in [0, 1] have a standard deviation of at most ½, shown as 255.
    """
    x, c = completed_test_images(model, test, indices, visible, label, attributes)
    return _columns(x, c, visible, _answers(model, c, visible, count, seed, pixels, often))


def completed_test_images(
    model: ConditionalVAE,
    test: Split,
    indices: Sequence[int],
    visible: str,
    label: int | None = None,
    attributes: Asked | None = None,
) -> tuple[Tensor, Condition]:
    """Return test images (N, values) and their conditions, with another label and other attributes if these are given."""
    x, c = held_out(model.config, test, torch.tensor(indices), visible)
    if label is not None and c.labels is not None:
        c = c.with_labels(_numbers(model, [label] * len(c)))
    if attributes is not None and c.attributes is not None:
        c = replace(c, attributes=asked(model.config, attributes, len(c)))
    return x, c


def _numbers(model: ConditionalVAE, labels: Sequence[int]) -> Tensor:
    """Return labels (N,) of a model that is given labels; raise ConfigError if one does not exist, or for another model."""
    return numbered(torch.tensor(labels), model.config)


def sources(model: FlatVAE, test: Split, indices: Sequence[int], visible: str, count: int, seed: int) -> Sheet:
    """Complete test images with z from the posterior, the prior and N(0, I), and the same base noise. A column per image.

    Rows: input, truth, then `count` samples from each of `ablations.SOURCES`.
    """
    x, c = held_out(model.config, test, torch.tensor(indices), visible)
    epsilon = noise.normal((count, len(x), model.latent), seed, "sources")
    with torch.inference_mode():
        drawn = [as_bytes(completed(model.likelihood(z, c), c)) for z in by_source(model, x, c, epsilon)]
    return _columns(x, c, visible, np.concatenate(drawn))


def averages(model: ConditionalVAE, test: Split, indices: Sequence[int], visible: str, count: int, seed: int) -> Sheet:
    """Complete test images by averaging and by sampling, a column per image.

    Rows: input, truth, the baseline's prediction, the mean of `count` samples, the first sample, a sample of its pixels.
    """
    x, c = held_out(model.config, test, torch.tensor(indices), visible)
    epsilon = noise.normal((count, len(x), model.latent), seed, "averages")
    drawn = decoded(model, c, epsilon)
    (ink,) = _sampled(c, visible, seed, [(model, epsilon[:1])], drawn[:1])
    mean = drawn.mean(axis=0).round().astype(np.uint8)
    return _columns(x, c, visible, [_guesses(model, c)[0], mean, drawn[0], ink])


def drawing(
    model: ConditionalVAE, ink: bytes, visible: str, count: int, seed: int, pixels: Shown = "means", label: int = 0,
    attributes: Asked = NOTHING_ASKED, often: Often = completed_often,
) -> Sheet:  # fmt: skip
    """Complete a drawing of a byte per value. One row: the drawing, then the rows of `completions` from the third on."""
    c = drawn_condition(model, ink, visible, label, attributes)
    answers = _answers(model, c, visible, count, seed, pixels, often)[:, 0]
    row = np.concatenate([np.frombuffer(ink, np.uint8)[None], answers])[None]
    return Sheet(row, _papers(visible, row))


def drawing_at_once(
    model: ConditionalVAE, ink: bytes, visible: str, count: int, seed: int, pixels: Shown = "means", label: int = 0,
    attributes: Asked = NOTHING_ASKED,
) -> Sheet:  # fmt: skip
    """Complete a drawing as `drawing` does, in one row without the drawing and the spread, which takes most of the time."""
    c = drawn_condition(model, ink, visible, label, attributes)
    images, under = _with_one_noise(model, c, visible, count, seed, pixels)
    return Sheet(images.transpose(1, 0, 2), under.transpose(1, 0, 2))


def completions_as(
    model: ConditionalVAE, test: Split, index: int, visible: str, labels: Sequence[int], count: int, seed: int,
    pixels: Shown = "means", attributes: Asked | None = None,
) -> Sheet:  # fmt: skip
    """Complete a test image as each label, a column per label.

    Rows: the baseline's prediction, the model's best guess (ε = 0), and `count` samples, with the same ε in a row.
    """
    _, c = completed_test_images(model, test, [index], visible, None, attributes)
    return _as_each(model, c, visible, labels, count, seed, pixels)


def drawing_as(
    model: ConditionalVAE,
    ink: bytes,
    visible: str,
    labels: Sequence[int],
    count: int,
    seed: int,
    pixels: Shown = "means",
    attributes: Asked = NOTHING_ASKED,
) -> Sheet:
    """Complete a drawing of a byte per value as each label, as `completions_as` does with a test image."""
    return _as_each(model, drawn_condition(model, ink, visible, 0, attributes), visible, labels, count, seed, pixels)


def completion_walks(
    model: ConditionalVAE, test: Split, index: int, visible: str, rows: int, steps: int, seed: int,
    label: int | None = None, attributes: Asked | None = None,
) -> Sheet:  # fmt: skip
    """Interpolate along the sphere between completions of a test image, a row per pair, with the input first."""
    _, c = completed_test_images(model, test, [index], visible, label, attributes)
    return _walks(model, c, visible, rows, steps, seed)


def drawing_walks(
    model: ConditionalVAE,
    ink: bytes,
    visible: str,
    rows: int,
    steps: int,
    seed: int,
    label: int = 0,
    attributes: Asked = NOTHING_ASKED,
) -> Sheet:
    """Interpolate between completions of a drawing of a byte per value, as `completion_walks` does for a test image."""
    return _walks(model, drawn_condition(model, ink, visible, label, attributes), visible, rows, steps, seed)


def drawn_condition(
    model: ConditionalVAE, ink: bytes, visible: str, label: int = 0, attributes: Asked = NOTHING_ASKED
) -> Condition:
    """Return the condition of a model for a drawing of a byte per value; the label counts only if the model is given one."""
    config, values = model.config, asked(model.config, attributes, 1)
    return condition(config, from_bytes(ink, config.shape), torch.tensor([label]), masks.flags(visible), values)


def thresholds(shape: Shape, count: int, seed: int) -> np.ndarray:
    """Return random numbers (count, values) uint8 below `LEVELS`, by which pixels are sampled.

    A Bernoulli pixel becomes ink if its mean, in bytes, is above its number t. Other distributions are inverted at
    (t + ½) / `LEVELS`.
    """
    return (noise.uniform((count, shape.values), seed, "ink") * LEVELS).to(torch.uint8).numpy()


def _walks(model: ConditionalVAE, c: Condition, visible: str, rows: int, steps: int, seed: int) -> Sheet:
    """Interpolate between random base noises under one condition, with the visible pixels in the first column."""
    assert c.pixels is not None
    ends = noise.normal((rows, 2, model.latent), seed, "walk")
    walks = torch.cat([slerp(start, end, steps) for start, end in ends])
    answers = decoded(model, c, walks[:, None]).reshape(rows, steps, -1)
    given = np.broadcast_to(as_bytes(c.pixels), (rows, 1, answers.shape[-1]))
    sheet = np.concatenate([given, answers], axis=1)
    return Sheet(sheet, _papers(visible, sheet))


def _as_each(
    model: ConditionalVAE, c: Condition, visible: str, labels: Sequence[int], count: int, seed: int, pixels: Shown
) -> Sheet:
    """Complete one image as each label: the rows are those of `completions_as`."""
    return Sheet(*_with_one_noise(model, c.with_labels(_numbers(model, labels)), visible, count, seed, pixels))


def _with_one_noise(
    model: ConditionalVAE, c: Condition, visible: str, count: int, seed: int, pixels: Shown
) -> tuple[np.ndarray, np.ndarray]:
    """Return both guesses and samples, (count + 2, N, values) uint8, with the same noise for all conditions, and papers."""
    epsilon = noise.normal((count, 1, model.latent), seed, "completions")
    answers = np.stack([*_guesses(model, c), *decoded(model, c, epsilon)])
    if pixels == "ink":
        answers = _inked(model, c, visible, seed, epsilon, answers)
    return answers, np.broadcast_to(papers(masks.flags(visible), model.config.shape), answers.shape).copy()


def _answers(
    model: ConditionalVAE, c: Condition, visible: str, count: int, seed: int, pixels: Shown, often: Often
) -> np.ndarray:
    """Return both guesses, samples, and twice the standard deviation over many samples, (count + 3, N, values) uint8."""
    drawn = often(model, c, max(count, MANY), seed)
    spread = (2 * drawn.astype(np.float32).std(axis=0)).round().astype(np.uint8)
    answers = np.stack([*_guesses(model, c), *drawn[:count]])
    if pixels == "ink":
        epsilon = noise.normal((count, len(c), model.latent), seed, "completions")
        answers = _inked(model, c, visible, seed, epsilon, answers)
    return np.concatenate([answers, spread[None]])


def _inked(
    model: ConditionalVAE, c: Condition, visible: str, seed: int, epsilon: Tensor, means: np.ndarray
) -> np.ndarray:
    """Return samples of the pixels of both guesses, and of the completions with base noise `epsilon`, given their means."""
    assert model.baseline
    best = [(each, torch.zeros(1, 1, each.latent)) for each in (model.baseline, model)]
    return _sampled(c, visible, seed, [*best, (model, epsilon)], means)


def _sampled(
    c: Condition, visible: str, seed: int, ways: Sequence[tuple[ConditionalVAE, Tensor]], means: np.ndarray
) -> np.ndarray:
    """Return samples of the pixels of completions (count, N, values) uint8, given their `means`.

    `ways` are the models and base noises of the completions, in the same order.
    """
    config = ways[0][0].config
    numbers = thresholds(config.shape, len(means), seed)[:, None]
    if config.likelihood == "bernoulli":
        ink = np.where(means > numbers, 255, 0).astype(np.uint8)
        return np.where(papers(masks.flags(visible), config.shape) == VISIBLE, means, ink)
    assert c.pixels is not None
    sampled, uniform = [], (torch.from_numpy(numbers).float() + 0.5) / LEVELS
    with torch.inference_mode():
        for model, epsilon in ways:
            own, uniform = uniform[: len(epsilon)], uniform[len(epsilon) :]
            likelihood = model.likelihood(model.draw(c, epsilon), c)
            sampled.append(likelihood.paste(likelihood.sample(own[..., likelihood.pixels]), c.pixels))
    return as_bytes(torch.cat(sampled))


def _guesses(model: ConditionalVAE, c: Condition) -> list[np.ndarray]:
    """Return the baseline's prediction and the model's best guess (ε = 0), (N, values) each."""
    assert model.baseline
    return [decoded(each, c, torch.zeros(1, 1, each.latent))[0] for each in (model.baseline, model)]


def _columns(x: Tensor, c: Condition, visible: str, answers: Sequence[np.ndarray] | np.ndarray) -> Sheet:
    """Return a column per image: the visible pixels, the image, and the answers of a model."""
    assert c.pixels is not None
    rows = np.stack([as_bytes(c.pixels), as_bytes(x), *answers])
    return Sheet(rows, _papers(visible, rows.transpose(1, 0, 2)).transpose(1, 0, 2))


def _papers(visible: str, rows: np.ndarray) -> np.ndarray:
    """Return backgrounds of images (R, C, values) whose part `visible` is given; the first column is the input."""
    shown, shape = masks.flags(visible), Shape.of_values(rows.shape[-1])
    assert shape is not None
    under: np.ndarray = np.broadcast_to(papers(shown, shape), rows.shape).copy()
    under[:, 0] = papers(shown, shape, hidden=UNKNOWN)
    return under
