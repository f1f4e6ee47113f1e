"""A drawing of any size and position is scaled and centred as in MNIST."""

import numpy as np
import pytest

from cvae_core.config.descriptions import SIDES
from cvae_core.data.ink import framed


def drawing(top: int, left: int, height: int, width: int) -> np.ndarray:
    picture = np.zeros((28, 28), np.uint8)
    picture[top : top + height, left : left + width] = 255
    return picture


def extent(picture: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(picture)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("shape", [(10, 4), (4, 10), (28, 28), (1, 1), (20, 20), (28, 3)])
@pytest.mark.parametrize("place", [(0, 0), (0, 25), (27, 0)])
def test_the_longer_side_becomes_twenty_pixels_and_the_shape_stays(
    shape: tuple[int, int], place: tuple[int, int]
) -> None:
    height, width = (min(side, 28 - start) for side, start in zip(shape, place, strict=True))
    tall, wide = extent(framed(drawing(*place, height, width)))
    assert max(tall, wide) == 20
    assert tall / wide == pytest.approx(height / width, rel=0.15, abs=0.05)


def test_the_centre_of_mass_comes_to_the_middle() -> None:
    picture = drawing(2, 3, 16, 3)
    picture[15:18, 3:12] = 255  # an L, whose mass is low and to the left
    rows, columns = np.nonzero(framed(picture))
    assert rows.mean() == pytest.approx(13.5, abs=1)
    assert columns.mean() == pytest.approx(13.5, abs=1)


def test_nothing_drawn_stays_nothing() -> None:
    empty = np.zeros((28, 28), np.uint8)
    assert (framed(empty) == 0).all()


@pytest.mark.parametrize("side", SIDES)
def test_images_of_any_side_are_framed_alike(side: int) -> None:
    picture = np.zeros((side, side), np.uint8)
    picture[: side // 4, 1 : side // 8 + 2] = 255
    shown = framed(picture)
    assert (shown.shape, shown.dtype) == ((side, side), np.uint8)
    assert max(extent(shown)) == round(5 / 7 * side)
    rows, columns = np.nonzero(shown)
    assert (rows.mean(), columns.mean()) == pytest.approx((side / 2 - 0.5,) * 2, abs=1)
