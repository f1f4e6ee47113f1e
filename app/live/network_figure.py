"""A figure of a model's networks, through which one test image flows. The address keeps its state."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.browser import source
from app.cached import flow, runs
from app.cached.runs import RunKey
from app.display import url_state
from app.display.url_forms import AnyForm, Form, one_of, whole
from app.live import latent_sliders, live_decoder, network_code
from app.live.latent_sliders import read_noise
from cvae_core.config.descriptions import Attribute
from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import BRUSH, NAMES, name_of
from cvae_core.data.masks import PROPER_SETS, flags
from cvae_core.errors import ConfigError

FIGURE = "networks"  # the component's key
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MODES = ("training", "prediction")

_figure = st.components.v2.component(
    "cvae_networks",
    html='<div class="how"></div>',
    css=source("common.css", "how.css"),
    js=source("likelihoods.js", "network.js", "component.js", "how.js"),
)


def figure(key: RunKey, index: int) -> str | None:
    """Show the figure for a test image; return the set of visible quadrants, or None if the condition has no pixels.

    The figure is left out if the browser cannot run the networks: a ladder's values are computed on the server.
    """
    config, given = runs.config(key), flow.given(key, index)
    model, ladder = _described(config), config.hierarchical
    state = _checked({part: url_state.kept(*how) for part, how in _KEPT.items()}, config)
    visible = state["visible"] or given.visible
    shown = None if visible is None else tuple(visible)
    if not ladder and not live_decoder.fits_in_the_browser(config):
        st.info(
            "The networks of this run are too large for the browser, so the figure is left out.", icon=":material/info:"
        )
        return _named(visible)
    _figure(
        key=FIGURE,
        data={
            "run": f"{key.name} {key.weights}",
            "subject": f"{key.name} {index}",
            "network": live_decoder.network_name(key, recognition=True),
            "model": model,
            "shape": config.shape.maps,
            "drawn": runs.description(key).drawn,
            "x": flow.encoded(given.x),
            "label": given.label,
            "attributes": given.attributes,
            "words": {
                "label": f"label {runs.description(key).classes[given.label]}",
                "attributes": ", ".join(map(_value, config.attributes, given.attributes)),
            },
            "visible": given.visible,
            "sets": PROPER_SETS.tolist() if config.any_set else [],
            "noise": [[]] * flow.DRAWS if ladder else flow.draws(key, index).tolist(),
            "units": _units(key),
            "first": config.units if ladder else latent_sliders.FIRST_SLIDERS,
            "range": latent_sliders.NOISE_RANGE,
            "step": latent_sliders.NOISE_STEP,
            "lines": network_code.lines(config),
            "state": state,
            "opened": url_state.opened(),
            "computed": flow.through_ladder(key, index, state["draw"], shown) if ladder else None,
        },
        on_state_change=lambda: write(live_decoder.news(FIGURE, "state"), config),
    )
    if not ladder:
        live_decoder.send(key, recognition=True)
    return _named(visible)


def _named(visible: Sequence[bool] | None) -> str | None:
    """Return the name of a set of visible quadrants, or of the masks of a brush."""
    return None if visible is None else name_of(visible) if len(visible) == len(NAMES) else BRUSH


def _described(config: Config) -> dict[str, Any]:
    """Describe a model's parts for the figure."""
    return {
        "given": config.given,
        "regions": "quadrants" if config.regions == len(NAMES) else "pixels",
        "prior": config.prior_kind,
        "seesCondition": config.decoder_reads_condition,
        "gsnn": config.objective.gsnn,
    }


def _value(attribute: Attribute, value: float | None) -> str:
    """Describe the value of an attribute, for example "slant 3.2"."""
    if value is None:
        return f"{attribute.name} not given"
    return f"{attribute.name} {attribute.categories[int(value)] if attribute.categories else f'{value:.3g}'}"


def _units(key: RunKey) -> list[dict[str, object]]:
    """Return the dimensions of z in descending order of the run's rate, or the groups of a ladder."""
    if runs.config(key).hierarchical:
        return [{"unit": unit, "name": name} for unit, name in enumerate(flow.groups(key))]
    return [
        {"unit": unit, "name": f"z{unit + 1}".translate(SUBSCRIPTS)} for unit in latent_sliders.by_rate(runs.rates(key))
    ]


def _checked(told: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return a state without the values that are invalid: an address, or a manipulated browser, may contain any."""
    draw, moved, visible, mode = (told.get(name) for name in ("draw", "moved", "visible", "mode"))
    sets = PROPER_SETS.tolist() if config.any_set else []
    units = 0 if config.hierarchical else config.latents
    given = moved if isinstance(moved, Mapping) else {}
    noises = {int(unit): read_noise(value) for unit, value in given.items() if str(unit).isdecimal()}
    return {
        "draw": draw if type(draw) is int and 0 <= draw < flow.DRAWS else 0,
        "moved": {str(unit): value for unit, value in sorted(noises.items()) if value is not None and unit < units},
        "visible": visible if visible in sets else None,
        "mode": mode if mode in MODES else MODES[0],
    }  # fmt: skip


def write(told: object, config: Config) -> None:
    """Keep a state of the figure that the browser reports."""
    state = _checked(told if isinstance(told, Mapping) else {}, config)
    st.session_state.update({name: state[part] for part, (name, *_) in _KEPT.items()})


def _read_visible(texts: Sequence[str]) -> list[bool] | None:
    try:
        return flags(texts[-1]).tolist()
    except ConfigError:
        return None


def _read_moved(texts: Sequence[str]) -> dict[str, float] | None:
    """Return the ε of moved sliders by the position of their dimension, from texts such as 3:-1.5 for the third."""
    pairs = [found.groups() for text in texts if (found := re.fullmatch(r"([1-9][0-9]{0,3}):(.+)", text))]
    moved = {str(int(unit) - 1): read_noise(value) for unit, value in pairs}
    return {unit: value for unit, value in moved.items() if value is not None} or None


_KEPT: Mapping[str, tuple[str, AnyForm, Any]] = {  # parts of the state: names in the address, forms and defaults
    "draw": ("noise", whole(0, flow.DRAWS - 1), 0),
    "mode": ("mode", one_of(MODES), MODES[0]),
    "visible": ("visible", Form(_read_visible, lambda visible: [name_of(visible) if visible else ""]), None),
    "moved": (
        "moved",
        Form(_read_moved, lambda moved: [f"{int(unit) + 1}:{value:g}" for unit, value in moved.items()]),
        {},
    ),
}
