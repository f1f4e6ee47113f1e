"""A terminal shows a progress bar, a file gets lines only, and signals are handled between two steps."""

import contextlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from cvae_core.cli import progress
from cvae_core.cli.progress import Bar
from cvae_core.jobs.recorder import Finishing
from cvae_core.system.processes import stop_signals
from cvae_core.training.loop import EpochEnded, Stepped
from cvae_core.training.validation import Measured
from tests.waiting import WAIT


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


REPORTS = [
    *[Stepped(epoch=1, step=step, steps=3, bound=-123.4) for step in (1, 2, 3)],
    EpochEnded(
        epoch=1,
        epochs=2,
        train=Measured(split="train", bound=-150.0, reconstruction=-140.0, rate=10.0),
        validation=Measured(split="validation", bound=-145.5, reconstruction=-135.0, rate=10.5),
        learning_rate=1e-3,
        seconds=1.5,
        improved=True,
    ),
    Finishing(done=1),
]


def test_a_terminal_sees_a_bar_move_and_a_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.redirect_stderr(Terminal()) as terminal, Bar() as bar:
        bar.show(REPORTS[0])
        assert "epoch 1" in terminal.getvalue()
        for report in REPORTS[1:]:
            bar.show(report)
        assert "measuring the best weights" in terminal.getvalue()
    assert bar.bar is None
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("epoch   1/2  −bound in nats per image: training  150.00  validation  145.50 (rate 10.50)")
    assert line.endswith("best so far")


def test_a_file_sees_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        for report in REPORTS:
            bar.show(report)
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")


def test_what_does_not_say_how_far_it_is_shows_the_time_and_leaves_no_thread_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, deadline = threading.active_count(), time.monotonic() + WAIT
    monkeypatch.setattr(progress, "TICK_SECONDS", 0.005)
    monkeypatch.setattr(progress.tqdm, "monitor_interval", 0)  # a thread of tqdm's own
    with (
        contextlib.redirect_stderr(Terminal()) as terminal,
        pytest.raises(ValueError, match="no map"),
        progress.ticking("t-SNE"),
    ):
        while terminal.getvalue().count("t-SNE: 00:") < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        raise ValueError("no map")
    assert terminal.getvalue().count("t-SNE: 00:") >= 3
    assert threading.active_count() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)]
    with stop_signals() as requested:
        assert not requested()
        os.kill(os.getpid(), number)
        assert requested()
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_ctrl_c_does_not_wait() -> None:
    def press(times: int, requested: Callable[[], bool]) -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        assert requested()

    before = signal.getsignal(signal.SIGINT)
    with stop_signals() as requested:
        press(1, requested)
    with pytest.raises(KeyboardInterrupt), stop_signals() as requested:
        press(2, requested)
    assert signal.getsignal(signal.SIGINT) == before
