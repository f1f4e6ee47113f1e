"""The pages' pictures: recipes of the core's gallery with their settings, computed once, whoever asks."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
import torch
from PIL import Image, ImageDraw

from app import charts, controls, library
from app.library import RunKey
from cvae_core import figures, gallery, quadrants
from cvae_core.config import LabelConfig, QuadrantConfig
from cvae_core.examples import first_of_each_label, held_out
from cvae_core.gallery import Sheet
from cvae_core.latent import Embedding

STRIP_MOMENTS, STRIP_ROWS, THUMBNAIL = 8, [0, 3, 5, 8], (300, 220)
_FROM_RUNS = "from cvae_core.runs import default_root, find"
KEPT = 400  # pictures' pixels in the cache, at most 100 kB each


@dataclass(frozen=True)
class Figure:
    """One picture of a run: a recipe of the gallery, its settings, and what is written round it."""

    key: RunKey
    recipe: Callable[..., Sheet]
    settings: Mapping[str, Any]
    caption: str
    rows: Sequence[str] = field(default=())
    columns: Sequence[str] = field(default=())

    @property
    def sheet(self) -> Sheet:
        """Return the pixels."""
        return _sheet(self.key, self.recipe.__name__, tuple(self.settings.items()))

    @property
    def frames(self) -> list[np.ndarray]:
        """Return the columns as pictures of their own, (R, 1, 784) each."""
        images = self.sheet.images
        return [images[:, [column]] for column in range(images.shape[1])]

    def draw(self, scale: int) -> Image.Image:
        """Draw the picture, every pixel of a digit so many wide."""
        images, papers = self.sheet
        return figures.grid(
            images, papers=papers, scale=scale, rows=self.rows, columns=self.columns, caption=self.caption
        )

    @property
    def facts(self) -> dict[str, object]:
        """Return what is written into an exported picture's metadata."""
        return {"run": self.key.name, **self.settings}

    def python(self, scale: int, file: str) -> str:
        """Return the lines that draw exactly this picture from a shell."""
        given = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        lines = ["from cvae_core import figures, gallery", _FROM_RUNS, ""]
        lines += [f"run = find({self.key.name!r}, default_root())"]
        test = ", run.images().test" if _needs_images(self.recipe) else ""
        lines += [f"images, papers = gallery.{self.recipe.__name__}(run.model(){test}{given})"]
        words = {"scale": scale, "rows": self.rows, "columns": self.columns, "caption": self.caption}
        said = "".join(f", {name}={value!r}" for name, value in words.items() if value)
        return "\n".join([*lines, f"figures.grid(images, papers=papers{said}).save({file!r})", ""])


def _needs_images(recipe: Callable[..., Sheet]) -> bool:
    return "test" in inspect.signature(recipe).parameters


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _sheet(key: RunKey, recipe: str, settings: tuple[tuple[str, Any], ...]) -> Sheet:
    function, model = getattr(gallery, recipe), library.model(key)
    images = [library.dataset(model.config.dataset).test] if _needs_images(function) else []
    made: Sheet = function(model, *images, **dict(settings))
    return made


def style(key: RunKey, ink: bytes, label: int) -> list[float]:
    """Return the base noise of a drawing's posterior mean, as sliders can hold it."""
    found = gallery.encoded(library.model(key), ink, label).noise[0, 0]
    return [controls.on_slider(value) for value in found.tolist()]


@dataclass(frozen=True)
class Stage:
    """One stage of a run's training."""

    key: RunKey
    index: int

    def draw(self, scale: int) -> Image.Image:
        """Draw reconstructions and samples."""
        stages = library.stages(self.key)
        moment = {name: array[[self.index]] for name, array in stages.items() if name != "test_indices"}
        return figures.stage_frames(moment, self.key.name, scale)[0]

    @property
    def facts(self) -> dict[str, object]:
        """Return what is written into an exported picture's metadata."""
        return {"run": self.key.name, "epochs": float(library.stages(self.key)["epoch"][self.index])}

    def python(self, scale: int, file: str) -> str:
        """Return the lines that draw exactly this picture from a shell."""
        lines = [
            "from cvae_core import figures",
            _FROM_RUNS,
            "",
            f"stages = find({self.key.name!r}, default_root()).stages()",
        ]
        lines += [f"frames = figures.stage_frames(stages, {self.key.name!r}, {scale})"]
        return "\n".join([*lines, f"frames[{self.index}].save({file!r})", ""])


@st.cache_data(max_entries=KEPT, show_spinner=False)
def rate(key: RunKey, index: int) -> float:
    """Return the nats that a test image's z costs."""
    model = library.model(key)
    x, c = held_out(model.config, library.dataset(model.config.dataset).test, torch.tensor([index]))
    with torch.inference_mode():
        return float(model.infer(x, c, torch.zeros(1, 1, model.latent)).rate.sum())


def one_of_each(dataset: str) -> tuple[int, ...]:
    """Return the first test index of each label."""
    return tuple(first_of_each_label(library.dataset(dataset).test).tolist())


def condition_words(key: RunKey, label: int) -> str:
    """Say what a run is given of an image with a label."""
    match library.config(key):
        case LabelConfig():
            return f"the label {label}"
        case QuadrantConfig(visible=visible):
            return f"its {quadrants.described(visible)}"
    return "nothing"


def stage_strip(key: RunKey) -> Image.Image:
    """Draw four of a run's samples at eight moments of its training, from left to right."""
    stages = library.stages(key)
    moments = np.linspace(0, len(stages["epoch"]) - 1, STRIP_MOMENTS).round().astype(int)
    rows = stages["samples"][moments][:, STRIP_ROWS, 0].transpose(1, 0, 2)
    return figures.grid(rows, scale=1, caption=f"{key.name}, from 0 to {stages['epoch'][-1]:.0f} epochs")


def map_thumbnail(embedding: Embedding) -> Image.Image:
    """Draw an embedding small: a dot per image, a colour per digit."""
    upright = embedding.coordinates * (1, -1)  # a picture's y grows downwards
    low, high = upright.min(axis=0), upright.max(axis=0)
    places = ((upright - low) / np.maximum(high - low, 1e-6) * (np.array(THUMBNAIL) - 6) + 2).astype(int)
    picture = Image.new("RGB", THUMBNAIL, "white")
    pen = ImageDraw.Draw(picture)
    for (x, y), label in zip(places.tolist(), embedding.labels.tolist(), strict=True):
        pen.rectangle((x, y, x + 2, y + 2), fill=charts.DIGIT_COLOURS[label])
    return picture
