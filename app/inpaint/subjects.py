"""Completions of test images or of a drawing: a classifier's readings, walks through z, and the run's scores."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.cached import figures, runs
from app.cached.figures import Figure
from app.cached.runs import RunKey
from app.charts import plotly_charts
from app.display import elements, presenter, url_state
from app.display.url_forms import whole
from app.inpaint import as_labels
from app.live import attribute_sliders, drawing_pad, live_decoder, picture_upload, quadrant_controls
from app.live.drawing_pad import ANSWERS, Quadrants
from app.text import findings, labels
from app.text.plain_text import Markdown, plain
from app.views import code_snippets
from app.widgets import controls, run_pictures
from cvae_core.config.quadrant_names import described
from cvae_core.data import datasets
from cvae_core.data.fingerprints import named_here
from cvae_core.evaluation.results import stored_cells
from cvae_core.pictures import recipes
from cvae_core.pictures.recipes import Sheet, Shown

IMAGES, DRAWING, PICTURE = "Test images", "My drawing", "My picture"  # what can be completed
AT_ONCE = 4  # samples that the server completes while a mask is painted
WORTH_SAYING = 0.05  # of the completions
WALKS, WALK_STEPS = 3, 12
SPREAD = f"Spread: twice the pixels' standard deviation over {recipes.MANY} samples."
ROOMY = 10  # images that fit side by side on a laptop at scale 3
PREVIEWED, PREVIEW_SAMPLES, PREVIEW_SEED = (2, 4, 17, 61, 15, 8), 6, 7


def preview() -> None:
    """Show some test images completed by the first run, and link to the page."""
    families = quadrant_controls.quadrant_families()
    if not families:
        st.info("No quadrant run is trained yet: `python -m cvae_core train quadrant`")
        return
    dataset, completers = next(iter(families.items()))
    visible, (key, *_) = min(completers.items())
    elements.explained(
        f"The model sees the {plain(described(visible))} only. The baseline (NN) predicts one mean completion; "
        f"each sample of {runs.named(key.name)} is one possible completion."
    )
    indices = [index for index in PREVIEWED if index < runs.description(key).test] or [0]
    settings = {"indices": indices, "visible": visible, "count": PREVIEW_SAMPLES, "seed": PREVIEW_SEED}
    caption = f"{named_here(dataset)} test images {', '.join(map(str, indices))}, seed {PREVIEW_SEED}"
    rows = {"input": 0, "truth": 1, "NN": 2} | {f"CVAE, {n}": 3 + n for n in range(1, PREVIEW_SAMPLES + 1)}
    run_pictures.show(
        key, recipes.completions, settings, caption, "completed",
        "Quarters of images, completed by the baseline and the CVAE", rows=tuple(rows), only=tuple(rows.values()),
    )  # fmt: skip
    elements.link("inpaint", "Complete images")


def tell_missing() -> None:
    """Say how to train a quadrant run, and which images the runs of this machine need."""
    st.info(
        "No quadrant run fits the images on this machine. Train one with: "
        "`python -m cvae_core train quadrant --dataset digits`",
        icon=":material/info:",
    )
    lacking = {runs.config(key).dataset: key for key in runs.run_keys(has_baseline=True).values()}
    for key in lacking.values():
        elements.caption(f"{runs.named(key.name)}: {runs.lacks_images(key)}")


@url_state.fragment
def drawing_completed(key: RunKey, opened: Quadrants, shown_as: Shown, seed: int) -> None:
    """Let the visitor draw an image, and show completions of the drawing."""
    words = described(opened.visible)
    how = (
        "*Hide* and *Show* change its pixels" if opened.brush else "The buttons in the corners show and hide quadrants"
    )
    with elements.sentences():
        elements.explained(
            f"Draw an image. The model sees the {plain(words)} of your drawing (tinted) and completes the rest. {how}."
        )
        drawn = drawing_pad.pad(key, opened, seed, shown_as, live=not runs.config(key).hierarchical)
        if presenter.is_on() or not drawn.any():
            return
        ink = drawn.tobytes()
        _at_once(ink, opened, opened.label or 0, shown_as, seed)
        _sheet(key, opened, ink, "drawing", shown_as, seed)
        with elements.sentences():
            drawing_read(key, ink, opened, seed)
        _more(key, opened, ink, "drawing", shown_as, seed)


def subjects(key: RunKey) -> Sequence[str]:
    """Return what a run can complete: test images, a picture of the visitor's, and a drawing if its images are drawings."""
    return IMAGES, *((DRAWING,) if drawing_pad.offered(key) else ()), PICTURE


def completed(subject: str, key: RunKey, opened: Quadrants, shown_as: Shown, seed: int, place: DeltaGenerator) -> None:
    """Show completions of one of the `subjects`; `place`, in the sidebar, gets a control of the quadrants of an image."""
    if subject == DRAWING:
        drawing_completed(key, opened, shown_as, seed)
    elif subject == PICTURE:
        picture_completed(key, opened, shown_as, seed, place)
    else:
        images_completed(key, opened, shown_as, seed, place)


def picture_completed(key: RunKey, opened: Quadrants, shown_as: Shown, seed: int, place: DeltaGenerator) -> None:
    """Let the visitor upload a picture, and show completions; `place`, in the sidebar, gets a control of its quadrants."""
    words, values = described(opened.visible), picture_upload.uploaded(key)
    if values is None:
        elements.caption(f"Upload a picture. The model sees its {plain(words)} and completes the rest.")
        return
    content = values.tobytes()
    _visible_part(values, zlib.crc32(content), opened, opened.label or 0, shown_as, seed, place, "Your picture")
    _sheet(key, opened, content, "picture", shown_as, seed)
    if not presenter.is_on():
        _more(key, opened, content, "picture", shown_as, seed)


def _sheet(key: RunKey, opened: Quadrants, ink: bytes, word: str, shown_as: Shown, seed: int) -> None:
    """Show completions of a drawing or a picture, which `word` says."""
    run_pictures.show(
        key,
        recipes.drawing,
        {"ink": ink, **opened.given, "count": ANSWERS, "seed": seed, "pixels": shown_as},
        f"a {word} with the {described(opened.visible)} visible{_as_label(opened)}, seed {seed}. {SPREAD}",
        word,
        f"Your {word}, its completions and their spread",
        columns=(word, "NN", "best", *(str(n + 1) for n in range(ANSWERS)), "spread"),
    )


def _more(key: RunKey, opened: Quadrants, ink: bytes, word: str, shown_as: Shown, seed: int) -> None:
    """Show a drawing or a picture as each label, and offer a walk through z."""
    as_labels.of_drawing(opened, ink, word, shown_as, seed)
    given = {"ink": ink, **opened.given, "seed": seed}
    walk(f"Walk through z with this {plain(word)}", lambda: walks(key, recipes.drawing_walks, f"a {word}", given))


def _visible_part(
    image: np.ndarray,
    number: int,
    opened: Quadrants,
    label: int,
    shown_as: Shown,
    seed: int,
    place: DeltaGenerator,
    name: str = "",
) -> None:
    """Show an image with a brush and its completions as a label, or in `place` with buttons for its quadrants."""
    if opened.brush:
        drawing_pad.brush(image, number, opened, label, seed, shown_as, name)
        _at_once(image.tobytes(), opened, label, shown_as, seed)
        return
    with place:
        elements.caption("Click a quadrant to show or hide it:")
        drawing_pad.quadrant_buttons(image, number, opened, name)


def _at_once(ink: bytes, opened: Quadrants, label: int, shown_as: Shown, seed: int) -> None:
    """Show a few completions under a painted mask before the rest of the page, if the browser cannot compute them."""
    if not opened.brush or live_decoder.fits_in_the_browser(runs.config(opened.key)):
        return
    settings = {
        "ink": ink,
        **opened._replace(label=label).given,
        "count": AT_ONCE,
        "seed": seed,
        "pixels": shown_as,
    }
    names = ("NN", "best guess", *(f"sample {n + 1}" for n in range(AT_ONCE)))
    made = Figure(opened.key, recipes.drawing_at_once, settings, "", columns=names)
    elements.thumbnail(made.draw(3), "Completions under the painted mask")


def _as_label(opened: Quadrants) -> str:
    """Return the words of a caption that tell the label and the attributes that images are completed with, if any."""
    label = "" if opened.label is None else f", completed as {runs.description(opened.key).classes[opened.label]}"
    return f"{label}, {attribute_sliders.described(opened.attributes)}" if opened.attributes else label


def drawing_read(key: RunKey, ink: bytes, opened: Quadrants, seed: int) -> None:
    """Show which classes a classifier reads in the completions of a drawing."""
    found = figures.readings(key, ink, opened.given, seed)
    if found is None:
        return
    (shares,), data = found, runs.description(key)
    lines = code_snippets.readings(key, ink, opened.given, seed)
    alt = "The classes that a classifier reads in the completions of your drawing"
    elements.chart(plotly_charts.reading(shares, data.classes), lines, "reading", alt)
    read = findings.reading(shares, data.classes, WORTH_SAYING)
    elements.caption(f"A classifier trained on real images only reads {recipes.MANY} completions of it as {read}.")


def images_completed(key: RunKey, opened: Quadrants, shown_as: Shown, seed: int, place: DeltaGenerator) -> None:
    """Show completions of test images; `place`, in the sidebar, gets a control of the quadrants on the first image."""
    words, test = described(opened.visible), runs.images(key).test
    with st.sidebar:
        count = int(st.slider("Samples per image", 1, 10, key=url_state.bound("samples", whole(1, 10), 5)))
        indices = controls.test_images(test, seed)
    first = indices[0]
    label = int(test.labels[first]) if opened.label is None else opened.label
    _visible_part(test.images[first].numpy(), first, opened, label, shown_as, seed, place)
    about = runs.description(key)
    drawn = about.drawn
    marked = "Tinted: given; grey: hidden" if drawn else "Blue edge: given; chequered: hidden"
    if runs.config(key).dataset == datasets.EMBEDDED and not datasets.on_disk("mnist"):
        elements.caption("MNIST is not on this machine, so these are the embedded digits. Download it on *Home*.")
    run_pictures.show(
        key,
        recipes.completions,
        {"indices": indices, **opened.given, "count": count, "seed": seed, "pixels": shown_as},
        f"{words} visible{_as_label(opened)}, {named_here(runs.config(key).dataset)} test images "
        f"{', '.join(map(str, indices))}, seed {seed}. {marked}. {SPREAD}",
        f"seed{seed}",
        f"Test images with the {words} visible, completed by the baseline and the CVAE",
        scale=3 if len(indices) <= ROOMY else 2,
        rows=("input", "truth", "NN", "best guess", *(f"sample {n + 1}" for n in range(count)), "spread"),
    )
    if presenter.is_on():
        return
    with elements.sentences():
        images_read(key, indices, opened, seed)
    as_labels.of_images(opened, indices, shown_as, seed)
    walk("Walk through z with one of these images", lambda: walks_of_one(key, indices, opened, seed))


def images_read(key: RunKey, indices: Sequence[int], opened: Quadrants, seed: int) -> None:
    """Show which classes a classifier reads in the completions of test images."""
    shares = figures.readings(key, indices, opened.given, seed)
    if shares is None:
        return
    data, true = runs.description(key), runs.images(key).test.labels[list(indices)].tolist()
    names = [f"{position}<br>{labels.short(labels.one(data, label))}" for position, label in enumerate(true, 1)]
    lines = code_snippets.readings(key, indices, opened.given, seed, names)
    alt = "The classes that a classifier reads in the completions of each column"
    elements.chart(plotly_charts.readings(shares, names, data.classes), lines, "readings", alt)
    elements.caption(
        f"Readings of {recipes.MANY} completions per column by a classifier trained on real images only. "
        f"{findings.readings(shares, true)}"
    )


def walk(title: Markdown, show: Callable[[], None]) -> None:
    """Offer walks through z in an expander."""
    elements.folded(title, show, "completion-walk", ":material/route:")


def walks_of_one(key: RunKey, indices: Sequence[int], opened: Quadrants, seed: int) -> None:
    """Let the visitor choose one of the test images, and show walks with it."""
    columns = [str(position + 1) for position in range(len(indices))]
    index = indices[int(controls.choice("Column", columns, "column")) - 1]
    settings = {"index": index, **opened.given, "seed": seed}
    walks(key, recipes.completion_walks, f"test image {index}", settings)


def walks(key: RunKey, recipe: Callable[..., Sheet], words: str, settings: Mapping[str, Any]) -> None:
    """Show completions along interpolations between random z."""
    caption = (
        f"{words}, {described(settings['visible'])} visible, {WALKS} walks from one random z "
        f"to another along the sphere in {WALK_STEPS} frames, seed {settings['seed']}"
    )
    name, alt = (
        f"walk-{settings.get('index', 'drawing')}-seed{settings['seed']}",
        "Completions of one image along walks through z",
    )
    figure = run_pictures.show(key, recipe, {**settings, "rows": WALKS, "steps": WALK_STEPS}, caption, name, alt)
    run_pictures.animation(figure, name, first=1)


def quality(key: RunKey, visible: str) -> None:
    """Show the run's test scores for the visible quadrants, unless this machine has other images."""
    if runs.other_images(key):
        return
    cells = {
        c.estimator: c
        for c in stored_cells(runs.run_named(key.name))
        if (c.split, c.samples, c.visible) == ("test", 100, visible)
    }
    if "importance" in cells:
        best, bound = cells["importance"], cells["elbo"]
        elements.caption(
            f"Test score of {runs.named(key.name)}, {plain(described(visible))} visible: −log p(hidden | "
            f"visible) = {best.mean:.1f} ± {best.standard_error:.1f} nats per image by importance sampling (S = "
            f"{best.samples:,}, N = {best.images:,}), −ELBO {bound.mean:.1f}."
        )
