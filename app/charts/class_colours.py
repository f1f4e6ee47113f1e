"""Colours of classes: those of the theme for the first ten, then evenly spaced hues of three luminances."""

import colorsys
from functools import cache

# Colour-blind safe (after Paul Tol's schemes), with a contrast of at least 3 on light and dark backgrounds; as in the theme.
FIRST = (
    "#4477AA", "#EE6677", "#228833", "#AA8800", "#117799", "#AA3377", "#777777", "#7755CC", "#CC5500", "#2E9E8F",
)  # fmt: skip
LUMINANCES = (0.19, 0.27, 0.13)  # of WCAG 2: between 0.12 and 0.3, the contrast is 3 on light and dark backgrounds
SATURATION = 0.7
HALVINGS = 12  # of the interval of lightnesses: more exact than a byte per channel


@cache
def colours(count: int) -> tuple[str, ...]:
    """Return a colour for each of `count` labels."""
    more = max(0, count - len(FIRST))
    hues = -(-more // len(LUMINANCES))
    others = [_colour(place % hues / hues, LUMINANCES[place // hues]) for place in range(more)]
    return (*FIRST, *others)[:count]


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour by WCAG 2, from 0 for black to 1 for white."""
    shades = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (shade / 12.92 if shade <= 0.04045 else ((shade + 0.055) / 1.055) ** 2.4 for shade in shades)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colour(hue: float, wanted: float) -> str:
    """Return the colour with a hue and a luminance, which grows with the lightness."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if luminance(_of(hue, middle)) < wanted else (low, middle)
    return _of(hue, high)


def _of(hue: float, lightness: float) -> str:
    shades = colorsys.hls_to_rgb(hue, lightness, SATURATION)
    return "#" + "".join([f"{round(255 * shade):02X}" for shade in shades])
