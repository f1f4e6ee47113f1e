"""The latent space of a run: where images lie, how much each dimension says, and ways through it in base noise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cvae_core import files
from cvae_core.data import Split
from cvae_core.errors import ConfigError
from cvae_core.examples import held_out
from cvae_core.models import ConditionalVAE
from cvae_core.runs import Run

Method = Literal["tsne", "pca"]
MIN_POINTS = 50  # below, t-SNE's perplexity of 30 has too few neighbours
EMBEDDING_SEED = 0
DEAD_RATE = 0.01  # nats: a dimension with less says nothing of the image


@dataclass(frozen=True, eq=False)
class Embedding:
    """Posterior means of some test images, in z and in two dimensions."""

    indices: np.ndarray  # (N,) into the test split
    labels: np.ndarray  # (N,)
    z: np.ndarray  # (N, latent) float32
    coordinates: np.ndarray  # (N, 2) float32


@torch.no_grad()
def posterior_means(model: ConditionalVAE, split: Split, rows: Tensor) -> Tensor:
    """Return E[z | x, c] of some images, (N, latent)."""
    means = []
    for some in rows.split(1000):
        x, c = held_out(model.config, split, some)
        means.append(model.infer(x, c, torch.zeros(1, 1, model.latent)).z[0])
    return torch.cat(means)


def embed(model: ConditionalVAE, split: Split, *, method: Method = "tsne", points: int = 5000) -> Embedding:
    """Lay the posterior means of the first `points` images out in two dimensions (van der Maaten & Hinton 2008)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if model.latent < 2:
        raise ConfigError("An embedding needs at least two latent dimensions: this model has fewer.")
    if not points >= MIN_POINTS:
        raise ConfigError(f"Points cannot be {points}: an embedding needs at least {MIN_POINTS}.")
    rows = torch.arange(min(points, len(split)))
    z = posterior_means(model, split, rows).numpy()
    maker = PCA(2) if method == "pca" else TSNE(2, init="pca", random_state=EMBEDDING_SEED)
    coordinates = maker.fit_transform(z).astype(np.float32)
    return Embedding(rows.numpy(), split.labels[rows].numpy(), z, coordinates)


def store_embedding(run: Run, method: Method, embedding: Embedding) -> None:
    """Keep an embedding with its run, named by the weights it was made from."""
    weights = run.card().weights
    assert weights is not None
    arrays = {**vars(embedding), "weights": np.array(weights.sha256)}
    files.write_arrays(run.result_path(f"embedding-{method}.npz"), **arrays)


def stored_embedding(run: Run, method: Method) -> Embedding | None:
    """Read the run's embedding, or None where there is none of its present weights."""
    weights = run.card().weights
    for path in reversed(run.result_paths(f"embedding-{method}.npz")):
        arrays = files.read_arrays(path)
        if weights is not None and str(arrays.pop("weights", "")) == weights.sha256:
            return Embedding(**arrays)
    return None


def slerp(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Walk from one base noise (latent,) to another along the sphere, (steps, latent).

    Points of N(0, I) lie near a sphere of radius √latent: a straight line would cut through where no image lives
    (White 2016).
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
