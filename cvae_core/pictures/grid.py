"""Draw grids of images as PNG, with borders, marked quadrants, labels and a caption, and training stages as GIF.

Images are enlarged by whole factors without interpolation. Grey drawings are dark ink on light paper. Colour images and grey
photographs are drawn as they are. `png` writes facts about a picture into its metadata.
"""

import io
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from cvae_core.config.descriptions import MNIST, Shape
from cvae_core.data.masks import visible_values

PLAIN, VISIBLE, UNKNOWN, BLANK = 0, 1, 2, 3  # pixels that are generated, given to the model, hidden from it, unused
PAPERS = np.array([[255, 255, 255], [205, 226, 245], [214, 214, 214], [255, 255, 255]], np.float32)
INK = np.array([22, 28, 45], np.float32)
_SHARES = np.arange(256, dtype=np.float32)[:, None] / 255
SHADES = (PAPERS[:, None] * (1 - _SHARES) + INK * _SHARES).round().astype(np.uint8)  # (papers, inks, 3)
BORDER = np.array([150, 158, 170], np.uint8)
EDGE = np.array([30, 144, 255], np.uint8)  # around the given part of an image that is drawn as it is
CHECKS = np.array([[214, 214, 214], [236, 236, 236]], np.uint8)  # in place of its hidden part
CHECK = 2  # pixels of an image: the side length of a check
PAGE, TEXT = (255, 255, 255), (60, 66, 80)
FONT_SIZE, SLIDE_FONT_SIZE = 13, 24  # on pages, and in animations
SLIDE_WIDTH = 900  # the least width of an animation in pixels
MARGIN = 7
_NAMED = {"α": "alpha", "β": "beta", "−": "-", "–": "-", "—": "-", "×": "x"}
_LETTERS = dict(zip("ßæÆøØœŒłŁđĐı", ("ss", "ae", "AE", "o", "O", "oe", "OE", "l", "L", "d", "D", "i"), strict=True))
SPELLED = {**_NAMED, **_LETTERS}  # characters that the font lacks, and that Unicode does not decompose
MISSING = "\U0010ffff"  # is drawn as the box of a character that the font lacks
APART = 3  # pixels between the labels of two columns
LONGEST_LABEL, LEAST_FONT_SIZE = 20, 7  # characters of the label of a row; of a column's, if it is shrunk
MOST_SHADES = 2048  # different colours of pictures in ink on paper
PALETTE_STEP = 4  # every fourth pixel of every fourth row is enough to choose the colours of an animation
FRAME_MILLISECONDS, LAST_FRAME_MILLISECONDS = 450, 2500


class Sheet(NamedTuple):
    """Hold images in rows and columns, (R, C, values) uint8, and the background of each value: see `grid`."""

    images: np.ndarray
    papers: np.ndarray | None = None

    def only(self, rows: Sequence[int]) -> "Sheet":
        """Return the rows with these indices, in this order."""
        return Sheet(self.images[list(rows)], None if self.papers is None else self.papers[list(rows)])


def papers(visible: Tensor, shape: Shape = MNIST, hidden: int = PLAIN) -> np.ndarray:
    """Return the background (..., values) of images of which `visible` is given, flags of quadrants or pixels.

    The rest gets `hidden`.
    """
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
    drawn: bool = True,
) -> Image.Image:
    """Draw images (R, C, values) uint8 as a table with row labels, column labels and a caption below.

    `papers` (R, C, values) marks each value as given (VISIBLE), hidden (UNKNOWN), unused (BLANK) or none of these (PLAIN).
    Grey images are ink on tinted paper. Colour images, and grey ones if they are not `drawn`, are shown as they are: a blue
    edge encloses the given part, and a chequered pattern replaces the hidden part. Each pixel of an image is drawn `scale`
    pixels wide. The words are `font_size` pixels high.
    """
    height, width = images.shape[:2]
    shape, line = _shape(images), max(1, scale // 3)
    pitch = shape.side * scale + line
    under = np.zeros_like(images, np.uint8) if papers is None else papers
    if drawn and shape.channels == 1:
        large = _large(_words(SHADES)[under, images].reshape(height, width, shape.side, shape.side), scale)
    else:
        large = _as_they_are(images, under, shape, scale, line)
    cells = np.full((height, pitch, width, pitch), _words(BORDER))
    cells[:, line:, :, line:] = large.swapaxes(1, 2)  # (R, side · scale, C, side · scale)
    table = np.pad(cells.reshape(height * pitch, width * pitch), (0, line), constant_values=_words(BORDER))
    picture = Image.frombuffer("RGB", table.shape[::-1], table, "raw", "RGBX", 0, 1)
    return _framed(picture, pitch, rows, columns, caption, font_size)


def ragged(rows: Sequence[Sequence[np.ndarray]], most: int) -> Sheet:
    """Arrange rows of images (values,) in a sheet of at most `most` columns. Shorter rows end blank.

    >>> ragged([[np.ones(256, np.uint8)], []], 9).papers[:, 0, 0].tolist()
    [0, 3]
    """
    (values,) = next(row[0].shape for row in rows if len(row))
    images = np.zeros((len(rows), min(most, max(map(len, rows))), values), np.uint8)
    under = np.full_like(images, BLANK)
    for number, row in enumerate(rows):
        for place, image in enumerate(row[:most]):
            images[number, place], under[number, place] = image, PLAIN
    return Sheet(images, under)


def class_labels(classes: Sequence[str], labels: Sequence[int]) -> tuple[str, ...]:
    """Return names of classes for rows and columns: "class 17" if the font lacks a character of the name.

    >>> class_labels(("trouser", "コート"), (0, 1))
    ('trouser', 'class 1')
    """
    known = {label for label in labels if "?" not in _spelled(classes[label].replace("?", ""))}
    return tuple(classes[label] if label in known else f"class {label}" for label in labels)


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
    one palette, which nearly halves the file. It has 64 colours, or 256 for images in colour.
    """
    pages = [Image.new("RGB", tuple(np.max([frame.size for frame in frames], axis=0)), PAGE) for _ in frames]
    for page, frame in zip(pages, frames, strict=True):
        page.paste(frame)
    some = np.concatenate([np.asarray(page)[::PALETTE_STEP, ::PALETTE_STEP] for page in pages])
    sheet = Image.fromarray(some)
    palette = sheet.quantize(64 if sheet.getcolors(MOST_SHADES) else 256)
    drawn = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    durations = [FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_FRAME_MILLISECONDS]
    buffer = io.BytesIO()
    drawn[0].save(buffer, "GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0)
    return buffer.getvalue()


def slide_scale(images: np.ndarray) -> int:
    """Return the scale at which a column of images (R, C, values), drawn as a row, is at least SLIDE_WIDTH pixels wide."""
    return -(-SLIDE_WIDTH // (_shape(images).side * len(images)))


def columns(
    images: np.ndarray, papers: np.ndarray | None, first: int, scale: int, caption: str = "", drawn: bool = True
) -> list[Image.Image]:
    """Draw each column of images (R, C, values) as a separate picture, from column `first` on, its images side by side.

    A caption is drawn below each picture, with the number of the column. `drawn` is as in `grid`.
    """
    numbers = range(first, images.shape[1])
    return [
        grid(
            images[None, :, number],
            papers=None if papers is None else papers[None, :, number],
            scale=scale,
            caption=caption and f"{caption}: {number - first + 1} of {len(numbers)}",
            font_size=SLIDE_FONT_SIZE,
            drawn=drawn,
        )
        for number in numbers
    ]


def _shape(images: np.ndarray) -> Shape:
    """Return the shape of images (…, values)."""
    shape = Shape.of_values(images.shape[-1])
    assert shape is not None
    return shape


def _large(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Draw each pixel of images (..., side, side) `scale` pixels wide."""
    return pixels.repeat(scale, axis=-2).repeat(scale, axis=-1)


def _as_they_are(images: np.ndarray, papers: np.ndarray, shape: Shape, scale: int, line: int) -> np.ndarray:
    """Return pixels (R, C, side · scale, side · scale) as words. The edge around given parts is `line` pixels wide."""
    maps = images.reshape(*images.shape[:2], *shape.maps)
    colours = np.moveaxis(np.broadcast_to(maps, (*images.shape[:2], 3, *shape.maps[1:])), 2, -1)
    under = papers.reshape(maps.shape)[:, :, 0]
    checks = (np.indices(shape.maps[1:]) // CHECK).sum(0) % 2
    pixels = np.where(under == UNKNOWN, _words(CHECKS)[checks], _words(np.ascontiguousarray(colours)))
    pixels = np.where(under == BLANK, _words(np.full(3, 255, np.uint8)), pixels)
    given = np.pad(_large(under == VISIBLE, scale), [(0, 0), (0, 0), (line, line), (line, line)])
    middle, before, after = slice(line, -line), slice(None, -2 * line), slice(2 * line, None)
    inside = (
        given[..., before, middle] & given[..., after, middle] & given[..., middle, before] & given[..., middle, after]
    )
    return np.where(given[..., middle, middle] & ~inside, _words(EDGE), _large(pixels, scale))


def _words(colours: np.ndarray) -> np.ndarray:
    """Pack colours (..., 3) uint8 into uint32, with one unused byte: copying whole pixels is faster."""
    return np.concatenate([colours, np.zeros_like(colours[..., :1])], axis=-1).view(np.uint32)[..., 0]


def _framed(
    table: Image.Image, pitch: int, rows: Sequence[str], columns: Sequence[str], caption: str, font_size: int
) -> Image.Image:
    font = ImageFont.load_default(font_size)
    rows = [_short(_spelled(label), LONGEST_LABEL) for label in rows]
    columns = [_spelled(label) for label in columns]
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
    if widest > (most := (pitch - APART) * font_size / LEAST_FONT_SIZE):  # they would be too small to read
        columns = [_short(label, int(len(label) * most / font.getlength(label))) for label in columns]
        widest = max(map(font.getlength, columns))
    narrow = ImageFont.load_default(min(font_size, font_size * (pitch - APART) / widest))
    for index, label in enumerate(rows):
        draw.text((left - MARGIN, top + (index + 0.5) * pitch), label, TEXT, font, anchor="rm")
    for index, label in enumerate(columns):
        draw.text((left + (index + 0.5) * pitch, top - 4), label, TEXT, narrow, anchor="ms")
    for index, text in enumerate(lines):
        draw.text((MARGIN, top + table.height + 5 + index * line_height), text, TEXT, font)
    return page


@cache
def _in_font(letter: str) -> bool:
    """Return whether the font has a character."""
    font = ImageFont.load_default(FONT_SIZE)
    box, drawn = font.getmask(MISSING), font.getmask(letter)
    return letter.isascii() or (drawn.size, bytes(drawn)) != (box.size, bytes(box))


def _spelled(text: str) -> str:
    """Return a text in characters that the font has: letters without accents, and "?" for what cannot be spelled."""
    return "".join(letter if _in_font(letter) else _spelling(letter) for letter in text)


def _spelling(letter: str) -> str:
    parts = [part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)]
    spelled = "".join(SPELLED.get(part, part) for part in parts)
    return spelled if all(map(_in_font, spelled)) else "?"


def _short(label: str, most: int) -> str:
    """Cut a label to at most `most` characters."""
    return label if len(label) <= most else f"{label[: max(1, most - 1)]}…"


def _wrapped(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in _spelled(caption).split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
