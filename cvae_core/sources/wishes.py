"""What a user asks for, what was found on the way, and the images before they are split. Imports no torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

import numpy as np
from typing_extensions import Doc

from cvae_core.config.descriptions import SIDES, Attribute, Shape
from cvae_core.config.reports import MOST_LISTED, Decision, LeftOut
from cvae_core.data.sealed import SPLITS as SPLITS
from cvae_core.data.sealed import Split as Split
from cvae_core.errors import SourceRefused
from cvae_core.sources.limits import shown
from cvae_core.sources.pictures import Fit
from cvae_core.system.seeds import require_seed


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The flags of `data add`. "auto" and None: the lab decides, and the report states the decision."""

    size: Annotated[int | None, Doc(f"side of the images: a multiple of 4 from {SIDES[0]} to {SIDES[-1]}")] = None
    colour: Annotated[Literal["auto", "grey", "rgb"], Doc("one channel or three")] = "auto"
    ink: Annotated[
        Literal["auto", "dark", "light"], Doc("whether grey images are dark ink on light paper or the reverse")
    ] = "auto"
    fit: Annotated[Fit, Doc("how a picture that is not square becomes square")] = "pad"
    validation: Annotated[float, Doc("share of images for validation")] = 0.15
    test: Annotated[float, Doc("share of images for the test")] = 0.15
    splits: Annotated[Literal["auto", "given", "drawn"], Doc("splits of the source, or drawn from the seed")] = "auto"
    duplicates: Annotated[
        Literal["keep-together", "drop"], Doc("equal images: keep them in one split, or keep one of them")
    ] = "keep-together"
    conflicts: Annotated[Literal["leave-out", "keep"], Doc("equal images of different classes")] = "leave-out"
    classes: Annotated[Literal["natural", "text"], Doc("order of classes: 1, 2, 10, or as text: 1, 10, 2")] = "natural"
    labels: Annotated[str | None, Doc("column of a CSV file with the classes")] = None
    seed: Annotated[int, Doc("seed of drawn splits")] = 0

    def __post_init__(self) -> None:
        require_seed(self.seed)
        if self.size is not None and self.size not in SIDES:
            raise SourceRefused(
                f"--size cannot be {self.size}: it must be a multiple of 4 between {SIDES[0]} and {SIDES[-1]}."
            )
        shares = self.validation, self.test
        if not all(0 < share < 1 for share in shares) or sum(shares) > 0.9:
            raise SourceRefused(
                f"--validation {self.validation} and --test {self.test} are not possible: both must be above 0, and "
                "together at most 0.9."
            )

    def flags(self) -> dict[str, str]:
        """Return the flags that differ from their defaults, with their values as texts."""
        given = {one.name: getattr(self, one.name) for one in fields(Wishes) if getattr(self, one.name) != one.default}
        return {f"--{name}": str(value) for name, value in given.items()}


@dataclass(frozen=True)
class Progress:
    """How far the reading of a source is."""

    doing: str
    done: int
    total: int


@dataclass(kw_only=True)
class Findings:
    """A collection of what is found and decided while a source is read; the report is made from it."""

    kind: str
    found: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    decisions: list[Decision] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    left_out_count: int = 0

    def leave_out(self, file: str, reason: str, count: int = 1) -> None:
        """Note a file that is not part of the data set. The reason completes a sentence that starts with the file."""
        self.left_out_count += count
        if len(self.left_out) < MOST_LISTED:
            self.left_out.append(LeftOut(file=shown(file), reason=reason))

    def decide(self, flag: str, value: object, reason: str) -> None:
        """Note a decision and the flag that changes it."""
        self.decisions.append(Decision(flag=flag, value=str(value), reason=reason))


@dataclass(kw_only=True, eq=False)
class Pictures:
    """Images of one shape with labels, before they are split into training, validation and test."""

    shape: Shape
    images: np.ndarray  # (N, values) uint8
    labels: np.ndarray  # (N,) int64
    classes: Sequence[str]
    drawn: bool  # grey drawings in which ink is stored as 255
    files: Sequence[str] = ()  # names for the report; empty: "image 17"
    splits: np.ndarray | None = None  # (N,) places in `SPLITS` that the source gives; −1: none
    attributes: Sequence[Attribute] = ()
    values: np.ndarray | None = None  # (N, A) float32, NaN where a value is missing, a category as its place
    source: str = ""  # name of the source without its folder
    licence: str = ""
    findings: Findings = field(default_factory=lambda: Findings(kind="made"))

    def file(self, index: int) -> str:
        """Return the name of an image for the report."""
        return self.files[index] if self.files else f"image {index + 1}"
