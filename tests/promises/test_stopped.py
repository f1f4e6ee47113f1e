"""A training process that is stopped while it waits or starts, before its run has a card, is shown as stalled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cvae_core.cli import main
from cvae_core.config.flavours import Config
from cvae_core.jobs import control, queue
from cvae_core.runs.run import Run
from cvae_core.system.folders import QUEUE
from tests.jobs import a_job
from tests.measuring import Measured

pytestmark = pytest.mark.promise
TRAINER = """
import sys, time
from pathlib import Path
from cvae_core.jobs import queue as queueing
from tests.jobs import a_job
queueing.BEAT_EVERY = 0.2
with queueing.turn(Path(sys.argv[1]), a_job("mine")):
    time.sleep(600)
"""
Untrained = Callable[..., Run]
BEFORE_ITS_CARD = {"waiting": "place 1 of 1", "training": "it starts"}


@pytest.fixture(params=BEFORE_ITS_CARD)
def trainer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Start a training process that waits for another one, or that has its turn but no card yet."""
    with ExitStack() as started:
        if request.param == "waiting":
            started.enter_context(queue.turn(tmp_path, a_job("first")))
        process = started.enter_context(subprocess.Popen([sys.executable, "-c", TRAINER, str(tmp_path)]))
        started.callback(process.kill)
        until(lambda: queue.look(tmp_path).has("mine") and control.state_of(tmp_path, "mine").state == request.param)
        yield request.param, process


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def a_minute_ago(root: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process has stopped, then set its last heartbeat to more than a minute ago."""
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    os.utime(root / QUEUE / "mine.alive", (time.time() - 70, time.time() - 70))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_trainer_that_is_stopped_before_its_first_card_is_stalled(
    trainer: tuple[str, "subprocess.Popen[bytes]"],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    measured: Measured,
) -> None:
    state, process = trainer
    process.send_signal(signal.SIGSTOP)
    assert control.state_of(tmp_path, "mine") == control.RunState(state, BEFORE_ITS_CARD[state])  # type: ignore[arg-type]
    a_minute_ago(tmp_path, process)
    stalled = control.state_of(tmp_path, "mine")
    assert stalled.state == "stalled"
    assert stalled.reason.startswith("no heartbeat for 7")
    assert f"process {process.pid} exists" in stalled.reason
    assert main.main(["queue", "--root", str(tmp_path)]) == 0
    assert "no heartbeat for 7" in capsys.readouterr().out
    process.send_signal(signal.SIGCONT)
    until(lambda: control.state_of(tmp_path, "mine").state == state)
    measured("stopped", trainers=1, not_called_stalled=0)


def test_a_run_that_is_resumed_is_stalled_too_before_its_card_says_that_it_trains(
    tmp_path: Path, tiny: Callable[..., Config], untrained: Untrained, measured: Measured
) -> None:
    untrained(tiny("label"), "mine", status="stopped")
    with queue.turn(tmp_path, a_job("mine")):
        assert control.state_of(tmp_path, "mine").state == "training"
        os.utime(tmp_path / QUEUE / "mine.alive", (time.time() - 70, time.time() - 70))
        assert control.state_of(tmp_path, "mine").state == "stalled"
        (tmp_path / QUEUE / "mine.alive").unlink()  # as on a full disk: nothing is known then
        assert control.state_of(tmp_path, "mine").state == "training"
    measured("stopped", trainers=1, not_called_stalled=0)


def test_a_stalled_trainer_is_stopped_for_good(
    trainer: tuple[str, "subprocess.Popen[bytes]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, process = trainer
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(control, "GRACE", 0.1)
    control.stop(tmp_path, "mine")
    assert not queue.look(tmp_path).has("mine")
    if state == "training":
        assert process.wait(timeout=60) < 0
