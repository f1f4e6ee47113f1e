"""The latent space of a run: posterior means, maps of them, nearest neighbours, and interpolation in base noise."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import Description
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import Condition
from cvae_core.data.datasets import Split
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.runs.card import Card
from cvae_core.runs.checks import are_test_images
from cvae_core.runs.run import Run
from cvae_core.system import files, formats

LOG = logging.getLogger(__name__)
Method = Literal["tsne", "pca"]
Dimensions = Literal[2, 3]
MIN_POINTS = 50  # with fewer, t-SNE's default perplexity has too few neighbours
MAX_POINTS = 10_000  # the test images of MNIST
EMBEDDING_SEED = 0
MIN_SPREAD = 1e-4  # a dimension whose means have a lower standard deviation is treated as collapsed


@dataclass(frozen=True, eq=False)
class Embedding:
    """Hold points of test images, in z and in two or three dimensions. In stored embeddings, z is the posterior mean."""

    indices: np.ndarray  # (N,) into the test split
    labels: np.ndarray  # (N,)
    z: np.ndarray  # (N, latent) float16: rounding is smaller than the distance to any neighbour
    coordinates: np.ndarray  # (N, 2 or 3) float32


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Hold the settings of a map of posterior means. They identify a stored map of a run."""

    method: Method = "tsne"
    points: int = 5000  # of the test images, the first ones, or all if there are fewer
    perplexity: int = 30  # t-SNE's effective number of neighbours
    dimensions: Dimensions = 2

    @property
    def file(self) -> str:
        """Return the file name of the map in its run. Default settings are left out of the name."""
        usual, settings = [Layout.points, Layout.perplexity], [self.points, self.perplexity]
        if self.method == "pca":
            usual, settings = usual[:1], settings[:1]
        solid = ["3d"] if self.dimensions == 3 else []
        return f"embedding-{'-'.join([self.method, *map(str, settings if settings != usual else []), *solid])}.npz"


USUAL = Layout()


@torch.no_grad()
def posterior_means(model: ConditionalVAE, split: Split, rows: Tensor) -> Tensor:
    """Return E[z | x, c] of the images of `rows`, (N, latent), or of the top group of a hierarchical model."""
    means = []
    for some in rows.split(1000):
        x, c = held_out(model.config, split, some)
        means.append(model.infer(x, c, torch.zeros(1, 1, model.latent)).z[0, :, : model.mapped])
    return torch.cat(means)


def embed(model: ConditionalVAE, split: Split, layout: Layout = USUAL) -> Embedding:
    """Embed posterior means in two or three dimensions with t-SNE (van der Maaten & Hinton 2008) or PCA."""
    from sklearn.manifold import TSNE

    if layout.dimensions not in (2, 3):
        raise ConfigError(f"Dimensions cannot be {layout.dimensions}: an embedding has 2 or 3.")
    if model.latent < layout.dimensions:
        words = "two" if layout.dimensions == 2 else "three"
        raise ConfigError(
            f"A map in {layout.dimensions}-D needs at least {words} latent dimensions: this model has {model.latent}."
        )
    if not MIN_POINTS <= layout.points <= MAX_POINTS:
        raise ConfigError(f"Points cannot be {layout.points}: an embedding has {MIN_POINTS} to {MAX_POINTS:,}.")
    rows = torch.arange(min(layout.points, len(split)))
    if layout.method == "tsne" and not 1 <= layout.perplexity < len(rows):
        raise ConfigError(
            f"Perplexity cannot be {layout.perplexity}: it must lie between 1 and the number of points, {len(rows)}."
        )
    z = posterior_means(model, split, rows).numpy()
    if not (np.isfinite(z).all() and (z.std(axis=0) > MIN_SPREAD).sum() >= 2):
        raise ConfigError("This model's z carries almost no information about the images: there is nothing to map.")
    if layout.method == "pca":
        coordinates = projection(z, layout.dimensions)(z)
    else:
        tsne = TSNE(layout.dimensions, perplexity=layout.perplexity, init="pca", random_state=EMBEDDING_SEED)
        coordinates = tsne.fit_transform(z)
    return Embedding(rows.numpy(), split.labels[rows].numpy(), z.astype(np.float16), coordinates.astype(np.float32))


def projection(z: np.ndarray, dimensions: int) -> Callable[[np.ndarray], np.ndarray]:
    """Fit PCA to points z (N, latent), and return a function that projects points onto the principal components.

    z may have any precision. Coordinates are (N, dimensions) float32.
    """
    from sklearn.decomposition import PCA

    components = PCA(dimensions, random_state=EMBEDDING_SEED).fit(z.astype(np.float32))
    return lambda points: components.transform(points.astype(np.float32))


class Draws(NamedTuple):
    """Hold one draw of z from the prior and one from the posterior of each image, given its condition."""

    prior: np.ndarray  # (N, latent), z ~ p(z | c); of the top group of a hierarchical model
    posterior: np.ndarray  # (N, latent), z ~ q(z | x, c): together, draws of the aggregate posterior


@torch.no_grad()
def draws(model: ConditionalVAE, split: Split, rows: Tensor, seed: int) -> Draws:
    """Draw z from the prior and from the posterior of the images of `rows`.

    The draws of an image depend only on its index and the seed. Hoffman & Johnson (2016) explain why prior and aggregate
    posterior should match.
    """
    prior, posterior = [], []
    for some in rows.split(1000):
        x, c = held_out(model.config, split, some)
        ours, theirs = (noise.per_image(some, 1, model.latent, seed, "map", name) for name in ("posterior", "prior"))
        posterior.append(model.infer(x, c, ours).z[0, :, : model.mapped])
        prior.append(model.draw(c, theirs).z[0, :, : model.mapped])
    return Draws(torch.cat(prior).numpy(), torch.cat(posterior).numpy())


def store_embedding(run: Run, layout: Layout, embedding: Embedding, weights: str) -> None:
    """Save an embedding to its run with the digest of its weights. Raise RunInUse if the run's weights have changed."""
    run.require_weights(weights)
    arrays = {**vars(embedding), "weights": np.array(weights), "map": np.array(layout.file)}
    formats.write_arrays(path := run.result_path(layout.file), **arrays)
    run.require_there(path)
    LOG.info("run %s: %d points laid out in %s", run.name, len(embedding.indices), layout.file)


def stored_embedding(run: Run, layout: Layout = USUAL) -> Embedding | None:
    """Read the embedding of a run's current weights. Return None if there is none."""
    weights = run.card().weights
    for path in reversed(run.result_paths(layout.file)):  # for a read-only run, the cached one comes first
        embedding, of = read_embedding(path, run.card())
        if weights is not None and of == weights.sha256:
            return embedding
    return None


def read_embedding(path: Path, card: Card) -> tuple[Embedding, str]:
    """Read an embedding and its weights' digest. Raise RunDamaged if it does not fit the card's test images."""
    arrays = formats.read_arrays(path)
    weights = str(arrays.pop("weights", ""))
    files.require(str(arrays.pop("map", path.name)) == path.name, path)  # the file of another map may have replaced it
    if set(arrays) != {field.name for field in fields(Embedding)}:
        raise RunDamaged(f"{path} is not of this version of the lab: embed the run again.")
    embedding = Embedding(**arrays)
    files.require(_is_map(embedding, card.description, 3 if path.stem.endswith("-3d") else 2), path)
    return embedding, weights


def _is_map(embedding: Embedding, description: Description, dimensions: int) -> bool:
    """Return whether each point has a test image, a label, and finite coordinates in z and on the map."""
    indices, labels, points = embedding.indices, embedding.labels, (embedding.z, embedding.coordinates)
    return (
        are_test_images(indices, description)
        and labels.shape == indices.shape
        and labels.dtype == np.int64
        and bool(((labels >= 0) & (labels < len(description.classes))).all())
        and all(each.ndim == 2 and len(each) == len(indices) and each.dtype.kind == "f" for each in points)
        and all(bool(np.isfinite(each).all()) for each in points)
        and embedding.z.shape[1] >= dimensions == embedding.coordinates.shape[1]
    )


def neighbours(embedding: Embedding, index: int, count: int) -> list[int]:
    """Return the `count` other test indices whose z is nearest to that of a test index, or all, nearest first."""
    (position,) = np.flatnonzero(embedding.indices == index)
    z = embedding.z.astype(np.float32)
    distances = np.linalg.norm(z - z[position], axis=1)
    distances[position] = np.inf
    order = np.argsort(distances, kind="stable")[: min(count, len(z) - 1)]
    return [int(found) for found in embedding.indices[order]]


class Agreement(NamedTuple):
    """Hold the share of pairs of neighbours that have the same label, and this share for random pairs."""

    share: float
    chance: float


def agreement(embedding: Embedding, count: int = 10) -> Agreement:
    """Return how often a point and its `count` nearest neighbours in z have the same label.

    >>> z = np.array([0, 1, 3, 4.5], dtype=np.float32)[:, None]
    >>> agreement(Embedding(np.arange(4), np.array([0, 0, 1, 1]), z, z), count=1)
    Agreement(share=1.0, chance=0.3333333333333333)
    """
    z, labels = torch.from_numpy(embedding.z.astype(np.float32)), torch.from_numpy(embedding.labels)
    alike = []
    for rows in torch.arange(len(z)).split(1000):
        distances = torch.cdist(z[rows], z)  # (rows, N)
        distances[torch.arange(len(rows)), rows] = torch.inf
        near = distances.topk(min(count, len(z) - 1), largest=False).indices
        alike.append(labels[near] == labels[rows, None])
    counts = torch.bincount(labels).double()
    chance = (counts * (counts - 1)).sum() / (len(z) * (len(z) - 1))
    return Agreement(float(torch.cat(alike).double().mean()), float(chance))


def placed(embedding: Embedding, z: np.ndarray, count: int) -> tuple[np.ndarray, list[int]]:
    """Return map coordinates for a new point z (latent,), (2 or 3,), and the test indices of its nearest neighbours in z.

    The coordinates are the mean of the neighbours', weighted by the inverse distance in z. t-SNE cannot embed new points.
    """
    distances = np.linalg.norm(embedding.z.astype(np.float32) - z, axis=1)
    near = np.argsort(distances, kind="stable")[:count]
    weights = 1 / np.maximum(distances[near], 1e-6)
    place: np.ndarray = weights @ embedding.coordinates[near] / weights.sum()
    return place, [int(found) for found in embedding.indices[near]]


def located(embedding: Embedding, z: np.ndarray, method: Method, count: int) -> np.ndarray:
    """Return map coordinates for new points z (N, latent), (N, 2 or 3): with PCA projected, with t-SNE as by `placed`."""
    if method == "pca":
        return projection(embedding.z, embedding.coordinates.shape[1])(z)
    return np.stack([placed(embedding, each, count)[0] for each in z])


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Interpolate between two base noises (latent,) along the sphere, (steps, latent).

    Draws of N(0, I) lie near a sphere of radius √latent. A straight line between two of them passes through a region of
    low probability (White 2016), so the path follows the sphere.
    """
    shares = torch.linspace(0, 1, steps).unsqueeze(-1)
    lengths = start.norm(), end.norm()
    if min(lengths) == 0:
        return start + shares * (end - start)
    cosine = (start @ end / (lengths[0] * lengths[1])).clamp(-1, 1)
    angle = cosine.arccos()
    if angle < 1e-4 or angle > torch.pi - 1e-4:
        return start + shares * (end - start)
    return (torch.sin((1 - shares) * angle) * start + torch.sin(shares * angle) * end) / torch.sin(angle)


@torch.no_grad()
def between(model: ConditionalVAE, split: Split, start: int, end: int, steps: int) -> tuple[Condition, Tensor]:
    """Return the conditions of two images, and base noises along the sphere between theirs, (steps, 1, latent)."""
    x, c = held_out(model.config, split, torch.tensor([start, end]))
    first, last = model.infer(x, c, torch.zeros(1, 1, model.latent)).noise[0]
    return c, slerp(first, last, steps)[:, None]


@torch.no_grad()
def walk(model: ConditionalVAE, split: Split, start: int, end: int, steps: int) -> np.ndarray:
    """Return z between two images, (1 or 2, steps, latent), of the top group: 2 rows if z depends on their conditions too."""
    c, epsilon = between(model, split, start, end, steps)
    rows = model.draw(c, epsilon).z[..., : model.mapped].transpose(0, 1).numpy()
    return rows[:1] if np.allclose(*rows) else rows
