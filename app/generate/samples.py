"""Images generated from random z: samples, a VAE beside a CVAE, interpolations, and the plane of a two-dimensional z."""

from collections.abc import Callable

import streamlit as st

from app.cached import runs
from app.display import elements
from app.generate.asked import asked_and_measured
from app.generate.given import Given
from app.generate.styles import COLUMNS, ROWS
from app.text import labels as names
from app.text.plain_text import plain
from app.widgets import labels, run_pickers, run_pictures
from cvae_core.pictures import recipes

STEPS, MANIFOLD_SIDE = 10, 15


def views(given: Given, seed: int) -> dict[str, Callable[[], None]]:
    """Return the pictures below the sliders, by the names of their tabs."""
    every = {
        "Samples": lambda: samples(given, seed),
        "VAE beside CVAE": lambda: beside_the_vae(given, seed),
        "Interpolation": lambda: interpolation(given, seed),
        "Manifold of a 2-D z": lambda: manifold(given),
    }
    return every | ({"Asked and measured": lambda: asked_and_measured(given.key)} if given.can_be_asked else {})


def samples(given: Given, seed: int) -> None:
    """Show draws from the prior."""
    key, data = given.key, runs.description(given.key)
    caption = f"samples, {given.words}, seed {seed}"
    name = f"samples-{labels.ALL if given.label is None else given.label}-seed{seed}"
    alt = f"Samples of the {runs.config(key).condition_words} CVAE, {given.words}, seed {seed}"
    if given.label is None:
        every = given.rows
        which = "One row per label" if len(every) == len(data.classes) else f"A row for {labels.counted(every, data)}"
        elements.explained(f"{which}. Each column has one base noise $\\varepsilon$, so usually a similar style.")
        settings = {"labels": every, "columns": COLUMNS, "seed": seed, **given.settings}
        rows = [data.classes[label] for label in every]
        run_pictures.show(key, recipes.samples, settings, caption, name, alt, scale=3, rows=rows)
    else:
        decoded = names.a(data, given.label) if given.labelled else plain(given.words)
        elements.explained(f"{ROWS * COLUMNS} draws of $z$ from the prior, decoded as {decoded}.")
        settings = {"label": given.label, "rows": ROWS, "columns": COLUMNS, "seed": seed, **given.settings}
        run_pictures.show(key, recipes.block, settings, caption, name, alt, scale=3)


def beside_the_vae(given: Given, seed: int) -> None:
    """Show the effect of the condition: samples with the same noise without and with it."""
    vae = run_pickers.vae_of(given.key)
    if vae is None:
        return
    part = plain(runs.config(given.key).condition_words)
    elements.explained(
        f"The VAE has no {part} as input, so $z$ also determines the class. The CVAE is given the {part}: the same base "
        "noise usually gives an image of that class."
    )
    given, settings = given.with_label(), {"rows": 5, "columns": 5, "seed": seed}
    short = given.words.removeprefix("label ")
    named = (("VAE", vae), (f"CVAE, c = {short}", given.key))
    for column, (name, run) in zip(st.columns(2), named, strict=True):
        with column:
            st.markdown(f"**{plain(name)}**")
            file, alt = f"beside-{given.label}-seed{seed}", f"Samples of the {name}"
            one = {"label": given.label, **settings, **({} if run == vae else given.settings)}
            run_pictures.show(run, recipes.block, one, f"{name}, seed {seed}", file, alt, scale=3)


def interpolation(given: Given, seed: int) -> None:
    """Show interpolations between random z."""
    elements.explained(
        "Each row interpolates between two random $z$ in ten steps, along the sphere near which the base noise usually lies."
    )
    given = given.with_label()
    run_pictures.show(
        given.key,
        recipes.interpolation,
        {"label": given.label, "rows": ROWS, "steps": STEPS, "seed": seed, **given.settings},
        f"interpolation, {given.words}, seed {seed}",
        f"interpolation-{given.label}-seed{seed}",
        f"Three walks through the latent space, {given.words}",
        scale=3,
    )


def manifold(given: Given) -> None:
    """Show decoded images over the whole plane of a two-dimensional z."""
    key, label = given.key, labels.usual(runs.description(given.key)) if given.label is None else given.label
    flat = runs.run_keys(given=("label",), latent=2, groups=0)
    if not flat:
        st.info("No run has two latents. Train one with: `python -m cvae_core train label --latent 2 --run label-2d`")
        return
    surface = flat.get(key.name) or next(iter(flat.values()))
    data = runs.description(surface)
    label = min(label, len(data.classes) - 1)
    elements.explained(
        f"The images that {runs.named(surface.name)} generates for the label {names.name(data, label)}: a grid over its "
        "two dimensions of $z$, in steps of equal prior probability."
    )
    settings, word = {"label": label, "side": MANIFOLD_SIDE}, data.classes[label]
    alt = f"The label {word} for every point of a two-dimensional latent space"
    run_pictures.show(surface, recipes.manifold, settings, f"the plane of z, label {word}", f"manifold-{label}", alt)
