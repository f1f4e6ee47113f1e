"""Controls that several pages have; each keeps its value in the page's address."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

import streamlit as st

from app.cached import runs as library
from app.cached.runs import RunKey
from app.display.plain_text import Markdown, code, plain
from cvae_core.config.flavours import Flavour, QuadrantConfig, any_set, is_gsnn
from cvae_core.config.quadrant_names import ANY, NAMES, canonical, described
from cvae_core.data import datasets, noise
from cvae_core.data.datasets import Split
from cvae_core.data.fingerprints import named_here
from cvae_core.data.masks import PROPER_SETS
from cvae_core.evaluation.likelihood import Cell
from cvae_core.pictures.recipes import Pixels
from cvae_core.runs import run as runs
from cvae_core.runs import sameness
from cvae_core.training.verdicts import DEAD_RATE

Option = TypeVar("Option")
MAX_SEED = 2**53 - 1  # of the seeds that there are, those that a browser's number holds exactly
MAX_INDEX = 9999  # of a test image
MAX_DIGITS = 12  # in one figure
NOISE_RANGE = 3.0  # standard deviations either side: all but 0.3 % of the prior
NOISE_STEP = 0.05
PATIENCE = 3.0  # seconds for the browser to report that it shows live sliders
_HELD = "epsilon"  # in the session: the base noise of all sliders, for the address is empty on another page
_LATE = "live-late"  # in the session
_PRESSES = "random-z"  # in the session: how often noise was asked for
FIRST_SLIDERS = 8  # the dimensions that say most; the rest wait in an expander


def or_default(chosen: Option | None, default: Option) -> Option:
    """Return a choice, or the default where an address has emptied it: Streamlit lets `?key=` undo `required`."""
    return default if chosen is None else chosen


def run(label: Markdown, choices: Mapping[str, RunKey], key: str = "run") -> RunKey:
    """Choose one of some runs; there must be one."""
    chosen = choices[run_name(label, list(choices), key)]
    _tell_about(chosen)
    return chosen


def run_name(label: Markdown, names: Sequence[str], key: str) -> str:
    """Choose one of some names of runs, the first by default; imported ones are called so."""
    if linked := _plainly_linked(names, key):
        st.session_state.setdefault(key, linked[0])
    chosen = st.selectbox(label, names, format_func=library.label, key=key, bind="query-params")
    return or_default(chosen, names[0])


def run_names(
    label: Markdown, names: Sequence[str], key: str, words: Markdown, *, default: Sequence[str] = (), most: int
) -> list[str]:
    """Choose some names of runs, so many at most; imported ones are called so."""
    linked, held = _plainly_linked(names, key), st.session_state.get(key, [])
    if linked or len(held) > most:  # as only a forger holds them: Streamlit would raise
        st.session_state[key] = (held or linked)[:most]
    return st.multiselect(
        label, names, default=list(default), max_selections=most, format_func=library.label, key=key, bind="query-params",
        help=words,
    )  # fmt: skip


def _plainly_linked(names: Sequence[str], key: str) -> list[str]:
    """Return the runs that an address names, where one is named without that it is imported: Streamlit takes labels alone."""
    given = st.query_params.get_all(key)
    if all(library.label(name) == name for name in given if name in names):
        return []
    known = {said: name for name in names for said in (name, library.label(name))}
    return [known[said] for said in given if said in known]


def tell_trouble(name: str) -> None:
    """Say what is wrong with a run that did not train to a sound model."""
    if trouble := runs.find(name, runs.default_root()).card().trouble:
        st.warning(plain(f"{name}: {trouble}"), icon=":material/warning:")


def _tell_about(key: RunKey) -> None:
    tell_trouble(key.name)
    if origin := library.card(key).imported:
        st.caption(f"Somebody else's, imported {code(origin)}")


def curve(first: str) -> tuple[str, Sequence[Cell]] | None:
    """Choose of which run the estimates are shown as draws are added; say how to find out where no run has them."""
    curves = library.curves_by_draws()
    if not curves:
        st.info(
            "How a run's estimates settle is not stored yet. Find out with: `python -m cvae_core evaluate RUN --curve`"
        )
        return None
    chosen = run_name("Curve of", sorted(curves, key=lambda name: (name != first, name)), "curve")
    return chosen, curves[chosen]


def flat_run(topic: str, first: str, flavour: Flavour | None = None) -> RunKey | None:
    """Choose a run of one flat z, whose data set is here; say what to train where there is none."""
    runs = library.run_keys(groups=0, **({"flavour": flavour} if flavour else {}))
    order = sorted(runs, key=lambda name: (bool(library.other_images(runs[name])), name != first, name))
    configs = {name: library.config(runs[name]) for name in order}
    good = {
        name: runs[name]
        for name, config in configs.items()
        if datasets.on_disk(config.dataset) and not any_set(config) and not is_gsnn(config)
    }
    if not good:
        command = f"python -m cvae_core train {flavour or 'label'} --dataset digits"
        st.info(f"No run for this fits the images on this machine. Train one with: {code(command)}")
        return None
    return run("Run", good, key=f"run-{topic}")


def vae_of(key: RunKey, **wanted: object) -> RunKey | None:
    """Return the VAE of a run's images that least else sets apart, its configuration as wanted; say what to train else."""
    dataset, own = library.config(key).dataset, sameness.of(library.card(key))
    vaes = library.run_keys(flavour="vae", dataset=dataset, **wanted).values()
    apart = {vae: sameness.apart(own, sameness.of(library.card(vae))) for vae in vaes}
    found = min((vae for vae in apart if "images" not in apart[vae]), key=lambda vae: len(apart[vae]), default=None)
    if found is None:
        command = f"python -m cvae_core train vae --dataset {dataset}"
        st.info(f"No VAE is trained on {plain(dataset)}. Train one with: {code(command)}")
    return found


def whole_number(
    label: Markdown, least: int, most: int, *, default: int, key: str, step: int = 1, words: Markdown | None = None
) -> int:
    """Choose a whole number, which an address can empty; what a forger has put there and cannot be is the default."""
    if endless := any(map(_endless, st.query_params.get_all(key))):
        del st.query_params[key]
    free = st.session_state.setdefault(f"{key}-not-bound", endless)  # while the page holds what its address began with
    held = st.session_state.get(key)
    if held is not None and not least <= held <= most:
        st.session_state[key] = default
    bind: Literal["query-params"] | None = None if free else "query-params"
    chosen = st.number_input(label, least, most, default, step, key=key, bind=bind, help=words)
    return least if chosen is None else int(chosen)


def _endless(text: str) -> bool:
    """Say whether a text is a number without end or none, inf, 1e400 or nan, at which Streamlit's field would raise."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False  # no number at all: Streamlit drops it


def seed() -> int:
    """Choose the seed of all noise on a page."""
    words = "The same seed gives the same picture anywhere"
    return whole_number("Seed", 0, MAX_SEED, default=0, key="seed", words=words)


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


def digit(options: Sequence[str]) -> str:
    """Choose a label, or all of them."""
    chosen = st.pills(
        "Digit", options, default=options[3], required=True, format_func=plain, key="digit", bind="query-params",
        selection_mode="single",
    )  # fmt: skip
    return or_default(chosen, options[3])


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


_PIXELS: Mapping[Pixels, str] = {"means": "means", "ink": "drawn ink"}
TEST_DIGITS, DRAWING = "Test digits", "My drawing"


def subject() -> str:
    """Choose what is completed."""
    options = (TEST_DIGITS, DRAWING)
    chosen = st.segmented_control(
        "Complete", options, default=TEST_DIGITS, required=True, key="of", bind="query-params"
    )
    return or_default(chosen, TEST_DIGITS)


Families = Mapping[str, Mapping[str, Sequence[RunKey]]]


def quadrant_families() -> Families:
    """Return, per data set on this machine, the runs that complete its digits by what they are shown; MNIST first.

    Those that were trained on other images of that name come last.
    """
    families: dict[str, dict[str, list[RunKey]]] = {}
    keys = library.run_keys(flavour="quadrant").values()
    for key in sorted(keys, key=lambda key: (bool(library.other_images(key)), len(key.name), key.name)):
        config = library.config(key)
        if isinstance(config, QuadrantConfig) and datasets.on_disk(config.dataset):
            families.setdefault(config.dataset, {}).setdefault(config.visible, []).append(key)
    return dict(sorted(families.items(), key=lambda item: item[0] != "mnist"))


def quadrant_run(families: Families) -> tuple[str, str, RunKey]:
    """Choose the images and what is visible of them; return both and the run that completes them."""
    names = list(families)
    dataset = names[0]
    if len(names) > 1:
        dataset = or_default(st.selectbox("Images", names, key="images", bind="query-params"), names[0])
    if (named := named_here(dataset)) != dataset:
        st.caption(f"The images here are {plain(named)}.")
    sets = sorted(families[dataset])  # any comes last
    visible = st.segmented_control(
        "Visible quadrants",
        sets,
        default=sets[0],
        required=True,
        format_func=plain,
        key=_visible_key(dataset),
        bind="query-params",
    )
    family = or_default(visible, sets[0])
    shown = _any_quadrants() if family == ANY else family
    st.caption(f"{plain(described(shown).capitalize())} visible")
    keys = {key.name: key for key in families[dataset][family]}
    if len(keys) == 1:
        (key,) = keys.values()
        _tell_about(key)
        return dataset, shown, key
    return dataset, shown, run("Model", keys, key=f"run-{family}")


def quadrant_sets(families: Families, dataset: str) -> list[str]:
    """Return the sets of visible quadrants that some run completes."""
    if ANY not in families[dataset]:
        return list(families[dataset])
    names = [[name for name, seen in zip(NAMES, flags, strict=True) if seen] for flags in PROPER_SETS.tolist()]
    return [canonical("+".join(each)) for each in names]


def open_quadrants(given: object, families: Families, dataset: str) -> None:
    """Choose the set of visible quadrants that four flags say: its own model where there is one, or the one for any set."""
    if not isinstance(given, Sequence) or len(given) != len(NAMES) or not 0 < sum(map(bool, given)) < len(NAMES):
        return
    names = [name for name, seen in zip(NAMES, given, strict=True) if seen]
    visible = canonical("+".join(names))
    if visible in families[dataset]:
        st.session_state[_visible_key(dataset)] = visible
    elif ANY in families[dataset]:
        st.session_state[_visible_key(dataset)] = ANY
        st.session_state[_QUADRANTS] = names


_QUADRANTS = "quadrants"


def _visible_key(dataset: str) -> str:
    return f"visible-{dataset}"


def _any_quadrants() -> str:
    """Choose one to three quadrants."""
    chosen = st.pills(
        "Quadrants", NAMES, selection_mode="multi", default=NAMES[2:3], key=_QUADRANTS, bind="query-params"
    )
    if not 0 < len(chosen) < len(NAMES):
        st.warning("Let one to three quadrants be visible.")
        chosen = list(NAMES[2:3])
    return canonical("+".join(chosen))


def samples_count() -> int:
    """Choose how many samples are drawn for each digit."""
    return int(st.slider("Samples per digit", 1, 10, 5, key="samples", bind="query-params"))


def pixels() -> Pixels:
    """Choose what is shown of a generated pixel: its mean, or ink drawn from it."""
    chosen = st.segmented_control(
        "Generated pixels",
        list(_PIXELS),
        default="means",
        required=True,
        format_func=_PIXELS.__getitem__,
        key="pixels",
        bind="query-params",
        help="The model says how likely ink is in every pixel: its mean is smooth, a draw from it is black or white",
    )
    return or_default(chosen, "means")


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
