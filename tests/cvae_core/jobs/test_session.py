"""A training that is stopped at any step resumes to the same result, and its files match its reports."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import pandas as pd
import pytest
import torch

from cvae_core.cli import main
from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Options
from cvae_core.config.presets import baseline_for
from cvae_core.data.datasets import DataSet
from cvae_core.errors import ConfigError, DataMissing, Diverged, NotWritable, ReadOnlyRun, RunDamaged, RunInUse
from cvae_core.evaluation.latent_space import stored_embedding
from cvae_core.jobs import control, housekeeping, recorder
from cvae_core.jobs import session as sessions
from cvae_core.jobs.recorder import Finishing, Recorder
from cvae_core.jobs.session import Finished, Launch, Reused, Skipped, Started, train_run
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run, all_runs, run_at
from cvae_core.system import files, formats
from cvae_core.training import loop, verdicts
from cvae_core.training import validation as monitoring
from cvae_core.training.loop import EpochEnded, Learner, Stepped
from cvae_core.training.validation import Measured, Staged, trivial
from tests.cvae_core.results import left
from tests.misfortune import full_disk
from tests.waiting import WAIT

Tiny, Untrained = Callable[..., Config], Callable[..., Run]

pytestmark = pytest.mark.usefixtures("small_baseline", "in_float32")


def reports(config: Config, root: Path, run: str | None = None, **launch: bool) -> Iterator[Any]:
    return train_run(config, Launch(run=run or config.run_name, root=root, **launch))


def finish(config: Config, root: Path, run: str | None = None, **launch: bool) -> Run:
    last = list(reports(config, root, run, **launch))[-1]
    assert isinstance(last, Finished)
    return last.run


def stop_after(count: int, config: Config, root: Path, kind: type = Stepped, **launch: bool) -> Run:
    """Train until a number of reports of one kind, without those of the baseline, and stop."""
    session, own = reports(config, root, **launch), False
    for report in session:
        if isinstance(report, Started):
            own = report.run.name == config.run_name
        count -= own and isinstance(report, kind)
        if count == 0:
            break
    session.close()
    return run_at(config.run_name, root)


def test_a_session_starts_reports_every_step_and_finishes(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("label")
    seen = list(reports(config, tmp_path))
    run = run_at("digits-label", tmp_path)
    assert seen[0] == Started(run=run, epoch=0, step=0)
    assert seen[-1] == Finished(run=run, card=run.card())
    counts = [sum(isinstance(report, kind) for report in seen) for kind in (Stepped, EpochEnded, Started, Finished)]
    assert counts == [15, 3, 1, 1]


@pytest.fixture(scope="module")
def finished(tiny: Tiny, in_float32: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finish(tiny("label", epochs=4), tmp_path_factory.mktemp("finished"))


def test_a_finished_run_has_its_card_weights_curves_and_stages_and_no_state(finished: Run) -> None:
    weights = finished.card().weights
    assert weights is not None
    assert sorted(path.name for path in finished.folder.iterdir() if path.name != ".lock") == [
        "card.json",
        "curves.csv",
        "stages.npz",
        weights.file,
    ]


def test_the_card_says_what_was_done(finished: Run, tiny: Tiny, digits: DataSet) -> None:
    card, curves = finished.card(), finished.curves()
    validation = curves[curves["split"] == "validation"].set_index("epoch")["bound"]
    assert card.config == tiny("label", epochs=4)
    assert (card.status, card.reason, card.epochs, card.read_only) == ("finished", None, 4, False)
    assert card.best_epoch == validation.idxmax()
    assert card.data_fingerprint == digits.fingerprint
    assert card.parameters == sum(weight.numel() for weight in finished.model().parameters())
    assert card.versions["torch"] == torch.__version__
    assert (card.device, card.dtype, card.threads) == ("cpu", "float32", torch.get_num_threads())
    assert card.seconds == pytest.approx(curves["seconds"].iloc[-1], abs=0.1)
    assert len(card.rates) == 2
    assert sum(card.rates) == pytest.approx(card.metrics["rate"], rel=1e-3)
    assert card.metrics["elbo"] == pytest.approx(card.metrics["reconstruction"] - card.metrics["rate"])
    assert card.metrics["bound"] == pytest.approx(float(validation.max()), abs=recorder.HALF_PRECISION_COST)
    assert main._parsed(card.job("any").words).config == card.config  # type: ignore[attr-defined]


def test_the_curves_have_a_row_per_epoch_and_split(finished: Run) -> None:
    curves = finished.curves()
    assert list(zip(curves["epoch"], curves["split"], strict=True)) == [
        (epoch, split) for epoch in (1, 2, 3, 4) for split in ("train", "validation")
    ]
    assert (curves["reconstruction"] - curves["rate"] - curves["bound"]).abs().max() < 1e-3
    assert curves["seconds"].is_monotonic_increasing
    best = curves[curves["split"] == "validation"]["bound"]
    assert best.iloc[-1] > best.iloc[0]


def test_the_stages_show_the_same_noise_before_and_after(finished: Run, digits: DataSet) -> None:
    stages = finished.stages()
    count = len(stages["epoch"])
    assert stages["samples"].shape == (count, 10, monitoring.STAGE_COLUMNS, 784)
    assert stages["reconstructions"].shape == (count, 10, 784)
    assert (stages["samples"].dtype, stages["reconstructions"].dtype) == (np.uint8, np.uint8)
    assert (stages["epoch"][0], stages["epoch"][-1]) == (0, 4)
    assert (np.diff(stages["epoch"]) > 0).all()
    assert digits.test.labels[torch.from_numpy(stages["test_indices"])].tolist() == list(range(10))
    first, last = stages["samples"][0].astype(int), stages["samples"][-1].astype(int)
    assert np.abs(first - last).mean() > 3
    model = finished.model()
    again = recorder.as_bytes(monitoring.stage(model, digits, 4.0).samples).astype(int)
    assert np.abs(again - last).max() <= 1  # the last stage shows the weights that were kept


def test_stored_weights_are_in_half_precision_where_that_is_as_good(
    finished: Run, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = finished.card()
    assert card.weights is not None
    assert card.weights.dtype == "float16"
    assert abs(card.metrics["float16_cost"]) < recorder.HALF_PRECISION_COST
    monkeypatch.setattr(recorder, "HALF_PRECISION_COST", 0.0)
    exact = finish(tiny("label", epochs=1), tmp_path).card()
    assert exact.weights is not None
    assert exact.weights.dtype == "float32"


def scripted(monkeypatch: pytest.MonkeyPatch, bounds: list[float]) -> None:
    """Make the validation of each epoch return these bounds."""
    script = iter(bounds)
    monkeypatch.setattr(
        loop, "validate", lambda *_: Measured(split="validation", bound=next(script), reconstruction=0.0, rate=0.0)
    )


def test_the_kept_weights_are_those_of_the_best_epoch(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [-9.0, -5.0, -7.0, -6.0])
    monkeypatch.setattr(recorder, "WRITE_EVERY", -1.0)
    kept, of_epoch = [], {}
    session = reports(tiny("label", epochs=4, averaging=0.9), tmp_path)
    for report in session:
        if isinstance(report, EpochEnded):
            run = run_at("digits-label", tmp_path)
            kept.append(run.card().best_epoch)
            of_epoch[report.epoch] = run.weights()["output.bias"]
    assert kept == [1, 2, 2, 2]
    assert not torch.equal(of_epoch[1], of_epoch[2])
    assert torch.equal(of_epoch[2], of_epoch[3])
    card = run.card()
    assert (card.best_epoch, card.epochs) == (2, 4)
    torch.testing.assert_close(run.weights()["output.bias"], of_epoch[2].half().float(), rtol=0, atol=0)


def test_the_kept_weights_are_the_averaged_ones(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learners: list[Learner] = []
    monkeypatch.setattr(sessions, "Learner", lambda *a, **k: learners.append(Learner(*a, **k)) or learners[-1])
    scripted(monkeypatch, [-9.0, -5.0])
    run = finish(tiny("label", epochs=2, averaging=0.9), tmp_path)
    (learner,) = learners
    stored, raw = run.weights(), learner.model.state_dict()
    for name, averaged in learner.evaluated.state_dict().items():
        assert torch.equal(stored[name], averaged.half().float()), name
    assert not torch.equal(stored["output.bias"], raw["output.bias"].half().float())


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "label": ("label", {}),
    "classic without averaging": ("vae", {"preset": "classic", "patience": None}),
    "with patience": ("label", {"preset": "classic", "epochs": 8, "patience": 1, "learning_rate": 3.0}),
    "quadrant of any set, binarised, averaged": (
        "quadrant", {"visible": "any", "pixels": "binarised", "averaging": 0.9},
    ),
    "baseline": ("baseline", {"preset": "classic", "patience": None}),
}  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(tiny: Tiny, in_float32: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Train each case once, without interruption."""
    done: dict[str, Run] = {}

    def train(case: str) -> Run:
        if case not in done:
            flavour, changes = CASES[case]
            done[case] = finish(tiny(flavour, **changes), tmp_path_factory.mktemp("whole"))
        return done[case]

    return train


def with_baseline(whole: Run, root: Path) -> Path:
    """Copy the baselines of a complete run to a new folder of runs."""
    for other in all_runs(whole.folder.parent):
        if other != whole:
            shutil.copytree(other.folder, root / other.name)
    return root


@pytest.mark.parametrize(
    ("case", "steps"),
    [
        pytest.param(case, steps, marks=() if case == "label" or steps == 6 else pytest.mark.soak)
        for case in CASES
        for steps in (1, 5, 6)
    ]
    + [pytest.param(case, steps, marks=pytest.mark.soak) for case in CASES for steps in (4, 12)],
)
def test_a_run_that_was_stopped_after_any_step_ends_as_if_it_had_not_been(
    case: str, steps: int, tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path
) -> None:
    whole, (flavour, changes) = uninterrupted(case), CASES[case]
    config, root = tiny(flavour, **changes), with_baseline(whole, tmp_path)
    run = stop_after(steps, config, root)
    card = run.card()
    assert (card.status, card.reason) == ("stopped", "stopped on request")
    assert card.epochs == (steps - 1) // 5
    first = next(session := reports(config, root, resume=True))
    if isinstance(first, Reused):  # the baseline
        first = next(session)
    assert first == Started(run=run, epoch=(steps - 1) // 5, step=(steps - 1) % 5 + 1)
    assert run.card().status == "running"
    for _ in session:
        pass
    assert left(run) == left(whole)


@pytest.mark.parametrize(
    ("kind", "count"), [(Staged, 2), (EpochEnded, 2), (EpochEnded, 3), (Finishing, 1), (Finishing, 4)]
)
def test_a_run_that_was_stopped_after_any_other_report_ends_as_if_it_had_not_been(
    kind: type, count: int, tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path
) -> None:
    run = stop_after(count, tiny("label"), tmp_path, kind)
    assert run.card().status == "stopped"
    assert left(finish(tiny("label"), tmp_path, resume=True)) == left(uninterrupted("label"))
    assert run.card().status == "finished"


def test_a_run_that_is_stopped_again_and_again_ends_as_if_it_had_not_been(
    tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path
) -> None:
    config = tiny("label")
    run = stop_after(1, config, tmp_path)
    for _ in range(13):
        stop_after(1, config, tmp_path, resume=True)
        assert run.card().status == "stopped"
    assert left(finish(config, tmp_path, resume=True)) == left(uninterrupted("label"))


def test_a_resumed_run_says_how_many_processes_went_on_with_it(tiny: Tiny, tmp_path: Path) -> None:
    run = stop_after(1, tiny("label"), tmp_path)
    run.write_card(replace(run.card(), processes=2))
    stop_after(1, tiny("label"), tmp_path, resume=True)
    assert run.card().processes == 1


def test_a_patient_run_ends_by_its_patience_and_not_by_its_epochs(uninterrupted: Callable[[str], Run]) -> None:
    card = uninterrupted("with patience").card()
    assert card.best_epoch == card.epochs - 1
    assert card.epochs < card.config.epochs


def test_a_run_closed_before_its_first_step_is_stopped_and_can_be_resumed(
    tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path
) -> None:
    run = stop_after(1, tiny("label"), tmp_path, Started)
    assert run.card().status == "stopped"
    assert left(finish(tiny("label"), tmp_path, resume=True)) == left(uninterrupted("label"))


def test_a_run_closed_after_its_last_report_stays_finished(
    tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path
) -> None:
    run = stop_after(1, tiny("label"), tmp_path, Finished)
    assert run.card().status == "finished"
    assert left(run) == left(uninterrupted("label"))


def test_state_is_saved_when_it_is_time_and_holds_the_place(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[int, int]] = []
    save = recorder.Recorder.save
    monkeypatch.setattr(
        recorder.Recorder, "save", lambda self: (saved.append((self.learner.epoch, self.learner.step)), save(self))[1]
    )
    finish(tiny("label", epochs=1), tmp_path, "rarely")
    assert saved == [(0, 0)]
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "SAVE_BEFORE_VALIDATION", -1.0)
        finish(tiny("label", epochs=2), tmp_path, "before-validation")
    assert saved[1:] == [(0, 0), (0, 5), (1, 5)]
    saved.clear()
    monkeypatch.setattr(recorder, "SAVE_EVERY", -1.0)
    finish(tiny("label", epochs=1, seed=1), tmp_path, "always")
    assert set(saved[1:]) == {(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 0)}


DRIVER = """
import sys, time, torch
from pathlib import Path
from cvae_core.jobs import recorder as recording
from cvae_core.runs import run as runs
from cvae_core.jobs import session as sessions
torch.set_num_threads(1)
recording.SAVE_EVERY = float(sys.argv[3])
sessions.fast_dtype = lambda _: torch.float32
root, name = Path(sys.argv[1]), sys.argv[2]
config = runs.find("plan", root).card().config
found, said = runs.run_at(name, root).exists(), []
for report in sessions.train_run(config, sessions.Launch(run=name, root=root, resume=found)):
    said.append(type(report).__name__)
    print(said[-1], flush=True)
    there = len(said) > 20 and said[-1] == "Stepped"  # somewhere in the third epoch, where the kill arrives
    time.sleep(600 if there else 0.02)
"""


@pytest.mark.parametrize("save_every", ["0.01", pytest.param("0.1", marks=pytest.mark.soak)])
def test_a_killed_trainer_loses_nothing_but_time(
    save_every: str, tiny: Tiny, untrained: Untrained, tmp_path: Path
) -> None:
    config = tiny("label", epochs=6, averaging=0.9)
    untrained(config, "plan", status="queued")  # the driver trains its configuration
    command = [sys.executable, "-c", DRIVER, str(tmp_path), "killed", save_every]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout is not None
        for count, line in enumerate(trainer.stdout, 1):
            if count > 20 and line.startswith("Stepped"):
                break
        trainer.kill()
    run = run_at("killed", tmp_path)
    assert run.card().status == "running"
    whole = finish(config, tmp_path / "whole", "killed")
    assert left(finish(config, tmp_path, "killed", resume=True)) == left(whole)


class Death(BaseException):
    """Simulate a kill: an exception that no code catches, so nothing is cleaned up."""


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_a_training_that_dies_between_two_files_resumes_to_the_same_result(
    every: int, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, replaced, written, limit = tiny("label", epochs=2), files.replaced, 0, 1000

    def mortal(path: Path) -> AbstractContextManager[BinaryIO]:
        nonlocal written
        if written == limit:
            raise Death
        written += 1
        return replaced(path)

    monkeypatch.setattr(files, "replaced", mortal)  # every file is written by it
    whole = left(finish(config, tmp_path / "whole"))
    total, faults = written, []
    assert total > 12
    for first in range(1, total, every):
        root, written, limit = tmp_path / str(first), 0, first
        with pytest.raises(Death):
            finish(config, root)
        limit = 1000
        try:
            if left(finish(config, root, resume=True)) != whole:
                faults.append(f"after {first} of {total} files the result was another")
        except RunDamaged as error:
            faults.append(f"after {first} of {total} files: {error}")
    assert faults == []


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "CVAE_RUNS": str(root), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def test_a_termination_signal_stops_the_command_line_with_a_sentence_that_resumes(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("label", epochs=2000, width=17)
    words = train_command(config, config.run_name).split()
    with subprocess.Popen(
        [sys.executable, *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    ) as trainer:
        assert trainer.stdout is not None
        while not trainer.stdout.readline().startswith("epoch   2/2000"):
            assert trainer.poll() is None
        trainer.send_signal(signal.SIGTERM)
        _, complaint = trainer.communicate(timeout=WAIT)
    assert trainer.returncode == 2
    assert complaint == f"Stopped. Resume with: {' '.join(words)} --resume\n"
    run = run_at(config.run_name, tmp_path)
    assert (run.card().status, run.card().epochs >= 2) == ("stopped", True)
    session = reports(config, tmp_path, resume=True)
    assert next(session).epoch == run.card().epochs
    session.close()


def test_an_equal_finished_configuration_is_used_as_it_is(finished: Run, tiny: Tiny) -> None:
    before = left(finished)
    root = finished.folder.parent
    for name in (finished.name, "another-name"):
        assert list(reports(tiny("label", epochs=4), root, name)) == [Reused(run=finished)]
    assert list(reports(tiny("label", epochs=4), root, resume=True)) == [Reused(run=finished)]
    assert left(finished) == before
    assert [run.name for run in all_runs(root)] == [finished.name]


def test_force_trains_anew_and_to_the_same_weights(tiny: Tiny, tmp_path: Path) -> None:
    run = finish(tiny("label"), tmp_path)
    files.write_json(run.folder / "cll.json", {"weights": "old"})
    before = left(run)
    seen = list(reports(tiny("label"), tmp_path, force=True))
    assert isinstance(seen[0], Started)
    after = left(run)
    assert "cll.json" not in after["files"]
    assert {**after, "files": None} == {**before, "files": None}


def test_force_replaces_another_configuration_of_that_name_which_comes_back_as_it_was(
    tiny: Tiny, tmp_path: Path
) -> None:
    before = left(finish(tiny("label"), tmp_path, "mine"))
    (tmp_path / "mine" / "draws.json").mkdir()
    run = finish(tiny("label", latent=3), tmp_path, "mine", force=True)
    assert run.card().config == tiny("label", latent=3)
    housekeeping.rename(tmp_path, "mine", "new")
    assert left(housekeeping.restore(tmp_path, "mine")) == before


def test_a_run_that_is_to_be_replaced_is_not_lost_where_the_disk_is_full_or_the_process_dies(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finish(tiny("label"), tmp_path)
    before = left(run)
    with monkeypatch.context() as patch:
        full_disk(patch)
        with pytest.raises(NotWritable):
            list(reports(tiny("label"), tmp_path, force=True))
    assert left(run) == before
    assert housekeeping.in_bin(tmp_path) == []

    def killed(*_: object) -> NoReturn:
        raise SystemExit

    monkeypatch.setattr(Recorder, "save", killed)
    with pytest.raises(SystemExit):
        list(reports(tiny("label"), tmp_path, force=True))
    shutil.rmtree(run.folder)
    assert left(housekeeping.restore(tmp_path, run.name)) == before


def test_a_name_in_use_by_another_configuration_says_how_they_differ(tiny: Tiny, tmp_path: Path) -> None:
    run = finish(tiny("label"), tmp_path, "mine")
    before = left(run)
    with pytest.raises(
        RunInUse, match=r"'mine' has another configuration \(latent 2, not 3\): choose another name wit"
    ):
        list(reports(tiny("label", latent=3), tmp_path, "mine"))
    with pytest.raises(RunInUse, match="flavour label, not vae"):
        list(reports(tiny("vae"), tmp_path, "mine"))
    with pytest.raises(RunInUse, match="another configuration"):
        list(reports(tiny("label", latent=3), tmp_path, "mine", resume=True))
    assert left(run) == before


def test_a_stopped_run_is_neither_started_over_nor_resumed_unasked(tiny: Tiny, tmp_path: Path) -> None:
    stop_after(6, tiny("label"), tmp_path)
    with pytest.raises(
        RunInUse, match=r"'digits-label' was stopped after 1 epochs: --resume continues it, --force starts ov"
    ):
        list(reports(tiny("label"), tmp_path))


def test_there_must_be_something_to_resume(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(RunInUse, match="There is no run 'digits-label' to resume: leave out --resume to start it"):
        list(reports(tiny("label"), tmp_path, resume=True))


def test_a_run_is_trained_by_one_process_at_a_time(tiny: Tiny, tmp_path: Path) -> None:
    session = reports(tiny("label"), tmp_path)
    next(session)
    for launch in ({}, {"resume": True}, {"force": True}):
        with pytest.raises(RunInUse, match="'digits-label' is being trained by another process"):
            next(reports(tiny("label"), tmp_path, **launch))
    other = reports(tiny("vae"), tmp_path)
    assert isinstance(next(other), Started)  # another run can be trained
    other.close()
    session.close()
    assert isinstance(next(reports(tiny("label"), tmp_path, resume=True)), Started)


def test_a_pretrained_run_is_not_trained_over(tiny: Tiny, untrained: Untrained, tmp_path: Path) -> None:
    run = untrained(tiny("label"), read_only=True)
    before = files.read(run.folder / "card.json")
    for launch in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(ReadOnlyRun):
            list(reports(tiny("label", latent=3), tmp_path, **launch))
    assert files.read(run.folder / "card.json") == before


def test_an_imported_run_is_neither_reused_nor_resumed_nor_stood_on(
    tiny: Tiny, untrained: Untrained, tmp_path: Path
) -> None:
    origin = {"imported": "2026-01-31 from theirs.zip"}
    theirs = untrained(tiny("label"), "theirs", **origin)
    before = files.read(theirs.folder / "card.json")
    for resume in (False, True):
        with pytest.raises(RunInUse, match=r"'theirs' was imported 2026-01-31 from theirs\.zip: choose another name"):
            list(reports(tiny("label"), tmp_path, "theirs", resume=resume))
    assert files.read(theirs.folder / "card.json") == before
    assert finish(tiny("label"), tmp_path).name == "digits-label"  # trained, not reused
    needed = baseline_for(tiny("quadrant"))
    untrained(needed, **origin)
    with pytest.raises(RunInUse, match="or is imported: train it again with"):
        list(reports(tiny("quadrant"), tmp_path))


@pytest.mark.parametrize("name", ["../x", "A", ""])
def test_a_hostile_name_is_refused_before_anything_is_written(name: str, tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="A run cannot be called"):
        list(train_run(tiny("label"), Launch(run=name, root=tmp_path / "root")))
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_a_file_cannot_be_written(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match=r"digits-label cannot be written \(.+\): choose another --root"):
        list(reports(tiny("label"), tmp_path / "file"))


def test_a_run_without_its_images_is_not_started(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataMissing):
        list(reports(tiny("label", dataset="kmnist"), tmp_path))
    assert all_runs(tmp_path) == []


def test_a_run_of_other_images_is_not_resumed(
    tiny: Tiny, tmp_path: Path, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(3, tiny("label"), tmp_path)
    monkeypatch.setattr(sessions, "load", lambda name: replace(digits, fingerprint="0" * 64))
    with pytest.raises(RunInUse, match="trained on other images than digits has now"):
        list(reports(tiny("label"), tmp_path, resume=True))


def test_a_run_of_other_images_is_neither_reused_nor_stood_on_nor_replaced(
    tiny: Tiny, untrained: Untrained, tmp_path: Path, small_baseline: None
) -> None:
    theirs = untrained(tiny("label"), data_fingerprint="0" * 64)
    with pytest.raises(RunInUse, match="trained on other images than digits has now: choose another name with --run"):
        list(reports(tiny("label"), tmp_path))
    assert finish(tiny("label"), tmp_path, "mine").name == "mine"
    assert theirs.card().data_fingerprint == "0" * 64
    baseline = untrained(baseline_for(tiny("quadrant")), data_fingerprint="0" * 64)
    with pytest.raises(RunInUse, match="other images, or is imported: train it again with"):
        list(reports(tiny("quadrant"), tmp_path))
    baseline.write_card(replace(baseline.card(), read_only=True))
    own = finish(tiny("quadrant"), tmp_path)
    assert own.card().baseline == {
        "run": "my-digits-baseline-1",
        "sha256": run_at("my-digits-baseline-1", tmp_path).weights_digest(),
    }


@pytest.mark.parametrize("damage", ["cut", "missing", "of another run"])
def test_a_damaged_state_is_not_resumed(damage: str, tiny: Tiny, tmp_path: Path) -> None:
    run = stop_after(6, tiny("label"), tmp_path)
    state = run.folder / "state.safetensors"
    match damage:
        case "cut":
            state.write_bytes(state.read_bytes()[:-1])
        case "missing":
            state.unlink()
        case "of another run":
            other = stop_after(3, tiny("vae"), tmp_path)
            shutil.copy(other.folder / "state.safetensors", state)
    with pytest.raises(RunDamaged, match=r"state\.safetensors"):
        list(reports(tiny("label"), tmp_path, resume=True))
    assert finish(tiny("label"), tmp_path, force=True).card().status == "finished"


def test_a_run_without_a_state_in_its_first_epoch_starts_over(
    tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path
) -> None:
    run = stop_after(3, tiny("label"), tmp_path)
    (run.folder / "state.safetensors").unlink()
    session = reports(tiny("label"), tmp_path, resume=True)
    assert next(session) == Started(run=run, epoch=0, step=0)
    assert (run.card().status, run.card().reason) == ("running", None)
    for _ in session:
        pass
    assert left(run) == left(uninterrupted("label"))


def test_a_failure_is_recorded_with_its_reason_and_can_be_resumed(
    tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Learner.learn

    def fail(self: Learner, *arguments: Any) -> float:
        if (self.epoch, self.step) == (1, 2):
            raise RuntimeError("not enough memory\nand a trace")
        return learn(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", fail)
        with pytest.raises(RuntimeError, match="not enough memory"):
            list(reports(tiny("label"), tmp_path))
    card = run_at("digits-label", tmp_path).card()
    assert (card.status, card.reason, card.epochs) == ("failed", "not enough memory", 1)
    assert left(finish(tiny("label"), tmp_path, resume=True)) == left(uninterrupted("label"))


def test_a_full_disk_reaches_the_caller_and_leaves_what_was_there(
    tiny: Tiny, uninterrupted: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = reports(tiny("label"), tmp_path)
    next(session)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NotWritable, match="No space left on device"):
            list(session)
    assert left(finish(tiny("label"), tmp_path, resume=True)) == left(uninterrupted("label"))


def diverging(patch: pytest.MonkeyPatch, at: tuple[int, int]) -> None:
    """Make a weight infinite after a step of an epoch (counted from 0), as a step that is too large would."""
    learn = Learner.learn

    def overflow(self: Learner, *arguments: Any) -> float:
        bound = learn(self, *arguments)
        if (self.epoch, self.step) == at:
            with torch.no_grad():
                self.learned[0].view(-1)[0] = torch.inf
        return bound

    patch.setattr(Learner, "learn", overflow)


def test_a_training_that_diverges_keeps_the_last_good_state_and_says_what_can_help(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("label", learning_rate=10.0)
    monkeypatch.setattr(recorder, "SAVE_EVERY", 0.0)
    diverging(monkeypatch, (1, 2))
    calm = tiny("label", learning_rate=2e-3)
    anew = f"{train_command(calm, config.run_name, '--no-embed')} --force --root {tmp_path}"
    with pytest.raises(Diverged, match=r"after 2 steps of epoch 2 the state is not finite") as raised:
        list(reports(config, tmp_path))
    assert str(raised.value).endswith(f"Train it again with: {anew}")
    run = run_at("digits-label", tmp_path)
    card = run.card()
    assert (card.status, card.verdict, card.epochs) == ("failed", "diverged", 1)
    assert card.reason is not None
    assert "The learning rate 10 is too high" in card.reason
    assert "The run has the weights of epoch 1." in card.trouble
    tensors, notes = formats.read_tensors(run.state_file)
    assert formats.are_finite(tensors.values())
    place = json.loads(notes["place"])
    assert (place["epoch"], place["step"]) == (1, 1)
    run.model()
    now = control.state_of(tmp_path, "digits-label")
    assert (now.state, now.resume) == ("failed", None)
    assert now.anew is not None
    assert now.anew.command(tmp_path, force=True) == anew
    for launch in ({"resume": True}, {}):
        with pytest.raises(RunInUse, match="has diverged and would diverge again") as refused:
            list(reports(config, tmp_path, **launch))
        assert anew in str(refused.value)
    monkeypatch.undo()
    assert finish(tiny("label"), tmp_path, force=True).card().verdict != "diverged"


def test_a_training_that_is_stopped_with_a_state_that_is_not_finite_has_diverged(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diverging(monkeypatch, (0, 3))
    run = stop_after(3, tiny("label"), tmp_path)
    assert (run.card().status, run.card().verdict) == ("failed", "diverged")
    tensors, notes = formats.read_tensors(run.state_file)
    assert json.loads(notes["place"])["step"] == 0
    assert formats.are_finite(tensors.values())


def test_a_validation_bound_that_is_not_finite_ends_the_training(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("label", preset="classic", patience=None, epochs=3)
    with pytest.MonkeyPatch.context() as patch:
        scripted(patch, [float("nan")] * 3)
        with pytest.raises(Diverged, match="after 5 steps of epoch 1 the validation bound is not finite"):
            list(reports(config, tmp_path))
    assert run_at("digits-label-classic", tmp_path).card().verdict == "diverged"


def test_a_state_that_an_older_version_saved_although_it_was_not_finite_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    run = stop_after(3, tiny("label"), tmp_path)
    tensors, notes = formats.read_tensors(run.state_file)
    formats.write_tensors(run.state_file, {**tensors, "sums": tensors["sums"] * torch.nan}, **notes)
    with pytest.raises(RunDamaged, match="holds values that are not finite: start over with --force"):
        list(reports(tiny("label"), tmp_path, resume=True))


def test_weights_that_half_precision_cannot_hold_are_kept_in_full(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Learner.learn

    def huge(self: Learner, *arguments: Any) -> float:
        with torch.no_grad():
            self.learned[-1].view(-1)[0] = 1e6  # a bias of one pixel
        return learn(self, *arguments)

    monkeypatch.setattr(Learner, "learn", huge)
    card = finish(tiny("label", averaging=0.0), tmp_path).card()
    assert card.weights is not None
    assert card.weights.dtype == "float32"
    assert "float16_cost" not in card.metrics
    assert card.verdict == "diverged"


def test_a_finished_run_has_a_verdict_by_its_validation_figures(tiny: Tiny, digits: DataSet, tmp_path: Path) -> None:
    card = finish(tiny("label"), tmp_path).card()
    assert card.verdict == verdicts.reached(card.config, card.metrics, card.rates) != "sound"
    assert card.metrics["guess"] == pytest.approx(-153.70, abs=0.01)
    for name, value in trivial(card.config, digits).items():
        assert card.metrics[name] == value
    assert card.trouble


def test_a_quadrant_run_trains_its_baseline_first_and_carries_it(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("quadrant", visible="2", averaging=0.9)
    seen = list(reports(config, tmp_path))
    order = [(type(report), report.run.name) for report in seen if isinstance(report, Started | Finished)]
    assert order == [
        (Started, "digits-baseline-2"),
        (Finished, "digits-baseline-2"),
        (Started, "digits-quadrant-2"),
        (Finished, "digits-quadrant-2"),
    ]
    baseline, run = (run_at(name, tmp_path) for name in ("digits-baseline-2", "digits-quadrant-2"))
    weights, carried = baseline.weights(), run.weights()
    for name, tensor in weights.items():
        assert torch.equal(carried[f"baseline.{name}"], tensor), name
    named = baseline.card().weights
    assert named is not None
    assert run.card().baseline == {"run": "digits-baseline-2", "sha256": named.sha256}
    assert baseline.card().baseline is None


def test_a_quadrant_run_uses_a_baseline_that_is_there_whatever_its_name(tiny: Tiny, tmp_path: Path) -> None:
    finish(baseline_for(tiny("quadrant")), tmp_path, "old-baseline")
    seen = list(reports(tiny("quadrant"), tmp_path))
    assert [type(report) for report in seen if isinstance(report, Started)] == [Started]
    baseline = run_at("digits-quadrant-1", tmp_path).card().baseline
    assert baseline is not None
    assert baseline["run"] == "old-baseline"


def test_a_baseline_that_is_here_as_its_scores_alone_is_trained_under_another_name(tiny: Tiny, tmp_path: Path) -> None:
    scored = finish(baseline_for(tiny("quadrant")), tmp_path)
    scored.write_card(replace(scored.card(), read_only=True))
    for path in scored.folder.glob("weights-*"):
        path.unlink()
    run = finish(tiny("quadrant", epochs=1), tmp_path)
    baseline = run.card().baseline
    assert baseline is not None
    assert baseline["run"] == f"my-{scored.name}"
    assert scored.card().read_only


def test_force_trains_the_quadrant_run_anew_and_not_its_baseline(tiny: Tiny, tmp_path: Path) -> None:
    finish(tiny("quadrant"), tmp_path)
    names = [r.run.name for r in reports(tiny("quadrant"), tmp_path, force=True) if isinstance(r, Started)]
    assert names == ["digits-quadrant-1"]


def test_a_quadrant_run_stopped_during_its_baseline_goes_on_with_resume(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("quadrant")
    session = reports(config, tmp_path)
    for report in session:
        if isinstance(report, Stepped) and report.step == 3:
            break
    session.close()
    assert run_at("digits-baseline-1", tmp_path).card().status == "stopped"
    assert finish(config, tmp_path, resume=True).name == "digits-quadrant-1"  # the command line's advice


@pytest.mark.parametrize(("flavour", "latent", "expected"), [("label", 2, True), ("label", 1, False)])
def test_a_finished_run_is_laid_out_where_there_are_two_dimensions_to_lay_out(
    flavour: str, latent: int, expected: bool, tiny: Tiny, tmp_path: Path
) -> None:
    run = finish(tiny(flavour, latent=latent, epochs=1), tmp_path, options=Options())
    assert run.card().status == "finished"
    assert (stored_embedding(run) is not None) == expected


def test_a_run_that_cannot_be_laid_out_is_finished_all_the_same_and_says_why(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collapsed(*_: object) -> None:
        raise ConfigError("There is nothing to lay out.")

    monkeypatch.setattr(sessions, "embed", collapsed)
    seen = list(reports(tiny("label", epochs=1), tmp_path, options=Options()))
    assert Skipped(why="There is nothing to lay out.") in seen
    assert isinstance(seen[-1], Finished)
    assert seen[-1].run.card().status == "finished"


def test_a_run_closed_while_it_is_laid_out_stays_finished(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("label", epochs=1)
    session = reports(config, tmp_path, options=Options())
    for report in session:
        if isinstance(report, Finishing) and report.steps == 1:
            break
    session.close()
    run = run_at(config.run_name, tmp_path)
    assert run.card().status == "finished"
    assert stored_embedding(run) is None
    assert list(reports(config, tmp_path, resume=True)) == [Reused(run=run)]


def test_no_choice_looks_at_the_test_split(
    tiny: Tiny, digits: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = replace(digits.test, images=digits.test.images.flip(1).roll(31, 0), labels=digits.test.labels.roll(1))
    config = tiny("quadrant", averaging=0.9, patience=2)
    clean = finish(config, tmp_path / "clean")
    monkeypatch.setattr(sessions, "load", lambda name: replace(digits, test=poisoned))
    blind = finish(config, tmp_path / "poisoned")
    one, other = left(clean), left(blind)
    assert one["stages"] != other["stages"]  # the invalid value was read
    del one["stages"], other["stages"]
    assert one == other


def test_validation_decides_and_so_other_validation_images_decide_otherwise(
    tiny: Tiny, digits: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = finish(tiny("label"), tmp_path / "clean")
    poisoned = replace(digits.validation, images=digits.validation.images.flip(1))
    monkeypatch.setattr(sessions, "load", lambda name: replace(digits, validation=poisoned))
    blind = finish(tiny("label"), tmp_path / "poisoned")
    curves: list[pd.DataFrame] = [run.curves().query("split == 'validation'") for run in (clean, blind)]
    assert (curves[0]["bound"] != curves[1]["bound"]).all()


def test_other_seeds_train_to_other_weights(tiny: Tiny, finished: Run, tmp_path: Path) -> None:
    other = finish(tiny("label", epochs=4, seed=1), tmp_path)
    assert not torch.equal(other.weights()["output.weight"], finished.weights()["output.weight"])


@pytest.mark.parametrize("last", [-9.0, -4.0])
def test_short_epochs_are_written_together_and_none_is_lost(
    last: float, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [-9.0, -5.0, last])
    monkeypatch.setattr(recorder, "WRITE_EVERY", 3600.0)
    written: list[int] = []
    write = Run.write_weights
    monkeypatch.setattr(
        Run, "write_weights", lambda run, *a, **k: written.append(k["best_epoch"]) or write(run, *a, **k)
    )
    session = reports(tiny("label", epochs=4, averaging=0.9), tmp_path)
    ended = [next(report for report in session if isinstance(report, EpochEnded)) for _ in range(3)]
    assert not written
    session.close()
    run, best = run_at("digits-label", tmp_path), 3 if last == -4.0 else 2
    card = run.card()
    assert (card.status, card.epochs, card.best_epoch, written) == ("stopped", 3, best, [best])
    assert card.metrics["bound"] == ended[best - 1].validation.bound
    assert run.curves()["epoch"].tolist() == [1, 1, 2, 2, 3, 3]


def test_the_card_on_disk_follows_the_training(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "WRITE_EVERY", -1.0)
    cards: list[Card] = []
    for report in reports(tiny("label"), tmp_path):
        if isinstance(report, Started | EpochEnded | Finished):
            cards.append(run_at("digits-label", tmp_path).card())
    assert [card.status for card in cards] == ["running"] * 4 + ["finished"]
    assert [card.epochs for card in cards] == [0, 1, 2, 3, 3]
    assert [card.weights is None for card in cards] == [True] + [False] * 4
    assert all(one.seconds <= other.seconds for one, other in pairwise(cards[:4]))


def threads_of(session: Iterator[Any]) -> list[tuple[str, int]]:
    """Return the name and the number of threads of each run that a session starts."""
    found = [(report.run.name, torch.get_num_threads()) for report in session if isinstance(report, Started)]
    assert torch.get_num_threads() == 1
    return found


def test_a_training_and_its_baseline_take_as_many_threads_as_they_are_told_and_no_more_afterwards(
    tiny: Tiny, tmp_path: Path
) -> None:
    config, three = tiny("quadrant", epochs=1), Options(embed=False, threads=3)
    told = [("digits-baseline-1", 3), ("digits-quadrant-1", 3)]
    assert threads_of(train_run(config, Launch(run=config.run_name, root=tmp_path, options=three))) == told
    for name, _ in told:
        card = run_at(name, tmp_path).card()
        assert (card.threads, card.options) == (3, three)


def test_a_resumed_training_keeps_its_threads_unless_it_is_told_others(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("label", epochs=1)
    name, told = config.run_name, [(None, 1), (2, 2), (None, 2), (1, 1)]
    for count, expected in told:
        options = Options(embed=False, threads=count)
        session = train_run(
            config, Launch(run=name, root=tmp_path, options=options, resume=(count, expected) != told[0])
        )
        assert isinstance(next(session), Started)
        assert torch.get_num_threads() == expected
        session.close()  # type: ignore[attr-defined]
        card = run_at(name, tmp_path).card()
        assert (card.status, card.threads, card.options.threads) == ("stopped", expected, count)
        assert torch.get_num_threads() == 1
