"""One training runs at a time, the order of the others can be changed, and dead processes do not block the queue."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvae_core.errors import ConfigError, Interrupted, NotWritable, RunDamaged, RunInUse, RunNotFound
from cvae_core.jobs import queue
from cvae_core.jobs.queue import look
from cvae_core.system import files, processes
from cvae_core.system.folders import QUEUE
from cvae_core.system.processes import Process
from tests.jobs import a_job
from tests.waiting import WAIT, until

HOLDER = """
import sys
from pathlib import Path
from cvae_core.cli import main as cli
from cvae_core.system import processes
from cvae_core.jobs import queue as queueing
from cvae_core.errors import LabError
from tests.jobs import a_job
try:
    with queueing.turn(Path(sys.argv[1]), a_job(sys.argv[2]), tell=lambda said: print(said, flush=True)):
        print("trains", flush=True)
        sys.stdin.read()
except LabError as error:
    print(error)
assert not {"torch", "numpy", "pandas"} & set(sys.modules)
"""
Hold = Callable[[str], "subprocess.Popen[str]"]
DAMAGED = r"queue\.json is damaged, or .+: delete it\. The running training continues"


def waiting(root: Path) -> list[str]:
    return [entry.run for entry in look(root).waiting]


def training(root: Path) -> str | None:
    entry = look(root).training
    return entry.run if entry else None


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Start processes that wait in a queue and hold their turn until their input is closed."""
    with contextlib.ExitStack() as started:

        def start(run: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", HOLDER, str(tmp_path), run],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            until(lambda: run in (training(tmp_path), *waiting(tmp_path)))
            return process

        yield start


def end(process: "subprocess.Popen[str]") -> str:
    """End the training of a process; return its output."""
    said, _ = process.communicate("", timeout=WAIT)
    assert process.returncode == 0
    return said


def test_they_train_one_by_one_in_their_order_which_can_be_changed(hold: Hold, tmp_path: Path) -> None:
    one, two, three, four = (hold(run) for run in ("one", "two", "three", "four"))
    until(lambda: training(tmp_path) == "one")
    assert waiting(tmp_path) == ["two", "three", "four"]
    queue.move(tmp_path, "four", 1)
    queue.move(tmp_path, "two", 3)
    assert waiting(tmp_path) == ["four", "three", "two"]
    assert end(one) == "trains\n"
    for run, process in (("four", four), ("three", three), ("two", two)):
        until(lambda run=run: training(tmp_path) == run)
        said = end(process).splitlines()
        assert (
            said[0] == f"Waits for 'one' to finish, place {('two', 'three', 'four').index(run) + 1} of " + said[0][-1]
        )
        assert said[-1] == "trains"
    assert look(tmp_path) == queue.Queue(None, ())


def test_a_waiting_training_that_is_taken_out_ends_with_a_sentence(hold: Hold, tmp_path: Path) -> None:
    hold("one")
    two = hold("two")
    queue.cancel(tmp_path, "two")
    assert end(two).splitlines()[-1] == "Run 'two' was removed from the queue and was not trained."
    assert waiting(tmp_path) == []


def test_a_request_to_stop_ends_the_waiting(hold: Hold, tmp_path: Path) -> None:
    hold("one")
    until(lambda: training(tmp_path) == "one")
    with (
        pytest.raises(Interrupted, match="'two' has left the queue and was not trained"),
        queue.turn(tmp_path, a_job("two"), stop_requested=lambda: True),
    ):
        pytest.fail("it got no turn")
    assert (training(tmp_path), waiting(tmp_path)) == ("one", [])


def test_dead_processes_do_not_block_the_queue(hold: Hold, tmp_path: Path) -> None:
    one, two, three = (hold(run) for run in ("one", "two", "three"))
    until(lambda: training(tmp_path) == "one")
    for process in (two, one):  # killed and left as zombies: their exit status is not read
        process.send_signal(signal.SIGKILL)
    until(lambda: training(tmp_path) == "three")
    assert waiting(tmp_path) == []
    end(three)


def test_a_training_on_another_host_holds_the_root_until_it_shows_no_life_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "BEAT_EVERY", 600.0)
    with queue.turn(tmp_path, a_job("far")), monkeypatch.context() as elsewhere:
        elsewhere.setattr(processes, "host", lambda: "near pid:[1]")
        (far,) = look(tmp_path).entries
        assert not far.process.alive
        assert not look(tmp_path).holds(far.process.pid)  # another process has this ID here
        with pytest.raises(Interrupted), queue.turn(tmp_path, a_job("near"), stop_requested=lambda: True):
            pytest.fail("it got a turn")
        assert training(tmp_path) == "far"
        os.utime(tmp_path / QUEUE / "far.alive", (time.time() - 70, time.time() - 70))
        assert look(tmp_path) == queue.Queue(None, ())
    assert not (tmp_path / QUEUE / "far.alive").exists()


def test_training_and_waiting_processes_have_heartbeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "BEAT_EVERY", 0.01)
    with queue.turn(tmp_path, a_job("one")):
        path = tmp_path / QUEUE / "one.alive"
        os.utime(path, (0, 0))
        until(lambda: path.stat().st_mtime > 0)


def test_of_ten_at_once_exactly_one_trains(tmp_path: Path) -> None:
    runs = [f"run-{index}" for index in range(10)]
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = {run: subprocess.Popen([*words, run], **pipes) for run in runs}  # type: ignore[call-overload]
    try:
        until(lambda: training(tmp_path) and len(waiting(tmp_path)) == len(runs) - 1)
        trained = []
        while started:
            until(lambda: training(tmp_path))
            entries = queue._read(tmp_path)
            assert [entry.since is not None for entry in entries].count(True) == 1
            trained.append(str(training(tmp_path)))
            assert end(started.pop(trained[-1])).splitlines()[-1] == "trains"
        assert sorted(trained) == sorted(runs)
    finally:
        for process in started.values():
            process.kill()
            process.communicate()


def test_a_name_is_in_the_queue_once(hold: Hold, tmp_path: Path) -> None:
    hold("one")
    hold("two")
    for run in ("one", "two"):
        with (
            pytest.raises(RunInUse, match=f"'{run}' trains or waits in .+ already"),
            queue.turn(tmp_path, a_job(run)),
        ):
            pytest.fail("it got a turn")
    assert (training(tmp_path), waiting(tmp_path)) == ("one", ["two"])


def test_what_cannot_be_changed_is_a_sentence(hold: Hold, tmp_path: Path) -> None:
    hold("one")
    hold("two")
    until(lambda: training(tmp_path) == "one")
    with pytest.raises(RunNotFound, match=r"No run 'one' waits .+ It trains already: stop it with .+ stop one --root "):
        queue.cancel(tmp_path, "one")
    with pytest.raises(RunNotFound, match=r"^No run 'six' waits in the queue\. There are: two\.$"):
        queue.move(tmp_path, "six", 1)
    for place in (0, 2):
        with pytest.raises(ConfigError, match=f"Place cannot be {place}: give 1 to 1, the"):
            queue.move(tmp_path, "two", place)


def test_looking_writes_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "nowhere") == queue.Queue(None, ())
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written_and_a_damaged_queue_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match="file cannot be written"), queue.turn(tmp_path / "file", a_job("one")):
        pytest.fail("it got a turn")
    (tmp_path / QUEUE).mkdir()
    (tmp_path / QUEUE / "queue.json").write_text("{}")
    with pytest.raises(RunDamaged, match=DAMAGED):
        look(tmp_path)


def test_a_queue_of_other_values_is_damaged(tmp_path: Path) -> None:
    good = {"job": a_job("one").to_json(), "process": vars(processes.this()), "created": "2026-01-01T00:00:00+00:00"}
    files.write_json(tmp_path / QUEUE / "queue.json", {"entries": [good]})
    assert [entry.job for entry in look(tmp_path).waiting] == [a_job("one")]
    for other in ({"created": 5}, {"job": {**good["job"], "run": 5}}, {"job": {"run": "one"}}, {"command": "train"}):
        files.write_json(tmp_path / QUEUE / "queue.json", {"entries": [{**good, **other}]})
        with pytest.raises(RunDamaged, match=DAMAGED):
            look(tmp_path)


def test_a_damaged_queue_ends_no_training_and_deleted_lets_no_other_one_begin(tmp_path: Path) -> None:
    with queue.turn(tmp_path, a_job("one")):
        (tmp_path / QUEUE / "queue.json").write_text("{")
        with pytest.raises(RunDamaged), queue.turn(tmp_path, a_job("two")):
            pytest.fail("it got a turn")
        (tmp_path / QUEUE / "queue.json").unlink()
        with (
            pytest.raises(Interrupted),
            queue.turn(tmp_path, a_job("two"), stop_requested=lambda: True),
        ):
            pytest.fail("it got a turn")
        (tmp_path / QUEUE / "queue.json").write_text("{")


def test_a_training_that_fails_leaves_the_queue(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), queue.turn(tmp_path, a_job("one")):
        assert training(tmp_path) == "one"
        raise ZeroDivisionError
    assert look(tmp_path) == queue.Queue(None, ())


def test_a_number_that_another_process_has_now_is_not_the_process_that_had_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        former = Process(other.pid, "long ago")
        assert not former.alive
        former.send(signal.SIGKILL)
        assert other.poll() is None
        present = Process(other.pid, processes.born(other.pid) or "")
        assert present.alive
        present.send(signal.SIGKILL)
        until(lambda: not present.alive)  # although it is still a zombie
        assert other.wait() == -signal.SIGKILL
        present.send(signal.SIGKILL)


def test_this_process_is_alive() -> None:
    assert processes.this().pid == os.getpid()
    assert processes.this().alive


def test_a_command_line_that_trains_is_parsed_without_torch() -> None:
    lines = (
        "import sys; from cvae_core.cli import main as cli; from cvae_core.jobs import control\n"
        "for words in ('train quadrant --visible 2', 'queue', 'stop x', 'sweep x.toml'): cli._parsed(words.split())\n"
        "sys.exit(bool({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", lines]).returncode == 0
