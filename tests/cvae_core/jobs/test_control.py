"""The state of a run is read from its files; a stop takes at most two seconds; a training survives its starter."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from cvae_core.cli import main, train
from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Job, Options
from cvae_core.config.presets import baseline_for, configure
from cvae_core.errors import NotStarted, NotWritable, RunDamaged, RunInUse, RunNotFound
from cvae_core.jobs import control, heartbeat, output_log
from cvae_core.jobs import queue as queueing
from cvae_core.jobs.control import RunState, state_of
from cvae_core.jobs.heartbeat import Progress
from cvae_core.runs.card import CARD
from cvae_core.runs.run import Run, run_at
from cvae_core.system import files, processes
from cvae_core.system.folders import QUEUE, in_root
from cvae_core.system.processes import Process
from tests.jobs import a_job
from tests.waiting import WAIT, until

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
DEAF = """
import signal, sys, time
from pathlib import Path
from cvae_core.jobs import heartbeat as pulse
from cvae_core.jobs import queue as queueing
from tests.jobs import a_job
signal.signal(signal.SIGTERM, signal.SIG_IGN)
root = Path(sys.argv[1])
with queueing.turn(root, a_job("mine")), pulse.beating(root / "mine"):
    print("trains", flush=True)
    time.sleep(600)
"""


def again(run: Run) -> Job:
    return Job(run=run.name, config=run.card().config, options=run.card().options, resume=True)


@pytest.fixture
def running(tiny: Tiny, untrained: Untrained) -> Run:
    """Return a run whose card has the status "running"."""
    return untrained(tiny("label"), "mine", status="running")


def as_left_by(process: Process, run: Run, monkeypatch: pytest.MonkeyPatch, words: str = "") -> None:
    """Write the heartbeat of a process that was killed or that ended with an error."""
    with monkeypatch.context() as patch:
        patch.setattr(processes, "this", lambda: process)
        with pytest.raises(OSError), heartbeat.beating(run.folder):
            raise OSError(words or "killed")
    if not words:
        path = run.folder / heartbeat.FILE
        path.write_text(path.read_text().replace('"killed"', '""'))


DEAD = Process(2**22 + 1, "never")


@pytest.mark.parametrize("status", ["stopped", "failed", "finished"])
def test_a_run_that_was_closed_stands_as_its_card_says(status: str, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"), "mine", status=status, reason="so it was")
    resume = None if status == "finished" else again(run)
    assert state_of(run.folder.parent, "mine") == RunState(status, "so it was", resume)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_what_several_processes_trained_goes_on_by_as_many(status: str, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"), "mine", status=status, processes=4)
    now = state_of(run.folder.parent, "mine")
    assert (now.resume, now.together) == (replace(again(run), processes=4), True)
    together = in_root(f"{train_command(run.card().config, 'mine')} --resume", run.folder.parent)
    assert now.resume is not None
    assert now.resume.command(run.folder.parent) == together.replace("python -m ", "torchrun --nproc-per-node 4 -m -- ")


NO_PULSE = {
    "nonsense": b"\xff{",
    "another kind of JSON": b"[]",
    "brackets in brackets": b"[" * 100_000,
    "too much": b" " * (files.MEGABYTE + 1),
    **{
        f"{name} {value!r}": json.dumps(
            {"pid": 1, "born": "x", "boot": "x", "killed_for_memory": 0, "words": "", "progress": {}, name: value}
        ).encode()
        for name, value in [
            ("killed_for_memory", "x"), ("host", 5), ("pid", "1\0"), ("pid", 2**70), ("words", 1), ("boot", []),
            *(("progress", {"share": share}) for share in ("x", -1, 2, float("nan"))), ("progress", {"left": "x"}),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("case", NO_PULSE)
def test_what_is_no_sign_of_life_is_taken_for_none(case: str, running: Run) -> None:
    (running.folder / heartbeat.FILE).write_bytes(NO_PULSE[case])
    assert heartbeat.read(running.folder) is None
    assert state_of(running.folder.parent, "mine").state == "died"


def test_a_pipe_in_place_of_a_file_blocks_no_reader(running: Run) -> None:
    root = running.folder.parent
    os.mkfifo(running.folder / heartbeat.FILE)
    assert state_of(root, "mine").state == "died"
    (root / QUEUE).mkdir()
    os.mkfifo(output_log.path_of(root, "mine"))
    output_log.path_of(root, "gone").symlink_to(root / "nowhere")
    assert output_log.tail(root, "mine") == ""
    assert output_log.recent(root) == ["mine"]
    with pytest.raises(NotWritable, match=r"mine\.log cannot be written \(it is not a regular file\)"):
        control.start(root, a_job("mine"))


def test_a_training_beats_and_one_that_does_not_for_a_minute_is_stalled(
    running: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_EVERY", -1.0)
    path, root = running.folder / heartbeat.FILE, running.folder.parent
    with heartbeat.beating(running.folder) as beat:
        assert state_of(root, "mine") == RunState("training")
        os.utime(path, (time.time() - 70, time.time() - 70))
        stalled = state_of(root, "mine")
        assert stalled.state == "stalled"
        assert stalled.reason.startswith(f"no step for 70 s, but process {os.getpid()}")
        beat(Progress("epoch 2 of 4", 0.25, 90.0))
        assert state_of(root, "mine") == RunState("training")
        found = heartbeat.read(running.folder)
        assert found is not None
        assert (found.process, found.progress) == (processes.this(), Progress("epoch 2 of 4", 0.25, 90.0))
    assert not path.exists()


def test_a_training_on_another_host_is_judged_by_its_beat_alone_and_stopped_there(
    running: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = running.folder.parent
    monkeypatch.setattr(processes, "host", lambda: "box pid:[1]")
    with heartbeat.beating(running.folder), monkeypatch.context() as elsewhere:
        elsewhere.setattr(processes, "host", lambda: "box pid:[2]")  # another container of that name, say
        assert state_of(root, "mine") == RunState("training", "on box, where this machine cannot stop it")
        os.utime(running.folder / heartbeat.FILE, (time.time() - 70, time.time() - 70))
        reason = "no step for 70 s; check on box whether its process still exists"
        assert state_of(root, "mine") == RunState("stalled", reason, again(running))
        with pytest.raises(
            RunInUse, match=r"trains on box and cannot be stopped from here: stop it there with .+ stop mine"
        ):
            control.stop(root, "mine")
        path = running.folder / heartbeat.FILE
        path.write_text(path.read_text().replace('"words": ""', '"words": "no space"'))
        assert state_of(root, "mine").reason == "no space"


def test_a_run_that_trains_is_followed_though_the_queue_is_damaged(running: Run) -> None:
    root = running.folder.parent
    with queueing.turn(root, a_job("mine")), heartbeat.beating(running.folder):
        (root / QUEUE / "queue.json").write_text("{")
        assert state_of(root, "mine") == RunState("training")
        with pytest.raises(RunDamaged, match=r"queue\.json is damaged"):
            state_of(root, "unborn")  # it may wait


def test_a_run_that_died_says_why_and_how_to_go_on(running: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    root = running.folder.parent

    def died() -> str:
        now = state_of(root, "mine")
        assert (now.state, now.resume) == ("died", again(running))
        return now.reason

    assert died() == "it ended without an error message"
    as_left_by(DEAD, running, monkeypatch)
    assert died() == "killed by a signal, without an error message"
    with monkeypatch.context() as patch:
        patch.setattr(processes, "killed_for_memory", lambda: 10**9)
        assert "most likely out of memory" in died()
    with monkeypatch.context() as patch:
        patch.setattr(processes, "boot", lambda: "another")
        assert died() == "the machine was restarted, or lost power"
    as_left_by(DEAD, running, monkeypatch, "card.json could not be written (No space left on device)\nand more")
    assert died() == "card.json could not be written (No space left on device)"


def test_last_words_take_no_room(running: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with heartbeat.beating(running.folder):
        size = (running.folder / heartbeat.FILE).stat().st_size
    as_left_by(DEAD, running, monkeypatch, "−" * 10_000)
    assert (running.folder / heartbeat.FILE).stat().st_size == size
    assert heartbeat.reason_of(MemoryError()) == "out of memory"
    assert heartbeat.reason_of(ZeroDivisionError()) == "ZeroDivisionError"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_pulse_is_none(content: str, running: Run) -> None:
    (running.folder / heartbeat.FILE).write_text(content)
    assert heartbeat.read(running.folder) is None
    assert state_of(running.folder.parent, "mine").state == "died"


def test_a_run_that_closes_while_it_is_looked_at_has_not_died(running: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def closes(folder: Path) -> None:
        card = running.card()
        running.write_card(type(card)(**{**vars(card), "status": "finished"}))

    monkeypatch.setattr(heartbeat, "read", closes)
    assert state_of(running.folder.parent, "mine") == RunState("finished")


def test_a_run_that_waits_or_begins_has_no_card_yet(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="No run named 'mine' is in"):
        state_of(tmp_path, "mine")
    with queueing.turn(tmp_path, a_job("mine")):
        assert state_of(tmp_path, "mine").state == "training"
        with queueing._changing(tmp_path) as entries:
            entries[:] = [type(entries[0])(**{**vars(entries[0]), "since": None})]
        assert state_of(tmp_path, "mine") == RunState("waiting", "place 1 of 1")


def test_a_list_names_the_dead_and_what_ended_them(running: Run, capsys: pytest.CaptureFixture[str]) -> None:
    root = running.folder.parent
    assert main.main(["list", "--root", str(root)]) == 0
    line, reason = capsys.readouterr().out.splitlines()
    assert "died" in line
    assert reason.strip() == f"it ended without an error message; resume with: {again(running).command(root)}"


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command, and wait for a line of its output if one is given."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, line: str = "", **options: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        while line and not process.stdout.readline().startswith(line):
            assert process.poll() is None
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


LONG_CONFIG = configure("label", dataset="digits", width=16, depth=1, latent=2, epochs=9000)
LONG_JOB = Job(run="mine", config=LONG_CONFIG, options=Options(embed=False))
LONG = f"-m {' '.join(['cvae_core', *LONG_JOB.words])}"


def test_a_training_is_stopped_and_goes_on(
    trainer: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--root", str(tmp_path)]
    process = trainer(*LONG.split(), *place, line="epoch   2/")
    assert state_of(tmp_path, "mine") == RunState("training")
    assert main.main(["stop", "mine", *place]) == 0
    assert process.wait(timeout=WAIT) in (
        2,
        -signal.SIGKILL,
    )  # by itself, or on a busy machine while it is cleaning up
    now = state_of(tmp_path, "mine")
    assert (now.state, now.reason) == ("stopped", "stopped on request")
    assert now.resume is not None
    command = now.resume.command(tmp_path)
    assert capsys.readouterr().out == f"Run 'mine' is stopped. Resume with: {command}\n"
    assert run_at("mine", tmp_path).weights()  # of the epochs so far
    process = trainer(*command.split()[1:], line="Run 'mine' resumes after epoch")
    control.stop(tmp_path, "mine")
    assert main.main(["stop", "mine", *place]) == 2
    assert capsys.readouterr().err.startswith("Run 'mine' neither trains nor waits in")


@pytest.mark.parametrize("queue", ["good", "damaged"])
def test_a_training_that_ignores_the_signal_is_killed_and_shown_as_stopped(
    queue: str, trainer: Callable[..., "subprocess.Popen[str]"], running: Run
) -> None:
    root = running.folder.parent
    process = trainer("-c", DEAF, str(root), line="trains")
    if queue == "damaged":
        (root / QUEUE / "queue.json").write_text("{")
    with output_log.opened(root, a_job("mine")):
        control.stop(root, "mine")
    assert process.wait() == -signal.SIGKILL
    assert (running.card().status, running.card().reason) == ("stopped", "stopped on request")
    assert not (running.folder / heartbeat.FILE).exists()
    (running.folder / CARD).unlink()  # as of a run whose baseline was being trained
    (root / QUEUE / "queue.json").unlink(missing_ok=True)
    assert state_of(root, "mine").state == "stopped"


@pytest.mark.timed
def test_a_training_stops_within_two_seconds(trainer: Callable[..., "subprocess.Popen[str]"], running: Run) -> None:
    trainer("-c", DEAF, str(running.folder.parent), line="trains")
    since = time.monotonic()
    control.stop(running.folder.parent, "mine")
    assert time.monotonic() - since < 2.0


def test_what_is_started_is_a_session_of_its_own_that_waits_its_turn_at_low_priority(tmp_path: Path) -> None:
    with queueing.turn(tmp_path, a_job("first")):
        control.start(tmp_path, LONG_JOB)
        (entry,) = queueing.look(tmp_path).waiting
        try:
            assert entry.run == "mine"
            until(lambda: "Waits for 'first'" in output_log.tail(tmp_path, "mine"))
            assert entry.job == LONG_JOB
            assert os.getsid(entry.process.pid) == entry.process.pid != os.getsid(0)
            assert os.getpriority(os.PRIO_PROCESS, entry.process.pid) >= processes.NICENESS
            if sys.platform == "linux":
                assert "torch" not in Path(f"/proc/{entry.process.pid}/maps").read_text()
            control.stop(tmp_path, "mine")
            until(lambda: not entry.process.alive)
        finally:
            entry.process.send(signal.SIGKILL)
    assert output_log.tail(tmp_path, "mine").splitlines() == [
        in_root(f"$ python {LONG}", tmp_path),
        "Waits for 'first' to finish, place 1 of 1",
        "Run 'mine' was removed from the queue and was not trained.",
    ]
    assert state_of(tmp_path, "mine").state == "stopped"


@pytest.mark.parametrize("starter", ["page", "shell"])
def test_a_training_that_dies_while_it_waits_is_failed_with_its_command(
    starter: str, trainer: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    command = in_root(f"python {LONG}", tmp_path)
    with queueing.turn(tmp_path, a_job("first")):
        if starter == "page":
            control.start(tmp_path, LONG_JOB)
        else:
            trainer(*shlex.split(command)[1:])
        until(lambda: output_log.last_job(tmp_path, "mine") and queueing.look(tmp_path).waiting)
        if starter == "page":
            until(lambda: "Waits for" in output_log.tail(tmp_path, "mine"))
        (entry,) = queueing.look(tmp_path).waiting
        entry.process.send(signal.SIGKILL)
        until(lambda: not entry.process.alive)
    now = state_of(tmp_path, "mine")
    why = "it ended while it waited, without an error message" if starter == "page" else "it ended before it began"
    assert (now.state, now.reason) == ("failed", why)
    assert now.resume == LONG_JOB


@pytest.mark.parametrize("way", ["resume", "force"])
def test_a_training_shows_the_command_that_it_was_given_and_one_unborn_has_nothing_to_resume(
    way: str, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = train.Train(config=tiny("label"), run="mine", root=tmp_path, options=Options(embed=False), **{way: True})
    command = train_command(training.config, "mine", "--no-embed")
    shown = f"{command} --resume" if way == "resume" else command  # --force is never stored
    with ExitStack() as until_the_end:
        training._wait(until_the_end, lambda: False)
        assert main.main(["queue", "--root", str(tmp_path)]) == 0
        assert f"  {shown} --root {tmp_path}: it starts" in capsys.readouterr().out
    never_started = state_of(tmp_path, "mine").resume
    assert never_started is not None
    assert never_started.command(tmp_path) == f"{command} --root {tmp_path}"


def test_nothing_is_started_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match="cannot be written"):
        control.start(tmp_path / "file", a_job("mine"))


def test_a_training_that_refuses_to_start_gives_the_reason(tmp_path: Path) -> None:
    with queueing.turn(tmp_path, a_job("mine")), pytest.raises(NotStarted, match=r"^Run 'mine' trains or waits in"):
        control.start(tmp_path, a_job("mine"))


def test_what_a_training_prints_is_kept_in_its_transcript_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with output_log.kept(tmp_path, a_job("mine")):
        print("said −")
        with (
            (tmp_path / QUEUE / "mine.log").open("a") as file,
            redirect_stdout(file),  # as when a page starts it
            output_log.kept(tmp_path, a_job("mine")),
        ):
            print("once")
    print("elsewhere")
    assert capsys.readouterr().out == "said −\nelsewhere\n"
    assert output_log.tail(tmp_path, "mine") == f"$ {a_job('mine').command(tmp_path)}\nsaid −\nonce"
    assert output_log.tail(tmp_path, "mine", lines=1) == "once"
    assert output_log.tail(tmp_path, "another") == ""
    with pytest.raises(NotWritable), output_log.kept(tmp_path, a_job("mine")):
        raise NotWritable("There is no room.")
    assert output_log.tail(tmp_path, "mine", lines=1) == "There is no room."


def test_a_transcript_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(*_: object) -> Iterator[IO[bytes]]:
        with Path("/dev/full").open("wb", buffering=0) as device:
            yield device

    monkeypatch.setattr(output_log, "opened", full)
    with output_log.kept(tmp_path, a_job("mine")):
        print("said")
    assert capsys.readouterr().out == "said\n"


def test_the_queue_is_printed_re_ordered_and_emptied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def queue(*words: str) -> tuple[int, list[str], str]:
        code = main.main(["queue", *words, "--root", str(tmp_path)])
        out, err = capsys.readouterr()
        return code, [" ".join(line.split()[:2]) for line in out.splitlines()], err

    assert queue() == (0, ["Nothing trains"], "")
    with queueing.turn(tmp_path, a_job("first")):
        with queueing._changing(tmp_path) as entries:  # entries of this process, which is alive
            entries += [replace(entries[0], job=a_job(run), since=None) for run in ("b", "c")]
        assert queue() == (0, ["trains first", "1 b", "2 c"], "")
        assert queue("--first", "c") == (0, ["trains first", "1 c", "2 b"], "")
        assert queue("--cancel", "b") == (0, ["trains first", "1 c"], "")
        assert queue("--cancel", "b") == (2, [], "No run 'b' waits in the queue. There are: c.\n")
        queueing.cancel(tmp_path, "c")


def test_a_run_without_a_card_says_how_far_its_baseline_is(tmp_path: Path) -> None:
    config = configure("quadrant", dataset="digits")
    assert control._beginning(tmp_path, config) == "it starts"
    needed = baseline_for(config)
    assert needed is not None
    (tmp_path / needed.run_name).mkdir()
    with heartbeat.beating(tmp_path / needed.run_name):
        assert control._beginning(tmp_path, config) == f"its baseline {needed.run_name} trains first: begins"
