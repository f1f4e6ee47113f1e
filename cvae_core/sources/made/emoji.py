"""Make a data set of emoji: the pictures of an installed colour font, in slightly different sizes, positions and turns."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw

from cvae_core.config.descriptions import Shape
from cvae_core.errors import SourceRefused
from cvae_core.sources.made.font_tables import Tables
from cvae_core.sources.made.fonts import Font, licences
from cvae_core.sources.made.glyphs import generator, require_count
from cvae_core.sources.wishes import Pictures

# Blocks of Unicode that hold one kind of emoji each: the first and the last code.
CLASSES: Mapping[str, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        "face": ((0x1F600, 0x1F644), (0x1F910, 0x1F917), (0x1F920, 0x1F92F), (0x1F970, 0x1F976)),
        "animal": ((0x1F400, 0x1F43F), (0x1F980, 0x1F9AE)),
        "plant": ((0x1F330, 0x1F344), (0x1F490, 0x1F490), (0x1F940, 0x1F940)),
        "food": ((0x1F345, 0x1F37F), (0x1F950, 0x1F96F), (0x1F9C0, 0x1F9CB), (0x1F32D, 0x1F32F)),
        "clothing": ((0x1F451, 0x1F463), (0x1F97B, 0x1F97F), (0x1F9E2, 0x1F9E6)),
        "vehicle": ((0x1F680, 0x1F6A3), (0x1F6F4, 0x1F6FC)),
        "clock": ((0x1F550, 0x1F567),),
        "moon": ((0x1F311, 0x1F31D),),
        "book or paper": ((0x1F4C3, 0x1F4DC),),
        "heart": ((0x1F493, 0x1F49F), (0x1F5A4, 0x1F5A4), (0x1F90D, 0x1F90E), (0x1F9E1, 0x1F9E1)),
    }
)
EXAMPLE = "\U0001f600"  # a font without it is not used
FILLED, SMALLEST, FARTHEST, WIDEST_TURN = 0.95, 0.8, 0.06, 12.0  # shares of the side length, degrees


def characters(font: Font) -> list[tuple[int, str]]:
    """Return the emoji that a font has, each with its label."""
    has = Tables(font.path.read_bytes()).has
    return [
        (label, chr(code))
        for label, blocks in enumerate(CLASSES.values())
        for first, last in blocks
        for code in range(first, last + 1)
        if has(chr(code))
    ]


def emoji(font: Font, shape: Shape, *, images: int, seed: int = 0) -> Pictures:
    """Draw images of emoji on white; the classes are those of `CLASSES`. Each emoji is drawn equally often, ±1."""
    known = characters(font)
    if len({label for label, _ in known}) < len(CLASSES):
        raise SourceRefused(f"The font {font.family} has too few emoji: name another colour font with --fonts.")
    require_count(images, len(CLASSES))
    random = generator(seed, shape)
    order = random.permutation(len(known))[np.arange(images) % len(known)]
    changes = np.stack(
        [
            random.uniform(SMALLEST, 1, images),
            *random.uniform(-FARTHEST, FARTHEST, (2, images)),
            random.uniform(-WIDEST_TURN, WIDEST_TURN, images),
        ],
        axis=1,
    )
    drawings = dict(_pictures(font, [character for _, character in known]))
    result = np.empty((images, shape.values), np.uint8)
    for row, index in enumerate(order):
        result[row] = _changed(drawings[known[index][1]], shape.side, *map(float, changes[row]))
    return Pictures(
        shape=shape,
        images=result,
        labels=np.array([label for label, _ in known])[order],
        classes=tuple(CLASSES),
        drawn=False,
        source="emoji",
        licence=licences([font]),
    )


def _pictures(font: Font, wanted: list[str]) -> Iterator[tuple[str, Image.Image]]:
    """Yield each emoji as the font stores it, cut to its square on white."""
    face = font.at(font.bitmap_size)
    for one in wanted:
        left, top, right, bottom = face.getbbox(one)
        side = int(max(right - left, bottom - top, 1))
        picture = Image.new("RGB", (side, side), "white")
        at = ((side - left - right) / 2, (side - top - bottom) / 2)
        ImageDraw.Draw(picture).text(at, one, font=face, embedded_color=True)
        yield one, picture


def _changed(picture: Image.Image, side: int, size: float, right: float, down: float, turn: float) -> np.ndarray:
    """Return the values (3 · side²,) of a picture that is turned, made smaller and shifted."""
    placed = round(4 * side * FILLED * size)  # four pixels for each pixel of the image
    turned = picture.resize((placed, placed), Image.Resampling.BILINEAR).rotate(
        turn, Image.Resampling.BILINEAR, fillcolor="white"
    )
    canvas = Image.new("RGB", (4 * side, 4 * side), "white")
    left, top = (round((4 * side - placed) / 2 + 4 * side * shift) for shift in (right, down))
    canvas.paste(turned, (left, top))
    return np.asarray(canvas.reduce(4)).transpose(2, 0, 1).reshape(-1)
