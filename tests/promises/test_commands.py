"""Commands are built from the configuration and known options. Text of a file is never shown as a command or run."""

import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.cli import main, train
from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Job, Options, job_from_json
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.jobs import archive as archives
from cvae_core.jobs import control, output_log, sweep
from cvae_core.jobs import queue as queueing
from cvae_core.runs.card import CARD
from cvae_core.runs.run import Run, find
from cvae_core.system import files, processes
from cvae_core.system.folders import NAME, QUEUE
from tests.cvae_core.forging import signed_json
from tests.jobs import a_job
from tests.measuring import Measured
from tests.promises.hostile import COMMANDS, MARK

pytestmark = pytest.mark.promise
Tiny, Untrained = Callable[..., Config], Callable[..., Run]
AS_OLD = ("options",)  # fields that are missing in cards of older versions, which had only the command


def with_command(run: Run, command: object, *, old: bool = True, **news: Any) -> None:
    """Write a forged card with a correct digest and a foreign command."""
    content = {**json.loads((run.folder / CARD).read_text()), **news, "command": command}
    del content["sha256"]
    files.write_json(run.folder / CARD, {k: v for k, v in content.items() if not (old and k in AS_OLD)})


@pytest.mark.parametrize("old", [True, False], ids=["an old card", "a card"])
@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_the_command_in_a_card_is_not_read(
    status: str, old: bool, tiny: Tiny, untrained: Untrained, capsys: pytest.CaptureFixture[str], measured: Measured
) -> None:
    run = untrained(tiny("label"), "mine", status=status)
    root = run.folder.parent
    for command in [*COMMANDS, None, 5, ["rm"]]:
        with_command(run, command, old=old)
        now = control.state_of(root, "mine")
        assert now.resume is not None
        assert now.resume == Job(run="mine", config=tiny("label"), options=now.resume.options, resume=True)
        assert now.resume.options in (Options(), *([Options(device="cpu")] if old else []))
        for line in ("list", "list --json", "queue"):
            assert main.main([*line.split(), "--root", str(root)]) == 0
        run.write_card(run.card())  # writing the card again removes it
        assert MARK not in capsys.readouterr().out
        assert MARK not in (run.folder / CARD).read_text()
        assert main._parsed([*now.resume.words, "--root", str(root)]) == train.Train(
            config=tiny("label"), run="mine", root=root, resume=True, options=now.resume.options
        )
    measured("commands", in_cards=len(COMMANDS), shown_or_run=0)


def test_of_an_old_card_s_command_two_flags_are_known_and_nothing_else(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"), "mine", status="stopped")
    what = train_command(tiny("label"), "mine")
    for flags, options in {
        "--no-embed --device cuda": Options(embed=False, device="cuda"),
        "--device cpu": Options(device="cpu"),
        "--device auto": Options(),
        "--device tpu --no-embed; --force --root /": Options(),
        "--no-embedding --device": Options(),
    }.items():
        with_command(run, f"{what} {flags}")
        assert run.card().options == options


@pytest.mark.parametrize(
    "options", [{"device": COMMANDS[0]}, {"threads": 0}, {"threads": True}, {"embed": "no"}, {"root": "/"}, [], None, 5]
)
def test_other_options_than_there_are_make_no_card(options: object, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"), "mine", status="stopped")
    with_command(run, "", old=False, options=options)
    with pytest.raises(RunDamaged, match="not of this version of the lab"):
        control.state_of(run.folder.parent, "mine")


HOSTILE_JOBS: list[dict[str, Any]] = [
    *({"run": command} for command in COMMANDS if not NAME.fullmatch(command)),
    *({"options": {**a_job("mine").to_json()["options"], "device": command}} for command in COMMANDS),
    *(
        {"config": {**a_job("mine").to_json()["config"], "dataset": command}}
        for command in COMMANDS
        if not NAME.fullmatch(command)
    ),
    *({"config": {**a_job("mine").to_json()["config"], "width": command}} for command in COMMANDS),
    *({"command": command} for command in COMMANDS),
    {"root": "/elsewhere"}, {"force": True}, {"resume": "yes"}, {"processes": "2; ls"}, {"config": None}, {"options": None},
]  # fmt: skip


def test_entries_of_the_queue_and_stored_jobs_are_data_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: Measured
) -> None:
    good = {"job": a_job("mine").to_json(), "process": vars(processes.this()), "created": "2026-01-01T00:00:00+00:00"}
    queue, asked = tmp_path / QUEUE / "queue.json", tmp_path / QUEUE / "mine.job"
    for changes in HOSTILE_JOBS:
        job = {**a_job("mine").to_json(), **changes}
        files.write_json(queue, {"entries": [{**good, "job": job}]})
        files.write_json(asked, job)
        with pytest.raises(ConfigError, match=r"is not of this version of the lab|cannot be"):
            job_from_json(job)
        assert main.main(["queue", "--root", str(tmp_path)]) == 2
        with pytest.raises(RunDamaged, match=r"queue\.json is damaged"):
            queueing.look(tmp_path)
        queue.unlink()
        with pytest.raises(RunDamaged, match=r"mine\.job is not of this version of the lab"):
            control.state_of(tmp_path, "mine")
        said = capsys.readouterr()
        assert MARK not in said.out + said.err
    files.write_json(asked, a_job("other").to_json())  # replaced by the job of another run
    with pytest.raises(RunDamaged, match=r"mine\.job"):
        control.state_of(tmp_path, "mine")
    measured("commands", in_the_queue=len(HOSTILE_JOBS), shown_or_run=0)


def test_text_of_a_transcript_is_not_a_command(tmp_path: Path, measured: Measured) -> None:
    path = output_log.path_of(tmp_path, "mine")
    path.parent.mkdir()
    for command in COMMANDS:
        path.write_text(f"{output_log.PROMPT}{command}\n")
        now = control.state_of(tmp_path, "mine")
        assert (now.state, now.resume) == ("failed", None)
        with output_log.opened(tmp_path, a_job("mine")) as said:
            said.write(f"{output_log.PROMPT}{command}\n".encode())
        assert control.state_of(tmp_path, "mine").resume == a_job("mine")
        output_log.forget(tmp_path, "mine")
    measured("commands", in_transcripts=len(COMMANDS), shown_or_run=0)


def test_a_command_in_an_archive_is_not_imported(root: Path, tmp_path: Path, measured: Measured) -> None:
    archive = tmp_path / "theirs.zip"
    archive.write_bytes(archives.packed(find("digits-label", root)))
    with zipfile.ZipFile(archive) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    for number, command in enumerate(COMMANDS):
        card = json.loads(contents["digits-label/card.json"])
        card.pop("sha256")
        with zipfile.ZipFile(archive, "w") as forged:
            for name, content in contents.items():
                forged.writestr(name, signed_json({**card, "command": command}) if name.endswith(CARD) else content)
        run = archives.unpack(archive, root, f"theirs-{number}")
        assert MARK not in (run.folder / CARD).read_text()
    measured("commands", in_archives=len(COMMANDS), shown_or_run=0)


def test_a_process_gets_its_root_from_the_caller_alone(
    tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    run = untrained(tiny("label"), "mine", status="stopped")
    root, given = run.folder.parent, []

    class Ended:
        pid, returncode = 0, 0

        def poll(self) -> int:
            return 0

    def launched(words: list[str], said: object) -> Ended:
        given.append(words)
        return Ended()

    monkeypatch.setattr(processes, "launched", launched)
    for command in COMMANDS:
        with_command(run, command, old=False)
        resume = control.state_of(root, "mine").resume
        assert resume is not None
        control.start(root, resume)
        control.start(root, sweep.Planned("mine", tiny("label")).job(root, {}))
        words = [*shlex.split(train_command(tiny("label"), "mine"))[3:], "--resume", "--root", str(root)]
        assert given == [words, words]
        given.clear()
    measured("commands", in_cards=len(COMMANDS), shown_or_run=0)
