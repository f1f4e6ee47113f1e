"""Whether values are what annotations promise: JSON has types of its own, and whoever wrote it may have meant others.

A number's range stands beside its type: `Annotated[float, Between(0, 1)]`, or `Count`, `Seconds`, `Nats` and the like.
"""

import sys
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache, partial
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from cvae_core.errors import ConfigError

Device = Literal["auto", "cpu", "cuda"]

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_TEXT = 4000  # letters, where texts are to be one line
MAX_WHOLE = 2**63 - 1  # the largest whole number that tables and tensors hold


@dataclass(frozen=True)
class Between:
    """Contain the numbers from one to another."""

    least: float
    most: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.least <= value <= self.most


class _Moments:
    """Contain the moments in ISO 8601 that a computer's clock shows, with their time zone."""

    def __contains__(self, value: object) -> bool:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return False
        return moment.tzinfo is not None and 1970 < moment.year < 9999


Moment = Annotated[str, _Moments()]
Count = Annotated[int, Between(0, 10**12)]  # of parameters, say
Epoch = Annotated[int, Between(0, 100_000)]  # the most that a configuration allows
Workers = Annotated[int, Between(1, 2**16)]  # threads or processes
Images = Annotated[int, Between(1, 100_000)]  # no split and no judgement has more
Seconds = Annotated[float, Between(0, 1e10)]  # three hundred years
NATS = Between(-1e12, 1e12)  # per image: a training whose bound is beyond has diverged
Nats = Annotated[float, NATS]


def fits(value: object, kind: Any, *, one_line: bool = False) -> bool:
    """Say whether a value has the type that an annotation promises, and lies in the range that stands beside it.

    Numbers are finite and whole ones fit into 64 bits. Texts are one line if they must be.

    >>> fits({"elbo": -90.5}, Mapping[str, float]), fits({"elbo": "low"}, Mapping[str, float])
    (True, False)
    >>> fits(2, Annotated[int, Between(1, 3)]), fits(4, Annotated[int, Between(1, 3)])
    (True, False)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        ranges = (part for part in inner[1:] if isinstance(part, Container))
        return fits(value, inner[0], one_line=one_line) and all(value in each for each in ranges)
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
    if is_dataclass(value) and not isinstance(value, type) and isinstance(value, kind):
        return not misfits(value, one_line=one_line)
    return isinstance(value, kind)


def misfits(value: "DataclassInstance", *, one_line: bool = False) -> list[str]:
    """Return the names of a dataclass's fields whose values are not what their annotations promise."""
    hints = _promises(type(value))
    return [
        field.name
        for field in fields(value)
        if not fits(getattr(value, field.name), hints[field.name], one_line=one_line)
    ]


def fills(kind: "type[DataclassInstance]", values: Collection[str]) -> bool:
    """Say whether values name all fields of a dataclass that have no default, and nothing that is no field of it."""
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    return needed <= set(values) <= {f.name for f in fields(kind)}


def require_fitting(value: "DataclassInstance") -> None:
    """Raise ConfigError for the first field whose value is not what its annotation promises, and say what would fit."""
    for name in misfits(value):
        given, parts = getattr(value, name), list(_parts(_promises(type(value))[name]))
        choices = [get_args(part) for part in parts if get_origin(part) is Literal]
        ranges = [part for part in parts if isinstance(part, Between)]
        if choices:
            fitting = f"{given!r}: it is one of {', '.join(choices[0])}"
        elif ranges and (isinstance(given, int) or float in parts):
            fitting = f"{given}: it lies between {ranges[0].least} and {ranges[0].most}"
        else:
            fitting = f"{given!r}: it is {next(words for kind, words in _WORDS.items() if kind in parts)}"
        raise ConfigError(f"{spoken(name)} cannot be {fitting}.")


def spoken(name: str) -> str:
    """Return a field's name as a sentence begins with it.

    >>> spoken("learning_rate")
    'Learning rate'
    """
    return name.replace("_", " ").capitalize()


_promises = cache(partial(get_type_hints, include_extras=True))  # of a class: reading them takes a while
_WORDS = {int: "a whole number", bool: "True or False", str: "text"}


def _parts(kind: object) -> Iterator[object]:
    """Yield an annotation and everything it is made of."""
    yield kind
    if get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from _parts(part)
