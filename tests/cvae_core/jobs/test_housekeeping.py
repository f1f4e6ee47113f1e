"""Runs are renamed, annotated, discarded and restored without any loss."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from filelock import FileLock

from cvae_core.cli import main
from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Options
from cvae_core.errors import ConfigError, LabError, ReadOnlyRun, RunDamaged, RunInUse, RunNotFound
from cvae_core.jobs import archive, control, housekeeping, output_log, queue
from cvae_core.jobs.control import RUN_LOCK
from cvae_core.runs.run import Run, all_runs, find, run_at
from cvae_core.system.folders import in_root
from tests.jobs import a_job

Tiny, Untrained = Callable[..., Config], Callable[..., Run]


def names(root: Path) -> list[str]:
    return [run.name for run in all_runs(root)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("card.json", RUN_LOCK)}


def test_a_renamed_run_is_the_same_under_its_new_name(root: Path) -> None:
    before, card = files_of(root / "digits-label"), find("digits-label", root).card()
    run = housekeeping.rename(root, "digits-label", "mine")
    assert (files_of(run.folder), "digits-label" in names(root)) == (before, False)
    assert run.card() == card
    assert run.model().config == card.config


def test_a_renamed_run_goes_on_under_its_new_name_with_the_flags_that_it_had(untrained: Untrained, tiny: Tiny) -> None:
    options = Options(embed=False, threads=2)
    root = untrained(tiny("label"), "mine", options=options, status="stopped").folder.parent
    for new in ("yours", tiny("label").run_name):
        housekeeping.rename(root, "mine", new)
        command = train_command(tiny("label"), new, "--no-embed", "--threads", "2", "--resume")
        continues = control.state_of(root, new).resume
        assert continues is not None
        assert continues.command(root) == in_root(command, root)
        housekeeping.rename(root, new, "mine")


def test_a_note_is_one_line_that_stays_with_the_run(root: Path) -> None:
    housekeeping.annotate(root, "digits-label", "too\n narrow ")
    assert find("digits-label", root).card().note == "too narrow"
    with pytest.raises(ConfigError, match="The note has 501 characters: shorten it to 500"):
        housekeeping.annotate(root, "digits-label", "x" * 501)
    assert housekeeping.rename(root, "digits-label", "mine").card().note == "too narrow"


def test_a_note_keeps_neither_bytes_that_are_no_text_nor_letters_that_nobody_sees(root: Path) -> None:
    housekeeping.annotate(
        root, "digits-label", "caf\udce9 by \u202e two\u200b"
    )  # é in Latin-1, as the shell hands it over
    assert find("digits-label", root).card().note == "caf? by two"
    assert archive.packed(find("digits-label", root))


def test_a_note_lends_no_seal_to_what_has_taken_the_place_of_a_part(root: Path) -> None:
    shutil.copy(root / "digits-vae" / "stages.npz", root / "digits-label" / "stages.npz")
    housekeeping.annotate(root, "digits-label", "looks different")
    with pytest.raises(RunDamaged, match=r"stages\.npz"):
        find("digits-label", root).stages()


def test_what_is_thrown_away_comes_back_as_it_was(root: Path) -> None:
    before = files_of(root / "digits-label")
    housekeeping.discard(root, "digits-label")
    assert "digits-label" not in names(root)
    (root / ".bin" / "no run").write_text("")
    (root / ".bin" / "linked@20260101T000000.0").symlink_to(root / "digits-vae")
    assert [binned.run for binned in housekeeping.in_bin(root)] == ["digits-label"]
    assert files_of(housekeeping.restore(root, "digits-label").folder) == before
    assert housekeeping.in_bin(root) == []


def test_the_transcript_of_a_run_is_renamed_with_it(root: Path) -> None:
    for change in (
        lambda: housekeeping.discard(root, "digits-vae"),
        lambda: housekeeping.rename(root, "digits-label", "mine"),
    ):
        with output_log.kept(root, a_job("digits-vae")), output_log.kept(root, a_job("digits-label")):
            pass
        change()
    assert output_log.recent(root) == ["digits-vae"]


def test_a_run_does_not_say_what_a_stranger_said_that_never_came_to_be_under_its_new_name(root: Path) -> None:
    def fails(name: str) -> None:
        with output_log.kept(root, a_job(name)):
            print("refused")

    fails("mine")
    housekeeping.rename(root, "digits-label", "mine")
    assert output_log.tail(root, "mine") == ""
    housekeeping.discard(root, "mine")
    fails("mine")
    housekeeping.restore(root, "mine")
    assert output_log.tail(root, "mine") == ""


def test_of_two_of_a_name_the_last_thrown_comes_back_first_and_only_to_a_free_name(root: Path) -> None:
    for note in ("first", "second"):
        housekeeping.annotate(root, "digits-label", note)
        housekeeping.discard(root, "digits-label")
        if note == "first":
            housekeeping.rename(root, "digits-vae", "digits-label")
    assert housekeeping.restore(root, "digits-label").card().note == "second"
    with pytest.raises(RunInUse, match=r"There is a run 'digits-label' in .* already: rename that one first"):
        housekeeping.restore(root, "digits-label")
    binned = root / housekeeping.BIN / "digits-vae@20260101T000000"
    binned.with_suffix(".0").mkdir()  # without a card
    os.mkfifo(binned.with_suffix(".1"))  # reading it would block forever
    binned.with_suffix(".2").symlink_to(root / "digits-quadrant-1")
    binned.with_suffix(".3").touch()
    housekeeping.empty_bin(root)
    assert run_at("digits-quadrant-1", root).exists()
    assert not list((root / housekeeping.BIN).iterdir())
    with pytest.raises(RunNotFound, match=r"No run 'digits-label' is in the bin of .* There are: none"):
        housekeeping.restore(root, "digits-label")


@pytest.mark.parametrize("act", [housekeeping.discard, lambda root, name: housekeeping.rename(root, name, "new")])
def test_of_two_simultaneous_moves_of_a_run_one_succeeds_and_the_other_is_refused(
    act: Callable[[Path, str], object], root: Path
) -> None:
    for _ in range(5):
        both, told = Barrier(2), []

        def move(both: Barrier = both, told: list[object] = told) -> None:
            both.wait()
            try:
                told.append(act(root, "digits-label"))
            except LabError as error:
                told.append(type(error))

        movers = [Thread(target=move) for _ in range(2)]
        for mover in movers:
            mover.start()
        for mover in movers:
            mover.join()
        assert told.count(RunNotFound) == 1
        assert not (root / "digits-label").exists()
        if housekeeping.in_bin(root):
            assert housekeeping.restore(root, "digits-label").model()
        else:
            assert housekeeping.rename(root, "new", "digits-label").model()
    assert housekeeping.in_bin(root) == []


def test_what_is_no_run_is_not_taken_out_of_the_bin(root: Path) -> None:
    (root / ".bin" / "digits-label@20990101T000000.0").mkdir(parents=True)
    housekeeping.discard(root, "digits-label")
    assert housekeeping.restore(root, "digits-label").model()


CHANGES: dict[str, Callable[[Path, str], object]] = {
    "rename": lambda root, name: housekeeping.rename(root, name, "new"),
    "annotate": lambda root, name: housekeeping.annotate(root, name, "note"),
    "discard": housekeeping.discard,
}


@pytest.mark.parametrize("change", CHANGES)
def test_pretrained_runs_and_those_at_work_are_left_alone(change: str, root: Path) -> None:
    run = find("digits-label", root)
    card = run.card()
    run.write_card(replace(card, read_only=True))
    with pytest.raises(ReadOnlyRun, match="pretrained and read-only"):
        CHANGES[change](root, "digits-label")
    run.write_card(card)
    with queue.turn(root, a_job("digits-label")), pytest.raises(RunInUse, match="trains or waits: stop it"):
        CHANGES[change](root, "digits-label")
    with FileLock(run.folder / RUN_LOCK), pytest.raises(RunInUse, match="trains in another process"):
        CHANGES[change](root, "digits-label")
    assert (run.card(), housekeeping.in_bin(root)) == (card, [])


@pytest.mark.parametrize("new", ["digits-vae", "waiting", "../up", "A", ""])
def test_a_name_that_is_taken_or_cannot_be_changes_nothing(new: str, root: Path) -> None:
    card = find("digits-label", root).card()
    with queue.turn(root, a_job("waiting")), pytest.raises(LabError):
        housekeeping.rename(root, "digits-label", new)
    assert find("digits-label", root).card() == card


def test_the_command_line_says_what_it_did_and_how_to_undo_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert main.main([*words, "--root", str(root)]) == 0
        return capsys.readouterr().out

    assert said("rename", "digits-label", "mine") == "Run 'digits-label' is now 'mine'.\n"
    assert said("annotate", "mine", "a note") == ""
    restore = f"python -m cvae_core restore mine --root {root}"
    assert said("discard", "mine") == f"Run 'mine' is in the bin. Restore it with: {restore}\n"
    assert said("restore").startswith("mine  ")
    assert said("restore", "mine") == "Run 'mine' is restored.\n"
    assert said("restore") == f"The bin of {root} is empty.\n"
    assert Run(root / "mine").card().note == "a note"
