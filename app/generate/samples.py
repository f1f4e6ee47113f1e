"""Images generated from random z: samples, a VAE beside a CVAE, interpolations, and the plane of a two-dimensional z."""

import streamlit as st

from app.cached import runs
from app.cached.runs import RunKey
from app.display import elements
from app.generate.styles import COLUMNS, ROWS
from app.text import labels as names
from app.text.plain_text import plain
from app.widgets import labels, run_pickers, run_pictures
from cvae_core.pictures import recipes

STEPS, MANIFOLD_SIDE = 10, 15


def samples(key: RunKey, chosen: int | None, seed: int) -> None:
    """Show draws from the prior."""
    data = runs.description(key)
    word = labels.ALL if chosen is None else data.classes[chosen]
    caption = f"samples, label {word}, seed {seed}"
    name = f"samples-{labels.ALL if chosen is None else chosen}-seed{seed}"
    alt = f"Samples of the label CVAE, label {word}, seed {seed}"
    if chosen is None:
        every = labels.of_run(key)
        which = "One row per label" if len(every) == len(data.classes) else f"A row for {labels.counted(every, data)}"
        elements.explained(f"{which}. Each column has one base noise $\\varepsilon$, so usually a similar style.")
        settings = {"labels": every, "columns": COLUMNS, "seed": seed}
        rows = [data.classes[label] for label in every]
        run_pictures.show(key, recipes.samples, settings, caption, name, alt, scale=3, rows=rows)
    else:
        elements.explained(f"{ROWS * COLUMNS} draws of $z$ from the prior, decoded as {names.a(data, chosen)}.")
        settings = {"label": chosen, "rows": ROWS, "columns": COLUMNS, "seed": seed}
        run_pictures.show(key, recipes.block, settings, caption, name, alt, scale=3)


def beside_the_vae(key: RunKey, label: int, seed: int) -> None:
    """Show the effect of the label: samples with the same noise without and with it."""
    vae = run_pickers.vae_of(key)
    if vae is None:
        return
    elements.explained(
        "The VAE has no label as input, so $z$ also determines the class. The CVAE is given the label: the same base "
        "noise usually gives an image of that class."
    )
    settings = {"label": label, "rows": 5, "columns": 5, "seed": seed}
    named = (("VAE", vae), (f"CVAE, c = {runs.description(key).classes[label]}", key))
    for column, (name, run) in zip(st.columns(2), named, strict=True):
        with column:
            st.markdown(f"**{plain(name)}**")
            file, alt = f"beside-{label}-seed{seed}", f"Samples of the {name}"
            run_pictures.show(run, recipes.block, settings, f"{name}, seed {seed}", file, alt, scale=3)


def interpolation(key: RunKey, label: int, seed: int) -> None:
    """Show interpolations between random z."""
    elements.explained(
        "Each row interpolates between two random $z$ in ten steps, along the sphere near which the base noise usually lies."
    )
    run_pictures.show(
        key,
        recipes.interpolation,
        {"label": label, "rows": ROWS, "steps": STEPS, "seed": seed},
        f"interpolation, label {runs.description(key).classes[label]}, seed {seed}",
        f"interpolation-{label}-seed{seed}",
        f"Three walks through the latent space, label {runs.description(key).classes[label]}",
        scale=3,
    )


def manifold(key: RunKey, label: int) -> None:
    """Show decoded images over the whole plane of a two-dimensional z."""
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
