"""Sweeps: a small grid of configurations from a TOML file, checked completely before the first one trains. No torch.

    flavour = "label"           every key is a setting of `train`; a list is one axis of the grid
    width = 128
    beta = [0.5, 1, 4]
    seed = [0, 1]               the last axis varies fastest

A run's name consists of the file's name, the flavour and the values on the axes, so that a file always names the same runs.
If a name is too long, words that all runs share are left out, keys are abbreviated, and the file's name is shortened.
"""

import codecs
import itertools
import math
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvae_core.config.flavours import DEFAULT_PRESET, Config
from cvae_core.config.job import USUAL, Job, Options
from cvae_core.config.presets import baseline_for
from cvae_core.data import catalogue
from cvae_core.data.fingerprints import fingerprint_here
from cvae_core.errors import ConfigError
from cvae_core.runs import sameness
from cvae_core.runs.card import CARD, Card, read_card
from cvae_core.runs.sameness import Subject
from cvae_core.system.folders import LONGEST, MARK, folder_of, name_of

LARGEST = 100  # runs; more are probably a typing error
MOST_BYTES = 8192  # of TOML; a grid needs a tenth of this, and parsing takes time quadratic in a key's length


@dataclass(frozen=True)
class Planned:
    """The name and configuration of a run of a sweep."""

    run: str
    config: Config

    def job(self, root: Path, finished: Mapping[Config, str], options: Options = USUAL) -> Job:
        """Return the training that starts or resumes the run; `finished` is what `sameness.finished` found in the root.

        A run that was begun keeps its options. Raises RunInUse if training would be refused because its name, or its
        baseline's, belongs to another run.
        """
        begun = None
        if self.config not in finished:
            self.missing_baseline(root, finished)
            begun = None if self.has_diverged(root) else self._begun(root)
        return Job(
            run=self.run, config=self.config, options=begun.options if begun else options, resume=begun is not None
        )

    def missing_baseline(self, root: Path, finished: Mapping[Config, str]) -> Config | None:
        """Return the baseline that has to be trained first, if any; raise RunInUse if another run has its name."""
        if (needed := baseline_for(self.config)) is None or needed in finished:
            return None
        sameness.baseline_is_begun(needed, root, fingerprint_here(needed.dataset))
        return needed

    def has_diverged(self, root: Path) -> bool:
        """Return whether the run diverged, as it would again with the same settings."""
        card = self._begun(root)
        return card is not None and card.verdict == "diverged"

    def _begun(self, root: Path) -> Card | None:
        """Return the card of a run that was begun and is not finished, or None."""
        folder = folder_of(self.run, root)
        if not os.path.lexists(folder / CARD):
            return None
        card = read_card(folder)
        wanted = Subject(self.config, sameness.images_now(card))
        sameness.require_free(self.run, card, wanted, "give the sweep, or its file, another name")
        return card if card.status != "finished" else None


def read(file: Path) -> str:
    """Return the text of a sweep's TOML file; raise ConfigError if it cannot be read."""
    try:
        with file.open("rb") as content:
            found = content.read(MOST_BYTES + 1)
        if len(found) > MOST_BYTES:
            raise ConfigError(f"{file} is not a sweep: {_TOO_LONG}")
        utf16 = found.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # from PowerShell's >
        return found.decode("utf-16" if utf16 else "utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}.") from error


def plan(file: Path, root: Path) -> list[Planned]:
    """Return the runs of a sweep in order; raise ConfigError, with key and value, if any of them is invalid."""
    text = read(file)
    try:
        return planned(text, file.stem, root)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def planned(text: str, name: str, root: Path) -> list[Planned]:
    """Return the runs of a sweep with this TOML text and name; raise ConfigError as `plan` does."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"This is not a sweep: {_TOO_LONG}")
    try:
        return _planned(tomllib.loads(text), name, root)
    except (ValueError, RecursionError) as error:  # also from numbers of thousands of digits, or nested brackets
        raise ConfigError(f"This is not TOML: {error}.") from error


def _planned(given: Mapping[str, Any], stem: str, root: Path) -> list[Planned]:
    axes = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
    for key, values in axes.items():
        if not values:
            raise ConfigError(f"{key!r} cannot be []: give at least one value.")
    if (count := math.prod(len(values) for values in axes.values())) > LARGEST:
        raise ConfigError(f"These are {count} runs: a sweep has at most {LARGEST}.")
    for key, values in axes.items():
        if any(value in values[:place] for place, value in enumerate(values)):  # 1 and 1.0 are the same
            raise ConfigError(f"{key!r} cannot be {values}: a value occurs twice.")
    points = [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]
    configs = [_configured(settings) for settings in points]
    shared = set.intersection(*(set(config.run_name.split("-")) for config in configs))
    planned = []
    for settings, config in zip(points, configs, strict=True):
        apart = {key: value for key, value in settings.items() if len(axes[key]) > 1 and key not in _NAMED}
        name = _name(stem, config, apart, shared)
        folder_of(name, root)  # refuse a link of that name before the first training
        planned.append(Planned(name, config))
    if len({run.config for run in planned}) < len(planned):
        raise ConfigError("Two runs of the sweep are the same: two values of an axis mean the same set of quadrants.")
    return planned


_TOO_LONG = f"it has more than {MOST_BYTES:,} bytes. Give only settings of train, and a list for each axis of the grid."
_NAMED = ("dataset", "flavour", "visible", "preset", "pixels")  # already in `Config.run_name`


def _name(stem: str, config: Config, apart: Mapping[str, Any], shared: Collection[str]) -> str:
    """Name a run after its file, its kind and the values that differ; leave out shared words if the name is too long."""

    def joined(*words: str) -> str:
        return "-".join(words).lower().replace("_", "-")

    name = joined(name_of(stem), config.run_name, *(f"{key}-{value}" for key, value in apart.items()))
    if len(name) <= LONGEST:
        return name_of(name)
    short = [word for word in config.run_name.split("-") if word not in shared]
    short += [f"{_abbreviated(key)}-{value}" for key, value in apart.items()]
    return name_of(joined(name_of(stem, max(MARK, LONGEST - len(joined("", *short)))), *short))


def _abbreviated(key: str) -> str:
    """Shorten a setting's name of several words: learning_rate becomes lr."""
    words = key.split("_")
    return "".join(word[0] for word in words) if len(words) > 1 else key


def _configured(values: Mapping[str, Any]) -> Config:
    changes = dict(values)
    return catalogue.configured(changes.pop("flavour", None), changes.pop("preset", DEFAULT_PRESET), **changes)
