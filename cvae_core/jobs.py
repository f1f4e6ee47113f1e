"""Trainings as processes of their own: started to outlive who started them, stopped for certain, seen to be dead or stuck.

Whoever asks how a run stands, a page or the command line, gets it from what lies on disk; nothing here imports torch.
"""

import logging
import shlex
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cvae_core import files, processes, pulse, transcripts
from cvae_core.config import Config, calmer, from_json, other_flags, train_command
from cvae_core.errors import LabError, NotStarted, NotWritable, RunInUse, RunNotFound
from cvae_core.processes import Process
from cvae_core.pulse import Pulse
from cvae_core.queueing import WAITS, cancel, locked, look, readable
from cvae_core.roots import folder_of, in_root

LOG = logging.getLogger(__name__)
RUN_LOCK = ".lock"  # in a run's folder, held by whoever trains it
GRACE = 1.4  # seconds that a training has to stop by itself
SUNK = 10.0  # seconds within which a killed process is gone
TOGETHER = "torchrun --nproc-per-node"  # begins the command of several processes

State = Literal["waiting", "training", "stalled", "died", "queued", "stopped", "failed", "finished"]


@dataclass(frozen=True)
class Condition:
    """Say how a run stands, why, and which command goes on with it where one can."""

    state: State
    reason: str = ""
    resume: str | None = None
    anew: str | None = None  # which trains it with other settings, where going on would fail again

    @property
    def together(self) -> bool:
        """Say whether it goes on by several processes, which do not wait their turn."""
        return self.resume is not None and self.resume.startswith(TOGETHER)


def resume_command(command: str, root: Path, processes: int = 1) -> str:
    """Return the command that goes on with a training by as many processes: by more or fewer its sums would round otherwise.

    >>> resume_command("python -m cvae_core train label", Path("runs"), processes=2)
    'torchrun --nproc-per-node 2 -m -- cvae_core train label --resume --root runs'
    """
    again = in_root(f"{command} --resume", root)
    return again if processes <= 1 else f"{TOGETHER} {processes} -m -- {again.removeprefix('python -m ')}"


def anew_command(config: Config, run: str, root: Path, *flags: str) -> str:
    """Return the command that trains a run that has diverged anew, with a lower learning rate.

    >>> from cvae_core.config import configure
    >>> anew_command(configure("label", learning_rate=10.0, beta=2.0), "mine", Path("runs"))
    'python -m cvae_core train label --beta 2.0 --run mine --force --root runs'
    """
    return in_root(train_command(calmer(config), run, *flags, "--force"), root)


def stop(root: Path, run: str) -> None:
    """Stop a run that trains, or take it out of the queue; return once its process is gone, with all so far usable.

    It has a second or so to stop between two steps. One that does not, for it validates or lays out a map, is killed, which
    costs what it did since it last saved. Raises RunNotFound where it does neither, RunInUse where it trains out of reach.
    """
    queue, _ = readable(root)
    if queue.place(run):
        with suppress(RunNotFound):  # its turn came in this moment
            return cancel(root, run)
    process = _trainer(root, run)
    if process is None:
        raise RunNotFound(f"Run {run!r} neither trains nor waits in {root}: there is nothing to stop.")
    if not process.here:
        command = in_root(f"python -m cvae_core stop {run}", root)
        raise RunInUse(f"Run {run!r} trains on {process.place}, out of reach from here: stop it there with {command}")
    LOG.info("run %s is asked to stop", run)
    process.send(signal.SIGTERM)
    if not _gone(process, GRACE):
        LOG.warning("run %s does not stop and is killed", run)
        process.send(signal.SIGKILL)
        _gone(process, SUNK)
        for folder in {path.parent for path in root.glob(f"*/{pulse.FILE}")}:  # its own, or that of its baseline
            if (found := pulse.read(folder)) and found.process == process:
                _note_stopped(folder)
    return None


def start(root: Path, run: str, command: str) -> None:
    """Start a training by its command, as a process that outlives this one; return once it trains or waits its turn.

    Raises NotStarted with what it said where it refused, NotWritable.
    """
    try:
        with transcripts.opened(root, run, command) as said:
            child = processes.launched(shlex.split(command)[3:], said)  # all after python -m cvae_core
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
    LOG.info("run %s is started as process %d", run, child.pid)
    while child.poll() is None and not look(root).holds(child.pid):
        time.sleep(0.02)
    if child.returncode:
        raise NotStarted(transcripts.tail(root, run, lines=1) or f"Run {run!r} did not start and did not say why.")


def condition(root: Path, run: str) -> Condition:
    """Say how a run stands; raise RunNotFound where there is neither a run nor an entry of that name, RunDamaged.

    What the queue's file would say is unknown where that is damaged; a run's own card and pulse still say what they say.
    """
    (queue, damage), folder = readable(root), folder_of(run, root)
    if place := queue.place(run):
        return Condition("waiting", f"place {place} of {len(queue.waiting)}")
    card = _card(folder)
    if card is None or card["status"] != "running":
        if queue.trains(run) and (card is None or card["status"] != "finished"):
            return Condition("training", "it begins, or its baseline trains first")
        if card is None:
            if damage:
                raise damage
            return _unborn(root, run)
        return _closed(card, root, run)
    found = pulse.read(folder)
    if found and found.goes_on:
        return _going_on(found, _resume(card, root, run))
    card = _card(folder) or card
    if card["status"] != "running":  # it closed between the two looks
        return _closed(card, root, run)
    cause = found.cause() if found else "it ended without a word"
    return Condition("died", cause, _resume(card, root, run))


def begun_with(root: Path, run: str) -> list[str]:
    """Return the flags beside configuration and name with which a run was last trained; none where no card says so."""
    with suppress(LabError, TypeError, ValueError):  # what is wrong with a card is said when it is trained
        if card := _card(folder_of(run, root)):
            return other_flags(card["command"], from_json(card.get("config", {})))
    return []


def _going_on(found: Pulse, resume: str) -> Condition:
    """Say whether a training moves; one on another host that does not may be dead, and then somebody goes on with it."""
    process, still = found.process, f"no step for {found.silent:.0f} s"
    if found.silent < pulse.STALLED_AFTER:
        return Condition("training", "" if process.here else f"on {process.place}, out of reach from here")
    if process.here:
        return Condition("stalled", f"{still}, though process {process.pid} is there")
    return Condition("stalled", f"{still}; only {process.place} can tell whether it is still there", resume)


def _unborn(root: Path, run: str) -> Condition:
    """Say of a run that has no card what it said last: it failed, was killed or cancelled before it began."""
    if (command := transcripts.last_command(root, run)) is None:
        raise RunNotFound(f"No run named {run!r} is in {root}, nor waits there.")
    said = transcripts.tail(root, run, lines=1)
    if said.startswith(transcripts.PROMPT):
        said = "it ended before it began"
    elif said.startswith(WAITS):
        said = "it ended while it waited, without a word"
    again = command.replace(" --resume", "", 1)  # what was to go on may have been its baseline
    return Condition("failed", said, again)


def _closed(card: dict[str, Any], root: Path, run: str) -> Condition:
    going_on, reason = card["status"] in ("stopped", "failed"), card.get("reason") or ""
    if going_on and card.get("verdict") == "diverged":
        with suppress(LabError, TypeError, ValueError):  # what is wrong with a card is said when it is trained
            config = from_json(card.get("config", {}))
            flags = other_flags(card["command"], config)
            return Condition(card["status"], reason, anew=anew_command(config, run, root, *flags))
    return Condition(card["status"], reason, _resume(card, root, run) if going_on else None)


def _resume(card: dict[str, Any], root: Path, run: str) -> str:
    """Return the command that goes on with a run, which may have had another name when its card was written."""
    command = card["command"]
    with suppress(LabError, TypeError, ValueError):  # what is wrong with a card is said when it is trained
        config = from_json(card.get("config", {}))
        command = train_command(config, run, *other_flags(command, config))
    return resume_command(command, root, card.get("processes", 1))


def _card(folder: Path) -> dict[str, Any] | None:
    path = folder / "card.json"
    if not path.exists():
        return None
    card = files.read_json(path)
    files.require(all(isinstance(card.get(name), str) for name in ("status", "command")), path)
    files.require(isinstance(card.get("processes", 1), int), path)
    return card


def _trainer(root: Path, run: str) -> Process | None:
    """Return the process that trains a run, by its turn or, where torchrun skips the queue, by its pulse."""
    (queue, _), found = readable(root), pulse.read(folder_of(run, root))
    if queue.training and queue.trains(run):
        return queue.training.process
    return found.process if found and found.goes_on else None


def _gone(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _note_stopped(folder: Path) -> None:
    """Say in the card of a training that was killed on request that it was stopped."""
    with locked(folder / RUN_LOCK, folder.parent):
        card = _card(folder)
        if card and card["status"] == "running":
            files.write_json(folder / "card.json", {**card, "status": "stopped", "reason": "stopped on request"})
        pulse.remove(folder)
