"""Recipes of pictures: sheets of images that a model samples, completes or reconstructs, drawn by `pictures.grid`.

Each function computes one picture completely: the same arguments always give the same pixels. The first argument is a model.
Functions in `OF_TEST_IMAGES` take the test images as the second.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
import torch

from cvae_core.data import masks, noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import NOTHING_ASKED, Asked, Condition, asked, chosen, condition
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes, from_bytes
from cvae_core.evaluation.ablations import with_unit_fixed
from cvae_core.evaluation.latent_space import between, slerp
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, completed
from cvae_core.pictures.completions import MANY as MANY
from cvae_core.pictures.completions import Shown as Shown
from cvae_core.pictures.completions import averages as averages
from cvae_core.pictures.completions import completed_often as completed_often
from cvae_core.pictures.completions import completed_test_images as completed_test_images
from cvae_core.pictures.completions import completion_walks as completion_walks
from cvae_core.pictures.completions import completions as completions
from cvae_core.pictures.completions import completions_as as completions_as
from cvae_core.pictures.completions import drawing as drawing
from cvae_core.pictures.completions import drawing_as as drawing_as
from cvae_core.pictures.completions import drawing_at_once as drawing_at_once
from cvae_core.pictures.completions import drawing_walks as drawing_walks
from cvae_core.pictures.completions import drawn_condition as drawn_condition
from cvae_core.pictures.completions import sources as sources
from cvae_core.pictures.completions import thresholds as thresholds
from cvae_core.pictures.decoding import decoded as decoded
from cvae_core.pictures.decoding import inferred, reconstructed
from cvae_core.pictures.grid import BLANK, PLAIN, papers
from cvae_core.pictures.grid import Sheet as Sheet

POINT_SAMPLES, POINT_COLUMNS = 8, 4
FRESH = 0.1  # share of the variance that is resampled around a chosen z


def one_z(
    model: ConditionalVAE,
    epsilon: Sequence[float],
    labels: Sequence[int],
    columns: int,
    attributes: Asked = NOTHING_ASKED,
) -> Sheet:
    """Decode one base noise under each label, with `columns` images in a row. A VAE ignores labels and attributes.

    Unused cells of the last row stay blank.
    """
    drawn = decoded(
        model, _given(model, labels, attributes), torch.tensor(epsilon, dtype=torch.float32).reshape(1, 1, -1)
    )
    images = drawn.reshape(-1, drawn.shape[-1])
    columns = min(columns, len(images))
    shown, under = (each.reshape(-1, columns, images.shape[-1]) for each in _whole_rows(images, columns))
    return Sheet(shown, under if BLANK in under else None)


def around(
    model: ConditionalVAE,
    epsilon: Sequence[float],
    labels: Sequence[int],
    columns: int,
    seed: int,
    attributes: Asked = NOTHING_ASKED,
) -> Sheet:
    """Decode random base noises near `epsilon`, a row per label: a tenth of the variance is resampled."""
    drawn = noise.normal((columns, 1, model.latent), seed, "around")
    near = FRESH**0.5 * drawn + (1 - FRESH) ** 0.5 * torch.tensor(epsilon, dtype=torch.float32)
    return Sheet(decoded(model, _given(model, labels, attributes), near).transpose(1, 0, 2))


def samples(
    model: ConditionalVAE, labels: Sequence[int], columns: int, seed: int, attributes: Asked = NOTHING_ASKED
) -> Sheet:
    """Draw samples, a row per label. All rows use the same noise."""
    epsilon = noise.normal((columns, 1, model.latent), seed, "samples")
    return Sheet(decoded(model, _given(model, labels, attributes), epsilon).transpose(1, 0, 2))


def block(
    model: ConditionalVAE, label: int, rows: int, columns: int, seed: int, attributes: Asked = NOTHING_ASKED
) -> Sheet:
    """Draw samples of one label in rows and columns."""
    epsilon = noise.normal((rows * columns, 1, model.latent), seed, "samples")
    return Sheet(decoded(model, _given(model, [label], attributes), epsilon).reshape(rows, columns, -1))


def interpolation(
    model: ConditionalVAE, label: int, rows: int, steps: int, seed: int, attributes: Asked = NOTHING_ASKED
) -> Sheet:
    """Interpolate along the sphere between pairs of random base noises, a row per pair."""
    ends = noise.normal((rows, 2, model.latent), seed, "interpolation")
    walks = torch.stack([slerp(start, end, steps) for start, end in ends])  # (rows, steps, latent)
    drawn = decoded(model, _given(model, [label], attributes), walks.reshape(-1, 1, model.latent))
    return Sheet(drawn.reshape(rows, steps, -1))


def manifold(model: ConditionalVAE, label: int, side: int) -> Sheet:
    """Decode a grid over a two-dimensional z, at equally spaced quantiles of N(0, 1), with ε₂ upwards."""
    steps = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(side) + 0.5) / side)
    plane = torch.stack(torch.meshgrid(steps, steps.flip(0), indexing="xy"), dim=-1)  # (side, side, 2)
    return Sheet(decoded(model, _given(model, [label]), plane.reshape(-1, 1, 2)).reshape(side, side, -1))


def without_unit(model: ConditionalVAE, test: Split, indices: Sequence[int], unit: int) -> Sheet:
    """Show rows of test images, reconstructions, and reconstructions with one dimension of z at its prior mean."""
    x, c = held_out(model.config, test, torch.tensor(indices))
    with torch.inference_mode():
        whole = inferred(model, x, c)
        reduced = with_unit_fixed(model, whole, c, unit)
        rows = [completed(model.likelihood(latents, c), c)[0] for latents in (model.draw(c, whole.noise), reduced)]
    return Sheet(as_bytes(torch.stack([x, *rows])))


def relabelled(model: ConditionalVAE, test: Split, indices: Sequence[int], label: int) -> Sheet:
    """Reconstruct test images under their own label and under another, a column per image.

    Rows: the image, its reconstruction, the same z decoded under the other label, and a reconstruction whose z is inferred
    under the other label too.
    """
    x, c = held_out(model.config, test, torch.tensor(indices))
    other = replace(c, labels=torch.full((len(x),), label))
    own = inferred(model, x, c).noise
    rows = [as_bytes(x), reconstructed(model, x, c), decoded(model, other, own)[0], reconstructed(model, x, other)]
    return Sheet(np.stack(rows))


def point(model: ConditionalVAE, test: Split, index: int, close: Sequence[int]) -> Sheet:
    """Show a test image and its reconstruction, then its neighbours in z, then samples for the same condition."""
    x, c = held_out(model.config, test, torch.tensor([index]))
    reconstruction = reconstructed(model, x, c)
    drawn = decoded(model, c, noise.normal((POINT_SAMPLES, 1, model.latent), 0, "point", index))[:, 0]
    beside, missing = (np.zeros((n, x.shape[-1]), np.uint8) for n in (POINT_COLUMNS - 2, POINT_SAMPLES - len(close)))
    rows = [test.images[[index]].numpy(), reconstruction, beside, test.images[list(close)].numpy(), missing, drawn]
    under = [np.full_like(row, BLANK if row is beside or row is missing else PLAIN) for row in rows]
    images, unused = (np.concatenate(each).reshape(-1, POINT_COLUMNS, x.shape[-1]) for each in (rows, under))
    return Sheet(images, unused)


def reconstructions(model: ConditionalVAE, test: Split, indices: Sequence[int], columns: int) -> Sheet:
    """Show test images, `columns` in a row, with each reconstruction below its image. Unused cells stay blank."""
    x, c = held_out(model.config, test, torch.tensor(indices))
    pairs = np.stack([as_bytes(x), reconstructed(model, x, c)], axis=1)  # (N, 2, values)
    parts = (each.reshape(-1, columns, 2, x.shape[-1]).transpose(0, 2, 1, 3) for each in _whole_rows(pairs, columns))
    return Sheet(*(each.reshape(-1, columns, x.shape[-1]) for each in parts))


def both_ways(model: ConditionalVAE, test: Split, index: int, count: int, visible: str | None = None) -> Sheet:
    """Show a test image, then pixel means for `count` draws of z from the posterior (row 1) and from the prior (row 2).

    Both use the base noises of the image's evaluation with seed 0. `visible` is for a model of any set of quadrants.
    """
    x, c = held_out(model.config, test, torch.tensor([index]), visible)
    epsilon = noise.per_image(torch.tensor([index]), count, model.latent, 0, "evaluation", "posterior")
    with torch.inference_mode():
        ways = [model.likelihood(latents, c) for latents in (model.infer(x, c, epsilon), model.draw(c, epsilon))]
        images = np.stack([as_bytes(torch.cat([x, completed(way, c)[:, 0]])) for way in ways])
    return Sheet(
        images, None if c.visible is None else papers(c.visible.expand(*images.shape[:2], -1), model.config.shape)
    )


def traversal(model: ConditionalVAE, test: Split, start: int, end: int, steps: int) -> Sheet:
    """Interpolate along the sphere between the z of two test images, in two rows: one for the condition of each image.

    A VAE has no condition, and one row.
    """
    c, walk = between(model, test, start, end, steps)
    rows = decoded(model, c, walk).transpose(1, 0, 2)
    return Sheet(rows if model.config.given else rows[:1])


def encoded(model: ConditionalVAE, ink: bytes, label: int) -> Latents:
    """Return the posterior mean of a drawing under its label, or its visible quadrants: "1" for a model of any set."""
    visible = masks.flags("1") if model.config.any_set else None
    x = from_bytes(ink, model.config.shape)
    return inferred(model, x, condition(model.config, x, torch.tensor([label]), visible))


def _whole_rows(images: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Append blank images to images (N, …, values) until the last row is full; return them with their backgrounds."""
    unused = [(0, -len(images) % columns), *[(0, 0)] * (images.ndim - 1)]
    return np.pad(images, unused), np.pad(np.full_like(images, PLAIN), unused, constant_values=BLANK)


def _given(model: ConditionalVAE, labels: Sequence[int], attributes: Asked = NOTHING_ASKED) -> Condition:
    config = model.config
    values = asked(config, attributes, len(labels)) if config.attributes else None
    return chosen(config, torch.tensor(list(labels)), values)


OF_TEST_IMAGES: Collection[Callable[..., Sheet]] = (
    completions, completions_as, sources, without_unit, relabelled, averages, completion_walks, point, reconstructions,
    both_ways, traversal,
)  # fmt: skip
DRAWN_OFTEN: Collection[Callable[..., Sheet]] = (completions, drawing)  # recipes with the argument `often`
