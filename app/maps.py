"""Embeddings of the latent space for the pages: stored ones, and new ones computed by a process of their own."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pandas as pd
import streamlit as st

from app import controls, library, processes
from app.library import RunKey
from cvae_core import data, latent, runs
from cvae_core.errors import RunDamaged
from cvae_core.latent import MIN_POINTS, USUAL, Embedding, Layout, Method

POINT_SECONDS = 0.003  # t-SNE's time per point on two cores: what the progress bar goes by
KEPT = 12
MAX_PERPLEXITY = 100
METHODS: Mapping[Method, str] = {"tsne": "t-SNE", "pca": "PCA"}


def runs_with_latents() -> dict[str, RunKey]:
    """Return the runs that have a map: those with two latents or more; the plain VAE first."""
    keys = {name: key for name, key in library.run_keys().items() if library.config(key).latents >= 2}
    return dict(
        sorted(keys.items(), key=lambda item: (item[0] != "vae", library.config(item[1]).dataset == "digits", item[0]))
    )


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _read(key: RunKey, layout: Layout, changed: tuple[int, ...]) -> Embedding | None:
    run = runs.find(key.name, runs.default_root())
    found = latent.stored_embedding(run, layout)
    if found is None and layout.method == "pca":
        other = latent.stored_embedding(run, replace(layout, method="tsne"))
        return other and replace(other, coordinates=latent.principal_plane(other.z))
    return found


def stored(key: RunKey, layout: Layout = USUAL) -> Embedding | None:
    """Return a run's embedding, or None where there is none; read again when its file has changed."""
    run = runs.find(key.name, runs.default_root())
    paths = [path for method in METHODS for path in run.result_paths(replace(layout, method=method).file)]
    return _read(key, layout, tuple(path.stat().st_mtime_ns for path in paths))


def first_stored() -> tuple[RunKey, Embedding] | None:
    """Return the first run with a stored t-SNE, and that, or None."""
    for key in runs_with_latents().values():
        with suppress(RunDamaged):  # the page of that run says so
            if (embedding := stored(key)) is not None:
                return key, embedding
    return None


def label(embedding: Embedding, index: int) -> int:
    """Return the label of a test image that is on the map."""
    return int(embedding.labels[embedding.indices == index][0])


def table(embedding: Embedding) -> pd.DataFrame:
    """Return index, label, coordinates and z, one row per point."""
    columns = {"index": embedding.indices, "label": embedding.labels, "x": embedding.coordinates[:, 0]}
    columns["y"] = embedding.coordinates[:, 1]
    columns |= {f"z{dimension + 1}": embedding.z[:, dimension] for dimension in range(embedding.z.shape[1])}
    return pd.DataFrame(columns)


def csv(embedding: Embedding, only: Sequence[int] = ()) -> bytes:
    """Return the table of an embedding, or of some of its test indices, as CSV."""
    rows = table(embedding)
    return (rows[rows["index"].isin(only)] if only else rows).to_csv(index=False).encode()


def layout(key: RunKey) -> Layout:
    """Choose how a run's latent space is laid out; the settings stand in the address."""
    method = controls.or_default(
        st.segmented_control(
            "Map", list(METHODS), default=USUAL.method, required=True, format_func=METHODS.__getitem__, key="method",
            bind="query-params",
        ),
        USUAL.method,
    )  # fmt: skip
    if not data.on_disk(library.config(key).dataset):
        st.caption("Maps with other settings need the images, which are not on this machine.")
        return replace(USUAL, method=method)
    with st.expander("Settings of the map", icon=":material/tune:"):
        most = len(library.dataset(library.config(key).dataset).test)
        asked = st.number_input(
            "Points", MIN_POINTS, most, min(USUAL.points, most), step=50, key=f"points-{most}", bind="query-params"
        )
        points = int(asked or MIN_POINTS)
        if points == min(USUAL.points, most):
            points = USUAL.points
        perplexity = USUAL.perplexity
        if method == "tsne":
            highest = min(MAX_PERPLEXITY, (min(points, most) - 1) // 3)
            perplexity = int(
                st.slider(
                    "Perplexity", 2, highest, min(USUAL.perplexity, highest), key=f"perplexity-{highest}",
                    bind="query-params", help="How many neighbours each point is placed by, about",
                )
            )  # fmt: skip
    return Layout(method=method, points=points, perplexity=perplexity)


def offer(key: RunKey, chosen: Layout) -> None:
    """Offer to compute a map that is not there yet, and show how far it is."""
    if not data.on_disk(library.config(key).dataset):
        return
    due = 5 + (chosen.points * POINT_SECONDS if chosen.method == "tsne" else 0)
    name = f"{METHODS[chosen.method]} of {key.name}"
    flags = [f"--{setting}={value}" for setting, value in vars(chosen).items()]
    processes.offer(
        f"embed {key.name} {chosen.file}",
        f"Compute it, about {due:.0f} s",
        lambda seconds: (seconds / due, f"{name}: {seconds:.0f} of about {due:.0f} s"),
        "embed", key.name, *flags, "--root", str(runs.default_root()),
    )  # fmt: skip
