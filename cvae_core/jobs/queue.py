"""The queue of trainings: a root of runs has one training at a time, and the others wait. Nothing here imports torch.

    ROOT/.queue/queue.json      the running and waiting trainings, in order; replaced atomically, under ROOT/.queue/lock
    ROOT/.queue/training.lock   locked by the process that trains; the system releases it however the process ends
    ROOT/.queue/RUN.alive       touched every few seconds by the process that trains or waits, for readers on other hosts

An entry identifies its process by ID and start time. The next process to change the queue removes entries of dead processes.
Processes of another host cannot be seen; their entries are removed after a minute without a heartbeat.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from cvae_core.config.job import Job, job_from_json
from cvae_core.errors import ConfigError, Interrupted, NotWritable, RunDamaged, RunInUse, RunNotFound
from cvae_core.system import files, processes
from cvae_core.system.folders import QUEUE, folder_of, in_root, unlinked
from cvae_core.system.locks import locked
from cvae_core.system.processes import Process
from cvae_core.system.type_checks import Moment, fits

LOG = logging.getLogger(__name__)
POLL = 0.2  # seconds between two checks of the first waiting process; the others check less often
POLL_AT_MOST = 1.0
BEAT_EVERY, GONE_AFTER = 5.0, 60.0  # seconds between heartbeats, and without one until removal
WAITS = "Waits for"  # the message of a waiting process begins with this
UNTRAINED = " and was not trained."  # the message of a waiting process that is stopped ends with this


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A training that waits, or that has been running since a moment (UTC, ISO 8601)."""

    job: Job
    process: Process
    created: Moment
    since: Moment | None = None

    @property
    def run(self) -> str:
        """Return the run's name."""
        return self.job.run


@dataclass(frozen=True)
class Queue:
    """The running training and the waiting ones, next one first."""

    training: Entry | None
    waiting: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return the running training and the waiting ones, in this order."""
        return (*([self.training] if self.training else []), *self.waiting)

    @property
    def busy(self) -> bool:
        """Return whether any training runs or waits."""
        return bool(self.entries)

    def place(self, run: str) -> int | None:
        """Return a waiting run's place, counted from 1, or None."""
        return next((place for place, entry in enumerate(self.waiting, 1) if entry.run == run), None)

    def trains(self, run: str) -> bool:
        """Return whether a run of this name trains."""
        return self.training is not None and self.training.run == run

    def holds(self, pid: int) -> bool:
        """Return whether the process with this ID on this host trains or waits."""
        return any(entry.process.pid == pid and entry.process.here for entry in self.entries)

    def has(self, run: str) -> bool:
        """Return whether a run of this name trains or waits."""
        return any(entry.run == run for entry in self.entries)


def look(root: Path) -> Queue:
    """Return the queue of a root without writing anything. Raises RunDamaged."""
    present = [entry for entry in _read(root) if _is_present(root, entry)]
    return Queue(
        training=next((entry for entry in present if entry.since), None),
        waiting=tuple(entry for entry in present if not entry.since),
    )


def readable(root: Path) -> tuple[Queue, RunDamaged | None]:
    """Return the queue and None, or an empty queue and the error if its file is damaged."""
    try:
        return look(root), None
    except RunDamaged as error:
        return Queue(None, ()), error


@contextmanager
def turn(
    root: Path,
    job: Job,
    *,
    stop_requested: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Wait until no training runs in a root and this process is first, then hold the turn.

    Calls `tell` with the place whenever it changes. Raises RunInUse, RunDamaged, NotWritable, and Interrupted if a stop is
    requested or the run is removed from the queue.
    """
    run, mine = job.run, Entry(job=job, process=processes.this(), created=_now())
    with _changing(root) as entries:
        if any(entry.run == run for entry in entries):
            raise RunInUse(f"Run {run!r} trains or waits in {root} already: choose another --run, or wait.")
        entries.append(mine)
        _beat(root, run)
    LOG.info("run %s joins the queue", run)
    lock, ended = FileLock(root / QUEUE / "training.lock"), threading.Event()
    threading.Thread(target=_beat_until, args=(ended, root, run), daemon=True).start()
    try:
        told = None
        while not _begins(root, mine, lock):
            if stop_requested():
                raise Interrupted(f"Run {run!r} has left the queue{UNTRAINED}")
            queue = look(root)
            place = queue.place(run)
            if place is None:
                raise Interrupted(f"Run {run!r} was removed from the queue{UNTRAINED}")
            if place != told and (queue.training or place > 1):
                first = queue.training or queue.waiting[0]
                tell(f"{WAITS} {first.run!r} to finish, place {place} of {len(queue.waiting)}")
                told = place
            time.sleep(min(POLL * place, POLL_AT_MOST))
        LOG.info("run %s has the turn", run)
        yield
    finally:
        ended.set()
        # On a full disk, or if the file is damaged, another process removes the entry later.
        with suppress(NotWritable, RunDamaged), _changing(root) as entries:
            entries[:] = [entry for entry in entries if not _same(entry, mine)]
            _sign_of_life(root, run).unlink(missing_ok=True)
        lock.release()


def move(root: Path, run: str, place: int) -> None:
    """Move a waiting run to a place of the queue, counted from 1; raise RunNotFound if it does not wait."""
    with _changing(root) as entries:
        entry = _waiting(entries, run, root)
        others = [other for other in entries if other != entry and not other.since]
        if not 1 <= place <= len(others) + 1:
            raise ConfigError(f"Place cannot be {place}: give 1 to {len(others) + 1}, the number that wait.")
        others.insert(place - 1, entry)
        entries[:] = [other for other in entries if other.since] + others
    LOG.info("run %s is moved to place %d of the queue", run, place)


def cancel(root: Path, run: str) -> None:
    """Remove a waiting run from the queue; its process notices and ends. Raises RunNotFound if it does not wait."""
    with _changing(root) as entries:
        entries.remove(_waiting(entries, run, root))
    LOG.info("run %s is removed from the queue", run)


def _begins(root: Path, mine: Entry, lock: FileLock) -> bool:
    """Take the turn if no training runs and this process is first; return whether it did."""
    queue = look(root)
    if queue.training or not queue.waiting or not _same(queue.waiting[0], mine):
        return False
    with _changing(root) as entries:
        first = next((entry for entry in entries if not entry.since), None)
        if first is None or not _same(first, mine):
            return False
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        entries[entries.index(first)] = replace(first, since=_now())
    return True


def _waiting(entries: list[Entry], run: str, root: Path) -> Entry:
    for entry in entries:
        if entry.run == run and not entry.since:
            return entry
    have = ", ".join(entry.run for entry in entries if not entry.since) or "none"
    trains = f" It trains already: stop it with {in_root(f'python -m cvae_core stop {run}', root)}"
    raise RunNotFound(
        f"No run {run!r} waits in the queue. There are: {have}.{trains if any(entry.run == run for entry in entries) else ''}"
    )


def _same(one: Entry, other: Entry) -> bool:
    return (one.run, one.process) == (other.run, other.process)


@contextmanager
def _changing(root: Path) -> Iterator[list[Entry]]:
    """Yield the entries of processes that exist; write them back if they have changed."""
    with locked(root / QUEUE / "lock", root):
        before = _read(root)
        entries = [entry for entry in before if _is_present(root, entry)]
        yield entries
        if entries != before:
            files.write_json(root / QUEUE / "queue.json", {"entries": [_to_json(entry) for entry in entries]})


def _read(root: Path) -> list[Entry]:
    path = root / QUEUE / "queue.json"
    if not path.exists():
        return []
    try:
        unlinked(path, root)
    except ConfigError as error:
        raise RunDamaged(str(error)) from error
    try:
        found = files.read_json(path)["entries"]
        entries = [
            Entry(**{**entry, "job": job_from_json(entry["job"]), "process": Process(**entry["process"])})
            for entry in found
        ]
        if not all(fits(entry, Entry) for entry in entries):
            raise TypeError("other values")
        return entries
    except (RunDamaged, ConfigError, KeyError, TypeError) as error:
        raise RunDamaged(
            f"{path} is damaged, or not of this version of the lab: delete it. The running training continues "
            "and can be stopped. Start the waiting ones again."
        ) from error


def _to_json(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "job": entry.job.to_json()}


def _is_present(root: Path, entry: Entry) -> bool:
    """Return whether the process of an entry exists; on another host, whether its last heartbeat is recent."""
    if entry.process.here:
        return entry.process.alive
    since = silent(root, entry.run)
    return since is not None and since < GONE_AFTER


def silent(root: Path, run: str) -> float | None:
    """Return the seconds since the last heartbeat of a run's training, running or waiting; None if unknown."""
    try:
        return time.time() - _sign_of_life(root, run).stat().st_mtime
    except (OSError, ConfigError):  # the file is missing, or the run's name is a link
        return None


def _sign_of_life(root: Path, run: str) -> Path:
    return root / QUEUE / f"{folder_of(run, root).name}.alive"


def _beat(root: Path, run: str) -> None:
    with suppress(OSError, ConfigError):  # for example a full disk or a link; only other hosts need the sign
        unlinked(_sign_of_life(root, run), root).touch()


def _beat_until(ended: threading.Event, root: Path, run: str) -> None:
    while not ended.wait(BEAT_EVERY):
        _beat(root, run)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
