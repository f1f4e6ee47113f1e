"""A slider over the epochs of trainings, a button that plays them, and a cursor on the curves."""

import math
from collections.abc import Sequence

import streamlit as st

from app.browser import source
from app.display import url_state
from app.display.url_forms import Form, number
from app.text.plain_text import plain

_EPOCH = "epoch"  # the slider's key and its name in the address
_PLAYER = "player"  # the button's key
_BUTTON_WIDTH = 96

_player = st.components.v2.component(
    "cvae_player",
    html="<button disabled>Play</button>",
    css=source("common.css"),
    js=source("component.js", "player.js"),
)


def slider(epochs: Sequence[float]) -> int:
    """Let the visitor choose one of some epochs; return its position. An invalid address selects the last one."""
    labels = _labels(epochs)
    key = url_state.bound(_EPOCH, Form(lambda texts: _nearest(texts[-1], epochs), lambda label: [label]), labels[-1])
    return labels.index(st.select_slider("After how many epochs", labels, format_func=plain, key=key))


def button(epochs: Sequence[float], position: int, *, of: str, chart: str) -> None:
    """Show a button that plays the epochs from a position on; the address keeps the epoch at which it stops.

    A vertical line marks the epoch on the Plotly chart whose key is `chart`.

    Call this after showing the pictures: the button takes its next step as soon as it receives the shown position.
    """
    key, labels = f"{_PLAYER}-{of}", _labels(epochs)

    def step() -> None:
        if (reached := stepped_to(st.session_state[key].at, len(epochs))) is not None:
            st.session_state[_EPOCH] = labels[reached]

    at = _player(
        key=key,
        data={"moment": position, "epoch": epochs[position], "last": len(epochs) - 1, "chart": chart, "slider": _EPOCH},
        on_at_change=step,
        width=_BUTTON_WIDTH,
    ).at
    if isinstance(at, dict) and at.get("resting") is False:
        url_state.postpone()


def stepped_to(at: object, count: int) -> int | None:
    """Return the position that the button reports; None if the visitor moved the slider or the report is invalid."""
    match at:
        case {"moment": int(moment)} if 0 <= moment < count:
            return moment
    return None


def _labels(epochs: Sequence[float]) -> list[str]:
    return [f"{epoch:.4g}" for epoch in epochs]


def _nearest(text: str, epochs: Sequence[float]) -> str | None:
    """Return the label of the epoch nearest to a given one, or None if that is not a finite number."""
    wanted = number(-math.inf, math.inf).read([text])
    return None if wanted is None else _labels([min(epochs, key=lambda epoch: abs(epoch - wanted))])[0]
