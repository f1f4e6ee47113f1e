"""The chosen points of a latent space: one image in full, the frames of a walk, a selection, and the visitor's drawing."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import streamlit as st

from app.cached import figures, maps, runs
from app.cached.figures import Figure
from app.cached.runs import RunKey
from app.display import elements, presenter
from app.live import drawing_pad
from app.text import labels
from app.text.plain_text import Markdown, plain
from app.widgets import map_selection, run_pictures
from app.widgets.map_selection import Walk
from cvae_core.evaluation.latent_space import Embedding, Method
from cvae_core.pictures import recipes

MOST_SHOWN, SELECTED_COLUMNS = 60, 16
LINES: Mapping[Method, Markdown] = {
    "tsne": "The line on the map joins the $z$ of these frames. t-SNE cannot place new points: each dot lies at the mean "
    "place of its eight nearest neighbours in $z$, weighted by the inverse distance.",
    "pca": "The line on the map joins the $z$ of these frames, projected as the points are.",
}


class Mapped(NamedTuple):
    """A run and a map of its latent space."""

    key: RunKey
    embedding: Embedding


def named(mapped: Mapped, indices: Sequence[int]) -> Markdown:
    """Return the indices of test images with their classes."""
    return ", ".join([f"{index:d} ({words})" if (words := one(mapped, index)) else f"{index:d}" for index in indices])


def one(mapped: Mapped, index: int) -> Markdown:
    """Return the class of a test image with an article, or nothing if the images have no labels."""
    data = runs.description(mapped.key)
    return labels.a(data, maps.label(mapped.embedding, index)) if data.labelled else ""


def given(mapped: Mapped, index: int) -> str:
    """Describe the condition of a test image, with the name of its class if the label is given."""
    label = maps.label(mapped.embedding, index)
    return runs.config(mapped.key).given_of(runs.description(mapped.key).classes[label])


def detail(mapped: Mapped, index: int, close: Sequence[int]) -> None:
    """Show one point: image, reconstruction, rate, neighbours in z, and samples for the same condition."""
    key, embedding = mapped
    if index not in embedding.indices:
        st.info("Click a point, or enter the index of a test image that is on the map.")
        return
    words = one(mapped, index)
    elements.heading(f"Test image {index}, {words}" if words else f"Test image {index}")
    if why := runs.lacks_images(key):
        st.info(f"Its nearest neighbours in z: {named(mapped, close)}. Their pictures need the images. {why}")
        return
    rate = figures.rate(key, index)
    figure = Figure(
        key,
        recipes.point,
        {"index": index, "close": tuple(close)},
        f"{runs.label(key.name)}, test image {index}, {rate:.1f} nats. Neighbours: {', '.join(map(str, close))}",
        rows=("image, recon.", "near in z", "", "samples", ""),
    )
    alt = f"Test image {index}, its reconstruction, its neighbours in z and samples for the same condition"
    elements.picture(figure, f"{key.name}-point-{index}", alt)
    condition = plain(given(mapped, index))
    elements.caption(f"Rate: **{rate:.1f} nats**. The samples use $z$ from the prior; their condition: {condition}.")


def frames(mapped: Mapped, walk: Walk, paths: Sequence[np.ndarray], method: Method) -> None:
    """Show the frames of a walk between two images, and say what its line on the map is."""
    key = mapped.key
    if why := runs.lacks_images(key):
        elements.caption(f"The interpolation needs the images. {why}")
        return
    if not paths:
        elements.caption("That image is not on the map.")
        return
    start, end = walk
    settings = {"start": start, "end": end, "steps": maps.WALK_STEPS}
    caption = f"from test image {start} to {end} along the sphere in {maps.WALK_STEPS} frames"
    name, alt = f"from-{start}-to-{end}", f"Images decoded between test image {start} and {end}"
    run_pictures.animation(run_pictures.show(key, recipes.traversal, settings, caption, name, alt), name)
    if presenter.is_on():
        return
    rows = ""
    if runs.config(key).given:
        first, second = (given(mapped, index) for index in (start, end or 0))
        dashed = ", whose path is dashed" if len(paths) > 1 else ""
        rows = (
            f" Condition of the upper row: {plain(first)}, from the first image. Lower row{dashed}: {plain(second)}, from "
            "the second."
        )
    elements.caption(f"{LINES[method]}{rows}")


def draw(mapped: Mapped, near: Sequence[int]) -> None:
    """Let the visitor draw an image, and list its nearest neighbours."""
    key = mapped.key
    elements.caption("The drawing is centred as MNIST's digits are before the model encodes it.")
    drawing_pad.pad(key)
    if "label" in runs.config(key).given:
        drawing_pad.label(mapped.key)
    if near:
        words = named(mapped, near)
        elements.caption(f"The red mark is your drawing, placed by its nearest neighbours in z: {words}.")


def selected_images(key: RunKey, embedding: Embedding, selected: Sequence[int]) -> None:
    """Show the selected images that are on the map, each above its reconstruction, and offer a CSV of them."""
    rows = np.flatnonzero(np.isin(embedding.indices, selected))
    by_class = rows[np.argsort(embedding.labels[rows], kind="stable")]
    indices = tuple(embedding.indices[by_class].tolist())
    elements.heading(f"{len(indices):,} selected")
    if len(indices) < len(selected):
        elements.caption(f"Not on this map: {len(selected) - len(indices):,} more.")
    shown = indices[:: -(-len(indices) // MOST_SHOWN) or 1]  # evenly spaced, because they are sorted by class
    if why := runs.lacks_images(key):
        elements.caption(f"Their pictures need the images. {why}")
    elif shown:
        more = f", {len(shown)} of {len(indices):,}" if len(indices) > MOST_SHOWN else ""
        settings = {"indices": shown, "columns": min(len(shown), SELECTED_COLUMNS)}
        caption = f"selected test images above their reconstructions{more}"
        alt = "The selected images and reconstructions"
        run_pictures.show(key, recipes.reconstructions, settings, caption, "selected", alt)
    with st.container(horizontal=True):
        if shown:
            words = "Index, label, coordinates and z of each selected point"
            file = f"{key.name}-selected.csv"
            elements.file_button("CSV of the selection", partial(maps.csv, embedding, indices), file, words=words)
        st.button("Clear selection", icon=":material/deselect:", on_click=map_selection.clear_selection)
