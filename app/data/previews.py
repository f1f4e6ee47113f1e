"""What `data add --preview` has found in a source: a description, a report and some images."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app.data import report
from app.display import elements
from app.text.plain_text import plain
from cvae_core.config.descriptions import Description, description_from_json
from cvae_core.config.reports import Report, report_from_json
from cvae_core.pictures import grid

IN_A_ROW = 16  # images
SCALE = 2  # pixels of the page per pixel of an image


@dataclass(frozen=True, eq=False)
class Preview:
    """A data set that is not stored: its description, its report, and some images as a sheet (R, C, values)."""

    description: Description
    report: Report
    images: np.ndarray


def show(path: Path) -> None:
    """Show a preview."""
    found = read(path)
    about = found.description
    classes = f"in {len(about.classes)} classes" if about.labelled else "without labels"
    elements.explained(
        f"{plain(about.shape)} images {classes}: {about.train:,} for "
        f"training, {about.validation:,} for validation and {about.test:,} for the test. Nothing is stored yet."
    )
    with st.container(key="wide-preview"):
        elements.thumbnail(grid.grid(found.images, scale=SCALE), "Images of the file, as they would be stored")
    report.show(found.report)


def read(path: Path) -> Preview:
    """Read the file that `data add --preview` has written. Raises ConfigError."""
    content: dict[str, Any] = json.loads(path.read_bytes())
    about = description_from_json(content["description"])
    images = [np.frombuffer(base64.b64decode(one["values"]), np.uint8) for one in content["pictures"]]
    rows = -(-len(images) // IN_A_ROW)
    sheet = np.zeros((rows * min(IN_A_ROW, len(images)), about.shape.values), np.uint8)
    sheet[: len(images)] = images
    return Preview(about, report_from_json(content["report"]), sheet.reshape(rows, -1, about.shape.values))
