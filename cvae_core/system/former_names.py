"""Deprecated names, from the README of version 0.1 and from copied code, and their replacements.

The next version removes them.
"""

import sys
import warnings
from functools import partial
from types import ModuleType
from typing import Any

PLACES = {
    "app.display.map_chart": "app.charts.map_chart",
    "app.display.plotly_charts": "app.charts.plotly_charts",
    "cvae_core.data.load": "cvae_core.load_data",
    "cvae_core.evaluation.evaluate": "cvae_core.evaluation.likelihood.evaluate",
    "cvae_core.examples.held_out": "cvae_core.data.batches.held_out",
    "cvae_core.figures": "cvae_core.pictures.grid",
    "cvae_core.figures.as_bytes": "cvae_core.data.intensities.as_bytes",
    "cvae_core.figures.grid": "cvae_core.pictures.grid.grid",
    "cvae_core.figures.papers": "cvae_core.pictures.grid.papers",
    "cvae_core.models.completed": "cvae_core.models.conditional_vae.completed",
    "cvae_core.models.labelled": "cvae_core.data.conditions.labelled",
    "cvae_core.models.quadrants_of": "cvae_core.data.conditions.quadrants_of",
    "cvae_core.noise": "cvae_core.data.noise",
    "cvae_core.noise.normal": "cvae_core.data.noise.normal",
    "cvae_core.noise.per_image": "cvae_core.data.noise.per_image",
    "cvae_core.objectives.from_posterior": "cvae_core.models.objectives.from_posterior",
    "cvae_core.quadrants.flags": "cvae_core.data.masks.flags",
}


def find(module: str, name: str, frames: int = 2) -> Any:
    """Return the object of a deprecated name and warn the caller, `frames` above; raise AttributeError for other names."""
    old = f"{module}.{name}"
    if old not in PLACES:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    from pkgutil import resolve_name  # here, because the import takes 10 ms

    warnings.warn(
        f"{old} is deprecated and will be removed in the next version: use {PLACES[old]}.", DeprecationWarning, frames
    )
    return sys.modules.get(old) or resolve_name(PLACES[old])  # only names from the table


def serve(name: str) -> None:
    """Make the deprecated names of a module available. A module that no longer exists is created."""
    module = sys.modules.setdefault(name, ModuleType(name, "Deprecated names: see `cvae_core.system.former_names`."))
    module.__getattr__ = partial(find, name)  # type: ignore[method-assign]


for _name in ("examples", "figures", "noise", "objectives", "quadrants"):
    serve(f"cvae_core.{_name}")
    if f"cvae_core.{_name}" not in PLACES:  # `import cvae_core.quadrants` leaves an attribute
        setattr(sys.modules["cvae_core"], _name, sys.modules[f"cvae_core.{_name}"])
