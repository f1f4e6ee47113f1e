"""Check values against annotations. This is needed for values from JSON, which may have other types.

The range of a number is given beside its type: `Annotated[float, Between(0, 1)]`, or `Count`, `Seconds`, `Nats` and the like.
"""

import sys
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache, partial, wraps
from inspect import signature
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from cvae_core.errors import ConfigError

Device = Literal["auto", "cpu", "cuda"]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_TEXT = 4000  # characters of a text that must be one line
MAX_WHOLE = 2**63 - 1  # the largest int64: tables and tensors cannot store larger numbers


@dataclass(frozen=True)
class Between:
    """The interval of numbers from `least` to `most`, both included."""

    least: float
    most: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.least <= value <= self.most


class _Times:
    """The set of times in ISO 8601 with a time zone, between the years 1970 and 9999."""

    def __contains__(self, value: object) -> bool:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return False
        return moment.tzinfo is not None and 1970 < moment.year < 9999


Moment = Annotated[str, _Times()]
Count = Annotated[int, Between(0, 10**12)]  # for example of parameters
Epoch = Annotated[int, Between(0, 100_000)]  # the maximum in a configuration
Workers = Annotated[int, Between(1, 2**16)]  # threads or processes
Images = Annotated[int, Between(1, 200_000)]  # the maximum in a split or a judgement
Seconds = Annotated[float, Between(0, 1e10)]  # about 300 years
NATS = Between(-1e12, 1e12)  # per image: a training with a bound outside this range has diverged
Nats = Annotated[float, NATS]


def fits(value: object, kind: Any, *, one_line: bool = False) -> bool:
    """Return whether a value has the annotated type and lies in the annotated range.

    Numbers must be finite, and integers must fit into 64 bits. With `one_line`, texts must be printable, on one line, and
    have at most `MAX_TEXT` characters.

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
        return isinstance(value, list | tuple | range) and all(fits(one, inner[0], one_line=one_line) for one in value)
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, int):
        return kind in (int, float) and abs(value) <= MAX_WHOLE
    if kind is float:
        return isinstance(value, float) and abs(value) <= sys.float_info.max  # False for NaN
    if isinstance(value, str):
        return kind is str and (not one_line or (value.isprintable() and len(value) <= MAX_TEXT))
    if is_dataclass(value) and not isinstance(value, type) and isinstance(value, kind):
        return not misfits(value, one_line=one_line)
    return isinstance(value, kind)


def misfits(value: "DataclassInstance", *, one_line: bool = False) -> list[str]:
    """Return the names of the fields of a dataclass whose values do not match their annotations."""
    hints = _annotations(type(value))
    return [
        field.name
        for field in fields(value)
        if not fits(getattr(value, field.name), hints[field.name], one_line=one_line)
    ]


def fills(kind: "type[DataclassInstance]", values: Collection[str]) -> bool:
    """Return whether names contain all fields of a dataclass without default, and no unknown fields."""
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    return needed <= set(values) <= {f.name for f in fields(kind)}


def require_fitting(value: "DataclassInstance") -> None:
    """Raise ConfigError for the first field whose value does not fit its annotation; the message states what would fit."""
    for field in fields(value):
        require(field.name, getattr(value, field.name), _annotations(type(value))[field.name])


def require(name: str, value: object, kind: Any) -> None:
    """Raise ConfigError if the value of a setting or an argument does not fit its annotation."""
    if fits(value, kind):
        return
    parts = list(_parts(kind))
    given = repr(value)[:200] if isinstance(value, _SHORT) else f"a {type(value).__name__}"
    choices = [get_args(part) for part in parts if get_origin(part) is Literal]
    ranges = [part for part in parts if isinstance(part, Between)]
    if choices:
        fitting = f"it must be one of {', '.join(choices[0])}"
    elif ranges and (isinstance(value, int) or float in parts):
        fitting = f"it must lie between {ranges[0].least} and {ranges[0].most}"
    else:
        fitting = f"it must be {_words(kind)}"
    raise ConfigError(f"{spoken(name)} cannot be {given}: {fitting}.")


def checked(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Make a function raise ConfigError if an argument does not fit its annotation."""
    kinds = get_type_hints(function, include_extras=True)

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        for name, value in signature(function).bind(*args, **kwargs).arguments.items():
            require(name, value, kinds[name])
        return function(*args, **kwargs)

    return call


def spoken(name: str) -> str:
    """Return the name of a field as the first words of a sentence.

    >>> spoken("learning_rate")
    'Learning rate'
    """
    return name.replace("_", " ").capitalize()


_annotations = cache(partial(get_type_hints, include_extras=True))  # cached, because reading annotations is slow
_SHORT = (str, int, float, list, tuple, range, dict, NoneType)  # values that messages repeat
_WORDS: Mapping[Any, str] = {int: "a whole number", bool: "True or False", str: "text", float: "a number"}


def _words(kind: Any) -> str:
    """Return in words which values an annotation allows."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in inner if one is not NoneType)
    if origin is Sequence:
        return f"a list, with {_words(inner[0])} at each place"
    return _WORDS.get(kind) or f"a {kind.__name__}"


def _parts(kind: object) -> Iterator[object]:
    """Yield an annotation and all its parts, recursively."""
    yield kind
    if get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from _parts(part)
