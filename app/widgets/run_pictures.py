"""Pictures and animations of a run, drawn by recipes of the core; their file names begin with the run's name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.cached import runs
from app.cached.figures import Figure, Walk
from app.cached.runs import RunKey
from app.display import elements
from cvae_core.pictures.recipes import Sheet


def show(
    key: RunKey,
    recipe: Callable[..., Sheet],
    settings: Mapping[str, Any],
    caption: str,
    name: str,
    alt: str,
    scale: int = 2,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    only: Sequence[int] = (),
) -> Figure:
    """Show the picture that a recipe draws with `settings`; `rows` and `columns` are headings, `only` selects rows."""
    figure = Figure(key, recipe, settings, f"{runs.label(key.name)}: {caption}", rows, columns, only)
    elements.picture(figure, f"{key.name}-{name}", alt, scale)
    return figure


def animation(figure: Figure, name: str, first: int = 0) -> None:
    """Show a button for an animation of a figure's columns, from column `first` on."""
    elements.gif_button(Walk(figure, first), f"{figure.key.name}-{name}-frames")
