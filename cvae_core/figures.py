"""Pictures of digits: one crisp PNG per grid, with borders, tinted quadrants, labels and a caption; GIFs of training.

Digits are dark ink on light paper, enlarged by whole factors and never smoothed. The caption and whatever else is said
of a picture also stand in its metadata.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from cvae_core.quadrants import SIDE, pixel_mask

PLAIN, VISIBLE, UNKNOWN = 0, 1, 2  # papers: generated, given to the model, hidden from it
PAPERS = np.array([[255, 255, 255], [205, 226, 245], [214, 214, 214]], np.float32)
INK = np.array([22, 28, 45], np.float32)
BORDER = (150, 158, 170)
PAGE, TEXT = (255, 255, 255), (60, 66, 80)
FONT_SIZE = 13
MARGIN = 7
FRAME_MILLISECONDS, LAST_FRAME_MILLISECONDS = 450, 2500


def as_bytes(images: Tensor) -> np.ndarray:
    """Return float images in [0, 1] as uint8."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def papers(visible: Tensor, hidden: int = PLAIN) -> np.ndarray:
    """Return the papers (..., 784) under digits of which the quadrants in `visible` (..., 4) were given."""
    return np.where(pixel_mask(visible).numpy(), VISIBLE, hidden).astype(np.uint8)


def grid(
    images: np.ndarray,
    *,
    papers: np.ndarray | None = None,
    scale: int = 3,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    caption: str = "",
) -> Image.Image:
    """Lay images (R, C, 784), uint8 ink, out as a table with row and column labels and a caption below.

    `papers` (R, C, 784) says for every pixel whether it was given (VISIBLE), hidden (UNKNOWN) or neither (PLAIN);
    `scale` is how many pixels wide a digit's pixel becomes.
    """
    height, width = images.shape[:2]
    cell, line = SIDE * scale, max(1, scale // 3)
    ink = images.reshape(height, width, SIDE, SIDE, 1).astype(np.float32) / 255
    paper = PAPERS[np.zeros_like(images, np.uint8) if papers is None else papers].reshape(height, width, SIDE, SIDE, 3)
    tiles = (paper * (1 - ink) + INK * ink).round().astype(np.uint8)
    tiles = tiles.repeat(scale, axis=2).repeat(scale, axis=3)  # (R, C, cell, cell, 3)
    table = np.full((height * (cell + line) + line, width * (cell + line) + line, 3), BORDER, np.uint8)
    for row in range(height):
        for column in range(width):
            top, left = row * (cell + line) + line, column * (cell + line) + line
            table[top : top + cell, left : left + cell] = tiles[row, column]
    return _framed(table, cell + line, rows, columns, caption)


def png(picture: Image.Image, facts: Mapping[str, object] | None = None) -> bytes:
    """Encode a picture as PNG with facts about it in its metadata."""
    info = PngInfo()
    for name, value in {"Software": "CVAE lab", **(facts or {})}.items():
        info.add_itxt(name, str(value))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info)  # its best compression takes eight times as long for 2 % fewer bytes
    return buffer.getvalue()


def gif(frames: Sequence[Image.Image]) -> bytes:
    """Encode pictures of one size as an endless GIF that rests on the last one."""
    buffer = io.BytesIO()
    durations = [FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_FRAME_MILLISECONDS]
    palette = [frame.quantize(64, dither=Image.Dither.NONE) for frame in frames]
    palette[0].save(buffer, "GIF", save_all=True, append_images=palette[1:], duration=durations, loop=0)
    return buffer.getvalue()


def columns(images: np.ndarray, papers: np.ndarray | None, first: int, scale: int) -> list[Image.Image]:
    """Draw the columns of digits (R, C, 784) as pictures of their own, from a first one on."""
    return [
        grid(images[:, [number]], papers=None if papers is None else papers[:, [number]], scale=scale)
        for number in range(first, images.shape[1])
    ]


def _framed(table: np.ndarray, pitch: int, rows: Sequence[str], columns: Sequence[str], caption: str) -> Image.Image:
    font = ImageFont.load_default(FONT_SIZE)
    line_height = FONT_SIZE + 5
    left = MARGIN + (round(max(font.getlength(label) for label in rows)) + MARGIN if rows else 0)
    top = MARGIN + (line_height if columns else 0)
    width = left + table.shape[1] + MARGIN
    lines = _wrapped(caption, font, width - 2 * MARGIN)
    height = top + table.shape[0] + MARGIN + len(lines) * line_height
    page = Image.new("RGB", (width, height), PAGE)
    page.paste(Image.fromarray(table), (left, top))
    draw = ImageDraw.Draw(page)
    for index, label in enumerate(rows):
        draw.text((left - MARGIN, top + (index + 0.5) * pitch), label, TEXT, font, anchor="rm")
    for index, label in enumerate(columns):
        draw.text((left + (index + 0.5) * pitch, top - 4), label, TEXT, font, anchor="ms")
    for index, text in enumerate(lines):
        draw.text((MARGIN, top + table.shape[0] + 5 + index * line_height), text, TEXT, font)
    return page


def _wrapped(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in caption.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
