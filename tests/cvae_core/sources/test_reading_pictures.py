"""Pictures of every kind become values of one shape, and what was done to them is told."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from cvae_core.config.descriptions import Shape
from cvae_core.sources import pictures
from cvae_core.sources.pictures import Unreadable, read
from tests.sources import encoded, photographed, pixels

GREY, COLOUR = Shape(1, 16), Shape(3, 16)
INK = pixels(1)
PAINT = pixels(2, 16, 16, 3)


def palette() -> Image.Image:
    return Image.fromarray(PAINT).quantize(256)


def with_alpha(alpha: int) -> Image.Image:
    image = Image.fromarray(PAINT).convert("RGBA")
    image.putalpha(alpha)
    return image


def half(values: np.ndarray) -> np.ndarray:
    return values / 2 + 127.5


def planes(array: np.ndarray) -> np.ndarray:
    return array.transpose(2, 0, 1).reshape(-1)


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(INK), Image.fromarray(255 - INK)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True, duration=100)


def transparent_palette() -> bytes:
    image = Image.new("P", (16, 16), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(0, (0, 0, 16, 8))
    return encoded(image, transparency=0)


TRANSPARENT = np.concatenate([np.full((8, 16, 3), 255), np.broadcast_to([200, 100, 50], (8, 16, 3))])
CASES: dict[str, tuple[bytes, Shape, np.ndarray, float, Sequence[str]]] = {
    # content of the file, shape, expected values, largest difference, what is told
    "grey PNG": (encoded(INK), GREY, INK.reshape(-1), 0, []),
    "colour PNG": (encoded(PAINT), COLOUR, planes(PAINT), 0, []),
    "grey PNG in a colour set": (encoded(INK), COLOUR, np.tile(INK.reshape(-1), 3), 0, ["grey in three channels"]),
    "colour PNG in a grey set": (
        encoded(PAINT), GREY, np.asarray(Image.fromarray(PAINT).convert("L")).reshape(-1), 0, ["made grey"]
    ),
    "RGB without colour in a grey set": (encoded(np.stack([INK] * 3, 2)), GREY, INK.reshape(-1), 1, []),
    "black and white": (encoded(Image.fromarray(INK).convert("1")), GREY,
                        np.asarray(Image.fromarray(INK).convert("1").convert("L")).reshape(-1), 0, []),
    "16 bits": (encoded(INK.astype(np.uint16) * 257), GREY, INK.reshape(-1), 0, ["scaled from 16 bits"]),
    "palette": (encoded(palette()), COLOUR, planes(np.asarray(palette().convert("RGB"))), 0, []),
    "palette with a transparent colour": (transparent_palette(), COLOUR, planes(TRANSPARENT), 0, ["shown on white"]),
    "alpha": (encoded(with_alpha(128)), COLOUR, planes(half(PAINT)), 1.5, ["shown on white"]),
    "opaque alpha": (encoded(with_alpha(255)), COLOUR, planes(PAINT), 0, []),
    "grey with alpha": (encoded(Image.fromarray(INK).convert("LA")), GREY, INK.reshape(-1), 1, []),
    "GIF": (encoded(INK, "GIF"), GREY, INK.reshape(-1), 1, []),
    "animated GIF": (animated("GIF"), GREY, INK.reshape(-1), 1, ["first frame of an animation"]),
    "animated WebP": (animated("WEBP"), GREY, INK.reshape(-1), 1, ["first frame of an animation"]),
    "WebP": (encoded(PAINT, "WEBP", lossless=True), COLOUR, planes(PAINT), 0, []),
    "JPEG": (encoded(np.full((16, 16), 77, np.uint8), "JPEG"), GREY, np.full(256, 77), 2, []),
    "progressive JPEG": (encoded(np.full((16, 16), 77, np.uint8), "JPEG", progressive=True), GREY, np.full(256, 77), 2, []),
    "CMYK JPEG": (encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), COLOUR,
                  np.repeat([255, 0, 0], 256), 6, []),
    "wide": (encoded(np.full((8, 16), 90, np.uint8)), GREY, np.full(256, 90), 0, ["padded"]),
    "large": (encoded(np.full((32, 32), 90, np.uint8)), GREY, np.full(256, 90), 0, ["resized"]),
    "one pixel high": (encoded(np.full((1, 900), 90, np.uint8)), GREY, np.full(256, 90), 0, ["resized", "padded"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_picture_is_read(case: str) -> None:
    content, shape, expected, off, told = CASES[case]
    picture = read(content, shape, "pad")
    assert picture.values.dtype == np.uint8
    assert np.abs(picture.values.astype(float) - expected).max() <= off
    assert list(picture.changed) == told


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_a_viewer_shows_them(orientation: int) -> None:
    corner = np.zeros((160, 320), np.uint8)
    corner[:80, :80] = 255  # of the upright picture, at the top on the left
    picture = read(photographed(Image.fromarray(corner), orientation), GREY, "stretch")
    assert picture.size == (320, 160)
    assert ("turned by EXIF" in picture.changed) == (orientation > 1)
    assert picture.values.reshape(16, 16)[:7, :3].min() > 200
    assert picture.values.reshape(16, 16)[9:].max() < 50
    assert picture.values.reshape(16, 16)[:, 5:].max() < 50


def test_of_a_large_jpeg_only_a_fraction_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    monkeypatch.setattr(pictures, "fit_into", lambda image, *rest: decoded.append(image.size) or real(image, *rest))
    picture = read(encoded(np.full((400, 800, 3), 90, np.uint8), "JPEG"), GREY, "pad")
    assert decoded == [(100, 50)]
    assert picture.size == (800, 400)


real = pictures.fit_into


@pytest.mark.parametrize(
    ("fit", "bright", "above", "told"),
    [  # columns of the middle row that are bright, and the brightness of the middle column at the top
        ("pad", slice(5, 12), 10, ["padded"]),
        ("crop", slice(3, 16), 200, ["resized", "cropped"]),
        ("stretch", slice(3, 16), 10, ["stretched"]),
    ],
)
def test_pictures_that_are_not_square(fit: pictures.Fit, bright: slice, above: int, told: list[str]) -> None:
    tall = np.full((16, 8), 10, np.uint8)
    tall[4:12, 1:] = 200
    picture = read(encoded(tall), GREY, fit)
    rows = picture.values.reshape(16, 16)
    assert list(picture.changed) == told
    assert np.flatnonzero(rows[8] == 200).tolist() == list(range(16))[bright]
    assert rows[0, 8] == above


BROKEN = {
    "empty": (b"", "is not a picture"),
    "text": (b"hello", "is not a picture"),
    "truncated": (encoded(pixels(3, 40, 40))[:200], "is damaged or incomplete"),
    "of a kind that is not read": (encoded(INK, "BMP"), "is not a picture"),
    "a bomb": (encoded(Image.new("1", (30_000, 3_000))), "has more than 89 million pixels"),
    "a larger bomb": (encoded(Image.new("1", (30_000, 6_000))), "has more than 89 million pixels"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_why_a_picture_cannot_be_read(fault: str) -> None:
    content, reason = BROKEN[fault]
    with pytest.raises(Unreadable, match=reason):
        read(content, GREY, "pad")


def test_broken_metadata_do_not_matter() -> None:
    picture = read(encoded(INK, "PNG", exif=b"Exif\0\0nonsense"), GREY, "pad")
    assert (picture.values == INK.reshape(-1)).all()
