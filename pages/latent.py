"""How is z arranged?"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st

from app import charts, controls, display, drawing, library, maps, pictures
from app.library import RunKey
from app.pictures import Figure, Walk
from cvae_core import data, gallery
from cvae_core.config import is_ladder
from cvae_core.latent import DEAD_RATE, Embedding, Layout, embed, neighbours, placed, posterior_means
from cvae_core.models import LABELS

NEIGHBOURS = 8
MOST_SHOWN, SELECTED_COLUMNS = 60, 20
WALK_STEPS, FRAME_SCALE = 11, 6
NOBODY = "no other run"
DRAWN = "drawn"  # what the visitor says the drawing is
TSNE_CAUTION = " In t-SNE, who is near whom means something; distances between clusters and their sizes do not."


def detail(key: RunKey, embedding: Embedding, index: int) -> None:
    """Show one point: image, reconstruction, rate, neighbours in z, samples for the same condition."""
    st.subheader(f"Test image {index}, a {maps.label(embedding, index)}", anchor=False)
    close = neighbours(embedding, index, NEIGHBOURS)
    if not data.on_disk(library.config(key).dataset):
        labels = ", ".join(f"{number} (a {maps.label(embedding, number)})" for number in close)
        st.info(
            f"Its nearest neighbours in z: {labels}. Their pictures need the images, which are not on this machine."
        )
        return
    rate = pictures.rate(key, index)
    given = pictures.condition_words(key, maps.label(embedding, index))
    figure = Figure(
        key,
        gallery.point,
        {"index": index, "close": tuple(close)},
        f"{key.name}, test image {index}, {rate:.1f} nats. Neighbours: {', '.join(map(str, close))}",
        rows=("image, recon.", "near in z", "", "samples", ""),
    )
    display.picture(
        figure,
        name=f"{key.name}-point-{index}",
        alt=f"Test image {index}, its reconstruction, its neighbours in z and samples for the same condition",
        scale=2,
    )
    st.caption(f"Its $z$ costs **{rate:.1f} nats**. The samples are given {given}.")


def drawing_placed(key: RunKey, embedding: Embedding) -> tuple[np.ndarray, list[int]] | None:
    """Return where the visitor's drawing belongs on the map, (2,), and its neighbours; None where nothing is drawn."""
    drawn, label = drawing.ink(), st.session_state.get(DRAWN) or 0
    if not drawn.any():
        return None
    z = gallery.encoded(library.model(key), drawn.tobytes(), label).z[0, 0, : embedding.z.shape[1]].numpy()
    return placed(embedding, z, NEIGHBOURS)


def draw(key: RunKey, embedding: Embedding, near: list[int] | None) -> None:
    """Let the visitor draw a digit, and say what lies near it."""
    with st.expander(
        "Draw a digit and find it on the map", key="draw", bind="query-params", icon=":material/gesture:"
    ) as box:
        if not box.open:
            return
        drawing.pad()
        if library.config(key).flavour == "label":
            st.selectbox("It is a", range(LABELS), key=DRAWN, bind="query-params")
        if near:
            labels = ", ".join(f"{number} (a {maps.label(embedding, number)})" for number in near)
            st.caption(f"The star is your drawing, placed among its nearest neighbours in z: {labels}.")


def selection(key: RunKey, embedding: Embedding, caught: tuple[int, ...]) -> None:
    """Show the digits that a lasso has caught, each above its reconstruction, and offer them as CSV."""
    st.subheader(f"{len(caught):,} selected", anchor=False)
    shown = caught[:MOST_SHOWN]
    if data.on_disk(library.config(key).dataset):
        more = f", the first {MOST_SHOWN} of {len(caught):,}" if len(caught) > MOST_SHOWN else ""
        figure = Figure(
            key,
            gallery.reconstructions,
            {"indices": shown, "columns": min(len(shown), SELECTED_COLUMNS)},
            f"{key.name}: selected test digits above their reconstructions{more}",
        )
        display.picture(figure, name=f"{key.name}-selected", alt="The selected digits and reconstructions", scale=2)
    st.download_button(
        "CSV of the selection",
        data=partial(maps.csv, embedding, caught),
        file_name=f"{key.name}-selected.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        help="Index, label, coordinates and z of every selected point",
    )


def traversal(key: RunKey, embedding: Embedding, start: int) -> None:
    """Walk from the chosen point to another one."""
    with st.expander(
        "Walk from this point to another", key="route", bind="query-params", icon=":material/route:"
    ) as box:
        if not box.open:
            return
        if not data.on_disk(library.config(key).dataset):
            st.caption("The walk needs the images, which are not on this machine: Home offers their download.")
            return
        highest = int(embedding.indices.max())
        end = int(st.number_input("To test image", 0, highest, value=1, key="to", bind="query-params") or 0)
        if end not in embedding.indices:
            st.caption("That image is not on the map.")
            return
        labels = [maps.label(embedding, index) for index in (start, end)]
        figure = Figure(
            key,
            gallery.traversal,
            {"start": start, "end": end, "steps": WALK_STEPS},
            f"{key.name}: from test image {start} to {end} along the sphere in {WALK_STEPS} frames",
        )
        if library.config(key).flavour != "vae":
            first, second = (pictures.condition_words(key, label) for label in labels)
            st.caption(f"The upper row is given {first} of the first image, the lower one {second} of the second.")
        name = f"{key.name}-from-{start}-to-{end}"
        alt = f"Digits on the way from test image {start} to {end}"
        display.picture(figure, name=name, alt=alt, scale=2)
        display.gif_button(Walk(figure), name=f"{name}-frames", scale=FRAME_SCALE)


def beside(key: RunKey, choices: Mapping[str, RunKey], layout: Layout) -> None:
    """Show another run's map beside the chosen one."""
    others = [NOBODY, *(name for name in choices if name != key.name)]
    name = controls.or_default(st.selectbox("Beside it", others, key="beside", bind="query-params"), NOBODY)
    if name == NOBODY:
        return
    other = maps.stored(choices[name], layout)
    if other is None:
        st.info(f"This map of `{name}` is not computed yet: choose it as the run, and compute it.")
        return
    st.plotly_chart(charts.embedding_map(other, None), config=charts.CONFIG, key="map-beside")
    st.caption(
        f"`{name}`: {library.kind(library.config(choices[name]))}. A VAE must keep the digit in z, for nothing else tells "
        "its decoder; a label CVAE is told the digit, so z would waste nats on it, and its map mixes all ten."
    )


def units(key: RunKey) -> None:
    """Show how much each unit of z says."""
    rates = library.card(key).rates
    if not rates:
        st.info("The rates of this run's units are measured when its training ends.", icon=":material/info:")
        return
    st.subheader(f"{sum(rate >= DEAD_RATE for rate in rates)} of {len(rates)} units are active", anchor=False)
    unit = "map of latents" if is_ladder(library.config(key)) else "latent dimension"
    st.plotly_chart(charts.rate_bars(rates, unit), config=charts.CONFIG, key="rates")


st.title("The latent space")
st.markdown(
    "Every test image has a place, the mean of $q(z \\mid x, c)$. A VAE's map falls into digits; a CVAE's does not, and "
    "should not: it was *told* the digit, so its $z$ keeps what the digit does not say."
)
choices = maps.runs_with_latents()
if not choices:
    st.info(
        "No run with latents is trained yet. Train one with: `python -m cvae_core train vae`", icon=":material/info:"
    )
    st.stop()
with st.sidebar:
    key = controls.run("Run", choices)
    with display.sentences():
        layout = maps.layout(key)
library.rerun_when_runs_change()
embedding = star = None
with display.sentences():
    embedding = maps.stored(key, layout)
    if embedding is None:
        st.info(f"This map of `{key.name}` is not computed yet.", icon=":material/info:")
with display.sentences():
    if embedding is None:
        maps.offer(key, layout)
    else:
        wide, narrow = st.columns([3, 2], gap="large")
        with narrow:
            chosen = controls.test_index(int(embedding.indices.max()))
        with wide:
            star = drawing_placed(key, embedding)
            st.plotly_chart(
                charts.embedding_map(embedding, controls.point_to_ring(), star and star[0]),
                on_select=controls.take_point,
                selection_mode=("points", "lasso", "box"),
                config=charts.CONFIG,
                key=controls.MAP,
            )
            st.caption(
                f"{maps.METHODS[layout.method]} of {len(embedding.indices):,} posterior means. Click a digit in the legend "
                "to hide it; the lasso above the map selects many." + (TSNE_CAUTION if layout.method == "tsne" else "")
            )
            st.download_button(
                "CSV",
                data=partial(maps.csv, embedding),
                file_name=f"{key.name}-{layout.method}.csv",
                mime="text/csv",
                on_click="ignore",
                icon=":material/download:",
                help="Index, label, coordinates and z of every point",
            )
        with narrow:  # after the map, which need not wait for it
            if chosen in embedding.indices:
                with display.sentences():
                    detail(key, embedding, chosen)
            else:
                st.info("Click a point, or give the number of a test image that is on the map.")
with display.sentences():
    if embedding is not None:
        if caught := controls.selected_points():
            selection(key, embedding, caught)
        if chosen in embedding.indices:
            traversal(key, embedding, chosen)
        draw(key, embedding, star and star[1])
        beside(key, choices, layout)
with display.sentences():
    units(key)
display.explanation(
    "t-SNE (van der Maaten & Hinton 2008) and PCA lay the posterior means out in the plane; colours are the digits, which "
    "neither of them is told. The bars are the mean rate of every latent dimension over the validation images: how many "
    "nats it tells the decoder about an image. A unit with less than 0.01 is dead.",
    r"\mathrm{rate}_j = \frac{1}{N} \sum_{n=1}^{N} \mathrm{KL}\big(q(z_j \mid x_n, c_n) \,\|\, p(z_j \mid c_n)\big)",
    posterior_means,
    embed,
    neighbours,
    gallery.point,
)
