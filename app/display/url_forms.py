"""How the values of controls are written into an address and read from it."""

import base64
import math
import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
Option = TypeVar("Option", bound=Hashable)


@dataclass(frozen=True)
class Form(Generic[Value]):
    """`texts` returns the texts of a parameter; `read` returns the value of some texts, or None if they mean none."""

    read: Callable[[Sequence[str]], Value | None]
    texts: Callable[[Value], Sequence[str]]


AnyForm = Form[Any]


def one_of(options: Sequence[Option] | Mapping[Option, str]) -> Form[Option]:
    """Return the form of one of some options; a mapping gives the texts of the options."""
    find, names = _finder(options)
    return Form(lambda texts: find(texts[-1]), lambda option: [names.get(option, str(option))])


def several(options: Sequence[Option] | Mapping[Option, str], most: int | None = None) -> Form[list[Option]]:
    """Return the form of a list of different options, at most `most`; an empty text means none of them."""
    find, names = _finder(options)

    def read(texts: Sequence[str]) -> list[Option] | None:
        found = [option for option in map(find, texts) if option is not None]
        return list(dict.fromkeys(found))[:most] if found or set(texts) == {""} else None

    return Form(read, lambda chosen: [names.get(option, str(option)) for option in chosen] or [""])


def _finder(
    options: Sequence[Option] | Mapping[Option, str],
) -> tuple[Callable[[str], Option | None], Mapping[Option, str]]:
    """Return a function that finds an option by its text, and the texts.

    Addresses of older versions have labels instead: the text escaped for Markdown, or the name of a run and what a comma
    separates from it.
    """
    names = dict(options) if isinstance(options, Mapping) else {option: str(option) for option in options}
    known = {str(option): option for option in names} | {text: option for option, text in names.items()}

    def find(text: str) -> Option | None:
        older = text.replace("\\", "").replace("\u2060", "")
        return next((known[each] for each in (text, older, older.partition(", ")[0]) if each in known), None)

    return find, names


def switch() -> Form[bool]:
    """Return the form of true or false."""
    values = {"true": True, "false": False}
    return Form(lambda texts: values.get(texts[-1].casefold()), lambda on: [str(bool(on)).lower()])


def whole(least: int, most: int) -> Form[int]:
    """Return the form of an integer in a range."""

    def read(texts: Sequence[str]) -> int | None:
        try:
            value: float = int(_figures(texts[-1]))
        except ValueError:
            value = _finite(texts[-1])  # 1e1 is 10
        return int(value) if least <= value <= most and value == int(value) else None

    return Form(read, lambda value: [str(value)])


def number(least: float, most: float) -> Form[float]:
    """Return the form of a number in a range."""

    def read(texts: Sequence[str]) -> float | None:
        value = _finite(texts[-1])
        return value if least <= value <= most else None

    return Form(read, lambda value: [f"{value:.12g}"])


def line(most: int) -> Form[str]:
    """Return the form of a text of at most `most` characters."""
    return Form(lambda texts: texts[-1] if len(texts[-1]) <= most else None, lambda text: [text])


def _finite(text: str) -> float:
    """Return the number that a text means, or NaN."""
    try:
        value = float(_figures(text))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _figures(text: str) -> str:
    """Return a text; raise ValueError if it is a number to Python only, such as 1_0."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return text


def packed(content: bytes) -> str:
    """Return bytes as a short text for an address: compressed, in URL-safe Base64."""
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def unpacked(text: str, length: int) -> bytes | None:
    """Return the bytes in a text made by `packed`, or None if the text is invalid or has not `length` bytes."""
    try:
        compressed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        stream = zlib.decompressobj()
        content = stream.decompress(compressed, length + 1)
    except (ValueError, zlib.error):
        return None
    return content if len(content) == length and stream.eof and not stream.unused_data else None
