"""The maps of latent spaces: a run's map and another run's beside it, with the same marks on both."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.cached import maps, runs
from app.cached.runs import RunKey
from app.charts import map_chart, plotly_charts
from app.display import elements, map_marks, map_thumbnails, presenter
from app.display.map_marks import Marks
from app.live import drawing_pad
from app.text.plain_text import Markdown
from app.views import code_snippets, latent_points
from app.views.latent_points import Mapped
from app.widgets import map_controls, map_selection, run_pickers
from app.widgets.map_selection import BESIDE, MAP, Walk
from cvae_core.data.ink import framed
from cvae_core.evaluation.latent_space import USUAL, Layout, neighbours, placed
from cvae_core.pictures import recipes
from cvae_core.training.verdicts import DEAD_RATE

NEIGHBOURS = 8
LOW = 294  # pixels: the height of a map above the frames of a walk, for a presenter
MARKS = (
    "A red ring marks the chosen test image, thin rings its eight nearest neighbours in the $z$ of this map, and a red "
    "square the end of a walk."
)
TSNE_CAUTION = "In t-SNE, near neighbours are meaningful; distances between clusters and cluster sizes are not."
GLYPHS = "A name marks the centre of each class's points, shifted where centres overlap."
PLANE_TOOLS = (
    "Click a point to see it on every map; "
    "*Shift*-click another to walk to it. Click a class in the legend to hide it. The lasso selects several."
)
SOLID_TOOLS = (
    "Drag to rotate. Click a class in the legend to hide it. Points cannot be clicked or selected here, because Streamlit "
    "reports no selection from charts in three dimensions. Enter a test image's index instead: an arrow points to its ring, "
    "and the view is reset."
)


class Settings(NamedTuple):
    """The layout of maps, the seed of draws that they show instead of the means, or None, and a label to highlight."""

    layout: Layout
    seed: int | None
    picked: int | None


def preview() -> None:
    """Show a thumbnail of the first stored map, and link to the page."""
    mapped = maps.first_stored()
    if mapped is None:
        st.info("No map of a latent space is computed yet: `python -m cvae_core embed RUN`")
        return
    key, embedding = mapped
    picture = map_chart.thumbnail(embedding, len(runs.description(key).classes))
    elements.thumbnail(picture, f"t-SNE of {runs.label(key.name)}, one colour per class")
    elements.numbers(code_snippets.places(key, USUAL), "map")
    elements.link("latent", f"Explore the space of {runs.named(key.name)}")


def show(key: RunKey, settings: Settings, other: RunKey | None, fields: DeltaGenerator) -> Mapping[str, Mapped]:
    """Show a run's map, another run's beside it, and the chosen points; return the maps, by the keys of their charts.

    `fields` is the place for the fields of the chosen test images. No map is returned if the run's own is not computed yet.
    """
    found: dict[str, Mapped] = {}
    first, second = st.columns([3, 2], gap="large") if other is None else st.columns(2)
    with first, elements.sentences():
        found |= stored(MAP, key, settings.layout)
    if not found:
        return found
    if other is not None:
        with second, elements.sentences():
            found |= stored(BESIDE, other, settings.layout)
    columns = {MAP: first, BESIDE: second}
    embedding, image_set = found[MAP].embedding, runs.card(key).image_set
    walk = Walk(0, None)
    selected: Sequence[int] = ()
    near: Sequence[int] = ()
    with fields, elements.sentences():
        walk = map_selection.choose(embedding, runs.description(key).test)
    with elements.sentences():
        selected = map_selection.selection(image_set)
    caught = () if set(selected) == set(walk) else selected  # the ends of a walk have marks of their own
    marked = {place: mapped for place, mapped in found.items() if runs.card(mapped.key).image_set == image_set}
    marks: dict[str, Marks] = {}
    charts: dict[str, go.Figure] = {}
    for place, mapped in found.items():
        with columns[place], elements.sentences():
            if place in marked:
                marks[place] = marks_on(mapped, settings.layout, walk)
            star, close = drawing_placed(mapped)
            near = close if place == MAP else near
            charts[place] = chart(place, mapped, settings, star, walk, caught, marks.get(place))
    if settings.layout.dimensions == 2:
        map_marks.show(walk.start, walk.end, caught, marks)
    for place, mapped in found.items():
        with columns[place], elements.sentences():
            if place in marks and walk.end is not None:
                latent_points.frames(mapped, walk, marks[place].paths, settings.layout.method)
            files(place, mapped, settings, walk.start if place in marks else None, charts[place])
    if presenter.is_on():
        return found
    for place, mapped in marked.items():
        with second if other is None else columns[place], elements.sentences():
            latent_points.detail(mapped, walk.start, marks[place].near)
    with elements.sentences():
        seen, prior = maps.drawn(key, embedding, settings.seed)
        hover = " Hover over a point to see its image." if images_under_the_pointer(key) else ""
        elements.caption(f"{words(found[MAP], settings.layout, None if prior is None else len(prior))} {MARKS}{hover}")
        if selected:
            latent_points.selected_images(key, seen, selected)
        pad = partial(latent_points.draw, found[MAP], near)
        if drawing_pad.offered(key):
            elements.folded("Draw an image and find it on the map", pad, "draw", ":material/gesture:")
    return found


def stored(place: str, key: RunKey, layout: Layout) -> Mapping[str, Mapped]:
    """Return a run's map under the key of its chart, or nothing: then show a button that computes it."""
    with elements.sentences():  # a damaged one can be computed anew
        if (embedding := maps.stored(key, layout)) is not None:
            return {place: Mapped(key, embedding)}
        st.info(f"This map of {runs.named(key.name)} is not computed yet.", icon=":material/info:")
    map_controls.offer(key, layout)
    return {}


def marks_on(mapped: Mapped, layout: Layout, walk: Walk) -> Marks:
    """Return the marks of one map: the neighbours of the chosen image in the run's z, and the path of the walk."""
    key, embedding = mapped
    near = neighbours(embedding, walk.start, NEIGHBOURS) if walk.start in embedding.indices else []
    walks = walk.end is not None and {walk.start, walk.end} <= set(embedding.indices.tolist())
    if not walks or walk.end is None or runs.lacks_images(key):
        return Marks(near, [])
    return Marks(near, maps.walk(key, embedding, layout, walk.start, walk.end))


def drawing_placed(mapped: Mapped) -> tuple[np.ndarray | None, list[int]]:
    """Return the place of the drawing on a map, (2 or 3,), and its neighbours' indices; None if nothing is drawn.

    The drawing is centred first, as the images are on which the model was trained.
    """
    shape = runs.config(mapped.key).shape
    drawn = drawing_pad.ink(shape)
    if not drawn.any() or not drawing_pad.offered(mapped.key):
        return None, []
    label = drawing_pad.chosen_label(mapped.key) if "label" in runs.config(mapped.key).given else 0
    ink = framed(drawn.reshape(shape.side, shape.side)).tobytes()
    latents = recipes.encoded(runs.model(mapped.key), ink, label)
    return placed(mapped.embedding, latents.z[0, 0, : mapped.embedding.z.shape[1]].numpy(), NEIGHBOURS)


def chart(
    place: str,
    mapped: Mapped,
    settings: Settings,
    star: np.ndarray | None,
    walk: Walk,
    selected: Sequence[int],
    marks: Marks | None,
) -> go.Figure:
    """Show a run's map below a sentence with its numbers, and return it.

    With a seed, it shows draws from prior and posteriors, not the means.

    Without marks, its images are not those of the chosen points.
    """
    key, (layout, seed, picked) = mapped.key, settings
    picked = picked if marks else None
    data, shown, prior = runs.description(key), *maps.drawn(key, mapped.embedding, seed)
    found = maps.agreement(key, mapped.embedding)
    chance = f"{found.chance:.0%}" if found.chance >= 0.01 else f"{found.chance:.1%}"  # of 200 classes it is 0.5%
    alike = f"In $z$, {found.share:.0%} of the ten nearest neighbours of a point are of the same class ({chance} by chance)."
    elements.caption(f"**{runs.named(key.name)}**: {alike if data.labelled else 'The images have no labels.'}")
    alt = f"The latent space of {runs.label(key.name)}, one colour per class"
    meta = {"images": images_under_the_pointer(key), "map": place}
    if layout.dimensions == 3:
        figure = map_chart.embedding_map(shown, data, walk.start if marks else None, star, prior, meta, picked)
        if marks:
            map_chart.mark_solid(figure, shown, walk.end, marks.near, marks.paths, selected)
        st.plotly_chart(figure, config=map_chart.SOLID_CONFIG, key=f"{place}-3d", alt=alt)
    else:
        figure = map_chart.embedding_map(shown, data, None, star, prior, meta, picked)
        figure.update_layout(selectionrevision=map_selection.clearings())
        if presenter.is_on() and walk.end is not None:
            figure.update_layout(height=LOW)
        st.plotly_chart(
            figure,
            on_select=partial(map_selection.take, runs.card(key).image_set, place) if marks else lambda: None,
            selection_mode=("points", "lasso", "box"),
            config=map_chart.MAP_CONFIG,
            key=place,
            alt=alt,
        )
    if place == BESIDE:
        run_pickers.tell_trouble(key.name)
    return figure


def files(place: str, mapped: Mapped, settings: Settings, ringed: int | None, figure: go.Figure) -> None:
    """Show buttons for a map as SVG and HTML, for its points as CSV, and for Python code that computes them."""
    key, (layout, seed, picked) = mapped.key, settings
    shown, prior = maps.drawn(key, mapped.embedding, seed)
    with st.container(horizontal=True):
        drawn = "" if prior is None else f"-draws-{seed}"
        file, said = f"{key.name}-{layout.method}{drawn}.csv", "Index, label, coordinates and z of each point"
        elements.file_button("CSV", partial(maps.csv, shown), file, words=said, key=f"csv-{place}")
        solid = settings.layout.dimensions == 3
        elements.chart_files(figure, f"{place}-3d" if solid else place, f"The latent space of {runs.label(key.name)}")
        count = None if prior is None else len(prior)
        elements.numbers(code_snippets.places(key, layout, count, seed, ringed, picked), place)


def images_under_the_pointer(key: RunKey) -> str:
    """Return the data set whose images a map shows on hover, or "" if this machine lacks the run's images."""
    return "" if runs.lacks_images(key) else runs.config(key).dataset


def follow_the_pointer(found: Mapping[str, Mapped]) -> None:
    """Show images on hover if the images are on this machine; called last, so that the page does not wait for them."""
    counts: dict[str, int] = {}
    for key, embedding in found.values():
        if name := images_under_the_pointer(key):
            counts[name] = max(counts.get(name, 0), len(embedding.indices))
    for name, count in counts.items():
        map_thumbnails.follow_the_pointer(runs.dataset(name), count)


def words(mapped: Mapped, layout: Layout, drawn: int | None) -> Markdown:
    """Return a map's caption: what it shows, `drawn` draws or (if None) the means, and how to use it."""
    tools = SOLID_TOOLS if layout.dimensions == 3 else PLANE_TOOLS
    count = len(runs.description(mapped.key).classes)
    if count > map_chart.MOST_TRACES:
        tools = f"The {map_chart.MOST_TRACES - 1} largest classes have colours; points of the others are grey. {tools}"
    elif layout.dimensions == 2 and count > 1:
        tools = f"{GLYPHS} {tools}"
    if layout.method == "tsne":
        return f"t-SNE of {len(mapped.embedding.indices):,} posterior means. {tools} {TSNE_CAUTION}"
    number = "three" if layout.dimensions == 3 else "two"
    plane = f"the {number} directions of largest variance of the means, {maps.share(mapped.embedding):.0%} of the total"
    if drawn is None:
        means = "Draws from the posteriors usually vary more than their means."
        return f"PCA of {len(mapped.embedding.indices):,} posterior means: {plane}. {means} {tools}"
    others = (
        "" if layout.dimensions == mapped.embedding.z.shape[1] else " Differences in other directions are not visible."
    )
    return (
        f"Coloured: a draw from $q(z \\mid x, c)$ for each of {drawn:,} test images, a sample of the aggregate posterior. "
        "Crosses: a draw from $p(z \\mid c)$ for the condition of each of these images. Regions with crosses only are $z$ on "
        "which the decoder was hardly trained. Regions with colour only are $z$ that the prior rarely draws. Both are "
        f"projected like the posterior means, onto {plane}.{others} {tools}"
    )


def units(key: RunKey) -> None:
    """Show the rate of each unit of z."""
    rates = runs.card(key).rates
    if not rates:
        st.info("The rates of this run's units will be measured when its training ends.", icon=":material/info:")
        return
    unit = "map of latents" if runs.config(key).hierarchical else "latent dimension"

    def show() -> None:
        alt = f"The rate of every {unit} of {runs.label(key.name)}, highest first"
        elements.chart(plotly_charts.rate_bars(rates, unit), code_snippets.rates(key, unit), "rates", alt)

    active = sum(rate >= DEAD_RATE for rate in rates)
    elements.folded(f"{active:,} of {len(rates)} units are active", show, "units", ":material/bar_chart:")
