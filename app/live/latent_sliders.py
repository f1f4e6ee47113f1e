"""Sliders for the latent dimensions in base noise ε; the address and the session keep their values."""

import time
from collections.abc import Sequence

import streamlit as st

from app.display.plain_text import Markdown, plain
from cvae_core.data import noise
from cvae_core.training.verdicts import DEAD_RATE

NOISE_RANGE = 3.0  # standard deviations on either side: 99.7 % of the prior
NOISE_STEP = 0.05
PATIENCE = 3.0  # seconds for the browser to report that it shows live sliders
_HELD = "epsilon"  # in the session: the base noise of all sliders, because the address loses it on another page
_LATE = "live-late"  # in the session: the live sliders did not start in time
_PRESSES = "random-z"  # in the session: how often "Random z" was pressed
FIRST_SLIDERS = 8  # those of the highest rates; an expander holds the others


def latent_sliders(rates: Sequence[float], dimensions: Sequence[int], epsilon: Sequence[float]) -> dict[int, float]:
    """Show a slider of base noise for each latent dimension, labelled with its rate in nats; return their values.

    They start at `epsilon`. They are not bound to the address: `write_epsilon` updates it for both kinds of sliders.
    """
    for dimension in dimensions:
        st.session_state.setdefault(slider_key(dimension), epsilon[dimension])
    places = [on_slider(NOISE_STEP * step - NOISE_RANGE) for step in range(round(2 * NOISE_RANGE / NOISE_STEP) + 1)]
    return {
        dimension: st.select_slider(  # a slider of numbers would show a hyphen as minus sign
            slider_words(rates, dimension), places, format_func=_two_decimals, key=slider_key(dimension)
        )
        for dimension in dimensions
    }


def _two_decimals(noise: float) -> Markdown:
    return f"{noise:.2f}".replace("-", "−")


def slider_words(rates: Sequence[float], dimension: int) -> Markdown:
    """Return the label of a latent dimension's slider, with its rate in nats."""
    rate = f"{rates[dimension]:.1f} nats" if rates[dimension] >= DEAD_RATE else "dead"
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
    return st.toggle(
        "Live", value=True, key="live", bind="query-params", help="Update the pictures while a slider is dragged"
    )


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
    """Return the base noise in the address; show a warning about invalid values.

    If the address has none, restore the values of the session.
    """
    names = [slider_key(dimension) for dimension in range(dimensions)]
    given = {name: _noise(st.query_params[name]) for name in names if name in st.query_params}
    if not given:
        given = {name: value for name, value in st.session_state.get(_HELD, {}).items() if name in names}
        st.query_params.update({name: f"{value:g}" for name, value in given.items() if value})
    st.session_state[_HELD] = {name: value or 0.0 for name, value in given.items()}
    if nonsense := [name for name, value in given.items() if value is None]:
        limits = f"−{NOISE_RANGE:g} to {NOISE_RANGE:g}"
        st.warning(f"Ignored in the address, not a number from {limits}: {', '.join(map(plain, nonsense))}")
    return tuple(given.get(name) or 0.0 for name in names)


def write_epsilon(values: object, dimensions: int) -> None:
    """Write base noise to the address; ignore what is not `dimensions` numbers: only a manipulated browser sends it."""
    if not isinstance(values, Sequence) or len(values) != dimensions:
        return
    noises = {slider_key(dimension): _noise(value) for dimension, value in enumerate(values)}
    if None in noises.values():
        return
    st.session_state[_HELD] = noises
    st.query_params.update({name: f"{value:g}" for name, value in noises.items() if value})
    for name in [name for name, value in noises.items() if not value and name in st.query_params]:
        del st.query_params[name]


def _noise(given: object) -> float | None:
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
    """Set the ordinary latent sliders to the given noise."""
    for dimension, value in enumerate(values):
        st.session_state[slider_key(dimension)] = on_slider(value)
