"""The choice of a label of a data set. The page's address keeps the name of its class."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.cached import runs
from app.cached.runs import RunKey
from app.display import url_state
from app.display.url_forms import Form, one_of
from app.text.plain_text import Markdown, plain
from app.widgets.controls import or_default
from cvae_core.config.descriptions import Description

LABEL = "digit"  # key of the label in sessions and addresses
DEFAULT = 3
EVERY, ALL, FORMERLY = -1, "all", "all ten"  # the option of all labels, its name, and its name in older addresses
COMPLETED_AS, OWN = "as", "its own"
HIGHLIGHTED, NONE = "highlighted", "none"
MOST_BUTTONS = 12  # of more classes, one is chosen from a list, which can be searched
MOST_ROWS = 20  # of a picture with a row for each label


def usual(description: Description) -> int:
    """Return the default label: `DEFAULT`, or the last one if there are fewer."""
    return min(DEFAULT, len(description.classes) - 1)


def label(description: Description) -> int:
    """Let the visitor choose a label; with another data set, a label that it does not have becomes the default."""
    return _chosen(description, LABEL, usual(description), "Label", {})


def label_or_all(description: Description) -> int | None:
    """Let the visitor choose a label, or all labels: None."""
    chosen = _chosen(description, LABEL, usual(description), "Label", {EVERY: ALL})
    return None if chosen == EVERY else chosen


def label_or_none(description: Description) -> int | None:
    """Let the visitor choose a label to highlight, by default none: None."""
    chosen = _chosen(description, HIGHLIGHTED, EVERY, "Highlighted class", {EVERY: NONE})
    return None if chosen == EVERY else chosen


def completed_as(description: Description, of_test_image: bool) -> int | None:
    """Let the visitor choose the label as which an image is completed. A test image's own label, None, is its default."""
    more, default = ({EVERY: OWN}, EVERY) if of_test_image else ({}, usual(description))
    chosen = _chosen(description, COMPLETED_AS, default, "Complete as", more)
    return None if chosen == EVERY else chosen


def form(description: Description) -> Form[int]:
    """Return the form of a label in an address: the name of its class. Older addresses have its number."""
    return one_of(dict(enumerate(description.classes)))


def counted(chosen: tuple[int, ...], description: Description) -> Markdown:
    """Return which labels a picture shows: "all 10 labels", or "the first 20 of 200 labels"."""
    count = len(description.classes)
    return f"all {count} labels" if len(chosen) == count else f"the first {len(chosen)} of {count} labels"


def of_run(key: RunKey) -> tuple[int, ...]:
    """Return the labels that a picture of a run shows: the first `MOST_ROWS`, or only 0 if it is not given labels."""
    config = runs.config(key)
    return tuple(range(config.classes)[:MOST_ROWS]) if "label" in config.given else (0,)


def _chosen(description: Description, key: str, default: int, title: Markdown, more: Mapping[int, str]) -> int:
    names = {**dict(enumerate(description.classes)), **more}
    known = one_of(names)

    def read(texts: Sequence[str]) -> int | None:
        return EVERY if more and texts[-1] == FORMERLY else known.read(texts)

    key = url_state.bound(key, Form(read, known.texts), default)

    def called(option: int) -> Markdown:
        return plain(names[option])

    if len(names) <= MOST_BUTTONS:
        chosen = st.pills(title, list(names), required=True, format_func=called, key=key, selection_mode="single")
    else:
        order = [*more, *range(len(description.classes))]
        chosen = st.selectbox(title, order, format_func=names.__getitem__, key=key)
    return or_default(chosen, default)
