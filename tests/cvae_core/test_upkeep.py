"""Runs are renamed, annotated, thrown away and taken back, and nothing is lost on the way."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from filelock import FileLock

from cvae_core import archives, cli, data, evaluation, jobs, judging, latent, queueing, transcripts, upkeep
from cvae_core.classifier import Classifier, store_classifier
from cvae_core.config import Config, train_command
from cvae_core.errors import ConfigError, LabError, ReadOnlyRun, RunDamaged, RunInUse, RunNotFound
from cvae_core.jobs import RUN_LOCK
from cvae_core.latent import Layout
from cvae_core.options import Options
from cvae_core.roots import in_root
from cvae_core.runs import Run, all_runs, find, run_at
from tests import misfortune
from tests.jobs import a_job

Tiny, Untrained = Callable[..., Config], Callable[..., Run]


def names(root: Path) -> list[str]:
    return [run.name for run in all_runs(root)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("card.json", RUN_LOCK)}


def test_a_renamed_run_is_the_same_under_its_new_name(root: Path) -> None:
    before, card = files_of(root / "digits-label"), find("digits-label", root).card()
    run = upkeep.rename(root, "digits-label", "mine")
    assert (files_of(run.folder), "digits-label" in names(root)) == (before, False)
    assert run.card() == card
    assert run.model().config == card.config


def test_a_renamed_run_goes_on_under_its_new_name_with_the_flags_that_it_had(untrained: Untrained, tiny: Tiny) -> None:
    options = Options(embed=False, threads=2)
    root = untrained(tiny("label"), "mine", options=options, status="stopped").folder.parent
    for new in ("yours", tiny("label").run_name):
        upkeep.rename(root, "mine", new)
        command = train_command(tiny("label"), new, "--no-embed", "--threads", "2", "--resume")
        goes_on = jobs.condition(root, new).resume
        assert goes_on is not None
        assert goes_on.command(root) == in_root(command, root)
        upkeep.rename(root, new, "mine")


def test_a_note_is_one_line_that_stays_with_the_run(root: Path) -> None:
    upkeep.annotate(root, "digits-label", "too\n narrow ")
    assert find("digits-label", root).card().note == "too narrow"
    with pytest.raises(ConfigError, match="The note has 501 characters: 500 are the most"):
        upkeep.annotate(root, "digits-label", "x" * 501)
    assert upkeep.rename(root, "digits-label", "mine").card().note == "too narrow"


def test_a_note_keeps_neither_bytes_that_are_no_text_nor_letters_that_nobody_sees(root: Path) -> None:
    upkeep.annotate(root, "digits-label", "caf\udce9 by \u202e two\u200b")  # é in Latin-1, as the shell hands it over
    assert find("digits-label", root).card().note == "caf? by two"
    assert archives.packed(find("digits-label", root))


def test_a_note_lends_no_seal_to_what_has_taken_the_place_of_a_part(root: Path) -> None:
    shutil.copy(root / "digits-vae" / "stages.npz", root / "digits-label" / "stages.npz")
    upkeep.annotate(root, "digits-label", "looks different")
    with pytest.raises(RunDamaged, match=r"stages\.npz"):
        find("digits-label", root).stages()


def test_what_is_thrown_away_comes_back_as_it_was(root: Path) -> None:
    before = files_of(root / "digits-label")
    upkeep.discard(root, "digits-label")
    assert "digits-label" not in names(root)
    (root / ".bin" / "no run").write_text("")
    (root / ".bin" / "linked@20260101T000000.0").symlink_to(root / "digits-vae")
    assert [binned.run for binned in upkeep.in_bin(root)] == ["digits-label"]
    assert files_of(upkeep.restore(root, "digits-label").folder) == before
    assert upkeep.in_bin(root) == []


def test_what_a_run_has_said_goes_with_its_name(root: Path) -> None:
    for change in (lambda: upkeep.discard(root, "digits-vae"), lambda: upkeep.rename(root, "digits-label", "mine")):
        with transcripts.kept(root, a_job("digits-vae")), transcripts.kept(root, a_job("digits-label")):
            pass
        change()
    assert transcripts.recent(root) == ["digits-vae"]


def test_a_run_does_not_say_what_a_stranger_said_that_never_came_to_be_under_its_new_name(root: Path) -> None:
    def fails(name: str) -> None:
        with transcripts.kept(root, a_job(name)):
            print("refused")

    fails("mine")
    upkeep.rename(root, "digits-label", "mine")
    assert transcripts.tail(root, "mine") == ""
    upkeep.discard(root, "mine")
    fails("mine")
    upkeep.restore(root, "mine")
    assert transcripts.tail(root, "mine") == ""


def test_of_two_of_a_name_the_last_thrown_comes_back_first_and_only_to_a_free_name(root: Path) -> None:
    for note in ("first", "second"):
        upkeep.annotate(root, "digits-label", note)
        upkeep.discard(root, "digits-label")
        if note == "first":
            upkeep.rename(root, "digits-vae", "digits-label")
    assert upkeep.restore(root, "digits-label").card().note == "second"
    with pytest.raises(RunInUse, match=r"There is a run 'digits-label' in .* already: rename that one first"):
        upkeep.restore(root, "digits-label")
    binned = root / upkeep.BIN / "digits-vae@20260101T000000"
    binned.with_suffix(".0").mkdir()  # without a card
    os.mkfifo(binned.with_suffix(".1"))  # it would never end
    binned.with_suffix(".2").symlink_to(root / "digits-quadrant-1")
    binned.with_suffix(".3").touch()
    upkeep.empty_bin(root)
    assert run_at("digits-quadrant-1", root).exists()
    assert not list((root / upkeep.BIN).iterdir())
    with pytest.raises(RunNotFound, match=r"No run 'digits-label' is in the bin of .* There are: none"):
        upkeep.restore(root, "digits-label")


@pytest.mark.parametrize("act", [upkeep.discard, lambda root, name: upkeep.rename(root, name, "new")])
def test_of_two_who_move_a_run_at_once_one_does_and_the_other_is_told(
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
        if upkeep.in_bin(root):
            assert upkeep.restore(root, "digits-label").model()
        else:
            assert upkeep.rename(root, "new", "digits-label").model()
    assert upkeep.in_bin(root) == []


def test_what_is_no_run_is_not_taken_out_of_the_bin(root: Path) -> None:
    (root / ".bin" / "digits-label@20990101T000000.0").mkdir(parents=True)
    upkeep.discard(root, "digits-label")
    assert upkeep.restore(root, "digits-label").model()


CHANGES: dict[str, Callable[[Path, str], object]] = {
    "rename": lambda root, name: upkeep.rename(root, name, "new"),
    "annotate": lambda root, name: upkeep.annotate(root, name, "note"),
    "discard": upkeep.discard,
}


@pytest.mark.parametrize("change", CHANGES)
def test_pretrained_runs_and_those_at_work_are_left_alone(change: str, root: Path) -> None:
    run = find("digits-label", root)
    card = run.card()
    run.write_card(replace(card, read_only=True))
    with pytest.raises(ReadOnlyRun, match="pretrained and read-only"):
        CHANGES[change](root, "digits-label")
    run.write_card(card)
    with queueing.turn(root, a_job("digits-label")), pytest.raises(RunInUse, match="trains or waits: stop it"):
        CHANGES[change](root, "digits-label")
    with FileLock(run.folder / RUN_LOCK), pytest.raises(RunInUse, match="at work in another process"):
        CHANGES[change](root, "digits-label")
    assert (run.card(), upkeep.in_bin(root)) == (card, [])


@pytest.mark.parametrize("new", ["digits-vae", "waiting", "../up", "A", ""])
def test_a_name_that_is_taken_or_cannot_be_changes_nothing(new: str, root: Path) -> None:
    card = find("digits-label", root).card()
    with queueing.turn(root, a_job("waiting")), pytest.raises(LabError):
        upkeep.rename(root, "digits-label", new)
    assert find("digits-label", root).card() == card


def test_the_command_line_says_what_it_did_and_how_to_undo_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert cli.main([*words, "--root", str(root)]) == 0
        return capsys.readouterr().out

    assert said("rename", "digits-label", "mine") == "Run 'digits-label' is now 'mine'.\n"
    assert said("annotate", "mine", "a note") == ""
    restore = f"python -m cvae_core restore mine --root {root}"
    assert said("discard", "mine") == f"Run 'mine' is in the bin. Take it back with: {restore}\n"
    assert said("restore").startswith("mine  ")
    assert said("restore", "mine") == "Run 'mine' is back.\n"
    assert said("restore") == f"Nothing is in the bin of {root}.\n"
    assert Run(root / "mine").card().note == "a note"


MOVES: dict[str, Callable[[Run], object]] = {
    "rename": lambda run: upkeep.rename(run.folder.parent, run.name, "new"),
    "discard": lambda run: upkeep.discard(run.folder.parent, run.name),
    "train --force": lambda run: upkeep.replacing(run).__enter__(),
}
HOLDER = """
import sys
from pathlib import Path
from cvae_core import upkeep
from cvae_core.runs import find
with upkeep.held(find("digits-label", Path(sys.argv[1])), "evaluation"):
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("move", MOVES)
def test_a_run_that_several_work_on_is_neither_moved_nor_replaced_until_the_last_has_ended(
    move: str, root: Path
) -> None:
    run = find("digits-label", root)
    before = files_of(run.folder)
    with upkeep.held(run, "map"):
        with upkeep.held(run, "evaluation"), pytest.raises(RunInUse, match=r"'digits-label' is in use \((evalu|map)"):
            MOVES[move](run)
        sentence = rf"is in use \(map, process {os.getpid()}\): wait until that has ended, or stop it, and try again"
        with pytest.raises(RunInUse, match=sentence):
            MOVES[move](run)
        upkeep.annotate(root, "digits-label", "a note hinders nobody")
    assert files_of(run.folder) == before
    MOVES[move](run)
    assert upkeep.in_bin(root) or find("new", root).model()


def test_whoever_is_killed_at_work_holds_a_run_no_longer(root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds\n"
        with pytest.raises(RunInUse, match=rf"in use \(evaluation, process {process.pid}\)"):
            upkeep.rename(root, "digits-label", "new")
        process.kill()
    assert list((root / "digits-label").glob(f"{upkeep.HELD}*"))
    new = upkeep.rename(root, "digits-label", "new")
    assert list(new.folder.glob(f"{upkeep.HELD}*")) == []


def test_what_only_looks_like_a_hold_is_none_and_shows_no_text_of_a_file(root: Path) -> None:
    folder = find("digits-label", root).folder
    (folder / f"{upkeep.HELD}folder").mkdir()
    (folder / f"{upkeep.HELD}link").symlink_to(root / "digits-vae" / "card.json")
    os.mkfifo(folder / f"{upkeep.HELD}pipe")  # opening it would never end
    with (folder / f"{upkeep.HELD}evaluation-1; rm -x").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunInUse, match=r"in use \(another process\): wait"):
            upkeep.discard(root, "digits-label")
    upkeep.discard(root, "digits-label")
    assert (root / "digits-vae" / "card.json").exists()


def test_a_pretrained_run_and_a_folder_that_cannot_be_written_need_no_hold(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = find("digits-label", root)
    with monkeypatch.context() as patch:
        misfortune.read_only(patch)
        with upkeep.held(run, "export"):
            assert not list(run.folder.glob(f"{upkeep.HELD}*"))
    run.write_card(replace(run.card(), read_only=True))
    with upkeep.held(run, "evaluation"):
        assert not list(run.folder.glob(f"{upkeep.HELD}*"))


def test_a_run_that_was_moved_before_it_could_be_held_is_not_found(root: Path) -> None:
    run = find("digits-label", root)
    upkeep.rename(root, "digits-label", "new")
    with pytest.raises(RunNotFound, match="No run named 'digits-label'"), upkeep.held(run, "map"):
        pytest.fail("it was held")


WORKED: dict[str, tuple[str, object, str, Callable[[Run], object]]] = {
    "evaluate digits-label --images 20 --samples 2": (evaluation, "evaluate", "cll.json", evaluation.stored_cells),
    "embed digits-label --method pca --points 60": (
        latent, "embed", "embedding-pca-60.npz", lambda run: latent.stored_embedding(run, Layout(method="pca", points=60)),
    ),
    "judge digits-label": (judging, "judge", "judgement.json", judging.stored_judgement),
}  # fmt: skip


@pytest.fixture
def at_work(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Let something happen once a command has begun to compute."""
    store_classifier(Classifier(), data.load("digits"), root)
    monkeypatch.setattr(judging, "judge", lambda *_: [judging.Finding(name="digits", value=0.5, of=10)])

    def prepare(line: str, happening: Callable[[], object]) -> None:
        module, name, *_ = WORKED[line]
        compute = getattr(module, name)

        def computed(*given: Any, **more: Any) -> Any:
            happening()
            return compute(*given, **more)

        monkeypatch.setattr(module, name, computed)

    return prepare


@pytest.mark.parametrize("line", WORKED)
def test_a_run_that_is_worked_on_is_not_moved_and_what_is_computed_is_kept(
    line: str, root: Path, at_work: Callable[[str, Callable[[], object]], None]
) -> None:
    refused: list[int] = []
    for move in ("rename digits-label new", "discard digits-label"):
        at_work(line, lambda move=move: refused.append(cli.main([*move.split(), "--root", str(root)])))
    assert cli.main([*line.split(), "--root", str(root)]) == 0
    assert refused == [2, 2]
    assert WORKED[line][3](find("digits-label", root))


@pytest.mark.parametrize("line", WORKED)
def test_what_was_computed_for_a_run_that_was_moved_by_hand_is_kept_and_found_when_it_is_back(
    line: str, root: Path, at_work: Callable[[str, Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run = find("digits-label", root)
    at_work(line, lambda: run.folder.rename(root / "elsewhere"))
    assert cli.main([*line.split(), "--root", str(root)]) == 2
    complaint, kept = capsys.readouterr().err.splitlines()[-1], root / ".cache" / "digits-label" / WORKED[line][2]
    assert complaint.startswith(f"Run 'digits-label' is no longer in {root}: it was moved or deleted meanwhile.")
    assert str(kept) in complaint
    assert not run.folder.exists()
    (root / "elsewhere").rename(run.folder)
    assert WORKED[line][3](run)
