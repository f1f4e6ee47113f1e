"""What can the rest of the image be?"""

import streamlit as st

from app.cached import runs
from app.display import elements, presenter
from app.inpaint import subjects
from app.live import attribute_sliders, quadrant_controls
from app.widgets import controls, labels
from cvae_core.data.conditions import quadrants_of
from cvae_core.evaluation import label_posterior
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import CVAE
from cvae_core.pictures import recipes

elements.title(
    "Complete an image",
    "The visible part is the condition $c$; the model does not see the rest. The baseline (NN) predicts "
    "one mean completion, usually blurred where several are possible. Each sample of the CVAE is one completion.",
)
families = quadrant_controls.quadrant_families()
if not families:
    subjects.tell_missing()
    st.stop()
side, picture = presenter.stage()
with side:
    first, place = st.container(), st.container()
with st.sidebar:
    key, opened = quadrant_controls.quadrant_run(families)
    shown_as = controls.pixels(runs.config(key))
    seed = controls.seed()
with first:
    subject = controls.choice("Complete", subjects.subjects(key), "of")
    if "label" in runs.config(key).given:
        own = subject == subjects.IMAGES
        opened = opened._replace(label=labels.completed_as(runs.description(key), own))
    if runs.config(key).attributes:
        opened = opened._replace(attributes=attribute_sliders.chosen(runs.config(key)))
with picture, elements.sentences():
    subjects.completed(subject, key, opened, shown_as, seed, place)
    if not presenter.is_on():
        subjects.quality(key, opened.visible)
elements.explanation(
    "The **baseline** of Sohn, Lee & Yan (2015) is a network trained to predict every hidden pixel from the visible "
    "ones. If several completions are possible, its best prediction is their mean, which is blurred. The **CVAE** has a "
    "prior network $p(z \\mid c)$, which sees the visible pixels and the baseline's prediction, and a generation network "
    "$p(x \\mid z, c)$. Each sample uses one $z$; the *best guess* uses the prior mean, $\\varepsilon = 0$. The **spread** "
    "shows where samples differ: dark in drawings, bright in other images. Pictures show pixel means, or pixels sampled "
    "from the likelihood. Samples of Bernoulli pixels are ink: black or white.",
    r"p(x_{\text{hidden}} \mid x_{\text{visible}}) = \int p(x_{\text{hidden}} \mid z, x_{\text{visible}})\, "
    r"p(z \mid x_{\text{visible}})\, \mathrm{d}z",
    [recipes.completions, quadrants_of, CVAE.context, ConditionalVAE.draw,
     ConditionalVAE.likelihood, completed, label_posterior.visible_by_label],
)  # fmt: skip
