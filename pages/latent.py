"""How is z arranged?"""

import streamlit as st

from app.cached import maps, runs
from app.display import elements
from app.views import latent_map
from app.widgets import map_controls, run_pickers
from cvae_core.evaluation.latent_space import USUAL, draws, embed, neighbours, posterior_means
from cvae_core.pictures import recipes

elements.title(
    "The latent space",
    "Every test image has a place, the mean of $q(z \\mid x, c)$. A VAE's map falls into digits; a CVAE's does not, and "
    "should not: it was *told* the digit, so its $z$ keeps what the digit does not say.",
)
choices = maps.runs_with_latents()
if not choices:
    st.info(
        "No run with latents is trained yet. Train one with: `python -m cvae_core train vae`", icon=":material/info:"
    )
    st.stop()
layout, seed, other = USUAL, None, None
with st.sidebar:
    key = run_pickers.run("Run", choices)
    with elements.sentences():
        layout = map_controls.layout(key)
        seed = map_controls.overlay(key, layout)
        other = map_controls.beside(key, choices, layout)
runs.rerun_when_runs_change()
embedding = latent_map.show(key, layout, seed, other)
with elements.sentences():
    latent_map.units(key)
elements.explanation(
    "t-SNE (van der Maaten & Hinton 2008) and PCA lay the posterior means out in two or three dimensions; colours are the "
    "digits, which neither of them is told. Samples are decoded from the prior: they are good where it draws what the "
    "aggregate posterior, the mean of $q(z \\mid x, c)$ over images, has made the decoder learn. The bars are the mean rate "
    "of every latent dimension over the validation images: how many nats it tells the decoder about an image. A unit with "
    "less than 0.01 is dead.",
    r"\mathrm{rate}_j = \frac{1}{N} \sum_{n=1}^{N} \mathrm{KL}\big(q(z_j \mid x_n, c_n) \,\|\, p(z_j \mid c_n)\big)",
    [posterior_means, embed, draws, neighbours, recipes.point],
)
latent_map.follow_the_pointer(key, embedding)
