"""A run that is in use cannot be renamed, discarded or replaced, and its results are kept."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cvae_core.cli import main, show
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.job import Options
from cvae_core.data import datasets
from cvae_core.errors import RunInUse, RunNotFound
from cvae_core.evaluation import latent_space, likelihood, results, sample_quality
from cvae_core.evaluation.classifier import Classifier, store_classifier
from cvae_core.evaluation.latent_space import Layout
from cvae_core.jobs import housekeeping, session
from cvae_core.jobs.session import Launch, train_run
from cvae_core.runs.run import Run, find
from tests import misfortune
from tests.measuring import Measured

pytestmark = pytest.mark.promise


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("card.json", ".lock")}


MOVES: dict[str, Callable[[Run], object]] = {
    "rename": lambda run: housekeeping.rename(run.folder.parent, run.name, "new"),
    "discard": lambda run: housekeeping.discard(run.folder.parent, run.name),
    "train --force": lambda run: housekeeping.replacing(run).__enter__(),
}
HOLDER = """
import sys
from pathlib import Path
from cvae_core.jobs import housekeeping as upkeep
from cvae_core.runs.run import find
with upkeep.held(find("digits-label", Path(sys.argv[1])), "evaluation"):
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("move", MOVES)
def test_a_run_in_use_by_several_processes_is_neither_moved_nor_replaced_until_the_last_has_ended(
    move: str, root: Path, measured: Measured
) -> None:
    run = find("digits-label", root)
    before = files_of(run.folder)
    with housekeeping.held(run, "map"):
        with (
            housekeeping.held(run, "evaluation"),
            pytest.raises(RunInUse, match=r"'digits-label' is in use \((evalu|map)"),
        ):
            MOVES[move](run)
        sentence = rf"is in use \(map, process {os.getpid()}\): wait until it has ended, or stop it, and try again"
        with pytest.raises(RunInUse, match=sentence):
            MOVES[move](run)
        housekeeping.annotate(root, "digits-label", "a note hinders nobody")
    assert files_of(run.folder) == before
    MOVES[move](run)
    assert housekeeping.in_bin(root) or find("new", root).model()
    measured("held", moves_refused=2, results_lost=0)


def test_a_training_that_would_replace_a_run_in_use_is_refused_and_leaves_everything_as_it_was(
    root: Path, capsys: pytest.CaptureFixture[str], measured: Measured
) -> None:
    run = find("digits-label", root)
    line = "train label --dataset digits --width 8 --epochs 1 --run digits-label --force"
    with housekeeping.held(run, "evaluation"):
        before = files_of(run.folder)
        assert main.main([*line.split(), "--root", str(root)]) == 2
        assert files_of(run.folder) == before
    assert capsys.readouterr().err.startswith(f"Run 'digits-label' is in use (evaluation, process {os.getpid()})")
    measured("held", moves_refused=1, results_lost=0)


def test_a_killed_process_holds_no_run(root: Path, measured: Measured) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds\n"
        with pytest.raises(RunInUse, match=rf"in use \(evaluation, process {process.pid}\)"):
            housekeeping.rename(root, "digits-label", "new")
        process.kill()
    assert list((root / "digits-label").glob(f"{housekeeping.HELD}*"))
    new = housekeeping.rename(root, "digits-label", "new")
    assert list(new.folder.glob(f"{housekeeping.HELD}*")) == []
    measured("held", moves_refused=1)


def test_files_that_only_look_like_a_hold_are_ignored_and_no_text_of_a_file_is_shown(root: Path) -> None:
    folder = find("digits-label", root).folder
    (folder / f"{housekeeping.HELD}folder").mkdir()
    (folder / f"{housekeeping.HELD}link").symlink_to(root / "digits-vae" / "card.json")
    os.mkfifo(folder / f"{housekeeping.HELD}pipe")  # opening it would block forever
    with (folder / f"{housekeeping.HELD}evaluation-1; rm -x").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunInUse, match=r"in use \(another process\): wait"):
            housekeeping.discard(root, "digits-label")
    housekeeping.discard(root, "digits-label")
    assert (root / "digits-vae" / "card.json").exists()


def test_a_pretrained_run_and_a_folder_that_cannot_be_written_need_no_hold(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = find("digits-label", root)
    with monkeypatch.context() as patch:
        misfortune.read_only(patch)
        with housekeeping.held(run, "export"):
            assert not list(run.folder.glob(f"{housekeeping.HELD}*"))
    run.write_card(replace(run.card(), read_only=True))
    with housekeeping.held(run, "evaluation"):
        assert not list(run.folder.glob(f"{housekeeping.HELD}*"))


def test_a_run_that_was_moved_before_it_could_be_held_is_not_found(root: Path) -> None:
    run = find("digits-label", root)
    housekeeping.rename(root, "digits-label", "new")
    with pytest.raises(RunNotFound, match="No run named 'digits-label'"), housekeeping.held(run, "map"):
        pytest.fail("a run that does not exist was held")


WORKED: dict[str, tuple[str, object, str, Callable[[Run], object]]] = {
    "evaluate digits-label --images 20 --samples 2": (likelihood, "evaluate", "cll.json", results.stored_cells),
    "embed digits-label --method pca --points 60": (
        latent_space,
        "embed",
        "embedding-pca-60.npz",
        lambda run: latent_space.stored_embedding(run, Layout(method="pca", points=60)),
    ),
    "judge digits-label": (sample_quality, "judge", "judgement.json", sample_quality.stored_judgement),
}  # fmt: skip


@pytest.fixture
def at_work(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Return a function that makes an action happen when a command starts to compute."""
    store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), root)
    monkeypatch.setattr(sample_quality, "judge", lambda *_: [sample_quality.Finding(name="digits", value=0.5, of=10)])

    def prepare(line: str, happening: Callable[[], object]) -> None:
        module, name, *_ = WORKED[line]
        compute = getattr(module, name)

        def computed(*given: Any, **more: Any) -> Any:
            happening()
            return compute(*given, **more)

        monkeypatch.setattr(module, name, computed)

    return prepare


@pytest.mark.parametrize("line", WORKED)
def test_a_run_in_use_is_not_moved_and_its_results_are_kept(
    line: str, root: Path, at_work: Callable[[str, Callable[[], object]], None], measured: Measured
) -> None:
    refused: list[int] = []
    for move in ("rename digits-label new", "discard digits-label"):
        at_work(line, lambda move=move: refused.append(main.main([*move.split(), "--root", str(root)])))
    assert main.main([*line.split(), "--root", str(root)]) == 0
    assert refused == [2, 2]
    assert WORKED[line][3](find("digits-label", root))
    measured("held", moves_refused=2, results_lost=0)


def test_an_export_and_a_map_that_a_training_leaves_hold_the_run_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    refused: list[int] = []

    def move(*_: object) -> None:
        refused.append(main.main(["rename", "digits-label", "new", "--root", str(root)]))

    with monkeypatch.context() as patch:
        patch.setattr(show, "_write", move)
        assert main.main(["export", "digits-label", "--grid", str(tmp_path / "x.png"), "--root", str(root)]) == 0
    monkeypatch.setattr(session, "embed", move)
    monkeypatch.setattr(session, "store_embedding", lambda *_: None)
    run = find("digits-label", root)
    list(train_run(run.card().config, Launch(run="again", root=root, options=Options())))  # the finished run is reused
    assert refused == [2, 2]
    measured("held", moves_refused=2, results_lost=0)


@pytest.mark.parametrize("line", WORKED)
def test_results_of_a_run_that_was_moved_by_hand_are_kept_and_found_when_it_is_back(
    line: str, root: Path, at_work: Callable[[str, Callable[[], object]], None], capsys: pytest.CaptureFixture[str],
    measured: Measured,
) -> None:  # fmt: skip
    run = find("digits-label", root)
    at_work(line, lambda: run.folder.rename(root / "elsewhere"))
    assert main.main([*line.split(), "--root", str(root)]) == 2
    complaint, kept = capsys.readouterr().err.splitlines()[-1], root / ".cache" / "digits-label" / WORKED[line][2]
    assert complaint.startswith(f"Run 'digits-label' is no longer in {root}: it was moved or deleted meanwhile.")
    assert str(kept) in complaint
    assert not run.folder.exists()
    (root / "elsewhere").rename(run.folder)
    assert WORKED[line][3](run)
    measured("held", results_lost=0)
