"""Trainings in separate processes: killed at random moments, started at the same time, on a full disk.

The short version makes two of twenty kills and three of twenty starts. `make soak` makes all.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Options
from cvae_core.errors import NotWritable
from cvae_core.jobs import control, heartbeat
from cvae_core.jobs import recorder as recording
from cvae_core.jobs.queue import look, turn
from cvae_core.jobs.session import Launch, Started, train_run
from cvae_core.runs.run import Run, run_at
from cvae_core.training.loop import EpochEnded
from tests.cvae_core.results import left
from tests.jobs import a_job
from tests.measuring import Measured
from tests.waiting import WAIT, until

Tiny = Callable[..., Config]

pytestmark = pytest.mark.usefixtures("in_float32")

# The command line in float32, which saves often and prints every report. Given a file's name and a number n, the process
# is killed during the n-th write of that file.
DRIVER = """
import os, signal, sys, torch
from cvae_core.cli import main as cli
from cvae_core.cli import progress as console
from cvae_core.system import files
from cvae_core.jobs import recorder as recording
from cvae_core.jobs import session as sessions
name, times = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)
sessions.fast_dtype = lambda _: torch.float32
recording.SAVE_EVERY, recording.WRITE_EVERY = 0.05, -1.0
console.Bar.show = lambda self, report: print(type(report).__name__, flush=True)
write = files.write
def mortal(path, content):
    global times
    times -= path.name.startswith(name)
    if times == 0 and path.name.startswith(name):
        path.with_name(f".{path.name}.1-1.tmp").write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
files.write = mortal
sys.exit(cli.main(sys.argv[3:]))
"""
OPTIONS = Options(embed=False)
WRITES = [("weights", 2), ("state", 3), ("weights", 7), ("card", 4), ("curves", 3), ("stages", 4)]
MOMENTS: list[tuple[str, int]] = [*WRITES, *[("", index) for index in range(14)]]  # a file, or at random
SHORT = (WRITES[0], ("", 0))


def process(root: Path, config: Config, *words: str, name: str = "nothing", times: int = 0) -> "subprocess.Popen[str]":
    line = [*train_command(config, config.run_name, *OPTIONS.flags).split()[3:], "--root", str(root), *words]
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, name, str(times), *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def whole(tiny: Tiny, in_float32: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, int]:
    """Return a run that was not interrupted, and the number of its reports."""
    config, root = tiny("label", epochs=6, averaging=0.9), tmp_path_factory.mktemp("whole")
    count = len(list(train_run(config, Launch(run=config.run_name, root=root, options=OPTIONS))))
    return run_at(config.run_name, root), count


def interrupted(file: str, times: int, config: Config, root: Path, reports: int) -> int:
    """Train until the process is killed during the write of a file, or at a random moment; return its exit status."""
    chance = random.Random(times)
    last, pause = chance.randrange(reports), chance.uniform(0, 0.02)
    with process(root, config, name=file or "nothing", times=times) as trainer:
        assert trainer.stdout is not None
        for index, _ in enumerate(trainer.stdout):
            if not file and index == last:
                time.sleep(pause)
                trainer.send_signal(signal.SIGTERM if times % 2 else signal.SIGKILL)
    return trainer.returncode


@pytest.mark.parametrize(
    ("file", "times"),
    [pytest.param(*moment, marks=() if moment in SHORT else pytest.mark.soak) for moment in MOMENTS],
)
def test_a_training_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(
    file: str, times: int, whole: tuple[Run, int], tmp_path: Path, measured: Measured
) -> None:
    config = whole[0].card().config
    code = interrupted(file, times, config, tmp_path, whole[1])
    now = control.state_of(tmp_path, config.run_name)
    assert (
        (code, now.state) in [(-signal.SIGKILL, "died"), (2, "stopped"), (0, "finished")]
        if not file
        else [(-signal.SIGKILL, "died")]
    )
    if now.state == "died":
        assert now.reason.startswith("killed")
    if now.state != "finished":
        assert now.resume is not None
        list(train_run(config, Launch(run=config.run_name, root=tmp_path, resume=True, options=OPTIONS)))
    assert left(run_at(config.run_name, tmp_path)) == left(whole[0])
    measured("kills", kills=int(code == -signal.SIGKILL), unreadable=0)


@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_of_many_trainings_started_at_once_one_trains_and_the_others_wait_without_torch(
    count: int, tiny: Tiny, tmp_path: Path
) -> None:
    words = (
        "-m cvae_core train label --dataset digits --width 16 --depth 1 --latent 2 --epochs 1 --no-embed --device cpu"
    )
    names = [f"run-{seed}" for seed in range(count)]
    started: list[subprocess.Popen[bytes]] = []
    at_once = set()

    def training() -> set[str]:
        pulses = {name: heartbeat.read(tmp_path / name) for name in names}
        return {name for name, found in pulses.items() if found is not None and found.process.alive}

    def all_are_done() -> bool:
        at_once.add(len(training() & training()))  # a training may end and another may start between the checks
        for entry in look(tmp_path).waiting if sys.platform == "linux" else ():
            maps = Path(f"/proc/{entry.process.pid}/maps")
            loaded = "libtorch" in maps.read_text() if maps.exists() else False
            assert not (loaded and look(tmp_path).place(entry.run))
        return all(trainer.poll() is not None for trainer in started)

    with turn(tmp_path, a_job("first")):
        started += [
            subprocess.Popen(
                [sys.executable, *words.split(), "--seed", str(seed), "--run", name, "--root", str(tmp_path)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            for seed, name in enumerate(names)
        ]
        until(lambda: all_are_done() or len(look(tmp_path).waiting) == count)
        assert at_once == {0}
    until(all_are_done)
    assert [trainer.returncode for trainer in started] == [0] * count
    assert at_once == {0, 1}
    assert {control.state_of(tmp_path, name).state for name in names} == {"finished"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"a small disk could not be mounted: {mount.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path, but: int = 0) -> Path:
    """Fill the disk until only this number of bytes is free."""
    filler = disk / "filler"
    filler.write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - but))
    return filler


# Bytes left: none; enough for cards and curves, but not for weights.
@pytest.mark.parametrize("room", [pytest.param(0, marks=pytest.mark.soak), 60_000])
def test_a_full_disk_ends_a_training_with_a_sentence_and_leaves_what_was_there(
    room: int, whole: tuple[Run, int], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "WRITE_EVERY", -1.0)
    config = whole[0].card().config
    run = run_at(config.run_name, small_disk)
    session = train_run(config, Launch(run=run.name, root=small_disk, options=OPTIONS))
    next(report for report in session if isinstance(report, EpochEnded))
    before = run.weights()
    filler = fill(small_disk, room)
    with pytest.raises(NotWritable, match=r"could not be written \(No space left on device\): free disk space"):
        list(session)
    now = control.state_of(small_disk, run.name)
    assert now.state in ("died", "failed")
    assert "No space left on device" in now.reason
    assert run.weights().keys() == before.keys()
    with process(small_disk, config, "--resume") as again:
        assert again.wait(timeout=WAIT) == 2  # the disk is still full
    filler.unlink()
    session = train_run(config, Launch(run=run.name, root=small_disk, resume=True, options=OPTIONS))
    assert isinstance(next(session), Started)
    list(session)
    assert left(run) == left(whole[0])
