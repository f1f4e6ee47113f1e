"""Images generated for a label: z set by sliders, a walk or a drawing, and decoded with each label."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from app.cached import figures, runs
from app.cached.figures import Figure
from app.cached.runs import RunKey
from app.display import elements, presenter, url_state
from app.display.url_forms import number
from app.generate.given import Given
from app.live import attribute_sliders, drawing_pad, latent_sliders, live_decoder
from app.text import findings
from app.text import labels as names
from app.text.plain_text import Markdown, plain
from app.widgets import controls, labels, run_pictures
from cvae_core.data import noise
from cvae_core.evaluation.latent_space import slerp
from cvae_core.pictures import grid, recipes

COLUMNS, ROWS = 10, 3
WALK_STEPS = 20
FEW_SLIDERS = 5  # ordinary sliders that fit into a presenter's window
LEAST_COLUMNS = 5  # of one z with all labels, if there are more
STYLES, PREVIEW_SEED = 7, 7
MEAN_OF_POSTERIOR = "Sets the sliders to the mean of q(z | x, c) of the {}"


def preview() -> None:
    """Show some styles with all labels, and link to the page."""
    choices = runs.run_keys(given=("label",))
    key = choices.get("label") or next(iter(choices.values()), None)
    if key is None:
        st.info("No label run is trained yet: `python -m cvae_core train label`")
        return
    every = labels.of_run(key)
    which = labels.counted(every, runs.description(key))
    elements.explained(f"Each column decodes one $z$ with {which}, drawn live from {runs.named(key.name)}.")
    settings = {"labels": every, "columns": STYLES, "seed": PREVIEW_SEED}
    caption = f"{STYLES} z with {which}, seed {PREVIEW_SEED}"
    alt = f"{STYLES} z, each decoded with {which}"
    run_pictures.show(key, recipes.samples, settings, caption, "styles", alt)
    elements.link("generate", "Change z with sliders")


class Place(NamedTuple):
    """A point of the latent space that the visitor chose."""

    epsilon: tuple[float, ...]
    words: str


def styles(given: Given, seed: int, slides_live: bool) -> None:
    """Let the visitor choose z: with sliders, decoded in the browser if live, or on a walk if the model is a ladder."""
    key = given.key
    ladder = runs.config(key).hierarchical
    if not ladder:
        tell_collapsed(key)
    if slides_live:
        live(key, given.label, seed)
        return
    picture, hand = st.columns([3, 2], gap="large")
    with hand:
        there = walk(key, seed) if ladder else sliders(key, seed)
    with picture:
        under_all_labels(given, there)
    if not ladder and not presenter.is_on():
        style_of_a_test_image(given, there, latent_sliders.place_sliders)
        style_of_a_drawing(given, there, latent_sliders.place_sliders)


def tell_collapsed(key: RunKey) -> None:
    """Say if most sliders of a run change almost nothing, and link to the reason and to a sound run on the same images."""
    if not (words := findings.sliders(runs.card(key).rates)):
        return
    st.info(words, icon=":material/info:")
    with st.container(horizontal=True):
        elements.link("why", "Why units of z collapse", question="Collapse", **{"run-collapse": key.name})
        sound_ones = {
            name: other for name, other in runs.run_keys(given=("label",), groups=0).items() if is_sound(other)
        }
        if apart := runs.alike(key, sound_ones):
            sound = min(apart, key=lambda name: (len(apart[name]), -runs.card(sound_ones[name]).metrics["elbo"]))
            elements.link("generate", f"A sound run: {plain(runs.label(sound))}", run=sound)


def is_sound(key: RunKey) -> bool:
    """Return whether a run has a sound model, and most of its sliders change the picture."""
    card = runs.card(key)
    return card.verdict == "sound" and not findings.sliders(card.rates)


def walk(key: RunKey, seed: int) -> Place:
    """Show a slider that interpolates between two random z."""
    elements.heading("Walk through z")
    latents = runs.config(key).latents
    elements.explained(
        f"This model is a *ladder*: its z is a hierarchy of maps with {latents:,} numbers, too many for sliders. "
        "Interpolate between two random z instead. Another seed gives another walk."
    )
    share = st.slider("Along the walk", 0.0, 1.0, step=1 / WALK_STEPS, key=url_state.bound("walk", number(0, 1), 0.0))
    start, end = noise.normal((2, latents), seed, "walk")
    epsilon = slerp(start, end, WALK_STEPS + 1)[round(share * WALK_STEPS)]
    words = f"{share:.0%} of the walk of seed {seed}"
    return Place(tuple(epsilon.tolist()), words)


def sliders(key: RunKey, seed: int) -> Place:
    """Show the sliders, highest rate first."""
    rates = runs.rates(key)
    ranked = latent_sliders.by_rate(rates)
    elements.heading("Change z with sliders")
    latent_sliders.latent_buttons(len(rates), seed)
    first = FEW_SLIDERS if presenter.is_on() else latent_sliders.FIRST_SLIDERS
    values = latent_sliders.latent_sliders(rates, ranked[:first])
    if len(ranked) > first:
        with st.expander(f"{len(ranked) - first} more dimensions with lower rates"):
            values |= latent_sliders.latent_sliders(rates, ranked[first:])
    return slid(tuple(values[dimension] for dimension in range(len(rates))))


def slid(epsilon: tuple[float, ...]) -> Place:
    """Return the point that sliders are set to."""
    moved = sum(value != 0 for value in epsilon)
    words = f"{moved} of {len(epsilon)} latents moved" if moved else "all latents at 0"
    return Place(epsilon, words)


@url_state.fragment
def live(key: RunKey, label: int | None, seed: int) -> None:
    """Show sliders whose pictures the browser decodes, and pictures that the server draws on their release."""
    attribute_sliders.rerun_if_moved()
    elements.heading("Change z with sliders")
    with elements.sentences():
        given = Given(key, label, attribute_sliders.chosen(runs.config(key), in_browser=True))
        there = slid(latent_sliders.read_epsilon(runs.config(key).latents))
        shown = live_decoder.sliders(key, label, given.with_label().rows[0], there.epsilon)
        latent_sliders.watch_for_the_browser(shown)
        if presenter.is_on():
            return
        style_of_a_test_image(given, there, live_decoder.move_sliders)
        around(given, there, seed)
        style_of_a_drawing(given, there, live_decoder.move_sliders)


def around(given: Given, there: Place, seed: int) -> None:
    """Show images whose z are close to the chosen one."""
    key = given.key
    elements.explained(f"**Near this z**: {COLUMNS} draws with {recipes.FRESH:.0%} of the noise variance drawn anew")
    run_pictures.show(
        key,
        recipes.around,
        {"epsilon": there.epsilon, "labels": given.rows, "columns": COLUMNS, "seed": seed, **given.settings},
        f"around one z, {there.words}, seed {seed}",
        "around",
        "Images for z close to the one that the sliders set",
    )
    with st.container(horizontal=True):
        settings, caption = all_labels(given, there)
        figure = Figure(key, recipes.one_z, settings, f"{runs.label(key.name)}: {caption}")
        elements.png_button(figure, f"{key.name}-same-z", 3, f"PNG of this z with {which_labels(key)}")


def all_labels(given: Given, there: Place) -> tuple[dict[str, Any], str]:
    """Return the settings and the caption of one z with all labels, or the first ones if they are many."""
    every = labels.of_run(given.key)
    columns = next((number for number in range(LEAST_COLUMNS, len(every)) if len(every) % number == 0), len(every))
    words = ", ".join(filter(None, (f"one z with {which_labels(given.key)}", asked_of(given), there.words)))
    return {"epsilon": there.epsilon, "labels": every, "columns": columns, **given.settings}, words


def asked_of(given: Given) -> str:
    """Return the given attributes in words, or an empty text."""
    return attribute_sliders.described(given.attributes)


def which_labels(key: RunKey) -> Markdown:
    """Return "all labels", which of them a picture shows if they are many, or what is given instead of a label."""
    every, data = labels.of_run(key), runs.description(key)
    if "label" not in runs.config(key).given:
        return "these attributes"
    return "all labels" if len(every) == len(data.classes) else labels.counted(every, data)


def style_of_a_test_image(given: Given, there: Place, move: Callable[[Sequence[float]], None]) -> None:
    """Show a test image, given by its index, and offer to set the sliders to its z; then show its reconstruction too."""
    key = given.key
    if why := drawing_pad.lacks_test_images(key):
        elements.caption(f"A test image cannot be encoded. {why}")
        return
    test = runs.dataset(drawing_pad.source_of_images(key)).test
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = controls.whole_number("Test image", 0, len(test) - 1, default=0, key="encode")

        def encoded() -> tuple[bytes, int]:
            chosen = min(max(int(st.session_state["encode"] or 0), 0), len(test) - 1)  # the current value of the field
            return test.images[chosen].numpy().tobytes(), int(test.labels[chosen])

        def encode() -> None:
            with elements.sentences():
                move(figures.style(key, *encoded()))

        st.button("Encode it", on_click=encode, icon=":material/input:", help=MEAN_OF_POSTERIOR.format("image"))
        ink, label = encoded()
        image_encoded(given, there, ink, label, f"Test image {index}, {names.one(runs.description(key), label)}")


def image_encoded(given: Given, there: Place, ink: bytes, label: int, words: str) -> None:
    """Show an image, and beside it its reconstruction if the sliders are at its z."""
    key = given.key
    shown = [np.frombuffer(ink, np.uint8)]
    if there.epsilon == latent_sliders.on_sliders(figures.style(key, ink, label)):
        shown.append(recipes.one_z(runs.model(key), there.epsilon, [label], 1, given.attributes).images[0, 0])
        words = f"{words}, and its reconstruction from this z"
    with st.container(width="content"):
        elements.thumbnail(grid.grid(np.array([shown]), scale=3, drawn=runs.description(key).drawn), words)
        elements.caption(plain(words))


def style_of_a_drawing(given: Given, there: Place, move: Callable[[Sequence[float]], None]) -> None:
    """Offer to set the sliders to the z of the visitor's drawing; then show all labels in its style."""
    key = given.key
    if not drawing_pad.offered(key):
        return

    which = which_labels(key)

    def show() -> None:
        drawn = drawing_pad.pad(key)
        left, right = st.columns(2, vertical_alignment="bottom")
        with left:
            drawn_as = drawing_pad.label(key, given.with_label().rows[0])
        right.button(
            "Use its style",
            on_click=lambda: move(figures.style(key, drawn.tobytes(), drawn_as)),
            icon=":material/gesture:",
            disabled=not drawn.any(),
            width="stretch",
            help=MEAN_OF_POSTERIOR.format("drawing"),
        )
        if not drawn.any():
            elements.caption("Nothing is drawn yet, so there is no style to use.")
        elif there.epsilon == latent_sliders.on_sliders(figures.style(key, drawn.tobytes(), drawn_as)):
            every = labels.of_run(key)
            sheet = recipes.one_z(runs.model(key), there.epsilon, every, len(every), given.attributes)
            elements.thumbnail(grid.grid(sheet.images, scale=2), f"In the style of your drawing: {which}")
            elements.caption(f"In its style: {which}. The sliders at the top of the page are set to its z.")

    elements.folded(f"Draw an image and generate {which} in its style", show, "draw", ":material/gesture:")


def under_all_labels(given: Given, there: Place) -> None:
    """Show the image of the chosen label large, and the same z with all labels."""
    key, data = given.key, runs.description(given.key)
    if given.label is not None:
        elements.heading(f"This z as {names.a(data, given.label)}" if given.labelled else "This z with the attributes")
        one = {"epsilon": there.epsilon, "labels": (given.label,), "columns": 1, **given.settings}
        caption = f"{given.words}, {there.words}"
        alt = f"The {given.words} for the z of the sliders"
        run_pictures.show(key, recipes.one_z, one, caption, str(given.label), alt, scale=9)
    if not given.labelled:
        return
    settings, caption = all_labels(given, there)
    which = labels.counted(settings["labels"], data)
    elements.heading(f"The same z with {which}")
    run_pictures.show(key, recipes.one_z, settings, caption, "same-z", f"One z decoded with {which}", scale=3)
