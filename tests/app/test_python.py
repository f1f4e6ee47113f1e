"""The lines that a visitor copies draw the picture that the visitor sees."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import library, pictures
from app.display import Picture
from app.pictures import Animation, Figure, Stage, Strip, Walk
from cvae_core import gallery
from tests.app.conftest import ROOT, Visit


def lines(visitor: AppTest) -> list[str]:
    return [block.value for block in visitor.code if "from cvae_core import figures" in block.value]


@pytest.mark.parametrize("page", ["generate", "inpaint", "latent", "training", "why"])
def test_every_picture_can_be_copied_as_python(visit: Visit, without_mnist: None, page: str) -> None:
    assert lines(visit(page)) or page == "latent"  # whose pictures need the images


@pytest.mark.parametrize(
    "figure",
    [
        Figure(
            library.run_keys()["digits-label"], gallery.samples, {"labels": (1, 2), "columns": 3, "seed": 4}, "a 'caption'",
            rows=("one", "two"),
        ),
        Figure(
            library.run_keys()["digits-quadrant-1"], gallery.completions,
            {"indices": (1, 2), "visible": "1", "count": 2, "seed": 4, "pixels": "ink"}, "caption",
        ),
        Figure(
            library.run_keys()["digits-quadrant-1"], gallery.drawing,
            {"ink": bytes(range(256)) * 3 + bytes(16), "visible": "1", "count": 2, "seed": 4}, "caption",
            columns=tuple("abcde"),
        ),
        Figure(
            library.run_keys()["digits-label"], gallery.traversal, {"start": 1, "end": 4, "steps": 5}, "caption",
        ),
        Figure(
            library.run_keys()["digits-quadrant-1"], gallery.sources,
            {"indices": (1, 2), "visible": "1", "count": 2, "seed": 4}, "caption", rows=("one", *"abcde"),
        ),
        Figure(library.run_keys()["digits-quadrant-1"], gallery.without_unit, {"indices": (1, 2), "unit": 3}, "caption"),
        Figure(library.run_keys()["digits-label"], gallery.relabelled, {"indices": (1, 2), "label": 3}, "caption"),
        Figure(
            library.run_keys()["digits-quadrant-1"], gallery.averages,
            {"indices": (1, 2), "visible": "1", "count": 4, "seed": 0}, "caption",
        ),
        Stage(library.run_keys()["digits-quadrant-1"], 3),
        Strip(library.run_keys()["digits-label"], "reconstructions"),
    ],
    ids=[
        "samples", "completions", "drawing", "traversal", "sources", "without_unit", "relabelled", "averages", "stage",
        "strip",
    ],
)  # fmt: skip
def test_the_lines_draw_the_same_picture(figure: Picture, tmp_path: Path) -> None:
    file = tmp_path / "figure.png"
    subprocess.run([sys.executable, "-c", figure.python(3, str(file))], cwd=ROOT, check=True)
    np.testing.assert_array_equal(np.asarray(Image.open(file)), np.asarray(figure.draw(3)))


@pytest.mark.parametrize(
    "animation",
    [
        Animation(library.run_keys()["digits-label"]),
        Walk(
            Figure(
                library.run_keys()["digits-quadrant-1"], gallery.completion_walks,
                {"index": 1, "visible": "1", "rows": 2, "steps": 3, "seed": 0}, "",
            ),
            first=1,
        ),
    ],
    ids=["stages", "walk"],
)  # fmt: skip
def test_the_lines_write_the_same_animation(animation: Animation | Walk, tmp_path: Path) -> None:
    file = tmp_path / "animation.gif"
    subprocess.run([sys.executable, "-c", animation.python(1, str(file))], cwd=ROOT, check=True)
    assert file.read_bytes() == animation.gif(1)


def test_a_strip_says_of_which_moments_it_is() -> None:
    facts = Strip(library.run_keys()["digits-label"], "samples").facts
    epochs = facts.pop("epochs")
    assert facts == {"run": "digits-label", "part": "samples"}
    assert isinstance(epochs, list)
    assert (len(epochs), epochs[0], epochs[-1]) == (8, 0, 150)


def test_every_recipe_of_the_gallery_is_cached_by_its_settings() -> None:
    key = library.run_keys()["digits-label"]
    first = Figure(key, gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 0}, "")
    other = Figure(key, gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 1}, "")
    assert (first.sheet.images != other.sheet.images).any()
    assert (first.sheet.images == pictures.Figure(key, gallery.block, first.settings, "other").sheet.images).all()
