"""The lines that a visitor copies draw the picture that the visitor sees."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import library, pictures
from app.pictures import Figure, Stage
from cvae_core import gallery
from tests.app.conftest import ROOT, Visit


def lines(visitor: AppTest) -> list[str]:
    return [block.value for block in visitor.code if block.value.startswith("from cvae_core import figures")]


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
            {"indices": (1, 2), "visible": "1", "count": 2, "seed": 4}, "caption",
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
        Stage(library.run_keys()["digits-label"], 3),
    ],
    ids=[
        "samples", "completions", "drawing", "traversal", "sources", "without_unit", "relabelled", "averages", "stage",
    ],
)  # fmt: skip
def test_the_lines_draw_the_same_picture(figure: Figure | Stage, tmp_path: Path) -> None:
    file = tmp_path / "figure.png"
    subprocess.run([sys.executable, "-c", figure.python(3, str(file))], cwd=ROOT, check=True)
    np.testing.assert_array_equal(np.asarray(Image.open(file)), np.asarray(figure.draw(3)))


def test_every_recipe_of_the_gallery_is_cached_by_its_settings() -> None:
    key = library.run_keys()["digits-label"]
    first = Figure(key, gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 0}, "")
    other = Figure(key, gallery.block, {"label": 1, "rows": 1, "columns": 2, "seed": 1}, "")
    assert (first.sheet.images != other.sheet.images).any()
    assert (first.sheet.images == pictures.Figure(key, gallery.block, first.settings, "other").sheet.images).all()
