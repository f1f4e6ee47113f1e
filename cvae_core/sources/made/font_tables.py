"""Read the tables of a TrueType or OpenType font that describe it: names, weight, width, slant, serifs and characters.

Source: the OpenType specification, tables name, OS/2, post, fvar, cmap, CBLC and sbix. Numbers are big-endian.
"""

import struct
from collections.abc import Mapping
from functools import cached_property

COLLECTION, SIGNATURES = b"ttcf", (b"\0\1\0\0", b"OTTO", b"true")
LONGEST_TEXT = 300  # characters of a name that are kept
# PANOSE: serif styles of the family kind 2, "Latin text". Classes of sFamilyClass in OS/2, where PANOSE says nothing.
LATIN_TEXT, PICTORIAL, WITH_SERIFS, SANS_SERIF = 2, 5, range(2, 11), range(11, 16)
SERIF_CLASSES, SANS_CLASS, SYMBOL_CLASS = (1, 2, 3, 4, 5, 7), 8, 12
WIDTHS = (
    50.0,
    62.5,
    75.0,
    87.5,
    100.0,
    112.5,
    125.0,
    150.0,
    200.0,
)  # percent of the normal width, for usWidthClass 1 … 9
UNICODE, SYMBOL = ((3, 10), (3, 1), (0, 6), (0, 4), (0, 3)), (3, 0)  # (platform, encoding) of a cmap, the best first


class Tables:
    """The tables of the first font in a file. Raises ValueError, struct.error or IndexError if the file is no such font."""

    def __init__(self, content: bytes):
        at = struct.unpack_from(">I", content, 12)[0] if content[:4] == COLLECTION else 0
        if content[at : at + 4] not in SIGNATURES:
            raise ValueError("neither TrueType nor OpenType")
        (count,) = struct.unpack_from(">H", content, at + 4)
        entries = (struct.unpack_from(">4sIII", content, at + 12 + 16 * index) for index in range(count))
        self.tables: Mapping[bytes, bytes] = {tag: content[start : start + size] for tag, _, start, size in entries}

    def text(self, *numbers: int) -> str:
        """Return the English text of the first of these name numbers that the font has, or an empty text."""
        table = self.tables[b"name"]
        count, start = struct.unpack_from(">HH", table, 2)
        found: dict[int, str] = {}
        for index in range(count):
            platform, _, language, number, size, offset = struct.unpack_from(">6H", table, 6 + 12 * index)
            if (platform, language) in ((3, 0x409), (1, 0)) and (platform == 3 or number not in found):
                raw = table[start + offset : start + offset + size]
                text = " ".join(raw.decode("utf-16-be" if platform == 3 else "mac-roman", "replace").split())
                found[number] = "".join(letter for letter in text if letter.isprintable())[:LONGEST_TEXT]
        return next((found[number] for number in numbers if found.get(number)), "")

    @cached_property
    def _os2(self) -> bytes:
        return self.tables.get(b"OS/2", b"")

    @property
    def weight(self) -> float:
        """Return the weight class, 100 … 900 (400 is regular), or NaN if the font states none."""
        (stated,) = struct.unpack_from(">H", self._os2, 4) if self._os2 else (0,)
        return float(stated) if 100 <= stated <= 1000 else float("nan")

    @property
    def width(self) -> float:
        """Return the width in percent of the normal width, or NaN if the font states none."""
        (stated,) = struct.unpack_from(">H", self._os2, 6) if self._os2 else (0,)
        return WIDTHS[stated - 1] if 1 <= stated <= len(WIDTHS) else float("nan")

    @property
    def slant(self) -> float:
        """Return the angle in degrees by which upright strokes lean to the right, or NaN if the font states none."""
        post = self.tables.get(b"post", b"")
        return -struct.unpack_from(">i", post, 4)[0] / 65536 + 0.0 if post else float("nan")

    @property
    def serif(self) -> bool | None:
        """Return whether the letters have serifs, or None if the font does not state it."""
        if not self._os2:
            return None
        kind, style = self._os2[32], self._os2[33]
        if kind == LATIN_TEXT and style in (*WITH_SERIFS, *SANS_SERIF):
            return style in WITH_SERIFS
        family = self._os2[30]
        return family in SERIF_CLASSES if family in (*SERIF_CLASSES, SANS_CLASS) else None

    @property
    def styles(self) -> list[tuple[str, dict[str, float]]]:
        """Return the named styles of a variable font, each with its place on every axis, in the order of the axes."""
        table = self.tables.get(b"fvar", b"")
        if not table:
            return []
        start, _, axes, size, count, length = struct.unpack_from(">6H", table, 4)
        tags = [table[start + size * axis :][:4].decode("ascii") for axis in range(axes)]
        found = []
        for at in range(start + size * axes, start + size * axes + length * count, length):
            (number,) = struct.unpack_from(">H", table, at)
            places = struct.unpack_from(f">{axes}i", table, at + 4)
            found.append((self.text(number), {tag: place / 65536 for tag, place in zip(tags, places, strict=True)}))
        return found

    @property
    def is_symbols(self) -> bool:
        """Return whether the font states that its characters are symbols, whatever their codes are."""
        stated = bool(self._os2) and (self._os2[32] == PICTORIAL or self._os2[30] == SYMBOL_CLASS)
        return stated or not self._encoding

    @cached_property
    def _encoding(self) -> bytes:
        """Return the subtable of the best Unicode encoding, empty if there is none."""
        table = self.tables[b"cmap"]
        (count,) = struct.unpack_from(">H", table, 2)
        entries = [struct.unpack_from(">HHI", table, 4 + 8 * index) for index in range(count)]
        starts = {(platform, encoding): start for platform, encoding, start in entries}
        return next((table[starts[name] :] for name in UNICODE if name in starts and SYMBOL not in starts), b"")

    def has(self, character: str) -> bool:
        """Return whether the font has a glyph for a character."""
        code, table = ord(character), self._encoding
        match struct.unpack_from(">H", table)[0] if table else 0:
            case 4:
                return _in_segments(table, code)
            case 12:
                (count,) = struct.unpack_from(">I", table, 12)
                groups = struct.iter_unpack(">III", table[16 : 16 + 12 * count])
                return any(first <= code <= last and glyph + code - first > 0 for first, last, glyph in groups)
        return False

    @property
    def bitmap_size(self) -> int:
        """Return the size in pixels of the largest colour pictures of a font that stores such pictures, or 0."""
        if table := self.tables.get(b"CBLC"):
            (count,) = struct.unpack_from(">I", table, 4)
            return max((table[8 + 48 * index + 45] for index in range(count)), default=0)
        if table := self.tables.get(b"sbix"):
            (count,) = struct.unpack_from(">I", table, 4)
            starts = struct.unpack_from(f">{count}I", table, 8)
            return max((struct.unpack_from(">H", table, start)[0] for start in starts), default=0)
        return 0


def _in_segments(table: bytes, code: int) -> bool:
    """Return whether a character is in a cmap of format 4, whose segments end at increasing codes."""
    if code > 0xFFFF:
        return False
    (twice,) = struct.unpack_from(">H", table, 6)
    ends, starts = (struct.unpack_from(f">{twice // 2}H", table, at) for at in (14, 16 + twice))
    segment = next((index for index, end in enumerate(ends) if end >= code), None)
    if segment is None or starts[segment] > code:
        return False
    (delta,) = struct.unpack_from(">H", table, 16 + 2 * twice + 2 * segment)
    at = 16 + 3 * twice + 2 * segment
    (offset,) = struct.unpack_from(">H", table, at)
    if not offset:
        return (code + delta) % 0x10000 > 0
    (glyph,) = struct.unpack_from(">H", table, at + offset + 2 * (code - starts[segment]))
    return bool(glyph)
