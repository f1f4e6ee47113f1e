"""Names of sets of visible pixels, most of them sets of quadrants, for the command line, configurations and text.

Sohn, Lee & Yan (2015) and the Pyro tutorial condition on one quadrant (bottom left), two (the left half) or three (all but
bottom right): see `PROTOCOL`. This module does not import torch, so that the command line can be parsed without it.
"""

from collections.abc import Iterable

from cvae_core.errors import ConfigError

NAMES = ("top-left", "top-right", "bottom-left", "bottom-right")
ANY = "any"  # a set of quadrants for each image
BRUSH = "brush"  # a mask for each image: see `masks.brushed`
PAINTED = "mask-"  # the beginning of the name of a mask of pixels: see `masks.painted`
SCATTERED = {f"scattered-{percent}": percent for percent in (25, 50, 75)}  # hidden pixels of each image, in percent
PROTOCOL = {
    "1": ("bottom-left",),
    "2": ("top-left", "bottom-left"),
    "3": ("top-left", "top-right", "bottom-left"),
}


def shown(visible: str) -> tuple[bool, ...]:
    """Convert "1", "2", "3" or names joined by "+" into four booleans in the order of `NAMES`.

    >>> shown("top-left+bottom-left") == shown("2") == (True, False, True, False)
    True
    """
    names = PROTOCOL.get(visible) or tuple(str(visible).split("+"))
    unknown = [name for name in names if name not in NAMES]
    if unknown or len(set(names)) != len(names) or len(names) == len(NAMES):
        raise ConfigError(
            f"No set of visible quadrants is called {visible!r}. Give 1, 2 or 3, or one to three different names from "
            f"{', '.join(NAMES)} joined by +, such as top-left+bottom-left."
        )
    return tuple(name in names for name in NAMES)


def canonical(visible: str) -> str:
    """Return the unique name of a set, so that equal sets have equal configurations.

    >>> canonical("bottom-left+top-left"), canonical("bottom-right+top-right"), canonical("any")
    ('2', 'top-right+bottom-right', 'any')
    """
    return visible if visible in (ANY, BRUSH, *SCATTERED) else name_of(shown(visible))


def name_of(flags: Iterable[object]) -> str:
    """Return the unique name of the set that is given by four booleans in the order of `NAMES`: the inverse of `shown`."""
    names = tuple(name for name, is_shown in zip(NAMES, flags, strict=True) if is_shown)
    return next((number for number, protocol in PROTOCOL.items() if protocol == names), "+".join(names))


def hidden_share(visible: str | None) -> float:
    """Return the share of an image that is hidden, on average if a mask is drawn for each image. None: the whole image.

    >>> [hidden_share(visible) for visible in (None, "1", "3", "any", "scattered-75")]
    [1.0, 0.75, 0.25, 0.5, 0.75]
    """
    if visible is None:
        return 1.0
    if visible in SCATTERED:
        return SCATTERED[visible] / 100
    return 0.5 if visible in (ANY, BRUSH) else 1 - sum(shown(visible)) / len(NAMES)


class _Sets:
    """The set of all names that `canonical` returns."""

    def __contains__(self, name: object) -> bool:
        try:
            return canonical(str(name)) == name
        except ConfigError:
            return False


SETS = _Sets()


def described(visible: str) -> str:
    """Describe the visible quadrants in words.

    >>> described("1"), described("2"), described("3"), described("top-left+bottom-right")
    ('bottom left', 'left half', 'all but bottom right', 'top left and bottom right')
    """
    words = {"2": "left half", "3": "all but bottom right", ANY: "any set", BRUSH: "any part"}
    words |= {scattered: f"scattered {100 - percent} %" for scattered, percent in SCATTERED.items()}
    if visible.startswith(PAINTED):
        return "painted part"
    name = canonical(visible)
    plain = "+".join(PROTOCOL.get(name, (name,)))
    return words.get(name) or plain.replace("-", " ").replace("+", " and ")


def counted(visible: str) -> str:
    """Name a set of the protocol by its number of quadrants, and any other set by its quadrants.

    >>> counted("1"), counted("2"), counted("any"), counted("top-right")
    ('1 quadrant', '2 quadrants', 'any set', 'top right')
    """
    if visible in PROTOCOL:
        return f"{visible} quadrant{'' if visible == '1' else 's'}"
    return described(visible)


def abbreviated(visible: str) -> str:
    """Abbreviate a set of quadrants for a run's name.

    >>> abbreviated("top-left+bottom-right"), abbreviated("2")
    ('tl.br', '2')
    """
    return ".".join("".join(w[0] for w in name.split("-")) if "-" in name else name for name in visible.split("+"))
