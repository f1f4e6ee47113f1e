"""Marks on flat maps of latent spaces, drawn in the browser: they change without redrawing the maps."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from app.browser import source

_marks = st.components.v2.component(
    "cvae_map_marks",
    html='<div class="marks" hidden></div>',
    js=source("component.js", "map_marks.js"),
)


class Marks(NamedTuple):
    """The marks of one map: the test indices of the chosen image's neighbours in z, and paths of a walk, (N, 2 or 3) each."""

    near: Sequence[int]
    paths: Sequence[np.ndarray]


def show(start: int, end: int | None, selected: Sequence[int], maps: Mapping[str, Marks]) -> None:
    """Mark the chosen test image, the end of a walk and the selected images on several maps, by the maps' names."""
    places = {
        name: {"near": list(marks.near), "paths": [np.round(path, 3).tolist() for path in marks.paths]}
        for name, marks in maps.items()
    }
    data = {"start": start, "end": end, "selected": list(selected), "maps": places}
    _marks(key="map-marks", data=data, height=1)
