"""Controls that several pages have; each keeps its value in the page's address."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

import streamlit as st

from app.display.plain_text import Markdown, plain
from cvae_core.data import noise
from cvae_core.data.datasets import Split
from cvae_core.pictures.recipes import Shown

Option = TypeVar("Option")
MAX_SEED = 2**53 - 1  # of the seeds that there are, those that a browser's number holds exactly
MAX_INDEX = 9999  # of a test image
MAX_DIGITS = 12  # in one figure


def or_default(chosen: Option | None, default: Option) -> Option:
    """Return a choice, or the default where an address has emptied it: Streamlit lets `?key=` undo `required`."""
    return default if chosen is None else chosen


def choice(
    label: Markdown,
    options: Sequence[Option] | Mapping[Option, str],
    key: str,
    default: Option | None = None,
    words: Markdown | None = None,
) -> Option:
    """Choose one of several options shown side by side, the first by default; a mapping gives each option its name."""

    def called(option: Option) -> Markdown:
        return plain(options[option] if isinstance(options, Mapping) else option)

    first = next(iter(options)) if default is None else default
    chosen = st.segmented_control(
        label, list(options), default=first, required=True, format_func=called, key=key, bind="query-params", help=words
    )
    return or_default(chosen, first)


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


def digit(options: Sequence[str]) -> str:
    """Choose a label, or all of them."""
    chosen = st.pills(
        "Digit", options, default=options[3], required=True, format_func=plain, key="digit", bind="query-params",
        selection_mode="single",
    )  # fmt: skip
    return or_default(chosen, options[3])


_PIXELS: Mapping[Shown, str] = {"means": "means", "ink": "drawn ink"}


def pixels() -> Shown:
    """Choose what is shown of a generated pixel: its mean, or ink drawn from it."""
    words = "The model says how likely ink is in every pixel: its mean is smooth, a draw from it is black or white"
    return choice("Generated pixels", _PIXELS, "pixels", words=words)


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
