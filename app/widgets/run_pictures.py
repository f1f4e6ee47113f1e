"""Pictures of a run, drawn by a recipe of the core and named after the run, and their animations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.cached.figures import Figure, Walk
from app.cached.runs import RunKey
from app.display import elements
from cvae_core.pictures.recipes import Sheet

FRAME_SCALE = 6  # every pixel of a digit in an animation is so many wide


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
    """Show the picture that a recipe draws with the given settings; `rows` and `columns` name them, `only` selects rows."""
    figure = Figure(key, recipe, settings, f"{key.name}: {caption}", rows, columns, only)
    elements.picture(figure, f"{key.name}-{name}", alt, scale)
    return figure


def animation(figure: Figure, name: str, first: int = 0) -> None:
    """Offer the columns of a figure, from a first one on, as an animation."""
    elements.gif_button(Walk(figure, first), f"{figure.key.name}-{name}-frames", FRAME_SCALE)
