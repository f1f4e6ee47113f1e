"""The data sets of this machine: their names and descriptions, without reading images. Imports neither torch nor NumPy.

    built-in   MNIST, Fashion-MNIST, Kuzushiji-MNIST and the embedded digits
    shipped    cvae_core/data/sets/NAME/, part of the lab
    added      $CVAE_DATA/sets/NAME/, written by `sealed.store`

The folder of a shipped or added data set has a header, data.json, and a file of images, images-XXXXXXXX.npz.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cvae_core.config.descriptions import BUILT_IN, LONGEST_NAME, Description, description_from_json
from cvae_core.config.flavours import DEFAULT_PRESET, Config, Flavour, PresetName
from cvae_core.config.presets import configure
from cvae_core.config.reports import Report, report_from_json
from cvae_core.errors import ConfigError, DataDamaged, DataMissing, RunDamaged
from cvae_core.system import files
from cvae_core.system.folders import NAME, unlinked
from cvae_core.system.type_checks import Moment, fills, misfits

HEADER, FORMAT = "data.json", 1
SHIPPED = Path(__file__).with_name("sets")
LONGEST = 40  # characters of the name of an added data set: the names of its runs begin with it
HEADERS_KEPT = 256  # in memory while their files are unchanged
Origin = Literal["built-in", "shipped", "added"]


@dataclass(frozen=True, kw_only=True)
class Header:
    """Everything about a shipped or added data set except its images."""

    format: int = FORMAT
    description: Description
    fingerprint: str  # SHA-256 of the images and labels of all splits
    file: str  # name of the file of images
    created: Moment  # UTC, ISO 8601
    source: str  # name of the file or folder that was read
    flags: Mapping[str, str]  # of the command that added it
    licence: str
    report: Report

    def __post_init__(self) -> None:
        if wrong := misfits(self, one_line=True):
            raise ConfigError(f"The header of a data set cannot hold this {', '.join(wrong)}.")
        if not re.fullmatch(r"images-[0-9a-f]{8}\.npz", self.file) or not re.fullmatch(
            "[0-9a-f]{64}", self.fingerprint
        ):
            raise ConfigError("It names no file of images, or no fingerprint.")

    def to_json(self) -> dict[str, Any]:
        """Return the header as plain JSON."""
        return asdict(self)


def folder() -> Path:
    """Return the folder of data sets: `$CVAE_DATA`, else `data` in the repository."""
    return files.user_path("CVAE_DATA", "data")


def added_folder() -> Path:
    """Return the folder of the added data sets."""
    return folder() / "sets"


def names() -> tuple[str, ...]:
    """Return the names of all data sets: the built-in ones, the shipped ones and the added ones."""
    return tuple(dict.fromkeys((*BUILT_IN, *_names_in(SHIPPED), *_names_in(added_folder()))))


def exists(name: str) -> bool:
    """Return whether a data set is built in, shipped or added. The files of a built-in one may be missing here."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return False
    return name in BUILT_IN or any(map(_is_sealed, _places(name)))


def known(name: str) -> str:
    """Return the name of a data set unchanged; raise ConfigError with the existing names if it is unknown."""
    if not exists(name):
        given = str(name)[:LONGEST_NAME]
        raise ConfigError(
            f"No data set is called {given!r}: choose one of {', '.join(names())}. Add your own images with "
            "python -m cvae_core data add NAME SOURCE."
        )
    return name


def require_here(name: str) -> None:
    """Raise DataMissing if a data set, for example that of an imported run, is not on this machine.

    Raises ConfigError for a text that cannot be the name of a data set.
    """
    if not exists(name) and isinstance(name, str) and NAME.fullmatch(name):
        raise DataMissing(
            f"The data set {name!r} is not on this machine: add the same images with python -m cvae_core data add {name} "
            f"SOURCE, or ask for its folder and copy it to {added_folder() / name}. There are: {', '.join(names())}."
        )
    known(name)


def damaged(name: str, fault: str) -> DataDamaged:
    """Return the error for a damaged data set, with the remedy. The fault is a sentence."""
    if origin(name) == "shipped":
        return DataDamaged(f"{fault} The data set {name} is part of the lab: install the lab again.")
    return DataDamaged(
        f"{fault} To replace the data set, remove it with python -m cvae_core data remove {name}, and add its images again."
    )


def origin(name: str) -> Origin:
    """Return where a data set comes from. Raises ConfigError with the existing names."""
    if known(name) in BUILT_IN:
        return "built-in"
    return "shipped" if _is_sealed(SHIPPED / name) else "added"


def sealed_folder(name: str) -> Path:
    """Return the folder of a shipped or added data set. Raises ConfigError with the existing names."""
    for place in _places(known(name)):
        if _is_sealed(place):
            return place
    raise ConfigError(f"The data set {name!r} has no folder of its own: it is built in.")


def described(name: str) -> Description:
    """Return the description of a data set; raise ConfigError with the existing names, or DataDamaged."""
    return BUILT_IN[name] if known(name) in BUILT_IN else header(name).description


def header(name: str) -> Header:
    """Return the header of a shipped or added data set. Raises ConfigError with the existing names, or DataDamaged."""
    path = sealed_folder(name) / HEADER
    try:
        found = _header(path, files.version(path))
    except RunDamaged as error:
        raise damaged(name, str(error)) from error
    except ConfigError as error:
        raise damaged(name, f"{path} cannot be used. {error}") from error
    if found.description.name != name:
        raise DataDamaged(
            f"{path} describes the data set {found.description.name!r}: rename the folder to {found.description.name}."
        )
    return found


def configured(flavour: Flavour, preset: PresetName = DEFAULT_PRESET, **changes: Any) -> Config:
    """Return the preset configuration of a flavour for a data set on this machine, with some settings changed.

    The preset is adapted to the data set that `dataset` names, by default mnist. Raises ConfigError with the existing
    settings or names, and DataDamaged.

    >>> configured("label", dataset="digits", latent=2).latents
    2
    """
    return configure(flavour, preset, data=described(changes.get("dataset", Config.dataset)), **changes)


def require_free(name: str) -> Path:
    """Return the folder for a new data set; raise ConfigError if its name is invalid or taken."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > LONGEST:
        raise ConfigError(
            f"A data set cannot be called {str(name)[:LONGEST_NAME]!r}: take up to {LONGEST} of a-z, 0-9, dot, underscore "
            "and hyphen, starting with a letter or digit."
        )
    place = added_folder() / name
    if exists(name):
        remedy = f", or remove that one with python -m cvae_core data remove {name}" if origin(name) == "added" else ""
        raise ConfigError(f"There is a data set {name!r} already: choose another name{remedy}.")
    if os.path.lexists(place):
        raise ConfigError(f"{place} exists and is not a data set: move it, or choose another name.")
    return place


def _places(name: str) -> tuple[Path, Path]:
    return SHIPPED / name, added_folder() / name


def _is_sealed(place: Path) -> bool:
    """Return whether a folder has a header, readable or not. Links are not followed."""
    try:
        return os.path.lexists(unlinked(place, place.parent) / HEADER)
    except ConfigError:
        return False


def _names_in(parent: Path) -> list[str]:
    with suppress(OSError):
        return [place.name for place in sorted(parent.iterdir()) if NAME.fullmatch(place.name) and _is_sealed(place)]
    return []


@lru_cache(HEADERS_KEPT)
def _header(path: Path, version: tuple[int, int, int]) -> Header:
    content = files.read_json(path)
    if content.get("format") != FORMAT:
        raise ConfigError("It was written by another version of the lab.")
    if not fills(Header, content):
        raise ConfigError("It has other fields than this version of the lab writes.")
    parts = {
        "description": description_from_json(content["description"]),
        "report": report_from_json(content["report"]),
    }
    return Header(**{**content, **parts})
