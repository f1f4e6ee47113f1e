"""Make the shipped data sets of letters: `python -m benchmarks.letters FONTS …`, with fonts whose licences allow it.

The shipped sets were drawn with DejaVu Sans, Sans Mono and Serif (Debian: fonts-dejavu, the files DejaVuS*.ttf) and with
Inter (fonts-inter-variable). The sets are stored in cvae_core/data/sets/. The same versions of the fonts and of FreeType give
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

SETS = {  # number of images: both sets together have less than 2 MB
    "letters": Glyphs(name="letters", images=26 * 150),
    "letters-colour": Glyphs(name="letters-colour", images=26 * 80, colour=True),
}


def main(places: Sequence[str]) -> None:
    """Replace the shipped sets."""
    if not places:
        sys.exit(__doc__)
    for name, usual in SETS.items():
        shutil.rmtree(catalogue.SHIPPED / name, ignore_errors=True)
        with tempfile.TemporaryDirectory() as empty:
            os.environ["CVAE_DATA"] = empty
            replace(usual, fonts=tuple(map(Path, places)))()
            shutil.move(catalogue.added_folder() / name, catalogue.SHIPPED / name)


if __name__ == "__main__":
    main(sys.argv[1:])
