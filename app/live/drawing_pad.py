"""A pad to draw an image on, or to hide a part of one; the completions of a model follow the pen."""

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from PIL import Image

from app.browser import source
from app.cached import runs
from app.cached.flow import encoded
from app.cached.runs import RunKey
from app.display import url_state
from app.display.url_forms import Form, packed, unpacked
from app.live import live_decoder
from app.live.attribute_sliders import inputs
from app.text.plain_text import Markdown
from app.widgets import controls, labels
from cvae_core.config.descriptions import BUILT_IN, MNIST, SIDES, Shape
from cvae_core.data import datasets, noise
from cvae_core.data.ink import framed
from cvae_core.data.masks import flags, visible_values
from cvae_core.pictures import recipes
from cvae_core.pictures.recipes import Shown

# The component's keys: the pad, an image whose quadrants can be hidden, and one whose pixels can.
PAD, QUADRANT_BUTTONS, BRUSH_PAD = "pad", "doors", "brush"
LABEL = "drawn"  # key of the drawing's label, which the visitor chooses
_INK = "ink"  # in the session and in the address: the drawing, a byte per value
_GIVEN = "ink-given"  # in the session: how often Python, not the pen, has replaced it
_REOPENED = "reopened"  # in the session: the whole page must rerun
ANSWERS = 10

_pad = st.components.v2.component(
    "cvae_pad",
    html='<div class="drawing"></div>',
    css=source("common.css", "pad.css"),
    js=source("likelihoods.js", "network.js", "component.js", "pad.js"),
)


class Quadrants(NamedTuple):
    """A run's visible part by name, the possible sets of quadrants, and the callback that selects another part by its flags.

    With `brush`, any pixels can be visible. `label` is what the image is completed as: None if the run is not given labels,
    or for a test image's own label. `attributes` are those that the visitor gives, None if the run is not given any.
    """

    key: RunKey
    visible: str
    sets: Sequence[str]
    choose: Callable[[object], None]
    brush: bool = False
    label: int | None = None
    attributes: dict[str, float | str] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Return the settings of recipes that these are: what is visible, the label if one is chosen, and attributes."""
        chosen = {"label": self.label, "attributes": self.attributes}
        return {"visible": self.visible, **{name: value for name, value in chosen.items() if value is not None}}


def pad(
    key: RunKey, quadrants: Quadrants | None = None, seed: int = 0, pixels: Shown = "means", live: bool = False
) -> np.ndarray:
    """Show the pad, with live completions by a run if `live`; return the drawing, (values,) uint8.

    For images that cannot be drawn, say so, and return an empty drawing.
    """
    if not offered(key):
        st.caption("The images of this run are not grey drawings, so the drawing pad does not apply to them.")
        return ink(runs.config(key).shape)

    def reopened() -> None:
        if quadrants is not None:
            quadrants.choose(live_decoder.news(PAD, "visible"))
            st.session_state[_REOPENED] = True

    shape = runs.config(key).shape
    _pad(
        key=PAD,
        data={
            **_sheet(key, ink(shape), st.session_state.get(_GIVEN, 0) + url_state.opened(), quadrants),
            **_answers(key, seed, pixels, live, quadrants),
        },
        on_ink_change=lambda: take(live_decoder.news(PAD, "ink"), shape),
        on_visible_change=reopened,
    )
    if st.session_state.pop(_REOPENED, False):
        st.rerun()
    _tools(key)
    return ink(shape)


def offered(key: RunKey) -> bool:
    """Return whether images of a run can be drawn: they are grey drawings."""
    data = runs.description(key)
    return data.drawn


def quadrant_buttons(image: np.ndarray, number: int, quadrants: Quadrants, name: str = "") -> None:
    """Show an image (values,) uint8, by default the test image with this number; a click shows or hides a quadrant."""
    _pad(
        key=QUADRANT_BUTTONS,
        data={
            **_sheet(quadrants.key, image, number, quadrants),
            "fixed": f"{name or f'Test image {number}'}, whose quadrants can be shown and hidden",
        },
        on_ink_change=lambda: None,
        on_visible_change=lambda: quadrants.choose(live_decoder.news(QUADRANT_BUTTONS, "visible")),
    )


def brush(
    image: np.ndarray, number: int, quadrants: Quadrants, label: int, seed: int, pixels: Shown, name: str = ""
) -> None:
    """Show an image as `quadrant_buttons` does, with a brush that hides and shows pixels, and with live completions.

    `label` is that of the completions, if the run is given labels.
    """
    _pad(
        key=BRUSH_PAD,
        data={
            **_sheet(quadrants.key, image, number, quadrants),
            **_answers(quadrants.key, seed, pixels, True, quadrants._replace(label=label)),
            "fixed": f"{name or f'Test image {number}'}: hide and show pixels with the pointer, or with the arrow keys and "
            "the space bar",
        },
        on_ink_change=lambda: None,
        on_visible_change=lambda: quadrants.choose(live_decoder.news(BRUSH_PAD, "visible")),
    )


def _answers(key: RunKey, seed: int, pixels: Shown, live: bool, quadrants: Quadrants | None) -> dict[str, object]:
    """Return the data of completions in the browser, as a label and as each label if the run is given labels.

    Without `live`, or if the browser cannot run the networks, there are none.
    """
    config, classes = runs.config(key), runs.description(key).classes
    label, attributes = (quadrants.label, quadrants.attributes) if quadrants else (None, None)
    if not (live and live_decoder.fits_in_the_browser(config)):
        return {
            "network": None,
            "epsilons": [],
            "uniform": None,
            "names": [],
            "label": None,
            "attributes": [],
            "each": [],
        }
    live_decoder.send(key)
    epsilons = [[0.0] * config.latents, *noise.normal((ANSWERS, config.latents), seed, "completions").tolist()]
    labelled = label is not None and "label" in config.given
    shown = live_decoder.shown_labels(config.classes, label or 0) if labelled else []
    return {
        "network": live_decoder.network_name(key),
        "epsilons": epsilons,
        "uniform": encoded(recipes.thresholds(config.shape, len(epsilons) + 1, seed)) if pixels == "ink" else None,
        "names": ["NN", "best guess", *(f"sample {n + 1}" for n in range(ANSWERS))],
        "label": label if labelled else None,
        "attributes": inputs(config, attributes or {}),
        "each": [(each, f"as {classes[each]}") for each in shown],
    }


def ink(shape: Shape) -> np.ndarray:
    """Return what the visitor has drawn, (values,) uint8, scaled to the side of the images; empty for colour images."""
    drawn = url_state.kept(_INK, _DRAWING, np.zeros(MNIST.values, np.uint8))
    side = math.isqrt(len(drawn))
    if shape.channels > 1 or not drawn.any():
        return np.zeros(shape.values, np.uint8)
    if side == shape.side:
        return drawn
    picture = Image.fromarray(drawn.reshape(side, side))
    return np.asarray(picture.resize((shape.side, shape.side), Image.Resampling.BILINEAR)).flatten()


def _read(texts: Sequence[str]) -> np.ndarray | None:
    """Return the drawing in an address, (side²,) uint8 with any side of a data set, or None if it is invalid."""
    found = (unpacked(texts[-1], Shape(1, side).values) for side in SIDES)
    return next((np.frombuffer(raw, np.uint8) for raw in found if raw is not None), None)


_DRAWING = Form(_read, lambda drawn: [packed(drawn.tobytes())])


def label(key: RunKey, default: int = 0) -> int:
    """Let the visitor choose the label of the drawing."""
    classes = runs.description(key).classes
    bound = url_state.bound(LABEL, labels.form(runs.description(key)), default)
    chosen = st.selectbox("Its label", range(len(classes)), format_func=classes.__getitem__, key=bound)
    return controls.or_default(chosen, default)


def chosen_label(key: RunKey) -> int:
    """Return the label of the drawing, also where its control is hidden."""
    return url_state.kept(LABEL, labels.form(runs.description(key)), 0)


def source_of_images(key: RunKey) -> str:
    """Return the name of the data set whose test images can be drawn on or encoded with a run.

    This is the run's data set, or the embedded one if the run's is not on this machine and has the same shape and classes.
    """
    own, embedded = runs.description(key), BUILT_IN[datasets.EMBEDDED]
    alike = (own.shape, own.classes) == (embedded.shape, embedded.classes)
    return own.name if datasets.on_disk(own.name) or not alike else embedded.name


def lacks_test_images(key: RunKey) -> Markdown:
    """Return why no test image can be drawn on or encoded with a run, or an empty text if one can."""
    return runs.other_images(key) if datasets.on_disk(source_of_images(key)) else runs.lacks_images(key)


def take(text: object, shape: Shape) -> None:
    """Store a drawing from the pad; ignore what is not a byte per value in Base64: only a manipulated browser sends it."""
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:  # characters that are not ASCII or not Base64
        return
    if len(raw) == shape.values:
        st.session_state[_INK] = np.frombuffer(raw, np.uint8)


def _sheet(key: RunKey, image: np.ndarray, given: int, quadrants: Quadrants | None) -> dict[str, object]:
    """Return the data of the component: an image of a run, its visible part and the possible sets of quadrants."""
    shown = None if quadrants is None else flags(quadrants.visible)
    if quadrants is not None and quadrants.brush:
        shown = visible_values(flags(quadrants.visible), Shape(1, runs.config(key).side))
    return {
        "shape": runs.config(key).shape.maps,
        "drawn": runs.description(key).drawn,
        "ink": encoded(image),
        "given": given,
        "visible": None if shown is None else shown.tolist(),
        "brush": bool(quadrants and quadrants.brush),
        "sets": [flags(each).tolist() for each in quadrants.sets] if quadrants else [],
    }


def _tools(key: RunKey) -> None:
    """Show buttons to centre the drawing as in MNIST, and to replace it by a test image."""
    shape = runs.config(key).shape
    left, middle, right = st.columns(3, vertical_alignment="bottom")

    def give(drawing: np.ndarray) -> None:
        st.session_state[_INK] = drawing
        st.session_state[_GIVEN] = st.session_state.get(_GIVEN, 0) + 1

    left.button(
        "Centre",
        on_click=lambda: give(framed(ink(shape).reshape(shape.side, shape.side)).flatten()),
        icon=":material/center_focus_strong:",
        disabled=not ink(shape).any(),
        width="stretch",
        help="Scale and move as in MNIST: longer side 5/7 of the image's, centre of mass in the middle",
    )
    if why := lacks_test_images(key):
        middle.caption(why)
        return
    images = runs.dataset(source_of_images(key)).test
    with middle:
        index = controls.whole_number("Test image", 0, len(images) - 1, default=0, key="index")

    def start() -> None:
        give(images.images[index].numpy())
        st.session_state[LABEL] = int(images.labels[index])

    right.button("Start from it", on_click=start, icon=":material/draw:", width="stretch")
