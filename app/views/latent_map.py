"""The map of a latent space: its chart and points, interpolations between them, and a second run's map beside it."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from app.cached import figures, maps, runs
from app.cached.figures import Figure
from app.cached.runs import RunKey
from app.display import elements, map_chart, map_thumbnails, plotly_charts
from app.display.plain_text import Markdown, code, plain
from app.live import drawing_pad
from app.views import code_snippets
from app.widgets import controls, map_controls, map_selection, run_pickers, run_pictures
from cvae_core.evaluation.latent_space import USUAL, Embedding, Layout, neighbours, placed
from cvae_core.pictures import recipes
from cvae_core.training.verdicts import DEAD_RATE

NEIGHBOURS = 8
MOST_SHOWN, SELECTED_COLUMNS, WALK_STEPS = 60, 16, 11
TSNE_CAUTION = "In t-SNE, near neighbours are meaningful; distances between clusters and cluster sizes are not."
PLANE_TOOLS = (
    "A numeral marks the centre of each digit's points, shifted where centres overlap. Click a point to see it; "
    "*Shift*-click another to interpolate to it. Click a digit in the legend to hide it. The lasso selects several."
)
SOLID_TOOLS = (
    "Drag to rotate. Click a digit in the legend to hide it. Points cannot be clicked or selected here, because Streamlit "
    "reports no selection from charts in three dimensions. Enter a test image's index instead: an arrow points to its ring, "
    "and the view is reset."
)


def preview() -> None:
    """Show a thumbnail of the first stored map, and link to the page."""
    mapped = maps.first_stored()
    if mapped is None:
        st.info("No map of a latent space is computed yet: `python -m cvae_core embed RUN`")
        return
    key, embedding = mapped
    elements.thumbnail(map_chart.thumbnail(embedding), f"t-SNE of {key.name}, one colour per digit")
    elements.numbers(code_snippets.places(key, USUAL), "map")
    elements.link("latent", f"Explore the space of {plain(runs.label(key.name))}")


def show(key: RunKey, layout: Layout, seed: int | None, other: RunKey | None) -> Embedding | None:
    """Show a run's map, another run's map beside it, and the chosen points; return the map, or None if it is not computed."""
    embedding = star = None
    with elements.sentences():
        embedding = maps.stored(key, layout)
        if embedding is None:
            st.info(f"This map of {code(key.name)} is not computed yet.", icon=":material/info:")
    if embedding is None:
        with elements.sentences():
            map_controls.offer(key, layout)
        return None
    shown, chosen = embedding, map_selection.chosen()
    selected: Sequence[int] = ()
    with elements.sentences():
        first, second = st.columns([3, 2], gap="large") if other is None else st.columns(2)
        point = second if other is None else st.container()
        with point:
            chosen = map_selection.choose(int(embedding.indices.max()))
        with first:
            star = drawing_placed(key, embedding)
            selected = map_selection.selection(runs.card(key).image_set)
            shown = chart(key, embedding, layout, star and star[0], seed, selected)
        if other is not None:
            with second, elements.sentences():
                second_chart(other, layout, seed)
        with point, elements.sentences():  # last, so that the maps do not wait for it
            if chosen in embedding.indices:
                detail(key, embedding, chosen)
            else:
                st.info("Click a point, or enter the index of a test image that is on the map.")
    with elements.sentences():
        if selected:
            selected_digits(key, shown, selected)
        if chosen in embedding.indices:
            walk = partial(traversal, key, embedding, chosen)
            elements.folded("Interpolate from this point to another", walk, map_selection.ROUTE, ":material/route:")
        pad = partial(draw, key, embedding, star and star[1])
        elements.folded("Draw a digit and find it on the map", pad, "draw", ":material/gesture:")
    return embedding


def named(embedding: Embedding, indices: Sequence[int]) -> Markdown:
    """Return the indices of test images with their labels."""
    return ", ".join([f"{index:d} (a {maps.label(embedding, index):d})" for index in indices])


def detail(key: RunKey, embedding: Embedding, index: int) -> None:
    """Show one point: image, reconstruction, rate, neighbours in z, and samples for the same condition."""
    st.subheader(f"Test image {index}, a {maps.label(embedding, index):d}", anchor=False)
    close = neighbours(embedding, index, NEIGHBOURS)
    if why := runs.lacks_images(key):
        st.info(f"Its nearest neighbours in z: {named(embedding, close)}. Their pictures need the images. {why}")
        return
    rate = figures.rate(key, index)
    figure = Figure(
        key,
        recipes.point,
        {"index": index, "close": tuple(close)},
        f"{key.name}, test image {index}, {rate:.1f} nats. Neighbours: {', '.join(map(str, close))}",
        rows=("image, recon.", "near in z", "", "samples", ""),
    )
    alt = f"Test image {index}, its reconstruction, its neighbours in z and samples for the same condition"
    elements.picture(figure, f"{key.name}-point-{index}", alt)
    given = runs.config(key).given_of(maps.label(embedding, index))
    st.caption(f"Rate: **{rate:.1f} nats**. The samples use $z$ from the prior; their condition: {plain(given)}.")


def drawing_placed(key: RunKey, embedding: Embedding) -> tuple[np.ndarray, list[int]] | None:
    """Return the drawing's coordinates on the map, (2 or 3,), and its neighbours' indices, or None if nothing is drawn."""
    drawn = drawing_pad.ink()
    if not drawn.any():
        return None
    label = drawing_pad.chosen_label() if "label" in runs.config(key).given else 0
    z = recipes.encoded(runs.model(key), drawn.tobytes(), label).z[0, 0, : embedding.z.shape[1]].numpy()
    return placed(embedding, z, NEIGHBOURS)


def draw(key: RunKey, embedding: Embedding, near: list[int] | None) -> None:
    """Let the visitor draw a digit, and list its nearest neighbours."""
    drawing_pad.pad(key)
    if "label" in runs.config(key).given:
        drawing_pad.label()
    if near:
        labels = named(embedding, near)
        st.caption(f"The red mark is your drawing, placed by its nearest neighbours in z: {labels}.")


def selected_digits(key: RunKey, embedding: Embedding, selected: Sequence[int]) -> None:
    """Show the selected digits that are on the map, each above its reconstruction, and offer a CSV of them."""
    rows = np.flatnonzero(np.isin(embedding.indices, selected))
    by_digit = rows[np.argsort(embedding.labels[rows], kind="stable")]
    indices = tuple(embedding.indices[by_digit].tolist())
    st.subheader(f"{len(indices):,} selected", anchor=False)
    if len(indices) < len(selected):
        st.caption(f"Not on this map: {len(selected) - len(indices):,} more.")
    shown = indices[:: -(-len(indices) // MOST_SHOWN) or 1]  # evenly spaced, because they are sorted by digit
    if why := runs.lacks_images(key):
        st.caption(f"Their pictures need the images. {why}")
    elif shown:
        more = f", {len(shown)} of {len(indices):,}" if len(indices) > MOST_SHOWN else ""
        settings = {"indices": shown, "columns": min(len(shown), SELECTED_COLUMNS)}
        caption = f"selected test digits above their reconstructions{more}"
        alt = "The selected digits and reconstructions"
        run_pictures.show(key, recipes.reconstructions, settings, caption, "selected", alt)
    with st.container(horizontal=True):
        if shown:
            words = "Index, label, coordinates and z of each selected point"
            file = f"{key.name}-selected.csv"
            elements.file_button("CSV of the selection", partial(maps.csv, embedding, indices), file, words=words)
        st.button("Clear selection", icon=":material/deselect:", on_click=map_selection.clear_selection)


def traversal(key: RunKey, embedding: Embedding, start: int) -> None:
    """Show an interpolation from the chosen point to another one."""
    if why := runs.lacks_images(key):
        st.caption(f"The interpolation needs the images. {why}")
        return
    highest = int(embedding.indices.max())
    end = controls.whole_number("To test image", 0, highest, default=1, key=map_selection.ROUTE_END)
    if end not in embedding.indices:
        st.caption("That image is not on the map.")
        return
    if runs.config(key).given:
        first, second = (runs.config(key).given_of(maps.label(embedding, index)) for index in (start, end))
        st.caption(
            f"Condition of the upper row: {plain(first)}, from the first image. Lower row: {plain(second)}, from the second."
        )
    settings = {"start": start, "end": end, "steps": WALK_STEPS}
    caption = f"from test image {start} to {end} along the sphere in {WALK_STEPS} frames"
    name, alt = f"from-{start}-to-{end}", f"Digits decoded between test image {start} and {end}"
    run_pictures.animation(run_pictures.show(key, recipes.traversal, settings, caption, name, alt), name)


def chart(
    key: RunKey,
    embedding: Embedding,
    layout: Layout,
    star: np.ndarray | None,
    seed: int | None,
    selected: Sequence[int],
) -> Embedding:
    """Show a run's map and return it; with a seed, it shows draws from the prior and the posteriors, not the means."""
    shown, prior = maps.drawn(key, embedding, seed)
    images, alt = images_under_the_pointer(key), f"The latent space of {key.name}, one colour per digit"
    ringed: int | None = map_selection.chosen()
    if layout.dimensions == 3:
        figure = map_chart.embedding_map(shown, ringed, star, prior, images)
        st.plotly_chart(figure, config=map_chart.SOLID_CONFIG, key="map-3d", alt=alt)
    else:
        marks = map_selection.marks((key, layout, seed, None if star is None else tuple(star)), selected)
        ringed = marks.ring
        figure = map_chart.embedding_map(shown, ringed, star, prior, images, marks.selected)
        figure.update_layout(selectionrevision=marks.revision)
        st.plotly_chart(
            figure,
            on_select=partial(map_selection.take, runs.card(key).image_set),
            selection_mode=("points", "lasso", "box"),
            config=map_chart.MAP_CONFIG,
            key=map_selection.MAP,
            alt=alt,
        )
    drawn = None if prior is None else len(prior)
    st.caption(words(embedding, layout, drawn) + (" Hover over a point to see its digit." if images else ""))
    with st.container(horizontal=True):
        file = f"{key.name}-{layout.method}{'' if prior is None else f'-draws-{seed}'}.csv"
        said = "Index, label, coordinates and z of each point"
        elements.file_button("CSV", partial(maps.csv, shown), file, words=said)
        elements.numbers(code_snippets.places(key, layout, drawn, seed, ringed), "map")
    return shown


def images_under_the_pointer(key: RunKey) -> str:
    """Return the data set whose digits a map shows on hover, or "" if this machine lacks the run's images."""
    return "" if runs.lacks_images(key) else runs.config(key).dataset


def follow_the_pointer(key: RunKey, embedding: Embedding | None) -> None:
    """Show digits on hover if the images are on this machine; called last, so that the page does not wait for them."""
    if embedding is not None and images_under_the_pointer(key):
        map_thumbnails.follow_the_pointer(runs.images(key), len(embedding.indices))


def words(embedding: Embedding, layout: Layout, drawn: int | None) -> Markdown:
    """Return a map's caption: what it shows, `drawn` draws or (if None) the means, and how to use it."""
    tools = SOLID_TOOLS if layout.dimensions == 3 else PLANE_TOOLS
    if layout.method == "tsne":
        return f"t-SNE of {len(embedding.indices):,} posterior means. {tools} {TSNE_CAUTION}"
    number = "three" if layout.dimensions == 3 else "two"
    plane = f"the {number} directions of largest variance of the means, {maps.share(embedding):.0%} of the total"
    if drawn is None:
        means = "Draws from the posteriors usually vary more than their means."
        return f"PCA of {len(embedding.indices):,} posterior means: {plane}. {means} {tools}"
    others = "" if layout.dimensions == embedding.z.shape[1] else " Differences in other directions are not visible."
    return (
        f"Coloured: a draw from $q(z \\mid x, c)$ for each of {drawn:,} test images, a sample of the aggregate posterior. "
        "Grey: a draw from $p(z \\mid c)$ for the condition of each of these images. Regions with grey only are $z$ on which "
        "the decoder was hardly trained. Regions with colour only are $z$ that the prior rarely draws. Both are projected "
        f"like the posterior means, onto {plane}.{others} {tools}"
    )


def second_chart(key: RunKey, layout: Layout, seed: int | None) -> None:
    """Show the second run's map."""
    embedding = maps.stored(key, layout)
    if embedding is None:
        st.info(f"This map of {code(key.name)} is not computed yet. Select this run under *Run* to compute it.")
        return
    embedding, prior = maps.drawn(key, embedding, seed)
    elements.chart(
        map_chart.embedding_map(embedding, None, prior=prior, images=images_under_the_pointer(key)),
        code_snippets.places(key, layout, None if prior is None else len(prior), seed),
        "map-beside",
        f"The latent space of {key.name}, one colour per digit",
        config=map_chart.SOLID_CONFIG if layout.dimensions == 3 else map_chart.MAP_CONFIG,
    )
    run_pickers.tell_trouble(key.name)
    st.caption(
        f"{code(runs.label(key.name))}: {plain(runs.config(key).summary)}. A VAE has to encode the digit in z, because its "
        "decoder has no other input. A label CVAE is given the digit, so z need not encode it: its map usually mixes all ten."
    )


def units(key: RunKey) -> None:
    """Show the rate of each unit of z."""
    rates = runs.card(key).rates
    if not rates:
        st.info("The rates of this run's units will be measured when its training ends.", icon=":material/info:")
        return
    unit = "map of latents" if runs.config(key).hierarchical else "latent dimension"

    def show() -> None:
        alt = f"The rate of every {unit} of {key.name}, highest first"
        elements.chart(plotly_charts.rate_bars(rates, unit), code_snippets.rates(key, unit), "rates", alt)

    active = sum(rate >= DEAD_RATE for rate in rates)
    elements.folded(f"{active:,} of {len(rates)} units are active", show, "units", ":material/bar_chart:")
