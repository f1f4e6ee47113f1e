"""Make a data set of characters: each character drawn with each font, in slightly different sizes, positions and slants."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from cvae_core.config.descriptions import MOST_CLASSES, MOST_IMAGES, Attribute, Shape
from cvae_core.errors import SourceRefused
from cvae_core.sources.made.fonts import Font, licences
from cvae_core.sources.wishes import Pictures
from cvae_core.system.seeds import require_seed

DETAIL = 4  # pixels of the drawing for each pixel of the image, in both directions
FILLED = 0.8  # share of the side length that the tallest and widest character of a font takes
SMALLEST = 0.85  # size of a character, drawn between this and 1
FARTHEST = 0.05  # of the side length: largest shift of a character in each direction
STEEPEST = 6.0  # degrees: largest change of the slant
CONTRAST = 96  # levels of brightness between ink and paper, at least
BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601
ATTRIBUTES = (
    Attribute(name="weight"),
    Attribute(name="slant"),
    Attribute(name="width"),
    Attribute(name="serif", categories=("without serifs", "with serifs")),
)


class Changes(NamedTuple):
    """What differs between images of the same character and font, one number per image."""

    size: np.ndarray
    right: np.ndarray  # shifts in shares of the side length
    down: np.ndarray
    slant: np.ndarray  # degrees


def expanded(text: str) -> str:
    """Return the characters of a text in which X-Y stands for all characters from X to Y; raise SourceRefused.

    >>> expanded("A-E0-2x-")
    'ABCDE012x-'
    """
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            first, last = ord(text[at]), ord(text[at + 2])
            if first > last or last - first >= MOST_CLASSES:
                raise SourceRefused(
                    f"The range {text[at : at + 3]!r} cannot be used: it must go upwards and have at most {MOST_CLASSES} "
                    "characters."
                )
            found += map(chr, range(first, last + 1))
            at += 3
        else:
            found.append(text[at])
            at += 1
    characters = "".join(dict.fromkeys(found))
    if not 1 <= len(characters) <= MOST_CLASSES or not all(one.isprintable() and one.strip() for one in characters):
        raise SourceRefused(
            f"The characters {text[:40]!r} cannot be used: give 1 to {MOST_CLASSES} printable characters without blanks, for "
            "example A-Z or A-Za-z0-9."
        )
    return characters


def glyphs(characters: str, fonts: Sequence[Font], shape: Shape, *, images: int, seed: int = 0) -> Pictures:
    """Draw images of characters, which are the classes. Every class has the same number of images, ±1.

    Grey images have ink 255 on paper 0. In colour images, ink and paper are random colours of different brightness. The slant
    in the attributes is that of the font and of the image together. The result depends on the seed, the fonts and the version
    of FreeType only.
    """
    require_count(images, len(characters))
    random = generator(seed, shape)
    labels = np.arange(images) % len(characters)
    # Each class goes through all fonts in a random order before it comes to the first font again.
    order = random.permutation(len(fonts))
    font_of = order[(np.arange(images) // len(characters)) % len(fonts)]
    changes = Changes(
        size=random.uniform(SMALLEST, 1, images),
        right=random.uniform(-FARTHEST, FARTHEST, images),
        down=random.uniform(-FARTHEST, FARTHEST, images),
        slant=random.uniform(-STEEPEST, STEEPEST, images),
    )
    ink = np.empty((images, shape.pixels), np.uint8)
    for index in np.unique(font_of):
        for row, picture in _with_font(characters, fonts[index], shape.side, np.flatnonzero(font_of == index), changes):
            ink[row] = picture
    known = np.array([[font.weight, font.slant, font.width, _or_nan(font.serif)] for font in fonts], np.float32)
    attributes = known[font_of]
    attributes[:, 1] += changes.slant.astype(np.float32)
    colour = shape.channels > 1
    return Pictures(
        shape=shape,
        images=_in_colour(ink, random) if colour else ink,
        labels=labels,
        classes=tuple(characters),
        drawn=not colour,
        attributes=ATTRIBUTES,
        values=attributes,
        source="glyphs",
        licence=licences(fonts),
    )


def require_count(images: int, classes: int) -> None:
    """Raise SourceRefused for a number of images that no data set can have."""
    if not classes <= images <= MOST_IMAGES:
        raise SourceRefused(
            f"The number of images cannot be {images:,}: it must be between {classes}, one for each class, and "
            f"{MOST_IMAGES:,}."
        )


def generator(seed: int, shape: Shape) -> np.random.Generator:
    """Return a generator that gives the same numbers on every machine; raise ConfigError for an invalid seed."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([require_seed(seed), shape.side])))


def _or_nan(known: bool | None) -> float:
    return math.nan if known is None else float(known)


def _with_font(
    characters: str, font: Font, side: int, rows: np.ndarray, changes: Changes
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the row and the ink (side²,) of each image of a font."""
    canvas = DETAIL * side
    face = font.at(canvas)
    boxes = {one: face.getbbox(one, anchor="ls") for one in characters}  # left, top, right, bottom from the baseline
    top, bottom = min(box[1] for box in boxes.values()), max(box[3] for box in boxes.values())
    widest = max(box[2] - box[0] for box in boxes.values())
    scale = FILLED * canvas / max(bottom - top, widest, 1)
    pictures: dict[int, Image.Image] = {}
    for row in rows:
        label = int(row) % len(characters)
        if label not in pictures:
            # On a canvas of four times the area, the middle of the character and of the font's height is the centre.
            picture = Image.new("L", (2 * canvas, 2 * canvas))
            left, _, right, _ = boxes[characters[label]]
            at = (canvas - (left + right) / 2, canvas - (top + bottom) / 2)
            ImageDraw.Draw(picture).text(at, characters[label], fill=255, font=face, anchor="ls")
            pictures[label] = picture
        yield int(row), _changed(pictures[label], canvas, scale, Changes(*(change[row] for change in changes)))


def _changed(picture: Image.Image, canvas: int, scale: float, change: Changes) -> np.ndarray:
    """Return the ink of a picture after an affine map: the output position (x, y) shows the input at A (x, y) + b."""
    zoom, lean = 1 / (scale * float(change.size)), math.tan(math.radians(float(change.slant)))
    x, y = (canvas * (0.5 + float(shift)) for shift in (change.right, change.down))  # centre of the character
    affine = (zoom, zoom * lean, canvas - zoom * (x + lean * y), 0, zoom, canvas - zoom * y)
    placed = picture.transform((canvas, canvas), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(placed.reduce(DETAIL), np.uint8).reshape(-1)


def _in_colour(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return images (N, 3 · pixels) in which ink and paper have random colours of different brightness."""
    paper, colours = (random.uniform(0, 255, (len(ink), 3)) for _ in range(2))
    while (alike := np.abs((colours - paper) @ BRIGHTNESS) < CONTRAST).any():
        colours[alike], paper[alike] = random.uniform(0, 255, (2, alike.sum(), 3))
    images = np.empty((len(ink), 3, ink.shape[1]), np.uint8)
    for channel in range(3):
        share = ink / np.float32(255)
        images[:, channel] = np.rint(paper[:, channel, None] * (1 - share) + colours[:, channel, None] * share)
    return images.reshape(len(ink), -1)
