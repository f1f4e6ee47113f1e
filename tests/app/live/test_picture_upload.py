"""A visitor's picture gets the shape of a run's images, whatever it is, and a file that is none ends in one sentence."""

import io

import numpy as np
import pytest
from PIL import Image

from app.live.picture_upload import fitted
from cvae_core.errors import SourceRefused
from tests import own_data


def saved(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_any_size_and_kind_gets_the_shape_of_the_images(kind: str, channels: int) -> None:
    data = own_data.description(channels=channels, side=20, drawn=False)
    pixels = np.full((90, 120, 3), (200, 40, 40), np.uint8)
    values = fitted(saved(pixels, kind), data)
    assert (values.shape, values.dtype) == ((channels * 400,), np.uint8)
    expected = [200, 40, 40] if channels == 3 else [88]
    assert np.abs(values.reshape(channels, 400).astype(int) - np.array(expected)[:, None]).max() <= 4


@pytest.mark.parametrize(("paper", "ink"), [(250, 5), (5, 250)])
def test_ink_is_bright_in_the_values_of_drawings(paper: int, ink: int) -> None:
    pixels = np.full((40, 40), paper, np.uint8)
    pixels[15:25, 15:25] = ink
    values = fitted(saved(pixels, "PNG"), own_data.description(side=20)).reshape(20, 20)
    assert values[0].max() < 10
    assert values[9:11, 9:11].min() > 240
    photograph = fitted(saved(pixels, "PNG"), own_data.description(side=20, drawn=False)).reshape(20, 20)
    assert abs(int(photograph[0, 0]) - paper) < 5


CUT = saved(np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8), "PNG")[:600]


@pytest.mark.parametrize("content", [b"", b"not a picture", b"<svg></svg>", CUT])
def test_a_file_that_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(SourceRefused, match=r"This file (is not a picture|is damaged)"):
        fitted(content, own_data.description())
