"""The commands `data make glyphs` and `data make emoji`. Each one is a frozen dataclass of its flags."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.config.descriptions import SIDES, Shape
from cvae_core.data import catalogue, sealed
from cvae_core.sources.gather import finished
from cvae_core.sources.made import emoji, fonts, glyphs
from cvae_core.sources.wishes import Pictures, Wishes


@dataclass(frozen=True, kw_only=True)
class _Made:
    """Flags of every data set that is made on this machine."""

    size: Annotated[int, Doc(f"side of the images: a multiple of 4 from {SIDES[0]} to {SIDES[-1]}")] = 32
    images: Annotated[int, Doc("number of images in all splits together")] = 10_000
    seed: Annotated[int, Doc("seed of the random changes and of the splits")] = 0
    fonts: Annotated[
        tuple[Path, ...], Doc("fonts, or folders of fonts; by default the font folders of this machine")
    ] = ()

    def store(self, name: str, pictures: Pictures, wishes: Wishes) -> None:
        """Split and store the images, and print what was made."""
        made = finished(name, pictures, wishes)
        # The report's decisions name flags of `data add`.
        sealed.store(replace(made, flags=self.flags(), report=replace(made.report, decisions=())))
        found = made.description
        print(
            f"The data set {name!r} has {found.train:,} images for training, {found.validation:,} for validation and "
            f"{found.test:,} for the test: {found.shape}, {len(found.classes)} class{'es' * found.labelled}.\n"
            f"Fonts and licences: {pictures.licence}\nTrain a model on it: python -m cvae_core train "
            f"{'label' if found.labelled else 'vae'} --dataset {name}"
        )

    def flags(self) -> Mapping[str, str]:
        """Return the flags that differ from their defaults, with their values as texts."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}
        given.pop("name", None)
        if self.fonts:
            given["fonts"] = " ".join(path.name for path in self.fonts)  # without the folders of this machine
        return {key: str(value) for key, value in given.items()}


@dataclass(frozen=True, kw_only=True)
class Glyphs(_Made):
    """Make a data set of characters, drawn with the fonts of this machine."""

    name: Annotated[Positional[str], Doc("name of the data set")] = "glyphs"
    characters: Annotated[str, Doc("the classes; X-Y stands for all characters from X to Y")] = "A-Z"
    colour: Annotated[bool, Doc("draw with a random colour on a random colour")] = False

    def __call__(self) -> None:
        """Draw the characters, store the data set and print what was made."""
        wishes = Wishes(size=self.size, colour="rgb" if self.colour else "grey", seed=self.seed)
        catalogue.require_free(self.name)
        characters = glyphs.expanded(self.characters)
        found = fonts.outlines(characters, self.fonts)
        shape = Shape(3 if self.colour else 1, self.size)
        self.store(self.name, glyphs.glyphs(characters, found, shape, images=self.images, seed=self.seed), wishes)


@dataclass(frozen=True, kw_only=True)
class Emoji(_Made):
    """Make a data set of emoji in colour. Needs a colour font, for example the package fonts-noto-color-emoji of Debian."""

    name: Annotated[Positional[str], Doc("name of the data set")] = "emoji"

    def __call__(self) -> None:
        """Draw the emoji, store the data set and print what was made."""
        wishes = Wishes(size=self.size, colour="rgb", seed=self.seed)
        catalogue.require_free(self.name)
        font = fonts.coloured(emoji.EXAMPLE, self.fonts)
        self.store(self.name, emoji.emoji(font, Shape(3, self.size), images=self.images, seed=self.seed), wishes)
