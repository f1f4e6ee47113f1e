"""Draw grids of digits as PNG, with borders, tinted quadrants, labels and a caption, and training stages as GIF.

Digits are dark ink on light paper, enlarged by whole factors without interpolation. `png` writes facts about a picture into
its metadata.
"""

import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from cvae_core.config.descriptions import MNIST, Shape
from cvae_core.data.masks import visible_values

PLAIN, VISIBLE, UNKNOWN = 0, 1, 2  # backgrounds of pixels: generated, given to the model, hidden from it
PAPERS = np.array([[255, 255, 255], [205, 226, 245], [214, 214, 214]], np.float32)
INK = np.array([22, 28, 45], np.float32)
_SHARES = np.arange(256, dtype=np.float32)[:, None] / 255
SHADES = (PAPERS[:, None] * (1 - _SHARES) + INK * _SHARES).round().astype(np.uint8)  # (papers, inks, 3)
BORDER = np.array([150, 158, 170], np.uint8)
PAGE, TEXT = (255, 255, 255), (60, 66, 80)
FONT_SIZE, SLIDE_FONT_SIZE = 13, 24  # on pages, and in animations
SLIDE_WIDTH = 900  # the least width of an animation in pixels
MARGIN = 7
SPELLED = str.maketrans({"α": "alpha", "β": "beta", "−": "-"})  # characters that the font lacks
APART = 3  # pixels between the labels of two columns
PALETTE_STEP = 4  # every fourth pixel of every fourth row is enough to choose the colours of an animation
FRAME_MILLISECONDS, LAST_FRAME_MILLISECONDS = 450, 2500


class Sheet(NamedTuple):
    """Hold digits in rows and columns, (R, C, values) uint8, and the background of each value: see `grid`."""

    images: np.ndarray
    papers: np.ndarray | None = None

    def only(self, rows: Sequence[int]) -> "Sheet":
        """Return the rows with these indices, in this order."""
        return Sheet(self.images[list(rows)], None if self.papers is None else self.papers[list(rows)])


def papers(visible: Tensor, shape: Shape = MNIST, hidden: int = PLAIN) -> np.ndarray:
    """Return the background (..., values) of images whose quadrants in `visible` (..., 4) are given. Others get `hidden`."""
    return np.where(visible_values(visible, shape).numpy(), VISIBLE, hidden).astype(np.uint8)


def grid(
    images: np.ndarray,
    *,
    papers: np.ndarray | None = None,
    scale: int = 3,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    caption: str = "",
    font_size: int = FONT_SIZE,
) -> Image.Image:
    """Draw images (R, C, values), uint8 ink, as a table with row labels, column labels and a caption below.

    `papers` (R, C, values) marks each pixel as given (VISIBLE), hidden (UNKNOWN) or neither (PLAIN). Each pixel of a digit is
    drawn `scale` pixels wide. The words are `font_size` pixels high.
    """
    height, width = images.shape[:2]
    line = max(1, scale // 3)
    side = _shape(images).side
    pitch = side * scale + line
    digits = _words(SHADES)[np.zeros_like(images, np.uint8) if papers is None else papers, images]
    digits = digits.reshape(height, width, side, side).swapaxes(1, 2)  # (R, side, C, side)
    cells = np.full((height, pitch, width, pitch), _words(BORDER))
    cells[:, line:, :, line:] = digits.repeat(scale, axis=1).repeat(scale, axis=3)
    table = np.pad(cells.reshape(height * pitch, width * pitch), (0, line), constant_values=_words(BORDER))
    picture = Image.frombuffer("RGB", table.shape[::-1], table, "raw", "RGBX", 0, 1)
    return _framed(picture, pitch, rows, columns, caption, font_size)


def png(picture: Image.Image, facts: Mapping[str, object] | None = None) -> bytes:
    """Encode a picture as PNG with facts about it in its metadata."""
    info = PngInfo()
    for name, value in {"Software": "CVAE lab", **(facts or {})}.items():
        info.add_itxt(name, str(value))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info, compress_level=1)  # half the time of level 6, for a fifth more bytes
    return buffer.getvalue()


def gif(frames: Sequence[Image.Image]) -> bytes:
    """Encode pictures as an endlessly looping GIF. The last picture is shown longest.

    Captions of different lengths make pictures of different heights: lower ones end with an empty strip. All pictures share
    one palette, which nearly halves the file.
    """
    pages = [Image.new("RGB", tuple(np.max([frame.size for frame in frames], axis=0)), PAGE) for _ in frames]
    for page, frame in zip(pages, frames, strict=True):
        page.paste(frame)
    some = np.concatenate([np.asarray(page)[::PALETTE_STEP, ::PALETTE_STEP] for page in pages])
    palette = Image.fromarray(some).quantize(64)
    drawn = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    durations = [FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_FRAME_MILLISECONDS]
    buffer = io.BytesIO()
    drawn[0].save(buffer, "GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0)
    return buffer.getvalue()


def slide_scale(images: np.ndarray) -> int:
    """Return the scale at which a column of images (R, C, values), drawn as a row, is at least SLIDE_WIDTH pixels wide."""
    return -(-SLIDE_WIDTH // (_shape(images).side * len(images)))


def columns(
    images: np.ndarray, papers: np.ndarray | None, first: int, scale: int, caption: str = ""
) -> list[Image.Image]:
    """Draw each column of digits (R, C, values) as a separate picture, from column `first` on, its digits side by side.

    A caption is drawn below each picture, with the number of the column.
    """
    numbers = range(first, images.shape[1])
    return [
        grid(
            images[None, :, number],
            papers=None if papers is None else papers[None, :, number],
            scale=scale,
            caption=caption and f"{caption}: {number - first + 1} of {len(numbers)}",
            font_size=SLIDE_FONT_SIZE,
        )
        for number in numbers
    ]


def _shape(images: np.ndarray) -> Shape:
    """Return the shape of images (…, values)."""
    shape = Shape.of_values(images.shape[-1])
    assert shape is not None
    return shape


def _words(colours: np.ndarray) -> np.ndarray:
    """Pack colours (..., 3) uint8 into uint32, with one unused byte: copying whole pixels is faster."""
    return np.concatenate([colours, np.zeros_like(colours[..., :1])], axis=-1).view(np.uint32)[..., 0]


def _framed(
    table: Image.Image, pitch: int, rows: Sequence[str], columns: Sequence[str], caption: str, font_size: int
) -> Image.Image:
    font = ImageFont.load_default(font_size)
    line_height = font_size + 5
    left = MARGIN + (round(max(font.getlength(label) for label in rows)) + MARGIN if rows else 0)
    top = MARGIN + (line_height if columns else 0)
    width = left + table.width + MARGIN
    lines = _wrapped(caption, font, width - 2 * MARGIN)
    height = top + table.height + MARGIN + len(lines) * line_height
    page = Image.new("RGB", (width, height), PAGE)
    page.paste(table, (left, top))
    draw = ImageDraw.Draw(page)
    widest = max((font.getlength(label) for label in columns), default=1)
    narrow = ImageFont.load_default(min(font_size, font_size * (pitch - APART) / widest))
    for index, label in enumerate(rows):
        draw.text((left - MARGIN, top + (index + 0.5) * pitch), label, TEXT, font, anchor="rm")
    for index, label in enumerate(columns):
        draw.text((left + (index + 0.5) * pitch, top - 4), label, TEXT, narrow, anchor="ms")
    for index, text in enumerate(lines):
        draw.text((MARGIN, top + table.height + 5 + index * line_height), text, TEXT, font)
    return page


def _wrapped(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in caption.translate(SPELLED).split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
