"""How is z arranged?"""

from functools import partial

import streamlit as st

from app import charts, controls, display, library, maps, pictures
from app.library import RunKey
from app.maps import METHODS
from cvae_core import data
from cvae_core.latent import DEAD_RATE, Embedding, embed, neighbours, posterior_means

NEIGHBOURS = 8
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
    pixels, rate = pictures.point(key, index, tuple(close))
    given = pictures.condition_words(key, maps.label(embedding, index))
    caption = f"{key.name}, test image {index}, {rate:.1f} nats. Neighbours: {', '.join(map(str, close))}"
    display.picture(
        lambda scale: pictures.grid(pixels, scale, caption, rows=["image, recon.", "near in z", "", "samples", ""]),
        name=f"{key.name}-point-{index}",
        alt=f"Test image {index}, its reconstruction, its neighbours in z and samples for the same condition",
        scale=2,
        facts={"run": key.name, "index": index, "rate": rate, "neighbours": close},
    )
    st.caption(f"Its $z$ costs **{rate:.1f} nats**. The samples are given {given}.")


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
    method = controls.or_default(
        st.segmented_control(
            "Map", list(METHODS), default="tsne", required=True, format_func=METHODS.__getitem__, key="method",
            bind="query-params",
        ),
        "tsne",
    )  # fmt: skip
    with display.sentences():
        maps.offer(key, method)
with display.sentences():
    embedding = maps.stored(key, method)
    if embedding is None:
        st.info(f"{METHODS[method]} of `{key.name}` is not computed yet: the sidebar does it.", icon=":material/info:")
    else:
        wide, narrow = st.columns([3, 2], gap="large")
        with narrow:
            chosen = controls.test_index(int(embedding.indices.max()))
            if chosen in embedding.indices:
                with display.sentences():
                    detail(key, embedding, chosen)
            else:
                st.info("Click a point, or give the number of a test image that is on the map.")
        with wide:
            st.plotly_chart(
                charts.embedding_map(embedding, chosen),
                on_select=controls.take_point,
                selection_mode="points",
                config=charts.CONFIG | {"scrollZoom": True},
                key=controls.MAP,
            )
            st.caption(
                f"{METHODS[method]} of {len(embedding.indices):,} posterior means. Click a digit in the legend to hide it."
                + (TSNE_CAUTION if method == "tsne" else "")
            )
            st.download_button(
                "CSV",
                data=partial(maps.csv, embedding),
                file_name=f"{key.name}-{method}.csv",
                mime="text/csv",
                on_click="ignore",
                icon=":material/download:",
                help="Index, label, coordinates and z of every point",
            )
    rates = library.rates(key)
    st.subheader(f"{sum(rate >= DEAD_RATE for rate in rates)} of {len(rates)} units are active", anchor=False)
    st.plotly_chart(charts.rate_bars(rates), config=charts.CONFIG, key="rates")
display.explanation(
    "t-SNE (van der Maaten & Hinton 2008) and PCA lay the posterior means out in the plane; colours are the digits, which "
    "neither of them is told. The bars are the mean rate of every latent dimension over the validation images: how many "
    "nats it tells the decoder about an image. A unit with less than 0.01 is dead.",
    r"\mathrm{rate}_j = \frac{1}{N} \sum_{n=1}^{N} \mathrm{KL}\big(q(z_j \mid x_n, c_n) \,\|\, p(z_j \mid c_n)\big)",
    posterior_means,
    embed,
    neighbours,
)
