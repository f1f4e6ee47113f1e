"""The map of a latent space in two or three dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image, ImageDraw

from app.charts.class_colours import colours
from app.charts.plotly_charts import CONFIG, GREY, INK, MAP_HEIGHT, PRIOR, RED, SHOVE, SHOVES, framed
from app.text import labels
from app.text.plain_text import charted
from cvae_core.config.descriptions import Description
from cvae_core.evaluation.latent_space import Embedding

THUMBNAIL = (300, 220)  # pixels
PALE = 0.3  # opacity of a solid map's points, among which marks would otherwise be hidden
MOST_TRACES = 20  # of more classes, the largest have a trace each, and the others one together
OTHERS = "others"
LEGEND_HEIGHT = 84  # pixels: four rows, and it scrolls: longer legends would leave no room for the points
LETTERS_PER_LINE = 5  # letters of a glyph that are as wide as its line is high, with its border
APART = 0.1  # the least distance of two glyphs, as a share of the map's extent: legible on a phone
# Without a graphics card, Plotly's default of twice the resolution takes 0.3 s longer to start. Discs look almost the same on
# standard screens; on high-resolution screens and in pictures saved from the map, their edges are softer.
MAP_CONFIG = {**CONFIG, "plotGlPixelRatio": 1}
SOLID_CONFIG = {**CONFIG, "scrollZoom": False}  # the wheel scrolls the page


def embedding_map(
    embedding: Embedding,
    description: Description,
    ringed: int | None,
    drawn: np.ndarray | None = None,
    prior: np.ndarray | None = None,
    meta: Mapping[str, str] | None = None,
    picked: int | None = None,
) -> go.Figure:
    """Draw an embedding, one trace per class so that the legend toggles classes; one test index can be ringed.

    Of more than `MOST_TRACES` classes, the largest have a trace each. `picked` is a label to show among paler points.

    `drawn` (2 or 3,) is the position of the visitor's drawing. `prior` (N, 2 or 3) are draws from the prior, shown behind the
    points. `meta` is for scripts of the browser: "images" names the data set of the thumbnails, "map" the map.

    In two dimensions, each class's name is at the median of its points, for readers who cannot tell the colours apart; names
    of many classes would hide the points. The mouse pans the map. The wheel scrolls the page, as do fingers
    (browser/touch.js) until a tool above the map is selected.
    """
    solid = embedding.coordinates.shape[1] == 3
    traces = []
    if prior is not None:
        crosses = {"size": 2 if solid else 4, "color": PRIOR, "symbol": "cross"}
        traces.append(_points(prior, name="prior", hoverinfo="skip", marker=crosses))
    size = 3 if solid else 5 if prior is None else 4
    largest = _largest(embedding, len(description.classes))
    named = largest if picked is None else [*(label for label in largest if label != picked), picked]  # it is in front
    every = dict(zip(dict.fromkeys([*largest, *named]), colours(MOST_TRACES), strict=False))
    for label in named:
        rows = embedding.labels == label
        marker = {"size": size, "color": every[label]}
        traces.append(_of_class(embedding, rows, solid, marker, labels.short(description.classes[label]), description))
    if len(named) < len(description.classes):
        rows = ~np.isin(embedding.labels, named)
        others = _of_class(embedding, rows, solid, {"size": size, "color": GREY}, OTHERS, description)
        traces.insert(len(traces) - len(named), others | {"opacity": PALE})
    if picked is not None:
        for trace in traces:
            trace["opacity"] = 1 if trace["name"] == labels.short(description.classes[picked]) else PALE
    pointers = []
    position = np.flatnonzero(embedding.indices == ringed)
    if len(position):
        ring = {"size": 18, "symbol": "circle-open", "color": RED, "line": {"width": 3}}
        places = embedding.coordinates[position]
        traces.append(_points(places, showlegend=False, hoverinfo="skip", marker=ring))
        pointers.append((places[0], f"test image {ringed}"))
    if drawn is not None:
        star: dict[str, Any] = {"color": RED, "line": {"width": 1, "color": "white"}}
        star |= {"size": 6, "symbol": "diamond"} if solid else {"size": 16, "symbol": "star"}
        hover = "your drawing<extra></extra>"
        traces.append(_points(drawn[None], name="drawing", hovertemplate=hover, marker=star))
        pointers.append((drawn, "your drawing"))
    layout = {**framed(MAP_HEIGHT), "meta": dict(meta or {})}
    layout["margin"] |= {"b": 8}
    layout["legend"] |= {"itemsizing": "constant", "maxheight": LEGEND_HEIGHT}
    if solid:
        layout["scene"] = _scene(pointers)
    else:
        glyphs = named if 1 < len(description.classes) <= MOST_TRACES else [] if picked is None else [picked]
        layout |= {"dragmode": "pan", "annotations": _glyphs(embedding, description, glyphs, every)}
        layout |= {"xaxis": {"visible": False}, "yaxis": {"visible": False, "scaleanchor": "x"}}
    return go.Figure(traces, layout)  # plain dictionaries take less than half the time


def mark_solid(
    figure: go.Figure,
    embedding: Embedding,
    end: int | None,
    near: Sequence[int],
    paths: Sequence[np.ndarray],
    selected: Sequence[int],
) -> None:
    """Add to a map in three dimensions what map_marks.js draws on flat ones, in front of paler points.

    These are the end of a walk and its paths, (N, 3) each, the nearest neighbours of the ringed point, and the selection.
    """
    if paths or len(selected):
        figure.update_traces(opacity=PALE, selector={"mode": "markers", "showlegend": None})
    ends = () if end is None else (end,)
    looks = ((selected, 5, "circle", GREY), (near, 6, "circle-open", GREY), (ends, 14, "square-open", RED))
    for some, size, symbol, colour in looks:
        places = embedding.coordinates[np.isin(embedding.indices, some)]
        if len(places):
            marker = {"size": size, "symbol": symbol, "color": colour, "line": {"width": 2}}
            figure.add_trace(_points(places, showlegend=False, hoverinfo="skip", marker=marker))
    for path, dash in zip(paths, ("solid", "dash"), strict=False):
        line = {"color": RED, "width": 5, "dash": dash}
        figure.add_trace(_points(path, showlegend=False, hoverinfo="skip", line=line) | {"mode": "lines"})
    for place in embedding.coordinates[np.isin(embedding.indices, ends)]:
        figure.layout.scene.annotations += (_arrow(place, f"end: test image {end}") | {"ax": -40, "ay": 60},)


def _largest(embedding: Embedding, count: int) -> list[int]:
    """Return the labels that have a trace and a colour each: all, or those with most points."""
    if count <= MOST_TRACES:
        return list(range(count))
    order = np.argsort(-np.bincount(embedding.labels, minlength=count), kind="stable")
    return sorted(order[: MOST_TRACES - 1].tolist())


def _of_class(
    embedding: Embedding, rows: np.ndarray, solid: bool, marker: Mapping[str, Any], name: str, data: Description
) -> dict[str, Any]:
    """Return the trace of some points. The pointer shows the class of a point, if the images have labels."""
    same: dict[str, Any] = {}
    one = ""
    if name == OTHERS:
        same["text"] = [charted(labels.one(data, label)) for label in embedding.labels[rows].tolist()]
        one = "%{text}, "
    elif data.labelled and rows.any():
        one = f"{charted(labels.one(data, int(embedding.labels[rows][0])))}, "
    if not solid:  # map_marks.js marks points on all maps, Plotly only on the one that was clicked
        same |= {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
    return _points(
        embedding.coordinates[rows],
        customdata=embedding.indices[rows],
        marker=marker,
        name=name,
        hovertemplate=f"{one}test image %{{customdata}}<extra></extra>",
        **same,
    )


def thumbnail(embedding: Embedding, count: int) -> Image.Image:
    """Draw a small picture of an embedding: a dot per image, and a colour for each of `count` labels."""
    every = colours(count)
    upright = embedding.coordinates * (1, -1)  # a picture's y grows downwards
    low, high = upright.min(axis=0), upright.max(axis=0)
    places = ((upright - low) / np.maximum(high - low, 1e-6) * (np.array(THUMBNAIL) - 6) + 2).astype(int)
    picture = Image.new("RGB", THUMBNAIL, "white")
    pen = ImageDraw.Draw(picture)
    for (x, y), label in zip(places.tolist(), embedding.labels.tolist(), strict=True):
        pen.rectangle((x, y, x + 2, y + 2), fill=every[label])
    return picture


def _glyphs(
    embedding: Embedding, description: Description, named: Sequence[int], every: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return an annotation with the name of each of some classes, at the median of its points or next to it."""
    present = np.intersect1d(embedding.labels, named).tolist()
    if not present:
        return []
    medians = np.array([np.median(embedding.coordinates[embedding.labels == label], axis=0) for label in present])
    longest = max(len(labels.short(description.classes[label])) for label in present)
    stretch = (max(1.0, longest / LETTERS_PER_LINE), 1.0)  # words are wider than high
    places = apart(medians / stretch, APART * float(np.ptp(embedding.coordinates, axis=0).max())) * stretch
    look = {"showarrow": False, "borderwidth": 2, "bgcolor": "white", "font": {"color": INK, "size": 14}}
    return [
        {
            "x": x,
            "y": y,
            "text": f"<b>{labels.short(description.classes[label])}</b>",
            "bordercolor": every[label],
            **look,
        }
        for label, (x, y) in zip(present, places.tolist(), strict=True)
    ]


def apart(places: np.ndarray, least: float) -> np.ndarray:
    """Move points (N, 2) apart until the distance of any two is at least `least`, in at most `SHOVES` steps."""
    for _ in range(SHOVES):
        offsets = places[:, None] - places
        distances = np.linalg.norm(offsets, axis=-1, keepdims=True)
        lacking = np.where((distances > 0) & (distances < least), least - distances, 0)
        if not lacking.any():
            break
        places = places + SHOVE * (offsets / np.maximum(distances, 1e-9) * lacking).sum(axis=1)
    return places


def _scene(pointers: Sequence[tuple[np.ndarray, str]]) -> dict[str, Any]:
    """Return a box without scales, with labelled arrows to points that the cloud of points may hide."""
    axis = {"title": "", "showticklabels": False, "showspikes": False, "showbackground": False, "nticks": 4}
    axis |= {"gridcolor": GREY, "zerolinecolor": GREY}
    arrows = [_arrow(place, text) for place, text in pointers]
    axes = dict.fromkeys(("xaxis", "yaxis", "zaxis"), axis)
    return {"aspectmode": "data", "camera": {"eye": dict.fromkeys("xyz", 1.2)}, "annotations": arrows, **axes}


def _arrow(place: np.ndarray, text: str) -> dict[str, Any]:
    """Return a labelled arrow to a place (3,)."""
    look = {"arrowcolor": RED, "ax": 40, "ay": -60, "bgcolor": "white", "bordercolor": RED, "font": {"color": INK}}
    return {**dict(zip("xyz", place, strict=True)), "text": text, **look}


def _points(places: np.ndarray, **settings: Any) -> dict[str, Any]:
    """Return a trace of points (N, 2 or 3)."""
    kind = "scatter3d" if places.shape[1] == 3 else "scattergl"
    return {"type": kind, **dict(zip("xyz", places.T, strict=False)), "mode": "markers", **settings}
