"""Find the fonts of this machine: outline fonts that have all wanted characters, and fonts with colour pictures."""

import importlib.util
import os
import struct
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import ImageFont

from cvae_core.errors import SourceRefused
from cvae_core.sources.made.font_tables import Tables

SUFFIXES = (".ttf", ".otf", ".ttc")
LARGEST_FILE = 64 * 2**20
LICENCE = 120  # characters of a licence that are kept
PACKAGES = "fonts-dejavu and fonts-liberation"  # of Debian
COLOUR_PACKAGE = "fonts-noto-color-emoji"


@dataclass(frozen=True, kw_only=True)
class Font:
    """A font file of this machine, or one named style of a variable font. Numbers that the file does not state are NaN."""

    path: Path
    family: str
    style: str
    licence: str  # as the file states it, often empty
    weight: float  # 400 is regular, 700 is bold
    width: float  # percent of the normal width
    slant: float  # degrees by which upright strokes lean to the right
    serif: bool | None
    bitmap_size: int = 0  # pixels of its colour pictures; 0: the font consists of outlines
    axes: tuple[float, ...] = ()  # the style of a variable font: its place on each axis

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        """Open the font at a size in pixels, with the layout that is the same on every machine."""
        font = ImageFont.truetype(str(self.path), size, layout_engine=ImageFont.Layout.BASIC)
        if self.axes:
            font.set_variation_by_axes(list(self.axes))
        return font


def outlines(characters: str, places: Sequence[Path] = ()) -> tuple[Font, ...]:
    """Return the fonts that can draw all characters, sorted by name. Fonts of symbols and of colour pictures are left out.

    `places` are files and folders, by default the usual folders. Raises SourceRefused if there is no such font.
    """
    found = _found(places, characters)
    if kept := [font for font in found if not font.bitmap_size]:
        return tuple(kept)
    raise SourceRefused(
        f"No font in {_named(places)} has all of the characters {characters[:40]!r}: install fonts (on Debian, for example, "
        f"{PACKAGES}), name other fonts with --fonts, or ask for other --characters."
    )


def coloured(characters: str, places: Sequence[Path] = ()) -> Font:
    """Return the first font of colour pictures that has these characters; raise SourceRefused if there is none."""
    for font in _found(places, characters):
        if font.bitmap_size:
            return font
    raise SourceRefused(
        f"No colour font with emoji is in {_named(places)}: install the package {COLOUR_PACKAGE} (its name on Debian), or "
        "name such a font with --fonts."
    )


def licences(fonts: Sequence[Font]) -> str:
    """Return one text with the families of fonts and the beginning of the licence that their files state."""
    families: dict[str, list[str]] = {}
    for family, licence in {font.family: font.licence for font in reversed(fonts)}.items():
        stated = textwrap.shorten(licence, LICENCE, placeholder=" …") or "no licence stated"
        families.setdefault(stated, []).append(family)
    return "; ".join(sorted(f"{', '.join(sorted(names))}: {stated}" for stated, names in families.items()))


def _named(places: Sequence[Path]) -> str:
    return ", ".join(str(place) for place in places) if places else "the font folders of this machine"


def _usual() -> list[Path]:
    """Return the font folders of Linux, macOS and Windows, and that of matplotlib."""
    home, windows = Path.home(), Path(os.environ.get("WINDIR", "/nonexistent"))
    matplotlib = importlib.util.find_spec("matplotlib")
    shipped = [Path(matplotlib.origin).parent / "mpl-data/fonts"] if matplotlib and matplotlib.origin else []
    return [
        *(Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts"),
        *(Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts", windows / "Fonts"),
        *shipped,
    ]


def _found(places: Sequence[Path], characters: str) -> list[Font]:
    """Return one font for each family and style, sorted, so that the order does not depend on folders."""
    for place in places:
        if not place.exists():
            raise SourceRefused(f"{place} does not exist: give fonts or folders of fonts with --fonts.")
    fonts: dict[tuple[str, str], Font] = {}
    for place in places or _usual():
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size <= LARGEST_FILE:
                for font in _described(path, characters):
                    fonts.setdefault((font.family, font.style), font)
    return [fonts[name] for name in sorted(fonts)]


def _described(path: Path, characters: str) -> Iterator[Font]:
    """Yield the font in a file, or each named style of a variable font; nothing if it cannot draw the characters."""
    try:
        tables = Tables(path.read_bytes())
        family, style = tables.text(16, 1), tables.text(17, 2)
        if not family or family.startswith(".") or not all(map(tables.has, characters)):
            return
        if tables.is_symbols and not tables.bitmap_size:
            return
        font = Font(
            path=path,
            family=family,
            style=style,
            licence=tables.text(13, 14),
            weight=tables.weight,
            width=tables.width,
            slant=tables.slant,
            serif=tables.serif,
            bitmap_size=tables.bitmap_size,
        )
        font.at(font.bitmap_size or 16)
        styles = tables.styles
        if not styles:
            yield font
        for name, axes in styles:
            weight, width = axes.get("wght", font.weight), axes.get("wdth", font.width)
            slant = -axes["slnt"] if "slnt" in axes else font.slant
            yield replace(font, style=name, weight=weight, width=width, slant=slant, axes=tuple(axes.values()))
    except (OSError, ValueError, LookupError, struct.error):  # not a font, or one that cannot be drawn
        return
