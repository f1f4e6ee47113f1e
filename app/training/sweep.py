"""Sweeps: a grid of settings, queued as runs, and a table of their states and results."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from app.cached import runs
from app.display import elements, url_state
from app.display.url_forms import one_of
from app.text.plain_text import plain
from app.training.follow import EVERY, IDLE, WORDS
from app.widgets import controls, permission
from cvae_core.config.flavours import Config
from cvae_core.config.job import Options
from cvae_core.config.model_names import model_name
from cvae_core.data import fingerprints
from cvae_core.errors import ConfigError, RunNotFound
from cvae_core.jobs import control, sweep
from cvae_core.jobs import queue as queueing
from cvae_core.jobs.sweep import Planned
from cvae_core.runs import sameness
from cvae_core.system import distributed, files
from cvae_core.system.folders import NAME, default_root, folder_of, unlinked
from cvae_core.training import timing

FOLDER = ".sweeps"  # in a root of runs: NAME.toml
MOST = 20  # runs per sweep from a page, because each waits as a process
EXAMPLE = """flavour = "label"
dataset = "digits"
width = 64
epochs = 60
beta = [0.5, 1, 2]
seed = [0, 1]
"""
NEW = "a new one"
CHOICE, NEXT = "sweep", "sweep-next"  # in the session: key of the selector, and its value for the next rerun


def show() -> None:
    """Show the view."""
    elements.title(
        "Sweep",
        "A sweep trains one run for each combination of settings: every key is a setting of `train`, and a list gives "
        "several values. The runs are added to the queue. Finished runs are skipped if the sweep is queued again.",
    )
    root = default_root()
    names = [*sorted(path.stem for path in (root / FOLDER).glob("*.toml") if NAME.fullmatch(path.stem)), NEW]
    if NEXT in st.session_state:
        st.session_state[CHOICE] = st.session_state.pop(NEXT)
    chosen = controls.or_default(
        st.selectbox("Sweep", names, key=url_state.bound(CHOICE, one_of(names), names[0])), NEW
    )
    permitted, offered = permission.may_train(), False
    with elements.sentences():
        name, text = _given(root, chosen)
        planned = sweep.planned(text, name, root)
        if len(planned) > MOST:
            raise ConfigError(
                f"This sweep has {len(planned)} runs. The page allows {MOST}; use the command line for more."
            )
        for run in planned:
            timing.require_small(run.config)
        missing = _missing(root, planned, sameness.finished(root))
        if permitted:
            datasets = [run.config.dataset for run in missing]
            fingerprints.require_published_here(*datasets, otherwise="sweep over them in a shell with --other-images")
            _offer(root, name, text, missing, of=len(planned))
            offered = True
        else:
            permission.tell()
        busy = queueing.look(root).busy
        st.fragment(_table, run_every=EVERY if busy else IDLE)(root, planned, busy, missing)
    if permitted and not offered:  # a sentence above says why
        st.button("Queue the runs", icon=":material/playlist_add:", disabled=True)


def _given(root: Path, chosen: str) -> tuple[str, str]:
    """Show the sweep's name and its TOML, editable if the sweep is new; return both."""
    if chosen != NEW:
        text = sweep.read(_path(root, chosen))
        st.code(text, language="toml")
        return chosen, text
    name = st.text_input("Name", placeholder="grid", key="sweep-name").strip() or "grid"
    text = st.text_area("Settings, as TOML", EXAMPLE, height=190, key="sweep-text")
    folder_of(name, root)  # raises ConfigError if no file can have this name
    return name, text


def _path(root: Path, name: str) -> Path:
    return unlinked(root / FOLDER / f"{name}.toml", root)


def _offer(root: Path, name: str, text: str, missing: list[Planned], *, of: int) -> None:
    """Offer to queue the missing runs of a sweep; raise ConfigError if its name is taken."""
    path = _path(root, name)
    if path.exists() and sweep.read(path) != text:
        raise ConfigError(f"There is already a sweep {name!r} with other settings. Choose another name.")
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(f"Queue {len(missing)} of {of} runs", icon=":material/playlist_add:", disabled=not missing)
        if not missing:
            elements.caption("All runs of this sweep are queued, finished or diverged.")
    if pressed:
        files.write(path, text.encode())
        bar = st.progress(0.0)
        for number, run in enumerate(missing):
            bar.progress(number / len(missing), text=plain(run.run))
            control.start(root, run.job(root, sameness.finished(root), Options(threads=distributed.all_but_one())))
        st.session_state[NEXT] = name
        st.toast(f"{len(missing)} runs are queued. The table shows their states.", icon=":material/check:")
        st.rerun()


def _missing(root: Path, planned: list[Planned], finished: Mapping[Config, str]) -> list[Planned]:
    """Return the runs that are not finished, queued or diverged; raise RunInUse if a run's name cannot be used."""
    for run in planned:
        run.job(root, finished)
    queue = queueing.look(root)
    return [
        run for run in planned if not queue.has(run.run) and run.config not in finished and not run.has_diverged(root)
    ]


def _table(root: Path, planned: list[Planned], busy: bool, missing: list[Planned]) -> None:
    with elements.sentences():
        finished = sameness.finished(root)  # read once per refresh for all rows
        if queueing.look(root).busy != busy or _missing(root, planned, finished) != missing:
            st.rerun()
        _fill(root, planned, finished)


def _fill(root: Path, planned: list[Planned], finished: Mapping[Config, str]) -> None:
    """Show each run's state, its settings on the axes, and its result so far."""
    rows = []
    axes = runs.differences({run.run: run.config for run in planned})
    numeric = {axis for axis in axes if {int, float} >= set(map(type, axes[axis].values()))}  # sort as numbers
    for run in planned:
        name = finished.get(run.config, run.run)
        try:
            now = control.state_of(root, run.run)
        except RunNotFound:
            state = "finished" if run.config in finished else "not queued"
        else:
            state = WORDS[now.state][1]
        card = runs.card(key) if (key := runs.any_key(name)) else None
        rows.append(
            {
                "model": runs.model_of(name) or model_name(run.config),
                "run": name,
                **{axis: axes[axis][run.run] if axis in numeric else str(axes[axis][run.run]) for axis in axes},
                "state": state,
                "epoch": card.epochs if card else None,
                "validation −ELBO": None if card is None or card.elbo is None else -card.elbo,
                "verdict": (card.trouble or card.verdict or "") if card else "",
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="",
        column_config={
            "validation −ELBO": st.column_config.NumberColumn(format="%.1f", help="Nats per image, best epoch")
        },
    )
    elements.caption(
        f"{sum(row['state'] == 'finished' for row in rows):,} of {len(rows)} finished. For up to "
        f"{sweep.LARGEST} runs, use `python -m cvae_core sweep FILE.toml` in a shell."
    )
