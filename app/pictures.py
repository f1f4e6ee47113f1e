"""The pages' pictures, drawn from cached pixels: the same settings are computed once, whoever asks."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from app import charts, controls, library
from app.library import RunKey
from cvae_core import figures, noise, quadrants
from cvae_core.architectures import Completer
from cvae_core.config import LabelConfig, QuadrantConfig, any_set
from cvae_core.examples import condition, held_out
from cvae_core.latent import Embedding, slerp
from cvae_core.models import LABELS, Condition, ConditionalVAE, Latents, completed, labelled, nothing

SPREAD_SAMPLES = 64
FRESH = 0.1  # share of the variance that is drawn anew around a chosen z
POINT_SAMPLES, POINT_COLUMNS = 8, 4
STRIP_MOMENTS, STRIP_ROWS, THUMBNAIL = 8, [0, 3, 5, 8], (300, 220)
KEPT = 400  # pictures' pixels in the cache, at most 100 kB each
_cached = st.cache_data(max_entries=KEPT, show_spinner=False)


def decoded(model: ConditionalVAE, c: Condition, epsilon: Tensor) -> np.ndarray:
    """Return the pixel means that base noise (samples, N or 1, latent) leads to, (samples, N, 784) uint8."""
    with torch.inference_mode():
        return figures.as_bytes(completed(model.likelihood(model.draw(c, epsilon), c), c))


@_cached
def same_noise(key: RunKey, epsilon: tuple[float, ...]) -> np.ndarray:
    """Decode one base noise under all ten labels, (1, 10, 784); a VAE ignores them and gives ten equal images."""
    model = library.model(key)
    return decoded(model, _labels(model, range(LABELS)), torch.tensor(epsilon).reshape(1, 1, -1))


@_cached
def around(key: RunKey, epsilon: tuple[float, ...], labels: tuple[int, ...], columns: int, seed: int) -> np.ndarray:
    """Decode base noises near one, (labels, columns, 784): a tenth of their variance is drawn anew, the rest kept."""
    model = library.model(key)
    drawn = noise.normal((columns, 1, model.latent), seed, "around")
    near = FRESH**0.5 * drawn + (1 - FRESH) ** 0.5 * torch.tensor(epsilon)
    return decoded(model, _labels(model, labels), near).transpose(1, 0, 2)


def encoded(key: RunKey, ink: np.ndarray, label: int) -> Latents:
    """Return the posterior mean of an image, (784,) uint8, given its label or its visible quadrants as the run needs."""
    model = library.model(key)
    x = torch.tensor(ink, dtype=torch.float32)[None] / 255
    visible = quadrants.flags("1") if any_set(model.config) else None
    c = condition(model.config, x, torch.tensor([label]), visible)
    with torch.inference_mode():
        return model.infer(x, c, torch.zeros(1, 1, model.latent))


def style(key: RunKey, ink: np.ndarray, label: int) -> list[float]:
    """Return the base noise of an image's posterior mean, as sliders can hold it."""
    return [controls.on_slider(value) for value in encoded(key, ink, label).noise[0, 0].tolist()]


@_cached
def samples(key: RunKey, labels: tuple[int, ...], columns: int, seed: int) -> np.ndarray:
    """Draw a row of samples per label, (labels, columns, 784), the same noise in every row."""
    model = library.model(key)
    epsilon = noise.normal((columns, 1, model.latent), seed, "samples")
    return decoded(model, _labels(model, labels), epsilon).transpose(1, 0, 2)


@_cached
def sample_block(key: RunKey, label: int, rows: int, columns: int, seed: int) -> np.ndarray:
    """Draw a block of samples of one label, (rows, columns, 784)."""
    model = library.model(key)
    epsilon = noise.normal((rows * columns, 1, model.latent), seed, "samples")
    return decoded(model, _labels(model, [label]), epsilon).reshape(rows, columns, -1)


@_cached
def interpolation(key: RunKey, label: int, seed: int, rows: int, steps: int) -> np.ndarray:
    """Walk along the sphere between pairs of random base noises, (rows, steps, 784)."""
    model = library.model(key)
    ends = noise.normal((rows, 2, model.latent), seed, "interpolation")
    walks = torch.stack([slerp(start, end, steps) for start, end in ends])  # (rows, steps, latent)
    return decoded(model, _labels(model, [label]), walks.reshape(-1, 1, model.latent)).reshape(rows, steps, -1)


@_cached
def manifold(key: RunKey, label: int, side: int) -> np.ndarray:
    """Decode the plane of a two-dimensional z at equal steps of probability, (side, side, 784), ε₂ upwards."""
    model = library.model(key)
    steps = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(side) + 0.5) / side)
    plane = torch.stack(torch.meshgrid(steps, steps.flip(0), indexing="xy"), dim=-1)  # (side, side, 2)
    return decoded(model, _labels(model, [label]), plane.reshape(-1, 1, 2)).reshape(side, side, -1)


@_cached
def completions(
    key: RunKey, indices: tuple[int, ...], visible: str, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the in-painting figure's rows, (rows, digits, 784), and their papers.

    Rows: input, truth, the baseline's guess, the best guess (ε = 0), `count` samples, the pixels' standard deviation.
    """
    model = library.model(key)
    assert isinstance(model, Completer)
    test = library.dataset(model.config.dataset).test
    shown = quadrants.flags(visible)
    x, c = held_out(model.config, test, torch.tensor(indices), shown)
    assert c.pixels is not None
    rows = [figures.as_bytes(c.pixels), figures.as_bytes(x)]
    rows.append(decoded(model.baseline, c, torch.zeros(1, 1, 0))[0])
    rows.append(decoded(model, c, torch.zeros(1, 1, model.latent))[0])
    drawn = decoded(model, c, noise.normal((max(count, SPREAD_SAMPLES), len(x), model.latent), seed, "completions"))
    spread = 2 * drawn.astype(np.float32).std(axis=0)  # ½ is the most that values in [0, 1] can deviate: full ink
    rows += [*drawn[:count], spread.round().astype(np.uint8)]
    papers = np.repeat(figures.papers(shown)[None, None], len(rows), axis=0).repeat(len(x), axis=1)
    papers[0] = figures.papers(shown, hidden=figures.UNKNOWN)
    return np.stack(rows), papers


@_cached
def drawing_completed(key: RunKey, ink: bytes, visible: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawing, the baseline's guess, the best guess and samples, (1, 3 + count, 784), and their papers."""
    model = library.model(key)
    assert isinstance(model, Completer)
    shown = quadrants.flags(visible)
    x = torch.tensor(np.frombuffer(ink, np.uint8), dtype=torch.float32)[None] / 255
    c = condition(model.config, x, torch.zeros(1, dtype=torch.long), shown)
    guesses = [decoded(model.baseline, c, torch.zeros(1, 1, 0)), decoded(model, c, torch.zeros(1, 1, model.latent))]
    drawn = decoded(model, c, noise.normal((count, model.latent), seed, "completions")[:, None])
    pixels = np.concatenate([figures.as_bytes(x)[None], *guesses, drawn])[None, :, 0]
    papers = np.repeat(figures.papers(shown)[None, None], pixels.shape[1], axis=1)
    papers[0, 0] = figures.papers(shown, hidden=figures.UNKNOWN)
    return pixels, papers


def grid(
    pixels: np.ndarray,
    scale: int,
    caption: str,
    *,
    papers: np.ndarray | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> Image.Image:
    """Lay cached pixels out as a captioned grid."""
    return figures.grid(pixels, papers=papers, scale=scale, rows=rows, columns=columns, caption=caption)


def _labels(model: ConditionalVAE, labels: Sequence[int]) -> Condition:
    return nothing(len(labels)) if model.config.flavour == "vae" else labelled(torch.tensor(list(labels)))


def stage_picture(key: RunKey, index: int, scale: int) -> Image.Image:
    """Draw one stage of a run's training."""
    stages = library.stages(key)
    moment = {name: array[index : index + 1] for name, array in stages.items() if name != "test_indices"}
    return figures.stage_frames(moment, key.name, scale)[0]


@_cached
def point(key: RunKey, index: int, close: tuple[int, ...]) -> tuple[np.ndarray, float]:
    """Return what is known of a test image, (rows, 4, 784), and the nats that its z costs.

    Rows: the image and its reconstruction; its neighbours in z; samples for the same condition. Empty places are blank.
    """
    model = library.model(key)
    test = library.dataset(model.config.dataset).test
    x, c = held_out(model.config, test, torch.tensor([index]))
    with torch.inference_mode():
        latents = model.infer(x, c, torch.zeros(1, 1, model.latent))
        reconstruction = figures.as_bytes(completed(model.likelihood(latents, c), c))[0]
    near = test.images[list(close)].numpy()
    drawn = decoded(model, c, noise.normal((POINT_SAMPLES, 1, model.latent), 0, "point", index))[:, 0]
    blank = np.zeros((POINT_COLUMNS - 2, x.shape[-1]), np.uint8)
    rows = [test.images[[index]].numpy(), reconstruction, blank, near, drawn]
    return np.concatenate(rows).reshape(-1, POINT_COLUMNS, x.shape[-1]), float(latents.rate.sum())


def condition_words(key: RunKey, label: int) -> str:
    """Say what a run is given of an image with a label."""
    match library.config(key):
        case LabelConfig():
            return f"the label {label}"
        case QuadrantConfig(visible=visible):
            return f"its {quadrants.described(visible)}"
    return "nothing"


def stage_strip(key: RunKey) -> Image.Image:
    """Draw four of a run's samples at eight moments of its training, from left to right."""
    stages = library.stages(key)
    moments = np.linspace(0, len(stages["epoch"]) - 1, STRIP_MOMENTS).round().astype(int)
    rows = stages["samples"][moments][:, STRIP_ROWS, 0].transpose(1, 0, 2)
    return figures.grid(rows, scale=1, caption=f"{key.name}, from 0 to {stages['epoch'][-1]:.0f} epochs")


def map_thumbnail(embedding: Embedding) -> Image.Image:
    """Draw an embedding small: a dot per image, a colour per digit."""
    upright = embedding.coordinates * (1, -1)  # a picture's y grows downwards
    low, high = upright.min(axis=0), upright.max(axis=0)
    places = ((upright - low) / np.maximum(high - low, 1e-6) * (np.array(THUMBNAIL) - 6) + 2).astype(int)
    picture = Image.new("RGB", THUMBNAIL, "white")
    pen = ImageDraw.Draw(picture)
    for (x, y), label in zip(places.tolist(), embedding.labels.tolist(), strict=True):
        pen.rectangle((x, y, x + 2, y + 2), fill=charts.DIGIT_COLOURS[label])
    return picture
