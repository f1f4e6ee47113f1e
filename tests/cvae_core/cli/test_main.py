"""The command line does what its help says, and every error is one sentence with exit code 2."""

import contextlib
import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvae_core.cli import analyse, main, progress
from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Options
from cvae_core.config.presets import PRESETS
from cvae_core.data import datasets, download, noise
from cvae_core.data.batches import shown_rows
from cvae_core.evaluation import latent_space, likelihood, results
from cvae_core.evaluation.results import Interim, stored_cells
from cvae_core.jobs import archive as archives
from cvae_core.jobs import control, queue
from cvae_core.jobs.session import Launch
from cvae_core.models.objectives import from_posterior
from cvae_core.pictures.grid import INK, MARGIN, PAPERS, VISIBLE
from cvae_core.runs.run import Run, all_runs, run_at
from cvae_core.system import distributed, files, processes
from cvae_core.training.loop import Stepped
from tests.jobs import a_job
from tests.waiting import WAIT

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
Said = tuple[int, str, str]
Command = Callable[..., Said]

COMMANDS = [
    *("queue", "stop", "sweep", "evaluate", "table", "embed", "export", "import", "list", "download"),
    *("rename", "annotate", "discard", "restore"),
]
FLAVOURS = ["vae", "label", "quadrant", "baseline"]
TINY = [
    *("--dataset", "digits", "--width", "16", "--depth", "1", "--latent", "2"),
    *("--epochs", "2", "--warm-up", "1", "--no-embed"),
]

pytestmark = pytest.mark.usefixtures("in_float32")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run a command in this process; return its exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path / "runs"))

    def call(*words: object) -> Said:
        code = 0
        capsys.readouterr()
        try:
            code = main.main([str(word) for word in words])
        except SystemExit as leave:  # how --help ends
            code = int(leave.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def process(*words: object, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cvae_core", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=WAIT,
        env={**os.environ, "CVAE_RUNS": str(root), "OMP_NUM_THREADS": "1", **environment},
    )


def refused(said: Said) -> str:
    """Check that a command failed with exit code 2 and one line on standard error; return the line."""
    code, out, err = said
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert re.search(r"[A-Za-z0-9]", err)
    return err.strip()


def test_without_words_or_with_help_it_lists_its_commands(command: Command) -> None:
    for words in ([], ["--help"], ["-h"]):
        code, out, err = command(*words)
        assert (code, err) == (0, "")
        assert all(name in out for name in ["train", *COMMANDS])


@pytest.mark.parametrize(
    "words", [*[[name] for name in COMMANDS], ["train"], *[["train", flavour] for flavour in FLAVOURS]], ids=" ".join
)
def test_every_command_has_help(words: list[str], command: Command) -> None:
    code, out, err = command(*words, "--help")
    assert (code, err) == (0, "")
    assert f"python -m cvae_core {words[0]}" in out
    assert len(out) > 60


def test_help_names_every_setting_with_the_default_of_its_preset(command: Command) -> None:
    for preset, defaults in PRESETS.items():
        _, out, _ = command("train", "label", "--preset", preset, "--help")
        told = " ".join(out.replace("│", " ").split())
        assert (
            "--width INT units of each hidden layer; in a ladder, channels at half the side length "
            f"(default: {defaults['label'].width})" in told
        )
        assert f"--batch-size INT images per step (default: {defaults['label'].batch_size})" in told


BAD: dict[str, tuple[list[str], str]] = {
    "unknown command": (["frobnicate"], "Unknown command 'frobnicate': choose train, evaluate"),
    "nothing to train": (
        ["train"],
        "The first argument of train must be a flavour: vae, label, attributes, quadrant, label+attributes, "
        "label+quadrant, attributes+quadrant, label+attributes+quadrant, baseline.",
    ),
    "something else to train": (["train", "gan"], "not 'gan'"),
    "unknown flag": (["list", "--frobnicate"], "--frobnicate"),
    "flag of another flavour": (["train", "vae", "--visible", "1"], "--visible"),
    "no run": (["evaluate"], "name of a run"),
    "unknown run": (["evaluate", "nosuch"], "No run named 'nosuch'"),
    "unknown run in the table": (["table", "nosuch"], "No run named 'nosuch'"),
    "hostile run": (["embed", "../x"], "A run cannot be called '../x'"),
    "hostile run to train": (["train", "label", *TINY, "--run", "../x"], "A run cannot be called '../x'"),
    "number out of bounds": (["train", "label", "--width", "0"], "Width cannot be 0: it must lie between 1 and 8192."),
    "no number": (["train", "label", "--width", "wide"], "--width cannot be 'wide': it must be a whole number. See "),
    "no optional number": (
        ["data", "add", "x", ".", "--size", "x"],
        "--size cannot be 'x': it must be a whole number. See ",
    ),
    "no real number": (["data", "add", "x", ".", "--test", "x"], "--test cannot be 'x': it must be a number. See "),
    "no number with bounds": (
        ["train", "vae", "--threads", "x"],
        "--threads cannot be 'x': it must be a whole number. See ",
    ),
    "no number of images": (
        ["data", "make", "glyphs", "--images", ""],
        "--images cannot be '': it must be a whole number. See ",
    ),
    "a fraction": (["evaluate", "x", "--samples", "1.5"], "--samples cannot be '1.5': it must be a whole number. See "),
    "NaN": (["train", "label", "--learning-rate", "nan"], "Learning rate cannot be nan"),
    "unknown preset": (["train", "label", "--preset", "huge"], "huge"),
    "unknown choice": (["train", "label", "--pixels", "gray"], "gray"),
    "unknown set": (["train", "quadrant", "--visible", "middle"], "'middle'"),
    "unknown data set": (["download", "emnist"], "emnist"),
    "stop nothing": (["stop", "nosuch"], "Run 'nosuch' neither trains nor waits in"),
    "hostile run to stop": (["stop", "../x"], "A run cannot be called '../x'"),
    "no sweep": (["sweep", "nosuch.toml"], "nosuch.toml cannot be read"),
    "missing value": (["list", "--root"], "--root"),
    "resume nothing": (["train", "label", *TINY, "--resume"], "There is no run 'digits-label' to resume"),
    "nothing to import": (["import"], "the archive"),
    "an archive that is nowhere": (["import", "nowhere.zip"], "nowhere.zip is not imported: there is no such file."),
    "empty table": (["table"], "None of these runs has stored results"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_answered_with_one_sentence(case: str, command: Command) -> None:
    words, sentence = BAD[case]
    assert sentence in refused(command(*words))


def test_a_root_that_cannot_be_written_is_one_sentence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused(command("train", "label", *TINY, "--root", tmp_path / "file"))
    assert "cannot be written" in line
    assert "choose another --root" in line


def test_missing_images_that_cannot_be_fetched_are_one_sentence_after_the_attempt(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(kind: str, root: Path) -> None:
        raise ConnectionError("no route")

    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(download, "download", unreachable)
    code, out, err = command("train", "label", "--dataset", "kmnist")
    assert (code, out) == (2, "")
    attempt, sentence = err.splitlines()
    assert attempt.startswith("kmnist is not on this machine: downloading it into")
    assert "Downloading kmnist into" in sentence
    assert "failed: no route" in sentence


def test_a_quadrant_run_stopped_during_its_baseline_is_stopped(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_baseline: None
) -> None:
    monkeypatch.setattr(processes, "stop_signals", lambda: contextlib.nullcontext(lambda: True))
    line = command("train", "quadrant", *TINY)[2]
    now = control.state_of(tmp_path / "runs", "digits-quadrant-1")
    assert now.state == "stopped"
    assert now.resume is not None
    assert line.startswith("Stopped. Resume with: python -m cvae_core train quadrant ")
    assert control.state_of(tmp_path / "runs", "digits-baseline-1").state == "stopped"


def test_training_prints_a_line_per_epoch_and_where_the_run_is(command: Command, tmp_path: Path) -> None:
    code, out, err = command("train", "label", *TINY, "--batch-size", "256")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Run 'digits-label' starts"
    assert [line[:11] for line in lines[1:3]] == ["epoch   1/2", "epoch   2/2"]
    assert "nats per image: training" in lines[1]
    run = run_at("digits-label", tmp_path / "runs")
    assert lines[3].startswith("Run 'digits-label' is finished: validation −ELBO ")
    assert lines[3].endswith(f"in {run.folder}")
    assert f"{-run.card().metrics['elbo']:.2f} nats per image" in lines[3]
    assert lines[4] == f"Verdict: {run.card().trouble}"
    assert lines[4].startswith("Verdict: worse than a trivial guess: −ELBO ")
    assert lines[4].endswith(" Train for more epochs or in smaller batches.")
    code, out, _ = command("train", "label", *TINY, "--batch-size", "256", "--run", "again")
    assert code == 0
    assert out.startswith("Run 'digits-label' already has this configuration (validation −ELBO ")
    assert out.splitlines()[1] == lines[4]
    assert [other.name for other in all_runs(tmp_path / "runs")] == ["digits-label"]
    code, out, _ = command("train", "label", *TINY, "--batch-size", "256", "--force")
    assert (code, out.splitlines()[0]) == (0, "Run 'digits-label' starts")


def test_training_lays_the_latent_space_out_unless_told_otherwise(command: Command, tmp_path: Path) -> None:
    assert command("train", "label", *TINY, "--run", "without")[0] == 0
    assert latent_space.stored_embedding(run_at("without", tmp_path / "runs")) is None
    words = [word for word in TINY if word != "--no-embed"]
    assert command("train", "vae", *words, "--run", "with")[0] == 0
    stored = latent_space.stored_embedding(run_at("with", tmp_path / "runs"))
    assert stored is not None
    assert stored.coordinates.shape == (360, 2)


def test_a_signal_between_two_steps_stops_and_the_sentence_resumes(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, handler = progress.Bar.show, signal.getsignal(signal.SIGINT)

    def interrupting(self: progress.Bar, report: Any) -> None:
        show(self, report)
        if isinstance(report, Stepped) and (report.epoch, report.step) == (2, 1):
            os.kill(os.getpid(), signal.SIGINT)

    words = ["train", "label", *TINY, "--batch-size", "256", "--run", "mine", "--root", str(tmp_path / "my runs")]
    with monkeypatch.context() as patch:
        patch.setattr(progress.Bar, "show", interrupting)
        code, out, err = command(*words)
    assert code == 2
    assert out.count("\n") == 2
    assert err.count("\n") == 1
    assert signal.getsignal(signal.SIGINT) is handler
    run = run_at("mine", tmp_path / "my runs")
    assert run.card().status == "stopped"
    sentence = re.fullmatch(r"Stopped\. Resume with: python -m cvae_core (.+)\n", err)
    assert sentence is not None
    code, out, err = command(*(word for word in shlex.split(sentence[1]) if word != "--no-embed"))  # stored in the card
    assert (code, err) == (0, "")
    assert out.startswith("Run 'mine' resumes after epoch 1, step 1\n")
    assert run.card().status == "finished"
    assert latent_space.stored_embedding(run) is None
    assert run.card().options == Options(embed=False)


def test_a_resumed_run_has_the_flags_that_it_was_begun_with_unless_they_are_given_anew(
    tiny: Tiny, untrained: Untrained
) -> None:
    what = train_command(tiny("label"), "mine")
    run = untrained(tiny("label"), "mine", status="stopped", options=Options(embed=False, device="cuda", threads=3))

    def begun(*words: str) -> Options:
        training: Any = main._parsed([*what.split()[3:], "--root", str(run.folder.parent), *words])
        return training.options

    assert begun("--resume") == Options(embed=False, device="cuda", threads=3)
    assert begun("--resume", "--device", "cpu") == Options(embed=False, device="cpu", threads=3)
    assert begun("--resume", "--embed", "--threads", "2") == Options(embed=True, device="cuda", threads=2)
    assert begun("--force") == Options()
    run.folder.joinpath("card.json").write_text("{")
    assert begun("--resume") == Options()  # and when it is trained it is refused


@pytest.mark.parametrize("count", [0, -1, 1025, 2**70])
def test_threads_that_cannot_be_are_a_sentence(count: int, command: Command, tmp_path: Path) -> None:
    said = refused(command("train", "label", *TINY, "--threads", count, "--root", tmp_path))
    assert said == f"Threads cannot be {count}: it must lie between 1 and 1024."
    assert list(tmp_path.iterdir()) == []


def test_every_library_of_a_training_takes_the_threads_that_it_is_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def train(config: Config, launch: Launch, stop_requested: object) -> None:
        seen.append((launch.options.threads, os.environ.get("OMP_NUM_THREADS")))

    monkeypatch.setattr(analyse, "train", train)
    for threads in ([], ["--threads", "3"]):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        assert command("train", "label", *TINY, *threads, "--root", tmp_path)[0] == 0
    assert seen == [(None, None), (3, "3")]


def test_a_list_has_a_line_per_run_and_names_damaged_ones_aside(command: Command, root: Path) -> None:
    (root / "digits-vae" / "card.json").write_text("{}")
    code, out, err = command("list", "--root", root)
    assert code == 0
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == ["digits-baseline-1", "digits-label", "digits-quadrant-1"]
    assert all("finished" in line and "nats per image" in line for line in lines)
    troubles = [run_at(line.split()[0], root).card().trouble for line in lines]
    assert [line.strip() for line in out.splitlines() if line.startswith(" ")] == [
        f"Verdict: {t}" for t in troubles if t
    ]
    assert any(troubles)
    assert "digits-vae" in err
    assert err.count("\n") == 1


def test_a_list_tells_how_to_train_a_diverged_run_anew_and_not_to_resume_it(
    command: Command, tiny: Tiny, untrained: Untrained, tmp_path: Path
) -> None:
    config = tiny("label", learning_rate=5.0)
    untrained(
        config, "mine", root=tmp_path, status="failed", verdict="diverged", reason="Training diverged.", best_epoch=2
    )
    _, out, _ = command("list", "--root", tmp_path)
    anew = train_command(tiny("label"), "mine", "--force", "--root", str(tmp_path))
    assert out.splitlines()[1].strip() == f"Training diverged. Train it again with: {anew}"
    assert "--resume" not in out
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(("epochs", "said"), [(1, True), (2, False)])
def test_a_warm_up_that_is_longer_than_the_training_is_said_when_it_starts(
    epochs: int, said: bool, command: Command
) -> None:
    code, _, err = command("train", "vae", *TINY, "--epochs", epochs, "--warm-up", 2)
    assert code == 0
    assert err == (
        "The warm-up of 2 epochs is longer than the training of 1: the rate never gets its full weight. Give more "
        "--epochs, or a --warm-up of at most 1.\n"
        if said
        else ""
    )


def test_a_list_is_json_where_that_is_asked_for(command: Command, root: Path) -> None:
    code, out, err = command("list", "--json", "--root", root)
    assert (code, err) == (0, "")
    cards = json.loads(out)
    assert list(cards) == ["digits-baseline-1", "digits-label", "digits-quadrant-1", "digits-vae"]
    for name, card in cards.items():
        assert card == json.loads(json.dumps(run_at(name, root).card().to_json(name)))


def test_an_empty_root_says_how_to_fill_it(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("list", "--root", tmp_path / "nowhere")
    assert code == 0
    assert "There are no runs in" in out
    assert "python -m cvae_core train label" in out
    assert json.loads(command("list", "--json", "--root", tmp_path / "nowhere")[1]) == {}


PROPOSING = [
    "list", "evaluate nobody", "judge digits-label", "evaluate bare --images 20", "queue --cancel trains",
    "rename trains new", "discard digits-label", "import theirs.zip --run theirs",
]  # fmt: skip


@pytest.mark.parametrize("line", PROPOSING)
def test_a_command_that_is_proposed_means_the_same_runs(
    line: str, command: Command, trained_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "else where"
    if line != "list":
        shutil.copytree(trained_root, root)
        shutil.copytree(root / "digits-vae", root / "trains")
        next(shutil.copytree(root / "digits-vae", root / "bare").glob("weights-*")).unlink()
    (tmp_path / "theirs.zip").write_bytes(archives.packed(run_at("digits-vae", trained_root)))
    monkeypatch.chdir(tmp_path)
    with queue.turn(root, a_job("trains")):
        _, out, err = command(*line.split(), "--root", root)
    assert re.findall(r"python -m cvae_core .+", out + err), out + err
    assert all(proposed.endswith(f" --root '{root}'") for proposed in re.findall(r"python -m cvae_core .+", out + err))


def test_evaluating_prints_and_stores_every_estimate(command: Command, root: Path) -> None:
    code, out, err = command("evaluate", "digits-quadrant-1", "--samples", 3, "--images", 20, "--root", root)
    assert (code, err) == (0, "")
    cells = stored_cells(run_at("digits-quadrant-1", root))
    assert {cell.estimator for cell in cells} == {"elbo", "importance", "prior", "floor"}
    assert len(out.splitlines()) == 4
    for cell in cells:
        assert f"{cell.mean:8.3f} ± {cell.standard_error:.3f} nats per image" in out
    assert out.count("S = 3, N = 20 test, seed 0") == 3


def test_an_evaluation_is_json_where_that_is_asked_for(command: Command, root: Path) -> None:
    words = ["evaluate", "digits-label", "--samples", 3, "--images", 20, "--split", "validation", "--json"]
    code, out, err = command(*words, "--seed", 4, "--root", root)
    assert (code, err) == (0, "")
    cells = json.loads(out)
    assert [vars(cell) for cell in stored_cells(run_at("digits-label", root))] == cells
    assert {(cell["split"], cell["seed"], cell["images"]) for cell in cells} == {("validation", 4, 20)}


class Interruption:
    """Count images while they are scored, five at a time; raise KeyboardInterrupt after a number of images."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(likelihood, "IMAGES_AT_ONCE", 5)
        monkeypatch.setattr(likelihood, "from_posterior", self._scored)
        self.images, self.after, self._estimate = 0, 10_000, from_posterior

    def _scored(self, model: Any, x: Any, c: Any, noise: Any) -> Any:
        if self.images >= self.after:
            raise KeyboardInterrupt
        self.images += len(x)
        return self._estimate(model, x, c, noise)

    def at(self, images: int) -> None:
        self.images, self.after = 0, images


@pytest.fixture
def interruption(monkeypatch: pytest.MonkeyPatch) -> Interruption:
    return Interruption(monkeypatch)


EVALUATE = ("evaluate", "digits-label", "--samples", 3, "--root")


def means(run: Run, file: str = results.RESULTS) -> dict[tuple[str, int], float]:
    return {(cell.estimator, cell.samples): cell.mean for cell in stored_cells(run, file)}


def test_an_interrupted_evaluation_keeps_its_scores_and_goes_on(
    command: Command, root: Path, interruption: Interruption
) -> None:
    run, words = run_at("digits-label", root), (*EVALUATE, root, "--images", 20)
    sentence = "Stopped: {} images are scored and saved. To continue, repeat the command with --resume.\n"
    interruption.at(15)
    assert command(*words)[::2] == (2, sentence.format(15))
    interruption.at(5)
    assert command(*words)[::2] == (2, sentence.format(15))  # without --resume nothing is lost
    for other in ("--seed", 7, "--images", 15), ("--split", "validation", "--images", 15):
        interruption.at(10)
        assert command(*words, *other)[::2] == (2, sentence.format(10))
        interruption.at(10_000)
        assert command(*words, *other, "--resume")[0] == 0
        assert interruption.images == 5
    assert command(*words, "--images", 5)[0] == 0
    assert Interim(run, split_name="test", visible=None, samples=3, seed=0).images == 15

    interruption.at(10_000)
    assert command(*words, "--resume")[::2] == (0, "")
    assert interruption.images == 5
    assert not list(run.folder.glob("scoring-*"))
    resumed = means(run)
    assert command(*words)[0] == 0
    assert means(run) == pytest.approx(resumed)
    _, _, told = command(*words, "--resume")
    assert told == "This evaluation has no saved partial results: it starts from the first image.\n"


def test_an_interrupted_curve_keeps_every_number_of_draws(
    command: Command, root: Path, interruption: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "CURVE_SAMPLES", (1, 2, 4))
    monkeypatch.setattr(likelihood, "CURVE_IMAGES", 10)
    interruption.at(25)
    assert command("evaluate", "digits-label", "--curve", "--root", root)[0] == 2
    interruption.at(10_000)
    assert command("evaluate", "digits-label", "--curve", "--resume", "--root", root)[0] == 0
    assert interruption.images == 5
    run = run_at("digits-label", root)
    assert {samples for _, samples in means(run, results.CURVE)} == {0, 1, 2, 4}
    assert not list(run.folder.glob("scoring-*"))


def test_several_processes_do_not_go_on_with_an_evaluation(
    command: Command, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    sentence = refused(command("evaluate", "digits-label", "--resume", "--root", root))
    assert sentence == "Only one process can resume an evaluation: leave out torchrun or --resume."


def test_a_long_evaluation_keeps_what_it_has_as_it_goes(
    command: Command, root: Path, interruption: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyse, "KEEP_EVERY", 0.0)
    run, kept, keep = run_at("digits-label", root), [], Interim.keep

    def noted(interim: Interim, *given: Any) -> None:
        keep(interim, *given)
        kept.append(interim.images)

    monkeypatch.setattr(Interim, "keep", noted)
    assert command(*EVALUATE, root, "--images", 20)[0] == 0
    assert kept == [5, 10, 15, 20]
    assert not list(run.folder.glob("scoring-*"))


def test_an_evaluation_that_cannot_keep_its_scores_so_far_says_so_and_ends_well(
    command: Command, root: Path, interruption: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_at("digits-label", root)
    (run.folder / "scoring-test-all-3-0.json").mkdir()
    monkeypatch.setattr(analyse, "KEEP_EVERY", 0.0)
    code, out, err = command(*EVALUATE, root, "--images", 20)
    assert code == 0
    assert err.startswith("The partial results are not saved. ")
    assert "importance sampling" in out
    assert len(stored_cells(run)) == 4
    monkeypatch.setattr(analyse, "KEEP_EVERY", 100.0)
    interruption.at(10)
    assert "could not be written" in refused(command(*EVALUATE, root, "--images", 20))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--samples", "0"], "Samples cannot be 0"),
        (["--images", "361"], "Images cannot be 361: the test split has 360"),
        (["--visible", "2"], "leave out --visible"),
        (["--split", "train"], "train"),
        (["--samples", "10000000000000"], "Samples cannot be"),
    ],
)
def test_an_evaluation_that_cannot_be_is_one_sentence(
    words: list[str], sentence: str, command: Command, root: Path
) -> None:
    assert sentence in refused(command("evaluate", "digits-label", *words, "--root", root))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 3 bytes")]
)
def test_too_little_memory_is_one_sentence(
    error: Exception, command: Command, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(likelihood, "from_posterior", exhausted)
    assert "not enough memory" in refused(command("evaluate", "digits-label", "--root", root))


def test_what_the_system_refuses_where_nobody_expected_it_is_one_sentence(
    command: Command, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(likelihood, "from_posterior", broken)
    sentence = "The system cannot access a file (Input/output error): free disk space, or choose another path."
    assert refused(command("evaluate", "digits-label", "--root", root)) == sentence


def test_a_damaged_run_is_one_sentence(command: Command, root: Path) -> None:
    (weights,) = (root / "digits-label").glob("weights-*")
    weights.write_bytes(weights.read_bytes()[:-1])
    for words in (["evaluate"], ["embed"], ["export", "--grid", root / "x.png"]):
        line = refused(command(words[0], "digits-label", *words[1:], "--root", root))
        assert "is damaged: its content does not match the digest in the card" in line


def test_scores_on_other_images_than_those_of_training_are_refused(command: Command, root: Path) -> None:
    run = run_at("digits-label", root)
    run.write_card(replace(run.card(), data_fingerprint="0" * 64))
    assert "scores would mislead" in refused(command("evaluate", "digits-label", "--root", root))


@pytest.fixture
def evaluated(command: Command, root: Path) -> Path:
    for name in ("digits-label", "digits-quadrant-1", "digits-baseline-1"):
        assert command("evaluate", name, "--samples", 2, "--images", 10, "--root", root)[0] == 0
    return root


def test_a_table_is_printed_as_markdown_of_all_runs_or_the_named_ones(command: Command, evaluated: Path) -> None:
    code, out, err = command("table", "--root", evaluated)
    assert (code, err) == (0, "")
    assert "### digits, grey pixels, quadrants" in out
    assert "### digits, grey pixels, whole image" in out
    code, out, _ = command("table", "digits-label", "--root", evaluated)
    assert code == 0
    assert "quadrants" not in out
    (evaluated / "digits-vae" / "card.json").write_text("{}")
    code, out, err = command("table", "--root", evaluated)
    assert code == 0
    assert "digits-vae" in err


def test_damaged_results_of_one_run_do_not_hide_those_of_the_others(command: Command, evaluated: Path) -> None:
    (evaluated / "digits-label" / "cll.json").write_text("{}")
    code, out, err = command("table", "--root", evaluated)
    assert code == 0
    assert "quadrants" in out
    assert "whole image" not in out
    assert "cll.json is damaged" in err
    assert err.count("\n") == 1


def test_a_table_is_written_in_the_format_of_its_ending(command: Command, evaluated: Path, tmp_path: Path) -> None:
    printed = command("table", "--root", evaluated)[1]
    for name, check in (
        ("t.md", lambda text: text == printed),
        ("t.tex", lambda text: text.count(r"\begin{tabular}") == 2),
        (
            "t.csv",
            lambda text: (
                {row["run"] for row in csv.DictReader(text.removeprefix("\ufeff").splitlines())} >= {"digits-label"}
            ),
        ),
    ):
        path = tmp_path / "out" / name
        code, out, err = command("table", "--out", path, "--root", evaluated)
        assert (code, err) == (0, "")
        assert out == f"{path} written, {path.stat().st_size:,} bytes\n"
        assert check(path.read_text()), name


@pytest.mark.parametrize("name", ["t.bad", "t", "t.csv.gz"])
def test_a_table_of_another_ending_is_refused(name: str, command: Command, evaluated: Path, tmp_path: Path) -> None:
    line = refused(command("table", "--out", tmp_path / name, "--root", evaluated))
    assert line == f"{tmp_path / name} cannot be written: the file must end in .csv, .md or .tex."
    assert not (tmp_path / name).exists()


def test_a_file_that_cannot_be_written_is_one_sentence(command: Command, evaluated: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused(command("table", "--out", tmp_path / "file" / "t.csv", "--root", evaluated))
    assert "could not be written" in line
    line = refused(command("export", "digits-label", "--grid", tmp_path / "file" / "g.png", "--root", evaluated))
    assert "could not be written" in line


def test_an_embedding_is_stored_with_its_run(command: Command, root: Path) -> None:
    code, out, err = command("embed", "digits-label", "--method", "pca", "--points", 60, "--root", root)
    assert (code, err) == (0, "")
    run = run_at("digits-label", root)
    assert out == f"60 points embedded: {run.folder / 'embedding-pca-60.npz'}\n"
    stored = latent_space.stored_embedding(run, latent_space.Layout(method="pca", points=60))
    assert stored is not None
    assert stored.coordinates.shape == (60, 2)
    flat = ["--method", "pca", "--points", 60, "--dimensions", 3, "--root", root]
    assert "three latent dimensions" in refused(command("embed", "digits-label", *flat))
    assert "50 to 10,000" in refused(command("embed", "digits-label", "--points", 3, "--root", root))
    assert "two latent dimensions" in refused(command("embed", "digits-baseline-1", "--root", root))


@pytest.mark.parametrize("name", ["digits-vae", "digits-label", "digits-quadrant-1", "digits-baseline-1"])
def test_samples_of_every_flavour_can_be_exported(name: str, command: Command, root: Path, tmp_path: Path) -> None:
    path, again, other = (tmp_path / f"{which}.png" for which in ("one", "again", "other"))
    for target, seed in ((path, 7), (again, 7), (other, 8)):
        code, out, err = command("export", name, "--grid", target, "--seed", seed, "--scale", 1, "--root", root)
        assert (code, err) == (0, "")
        assert out.startswith(f"{target} written, ")
    with Image.open(path) as picture:
        assert picture.text == {"Software": "CVAE lab", "run": name, "seed": "7"}
        assert picture.width > 8 * 28
        assert picture.height > 10 * 28
    assert path.read_bytes() == again.read_bytes()
    digits = [np.array(Image.open(target))[: 10 * 28] for target in (path, other)]  # without the caption
    assert (digits[0] == digits[1]).all() == name.startswith("digits-baseline")  # a baseline has no noise


@pytest.mark.parametrize(
    ("flavour", "settings"),
    [("attributes", {}), ("label+quadrant", {"visible": "1"}), ("quadrant", {"visible": "brush"})],
)
@pytest.mark.usefixtures("small_baseline")
def test_samples_under_any_part_of_a_condition_can_be_exported(
    flavour: str, settings: dict[str, str], command: Command, tiny: Any, untrained: Any, tmp_path: Path
) -> None:
    run = untrained(tiny(flavour, **settings), "mine")
    with torch.no_grad():
        model = run.model()
        for name, weight in model.named_parameters():
            weight += 0.3 * noise.normal(weight.shape, 0, name)
        run.write_weights(run.card(), model.state_dict(), torch.float32)
    assert command("export", "mine", "--grid", tmp_path / "a.png", "--scale", 1, "--root", tmp_path)[0] == 0
    page = np.array(Image.open(tmp_path / "a.png"))
    left = page.shape[1] - MARGIN - (8 * 29 + 1)
    rows = [page[MARGIN + row * 29 :][:29, left:] for row in range(10)]
    assert len({row.tobytes() for row in rows}) == 10  # each row has its own condition


def test_completions_keep_the_visible_quadrants_of_the_test_digits_on_their_tint(
    command: Command, root: Path, tmp_path: Path, digits: datasets.DataSet
) -> None:
    path = tmp_path / "grid.png"
    assert command("export", "digits-quadrant-1", "--grid", path, "--scale", 1, "--root", root)[0] == 0
    page = np.array(Image.open(path)).astype(float)
    shown = digits.test.intensities(shown_rows(digits.test, 10)).reshape(10, 28, 28)[:, 14:, :14].numpy()
    left = page.shape[1] - MARGIN - (8 * 29 + 1)  # margin, then eight columns of 28 pixels and their lines
    for row in range(10):
        for column in range(8):
            top, start = MARGIN + row * 29 + 1 + 14, left + column * 29 + 1
            ink = shown[row][..., None]
            expected = PAPERS[VISIBLE] * (1 - ink) + INK * ink
            assert np.abs(page[top : top + 14, start : start + 14] - expected).max() <= 1


def test_the_stages_of_a_training_can_be_exported(command: Command, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "stages.gif"
    code, _, err = command("export", "digits-label", "--stages", path, "--scale", 1, "--root", root)
    assert (code, err) == (0, "")
    with Image.open(path) as picture:
        assert picture.n_frames == len(run_at("digits-label", root).stages()["epoch"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Nothing to export: give --grid FILE.png, --stages FILE.gif, --zip FILE.zip, --onnx FILE.onnx or"),
        (["--grid", "x.jpg"], "x.jpg cannot be written: the file must end in .png."),
        (["--onnx", "x.png"], "x.png cannot be written: the file must end in .onnx."),
        (["--zip", "x.png"], "x.png cannot be written: the file must end in .zip."),
        (["--stages", "x.png"], "x.png cannot be written: the file must end in .gif."),
        (["--grid", "x.png", "--scale", "0"], "Scale cannot be 0: it must lie between 1 and 16."),
        (["--grid", "x.png", "--scale", "17"], "Scale cannot be 17"),
    ],
)
def test_an_export_that_cannot_be_is_one_sentence(
    words: list[str], sentence: str, command: Command, root: Path
) -> None:
    assert sentence in refused(command("export", "digits-label", *words, "--root", root))


def test_a_run_goes_to_a_colleague_who_sees_that_it_is_not_her_own(
    command: Command, root: Path, tmp_path: Path
) -> None:
    archive, there = tmp_path / "run.zip", tmp_path / "there"
    code, out, err = command("export", "digits-label", "--zip", archive, "--root", root)
    assert (code, err) == (0, "")
    assert out.startswith(f"{archive} written, ")
    code, out, err = command("import", archive, "--root", there)
    assert (code, err) == (0, "")
    assert re.match(
        rf"Run 'digits-label' is in {there}/digits-label, imported [0-9-]{{10}} from run\.zip\. Its files are complete",
        out,
    )
    assert "There is a run 'digits-label'" in refused(command("import", archive, "--root", there))
    assert command("import", archive, "--run", "theirs", "--root", there)[0] == 0
    _, out, _ = command("list", "--root", there)
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == ["digits-label", "theirs"]
    assert all(re.search(r" imported [0-9-]{10} from run\.zip$", line) for line in lines)
    _, out, _ = command("list", "--root", root)
    assert "imported" not in out
    assert command("evaluate", "theirs", "--samples", 2, "--images", 10, "--root", there)[0] == 0
    archive.write_bytes(archive.read_bytes()[:-100])
    assert "is not imported: it is not a valid archive of a run" in refused(
        command("import", archive, "--run", "other", "--root", there)
    )


def test_results_about_a_pretrained_run_are_stored_beside_it(command: Command, root: Path) -> None:
    run = run_at("digits-label", root)
    run.write_card(replace(run.card(), read_only=True))
    before = sorted(path.name for path in run.folder.iterdir())
    assert command("evaluate", run.name, "--samples", 2, "--images", 10, "--root", root)[0] == 0
    code, out, _ = command("embed", run.name, "--method", "pca", "--points", 60, "--root", root)
    assert code == 0
    assert ".cache" in out
    assert sorted(path.name for path in run.folder.iterdir()) == before
    assert "read-only: train under another name" in refused(
        command("train", "label", *TINY, "--latent", 3, "--run", run.name, "--force", "--root", root)
    )


def test_the_embedded_digits_are_there_already(command: Command) -> None:
    assert command("download", "digits") == (0, f"digits is in {datasets.folder()}\n", "")


def test_a_reader_that_has_seen_enough_is_no_error(root: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with contextlib.closing(os.fdopen(write, "w")) as closed:
        done = subprocess.run(
            [sys.executable, "-m", "cvae_core", "list", "--root", str(root)],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WAIT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        with contextlib.suppress(BrokenPipeError):
            closed.flush()
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_of_its_own_says_the_same_to_a_terminal_that_knows_no_minus_sign(root: Path) -> None:
    done = process("evaluate", "digits-label", "--samples", 2, "--images", 10, root=root, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(words in done.stdout for words in ("?ELBO", "importance sampling", "prior Monte Carlo"))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("line", ["stop nobody", "train label --preset small"])
def test_a_closed_stream_does_not_change_the_exit_code(line: str, closed: str, root: Path) -> None:
    said = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -m cvae_core {line} {closed}"],
        capture_output=True, text=True, timeout=WAIT, env={**os.environ, "CVAE_RUNS": str(root)},
    )  # fmt: skip
    assert (said.returncode, "Traceback" in said.stderr) == (2, False)


def test_nothing_is_written_where_only_reading_was_asked_for(command: Command, root: Path) -> None:
    shutil.rmtree(root / "digits-vae")

    def everything() -> dict[str, str]:
        return {str(path): files.digest(path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()}

    before = everything()
    for words in (["list"], ["table"], ["list", "--json"], ["evaluate", "nosuch"]):
        command(*words, "--root", root)
    assert everything() == before


BLACK = [
    "--width",
    "4",
    "--depth",
    "1",
    "--latent",
    "1",
    "--epochs",
    "1",
    "--warm-up",
    "0",
    "--batch-size",
    "20000",
    "--no-embed",
]


@pytest.mark.usefixtures("other_mnist")
def test_other_images_are_trained_on_with_a_flag_alone_which_a_resumed_run_keeps(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "runs"
    for words in (["train", "label", *BLACK], ["classifier", "mnist"], ["download", "mnist"]):
        line = refused(command(*words))
        assert "mnist here hold other images than the published ones: " in line
        assert "python -m cvae_core download mnist, or train on these images with --other-images" in line
    assert not all_runs(root)
    assert not (root / ".queue" / "queue.json").exists()  # it did not even wait

    monkeypatch.setattr(analyse, "_stops", lambda report, _: isinstance(report, Stepped))
    code, _, err = command("train", "label", *BLACK, "--other-images")
    assert code == 2
    assert "--other-images --resume" in err
    assert run_at("label", root).card().options == Options(embed=False, other_images=True)
    monkeypatch.undo()
    monkeypatch.setenv("CVAE_RUNS", str(root))
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "others"))
    code, out, _ = command("train", "label", *BLACK, "--resume")
    assert code == 0
    assert "Run 'label' is finished" in out
    assert run_at("label", root).card().options.other_images


@pytest.mark.usefixtures("other_mnist")
def test_other_images_are_named_wherever_their_set_is(command: Command, tmp_path: Path) -> None:
    named = f"mnist (other images, {datasets.load('mnist').fingerprint[:8]})"
    command("train", "label", *BLACK, "--other-images")
    assert f" {named} " in command("list")[1]
    code, _, err = command("evaluate", "label", "--images", "20", "--samples", "2")
    assert code == 0
    assert f"The scored images are {named}." in err
    assert f"### {named}, grey pixels, whole image" in command("table")[1]
    assert command("table", "--out", tmp_path / "t.csv")[0] == 0
    assert named in (tmp_path / "t.csv").read_text()
