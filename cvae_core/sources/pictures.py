"""Decode a picture and fit it into the shape of a data set. Worker processes import this module: no torch, no pandas.

A picture is turned as its EXIF orientation says, transparent pixels are shown on white, and of an animation only the first
frame is read. Only the header is read before the number of pixels has been compared with the limit.
"""

import io
import warnings
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from cvae_core.config.descriptions import Shape

Fit = Literal["pad", "crop", "stretch"]
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 2**26  # Pillow's limit, about 89 million
COLOURFUL = 24  # a picture has colour if two channels of a pixel differ by more
WHITE = (255, 255, 255, 255)
_ORIENTATION = 0x0112  # EXIF
_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Unreadable(Exception):
    """A picture cannot be read. The message completes a sentence that starts with its file."""


class Picture(NamedTuple):
    """A picture at the shape of the data set, and what was done to it."""

    values: np.ndarray  # (values,) uint8
    size: tuple[int, int]  # width and height in the source, as a viewer shows them
    format: str
    coloured: bool
    changed: tuple[str, ...]


def read(content: bytes, shape: Shape, fit: Fit) -> Picture:
    """Decode the content of a file. Raises Unreadable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about broken metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _read(image, shape, fit)
        except UnidentifiedImageError:
            raise Unreadable("is not a picture (PNG, JPEG, WebP or GIF)") from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise Unreadable(f"has more than {MOST_PIXELS // 10**6} million pixels") from None
        except Exception:  # the decoders raise more types than can be listed
            raise Unreadable("is damaged or incomplete") from None


def _read(image: Image.Image, shape: Shape, fit: Fit) -> Picture:
    name = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with further images behind it
    moving = name != "JPEG" and getattr(image, "is_animated", False)
    size, changed = image.size, ["first frame of an animation"] if moving else []
    turn = _TURNS.get(_orientation(image))
    image.draft(None, (2 * shape.side, 2 * shape.side))  # a large JPEG is decoded at a fraction of its size
    image.load()
    plain, done = _opaque(image)
    changed += done
    if turn is not None:
        plain, changed = plain.transpose(turn), [*changed, "turned by EXIF"]
        size = size[::-1] if turn >= Image.Transpose.ROTATE_90 and turn != Image.Transpose.ROTATE_180 else size
    fitted, done = fit_into(plain, size, shape.side, fit)
    values, coloured, recoloured = in_channels(np.asarray(fitted), shape.channels)
    return Picture(values, size, name, coloured, (*changed, *done, *recoloured))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken metadata is no reason to leave a picture out
        return 1


def _opaque(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Return a picture in the mode L or RGB without transparency."""
    if image.mode.startswith("I"):  # 16 bits per pixel
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8)), ["scaled from 16 bits"]
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema() == (255, 255):
            return layer.convert("RGB"), []
        return Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer).convert("RGB"), ["shown on white"]
    if image.mode in ("L", "RGB"):
        return image, []
    return image.convert("L" if image.mode == "1" else "RGB"), []


def fit_into(image: Image.Image, size: tuple[int, int], side: int, fit: Fit) -> tuple[Image.Image, list[str]]:
    """Return a picture at side × side, and what was done. `size` is its size in the source, before JPEG's reduction.

    Padding has the median colour of the picture's border.
    """
    width, height = image.size
    changed = [] if (min if fit == "crop" else max)(size) == side else ["resized"]
    if width == height or fit == "stretch":
        stretched = ["stretched"] if size[0] != size[1] else []
        return _resized(image, (side, side)), changed + stretched
    if fit == "crop":
        least = min(width, height)
        left, top = (width - least) // 2, (height - least) // 2
        square = image.crop((left, top, left + least, top + least))
        return _resized(square, (side, side)), [*changed, "cropped"]
    scale = side / max(width, height)
    within = _resized(image, (max(1, round(width * scale)), max(1, round(height * scale))))
    paper = np.median(border(np.asarray(within)), axis=0).astype(np.uint8)
    square = Image.new(within.mode, (side, side), tuple(paper.tolist()) if paper.ndim else int(paper))
    square.paste(within, ((side - within.width) // 2, (side - within.height) // 2))
    return square, [*changed, "padded"]


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)


def border(pixels: np.ndarray) -> np.ndarray:
    """Return the outer pixels of an image (height, width, …) in a row."""
    inner = pixels[1:-1]
    return np.concatenate([pixels[0], pixels[-1], inner[:, 0], inner[:, -1]])


def in_channels(pixels: np.ndarray, channels: int) -> tuple[np.ndarray, bool, list[str]]:
    """Return an image (side, side[, 3]) as a row of values, whether it has colour, and what was done."""
    coloured = pixels.ndim == 3 and bool((pixels.max(2) - pixels.min(2)).max() > COLOURFUL)
    if channels == 1:
        grey = np.asarray(Image.fromarray(pixels).convert("L")) if pixels.ndim == 3 else pixels
        return grey.reshape(-1), coloured, ["made grey"] if coloured else []
    if pixels.ndim == 2:
        return np.tile(pixels.reshape(-1), 3), False, ["grey in three channels"]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).reshape(-1), coloured, []
