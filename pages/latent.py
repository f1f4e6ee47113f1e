"""How is z arranged?"""

import streamlit as st

from app.cached import maps, runs
from app.display import elements, presenter
from app.views import latent_map
from app.views.latent_map import Settings
from app.widgets import map_controls, run_pickers
from cvae_core.evaluation.latent_space import USUAL, agreement, draws, embed, neighbours, placed, posterior_means, walk
from cvae_core.pictures import recipes

elements.title(
    "The latent space",
    "Each point is a test image at its posterior mean, the mean of $q(z \\mid x, c)$. Its colour is its class.",
)
choices = maps.runs_with_latents()
if not choices:
    st.info(
        "No run with latents is trained yet. Train one with: `python -m cvae_core train vae`", icon=":material/info:"
    )
    st.stop()
settings, other = Settings(USUAL, None, None), None
with st.sidebar:
    key = run_pickers.run("Run", choices)
    beside, fields = st.container(), st.container()
    with elements.sentences():
        layout = map_controls.layout(key)
        settings = Settings(layout, map_controls.overlay(key, layout), map_controls.highlighted(key))
    with beside, elements.sentences():
        other = map_controls.beside(key, choices, settings.layout)
if presenter.is_on():
    fields = st.container(horizontal=True, vertical_alignment="bottom")
runs.rerun_when_runs_change()
shown = latent_map.show(key, settings, other, fields)
with elements.sentences():
    latent_map.units(key)
elements.explanation(
    "The decoder of a VAE has no other input than $z$, so a reconstruction shows the right class only if $z$ encodes it. "
    "The decoder of a label CVAE is given the label in $c$ too, so $z$ need not encode it. How far $z$ does is measured "
    "above each map: the share of a point's ten nearest neighbours in $z$ that are of the same class. t-SNE (van der Maaten "
    "& Hinton 2008) and PCA map the posterior means to two or three dimensions. Colours show the classes, which neither "
    "method uses. Samples are decoded from $z$ drawn from the prior. They are good where the prior matches the aggregate "
    "posterior (the mean of $q(z \\mid x, c)$ over images), on which the decoder was trained. The bars show the mean rate "
    "of each latent dimension over the validation images: an upper bound on the nats that it carries about an image. A "
    "unit with a rate below 0.01 has collapsed.",
    r"\mathrm{rate}_j = \frac{1}{N} \sum_{n=1}^{N} \mathrm{KL}\big(q(z_j \mid x_n, c_n) \,\|\, p(z_j \mid c_n)\big)",
    [posterior_means, embed, draws, neighbours, agreement, placed, recipes.point, walk],
)
latent_map.follow_the_pointer(shown)
