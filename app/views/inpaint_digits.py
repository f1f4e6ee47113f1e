"""Completions of test digits or of a drawing: what they are read as, walks through z with them, and the run's figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.cached import figures, runs
from app.cached.figures import Figure, Walk
from app.cached.runs import RunKey
from app.display import elements, plotly_charts
from app.display.plain_text import Markdown, code, plain
from app.views import code_snippets
from app.widgets import controls, drawing_pad, quadrant_controls
from cvae_core.config import quadrant_names
from cvae_core.config.flavours import is_ladder
from cvae_core.data import datasets
from cvae_core.data.fingerprints import named_here
from cvae_core.evaluation.results import stored_cells
from cvae_core.pictures import recipes
from cvae_core.pictures.recipes import Pixels, Sheet
from cvae_core.runs.run import default_root, find

WORTH_SAYING = 0.05  # of the completions
WALKS, WALK_STEPS, FRAME_SCALE = 3, 12, 6
SPREAD = f"Spread: twice the pixels' standard deviation over {recipes.MANY} samples."
ROOMY = 10  # digits side by side that a laptop shows pixel by pixel, three wide


@st.fragment
def drawing_completed(key: RunKey, opened: drawing_pad.Quadrants, shown_as: Pixels, seed: int) -> None:
    """Let the visitor draw, and complete the drawing."""
    visible = opened.visible
    with elements.sentences():
        st.markdown(
            f"Draw: the model sees the {plain(quadrant_names.described(visible))} of your drawing, tinted, and completes the "
            "rest. The buttons in its corners show and hide quadrants."
        )
        live = not is_ladder(runs.config(key))
        drawn = drawing_pad.pad(key, opened, seed, shown_as, live)
        if not drawn.any():
            return
        settings = {
            "ink": drawn.tobytes(),
            "visible": visible,
            "count": drawing_pad.ANSWERS,
            "seed": seed,
            "pixels": shown_as,
        }
        figure = Figure(
            key,
            recipes.drawing,
            settings,
            f"{key.name}: a drawing of which the {quadrant_names.described(visible)} is visible, seed {seed}. {SPREAD}",
            columns=("drawing", "NN", "best", *(str(n + 1) for n in range(drawing_pad.ANSWERS)), "spread"),
        )
        alt = "Your drawing, its completions and where they disagree"
        elements.picture(figure, f"{key.name}-drawing", alt)
        with elements.sentences():
            drawing_read(key, drawn.tobytes(), visible, seed)
        given = {"ink": drawn.tobytes(), "visible": visible, "seed": seed}
        walk("Walk through z with it", lambda: walks(key, recipes.drawing_walks, "a drawing", given))


def drawing_read(key: RunKey, ink: bytes, visible: str, seed: int) -> None:
    """Show which digits the completions of a drawing read as."""
    shares = figures.readings(key, ink, visible, seed)
    if shares is None:
        return
    elements.chart(
        plotly_charts.reading(shares[0]),
        code_snippets.readings(key, runs.config(key).dataset, ink, visible, seed),
        "reading",
        "As which digits the completions of your drawing read",
    )
    likeliest = [digit for digit in shares[0].argsort()[::-1] if shares[0][digit] >= WORTH_SAYING]
    said = ", ".join([f"**{digit:d}** {shares[0][digit]:.0%}" for digit in likeliest])
    st.caption(f"A classifier, which has seen real digits only, reads {recipes.MANY} completions of it as {said}.")


def digits_completed(
    key: RunKey, opened: drawing_pad.Quadrants, shown_as: Pixels, seed: int, place: DeltaGenerator
) -> None:
    """Complete test digits; at a place of the sidebar the first of them has its quadrants opened and closed."""
    dataset, visible = runs.config(key).dataset, opened.visible
    test = runs.images(key).test
    with st.sidebar:
        count = controls.samples_count()
        indices = controls.test_digits(test, seed)
    with place:
        st.caption("Click a quadrant to show or hide it:")
        drawing_pad.doors(test.images[indices[0]].numpy(), indices[0], opened)
    if not datasets.on_disk("mnist"):
        st.caption("These are the embedded digits: MNIST is not on this machine. Home offers its download.")
    settings = {"indices": indices, "visible": visible, "count": count, "seed": seed, "pixels": shown_as}
    figure = Figure(
        key,
        recipes.completions,
        settings,
        f"{key.name}: {quadrant_names.described(visible)} visible, {named_here(dataset)} test digits "
        f"{', '.join(map(str, indices))}, seed {seed}. Tinted: given; grey: hidden. {SPREAD}",
        rows=("input", "truth", "NN", "best guess", *(f"sample {n + 1}" for n in range(count)), "spread"),
    )
    elements.picture(
        figure,
        f"{key.name}-seed{seed}",
        f"Test digits of which the {quadrant_names.described(visible)} is visible, completed by the network and the CVAE",
        scale=3 if len(indices) <= ROOMY else 2,
    )
    with elements.sentences():
        readings(key, indices, visible, seed)
    walk("Walk through z with one of them", lambda: walks_of_one(key, indices, visible, seed))


def quadrants_to_open(families: quadrant_controls.Families, dataset: str, visible: str) -> drawing_pad.Quadrants:
    """Return which quadrants are visible, and how others become so."""
    return drawing_pad.Quadrants(
        visible,
        quadrant_controls.quadrant_sets(families, dataset),
        lambda given: quadrant_controls.open_quadrants(given, families, dataset),
    )


def readings(key: RunKey, indices: Sequence[int], visible: str, seed: int) -> None:
    """Show which digits the completions read as."""
    shares = figures.readings(key, indices, visible, seed)
    if shares is None:
        return
    labels = runs.images(key).test.labels
    names = [f"{position + 1}<br>a {int(labels[index])}" for position, index in enumerate(indices)]
    elements.chart(
        plotly_charts.readings(shares, names),
        code_snippets.readings(key, runs.config(key).dataset, indices, visible, seed, names),
        "readings",
        "As which digits the completions of each column read",
    )
    changed = sum(int(share.argmax()) != int(labels[index]) for share, index in zip(shares, indices, strict=True))
    st.caption(
        f"As which digits a classifier, which has seen real ones only, reads {recipes.MANY} completions of each "
        f"column. {changed:,} of {len(indices)} read most often as another digit: what is visible left that open."
    )


def walk(title: Markdown, choose: Callable[[], Figure]) -> None:
    """Offer walks through z, which are chosen once they are asked for."""
    with st.expander(title, key="completion-walk", bind="query-params", icon=":material/route:") as box:
        if not box.open:
            return
        figure = choose()
        name = f"{figure.key.name}-walk-{figure.settings.get('index', 'drawing')}-seed{figure.settings['seed']}"
        elements.picture(figure, name, "Completions of one digit on walks through z")
        elements.gif_button(Walk(figure, first=1), f"{name}-frames", scale=FRAME_SCALE)


def walks_of_one(key: RunKey, indices: Sequence[int], visible: str, seed: int) -> Figure:
    """Choose one of the test digits; return walks with it."""
    columns = [str(position + 1) for position in range(len(indices))]
    chosen = st.segmented_control(
        "Column", columns, default=columns[0], required=True, key="column", bind="query-params"
    )
    index = indices[int(controls.or_default(chosen, columns[0])) - 1]
    return walks(
        key, recipes.completion_walks, f"test digit {index}", {"index": index, "visible": visible, "seed": seed}
    )


def walks(key: RunKey, recipe: Callable[..., Sheet], words: str, settings: Mapping[str, Any]) -> Figure:
    """Return walks from one random z to another."""
    caption = (
        f"{key.name}: {words}, {quadrant_names.described(settings['visible'])} visible, {WALKS} walks from one random z "
        f"to another along the sphere in {WALK_STEPS} frames, seed {settings['seed']}"
    )
    return Figure(key, recipe, {**settings, "rows": WALKS, "steps": WALK_STEPS}, caption)


def quality(key: RunKey, visible: str) -> None:
    """Say how good the run is over all where the same quadrants are visible, unless this machine has other images."""
    if runs.other_images(key):
        return
    cells = {
        c.estimator: c
        for c in stored_cells(find(key.name, default_root()))
        if (c.split, c.samples, c.visible) == ("test", 100, visible)
    }
    if "importance" in cells:
        best, bound = cells["importance"], cells["elbo"]
        st.caption(
            f"How good {code(key.name)} is over all, {plain(quadrant_names.described(visible))} visible: −log p(hidden | "
            f"visible) = {best.mean:.1f} ± {best.standard_error:.1f} nats per image by importance sampling (S = "
            f"{best.samples:,}, N = {best.images:,}), −ELBO {bound.mean:.1f}."
        )
