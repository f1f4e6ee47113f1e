"""Controls for models that complete images: the run, and which quadrants or pixels are visible."""

from collections.abc import Mapping, Sequence

import streamlit as st
import torch

from app.cached import runs as library
from app.cached.runs import RunKey
from app.display import elements, url_state
from app.display.url_forms import Form, one_of, several
from app.live.drawing_pad import Quadrants
from app.text import glossary
from app.text.plain_text import plain
from app.widgets.controls import choice, or_default
from app.widgets.run_pickers import run, tell_about
from cvae_core.config.quadrant_names import ANY, BRUSH, NAMES, canonical, described, name_of
from cvae_core.data import datasets, masks
from cvae_core.data.fingerprints import named_here
from cvae_core.data.masks import PROPER_SETS
from cvae_core.errors import ConfigError

_QUADRANTS, _MASK = "quadrants", "mask"
_USUAL_MASK = "1"  # the bottom left
Families = Mapping[str, Mapping[str, Sequence[RunKey]]]


def quadrant_families() -> Families:
    """Return the runs that complete images, by data set on this machine (MNIST first) and by visible set.

    Runs trained on other images of the same name come last.
    """
    families: dict[str, dict[str, list[RunKey]]] = {}
    keys = library.run_keys(has_baseline=True).values()
    for key in sorted(keys, key=lambda key: (bool(library.other_images(key)), len(key.name), key.name)):
        config = library.config(key)
        if config.visible_set and datasets.on_disk(config.dataset):
            families.setdefault(config.dataset, {}).setdefault(config.visible_set, []).append(key)
    return dict(sorted(families.items(), key=lambda item: item[0] != "mnist"))


def quadrant_run(families: Families) -> tuple[RunKey, Quadrants]:
    """Let the visitor choose images and visible quadrants; return the run that completes them, and the quadrants."""
    names = list(families)
    dataset = names[0]
    if len(names) > 1:
        dataset = or_default(
            st.selectbox("Images", names, key=url_state.bound("images", one_of(names), names[0])), names[0]
        )
    if (named := named_here(dataset)) != dataset:
        elements.caption(f"The images on this machine are {plain(named)}.")
    sets = sorted(families[dataset])  # "any" sorts last
    family = choice("Visible quadrants", sets, _visible_key(dataset), words=glossary.explained("quadrant"))
    side = library.config(families[dataset][family][0]).side
    shown = _any_quadrants() if family == ANY else _painted(side) if family == BRUSH else family
    elements.caption(f"{plain(described(shown).capitalize())} visible")
    keys = {key.name: key for key in families[dataset][family]}
    if len(keys) == 1:
        (key,) = keys.values()
        tell_about(key)
    else:
        key = run("Model", keys, key=f"run-{family}")
    if family == BRUSH:
        return key, Quadrants(key, shown, (), lambda given: paint(given, side), brush=True)
    possible = [each for each in families[dataset] if each != BRUSH]
    every = list(map(name_of, PROPER_SETS.tolist())) if ANY in possible else possible
    return key, Quadrants(key, shown, every, lambda given: open_quadrants(given, possible, dataset))


def open_quadrants(given: object, possible: Sequence[str], dataset: str) -> None:
    """Select the visible quadrants of four flags: the set's own model if there is one, else the model for any set."""
    if not isinstance(given, Sequence) or len(given) != len(NAMES) or not 0 < sum(map(bool, given)) < len(NAMES):
        return
    if (visible := name_of(given)) in possible:
        st.session_state[_visible_key(dataset)] = visible
    elif ANY in possible:
        st.session_state[_visible_key(dataset)] = ANY
        st.session_state[_QUADRANTS] = [name for name, seen in zip(NAMES, given, strict=True) if seen]


def paint(given: object, side: int) -> None:
    """Show the pixels whose flags (side²,) are set; ignore anything else, which only a manipulated browser sends."""
    if isinstance(given, Sequence) and len(given) == side**2 and all(each in (False, True) for each in given):
        st.session_state[_MASK] = masks.painted(torch.tensor(given).bool())


def _painted(side: int) -> str:
    """Return the name of the visitor's mask for images of a side."""
    name = url_state.kept(_MASK, Form(_read_mask, lambda name: [name]), _USUAL_MASK)
    shown = masks.resized(masks.flags(name), side)
    return name if len(shown) == len(NAMES) else masks.painted(shown)


def _read_mask(texts: Sequence[str]) -> str | None:
    """Return the name of a mask in an address, or None if it is invalid."""
    try:
        shown = masks.flags(texts[-1])
    except ConfigError:
        return None
    return name_of(shown) if len(shown) == len(NAMES) else masks.painted(shown)


def _visible_key(dataset: str) -> str:
    return f"visible-{dataset}"


def _any_quadrants() -> str:
    """Let the visitor choose one to three quadrants."""
    key = url_state.bound(_QUADRANTS, several(NAMES), list(NAMES[2:3]))
    chosen = st.pills("Quadrants", NAMES, selection_mode="multi", key=key)
    if not 0 < len(chosen) < len(NAMES):
        st.warning("Choose one to three visible quadrants.")
        chosen = list(NAMES[2:3])
    return canonical("+".join(chosen))
