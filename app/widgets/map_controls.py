"""Controls of a map of the latent space, and the button that computes a missing map."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from app.cached import runs as library
from app.cached.maps import METHODS, drawable, has_three, partner
from app.cached.runs import RunKey
from app.charts.map_chart import MOST_TRACES
from app.display import elements, url_state
from app.display.url_forms import switch
from app.widgets import background_command, controls, labels, run_pickers
from cvae_core.evaluation.latent_space import MIN_POINTS, USUAL, Dimensions, Layout
from cvae_core.runs import run as runs

POINT_SECONDS: Mapping[Dimensions, float] = {2: 0.003, 3: 0.005}  # of t-SNE on two cores, for the progress bar
MAX_PERPLEXITY = 100
NOBODY = "no other run"
_BESIDE, _PARTNER = "beside", "default-beside"  # keys of the second run, and in the session of its last default


def layout(key: RunKey) -> Layout:
    """Let the visitor choose the layout of a run's map; the address keeps the settings."""
    why = library.lacks_images(key)
    if not why and len(library.images(key).test) < MIN_POINTS:
        elements.caption(f"With fewer than {MIN_POINTS} test images, the map is made by PCA.")
        return replace(USUAL, method="pca")
    method = controls.choice("Map", METHODS, "method", USUAL.method)
    solid = has_three(key) and st.toggle("In three dimensions", key=url_state.bound("3d", switch(), False))
    dimensions: Dimensions = 3 if solid else 2
    if why:
        elements.caption(f"Maps with other settings need the images. {why}")
        return replace(USUAL, method=method, dimensions=dimensions)
    with st.expander("Settings of the map", icon=":material/tune:"):
        most = len(library.images(key).test)
        usual = min(USUAL.points, most)
        points = controls.whole_number("Points", MIN_POINTS, most, default=usual, key=f"points-{most}", step=50)
        perplexity = USUAL.perplexity
        if method == "tsne":
            highest = min(MAX_PERPLEXITY, (points - 1) // 3)
            perplexity = controls.whole_number(
                "Perplexity", 2, highest, default=min(USUAL.perplexity, highest), key=f"perplexity-{highest}",
                words="About how many neighbours determine where a point is placed",
            )  # fmt: skip
        if points == usual:
            points = USUAL.points
    return Layout(method=method, points=points, perplexity=perplexity, dimensions=dimensions)


def highlighted(key: RunKey) -> int | None:
    """Let the visitor choose one of many classes, whose points are shown among paler ones; return its label, or None."""
    if len(library.description(key).classes) <= MOST_TRACES:
        return None
    return labels.label_or_none(library.description(key))


def overlay(key: RunKey, layout: Layout) -> int | None:
    """Let the visitor show draws from prior and posteriors instead of the means; return the seed, or None."""
    if not drawable(key):
        return None
    if layout.method == "tsne":
        elements.caption("t-SNE cannot place new points. Choose PCA to see draws from the prior.")
        return None
    wanted = st.toggle(
        "Prior and posteriors",
        key=url_state.bound("prior", switch(), False),
        help="Overlay draws from both, instead of posterior means",
    )
    return controls.seed() if wanted else None


def offer(key: RunKey, chosen: Layout) -> None:
    """Show a button that computes a missing map, then its progress."""
    if library.lacks_images(key):
        return
    due = 5 + (chosen.points * POINT_SECONDS[chosen.dimensions] if chosen.method == "tsne" else 0)
    name = f"{METHODS[chosen.method]} of {library.label(key.name)}"
    flags = [f"--{setting}={value}" for setting, value in vars(chosen).items()]
    background_command.offer(
        f"embed {key.name} {chosen.file}",
        f"Compute it, about {due:.0f} s",
        lambda seconds: (seconds / due, f"{name}: {seconds:.0f} of about {due:.0f} s"),
        "embed", key.name, *flags, "--root", str(runs.default_root()),
    )  # fmt: skip


def beside(key: RunKey, choices: Mapping[str, RunKey], layout: Layout) -> RunKey | None:
    """Let the visitor choose another run, whose map is shown beside the first one in the same layout.

    Until the visitor chooses, it is the run's partner, also after a change of the first run.
    """
    possible = {name: other for name, other in choices.items() if layout.dimensions == 2 or has_three(other)}
    usual = partner(key, possible) or NOBODY
    others = [NOBODY, *(name for name in possible if name != key.name)]
    others.sort(key=lambda name: name != usual)
    if st.session_state.get(_BESIDE) == st.session_state.get(_PARTNER):  # the address does not have it
        st.session_state[_BESIDE] = usual
    st.session_state[_PARTNER] = usual
    return choices.get(run_pickers.run_name("Compare with", others, _BESIDE))
