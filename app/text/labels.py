"""The names of a data set's classes, as Markdown and in charts."""

from app.text.plain_text import Markdown, charted, plain
from cvae_core.config.descriptions import Description

LONGEST = 24  # characters of a class's name in a chart, where long names would hide the picture
_SPOKEN_WITH_A_VOWEL = "aefhilmnorsx8"  # single letters and figures, whose names begin with a vowel
_VOWELS = "aeio8"  # at the beginning of a word


def name(description: Description, label: int) -> Markdown:
    """Return the name of a label's class."""
    return plain(description.classes[label])


def a(description: Description, label: int) -> Markdown:
    """Return the name of a label's class with an indefinite article.

    >>> from cvae_core.config.descriptions import BUILT_IN
    >>> [a(BUILT_IN[name], label) for name, label in (("mnist", 3), ("mnist", 8), ("fashion", 0), ("fashion", 9))]
    ['a 3', 'an 8', 'a T-shirt/top', 'an ankle boot']
    """
    return plain(one(description, label))


def one(description: Description, label: int) -> str:
    """Return the text of `a` without escapes, for captions of pictures and alternative texts."""
    word = description.classes[label]
    vowels = _SPOKEN_WITH_A_VOWEL if len(word) == 1 else _VOWELS
    return f"{'an' if word[0].casefold() in vowels else 'a'} {word}"


def short(word: str) -> str:
    """Return the name of a class for a chart: escaped, and cut if it is long."""
    return charted(word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…")
