"""The report of a data set as lines of text. Nothing here imports torch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cvae_core.config.descriptions import Attribute
from cvae_core.config.reports import Report
from cvae_core.data.sealed import columns
from cvae_core.system.printable import one_line

LISTED = 20  # files left out that are printed at most


def report_lines(report: Report) -> Iterator[str]:
    """Yield the lines of a report: what was found, what was changed and decided, and what was left out."""
    yield f"source: {report.kind}, {report.found:,} found, {report.read:,} read, {report.left_out_count:,} left out"
    yield f"classes: {len(report.classes)}"
    for one in report.classes:
        yield f"  {one.name:30} {one.train:8,} training {one.validation:8,} validation {one.test:8,} test"
    for title, counts in (("sizes", report.sizes), ("formats", report.formats), ("changed", report.changed)):
        if counts:
            yield f"{title}: {_counted(counts)}"
    found = report.duplicates
    if found.within or found.across or found.conflicting:
        yield (
            f"duplicates: {found.within:,} within a split, {found.across:,} across splits, {found.conflicting:,} in two "
            f"classes; {found.removed:,} removed"
        )
    for decision in report.decisions:
        yield f"decided: {decision.flag} {decision.value}  ({one_line(decision.reason)})"
    for caution in report.cautions:
        yield f"caution: {one_line(caution)}"
    for left_out in report.left_out[:LISTED]:
        yield f"left out: {one_line(left_out.file)}  ({one_line(left_out.reason)})"
    if report.left_out_count > LISTED:
        yield f"left out: {report.left_out_count - min(LISTED, len(report.left_out)):,} more"


def attribute_lines(attributes: Sequence[Attribute], values: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield a line for each attribute of a data set, with what its values in each split (N, A) are."""
    for row in columns(attributes, values):
        yield f"attribute {row['attribute']}: {row['kind']}, {row['values']}; missing: {row['missing']}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
