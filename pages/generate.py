"""What does z do when the label is fixed?"""

import streamlit as st

from app.cached import runs
from app.display import elements, presenter
from app.generate import given, samples, styles
from app.live import latent_sliders, live_decoder
from app.widgets import controls, run_pickers
from cvae_core.data import noise
from cvae_core.evaluation.latent_space import slerp
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import CVAE
from cvae_core.pictures import recipes

elements.title(
    "Generate an image",
    "The label $c$ is fixed and only $z \\sim p(z \\mid c)$ varies, so the samples usually differ only in *style*. "
    "Moving a slider changes $z$ for all labels.",
)
choices = given.choices()
if not choices:
    st.info("No label run is trained yet. Train one with: `python -m cvae_core train label`", icon=":material/info:")
    st.stop()
with st.sidebar:
    chosen = run_pickers.run("Run", choices)
side, picture = presenter.stage()
with side:
    place = st.container()
with st.sidebar:
    noise_seed = controls.seed()
    slides_live = live_decoder.fits_in_the_browser(runs.config(chosen)) and latent_sliders.live_wanted()
with place:
    wanted = given.choose(chosen, in_browser=slides_live)
views = samples.views(wanted, noise_seed)
view = "Samples"
if presenter.is_on():
    with side:
        view = controls.choice("Picture", {"Samples": "Sliders"} | {name: name for name in [*views][1:]}, "view")
with picture, elements.sentences():
    views[view]() if view != "Samples" else styles.styles(wanted, noise_seed, slides_live)
if not presenter.is_on():
    elements.tabs(views, "view")
elements.explanation(
    "A label CVAE models $p(x \\mid z, c)$ for a one-hot label $c$ and a latent vector $z$. The label gives the class, so "
    "$z$ usually encodes style, such as the slant and weight of digits. The sliders set the base noise $\\varepsilon$, and "
    "$z = \\mu(c) + \\sigma(c)\\,\\varepsilon$. They are ordered by the *rate* of their dimension, in nats per validation "
    "image. A dimension with a rate below 0.01 has collapsed: its slider usually changes almost nothing. Pictures "
    "show the mean of each pixel, not sampled pixels.",
    r"p(x \mid c) = \int p(x \mid z, c)\, p(z \mid c)\, \mathrm{d}z, \qquad z = \mu(c) + \sigma(c)\,\varepsilon, \quad "
    r"\varepsilon \sim \mathcal{N}(0, I)",
    [recipes.samples, recipes.decoded, noise.normal, ConditionalVAE.draw, CVAE.context,
     ConditionalVAE.likelihood, completed, slerp],
)  # fmt: skip
