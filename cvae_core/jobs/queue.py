"""One training at a time in a root of runs; the others wait in a queue that everybody sees and may re-order. No torch.

    ROOT/.queue/queue.json      who trains and who waits, in order; replaced whole, under ROOT/.queue/lock
    ROOT/.queue/training.lock   held by whoever trains: the system lets go of it however that process ends
    ROOT/.queue/RUN.alive       touched every few seconds by whoever trains or waits, for those who look from another host

An entry names a process for good, so that entries of the dead are known and removed by whoever comes next; one of another
host, whose processes cannot be seen from here, is removed after a minute without a sign of life.
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
POLL = 0.2  # seconds between two looks of whoever is next, more of those behind
POLL_AT_MOST = 1.0
BEAT_EVERY, GONE_AFTER = 5.0, 60.0  # seconds between signs of life, and without one
WAITS = "Waits for"  # begins what a waiting process tells


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Name a training that waits, or that trains since a moment (UTC, ISO 8601)."""

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
    """Show what trains and what waits, next one first."""

    training: Entry | None
    waiting: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return what trains and what waits, in this order."""
        return (*([self.training] if self.training else []), *self.waiting)

    @property
    def busy(self) -> bool:
        """Say whether anything trains or waits."""
        return bool(self.entries)

    def place(self, run: str) -> int | None:
        """Return a waiting run's place from 1, or None."""
        return next((place for place, entry in enumerate(self.waiting, 1) if entry.run == run), None)

    def trains(self, run: str) -> bool:
        """Say whether it is a run of this name that trains."""
        return self.training is not None and self.training.run == run

    def holds(self, pid: int) -> bool:
        """Say whether the process of this number on this host trains or waits."""
        return any(entry.process.pid == pid and entry.process.here for entry in self.entries)

    def has(self, run: str) -> bool:
        """Say whether a run of this name trains or waits."""
        return any(entry.run == run for entry in self.entries)


def look(root: Path) -> Queue:
    """Return what trains and what waits in a root; nothing is written. Raises RunDamaged."""
    present = [entry for entry in _read(root) if _is_present(root, entry)]
    return Queue(
        training=next((entry for entry in present if entry.since), None),
        waiting=tuple(entry for entry in present if not entry.since),
    )


def readable(root: Path) -> tuple[Queue, RunDamaged | None]:
    """Return what trains and what waits, as far as that can be read, and what is wrong with the file."""
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
    """Wait until nobody trains in a root and nobody is before this process, and have the root while it trains.

    Tells its place whenever that changes. Raises RunInUse, RunDamaged, NotWritable; Interrupted where it is asked to stop or
    taken out.
    """
    run, mine = job.run, Entry(job=job, process=processes.this(), created=_now())
    with _changing(root) as entries:
        if any(entry.run == run for entry in entries):
            raise RunInUse(f"Run {run!r} trains or waits in {root} already: choose another --run, or let it be.")
        entries.append(mine)
        _beat(root, run)
    LOG.info("run %s joins the queue", run)
    lock, ended = FileLock(root / QUEUE / "training.lock"), threading.Event()
    threading.Thread(target=_beat_until, args=(ended, root, run), daemon=True).start()
    try:
        told = None
        while not _begins(root, mine, lock):
            if stop_requested():
                raise Interrupted(f"Run {run!r} has left the queue and was not trained.")
            queue = look(root)
            place = queue.place(run)
            if place is None:
                raise Interrupted(f"Run {run!r} was taken out of the queue and was not trained.")
            if place != told and (queue.training or place > 1):
                first = queue.training or queue.waiting[0]
                tell(f"{WAITS} {first.run!r} to finish, place {place} of {len(queue.waiting)}")
                told = place
            time.sleep(min(POLL * place, POLL_AT_MOST))
        LOG.info("run %s has the turn", run)
        yield
    finally:
        ended.set()
        # On a full disk, or where the file is damaged, others remove the entry of the dead.
        with suppress(NotWritable, RunDamaged), _changing(root) as entries:
            entries[:] = [entry for entry in entries if not _same(entry, mine)]
            _sign_of_life(root, run).unlink(missing_ok=True)
        lock.release()


def move(root: Path, run: str, place: int) -> None:
    """Put a waiting run at a place of the queue, from 1; raise RunNotFound where it does not wait."""
    with _changing(root) as entries:
        entry = _waiting(entries, run, root)
        others = [other for other in entries if other != entry and not other.since]
        if not 1 <= place <= len(others) + 1:
            raise ConfigError(f"Place cannot be {place}: {len(others) + 1} trainings wait.")
        others.insert(place - 1, entry)
        entries[:] = [other for other in entries if other.since] + others
    LOG.info("run %s is moved to place %d of the queue", run, place)


def cancel(root: Path, run: str) -> None:
    """Take a waiting run out of the queue: its process sees that and ends. Raises RunNotFound where it does not wait."""
    with _changing(root) as entries:
        entries.remove(_waiting(entries, run, root))
    LOG.info("run %s is taken out of the queue", run)


def _begins(root: Path, mine: Entry, lock: FileLock) -> bool:
    """Take the root if nobody has it and nobody is before this process."""
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
    """Give the entries of those present to be changed, and write them back."""
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
            f"{path} is damaged, or not of this version of the lab: delete it. What trains goes on and can be stopped; what "
            "waited is to be started again."
        ) from error


def _to_json(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "job": entry.job.to_json()}


def _is_present(root: Path, entry: Entry) -> bool:
    """Say whether the process of an entry is there; of another host's, whether it has lately shown that it is."""
    if entry.process.here:
        return entry.process.alive
    since = silent(root, entry.run)
    return since is not None and since < GONE_AFTER


def silent(root: Path, run: str) -> float | None:
    """Return the seconds since whoever trains a run, or waits to, last showed that it lives; None where that is unknown."""
    try:
        return time.time() - _sign_of_life(root, run).stat().st_mtime
    except (OSError, ConfigError):  # there is no such sign, or the run's name is a link
        return None


def _sign_of_life(root: Path, run: str) -> Path:
    return root / QUEUE / f"{folder_of(run, root).name}.alive"


def _beat(root: Path, run: str) -> None:
    with suppress(OSError, ConfigError):  # a full disk or a link, say: here nobody needs it
        unlinked(_sign_of_life(root, run), root).touch()


def _beat_until(ended: threading.Event, root: Path, run: str) -> None:
    while not ended.wait(BEAT_EVERY):
        _beat(root, run)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
