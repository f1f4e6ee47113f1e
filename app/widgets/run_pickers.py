"""Controls to choose one or several runs."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.cached import histories
from app.cached import runs as library
from app.cached.runs import RunKey
from app.display import elements, url_state
from app.display.url_forms import one_of, several
from app.text.plain_text import Markdown, code, plain
from app.widgets.controls import or_default
from cvae_core.config.flavours import DEFAULT_PRESET, Given
from cvae_core.config.presets import PRESETS
from cvae_core.data import datasets
from cvae_core.evaluation.results import Cell


def run(label: Markdown, choices: Mapping[str, RunKey], key: str = "run") -> RunKey:
    """Let the visitor choose a run and show warnings about it; `choices` must not be empty."""
    chosen = choices[run_name(label, list(choices), key)]
    tell_about(chosen)
    return chosen


def run_name(label: Markdown, names: Sequence[str], key: str) -> str:
    """Let the visitor choose a run by name, by default the first; it is shown with the name of its model."""
    key = url_state.bound(key, one_of(names), names[0])
    chosen = st.selectbox(label, names, format_func=library.label, key=key)
    return or_default(chosen, names[0])


def run_names(
    label: Markdown, names: Sequence[str], key: str, words: Markdown, *, default: Sequence[str] = (), most: int
) -> list[str]:
    """Let the visitor choose runs by name, at most `most`; they are shown with the names of their models."""
    key = url_state.bound(key, several(names, most), list(default))
    return st.multiselect(label, names, max_selections=most, format_func=library.label, key=key, help=words)


def tell_trouble(name: str) -> None:
    """Show a warning if the training of a run had a problem."""
    if trouble := library.run_named(name).card().trouble:
        st.warning(plain(f"{name}: {trouble}"), icon=":material/warning:")


def tell_about(key: RunKey) -> None:
    """Show a warning if the training of a run had a problem, and a caption if the run is imported."""
    tell_trouble(key.name)
    if origin := library.card(key).imported:
        elements.caption(f"Trained elsewhere, imported {code(origin)}")


def curve(first: str) -> tuple[str, Sequence[Cell]] | None:
    """Let the visitor choose a run with estimates at several numbers of draws; without one, show how to compute them."""
    curves = histories.curves_by_draws()
    if not curves:
        st.info(
            "Estimates at several numbers of draws are not stored yet. Run: `python -m cvae_core evaluate RUN --curve`"
        )
        return None
    chosen = run_name("Curve of", sorted(curves, key=lambda name: (name != first, name)), "curve")
    return chosen, curves[chosen]


def flat_run(topic: str, first: str, *given: Given) -> RunKey | None:
    """Let the visitor choose a run with a flat z and a condition, `given` or any; without one, show how to train it."""
    runs = library.run_keys(groups=0, **({"given": given} if given else {}))
    _tell_lacking(runs, key := f"run-{topic}")
    order = sorted(runs, key=lambda name: (bool(library.other_images(runs[name])), name != first, name))
    configs = {name: library.config(runs[name]) for name in order}
    good = {
        name: runs[name]
        for name, config in configs.items()
        if datasets.on_disk(config.dataset) and not config.any_set and not config.objective.gsnn
    }
    if not good:
        usual = {config.given: flavour for flavour, config in PRESETS[DEFAULT_PRESET].items() if config.latents}
        command = f"python -m cvae_core train {usual[given or ('label',)]} --dataset digits"
        st.info(f"No suitable run for the images on this machine. Train one with: {code(command)}")
        return None
    return run("Run", good, key=key)


def _tell_lacking(runs: Mapping[str, RunKey], key: str) -> None:
    """Say which data set is missing if the opened address names a run that cannot be shown without its images."""
    asked = url_state.opened_with()
    for name in asked.get(key, ()):
        if name in runs and not datasets.on_disk(library.config(runs[name]).dataset):
            asked.pop(key)  # else it would be called invalid
            st.info(f"{library.named(name)}: {library.lacks_images(runs[name])}", icon=":material/info:")
            return


def vae_of(key: RunKey, **wanted: object) -> RunKey | None:
    """Return the VAE with a run's images, the `wanted` settings and fewest other differences, or show how to train one."""
    config = library.config(key)
    dataset = config.dataset
    vaes = library.run_keys(given=(), dataset=dataset, **wanted)
    if apart := library.alike(key, vaes):
        return vaes[min(apart, key=lambda name: len(apart[name]))]
    command = f"python -m cvae_core train vae --dataset {dataset}"
    if config.likelihood != config.shape.usual_likelihood:
        command += f" --likelihood {config.likelihood}"
    st.info(f"No VAE has been trained on {plain(dataset)}. Train one with: {code(command)}")
    return None
