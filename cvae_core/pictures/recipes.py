"""Recipes of pictures: sheets of digits that a model samples, completes or reconstructs, drawn by `pictures.grid`.

Each function computes one picture completely: the same arguments always give the same pixels. The first argument is a model.
Functions in `OF_TEST_IMAGES` take the test images as the second.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import Shape
from cvae_core.data import masks, noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import Condition, chosen, condition, labelled
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes, from_bytes
from cvae_core.evaluation.ablations import by_source, with_unit_fixed
from cvae_core.evaluation.latent_space import between, slerp
from cvae_core.models.build import Completer
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, completed
from cvae_core.models.flat import FlatVAE
from cvae_core.pictures.grid import UNKNOWN, VISIBLE, papers
from cvae_core.pictures.grid import Sheet as Sheet

MANY = 64  # completions per condition for statistics: a standard deviation, shares with a resolution of 2 %
POINT_SAMPLES, POINT_COLUMNS = 8, 4
FRESH = 0.1  # share of the variance that is resampled around a chosen z
Shown = Literal["means", "ink"]  # show the means of p(x | z, c), or ink drawn from it
Often = Callable[[ConditionalVAE, Condition, int, int], np.ndarray]  # `completed_often` or a cached version


def one_z(model: ConditionalVAE, epsilon: Sequence[float], labels: Sequence[int], columns: int) -> Sheet:
    """Decode one base noise under each label, with `columns` digits in a row. A VAE ignores the labels."""
    drawn = decoded(model, _labels(model, labels), torch.tensor(epsilon, dtype=torch.float32).reshape(1, 1, -1))
    return Sheet(drawn.reshape(-1, columns, drawn.shape[-1]))


def around(model: ConditionalVAE, epsilon: Sequence[float], labels: Sequence[int], columns: int, seed: int) -> Sheet:
    """Decode random base noises near `epsilon`, a row per label: a tenth of the variance is resampled."""
    drawn = noise.normal((columns, 1, model.latent), seed, "around")
    near = FRESH**0.5 * drawn + (1 - FRESH) ** 0.5 * torch.tensor(epsilon, dtype=torch.float32)
    return Sheet(decoded(model, _labels(model, labels), near).transpose(1, 0, 2))


def samples(model: ConditionalVAE, labels: Sequence[int], columns: int, seed: int) -> Sheet:
    """Draw samples, a row per label. All rows use the same noise."""
    epsilon = noise.normal((columns, 1, model.latent), seed, "samples")
    return Sheet(decoded(model, _labels(model, labels), epsilon).transpose(1, 0, 2))


def block(model: ConditionalVAE, label: int, rows: int, columns: int, seed: int) -> Sheet:
    """Draw samples of one label in rows and columns."""
    epsilon = noise.normal((rows * columns, 1, model.latent), seed, "samples")
    return Sheet(decoded(model, _labels(model, [label]), epsilon).reshape(rows, columns, -1))


def interpolation(model: ConditionalVAE, label: int, rows: int, steps: int, seed: int) -> Sheet:
    """Interpolate along the sphere between pairs of random base noises, a row per pair."""
    ends = noise.normal((rows, 2, model.latent), seed, "interpolation")
    walks = torch.stack([slerp(start, end, steps) for start, end in ends])  # (rows, steps, latent)
    drawn = decoded(model, _labels(model, [label]), walks.reshape(-1, 1, model.latent))
    return Sheet(drawn.reshape(rows, steps, -1))


def manifold(model: ConditionalVAE, label: int, side: int) -> Sheet:
    """Decode a grid over a two-dimensional z, at equally spaced quantiles of N(0, 1), with ε₂ upwards."""
    steps = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(side) + 0.5) / side)
    plane = torch.stack(torch.meshgrid(steps, steps.flip(0), indexing="xy"), dim=-1)  # (side, side, 2)
    return Sheet(decoded(model, _labels(model, [label]), plane.reshape(-1, 1, 2)).reshape(side, side, -1))


def completed_often(model: ConditionalVAE, c: Condition, count: int, seed: int) -> np.ndarray:
    """Draw completions of N conditions, (count, N, values) uint8. A larger count begins with the same completions."""
    return decoded(model, c, noise.normal((count, len(c), model.latent), seed, "completions"))


def completions(
    model: ConditionalVAE, test: Split, indices: Sequence[int], visible: str, count: int, seed: int, pixels: Shown = "means",
    often: Often = completed_often,
) -> Sheet:  # fmt: skip
    """Complete test digits, a column per digit.

    Rows: input, truth, the baseline's prediction, the model's best guess (ε = 0), `count` samples, and twice the standard
    deviation of each pixel over many samples. Values in [0, 1] have a standard deviation of at most ½, shown as full ink.
    """
    x, c = held_out(model.config, test, torch.tensor(indices), masks.flags(visible))
    return _columns(x, c, visible, _answers(model, c, visible, count, seed, pixels, often))


def sources(model: FlatVAE, test: Split, indices: Sequence[int], visible: str, count: int, seed: int) -> Sheet:
    """Complete test digits with z from the posterior, the prior and N(0, I), and the same base noise. A column per digit.

    Rows: input, truth, then `count` samples from each of `ablations.SOURCES`.
    """
    x, c = held_out(model.config, test, torch.tensor(indices), masks.flags(visible))
    epsilon = noise.normal((count, len(x), model.latent), seed, "sources")
    with torch.inference_mode():
        drawn = [as_bytes(completed(model.likelihood(z, c), c)) for z in by_source(model, x, c, epsilon)]
    return _columns(x, c, visible, np.concatenate(drawn))


def without_unit(model: ConditionalVAE, test: Split, indices: Sequence[int], unit: int) -> Sheet:
    """Show rows of test digits, reconstructions, and reconstructions with one dimension of z at its prior mean."""
    x, c = held_out(model.config, test, torch.tensor(indices))
    with torch.inference_mode():
        whole = _inferred(model, x, c)
        reduced = with_unit_fixed(model, whole, c, unit)
        rows = [completed(model.likelihood(latents, c), c)[0] for latents in (model.draw(c, whole.noise), reduced)]
    return Sheet(as_bytes(torch.stack([x, *rows])))


def relabelled(model: ConditionalVAE, test: Split, indices: Sequence[int], label: int) -> Sheet:
    """Reconstruct test digits under their own label and under another, a column per digit.

    Rows: the image, its reconstruction, the same z decoded under the other label, and a reconstruction whose z is inferred
    under the other label too.
    """
    x, c = held_out(model.config, test, torch.tensor(indices))
    other = labelled(torch.full((len(x),), label), model.config.classes)
    own = _inferred(model, x, c).noise
    rows = [as_bytes(x), _reconstructed(model, x, c), decoded(model, other, own)[0], _reconstructed(model, x, other)]
    return Sheet(np.stack(rows))


def averages(model: ConditionalVAE, test: Split, indices: Sequence[int], visible: str, count: int, seed: int) -> Sheet:
    """Complete test digits by averaging and by sampling, a column per digit.

    Rows: input, truth, the baseline's prediction, the mean of `count` samples, the first sample, ink drawn from its means.
    """
    x, c = held_out(model.config, test, torch.tensor(indices), masks.flags(visible))
    drawn = decoded(model, c, noise.normal((count, len(x), model.latent), seed, "averages"))
    ink = _pixels(model, drawn[:1], visible, "ink", seed)[0]
    mean = drawn.mean(axis=0).round().astype(np.uint8)
    return _columns(x, c, visible, [_guesses(model, c)[0], mean, drawn[0], ink])


def drawing(
    model: ConditionalVAE, ink: bytes, visible: str, count: int, seed: int, pixels: Shown = "means",
    often: Often = completed_often,
) -> Sheet:  # fmt: skip
    """Complete a drawing of a byte per value. One row: the drawing, then the rows of `completions` from the third on."""
    answers = _answers(model, drawn_condition(model, ink, visible), visible, count, seed, pixels, often)[:, 0]
    row = np.concatenate([np.frombuffer(ink, np.uint8)[None], answers])[None]
    return Sheet(row, _papers(visible, row))


def completion_walks(
    model: ConditionalVAE, test: Split, index: int, visible: str, rows: int, steps: int, seed: int
) -> Sheet:
    """Interpolate along the sphere between completions of a test digit, a row per pair, with the input first."""
    _, c = held_out(model.config, test, torch.tensor([index]), masks.flags(visible))
    return _walks(model, c, visible, rows, steps, seed)


def drawing_walks(model: ConditionalVAE, ink: bytes, visible: str, rows: int, steps: int, seed: int) -> Sheet:
    """Interpolate between completions of a drawing of a byte per value, as `completion_walks` does for a test digit."""
    return _walks(model, drawn_condition(model, ink, visible), visible, rows, steps, seed)


def drawn_condition(model: ConditionalVAE, ink: bytes, visible: str) -> Condition:
    """Return the condition of a quadrant model for a drawing of a byte per value."""
    return condition(
        model.config, from_bytes(ink, model.config.shape), torch.zeros(1, dtype=torch.long), masks.flags(visible)
    )


def thresholds(shape: Shape, count: int, seed: int) -> np.ndarray:
    """Return random thresholds (count, values) uint8 for drawing ink: a pixel mean above its threshold becomes black."""
    return (noise.uniform((count, shape.values), seed, "ink") * 255).to(torch.uint8).numpy()


def point(model: ConditionalVAE, test: Split, index: int, close: Sequence[int]) -> Sheet:
    """Show a test image and its reconstruction, then its neighbours in z, then samples for the same condition."""
    x, c = held_out(model.config, test, torch.tensor([index]))
    reconstruction = _reconstructed(model, x, c)
    drawn = decoded(model, c, noise.normal((POINT_SAMPLES, 1, model.latent), 0, "point", index))[:, 0]
    blank = np.zeros((POINT_COLUMNS - 2, x.shape[-1]), np.uint8)
    rows = [test.images[[index]].numpy(), reconstruction, blank, test.images[list(close)].numpy(), drawn]
    return Sheet(np.concatenate(rows).reshape(-1, POINT_COLUMNS, x.shape[-1]))


def reconstructions(model: ConditionalVAE, test: Split, indices: Sequence[int], columns: int) -> Sheet:
    """Show test digits, `columns` in a row, with each reconstruction below its digit. Unused cells stay blank."""
    x, c = held_out(model.config, test, torch.tensor(indices))
    pairs = np.stack([as_bytes(x), _reconstructed(model, x, c)], axis=1)  # (N, 2, values)
    rows = -(-len(pairs) // columns)
    places = np.zeros((rows * columns, *pairs.shape[1:]), np.uint8)
    places[: len(pairs)] = pairs
    return Sheet(places.reshape(rows, columns, 2, -1).transpose(0, 2, 1, 3).reshape(2 * rows, columns, -1))


def both_ways(model: ConditionalVAE, test: Split, index: int, count: int, visible: str | None = None) -> Sheet:
    """Show a test image, then pixel means for `count` draws of z from the posterior (row 1) and from the prior (row 2).

    Both use the base noises of the image's evaluation with seed 0. `visible` is for a model of any set of quadrants.
    """
    x, c = held_out(model.config, test, torch.tensor([index]), None if visible is None else masks.flags(visible))
    epsilon = noise.per_image(torch.tensor([index]), count, model.latent, 0, "evaluation", "posterior")
    with torch.inference_mode():
        ways = [model.likelihood(latents, c) for latents in (model.infer(x, c, epsilon), model.draw(c, epsilon))]
        images = np.stack([as_bytes(torch.cat([x, completed(way, c)[:, 0]])) for way in ways])
    return Sheet(
        images, None if c.visible is None else papers(c.visible.expand(*images.shape[:2], -1), model.config.shape)
    )


def traversal(model: ConditionalVAE, test: Split, start: int, end: int, steps: int) -> Sheet:
    """Interpolate along the sphere between the z of two test digits, in two rows: one for the condition of each digit.

    A VAE has no condition, and one row.
    """
    c, walk = between(model, test, start, end, steps)
    rows = decoded(model, c, walk).transpose(1, 0, 2)
    return Sheet(rows if model.config.given else rows[:1])


def encoded(model: ConditionalVAE, ink: bytes, label: int) -> Latents:
    """Return the posterior mean of a drawing under its label, or its visible quadrants: "1" for a model of any set."""
    visible = masks.flags("1") if model.config.any_set else None
    x = from_bytes(ink, model.config.shape)
    return _inferred(model, x, condition(model.config, x, torch.tensor([label]), visible))


def decoded(model: ConditionalVAE, c: Condition, epsilon: Tensor) -> np.ndarray:
    """Decode base noise (samples, N or 1, latent) to pixel means, (samples, N, values) uint8."""
    with torch.inference_mode():
        return as_bytes(completed(model.likelihood(model.draw(c, epsilon), c), c))


def _walks(model: ConditionalVAE, c: Condition, visible: str, rows: int, steps: int, seed: int) -> Sheet:
    """Interpolate between random base noises under one condition, with the visible pixels in the first column."""
    assert c.pixels is not None
    ends = noise.normal((rows, 2, model.latent), seed, "walk")
    walks = torch.cat([slerp(start, end, steps) for start, end in ends])
    answers = decoded(model, c, walks[:, None]).reshape(rows, steps, -1)
    given = np.broadcast_to(as_bytes(c.pixels), (rows, 1, answers.shape[-1]))
    sheet = np.concatenate([given, answers], axis=1)
    return Sheet(sheet, _papers(visible, sheet))


def _answers(
    model: ConditionalVAE, c: Condition, visible: str, count: int, seed: int, pixels: Shown, often: Often
) -> np.ndarray:
    """Return both guesses, samples, and twice the standard deviation over many samples, (count + 3, N, values) uint8."""
    drawn = often(model, c, max(count, MANY), seed)
    spread = (2 * drawn.astype(np.float32).std(axis=0)).round().astype(np.uint8)
    answers = _pixels(model, np.stack([*_guesses(model, c), *drawn[:count]]), visible, pixels, seed)
    return np.concatenate([answers, spread[None]])


def _pixels(model: ConditionalVAE, means: np.ndarray, visible: str, pixels: Shown, seed: int) -> np.ndarray:
    """Return pixel means (count, N, values) unchanged, or ink drawn from the means of generated pixels."""
    if pixels == "means":
        return means
    ink = np.where(means > thresholds(model.config.shape, len(means), seed)[:, None], 255, 0).astype(np.uint8)
    return np.where(papers(masks.flags(visible), model.config.shape) == VISIBLE, means, ink)


def _reconstructed(model: ConditionalVAE, x: Tensor, c: Condition) -> np.ndarray:
    """Reconstruct images from their posterior means, (N, values) uint8."""
    with torch.inference_mode():
        return as_bytes(completed(model.likelihood(_inferred(model, x, c), c), c))[0]


def _inferred(model: ConditionalVAE, x: Tensor, c: Condition) -> Latents:
    """Return the posterior means of images."""
    with torch.inference_mode():
        return model.infer(x, c, torch.zeros(1, 1, model.latent))


def _guesses(model: ConditionalVAE, c: Condition) -> list[np.ndarray]:
    """Return the baseline's prediction and the model's best guess (ε = 0), (N, values) each."""
    assert isinstance(model, Completer)
    return [decoded(each, c, torch.zeros(1, 1, each.latent))[0] for each in (model.baseline, model)]


def _columns(x: Tensor, c: Condition, visible: str, answers: Sequence[np.ndarray] | np.ndarray) -> Sheet:
    """Return a column per image: the visible pixels, the image, and the answers of a model."""
    assert c.pixels is not None
    rows = np.stack([as_bytes(c.pixels), as_bytes(x), *answers])
    return Sheet(rows, _papers(visible, rows.transpose(1, 0, 2)).transpose(1, 0, 2))


def _papers(visible: str, rows: np.ndarray) -> np.ndarray:
    """Return backgrounds of images (R, C, values) whose quadrants in `visible` are given; the first column is the input."""
    shown, shape = masks.flags(visible), Shape.of_values(rows.shape[-1])
    assert shape is not None
    under: np.ndarray = np.broadcast_to(papers(shown, shape), rows.shape).copy()
    under[:, 0] = papers(shown, shape, hidden=UNKNOWN)
    return under


def _labels(model: ConditionalVAE, labels: Sequence[int]) -> Condition:
    return chosen(model.config, torch.tensor(list(labels)))


OF_TEST_IMAGES: Collection[Callable[..., Sheet]] = (
    completions, sources, without_unit, relabelled, averages, completion_walks, point, reconstructions, both_ways, traversal,
)  # fmt: skip
DRAWN_OFTEN: Collection[Callable[..., Sheet]] = (completions, drawing)  # recipes with the argument `often`
