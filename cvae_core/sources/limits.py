"""Limits of sources, checked before images are decoded, and the words of refusals. Imports no torch.

Sources are untrusted: an upload may come from anybody who can open the page Data.
"""

import unicodedata

from cvae_core.config.descriptions import LONGEST_NAME, MOST_IMAGES
from cvae_core.errors import SourceRefused
from cvae_core.system.files import MEGABYTE
from cvae_core.system.printable import one_line, printable

MOST_FILES = 2 * MOST_IMAGES  # entries of a folder or zip, including those that are no pictures
FILE_BYTES = 64 * MEGABYTE  # one picture's file
SOURCE_BYTES = 64 * 1024 * MEGABYTE  # all files of a source together, unpacked
MEMORY_BYTES = 2048 * MEGABYTE  # of the images at their final size, which are held twice while they are split
TABLE_BYTES = 8 * MEGABYTE  # a CSV file
LABEL_BYTES = 64 * MEGABYTE  # one array of labels
RATIO, RATIO_BYTES = 200, 100 * MEGABYTE  # a zip that unpacks to more, by more than this factor, is refused
DEEPEST = 32  # folders inside each other
FEWEST = 10  # images in all splits together
SHOWN = 80  # characters of a name in a sentence
LINK = "is a link, and links are not followed"  # why a file is left out


def shown(name: str) -> str:
    r"""Return a name for a sentence or a report: on one line, printable, and cut at `SHOWN` characters.

    >>> shown("a\x1b\nb"), len(shown("a" * 300))
    ('a\\x1b b', 80)
    """
    text = printable(one_line(name.encode("utf-8", "backslashreplace").decode()))
    text = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def class_name(text: str) -> str:
    """Return the name of a class, an attribute or a category for a text: in the form NFC, without blanks at its ends.

    Raises SourceRefused for a text that cannot be a name.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise SourceRefused("A class has an empty name: give each class a name of at least one character.")
    if not name.isprintable():
        raise SourceRefused(f"The name {shown(text)!r} contains characters that cannot be printed: rename it.")
    if len(name) > LONGEST_NAME:
        raise SourceRefused(
            f"The name {shown(name)!r} has {len(name):,} characters, but at most {LONGEST_NAME} are possible: shorten it."
        )
    return name


def require_count(found: int) -> None:
    """Raise SourceRefused for more images than a data set may have."""
    if found > MOST_IMAGES:
        raise SourceRefused(
            f"The source has {found:,} images, but a data set has at most {MOST_IMAGES:,}: take a part of them."
        )


def require_memory(found: int, values: int) -> None:
    """Raise SourceRefused if so many images of so many values need more memory than `MEMORY_BYTES`."""
    if 2 * found * values > MEMORY_BYTES:
        raise SourceRefused(
            f"{found:,} images of {values:,} values need {2 * found * values / 2**30:.1f} GB of memory, but the limit is "
            f"{MEMORY_BYTES // 2**30} GB: take fewer images, a smaller --size, or --colour grey."
        )
