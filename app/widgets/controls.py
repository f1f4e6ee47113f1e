"""Controls that several pages share; the page's address keeps their values."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import streamlit as st

from app.display import url_state
from app.display.url_forms import line, one_of, switch, whole
from app.text.plain_text import Markdown, plain
from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.datasets import Split
from cvae_core.pictures.recipes import Shown

Option = TypeVar("Option")
MAX_SEED = 2**53 - 1  # the largest integer that JavaScript's numbers represent exactly
MAX_INDEX = 9999  # the largest index of a test image on a map
MAX_SHOWN, USUAL_SHOWN = 12, 10  # test images in one figure
FIELD, WIDE_FIELD = 134, 209  # pixels: three or two side by side in a window of 1,280 pixels
LONGEST_LIST = 200  # characters of a list of test images


def or_default(chosen: Option | None, default: Option) -> Option:
    """Return a choice, or the default if it is None: a manipulated browser can send no choice."""
    return default if chosen is None else chosen


def choice(
    label: Markdown,
    options: Sequence[Option] | Mapping[Option, str],
    key: str,
    default: Option | None = None,
    words: Markdown | None = None,
) -> Option:
    """Show options side by side and return the chosen one, by default the first; a mapping names the options."""

    def called(option: Option) -> Markdown:
        return plain(options[option] if isinstance(options, Mapping) else option)

    first = next(iter(options)) if default is None else default
    key = url_state.bound(key, one_of(options), first)
    chosen = st.segmented_control(label, list(options), required=True, format_func=called, key=key, help=words)
    return or_default(chosen, first)


def whole_number(
    label: Markdown, least: int, most: int, *, default: int, key: str, step: int = 1, words: Markdown | None = None
) -> int:
    """Return an integer from a field. A value out of range becomes the default, an empty field the least value."""
    key = url_state.bound(key, whole(least, most), default)
    return int(st.number_input(label, least, most, step=step, key=key, help=words))


def seed() -> int:
    """Let the visitor choose the seed of all random draws on a page."""
    words = "The same seed always gives the same picture"
    return whole_number("Seed", 0, MAX_SEED, default=0, key="seed", words=words)


_SHOWN: Mapping[bool, Mapping[Shown, str]] = {
    True: {"means": "means", "ink": "drawn ink"},
    False: {"means": "means", "ink": "sampled pixels"},
}
_SHOWN_WORDS: Mapping[bool, Markdown] = {
    True: "The model predicts a probability of ink per pixel: shown as grey (means), or drawn as black or white (ink)",
    False: "The model predicts a distribution of each pixel value: its mean is shown, or a value sampled from it",
}


def pixels(config: Config) -> Shown:
    """Let the visitor choose how generated pixels are shown: as means, or as a sample of the likelihood."""
    binary = config.likelihood == "bernoulli"
    return choice("Generated pixels", _SHOWN[binary], "pixels", words=_SHOWN_WORDS[binary])


def test_images(test: Split, seed: int) -> tuple[int, ...]:
    """Let the visitor choose test images: at random from the seed, or by their numbers in the test set."""
    most = min(MAX_SHOWN, len(test))
    key = url_state.bound("random", switch(), True)
    if st.toggle("Random test images", key=key, help="Set by the seed"):
        bound = url_state.bound("digits", whole(1, most), min(USUAL_SHOWN, most))
        count = st.slider("Images", 1, most, key=bound) if most > 1 else 1
        return tuple(noise.permutation(len(test), seed, "digits")[:count].tolist())
    text = st.text_input(
        "Numbers of test images",
        key=url_state.bound("indices", line(LONGEST_LIST), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        max_chars=LONGEST_LIST,
        help=f"Up to {MAX_SHOWN} numbers from 0 to {len(test) - 1}, separated by commas",
    )
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    numbers = [int(word) for word in words if re.fullmatch("[0-9]{1,6}", word)]
    good = [number for number in numbers if number < len(test)][:MAX_SHOWN]
    if len(good) != len(words) or not good:
        st.warning(
            f"Enter up to {MAX_SHOWN} numbers from 0 to {len(test) - 1}, separated by commas. Others are ignored."
        )
    return tuple(good) or (0,)
