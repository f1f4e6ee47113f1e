"""Controls for the attributes that a model is given: sliders of numbers, lists of categories, each with "not given".

The address and the session keep the values, under a1, a2, … Live sliders in the browser report them; ordinary controls stand
on the page.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.display import url_state
from app.display.url_forms import Form, number, one_of
from app.text.plain_text import Markdown, plain
from cvae_core.config.descriptions import Attribute
from cvae_core.config.flavours import Config

Value = float | str  # a number, the name of a category, or `NOT_GIVEN`
RANGE = 2.5  # standard deviations on either side of the mean
STEPS = 10  # in a standard deviation, at least
NOT_GIVEN = ""
_MOVED = "attributes-moved"  # in the session: the browser has reported other values than the page was drawn with


def places(attribute: Attribute) -> list[Value]:
    """Return what can be asked for: nothing, then the categories, or multiples of a round step within `RANGE` of the mean.

    >>> places(Attribute(name="slant", mean=5.8, scale=14.7))[1:3]
    [-30.0, -29.0]
    """
    if attribute.categories:
        return [NOT_GIVEN, *attribute.categories]
    step = _round(attribute.scale / STEPS)
    least, most = ((attribute.mean + way * RANGE * attribute.scale) / step for way in (-1, 1))
    return [NOT_GIVEN, *(float(f"{place * step:.12g}") for place in range(math.ceil(least), math.floor(most) + 1))]


def _round(number: float) -> float:
    """Return the largest number with one of the digits 1, 2 and 5 that is not larger."""
    power = 10.0 ** math.floor(math.log10(number))
    return max(digit * power for digit in (1, 2, 5) if digit * power <= number * (1 + 1e-9))


def words(value: Value) -> str:
    """Return a value as a text: a number with a minus sign, a category, or "not given"."""
    return f"{value:g}".replace("-", "−") if isinstance(value, float) else value or "not given"


def form(attribute: Attribute) -> Form[Value]:
    """Return the form of an attribute's value in an address: the nearest place of its slider, or the name of its category."""
    every = places(attribute)
    if attribute.categories:
        return one_of(every)
    first, *_, last = numbers = [place for place in every if isinstance(place, float)]

    def read(texts: Sequence[str]) -> Value | None:
        if texts[-1] == NOT_GIVEN:
            return NOT_GIVEN
        wanted = number(first, last).read(texts)
        return None if wanted is None else min(numbers, key=lambda place: abs(place - wanted))

    return Form(read, lambda value: [f"{value:.12g}" if isinstance(value, float) else value])


def key_of(place: int) -> str:
    """Return the key and address name of an attribute's control."""
    return f"a{place + 1}"


def chosen(config: Config, *, in_browser: bool = False) -> dict[str, float | str]:
    """Let the visitor choose the attributes that a model is given; return those that are given, by name.

    With `in_browser`, live sliders hold the values and nothing is shown here.
    """
    values: dict[str, Value] = {}
    for place, attribute in enumerate(config.attributes):
        if in_browser:
            values[attribute.name] = url_state.kept(key_of(place), form(attribute), NOT_GIVEN)
            continue
        key = url_state.bound(key_of(place), form(attribute), NOT_GIVEN)
        title, every = plain(attribute.name), places(attribute)
        if attribute.categories:
            value = st.selectbox(title, every, format_func=words, key=key)
        else:
            value = st.select_slider(title, every, format_func=_shown, key=key)
        values[attribute.name] = NOT_GIVEN if value is None else value  # None: only a manipulated browser sends it
    return {name: value for name, value in values.items() if value != NOT_GIVEN}


def _shown(value: Value) -> Markdown:
    return plain(words(value))


def inputs(config: Config, given: Mapping[str, float | str]) -> list[float | None]:
    """Return given attributes as inputs of network.js: numbers, places of categories, and None for what is not given."""
    values = (given.get(one.name) for one in config.attributes)
    return [
        one.categories.index(value) if isinstance(value, str) else value
        for one, value in zip(config.attributes, values, strict=True)
    ]


def for_the_browser(config: Config) -> list[dict[str, Any]]:
    """Return the controls for live sliders: names, and places with their texts and inputs of network.js."""
    return [
        {
            "name": one.name,
            "list": bool(one.categories),
            "texts": list(map(words, places(one))),
            "inputs": [None, *(range(len(one.categories)) if one.categories else places(one)[1:])],
        }
        for one in config.attributes
    ]


def chosen_places(config: Config) -> list[int]:
    """Return the place of each live control, which the address keeps."""
    return [
        places(one).index(url_state.kept(key_of(place), form(one), NOT_GIVEN))
        for place, one in enumerate(config.attributes)
    ]


def write(reported: object, config: Config) -> None:
    """Set the values to the places that live sliders report; ignore what is none: only a manipulated browser sends it."""
    every = [places(one) for one in config.attributes]
    if not isinstance(reported, Sequence) or len(reported) != len(every):
        return
    if all(type(at) is int and 0 <= at < len(some) for at, some in zip(reported, every, strict=True)):
        for place, (at, some) in enumerate(zip(reported, every, strict=True)):
            st.session_state[key_of(place)] = some[at]
        st.session_state[_MOVED] = True


def rerun_if_moved() -> None:
    """Draw the whole page anew if the live sliders of attributes have moved: its other pictures show them too."""
    if st.session_state.pop(_MOVED, False):
        st.rerun()


def described(asked: Mapping[str, float | str]) -> str:
    """Return the given attributes in words, for example "slant −20, serif with serifs"; an empty text for none."""
    return ", ".join(f"{name} {words(value)}" for name, value in asked.items())
