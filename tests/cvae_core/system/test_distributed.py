"""Several processes train one run, with the same result as one process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from cvae_core.cli import main
from cvae_core.config.presets import configure
from cvae_core.data.conditions import labelled
from cvae_core.data.datasets import DataSet
from cvae_core.errors import ConfigError
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.jobs import control, heartbeat
from cvae_core.models.build import build
from cvae_core.runs.run import find, run_at
from cvae_core.system import distributed, processes
from cvae_core.training.loop import EpochEnded, Learner, steps_per_epoch, train
from tests.waiting import WAIT

ROOT = Path(__file__).resolve().parents[3]
# A small ladder, of whose last batch one process has the only image.
FLAGS = (
    "--dataset digits --width 16 --depth 1 --latent 2 --groups 1 --prior learned --epochs 3 --batch-size 157 --no-embed "
    "--device cpu"
)
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "cvae_core"]


def said_by_two(*words: str) -> str:
    done = subprocess.run(
        [*TWO, *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return two folders with the same label run, trained by this process and by two others."""
    folders = {processes: tmp_path_factory.mktemp(f"by-{processes}") for processes in (1, 2)}
    words = ("train", "label", *FLAGS.split(), "--root")
    assert main.main([*words, str(folders[1])]) == 0
    said_by_two(*words, str(folders[2]))
    return folders


def test_two_processes_write_one_run_as_one_process_would(roots: dict[int, Path]) -> None:
    one, two = (find("digits-label", root) for root in roots.values())
    assert [path.name for path in roots[2].iterdir()] == ["digits-label"]
    assert (one.card().processes, two.card().processes) == (1, 2)
    assert two.card().status == "finished"
    columns = ["epoch", "split", "bound", "reconstruction", "rate"]
    pd.testing.assert_frame_equal(one.curves()[columns], two.curves()[columns], rtol=2e-3, atol=1e-2)
    for name, weight in one.weights().items():
        torch.testing.assert_close(two.weights()[name], weight, rtol=0.05, atol=0.01)


@pytest.mark.soak
def test_two_processes_stop_on_one_step_whichever_of_them_is_asked(tmp_path: Path) -> None:
    run, flags = run_at("digits-label", tmp_path), [*FLAGS.split(), "--epochs", "100000", "--root", str(tmp_path)]
    words = [*TWO, "train", "label", *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as both:
        try:
            while not (run.folder / "curves.csv").exists():
                assert both.poll() is None
                time.sleep(0.1)
            found = heartbeat.read(run.folder)
            assert found
            children = subprocess.run(["pgrep", "-P", str(both.pid)], capture_output=True, text=True).stdout.split()
            (follower,) = {int(pid) for pid in children} - {found.process.pid}
            os.kill(follower, signal.SIGTERM)
            _, complaint = both.communicate(timeout=WAIT)
        finally:
            both.terminate()
    resumed = control.state_of(tmp_path, "digits-label").resume
    assert resumed
    assert f"Stopped. Resume with: {resumed.command(tmp_path)}\n" in complaint
    assert "Resume with: torchrun --nproc-per-node 2 -m -- cvae_core train label " in complaint
    assert (run.card().status, run.card().reason) == ("stopped", "stopped on request")


@pytest.mark.soak
def test_two_processes_score_as_one_does(roots: dict[int, Path], capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--samples", "7", "--images", "55", "--json", "--device", "cpu"]
    words = ["evaluate", "digits-label", *flags, "--root", str(roots[1])]
    assert main.main(words) == 0
    said = [json.loads(text) for text in (capsys.readouterr().out, said_by_two(*words))]
    for one, two in zip(*said, strict=True):
        assert two["mean"] == pytest.approx(one["mean"], abs=1e-4)
        assert two["standard_error"] == pytest.approx(one["standard_error"], abs=1e-4)
        assert two["images"] == one["images"] == 55


@pytest.mark.parametrize(("processes", "code", "said"), [(1, 0, "said, torn down"), (1, 2, "said"), (2, 0, "said")])
def test_who_is_stopped_or_one_of_several_leaves_with_all_said_and_without_python_s_teardown(
    processes: int, code: int, said: str
) -> None:
    lines = "import atexit; atexit.register(print, ', torn down'); print('said', end=''); "
    ended = subprocess.run(
        [sys.executable, "-c", f"{lines}from cvae_core.system import processes; processes.leave({code})"],
        cwd=ROOT,
        env={**os.environ, "RANK": "0", "WORLD_SIZE": str(processes)},
        capture_output=True,
        text=True,
    )
    assert (ended.stdout.strip(), ended.returncode) == (said, code)


@pytest.mark.parametrize("size", ["", "abc", "2"])
def test_a_variable_that_torchrun_has_not_set_makes_no_group(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    assert not processes.launched_together()


def test_one_process_leads_agrees_with_itself_and_adds_nothing() -> None:
    assert (distributed.rank(), distributed.processes(), distributed.leads()) == (0, 1, True)
    assert [distributed.agreed(answer) for answer in (True, False)] == [True, False]
    assert distributed.add_up(torch.tensor([1.0, 2.0])).tolist() == [1, 2]
    with distributed.group(distributed.CPU):
        assert distributed.processes() == 1


@pytest.mark.parametrize(("threads", "left"), [(1, 1), (2, 1), (3, 2)])
def test_all_but_one_of_the_threads_are_left_and_at_least_one(threads: int, left: int) -> None:
    with distributed.threads(threads):
        assert distributed.all_but_one() == left
        with distributed.threads(None):
            assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_here_is_refused_and_auto_takes_the_cpu() -> None:
    with pytest.raises(ConfigError, match="There is no CUDA device here"):
        distributed.device("cuda")
    assert distributed.device("auto") == distributed.device("cpu") == distributed.CPU


def test_a_share_of_a_condition_is_the_condition_of_the_share() -> None:
    labels = torch.arange(7)
    assert labelled(labels).part(slice(1, None, 2)).labels.tolist() == [1, 3, 5]  # type: ignore[union-attr]
    assert len(labelled(labels).part(slice(1, None, 2))) == 3


@on_a_gpu
@pytest.mark.parametrize("preset", ["mlp", "ladder"])
def test_a_gpu_learns_and_scores_as_the_cpu_does(preset: str, digits: DataSet) -> None:
    config = configure("vae", preset, dataset="digits", width=16, depth=1, epochs=2, latent=2)  # type: ignore[arg-type]
    bounds, scores = [], []
    for device in (distributed.CPU, torch.device("cuda")):
        steps = steps_per_epoch(config, len(digits.train))
        learner = Learner(config, steps, dtype=torch.float32, frozen={}, device=device)
        *_, last = (report for report in train(learner, digits) if isinstance(report, EpochEnded))
        bounds.append(last.validation.bound)
        model = build(config).to(device).eval()
        *_, end = evaluate(model, digits.test, samples=5, images=40)
        scores.append([cell.mean for cell in end.cells])
    assert bounds[1] == pytest.approx(bounds[0], rel=1e-2)
    assert scores[1] == pytest.approx(scores[0], rel=1e-4)
