"""Whether values are what annotations promise: JSON has types of its own, and whoever wrote it may have meant others."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

MAX_TEXT = 4000  # letters, where texts are to be one line
MAX_WHOLE = 2**63 - 1  # the largest whole number that tables and tensors hold


def fits(value: object, kind: Any, *, one_line: bool = False) -> bool:
    """Say whether a value has the type that an annotation promises; numbers are finite and whole ones fit into 64 bits.

    Texts are one line if they must be.

    >>> fits({"elbo": -90.5}, Mapping[str, float]), fits({"elbo": "low"}, Mapping[str, float])
    (True, False)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in inner
    if origin in (Union, UnionType):
        return any(fits(value, one, one_line=one_line) for one in inner)
    if origin is Mapping:
        return isinstance(value, dict) and all(
            fits(part, annotation, one_line=one_line)
            for pair in value.items()
            for part, annotation in zip(pair, inner, strict=True)
        )
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(fits(one, inner[0], one_line=one_line) for one in value)
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, int):
        return kind in (int, float) and abs(value) <= MAX_WHOLE
    if kind is float:
        return isinstance(value, float) and abs(value) <= sys.float_info.max  # as NaN is not
    if isinstance(value, str):
        return kind is str and (not one_line or (value.isprintable() and len(value) <= MAX_TEXT))
    if is_dataclass(value) and isinstance(value, kind):
        hints = get_type_hints(type(value))
        return all(fits(getattr(value, field.name), hints[field.name], one_line=one_line) for field in fields(value))
    return isinstance(value, kind)
