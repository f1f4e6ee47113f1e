"""The data sets of this machine: their names and descriptions, without reading images. Imports no torch."""

from typing import Any

from cvae_core.config.descriptions import BUILT_IN, Description
from cvae_core.config.flavours import DEFAULT_PRESET, Config, Flavour, PresetName
from cvae_core.config.presets import built_in, configure


def names() -> tuple[str, ...]:
    """Return the names of all data sets, the built-in ones first."""
    return tuple(BUILT_IN)


def described(name: str) -> Description:
    """Return the description of a data set; raise ConfigError with the existing names if there is none of this name."""
    return built_in(name)


def configured(flavour: Flavour, preset: PresetName = DEFAULT_PRESET, **changes: Any) -> Config:
    """Return the configuration that `configure` makes for any data set of this machine. Raises ConfigError."""
    return configure(flavour, preset, data=described(changes.get("dataset", Config.dataset)), **changes)
