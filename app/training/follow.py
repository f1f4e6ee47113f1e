"""Live view of trainings: state, progress, output, curves and latest stage of a run, and the queue."""

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from app.cached import histories
from app.cached import runs as library
from app.cached.stage_figures import Stage
from app.charts import growing_charts
from app.display import elements, url_state
from app.text.plain_text import Markdown, code, plain
from app.views import code_snippets
from app.widgets import permission, run_pickers
from cvae_core.config.flavours import Config
from cvae_core.config.model_names import model_name
from cvae_core.jobs import control, heartbeat, output_log
from cvae_core.jobs import queue as queueing
from cvae_core.jobs.control import RunState
from cvae_core.jobs.queue import Queue
from cvae_core.pictures.stages import epochs
from cvae_core.runs import run
from cvae_core.system.folders import default_root, folder_of
from cvae_core.training.loop import train

FOLLOW = "follow"  # key of the selector, and its name in the address
EVERY, IDLE = "1s", library.LOOK_EVERY  # while a run trains or waits, and otherwise
LATEST = 8  # number of finished runs that are listed
WORDS = {
    "waiting": (":material/hourglass_empty:", "waits"),
    "queued": (":material/hourglass_empty:", "waits"),
    "training": (":material/play_circle:", "trains"),
    "stalled": (":material/warning:", "stalled"),
    "died": (":material/error:", "died"),
    "stopped": (":material/stop_circle:", "stopped"),
    "failed": (":material/error:", "failed"),
    "finished": (":material/check_circle:", "finished"),
}
USES = {"inpaint": "Complete images", "generate": "Generate images", "latent": "See its latent space"}  # by page
GOING_ON = ("waiting", "training", "stalled")


def show(form: Callable[[], None]) -> None:
    """Show the view: the form for a new run, and beside it a run's training."""
    elements.title(
        "Train a run",
        "Each training is a process of its own, which continues when you close this tab. One runs at a time; others wait.",
    )
    root = default_root()
    left, right = st.columns([4, 3], gap="large")
    with left:
        if permission.may_train():
            form()
        else:
            permission.tell()
    with right, elements.sentences():
        queue, damage = queueing.readable(root)
        if not (names := _followed(root, queue)):
            elements.caption("The training of your first run will be shown here.")
        else:
            busy = queue.busy or damage is not None  # a damaged queue may hide waiting runs
            url_state.fragment(_panel, run_every=EVERY if busy else IDLE)(root, names, busy)
    elements.explanation(
        "The curve is minus the bound, on validation images and on the training images of the same epoch. The star marks the "
        "epoch whose weights are saved. Noise, order of images and schedules depend on the seed and the step only. All other "
        "state of a training is saved at least every minute, so a training that was stopped or killed resumes to "
        "bit-identical weights on the same machine. The queue is a file that waiting processes read before they load torch.",
        r"-\text{bound} = \beta\, \mathrm{KL}\big(q(z \mid x, c) \,\|\, p(z \mid c)\big) - "
        r"\mathbb{E}_{q(z \mid x, c)} \log p(x \mid z, c)",
        [train, queueing.turn],
    )


def _followed(root: Path, queue: Queue) -> list[str]:
    """Return the runs to list: in the queue, unfinished, failed before their start, and the latest finished ones."""
    present = [entry.run for entry in queue.entries]
    cards = [(name, card) for name, card in run.readable(root)[0].items() if not card.read_only and not card.imported]
    cards.sort(key=lambda named: named[1].created, reverse=True)
    unfinished = [name for name, card in cards if card.status != "finished"]
    finished = [name for name, card in cards if card.status == "finished"][:LATEST]
    never_started = [name for name in output_log.recent(root)[:LATEST] if not run.run_at(name, root).exists()]
    return list(dict.fromkeys([*present, *unfinished, *never_started, *finished]))


def _panel(root: Path, names: list[str], busy: bool) -> None:
    with elements.sentences():
        queue, damage = queueing.readable(root)
        if (queue.busy or damage is not None) != busy or _followed(root, queue) != names:
            st.rerun()
        if damage:
            st.error(plain(damage), icon=":material/error:")
        name = run_pickers.run_name("Follow", names, FOLLOW)
        now = control.state_of(root, name)
        _state(root, name, now)
        if job := now.resume or next((entry.job for entry in queue.entries if entry.run == name), None):
            st.code(job.command(root), language="bash", wrap_lines=True)
        if now.anew:
            elements.explained("Restart it with a lower learning rate:")
            st.code(now.anew.command(root, force=True), language="bash", wrap_lines=True)
        if now.state == "finished":
            run_pickers.tell_trouble(name)
            _onward(name, run.find(name, root).card().config)
        _pictures(name)
        if said := output_log.tail(root, name):
            with st.expander("Output", icon=":material/terminal:", expanded=now.state in ("failed", "died")):
                st.code(said, language=None, wrap_lines=True)
        _queue(root, queue)


def _queue(root: Path, queue: Queue) -> None:
    """Show the waiting runs, with buttons to move or cancel them."""
    if not queue.waiting:
        return
    elements.heading("Next in the queue")
    for place, entry in enumerate(queue.waiting, 1):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{place}. {plain(model_name(entry.job.config))} {code(entry.run)}", width="stretch")
            if place > 1:
                permission.offer(
                    "Earlier", queueing.move, root, entry.run, place - 1, run=entry.run, icon=":material/arrow_upward:"
                )
            if place < len(queue.waiting):
                permission.offer(
                    "Later", queueing.move, root, entry.run, place + 1, run=entry.run, icon=":material/arrow_downward:"
                )
            permission.offer("Cancel", queueing.cancel, root, entry.run, run=entry.run, icon=":material/close:")


def _state(root: Path, name: str, now: RunState) -> None:
    """Show a run's state and progress, with a button to stop or resume it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(state_words(name, now), width="stretch")
        if now.state in GOING_ON:
            permission.offer("Stop training", _stop, root, name, run=name, icon=":material/stop:")
        elif now.together:
            elements.caption(
                "Several processes trained this run. Resume it from a shell with the same number of processes."
            )
        elif now.resume:
            permission.offer("Resume training", control.start, root, now.resume, run=name, icon=":material/play_arrow:")
    progress(root, name, now)


def state_words(name: str, now: RunState) -> Markdown:
    """Return a run's state in words, with the reason if it ended early."""
    icon, word = WORDS[now.state]
    why = now.reason and now.state not in ("stopped", "finished")
    return f"{icon} **{plain(name)}** {word}" + (f": {plain(now.reason)}" if why else "")


def progress(root: Path, name: str, now: RunState) -> None:
    """Show the progress of a run that trains."""
    found = heartbeat.read(folder_of(name, root))
    if now.state == "training" and found:
        left = "" if found.progress.left is None else f", at most {duration(found.progress.left)} left"
        st.progress(min(found.progress.share, 1.0), text=plain(found.progress.doing + left))


def _stop(root: Path, name: str) -> None:
    if not control.stop(root, name):
        st.toast(f"Run {code(name)} has left the queue.", icon=":material/info:", duration="long")


def uses(name: str, config: Config) -> dict[str, Mapping[str, str]]:
    """Return the pages that show a run's model, the most telling one first, with the query parameters that select it."""
    found: dict[str, Mapping[str, str]] = {}
    if config.has_baseline:
        dataset, visible = config.dataset, str(config.visible_set)
        found["inpaint"] = {"images": dataset, f"visible-{dataset}": visible, f"run-{visible}": name}
    if config.given == ("label",):
        found["generate"] = {"run": name}
    if config.latents >= 2:  # a map has two dimensions
        found["latent"] = {"run": name}
    return found


def _onward(name: str, config: Config) -> None:
    """Link to the pages that can use a finished run."""
    with st.container(horizontal=True):
        for page, query in uses(name, config).items():
            elements.link(page, USES[page], **query)
        if (key := library.any_key(name)) and (test := library.test_images(key)):
            elements.link("cll", "Score it", figures="Estimate", estimate=name, draws="100", over=str(len(test)))


def duration(seconds: float) -> Markdown:
    """Return a duration in words, rounded to the precision that readers need."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _pictures(name: str) -> None:
    """Show a run's curves and its latest stage, if it has any."""
    key = library.any_key(name)
    if key is None:
        return
    with elements.sentences():
        if library.card(key).epochs:
            table, best = histories.curves(key), library.card(key).best_epoch
            option = growing_charts.curve(table, best)
            alt = f"The bound of {library.label(name)} in epochs 1 to {table['epoch'].max()}"
            elements.growing_chart(option, code_snippets.curves([name], "bound", log=False), "followed", alt)
        else:
            elements.caption("Curves appear after the first epoch.")
    with elements.sentences():
        if not any(histories.stages_version(key)):
            elements.caption("Pictures appear after the first step.")
            return
        stages = histories.stages(key)
        index = len(stages["epoch"]) - 1
        alt = f"Reconstructions and samples of {library.label(name)} at its latest stage"
        elements.thumbnail(Stage(key, index).draw(2), alt)
        elements.caption(f"After {plain(epochs(stages['epoch'][index]))}. {histories.stage_words(key)}")
