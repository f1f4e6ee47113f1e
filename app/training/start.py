"""A form for a new training: validated during input, with its command and an estimate of its duration."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.cached import runs
from app.display import elements, url_state
from app.display.url_forms import AnyForm, line, number, one_of, whole
from app.text import glossary
from app.text.plain_text import Markdown, plain
from app.training.follow import EVERY, FOLLOW, duration, progress, state_words
from app.widgets import controls
from app.widgets.controls import FIELD, WIDE_FIELD
from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.flavours import DEFAULT_PRESET, Config, Flavour, Given, Pixels, PresetName
from cvae_core.config.job import Job, Options
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.presets import PRESETS, cautions
from cvae_core.config.quadrant_names import ANY, BRUSH, PROTOCOL, described
from cvae_core.data import catalogue, datasets, fingerprints
from cvae_core.errors import LabError, RunInUse
from cvae_core.jobs import control, housekeeping
from cvae_core.jobs import queue as queueing
from cvae_core.jobs.sweep import Planned
from cvae_core.runs import run, sameness
from cvae_core.system import distributed
from cvae_core.system.folders import default_root
from cvae_core.training import timing

Option = TypeVar("Option")
SETS = (*PROTOCOL, ANY, BRUSH)
GIVEN_WORDS: Mapping[Given, str] = {"label": "labels", "attributes": "attributes", "pixels": "quadrants"}
KINDS = PRESETS[DEFAULT_PRESET]
STARTED = "started"  # in the session: a run was started, and the field for the next one's name is to be emptied
ELBO = "ELBO"
OBJECTIVES: Mapping[str, Mapping[str, Any]] = {
    ELBO: {},
    "IWAE, 5 draws": {"draws": 5},
    "hybrid, half GSNN": {"alpha": 0.5},
    "GSNN": {"alpha": 0.0},
}
LONGEST_NAME = 80  # characters of a name in the address; a longer one than 64 is refused with the reason
MORE = ("width", "depth", "batch_size")


def show() -> None:
    """Offer to start a new run; a run with the same settings that is not finished takes the button's place."""
    root = default_root()
    fields, place = st.container(horizontal=True, vertical_alignment="bottom"), st.container()
    config, why = _settings(fields, st.container())
    with fields:
        name = _name(config, root)
        button = st.container(width="content")
    job = baseline = None
    with place:
        if config and (begun := _begun(root, config)):
            st.fragment(_underway, run_every=EVERY)(root, begun)
            return
        try:
            if config:
                other_images = _other_images(config)
                baseline = _startable(config, name, root)
                options = Options(threads=distributed.all_but_one(), other_images=other_images)
                job = Job(run=name, config=config, options=options)
        except LabError as error:
            why = str(error)
        if why:
            st.warning(plain(why), icon=":material/edit:")
    if button.button("Start", icon=":material/play_arrow:", type="primary", disabled=job is None) and job:
        st.session_state[FOLLOW] = name  # first: a second click interrupts this script while it starts the run
        with place, elements.sentences(), st.spinner("Starting …"):
            control.start(root, job)
            st.session_state[STARTED] = True
            st.rerun()
    if config is None or job is None:
        return
    with place, elements.sentences():
        for caution in cautions(config):
            st.warning(plain(caution), icon=":material/warning:")
        elements.caption(_estimate(config, baseline))
        st.code(job.command(root), language="bash", wrap_lines=True)


def _startable(config: Config, name: str, root: Path) -> Config | None:
    """Return the configuration of the missing baseline, if any; raise LabError if the training cannot be started."""
    timing.require_small(config)
    housekeeping.vacant(root, name)
    finished = sameness.finished(root)
    if same := finished.get(config):
        raise RunInUse(f"Run {same!r} has exactly these settings and is finished. Use that run, or change a setting.")
    return Planned(name, config).missing_baseline(root, finished)


def _begun(root: Path, config: Config) -> str | None:
    """Return the run with a configuration that trains, waits or can be resumed."""
    jobs = [(entry.run, entry.job.config) for entry in queueing.readable(root)[0].entries]
    unfinished = [
        (name, card.config)
        for name, card in run.readable(root)[0].items()
        if card.status != "finished" and not card.read_only and not card.imported
    ]
    return next((name for name, settings in [*jobs, *unfinished] if settings == config), None)


def _underway(root: Path, name: str) -> None:
    """Show the state and the progress of a run, and how to start another."""
    with elements.sentences():
        now = control.state_of(root, name)
        if now.state == "finished":
            st.rerun()
        st.markdown(state_words(name, now))
        progress(root, name, now)
        elements.caption("This run has exactly these settings. Change a setting to start another run.")


def _settings(fields: DeltaGenerator, below: DeltaGenerator) -> tuple[Config | None, str]:
    """Show the fields of the form, with the preset's defaults; return the configuration, or why there is none."""
    with fields:
        sets = catalogue.names()
        _tell_gone(sets, below)
        dataset = _choice("Data set", sets, "dataset", called=fingerprints.named_here, width=WIDE_FIELD)
        try:
            data = catalogue.described(dataset)
        except LabError as error:  # its folder is damaged
            return None, str(error)
        # Conditional models first, then the VAE, then the baseline.
        lacking = {part for part, there in (("label", data.labelled), ("attributes", data.attributes)) if not there}
        kinds = [flavour for flavour, config in KINDS.items() if not lacking & set(config.given)]
        flavours = sorted(kinds, key=lambda flavour: (not KINDS[flavour].latents, not KINDS[flavour].given))
        flavour = _choice("Model", flavours, "flavour", called=_offered, width=WIDE_FIELD)
        presets = [name for name in get_args(PresetName) if flavour in PRESETS[name]]
        preset = _choice("Preset", presets, "preset", default=DEFAULT_PRESET, help=glossary.explained("preset"))
        defaults, changes = catalogue.configured(flavour, preset, dataset=dataset), dict[str, Any](dataset=dataset)
        if defaults.visible_set:
            changes["visible"] = _choice("Visible", SETS, "visible", called=described)
        if defaults.latents:
            changes |= _objective(defaults)
            words = glossary.explained("latent vector")
            changes["latent"] = _number("Latent dimensions", "latent", defaults.to_json()["latent"], help=words)
        changes["epochs"] = _number("Epochs, at most", "epochs", defaults.epochs, help=glossary.explained("epoch"))
        words = "Epochs without a better validation bound until training stops; 0: it never stops early"
        changes["patience"] = _number("Patience", "patience", defaults.patience or 0, help=words) or None
        changes["learning_rate"] = _number(
            "Learning rate",
            "learning-rate",
            defaults.learning_rate,
            format="%g",
            step=1e-4,
            help=glossary.explained("learning rate"),
        )
        changes["seed"] = _number("Seed", "seed", 0, help=glossary.explained("seed"))
    with below.expander("More settings", icon=":material/tune:"):
        with st.container(horizontal=True):
            for field in MORE:
                words = field.replace("_", " ").capitalize()
                changes[field] = _number(plain(words), field.replace("_", "-"), getattr(defaults, field))
            if data.channels == 1:
                changes["pixels"] = _choice("Pixels", get_args(Pixels), "pixels")
            kinds_of_pixels = get_args(LikelihoodName)
            changes["likelihood"] = _choice(
                "Likelihood", kinds_of_pixels, "likelihood", default=defaults.likelihood, width=WIDE_FIELD,
                called=lambda likelihood: LIKELIHOOD_FACTS[likelihood].words,
            )  # fmt: skip
        elements.caption("All other settings are on the command line: `python -m cvae_core train label --help`")
    try:
        return catalogue.configured(flavour, preset, **changes), ""
    except LabError as error:
        return None, str(error)


def _choice(
    label: Markdown, options: Sequence[Option], name: str, *, default: Option | None = None,
    called: Callable[[Any], str] = str, width: int = FIELD, **settings: Any,
) -> Option:  # fmt: skip
    """Show a field with options; another default replaces its value. The address keeps it as `new-` and the field's name."""
    first = options[0] if default is None else default
    _follow(f"new-{name}", first)
    key = url_state.bound(f"new-{name}", one_of(options), first)
    chosen = st.selectbox(
        label, options, format_func=lambda option: plain(called(option)), key=key, width=width, **settings
    )
    return controls.or_default(chosen, first)


def _number(label: Markdown, name: str, default: float, **settings: Any) -> Any:
    """Show a field for a number; another default replaces its value. The address keeps it, as in `_choice`."""
    key = f"new-{name}"
    _follow(key, default)
    most = controls.MAX_SEED
    form: AnyForm = number(-most, most)
    if isinstance(default, int):
        form, settings = whole(-most, most), {"step": 1, **settings}
    return st.number_input(label, key=url_state.bound(key, form, default), width=FIELD, **settings)


def _follow(key: str, default: object) -> None:
    """Replace a field's value if its default has changed."""
    if st.session_state.setdefault(before := f"{key}-default", default) != default:
        st.session_state[before] = st.session_state[key] = default


def _tell_gone(sets: Sequence[str], place: DeltaGenerator) -> None:
    """Say that the chosen data set is not on this machine any more."""
    if (held := st.session_state.get("new-dataset")) and held not in sets:
        place.info(f"The data set {plain(held)} is no longer on this machine.", icon=":material/info:")


def _offered(flavour: Flavour) -> str:
    config = KINDS[flavour]
    if not (config.given and config.latents):
        return config.family
    *others, last = [GIVEN_WORDS[part] for part in config.given]
    return f"{config.family} of {' and '.join(filter(None, (', '.join(others), last)))}"


def _objective(defaults: Config) -> Mapping[str, Any]:
    names = [name for name, given in OBJECTIVES.items() if all(hasattr(defaults, field) for field in given)]
    chosen = _choice("Objective", names, "objective", help="What training maximises")
    if chosen != ELBO:
        return OBJECTIVES[chosen]
    return {"beta": _number("β", "beta", 1.0, help="Weight of the rate; 1 is the ELBO")}


def _name(config: Config | None, root: Path) -> str:
    """Ask for the run's name; the default names its settings, with a number if that is taken."""
    free = usual = config.run_name if config else ""
    if config:
        names = itertools.chain([usual], (f"{usual}-{number}" for number in itertools.count(2)))
        with suppress(LabError):  # such as a damaged queue, which `_startable` reports
            free = next(name for name in names if housekeeping.is_vacant(root, name))
    if st.session_state.pop(STARTED, False):
        st.session_state["new-name"] = ""  # the name is taken now
    key = url_state.bound("new-name", line(LONGEST_NAME), "")
    given = st.text_input("Name", placeholder=free, key=key, width=WIDE_FIELD)
    return (given or "").strip() or free


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
