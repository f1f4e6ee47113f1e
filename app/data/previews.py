"""What `data add --preview` has found in a source: a description, a report and some images."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app.data import report
from app.display import elements
from cvae_core.config.descriptions import Description, description_from_json
from cvae_core.config.reports import Report, report_from_json
from cvae_core.pictures import grid
from cvae_core.pictures.grid import Sheet

IN_A_ROW = 14  # images
MOST_ROWS = 16  # classes with a row each; if there are more, rows have images of several
SCALE = 2  # pixels of the page per pixel of an image


@dataclass(frozen=True, eq=False)
class Preview:
    """A data set that is not stored: its description, its report, and some images."""

    description: Description
    report: Report
    sheet: Sheet
    rows: Sequence[str]  # names of the rows; empty if a row has images of several classes
    columns: Sequence[Mapping[str, str]]  # what each attribute holds


def show(path: Path) -> None:
    """Show a preview."""
    found = read(path)
    elements.explained(
        f"{report.sizes(found.description)} Nothing is stored yet. Check the report, then store it at the end of the page."
    )
    alt = "Images of the file, as they would be stored"
    with st.container(key="wide-preview"):
        picture = grid.grid(
            found.sheet.images, papers=found.sheet.papers, scale=SCALE, rows=found.rows, drawn=found.description.drawn
        )
        elements.thumbnail(picture, f"{alt}: {', '.join(found.rows)}")
    report.attributes(found.columns)
    report.show(found.report)


def read(path: Path) -> Preview:
    """Read the file that `data add --preview` has written. Raises ConfigError."""
    content: dict[str, Any] = json.loads(path.read_bytes())
    about = description_from_json(content["description"])
    rows: list[list[np.ndarray]] = [[] for _ in about.classes]
    for one in content["pictures"]:
        rows[one["label"]].append(np.frombuffer(base64.b64decode(one["values"]), np.uint8))
    names = about.classes if len(rows) <= MOST_ROWS else ()
    if not names:
        images = [image for row in rows for image in row]
        rows = [images[first : first + IN_A_ROW] for first in range(0, len(images), IN_A_ROW)]
    return Preview(about, report_from_json(content["report"]), grid.ragged(rows, IN_A_ROW), names, content["columns"])
