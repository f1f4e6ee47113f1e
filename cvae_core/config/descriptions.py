"""Descriptions of data sets: shape, classes, sizes and likelihood, without the images. Imports no torch and reads no file.

A row of an image array holds one image channel by channel, each channel row by row from the top. A *value* is one number of
an image, and a *pixel* is one position: a colour image has three values per pixel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from cvae_core.errors import ConfigError
from cvae_core.system.type_checks import Between, fills, misfits

LikelihoodName = Literal["bernoulli", "continuous-bernoulli", "discretised-logistic"]
SIDES = range(16, 65, 4)  # possible side lengths of images
CHANNELS = (1, 3)  # grey, or red, green and blue
MOST_CLASSES = 200
MOST_IMAGES = 200_000  # in all splits together
MOST_ATTRIBUTES = 64
LONGEST_NAME = 100  # characters of the name of a class, an attribute or a category
SCALES = (1e-12, 1e30)  # possible standard deviations of an attribute
MEASURED = ("slant", "thickness")  # attributes of handwritten digits: degrees to the right, and pixels
UNLABELLED = ("all",)  # the classes of a data set without labels


class Shape(NamedTuple):
    """The shape of the images of a data set.

    >>> Shape().values, Shape(3, 32).maps
    (784, (3, 32, 32))
    """

    channels: int = 1
    side: int = 28

    @property
    def pixels(self) -> int:
        """Return the number of positions of an image."""
        return self.side**2

    @property
    def values(self) -> int:
        """Return the number of values of an image: channels · side²."""
        return self.channels * self.pixels

    @property
    def maps(self) -> tuple[int, int, int]:
        """Return the shape of an image as feature maps: channels, side, side."""
        return self.channels, self.side, self.side

    @property
    def usual_likelihood(self) -> LikelihoodName:
        """Return the default likelihood: Bernoulli for grey images, a distribution over 256 levels for colour images."""
        return "bernoulli" if self.channels == 1 else "discretised-logistic"

    @classmethod
    def of_values(cls, values: int) -> "Shape | None":
        """Return the shape whose images have this number of values, or None. No two shapes have the same number."""
        return next((shape for shape in map(cls._make, product(CHANNELS, SIDES)) if shape.values == values), None)

    def __str__(self) -> str:
        return f"{self.side}×{self.side} {'grey' if self.channels == 1 else 'colour'}"


MNIST = Shape()


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """Describe a named column of a data set. A continuous attribute has no categories. Missing values are NaN."""

    name: str
    categories: Sequence[str] = ()
    mean: float = 0.0  # over the training images with a value; models read (value − mean) / scale
    scale: Annotated[float, Between(*SCALES)] = 1.0  # standard deviation over the same images

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))

    @property
    def inputs(self) -> int:
        """Return the number of inputs of a network: a number, or one per category, and whether the value is given."""
        return max(1, len(self.categories)) + 1


@dataclass(frozen=True, kw_only=True)
class Description:
    """Describe a data set without its images: enough to build a model, name its labels and check the files of its runs.

    The constructor raises ConfigError for values that no data set of the lab has.
    """

    name: str
    channels: Annotated[int, Between(CHANNELS[0], CHANNELS[-1])] = 1
    side: Annotated[int, Between(SIDES[0], SIDES[-1])] = 28
    classes: Sequence[str]  # the name of each label; `UNLABELLED` for a data set without labels
    train: Annotated[int, Between(1, MOST_IMAGES)]  # number of images in each split
    validation: Annotated[int, Between(1, MOST_IMAGES)]
    test: Annotated[int, Between(1, MOST_IMAGES)]
    drawn: bool = True  # grey drawings, ink on paper: they are shown dark on light and can be drawn on the pad
    attributes: Sequence[Attribute] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "attributes", tuple(self.attributes))
        if fault := self._fault():
            raise ConfigError(f"The description of the data set {self.name[:LONGEST_NAME]!r} is not valid: {fault}.")
        object.__setattr__(self, "drawn", self.drawn and self.channels == 1)

    def _fault(self) -> str:
        """Return what is wrong with the description, or an empty text."""
        names = [*self.classes, *(one.name for one in self.attributes)]
        names += [category for one in self.attributes for category in one.categories]
        if wrong := misfits(self):
            return f"{', '.join(wrong)} cannot be used"
        if self.side not in SIDES or self.channels not in CHANNELS:
            return f"images cannot have {self.channels} channels and side {self.side}"
        if not 1 <= len(self.classes) <= MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            return f"it must have 1 to {MOST_CLASSES} classes with different names"
        if len(self.attributes) > MOST_ATTRIBUTES or len({one.name for one in self.attributes}) < len(self.attributes):
            return f"it must have at most {MOST_ATTRIBUTES} attributes with different names"
        if not all(is_class_name(name) for name in names):
            return f"names must be printable, on one line, and have 1 to {LONGEST_NAME} characters"
        return ""

    @property
    def shape(self) -> Shape:
        """Return the shape of an image."""
        return Shape(self.channels, self.side)

    @property
    def labelled(self) -> bool:
        """Return whether there is a label to choose: a data set of one class has none."""
        return len(self.classes) > 1

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON from which `description_from_json` rebuilds an equal description."""
        return asdict(self)


def is_class_name(name: str) -> bool:
    """Return whether a text can be the name of a class, an attribute or a category."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def description_from_json(content: Mapping[str, Any]) -> Description:
    """Rebuild a description; raise ConfigError if a field is missing, unknown or has an impossible value."""
    try:
        if not fills(Description, content):
            raise TypeError("other fields")
        attributes = tuple(Attribute(**one) for one in content.get("attributes", ()))
        return Description(**{**content, "attributes": attributes})
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError("The description of the data set is not of this version of the lab.") from error


def _of_mnist(name: str, *classes: str, attributes: Sequence[Attribute] = ()) -> Description:
    return Description(name=name, classes=classes, attributes=attributes, train=50_000, validation=10_000, test=10_000)


def _measured(*moments: tuple[float, float]) -> tuple[Attribute, ...]:
    """Return the attributes that `cvae_core.data.ink` measures, with mean and scale over the training images."""
    named = zip(MEASURED, moments, strict=True)
    return tuple(Attribute(name=name, mean=mean, scale=scale) for name, (mean, scale) in named)


_DIGITS = tuple("0123456789")

BUILT_IN: Mapping[str, Description] = MappingProxyType(
    {
        one.name: one
        for one in (
            _of_mnist("mnist", *_DIGITS, attributes=_measured((5.836, 14.739), (2.637, 0.712))),
            _of_mnist(
                "fashion",
                *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
                *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
            ),
            _of_mnist("kmnist", "o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
            Description(
                name="digits",
                classes=_DIGITS,
                train=1_257,
                validation=180,
                test=360,
                attributes=_measured((-2.425, 6.869), (3.884, 0.816)),
            ),
        )
    }
)
