"""Controls that several pages have; each keeps its value in the page's address."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import streamlit as st

from app import library
from app.library import RunKey
from cvae_core import data, noise
from cvae_core.config import QuadrantConfig
from cvae_core.data import Split
from cvae_core.latent import DEAD_RATE
from cvae_core.quadrants import ANY, described

Option = TypeVar("Option")
MAX_SEED = 999_999
MAX_DIGITS = 12  # in one figure
NOISE_RANGE = 3.0  # standard deviations either side: all but 0.3 % of the prior


def or_default(chosen: Option | None, default: Option) -> Option:
    """Return a choice, or the default where an address has emptied it: Streamlit lets `?key=` undo `required`."""
    return default if chosen is None else chosen


def run(label: str, choices: Mapping[str, RunKey], key: str = "run") -> RunKey:
    """Choose one of some runs; there must be one."""
    names = list(choices)
    return choices[or_default(st.selectbox(label, names, key=key, bind="query-params"), names[0])]


def seed() -> int:
    """Choose the seed of all noise on a page."""
    number = st.number_input(
        "Seed",
        0,
        MAX_SEED,
        value=0,
        key="seed",
        bind="query-params",
        help="The same seed gives the same picture anywhere",
    )
    return int(number or 0)


def latent_sliders(rates: Sequence[float], dimensions: Sequence[int]) -> dict[int, float]:
    """Show a slider per latent dimension, in base noise, with the nats that it carries; return their values."""
    values = {}
    for dimension in dimensions:
        said = f"{rates[dimension]:.2f} nats" if rates[dimension] >= DEAD_RATE else "dead"
        values[dimension] = st.slider(
            f"ε{dimension + 1} · {said}" if any(rates) else f"ε{dimension + 1}",
            -NOISE_RANGE,
            NOISE_RANGE,
            value=0.0,
            step=0.05,
            key=slider_key(dimension),
            bind="query-params",
        )
    return values


def slider_key(dimension: int) -> str:
    """Return the key and address name of a latent dimension's slider."""
    return f"e{dimension + 1}"


def digit(options: Sequence[str]) -> str:
    """Choose a label, or all of them."""
    chosen = st.pills(
        "Digit", options, default=options[3], required=True, key="digit", bind="query-params", selection_mode="single"
    )
    return or_default(chosen, options[3])


def latent_buttons(dimensions: int, seed: int) -> None:
    """Offer to set all latent sliders at once: to zero, or to noise drawn from the seed."""

    def place(values: Sequence[float]) -> None:
        for dimension, value in enumerate(values):
            st.session_state[slider_key(dimension)] = min(max(round(float(value) * 20) / 20, -NOISE_RANGE), NOISE_RANGE)

    drawn = noise.normal((dimensions,), seed, "sliders").tolist()
    left, right = st.columns(2)
    left.button("Reset", on_click=place, args=([0.0] * dimensions,), icon=":material/restart_alt:", width="stretch")
    right.button(
        "Random z", on_click=place, args=(drawn,), icon=":material/casino:", width="stretch", help="Drawn from the seed"
    )


Families = Mapping[str, Mapping[str, Sequence[RunKey]]]


def quadrant_families() -> Families:
    """Return, per data set on this machine, the runs that complete its digits by what they are shown; MNIST first."""
    families: dict[str, dict[str, list[RunKey]]] = {}
    for key in sorted(library.run_keys(flavour="quadrant").values(), key=lambda key: (len(key.name), key.name)):
        config = library.config(key)
        if isinstance(config, QuadrantConfig) and config.visible != ANY and data.on_disk(config.dataset):
            families.setdefault(config.dataset, {}).setdefault(config.visible, []).append(key)
    return dict(sorted(families.items(), key=lambda item: item[0] != "mnist"))


def quadrant_run(families: Families) -> tuple[str, str, RunKey]:
    """Choose the images and what is visible of them; return both and the run that completes them."""
    names = list(families)
    chosen = names[0]
    if len(names) > 1:
        chosen = or_default(st.selectbox("Images", names, key="images", bind="query-params"), names[0])
    sets = sorted(families[chosen])
    visible = st.segmented_control(
        "Visible quadrants",
        sets,
        default=sets[0],
        required=True,
        key=f"visible-{chosen}",
        bind="query-params",
    )
    shown = or_default(visible, sets[0])
    st.caption(f"{described(shown).capitalize()} visible")
    keys = {key.name: key for key in families[chosen][shown]}
    if len(keys) == 1:
        return chosen, shown, next(iter(keys.values()))
    return chosen, shown, run("Model", keys, key=f"run-{shown}")


def samples_count() -> int:
    """Choose how many samples are drawn for each digit."""
    return int(st.slider("Samples per digit", 1, 10, 5, key="samples", bind="query-params"))


def test_digits(test: Split, seed: int) -> tuple[int, ...]:
    """Choose test digits: drawn by the seed, or by their numbers in the test set."""
    at_random = st.toggle("Random test digits", value=True, key="random", bind="query-params", help="Drawn by the seed")
    if at_random:
        count = int(st.slider("Digits", 1, MAX_DIGITS, 10, key="digits", bind="query-params"))
        return tuple(noise.permutation(len(test), seed, "digits")[:count].tolist())
    text = st.text_input(
        "Numbers of test digits",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        key="indices",
        bind="query-params",
        max_chars=200,
        help=f"Up to {MAX_DIGITS} numbers from 0 to {len(test) - 1}, with commas between them",
    )
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    numbers = [int(word) for word in words if re.fullmatch("[0-9]{1,6}", word)]
    good = [number for number in numbers if number < len(test)][:MAX_DIGITS]
    if len(good) != len(words) or not good:
        st.warning(
            f"Give up to {MAX_DIGITS} numbers from 0 to {len(test) - 1}, with commas; what is not one is left out."
        )
    return tuple(good) or (0,)


MAP = "map"  # key of the latent space's chart
_POINT, _CLICKED = "point", "clicked-point"


def test_index(highest: int) -> int:
    """Choose a test image by its number; a click on the map writes it."""
    number = st.number_input("Test image", 0, highest, value=0, key=_POINT, bind="query-params")
    return int(number or 0)


def take_point() -> None:
    """Write the clicked point's test index where `test_index` reads it."""
    points = st.session_state[MAP].selection.points
    if points and isinstance(index := points[0].get("customdata"), int | float):
        st.session_state[_POINT] = st.session_state[_CLICKED] = int(index)


def point_to_ring() -> int | None:
    """Return the test index that the map must ring: one that came by number or address, not by a click.

    A clicked point shows itself. To ring it would change the figure, and Streamlit then forgets its zoom and hidden digits.
    """
    number = st.session_state.get(_POINT)
    return None if number == st.session_state.get(_CLICKED, 0) else number
