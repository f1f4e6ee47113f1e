"""The report of a data set: what was found in its source, decided and left out."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from app.display import elements
from app.text.plain_text import Markdown, plain
from cvae_core.config.descriptions import Description
from cvae_core.config.reports import Report

FEW_ROWS = 250  # pixels: the height of a table that scrolls


def show(report: Report) -> None:
    """Show a report: numbers, cautions, classes, decisions, and what was left out."""
    elements.caption(_in_words(report))
    for caution in report.cautions:
        st.warning(plain(caution), icon=":material/warning:")
    _table("Classes", [vars(one) for one in report.classes])
    _table("Decisions", [vars(one) for one in report.decisions])
    if report.left_out_count:
        files = f"{report.left_out_count:,} {'file' if report.left_out_count == 1 else 'files'}"
        with st.expander(f"Left out: {files}", icon=":material/block:"):
            _table("", [vars(one) for one in report.left_out])
            if report.left_out_count > len(report.left_out):
                st.caption(f"The first {len(report.left_out):,} are shown.")


def attributes(columns: Sequence[Mapping[str, str]]) -> None:
    """Show what each attribute of a data set holds."""
    _table("Attributes", columns)


def sizes(about: Description) -> Markdown:
    """Return the shape, the number of classes and the sizes of the splits of a data set as a sentence."""
    classes = f"in {len(about.classes)} classes" if about.labelled else "without labels"
    return (
        f"{plain(about.shape)} images {classes}: {about.train:,} for training, {about.validation:,} for validation and "
        f"{about.test:,} for the test."
    )


def _in_words(report: Report) -> Markdown:
    """Return the numbers of a report as sentences."""
    words = [f"{report.read:,} of {report.found:,} files or images were read."]
    if report.sizes:
        words.append(f"Sizes: {_counts(report.sizes)}.")
    if report.formats:
        words.append(f"Formats: {_counts(report.formats)}.")
    if report.changed:
        words.append(f"Changed: {_counts(report.changed)}.")
    same = report.duplicates
    if not (same.within or same.across or same.conflicting):
        return f"{' '.join(words)} No two images are equal."
    words.append(
        f"Equal images: {same.within:,} within one split, {same.across:,} across splits, {same.conflicting:,} in two "
        f"classes; {same.removed:,} of them are left out."
    )
    return " ".join(words)


def _counts(numbers: Mapping[str, int]) -> Markdown:
    return ", ".join(f"{plain(name)} ({count:,})" for name, count in numbers.items())


def _table(title: Markdown, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        return
    if title:
        elements.heading(title)
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=FEW_ROWS if len(rows) > 6 else "content")
