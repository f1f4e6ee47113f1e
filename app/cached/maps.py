"""Embeddings of the latent space for the pages, read from files that other processes compute."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app.cached import runs as library
from app.cached.runs import RunKey
from cvae_core.data.datasets import Split
from cvae_core.errors import RunDamaged
from cvae_core.evaluation import latent_space
from cvae_core.evaluation.latent_space import USUAL, Agreement, Dimensions, Draws, Embedding, Layout, Method
from cvae_core.system import formats

LADDER_DRAWS = 1000  # images for which z of a ladder is drawn: about ten seconds
KEPT = 12
WALK_STEPS = 11  # frames of an interpolation
PLACED_BY = 8  # nearest neighbours in z, which place a new point on a map of t-SNE
METHODS: Mapping[Method, str] = {"tsne": "t-SNE", "pca": "PCA"}


def runs_with_latents() -> dict[str, RunKey]:
    """Return the runs that can have a map, those with two or more latents; the plain VAE first."""
    keys = {name: key for name, key in library.run_keys().items() if library.config(key).latents >= 2}
    return dict(
        sorted(keys.items(), key=lambda item: (item[0] != "vae", library.config(item[1]).dataset == "digits", item[0]))
    )


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _read(key: RunKey, layout: Layout, changed: tuple[int, ...]) -> Embedding | None:
    run = library.run_named(key.name)
    if (found := latent_space.stored_embedding(run, layout)) is not None or layout.method != "pca":
        return found
    for other in _with_its_z(layout):
        if (found := latent_space.stored_embedding(run, other)) is not None:
            return replace(found, coordinates=latent_space.projection(found.z, layout.dimensions)(found.z))
    return None


def _with_its_z(layout: Layout) -> list[Layout]:
    """Return all layouts of the same points: PCA needs only the z that any of them has stored."""
    solids: list[Dimensions] = [2, 3]
    return [replace(layout, method=method, dimensions=dimensions) for method in METHODS for dimensions in solids]


def kept_as(key: RunKey, layout: Layout) -> Layout:
    """Return the layout whose file holds a map's z: the map's own, or another layout of the same points."""
    run = library.run_named(key.name)
    kept = (other for other in (layout, *_with_its_z(layout)) if run.result_paths(other.file))
    return next(kept, layout)


def stored(key: RunKey, layout: Layout = USUAL) -> Embedding | None:
    """Return a run's embedding, or None if there is none; read again when its file has changed."""
    run = library.run_named(key.name)
    paths = [path for other in _with_its_z(layout) for path in run.result_paths(other.file)]
    return _read(key, layout, tuple(path.stat().st_mtime_ns for path in paths))


@st.cache_data(max_entries=KEPT, show_spinner="Drawing z …")
def _draws(key: RunKey, points: int, seed: int, _test: Split) -> Draws:
    model = library.model(key)
    rows = torch.arange(min(points, LADDER_DRAWS) if model.config.hierarchical else points)
    return latent_space.draws(model, _test, rows, seed)


def drawn(key: RunKey, embedding: Embedding, seed: int | None) -> tuple[Embedding, np.ndarray | None]:
    """Return a map of draws from the posteriors instead of their means, and the coordinates of as many prior draws.

    Both use the projection of the means. Without a seed or distributions to draw from, return the map of the means and None.
    """
    if seed is None or not drawable(key):
        return embedding, None
    prior, posterior = _draws(key, len(embedding.indices), seed, library.images(key).test)
    project = latent_space.projection(embedding.z, embedding.coordinates.shape[1])
    some = slice(len(posterior))
    shown = Embedding(embedding.indices[some], embedding.labels[some], posterior, project(posterior))
    return shown, project(prior)


def drawable(key: RunKey) -> bool:
    """Return whether prior and posteriors can be drawn from: this needs the images, and a GSNN has no posterior."""
    return not library.lacks_images(key) and not library.config(key).objective.gsnn


def share(embedding: Embedding) -> float:
    """Return the share of z's variance that a linear map explains."""
    return float(embedding.coordinates.var(axis=0).sum() / embedding.z.astype(np.float32).var(axis=0).sum())


def first_stored() -> tuple[RunKey, Embedding] | None:
    """Return the first run with a stored t-SNE map and this map, or None."""
    for key in runs_with_latents().values():
        with suppress(RunDamaged):  # the page of that run shows the error
            if (embedding := stored(key)) is not None:
                return key, embedding
    return None


def partner(key: RunKey, choices: Mapping[str, RunKey]) -> str | None:
    """Return the run whose map is shown beside a run's by default: for a VAE a label CVAE, for other runs a VAE.

    It has the same images, preferably a stored map, and the fewest differences. Return None if there is none.
    """
    given = () if library.config(key).given else ("label",)
    others = {
        name: other for name, other in choices.items() if name != key.name and library.config(other).given == given
    }
    apart = library.alike(key, others)

    def order(name: str) -> tuple[bool, int, str]:
        return not library.run_named(name).result_paths(USUAL.file), len(apart[name]), name

    return min(apart, key=order, default=None)


def agreement(key: RunKey, embedding: Embedding) -> Agreement:
    """Return how often near points in a run's z are of the same class."""
    return _agreement(key, len(embedding.indices), embedding)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _agreement(key: RunKey, points: int, _embedding: Embedding) -> Agreement:
    return latent_space.agreement(_embedding)


def walk(key: RunKey, embedding: Embedding, layout: Layout, start: int, end: int) -> list[np.ndarray]:
    """Return the places of an interpolation's frames on a map: one line (steps, 2 or 3), or one for each condition."""
    rows = _walk(key, start, end, library.images(key).test)
    return [latent_space.located(embedding, z, layout.method, PLACED_BY) for z in rows]


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _walk(key: RunKey, start: int, end: int, _test: Split) -> np.ndarray:
    return latent_space.walk(library.model(key), _test, start, end, WALK_STEPS)


def label(embedding: Embedding, index: int) -> int:
    """Return the label of a test image that is on the map."""
    return int(embedding.labels[embedding.indices == index][0])


def table(embedding: Embedding) -> pd.DataFrame:
    """Return index, label, coordinates and z, one row per point."""
    columns = {"index": embedding.indices, "label": embedding.labels}
    columns |= dict(zip(("x", "y", "depth"), embedding.coordinates.T, strict=False))
    columns |= {f"z{dimension + 1}": embedding.z[:, dimension] for dimension in range(embedding.z.shape[1])}
    return pd.DataFrame(columns)


def csv(embedding: Embedding, only: Sequence[int] = ()) -> bytes:
    """Return the table of an embedding, or of some of its test indices, as CSV."""
    rows = table(embedding)
    return formats.spreadsheet(rows[rows["index"].isin(only)] if only else rows)


def has_three(key: RunKey) -> bool:
    """Return whether a run's z can be mapped in three dimensions."""
    return library.config(key).latents >= 3
