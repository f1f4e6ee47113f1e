"""What is a conditional VAE?"""

import streamlit as st

from app.cached import runs
from app.display import elements
from app.generate import styles
from app.inpaint import subjects
from app.text.plain_text import plain
from app.training import replay, run_table
from app.views import cll_table, latent_map, why_bound
from app.widgets import tour_control
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.objectives import elbo

CARDS = {
    "c is the label": styles.preview,
    "c is a quarter of the image": subjects.preview,
    "How is z arranged?": latent_map.preview,
    "Why is it done like that?": why_bound.preview,
    "How did it learn?": replay.preview,
    "How good is it?": cll_table.preview,
}

elements.title(
    "The CVAE lab",
    "A **conditional variational auto-encoder** models the distribution of an image $x$ given a condition $c$, such as its "
    "label. The latent vector $z$ represents what $c$ leaves open: another draw of $z$ gives another image.",
)
runs.rerun_when_runs_change()
with st.container(border=True):
    elements.heading("A tour in eight steps")
    elements.explained("It takes about ten minutes. Each step opens a picture and says what to see in it.")
    tour_control.contents()
cards = list(CARDS.items())
for row in (cards[:2], cards[2:4], cards[4:]):
    for column, (question, preview) in zip(st.columns(2, gap="medium"), row, strict=True):
        with column.container(border=True, height="stretch"), elements.sentences():
            elements.heading(plain(question))
            preview()
elements.heading("Models on this machine")
run_table.models_here()
elements.explanation(
    "Training maximises the *evidence lower bound*: the expected log-likelihood of the image for $z$ drawn from "
    "$q(z \\mid x, c)$, minus the *rate*, the KL divergence of $q$ from the prior. Sohn, Lee & Yan (2015) call $q(z \\mid x, "
    "c)$ the recognition network, $p(z \\mid c)$ the prior network and $p(x \\mid z, c)$ the generation network.",
    r"\log p(x \mid c) \;\ge\; \mathbb{E}_{q(z \mid x, c)} \log p(x \mid z, c) \;-\; \mathrm{KL}\big(q(z \mid x, c)"
    r"\,\|\, p(z \mid c)\big)",
    [elbo, ConditionalVAE.infer, completed],
)
