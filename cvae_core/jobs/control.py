"""Trainings as separate processes: start them so that they outlive their parent, stop them, and detect dead or stalled ones.

Pages and the command line read a run's state from files on disk. Nothing here imports torch.
"""

import logging
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cvae_core.config.flavours import Config
from cvae_core.config.job import USUAL, Job, Options
from cvae_core.config.presets import baseline_for, calmer
from cvae_core.errors import LabError, NotStarted, NotWritable, RunInUse, RunNotFound
from cvae_core.jobs import heartbeat, output_log
from cvae_core.jobs import queue as queueing
from cvae_core.jobs.heartbeat import Heartbeat
from cvae_core.jobs.queue import UNTRAINED, WAITS, Queue, cancel, look, readable
from cvae_core.runs.card import CARD, Card, read_card, write_card
from cvae_core.runs.sameness import baseline_name
from cvae_core.system import processes
from cvae_core.system.folders import folder_of, in_root
from cvae_core.system.locks import locked
from cvae_core.system.processes import Process

LOG = logging.getLogger(__name__)
RUN_LOCK = ".lock"  # in a run's folder, locked by the process that trains it
GRACE = 1.4  # seconds that a training has to stop before it is killed
SUNK = 10.0  # seconds within which a killed process ends

State = Literal["waiting", "training", "stalled", "died", "queued", "stopped", "failed", "finished"]


@dataclass(frozen=True)
class RunState:
    """The state of a run, its reason, and the training that resumes it, if any can."""

    state: State
    reason: str = ""
    resume: Job | None = None
    anew: Job | None = None  # trains it with other settings, if resuming would fail again

    @property
    def together(self) -> bool:
        """Return whether several processes resume it; these do not wait in the queue."""
        return self.resume is not None and self.resume.processes > 1


def calmer_job(config: Config, run: str, options: Options) -> Job:
    """Return the training that trains a diverged run again, with a lower learning rate."""
    return Job(run=run, config=calmer(config), options=options)


def stop(root: Path, run: str) -> bool:
    """Stop a run that trains, and return True when its process has ended; or remove it from the queue, and return False.

    The training has about a second to stop between two steps. If it does not, because it validates or computes a map, it is
    killed and loses its work since the last save. Saved files stay usable. Raises RunNotFound if it neither trains nor
    waits, RunInUse if it trains on another machine.
    """
    queue, _ = readable(root)
    if queue.place(run):
        with suppress(RunNotFound):  # its turn has just come
            cancel(root, run)
            return False
    process = _trainer(root, run)
    if process is None:
        raise RunNotFound(f"Run {run!r} neither trains nor waits in {root}: there is nothing to stop.")
    if not process.here:
        command = in_root(f"python -m cvae_core stop {run}", root)
        raise RunInUse(
            f"Run {run!r} trains on {process.place} and cannot be stopped from here: stop it there with {command}"
        )
    LOG.info("run %s: stop requested", run)
    process.send(signal.SIGTERM)
    if not _has_ended(process, GRACE):
        LOG.warning("run %s does not stop and is killed", run)
        process.send(signal.SIGKILL)
        _has_ended(process, SUNK)
        for folder in {path.parent for path in root.glob(f"*/{heartbeat.FILE}")}:  # the run's, or its baseline's
            if (found := heartbeat.read(folder)) and found.process == process:
                _note_stopped(folder)
        output_log.add(root, run, f"{output_log.STOPPED} Its process did not end in time and was killed.")
    return True


def start(root: Path, job: Job) -> None:
    """Start a training as a process that outlives this one; return when it trains or waits in the queue.

    Raises NotStarted with the process's last line of output if it ended with an error, and NotWritable.
    """
    run = job.run
    try:
        with output_log.opened(root, job) as transcript:
            child = processes.launched([*job.words, "--root", str(root)], transcript)
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
    LOG.info("run %s is started as process %d", run, child.pid)
    while child.poll() is None and not look(root).holds(child.pid):
        time.sleep(0.02)
    if child.returncode:
        raise NotStarted(output_log.tail(root, run, lines=1) or f"Run {run!r} did not start and printed no reason.")


def state_of(root: Path, run: str) -> RunState:
    """Return the state of a run; raise RunNotFound if neither a run nor a queue entry has that name, and RunDamaged.

    If the queue's file is damaged, the state comes from the run's card and heartbeat alone.
    """
    (queue, damage), folder = readable(root), folder_of(run, root)
    if place := queue.place(run):
        return _stalled(root, queue, run) or RunState("waiting", f"place {place} of {len(queue.waiting)}")
    card = _card(folder)
    if card is None or card.status != "running":
        if queue.trains(run) and (card is None or card.status != "finished"):
            entry = next(entry for entry in queue.entries if entry.run == run)
            return _stalled(root, queue, run) or RunState("training", _beginning(root, entry.job.config))
        if card is None:
            if damage:
                raise damage
            return _state_without_card(root, run)
        return _ended(card, run)
    found = heartbeat.read(folder)
    if found and found.continues:
        return _running(found, card.job(run, resume=True))
    card = _card(folder) or card
    if card.status != "running":  # it ended between the two reads
        return _ended(card, run)
    cause = found.cause() if found else "it ended without an error message"
    return RunState("died", cause, card.job(run, resume=True))


def _beginning(root: Path, config: Config) -> str:
    """Return what a training does whose run has no card yet: it starts, or trains its baseline, with the progress of that."""
    if needed := baseline_for(config):
        name = baseline_name(needed, root)
        found = heartbeat.read(folder_of(name, root))
        if found and found.continues:
            return f"its baseline {name} trains first: {found.progress.doing}"
    return "it starts"


def begun_with(root: Path, run: str) -> Options:
    """Return the options of a run's last training; the default ones if it has no card."""
    with suppress(LabError):  # training the run reports what is wrong with its card
        if card := _card(folder_of(run, root)):
            return card.options
    return USUAL


def _stalled(root: Path, queue: Queue, run: str) -> RunState | None:
    """Return the state of a process whose heartbeat in the queue has stopped and that has none in a run's folder."""
    since = queueing.silent(root, run)
    if since is None or since < heartbeat.STALLED_AFTER:
        return None
    pids = ", ".join(str(entry.process.pid) for entry in queue.entries if entry.run == run)
    return RunState("stalled", f"no heartbeat for {since:.0f} s, but process {pids} exists: it may be suspended")


def _running(found: Heartbeat, resume: Job) -> RunState:
    """Return whether a training moves or is stalled; a stalled one on another host may be dead, and can be resumed."""
    process, still = found.process, f"no step for {found.silent:.0f} s"
    if found.silent < heartbeat.STALLED_AFTER:
        return RunState("training", "" if process.here else f"on {process.place}, where this machine cannot stop it")
    if process.here:
        return RunState("stalled", f"{still}, but process {process.pid} exists")
    return RunState("stalled", f"{still}; check on {process.place} whether its process still exists", resume)


def _state_without_card(root: Path, run: str) -> RunState:
    """Return the state of a run without a card, from its last output: it was stopped, or failed, before it began."""
    job, output = output_log.last_job(root, run), output_log.tail(root, run, lines=1)
    if job is None and not output:
        raise RunNotFound(f"No run named {run!r} is in {root} or in its queue.")
    state: State = "failed"
    if output.startswith(output_log.STOPPED) or output.endswith(UNTRAINED):
        state = "stopped"
    elif output.startswith(output_log.PROMPT):
        output = "it ended before it began"
    elif output.startswith(WAITS):
        output = "it ended while it waited, without an error message"
    return RunState(state, output, job and replace(job, resume=False))  # what it resumed may have been its baseline


def _ended(card: Card, run: str) -> RunState:
    assert card.status != "running"
    going_on = card.status in ("stopped", "failed")
    if going_on and card.verdict == "diverged":
        return RunState(card.status, card.reason or "", anew=calmer_job(card.config, run, card.options))
    return RunState(card.status, card.reason or "", card.job(run, resume=True) if going_on else None)


def _card(folder: Path) -> Card | None:
    return read_card(folder) if (folder / CARD).exists() else None


def _trainer(root: Path, run: str) -> Process | None:
    """Return the process that trains a run, from the queue or, because torchrun skips the queue, from its heartbeat."""
    (queue, _), found = readable(root), heartbeat.read(folder_of(run, root))
    if queue.training and queue.trains(run):
        return queue.training.process
    return found.process if found and found.continues else None


def _has_ended(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _note_stopped(folder: Path) -> None:
    """Record in the card of a training that was killed on request that it was stopped."""
    with locked(folder / RUN_LOCK, folder.parent):
        card = _card(folder)
        if card and card.status == "running":
            write_card(folder, replace(card, status="stopped", reason="stopped on request"))
        heartbeat.remove(folder)
