"""One test image on its way through a model: the live figure, and ten draws of the same image."""

from collections.abc import Mapping

import streamlit as st

from app.cached import runs
from app.cached.runs import RunKey
from app.display import elements, presenter, url_state
from app.live import network_figure
from app.text.plain_text import plain
from app.widgets import controls, run_pickers, run_pictures
from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import described
from cvae_core.pictures import recipes

FIRST = ("quadrant-1", "label", "digits-quadrant-1")  # runs in the order in which the page opens with them
COUNT = 10


def choices() -> Mapping[str, RunKey]:
    """Return the runs with latents, those whose images are on this machine first."""
    keys = {name: key for name, key in runs.run_keys().items() if runs.config(key).latents}
    rank = {name: place for place, name in enumerate(FIRST)}
    order = sorted(keys, key=lambda name: (bool(runs.lacks_images(keys[name])), rank.get(name, len(rank)), name))
    return {name: keys[name] for name in order}


def show(found: Mapping[str, RunKey]) -> None:
    """Let the visitor choose a run and a test image, and show its way through the run's networks."""
    with st.sidebar:
        key = run_pickers.run("Run", found)
    if why := runs.lacks_images(key):
        st.info(why, icon=":material/info:")
        return
    with st.sidebar:
        last = len(runs.images(key).test) - 1
        index = controls.whole_number("Test image", 0, last, default=0, key="index")
        _tell_training(runs.config(key))
    _flow(key, index)


@url_state.fragment
def _flow(key: RunKey, index: int) -> None:
    with elements.sentences():
        visible = network_figure.figure(key, index)
        if presenter.is_on():
            return
        seen = f", {described(visible)} visible" if visible else ""
        elements.explained(
            f"**Ten draws of this image{plain(seen)}**: first the image, then pixel means for $z$ from the recognition "
            "network (above) and from the prior network (below), with the same base noise."
        )
        settings = {"index": index, "count": COUNT, **({"visible": visible} if runs.config(key).any_set else {})}
        caption = f"test image {index}{seen}, z from recognition and prior network"
        alt = f"Test image {index}, and ten reconstructions above ten predictions of it"
        run_pictures.show(key, recipes.both_ways, settings, caption, f"both-ways-{index}", alt)


def _tell_training(config: Config) -> None:
    """Say where the training of a run differs from maximising the ELBO."""
    objective = config.objective
    if objective.gsnn:
        elements.caption("This run was trained without a recognition network: $z$ came from the prior network (GSNN).")
    elif objective.alpha != 1:
        elements.caption(
            f"In the training, the ELBO had the weight {objective.alpha:g}. The rest was $\\log p(x \\mid z, c)$ for $z$ "
            "from the prior network."
        )
    if objective.draws > 1:
        elements.caption(
            f"The training maximised the importance-weighted bound of {objective.draws:d} draws, not the ELBO."
        )
    if objective.beta != 1:
        elements.caption(f"In the training, the rate had the weight β = {objective.beta:g}.")
    if config.pixels == "binarised":
        elements.caption("The pixels are black or white, drawn once for each test image.")
