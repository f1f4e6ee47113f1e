"""Make the shipped data set of letters: `python -m benchmarks.letters FONTS …`, with fonts whose licences allow it.

The shipped set was drawn with DejaVu Sans, Sans Mono and Serif (Debian: fonts-dejavu, the files DejaVuS*.ttf) and with
Inter (fonts-inter-variable). It is stored in cvae_core/data/sets/. The same versions of the fonts and of FreeType give
the same images. NOTICE names the fonts.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cvae_core.cli.make import Glyphs
from cvae_core.data import catalogue

LETTERS = Glyphs(name="letters", images=26 * 150)  # less than 1 MB


def main(places: Sequence[str]) -> None:
    """Replace the shipped set."""
    if not places:
        sys.exit(__doc__)
    shutil.rmtree(catalogue.SHIPPED / LETTERS.name, ignore_errors=True)
    with tempfile.TemporaryDirectory() as empty:
        os.environ["CVAE_DATA"] = empty
        replace(LETTERS, fonts=tuple(map(Path, places)))()
        shutil.move(catalogue.added_folder() / LETTERS.name, catalogue.SHIPPED / LETTERS.name)


if __name__ == "__main__":
    main(sys.argv[1:])
