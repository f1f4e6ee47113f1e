"""Pictures of the stages of a run's training on pages: one stage, some side by side, and all as an animation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import streamlit as st
from PIL import Image

from app.cached import histories, runs
from app.cached.figures import KEPT, code_of, fitting, written
from app.cached.runs import RunKey
from cvae_core.config.flavours import Config
from cvae_core.data.datasets import Split
from cvae_core.pictures import grid
from cvae_core.pictures import stages as replay

DESCRIBED = ", data=run.card().description"  # in Python code


class OfStages:
    """A picture of the stages of a run's training, which show test images."""

    key: RunKey

    @property
    def own_images(self) -> str:
        """Return the name of the data set whose images are shown; an empty text for none, or if it is public."""
        return runs.own_images(self.key)


@dataclass(frozen=True)
class Stage(OfStages):
    """A picture of one stage of a run's training."""

    key: RunKey
    index: int
    recipe: ClassVar[Callable[..., object]] = staticmethod(replay.frame)

    def draw(self, scale: int) -> Image.Image:
        """Draw reconstructions and samples, below the test images if they are on this machine."""
        has_truth = runs.test_images(self.key) is not None
        return _stage(self.key, histories.stages_version(self.key), has_truth, self.index, scale)

    @property
    def facts(self) -> dict[str, object]:
        """Return the metadata of an exported picture."""
        return {"run": self.key.name, "epochs": float(histories.stages(self.key)["epoch"][self.index])}

    def python(self, scale: int, file: str) -> str:
        """Return Python code that draws exactly this picture."""
        given = _stages_in_words(self.key, scale)
        return code_of(self.key, "find, stages", f"stages.frame({given}, index={self.index}{DESCRIBED}).save({file!r})")


@dataclass(frozen=True)
class Strip(OfStages):
    """A picture of some stages of a run's training, side by side."""

    key: RunKey
    part: replay.Part
    shown: Sequence[int] | None = None
    recipe: ClassVar[Callable[..., object]] = staticmethod(replay.strip)

    def draw(self, scale: int) -> Image.Image:
        """Draw a row per image and a column per stage."""
        data = runs.description(self.key)
        return replay.strip(*_stages(self.key, scale), part=self.part, shown=self.shown, data=data)

    @property
    def facts(self) -> dict[str, object]:
        """Return the metadata of an exported picture."""
        stages = histories.stages(self.key)
        epochs = stages["epoch"][replay.strip_moments(stages)].tolist()
        return {"run": self.key.name, "part": self.part, "epochs": epochs}

    def python(self, scale: int, file: str) -> str:
        """Return Python code that draws exactly this picture."""
        given = _stages_in_words(self.key, scale)
        shown = "" if self.shown is None else f", shown={self.shown!r}"
        return code_of(
            self.key, "find, stages", f"stages.strip({given}, part={self.part!r}{shown}{DESCRIBED}).save({file!r})"
        )


@dataclass(frozen=True)
class Animation(OfStages):
    """An animation of all stages of a run's training."""

    key: RunKey
    recipe: ClassVar[Callable[..., object]] = staticmethod(replay.frames)
    scale: ClassVar[int] = 3  # ten images and the words beside them are at least grid.SLIDE_WIDTH pixels wide

    def gif(self, scale: int) -> bytes:
        """Draw the stages as a GIF."""
        return grid.gif(replay.frames(*_stages(self.key, scale), data=runs.description(self.key)))

    def python(self, scale: int, file: str) -> str:
        """Return Python code that writes exactly this GIF."""
        given = _stages_in_words(self.key, scale)
        return code_of(self.key, "find, gif, stages", written(f"gif(stages.frames({given}{DESCRIBED}))", file))


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _stage(key: RunKey, version: tuple[int, int, int], has_truth: bool, index: int, scale: int) -> Image.Image:
    return replay.frame(*_stages(key, scale), index=index, data=runs.description(key))


def _stages(key: RunKey, scale: int) -> tuple[replay.Stages, Config, str, int, Split | None]:
    """Return the arguments with which pictures of a run's stages are drawn."""
    stages, test = histories.stages(key), runs.test_images(key)
    return stages, runs.config(key), runs.label(key.name), fitting(scale, key), test


def _stages_in_words(key: RunKey, scale: int) -> str:
    """Return the arguments from `_stages` as Python code."""
    test = ", run.images().test" if runs.test_images(key) else ""
    return f"run.stages(), run.card().config, {runs.label(key.name)!r}, {fitting(scale, key)}{test}"
