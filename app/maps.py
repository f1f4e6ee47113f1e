"""Embeddings of the latent space for the pages: stored ones, and new ones computed by a process of their own."""

from contextlib import suppress
from dataclasses import replace

import pandas as pd
import streamlit as st

from app import library, processes
from app.library import RunKey
from cvae_core import data, latent, runs
from cvae_core.errors import RunDamaged
from cvae_core.latent import MIN_POINTS, Embedding, Method

POINT_SECONDS = 0.003  # t-SNE's time per point on two cores: what the progress bar goes by
DEFAULT_POINTS = 5000
KEPT = 12
METHODS = {"tsne": "t-SNE", "pca": "PCA"}


def runs_with_latents() -> dict[str, RunKey]:
    """Return the runs that have a map: those with two latents or more; the plain VAE first."""
    keys = {name: key for name, key in library.run_keys().items() if library.config(key).latents >= 2}
    return dict(
        sorted(keys.items(), key=lambda item: (item[0] != "vae", library.config(item[1]).dataset == "digits", item[0]))
    )


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _read(key: RunKey, method: Method, changed: tuple[int, ...]) -> Embedding | None:
    run = runs.find(key.name, runs.default_root())
    found = latent.stored_embedding(run, method)
    if found is None and method == "pca" and (other := latent.stored_embedding(run, "tsne")) is not None:
        return replace(other, coordinates=latent.principal_plane(other.z))
    return found


def stored(key: RunKey, method: str) -> Embedding | None:
    """Return a run's embedding, or None where there is none; read again when its file has changed."""
    run = runs.find(key.name, runs.default_root())
    paths = [path for kind in METHODS for path in run.result_paths(f"embedding-{kind}.npz")]
    return _read(key, method, tuple(path.stat().st_mtime_ns for path in paths))  # type: ignore[arg-type]


def first_stored() -> tuple[RunKey, Embedding] | None:
    """Return the first run with a stored t-SNE, and that, or None."""
    for key in runs_with_latents().values():
        with suppress(RunDamaged):  # the page of that run says so
            if (embedding := stored(key, "tsne")) is not None:
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


def csv(embedding: Embedding) -> bytes:
    """Return the table of an embedding as CSV."""
    return table(embedding).to_csv(index=False).encode()


def offer(key: RunKey, method: str) -> None:
    """Offer to compute a map with other settings, and show how far it is."""
    if not data.on_disk(library.config(key).dataset):
        st.caption("Other maps need the images, which are not on this machine.")
        return
    with st.expander("Compute another map", icon=":material/tune:"):
        most = len(library.dataset(library.config(key).dataset).test)
        points = int(st.number_input("Points", MIN_POINTS, most, min(DEFAULT_POINTS, most), step=50, key="points") or 0)
        highest = min(100, (points - 1) // 3)
        perplexity = 30
        if method == "tsne":
            perplexity = int(st.slider("Perplexity", 2, highest, min(30, highest), key="perplexity"))
        purpose = f"embed {key.name} {method}"
        work = processes.find(purpose)
        st.fragment(_panel, run_every=processes.POLL if work and work.running else None)(
            key, method, points, perplexity, purpose
        )


def _panel(key: RunKey, method: str, points: int, perplexity: int, purpose: str) -> None:
    work = processes.find(purpose)
    if work and work.running:
        due = 5 + (points * POINT_SECONDS if method == "tsne" else 0)
        st.progress(min(0.99, work.seconds / due), text=f"{method} of {points:,} points: {work.seconds:.0f} s")
        return
    if work:
        processes.forget(purpose)
        if (fault := work.fault) is None:
            st.rerun()
        st.error(fault)
    if st.button("Compute", icon=":material/play_arrow:", key=f"compute-{method}"):
        flags = ("--method", method, "--points", str(points), "--perplexity", str(perplexity))
        processes.start(purpose, "embed", key.name, *flags, "--root", str(runs.default_root()))
        st.rerun()
