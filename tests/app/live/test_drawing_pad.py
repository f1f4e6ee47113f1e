"""The pad is for grey drawings of any side, and stand-in images have the shape and the classes of the run's."""

from typing import Any

import numpy as np
import pytest

from app.cached import runs
from app.cached.runs import RunKey
from app.display.url_forms import packed
from app.inpaint import subjects
from app.live import drawing_pad
from cvae_core.config.descriptions import BUILT_IN, Description
from cvae_core.data import datasets
from tests import own_data

KEY = RunKey("mine", "0")


def described(monkeypatch: pytest.MonkeyPatch, data: Description) -> None:
    monkeypatch.setattr(runs, "description", lambda key: data)


@pytest.mark.parametrize(
    ("changes", "drawable"), [({}, True), ({"drawn": False}, False), ({"channels": 3}, False), ({"side": 64}, True)]
)
def test_grey_drawings_can_be_drawn_and_every_picture_can_be_uploaded(
    changes: dict[str, Any], drawable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    described(monkeypatch, own_data.description(**changes))
    assert drawing_pad.offered(KEY) is drawable
    assert (subjects.DRAWING in subjects.subjects(KEY)) is drawable
    assert subjects.PICTURE in subjects.subjects(KEY)


@pytest.mark.parametrize(
    ("data", "source"),
    [(BUILT_IN["mnist"], "digits"), (BUILT_IN["fashion"], "fashion"), (own_data.description(), "mine")],
)
def test_the_embedded_digits_stand_in_for_images_of_the_same_shape_and_classes_only(
    data: Description, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described(monkeypatch, data)
    monkeypatch.setattr(datasets, "on_disk", lambda name: False)
    assert drawing_pad.source_of_images(KEY) == source
    monkeypatch.setattr(datasets, "on_disk", lambda name: True)
    assert drawing_pad.source_of_images(KEY) == data.name


@pytest.mark.parametrize("side", [16, 28, 64])
def test_a_drawing_of_any_side_is_kept_in_the_address(side: int) -> None:
    drawn = np.random.default_rng(1).integers(0, 256, side**2, np.uint8)
    read = drawing_pad._read([packed(drawn.tobytes())])
    assert read is not None
    np.testing.assert_array_equal(read, drawn)
    assert drawing_pad._read([packed(drawn.tobytes()[1:])]) is None
