"""How does a conditional VAE work?"""

import streamlit as st

from app.display import elements
from app.views import how_it_works
from cvae_core.models.flat import FlatVAE
from cvae_core.models.objectives import Elbo, elbo

elements.title(
    "How it works",
    "One test image on its way through the networks of a run, in training and in prediction.",
)
choices = how_it_works.choices()
if not choices:
    st.info(
        "No run with latents is trained yet. Train one with: `python -m cvae_core train label --dataset digits`",
        icon=":material/info:",
    )
    st.stop()
with elements.sentences():
    how_it_works.show(choices)
elements.explanation(
    "The **recognition network** maps the image $x$ and the condition $c$ to $q(z \\mid x, c)$, the **prior network** maps "
    "$c$ alone to $p(z \\mid c)$. Both are Gaussians with a mean $\\mu$ and a scale $\\sigma$ per dimension. The base noise "
    "$\\varepsilon$ selects $z = \\mu + \\sigma\\,\\varepsilon$, and the **generation network** maps $z$ to the mean of each "
    "pixel. A quadrant run also has a **baseline**, whose prediction of the hidden pixels is pasted into $c$. The "
    "*distortion* is $-\\log p(x \\mid z, c)$ of the hidden pixels for this $z$, the *rate* is the KL divergence of $q$ from "
    "$p$; their sum is the negative ELBO of one draw. The noise is that of the stored estimates: *New ε* takes the next "
    "draw. Rates and distortion are rounded so that they add up. In prediction, the recognition network, the rate and the "
    "hidden part of $x$ are not used; the distortion is shown to score the prediction. The networks run in the browser; a "
    "ladder's values are computed on the server, per group of its latents.",
    r"-\mathrm{ELBO} = \underbrace{-\log p(x \mid z, c)}_{\text{distortion}} + \underbrace{\mathrm{KL}\big(q(z \mid x, c)"
    r"\,\|\, p(z \mid c)\big)}_{\text{rate}}, \qquad z = \mu(x, c) + \sigma(x, c)\,\varepsilon",
    [elbo, Elbo.value, FlatVAE.infer, FlatVAE.draw],
)
