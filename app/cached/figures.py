"""Pictures on pages: recipes of the core with their settings, computed once for all visitors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
import torch
from PIL import Image

from app.cached import runs
from app.cached.runs import RunKey
from cvae_core.config.descriptions import MNIST
from cvae_core.data.batches import held_out, shown_rows
from cvae_core.data.conditions import Condition
from cvae_core.data.datasets import Split
from cvae_core.evaluation import sample_quality
from cvae_core.evaluation.classifier import Classifier
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.pictures import grid, recipes
from cvae_core.pictures.recipes import Sheet

KEPT = 100  # cached pictures, as pixels: up to 100 kB each of 28×28 grey images, 2 MB of 64×64 colour images
KEPT_OFTEN = 20  # cached sets of many completions: up to 600 kB, or 10 MB of 64×64 colour images


@dataclass(frozen=True)
class Figure:
    """One picture of a run: a recipe, its settings, a caption and headings."""

    key: RunKey
    recipe: Callable[..., Sheet]
    settings: Mapping[str, Any]
    caption: str
    rows: Sequence[str] = field(default=())
    columns: Sequence[str] = field(default=())
    only: Sequence[int] = field(default=())  # the rows to show; empty: all

    @property
    def sheet(self) -> Sheet:
        """Return the pixels."""
        test = (runs.images(self.key).test,) if self.recipe in recipes.OF_TEST_IMAGES else ()
        made = _sheet(self.key, self.recipe.__name__, tuple(self.settings.items()), self.recipe, test)
        return made.only(self.only) if self.only else made

    def draw(self, scale: int) -> Image.Image:
        """Draw the picture; a pixel of an image of MNIST would be `scale` pixels wide."""
        images, papers = self.sheet
        return grid.grid(images, papers=papers, **self._options(scale))

    def _options(self, scale: int) -> dict[str, Any]:
        words = {"rows": self.rows, "columns": self.columns, "caption": self.caption}
        given = {name: value for name, value in words.items() if value}
        return {"scale": fitting(scale, self.key), **given, **_look(self.key)}

    @property
    def facts(self) -> dict[str, object]:
        """Return the metadata of an exported picture."""
        return {"run": self.key.name, **self.settings}

    @property
    def own_images(self) -> str:
        """Return the name of the data set whose images are shown; an empty text for none, or if it is public."""
        return runs.own_images(self.key) if self.recipe in recipes.OF_TEST_IMAGES else ""

    def python(self, scale: int, file: str) -> str:
        """Return Python code that draws exactly this picture."""
        return self.code("grid", f"grid(sheet{in_words(self._options(scale))}).save({file!r})")

    def code(self, drawn_by: str, draw: str) -> str:
        """Return Python code that computes the pixels as `sheet` and draws them with a function of the interface."""
        given = in_words(self.settings)
        test = ", run.images().test" if self.recipe in recipes.OF_TEST_IMAGES else ""
        only = f".only({list(self.only)})" if self.only else ""
        sheet = f"sheet = recipes.{self.recipe.__name__}(run.model(){test}{given}){only}"
        return code_of(self.key, f"find, {drawn_by}, recipes", sheet, draw)


@dataclass(frozen=True)
class Walk:
    """An animation of a picture's columns, from column `first` on."""

    figure: Figure
    first: int = 0

    @property
    def recipe(self) -> Callable[..., object]:
        """Return the function of the core that computes the columns."""
        return self.figure.recipe

    @property
    def scale(self) -> int:
        """Return the scale for slides."""
        return grid.slide_scale(self.figure.sheet.images)

    def gif(self, scale: int) -> bytes:
        """Draw the animation as a GIF."""
        images, papers = self.figure.sheet
        return grid.gif(grid.columns(images, papers, **self._options(scale)))

    def _options(self, scale: int) -> dict[str, Any]:
        return {"first": self.first, "scale": scale, "caption": self.figure.caption, **_look(self.figure.key)}

    @property
    def own_images(self) -> str:
        """Return the name of the data set whose images are shown; an empty text for none, or if it is public."""
        return self.figure.own_images

    def python(self, scale: int, file: str) -> str:
        """Return Python code that writes the animation."""
        return self.figure.code("gif", written(f"gif(sheet{in_words(self._options(scale))})", file))


def fitting(scale: int, key: RunKey) -> int:
    """Return the scale at which a run's images are about as wide as MNIST's at the given one."""
    return max(1, round(scale * MNIST.side / runs.config(key).side))


def _look(key: RunKey) -> dict[str, Any]:
    """Return the options of pictures of a run's images: nothing, or that they are no drawings."""
    return {} if runs.description(key).drawn else {"drawn": False}


def in_words(options: Mapping[str, object]) -> str:
    """Return options as Python code that follows other arguments."""
    return "".join(f", {name}={value!r}" for name, value in options.items())


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _sheet(
    key: RunKey,
    name: str,
    settings: tuple[tuple[str, Any], ...],
    _recipe: Callable[..., Sheet],
    _test: tuple[Split, ...],
) -> Sheet:
    """Return the pixels of a recipe, which its name represents in the cache's key."""
    often = {"often": partial(_completed_often, key)} if _recipe in recipes.DRAWN_OFTEN else {}
    return _recipe(runs.model(key), *_test, **dict(settings), **often)


@st.cache_data(
    max_entries=KEPT_OFTEN,
    show_spinner=False,
    hash_funcs={
        Condition: lambda c: tuple(
            part.numpy().tobytes() for part in (c.pixels, c.visible, c.labels, c.attributes) if part is not None
        )
    },
)
def _completed_often(key: RunKey, _model: ConditionalVAE, c: Condition, count: int, seed: int) -> np.ndarray:
    """Return `recipes.completed_often`, cached for both the picture and the classifier."""
    return recipes.completed_often(_model, c, count, seed)


def style(key: RunKey, ink: bytes, label: int) -> list[float]:
    """Return the base noise of a drawing's posterior mean."""
    return recipes.encoded(runs.model(key), ink, label).noise[0, 0].tolist()


def code_of(key: RunKey, names: str, *lines: str) -> str:
    """Return Python code: an import of `names` from the public interface, a search for the run, then `lines`."""
    return "\n".join([f"from cvae_core import {names}", "", f"run = find({key.name!r})", *lines, ""])


def written(gif: str, file: str) -> str:
    """Return Python code that writes a GIF to a file."""
    return f"with open({file!r}, 'wb') as file:\n    file.write({gif})"


def rate(key: RunKey, index: int) -> float:
    """Return the rate of a test image in nats."""
    return _rate(key, index, runs.images(key).test)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _rate(key: RunKey, index: int, _test: Split) -> float:
    model = runs.model(key)
    x, c = held_out(model.config, _test, torch.tensor([index]))
    with torch.inference_mode():
        return float(model.infer(x, c, torch.zeros(1, 1, model.latent)).rate.sum())


def readings(key: RunKey, given: Sequence[int] | bytes, seen: Mapping[str, Any], seed: int) -> np.ndarray | None:
    """Return how completions of test images or a drawing are classified, shares (N, classes); None without a classifier.

    `seen` has the setting `visible` of a recipe, and the `label` if one is chosen.
    """
    classifier = runs.classifier(key)
    test = None if isinstance(given, bytes) else runs.images(key).test
    return None if classifier is None else _readings(key, given, dict(seen), seed, classifier, test)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _readings(
    key: RunKey,
    given: Sequence[int] | bytes,
    seen: dict[str, Any],
    seed: int,
    _classifier: Classifier,
    _test: Split | None,
) -> np.ndarray:
    model = runs.model(key)
    if isinstance(given, bytes):
        c = recipes.drawn_condition(model, given, **seen)
    else:
        assert _test is not None
        _, c = recipes.completed_test_images(model, _test, given, **seen)
    return sample_quality.readings(_classifier, _completed_often(key, model, c, recipes.MANY, seed))


def one_of_each(key: RunKey) -> tuple[int, ...]:
    """Return the first test index of each label among a run's images, for at most ten labels."""
    return tuple(shown_rows(runs.images(key).test, runs.config(key).classes).tolist())
