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
    "Each point is a test image at the mean of its $q(z \\mid x, c)$. The $z$ of a VAE usually clusters by digit. The $z$ "
    "of a label CVAE usually does not: $c$ already gives the digit, so $z$ encodes the rest.",
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
    "t-SNE (van der Maaten & Hinton 2008) and PCA map the posterior means to two or three dimensions. Colours show the "
    "digits, which neither method uses. Samples are decoded from $z$ drawn from the prior. They are good where the prior "
    "matches the aggregate posterior (the mean of $q(z \\mid x, c)$ over images), on which the decoder was trained. The bars "
    "show the mean rate of each latent dimension over the validation images: an upper bound on the nats that it carries "
    "about an image. A unit with a rate below 0.01 has collapsed.",
    r"\mathrm{rate}_j = \frac{1}{N} \sum_{n=1}^{N} \mathrm{KL}\big(q(z_j \mid x_n, c_n) \,\|\, p(z_j \mid c_n)\big)",
    [posterior_means, embed, draws, neighbours, recipes.point],
)
latent_map.follow_the_pointer(key, embedding)
