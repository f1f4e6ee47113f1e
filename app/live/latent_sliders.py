"""Sliders for the latent dimensions in base noise ε; the address and the session keep their values."""

import time
from collections.abc import Sequence

import streamlit as st

from app.display import url_state
from app.display.url_forms import Form, switch
from app.text.plain_text import Markdown
from cvae_core.data import noise
from cvae_core.training.verdicts import DEAD_RATE

NOISE_RANGE = 3.0  # standard deviations on either side: 99.7 % of the prior
NOISE_STEP = 0.05
PATIENCE = 3.0  # seconds for the browser to report that it shows live sliders
_LATE = "live-late"  # in the session: the live sliders did not start in time
_PRESSES = "random-z"  # in the session: how often "Random z" was pressed
FIRST_SLIDERS = 8  # those of the highest rates; an expander holds the others


def latent_sliders(rates: Sequence[float], dimensions: Sequence[int]) -> dict[int, float]:
    """Show a slider of base noise for each latent dimension, labelled with its rate in nats; return their values."""
    places = [on_slider(NOISE_STEP * step - NOISE_RANGE) for step in range(round(2 * NOISE_RANGE / NOISE_STEP) + 1)]
    values = {}
    for dimension in dimensions:  # a slider of numbers would show a hyphen as minus sign
        words, key = slider_words(rates, dimension), url_state.bound(slider_key(dimension), _FORM, 0.0)
        values[dimension] = st.select_slider(words, places, format_func=_two_decimals, key=key)
    return values


def _two_decimals(noise: float) -> Markdown:
    return f"{noise:.2f}".replace("-", "−")


def slider_words(rates: Sequence[float], dimension: int) -> Markdown:
    """Return the label of a latent dimension's slider, with its rate in nats."""
    rate = f"{rates[dimension]:.1f} nats" if rates[dimension] >= DEAD_RATE else "collapsed"
    return f"ε{dimension + 1} · {rate}" if any(rates) else f"ε{dimension + 1}"


def by_rate(rates: Sequence[float]) -> list[int]:
    """Return the dimensions of z, the highest rate first."""
    return sorted(range(len(rates)), key=lambda dimension: -rates[dimension])


def slider_key(dimension: int) -> str:
    """Return the key and address name of a latent dimension's slider."""
    return f"e{dimension + 1}"


def live_wanted() -> bool:
    """Let the visitor switch live sliders on or off; if the browser could not start them, say so and return False."""
    if st.session_state.get(_LATE):
        st.info("The live sliders did not start in this browser. Ordinary sliders replace them.")
        st.button("Try live sliders again", on_click=lambda: st.session_state.pop(_LATE), width="stretch")
        return False
    key = url_state.bound("live", switch(), True)
    return st.toggle("Live", key=key, help="Update the pictures while a slider is dragged")


def watch_for_the_browser(shown: bool) -> None:
    """Switch to ordinary sliders if the browser does not report within a few seconds that it shows live ones.

    The browser counts the seconds from when it has the page, so that the delay of a busy server does not count.
    """
    if shown:
        return
    asked = time.monotonic()

    @st.fragment(run_every=PATIENCE)
    def look() -> None:
        if time.monotonic() - asked >= PATIENCE:
            st.session_state[_LATE] = True
            st.rerun()

    look()


def read_epsilon(dimensions: int) -> tuple[float, ...]:
    """Return the base noise of all latent dimensions, which the address keeps."""
    return tuple(url_state.kept(slider_key(dimension), _FORM, 0.0) for dimension in range(dimensions))


def write_epsilon(values: object, dimensions: int) -> None:
    """Set the base noise; ignore what is not `dimensions` numbers: only a manipulated browser sends it."""
    if (
        isinstance(values, Sequence)
        and len(values) == dimensions
        and None not in (noises := list(map(read_noise, values)))
    ):
        place_sliders([noise or 0.0 for noise in noises])


def read_noise(given: object) -> float | None:
    """Return the slider's nearest value, or None if the input is not a number within its range."""
    try:
        value = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):  # overflow: an integer of hundreds of digits
        return None
    return on_slider(value) if abs(value) <= NOISE_RANGE else None


def on_slider(value: float) -> float:
    """Return the value of a latent slider that is nearest to the given one."""
    return min(max(round(round(value / NOISE_STEP) * NOISE_STEP, 2), -NOISE_RANGE), NOISE_RANGE) + 0.0


def on_sliders(values: Sequence[float]) -> tuple[float, ...]:
    """Return the values of latent sliders that are nearest to the given ones."""
    return tuple(map(on_slider, values))


_FORM = Form(lambda texts: read_noise(texts[-1]), lambda value: [f"{value:g}"])


def latent_buttons(dimensions: int, seed: int) -> None:
    """Show buttons that set all latent sliders: to zero, or to noise drawn from the seed, new noise at every press."""

    def draw() -> None:
        presses = st.session_state[_PRESSES] = st.session_state.get(_PRESSES, -1) + 1
        place_sliders(noise.normal((dimensions,), seed, "sliders", presses).tolist())

    left, right = st.columns(2)
    zeros = [0.0] * dimensions
    left.button("Reset", on_click=place_sliders, args=(zeros,), icon=":material/restart_alt:", width="stretch")
    right.button("Random z", on_click=draw, icon=":material/casino:", width="stretch", help="Drawn from the seed")


def place_sliders(values: Sequence[float]) -> None:
    """Set the latent sliders to the given noise."""
    for dimension, value in enumerate(values):
        st.session_state[slider_key(dimension)] = on_slider(value)
