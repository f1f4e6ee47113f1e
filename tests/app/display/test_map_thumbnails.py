"""The sprite of a map's thumbnails has every image in its place, in colour too, and is small."""

import io

import numpy as np
import pytest
from PIL import Image

from app.display import map_thumbnails
from app.display.map_thumbnails import COLUMNS, sprite
from cvae_core.pictures.grid import INK
from tests import own_data


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.mark.parametrize(("drawn", "black", "white"), [(True, [255] * 3, INK), (False, [0] * 3, [255] * 3)])
def test_drawings_are_ink_on_paper_and_photographs_are_not(drawn: bool, black: object, white: object) -> None:
    data = own_data.description(side=20, drawn=drawn)
    images = np.zeros((COLUMNS + 2, 400), np.uint8)
    images[COLUMNS + 1] = 255
    shown = opened(sprite(images, data))
    assert shown.shape == (40, 20 * COLUMNS, 3)
    assert (shown[:20] == black).all()
    assert (shown[20:, 20:40] == white).all()


def test_colour_images_keep_their_colours_and_large_ones_are_reduced() -> None:
    data = own_data.description(channels=3, side=64)
    colours = np.random.default_rng(1).integers(0, 256, (5, 3)) // 64 * 80
    images = np.broadcast_to(colours[:, :, None], (5, 3, 64 * 64)).reshape(5, -1).astype(np.uint8)
    shown = opened(sprite(images, data))
    assert shown.shape == (32, 32 * COLUMNS, 3)
    for number, colour in enumerate(colours):
        assert np.abs(shown[:, 32 * number : 32 * (number + 1)] - colour).max() <= 8


def test_a_sprite_that_would_be_too_large_has_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    data = own_data.description(channels=3, side=32)
    images = np.random.default_rng(1).integers(0, 256, (200, 3072), np.uint8)
    whole = sprite(images, data)
    monkeypatch.setattr(map_thumbnails, "MOST_BYTES", len(whole) // 2)
    fewer = sprite(images, data)
    assert len(fewer) <= len(whole) // 2
    assert opened(fewer).shape[0] < opened(whole).shape[0]
