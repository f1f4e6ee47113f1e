"""Sliders through the latent dimensions, in base noise, and what the address and the session keep of them."""

import time
from collections.abc import Sequence

import streamlit as st

from app.display.plain_text import Markdown, plain
from cvae_core.data import noise
from cvae_core.training.verdicts import DEAD_RATE

NOISE_RANGE = 3.0  # standard deviations either side: all but 0.3 % of the prior
NOISE_STEP = 0.05
PATIENCE = 3.0  # seconds for the browser to report that it shows live sliders
_HELD = "epsilon"  # in the session: the base noise of all sliders, for the address is empty on another page
_LATE = "live-late"  # in the session
_PRESSES = "random-z"  # in the session: how often noise was asked for
FIRST_SLIDERS = 8  # the dimensions that say most; the rest wait in an expander


def latent_sliders(rates: Sequence[float], dimensions: Sequence[int], epsilon: Sequence[float]) -> dict[int, float]:
    """Show a slider per latent dimension, in base noise, with the nats that it carries; return their values.

    They begin at `epsilon` and are not bound to the address, which `write_epsilon` keeps for both kinds of sliders.
    """
    for dimension in dimensions:
        st.session_state.setdefault(slider_key(dimension), epsilon[dimension])
    places = [on_slider(NOISE_STEP * step - NOISE_RANGE) for step in range(round(2 * NOISE_RANGE / NOISE_STEP) + 1)]
    return {
        dimension: st.select_slider(  # a slider of numbers would write a hyphen for the minus
            slider_words(rates, dimension), places, format_func=_two_decimals, key=slider_key(dimension)
        )
        for dimension in dimensions
    }


def _two_decimals(noise: float) -> Markdown:
    return f"{noise:.2f}".replace("-", "−")


def slider_words(rates: Sequence[float], dimension: int) -> Markdown:
    """Name a latent dimension's slider by the nats that it carries."""
    said = f"{rates[dimension]:.1f} nats" if rates[dimension] >= DEAD_RATE else "dead"
    return f"ε{dimension + 1} · {said}" if any(rates) else f"ε{dimension + 1}"


def by_rate(rates: Sequence[float]) -> list[int]:
    """Return the dimensions of z, most useful first."""
    return sorted(range(len(rates)), key=lambda dimension: -rates[dimension])


def slider_key(dimension: int) -> str:
    """Return the key and address name of a latent dimension's slider."""
    return f"e{dimension + 1}"


def live_wanted() -> bool:
    """Choose pictures that move while a slider is dragged; where the browser does not show them, say so."""
    if st.session_state.get(_LATE):
        st.info("The live sliders did not start in this browser: ordinary ones stand in for them.")
        st.button("Try live sliders again", on_click=lambda: st.session_state.pop(_LATE), width="stretch")
        return False
    return st.toggle(
        "Live", value=True, key="live", bind="query-params", help="Decode in the browser, while a slider is dragged"
    )


def watch_for_the_browser(shown: bool) -> None:
    """Let ordinary sliders stand in where the browser does not report within a few seconds that it shows live ones.

    It is the browser that counts the seconds, from when it has the page: a busy server's are not its fault.
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
    """Return the base noise that the address holds; say what of it makes no sense.

    Where it holds none, what it held on an earlier visit is put into it again.
    """
    names = [slider_key(dimension) for dimension in range(dimensions)]
    given = {name: _noise(st.query_params[name]) for name in names if name in st.query_params}
    if not given:
        given = {name: value for name, value in st.session_state.get(_HELD, {}).items() if name in names}
        st.query_params.update({name: f"{value:g}" for name, value in given.items() if value})
    st.session_state[_HELD] = {name: value or 0.0 for name, value in given.items()}
    if nonsense := [name for name, value in given.items() if value is None]:
        limits = f"−{NOISE_RANGE:g} to {NOISE_RANGE:g}"
        st.warning(f"{', '.join(map(plain, nonsense))} in the address is no number from {limits}, and is left out.")
    return tuple(given.get(name) or 0.0 for name in names)


def write_epsilon(values: object, dimensions: int) -> None:
    """Keep a base noise in the address; what is no list of so many numbers, as only a forger sends it, is ignored."""
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
    """Return a value of a slider as such, or None where it is none."""
    try:
        value = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):  # of a whole number with hundreds of figures
        return None
    return on_slider(value) if abs(value) <= NOISE_RANGE else None


def on_slider(value: float) -> float:
    """Return the place on a latent slider that is nearest to a value."""
    return min(max(round(round(value / NOISE_STEP) * NOISE_STEP, 2), -NOISE_RANGE), NOISE_RANGE) + 0.0


def latent_buttons(dimensions: int, seed: int) -> None:
    """Offer to set all latent sliders at once: to zero, or to noise drawn from the seed, other noise at every press."""

    def draw() -> None:
        presses = st.session_state[_PRESSES] = st.session_state.get(_PRESSES, -1) + 1
        place_sliders(noise.normal((dimensions,), seed, "sliders", presses).tolist())

    left, right = st.columns(2)
    zeros = [0.0] * dimensions
    left.button("Reset", on_click=place_sliders, args=(zeros,), icon=":material/restart_alt:", width="stretch")
    right.button("Random z", on_click=draw, icon=":material/casino:", width="stretch", help="Drawn from the seed")


def place_sliders(values: Sequence[float]) -> None:
    """Bring the ordinary latent sliders to some noise."""
    for dimension, value in enumerate(values):
        st.session_state[slider_key(dimension)] = on_slider(value)
