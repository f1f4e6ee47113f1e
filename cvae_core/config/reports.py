"""The report of `data add`: what was found in a source, what was decided, and what was left out. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cvae_core.errors import ConfigError
from cvae_core.system.type_checks import Count, fills, misfits

MOST_LISTED = 1_000  # entries of each list; the counts are complete


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A choice that was made for the user, the flag that changes it, and the reason."""

    flag: str  # for example "--size"
    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file or image that is not part of the data set, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """The numbers of images of a class in each split."""

    name: str
    train: Count
    validation: Count
    test: Count


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Numbers of images that equal another image."""

    within: Count = 0  # images that equal an earlier image of the same split
    across: Count = 0  # images that equal an image of another split
    conflicting: Count = 0  # images that equal an image of another class
    removed: Count = 0  # of these, how many are not part of the data set


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that reading a source found and decided. Lists have at most `MOST_LISTED` entries."""

    kind: str  # "folder", "zip", "npz", "idx", "csv" or "made"
    found: Count  # files or images in the source
    read: Count  # images that could be read
    sizes: Mapping[str, Count]  # "28×28": number of images of this size; the rarest are summed as "other"
    formats: Mapping[str, Count]  # "PNG": number of images
    changed: Mapping[str, Count]  # for example "resized", "padded", "inverted", "made grey", "rotated by EXIF"
    classes: Sequence[ClassCount]
    duplicates: Duplicates
    decisions: Sequence[Decision]
    cautions: Sequence[str]  # sentences about what may make results misleading
    left_out: Sequence[LeftOut]
    left_out_count: Count

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON from which `report_from_json` rebuilds an equal report."""
        return asdict(self)


def report_from_json(content: Mapping[str, Any]) -> Report:
    """Rebuild a report; raise ConfigError if a field is missing, unknown or has an impossible value."""
    try:
        if not fills(Report, content):
            raise TypeError("other fields")
        parts = {
            "classes": tuple(ClassCount(**one) for one in content["classes"]),
            "duplicates": Duplicates(**content["duplicates"]),
            "decisions": tuple(Decision(**one) for one in content["decisions"]),
            "cautions": tuple(content["cautions"]),
            "left_out": tuple(LeftOut(**one) for one in content["left_out"]),
        }
        report = Report(**{**content, **parts})
        if wrong := misfits(report, one_line=True):
            raise TypeError(f"wrong {wrong}")
    except (TypeError, ValueError) as error:
        raise ConfigError("The report of the data set is not of this version of the lab.") from error
    return report
