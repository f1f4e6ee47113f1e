"""A form for a new training: validated during input, with its command and an estimate of its duration."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import streamlit as st

from app.cached import runs
from app.display import elements, glossary
from app.display.plain_text import Markdown, plain
from app.training.follow import FOLLOW, duration
from cvae_core.config.flavours import DEFAULT_PRESET, Config, Dataset, Flavour, Pixels, PresetName
from cvae_core.config.job import Job, Options
from cvae_core.config.presets import PRESETS, configure, preset_of, warm_up_caution
from cvae_core.config.quadrant_names import ANY, PROTOCOL, described
from cvae_core.data import datasets, fingerprints
from cvae_core.errors import LabError, RunInUse
from cvae_core.jobs import control, housekeeping
from cvae_core.jobs.sweep import Planned
from cvae_core.runs import sameness
from cvae_core.system import distributed
from cvae_core.system.folders import default_root
from cvae_core.training import timing

SETS = (*PROTOCOL, ANY)
KINDS = PRESETS[DEFAULT_PRESET]
STARTED = "started"  # in the session: number of started runs, so that each form has a fresh name field
ELBO = "ELBO"
OBJECTIVES: Mapping[str, Mapping[str, Any]] = {
    ELBO: {},
    "IWAE, 5 draws": {"draws": 5},
    "hybrid, half GSNN": {"alpha": 0.5},
    "GSNN": {"alpha": 0.0},
}
MORE = ("width", "depth", "batch_size")


def show() -> None:
    """Offer to start a new run."""
    elements.heading("A new run")
    root = default_root()
    try:
        config = _config()
        other_images = _other_images(config)
        name = _name(config, root)
        timing.require_small(config)
        housekeeping.vacant(root, name)
        finished = sameness.finished(root)
        if same := finished.get(config):
            raise RunInUse(
                f"Run {same!r} has exactly these settings and is finished. Use that run, or change a setting."
            )
        baseline = Planned(name, config).missing_baseline(root, finished)
    except LabError as error:
        st.warning(plain(error), icon=":material/edit:")
        return
    if caution := warm_up_caution(config):
        st.warning(plain(caution), icon=":material/warning:")
    job = Job(run=name, config=config, options=Options(threads=distributed.all_but_one(), other_images=other_images))
    st.code(job.command(root), language="bash", wrap_lines=True)
    if st.button("Start", icon=":material/play_arrow:", type="primary"):
        st.session_state[FOLLOW] = name  # first: a second click interrupts this script while it starts the run
        with elements.sentences(), st.spinner("Starting …"):
            control.start(root, job)
            st.session_state[STARTED] = st.session_state.get(STARTED, 0) + 1
            st.rerun()
    with elements.sentences():
        elements.caption(_estimate(config, baseline))


def _config() -> Config:
    """Show the fields of the form, with the preset's defaults, and return the configuration."""
    with st.container(horizontal=True):
        # Conditional models first, then the VAE, then the baseline.
        flavours = sorted(KINDS, key=lambda flavour: (not KINDS[flavour].latents, not KINDS[flavour].given))
        flavour = st.selectbox("Model", flavours, format_func=_offered, key="new-flavour")
        presets = [name for name in get_args(PresetName) if flavour in PRESETS[name]]
        preset = st.selectbox(
            "Preset",
            presets,
            index=presets.index(DEFAULT_PRESET),
            key=f"new-preset-{flavour}",
            help=glossary.explained("preset"),
        )
        dataset = st.selectbox("Data set", get_args(Dataset), format_func=fingerprints.named_here, key="new-dataset")
    changes: dict[str, Any] = {"dataset": dataset}
    defaults, form = preset_of(flavour, preset, dataset), f"{flavour}-{preset}-{dataset}"
    with st.container(horizontal=True):
        if defaults.visible_set:
            changes["visible"] = st.selectbox("Visible", SETS, format_func=described, key="new-visible")
        if defaults.latents:
            changes |= _objective(defaults, flavour)
            latent = defaults.to_json()["latent"]
            changes["latent"] = st.number_input(
                "Latent dimensions", value=latent, key=f"new-latent-{form}", help=glossary.explained("latent vector")
            )
    with st.container(horizontal=True):
        changes["epochs"] = st.number_input(
            "Epochs, at most", value=defaults.epochs, key=f"new-epochs-{form}", help=glossary.explained("epoch")
        )
        changes["patience"] = st.number_input(
            "Patience", value=defaults.patience, step=1, placeholder="never", key=f"new-patience-{form}",
            help="Epochs without a better validation bound until training stops; empty: never",
        )  # fmt: skip
        changes["learning_rate"] = st.number_input(
            "Learning rate",
            value=defaults.learning_rate,
            format="%g",
            step=1e-4,
            key=f"new-rate-{form}",
            help=glossary.explained("learning rate"),
        )
        changes["seed"] = st.number_input("Seed", value=0, key="new-seed", help=glossary.explained("seed"))
    with st.expander("More settings", icon=":material/tune:"):
        with st.container(horizontal=True):
            for field in MORE:
                label = plain(field.replace("_", " ").capitalize())
                changes[field] = st.number_input(label, value=getattr(defaults, field), key=f"new-{field}-{form}")
            changes["pixels"] = st.selectbox("Pixels", get_args(Pixels), key="new-pixels")
        elements.caption("All other settings are on the command line: `python -m cvae_core train label --help`")
    return configure(flavour, preset, **changes)


def _offered(flavour: Flavour) -> str:
    config = KINDS[flavour]
    return f"{config.family} of {flavour}s" if config.given and config.latents else config.family


def _objective(defaults: Config, flavour: Flavour) -> Mapping[str, Any]:
    names = [name for name, given in OBJECTIVES.items() if all(hasattr(defaults, field) for field in given)]
    chosen = st.selectbox("Objective", names, key=f"new-objective-{flavour}", help="What training maximises")
    if chosen != ELBO:
        return OBJECTIVES[chosen]
    return {"beta": st.number_input("β", value=1.0, key="new-beta", help="Weight of the rate; 1 is the ELBO")}


def _name(config: Config, root: Path) -> str:
    """Ask for the run's name; the default names its settings, with a number if that is taken."""
    names = itertools.chain([config.run_name], (f"{config.run_name}-{number}" for number in itertools.count(2)))
    free = next(name for name in names if housekeeping.is_vacant(root, name))
    return st.text_input("Name", placeholder=free, key=f"new-name-{st.session_state.get(STARTED, 0)}").strip() or free


def _other_images(config: Config) -> bool:
    """Ask to confirm training on other images than the published ones; raise DataDamaged if this is not confirmed."""
    if (named := fingerprints.named_here(config.dataset)) == config.dataset:
        return False
    if not st.checkbox(f"Train on {plain(named)}", key=f"new-other-{config.dataset}"):
        fingerprints.require_published_here(config.dataset, otherwise="tick the box above to train on these")
    return True


def _estimate(config: Config, baseline: Config | None) -> Markdown:
    """Return an estimate of the duration of a training, including its baseline's."""
    seconds = runs.epoch_seconds(config)
    if seconds is None:
        return f"{plain(config.dataset)} is not in {plain(datasets.folder())}. The run will first download it."
    whole, words = seconds * config.epochs, f"{config.epochs:,} epochs of {duration(seconds)}"
    if baseline:
        first = (runs.epoch_seconds(baseline) or 0.0) * baseline.epochs
        whole, words = whole + first, f"{words}, after {duration(first)} for its baseline"
    return f"About {duration(whole)}: {words}, estimated from one second of training at this machine's current load."
