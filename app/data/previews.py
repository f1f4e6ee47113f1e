"""What `data add --preview` has found in a source: a description, a report and some images."""

import base64
import json
from collections.abc import Sequence
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

IN_A_ROW = 14  # images
MOST_ROWS = 16  # classes with a row each; if there are more, rows have images of several
SCALE = 2  # pixels of the page per pixel of an image


@dataclass(frozen=True, eq=False)
class Preview:
    """A data set that is not stored: its description, its report, and some images as a sheet (R, C, values)."""

    description: Description
    report: Report
    images: np.ndarray
    rows: Sequence[str]  # names of the rows; empty if a row has images of several classes


def show(path: Path) -> None:
    """Show a preview."""
    found = read(path)
    elements.explained(f"{report.sizes(found.description)} Nothing is stored yet.")
    alt = "Images of the file, as they would be stored"
    with st.container(key="wide-preview"):
        elements.thumbnail(grid.grid(found.images, scale=SCALE, rows=found.rows), f"{alt}: {', '.join(found.rows)}")
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
    sheet = np.zeros((len(rows), min(IN_A_ROW, max(map(len, rows))), about.shape.values), np.uint8)
    for place, row in zip(sheet, rows, strict=True):
        place[: len(row)] = row[: len(place)]
    return Preview(about, report_from_json(content["report"]), sheet, names)
