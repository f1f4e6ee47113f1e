"""Texts of files, flags and errors reach the terminal and the log without control characters, except line ends."""

import contextlib
import io
import json
import logging
import re
import sys
from pathlib import Path

import pytest

from cvae_core.cli import main
from cvae_core.errors import LabError
from cvae_core.jobs import heartbeat, output_log
from cvae_core.system import files, logs, processes
from cvae_core.system.folders import QUEUE
from cvae_core.system.printable import Printable, printable
from tests.jobs import a_job
from tests.marked import WHEN
from tests.measuring import Measured

pytestmark = pytest.mark.promise
TITLE, CLEAR = "\x1b]0;title\x07", "\x1b[2J\x9b2J\r\x08\x7f\u202e\u2028\u200b"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
EVERY = "".join(map(chr, range(0x20))) + "".join(map(chr, range(0x7F, 0xA0)))


@pytest.fixture
def hostile(root: Path) -> Path:
    """Return a folder of runs, with a queue and a transcript, whose texts would set the terminal's title and clear it."""
    for name, changes in {
        "digits-label": {"imported": TITLE + CLEAR, "note": TITLE},
        "digits-vae": {"status": "failed", "reason": f"{TITLE}{CLEAR}\nforged   finished", "command": f"x {TITLE}"},
        "digits-baseline-1": {"created": TITLE},
        "digits-quadrant-1": {"status": "running"},
    }.items():
        path = root / name / "card.json"
        files.write_json(path, {**files.read_json(path), **changes})
    me = vars(processes.this())
    content = {**me, "boot": "", "killed_for_memory": 0, "words": TITLE + CLEAR, "progress": {"doing": TITLE}}
    (root / "digits-quadrant-1" / heartbeat.FILE).write_text(json.dumps(content))
    entry = {"command": TITLE + CLEAR, "process": me, "created": WHEN}
    entries = [{**entry, "run": "trains", "since": WHEN}, {**entry, "run": TITLE}]
    files.write_json(root / QUEUE / "queue.json", {"entries": entries})
    (root / QUEUE / "unborn.log").write_text(f"$ {TITLE}\n{TITLE}{CLEAR}\n")
    return root


COMMANDS = [
    ["list"], ["list", "--json"], ["queue"], ["table"], ["table", TITLE], ["restore"], ["restore", CLEAR], ["stop", "unborn"],
    ["annotate", "digits-label", TITLE], ["rename", "digits-vae", TITLE], ["import", TITLE], ["import", f"{CLEAR}.zip"],
    ["sweep", f"{TITLE}.toml"], ["export", "digits-label", "--grid", f"{TITLE}{CLEAR}"], ["evaluate", "digits-baseline-1"],
    ["download", TITLE], ["train", TITLE], [TITLE], ["train", "label", TITLE, CLEAR], ["--log-level", CLEAR],
    ["list", "--help"], ["export", "digits-quadrant-1", "--zip", "a.zip"], ["evaluate", "digits-label", "--visible", TITLE],
]  # fmt: skip


def test_no_control_character_reaches_the_terminal(
    hostile: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    measured: Measured,
) -> None:
    monkeypatch.chdir(tmp_path)
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))
    processes.open_streams()
    told = ""
    for words in COMMANDS:
        with contextlib.suppress(SystemExit):
            main.main([*words, *([] if words[0].startswith("-") or "train" in words else ["--root", str(hostile)])])
        out, err = capsys.readouterr()
        assert CONTROL.findall(out + err) == [], words
        assert "\nforged" not in out
        told += out + err
    assert told.count(r"\x1b]0;title\x07") >= 10
    measured("terminal", commands=len(COMMANDS))


def test_every_control_character_is_shown_as_an_escape_but_tab_and_the_end_of_a_line() -> None:
    assert CONTROL.findall(printable(EVERY)) == []
    assert [letter for letter in EVERY if printable(letter) == letter] == ["\t", "\n"]
    assert printable("−ELBO ± é 漢 β \xa0 🙂") == "−ELBO ± é 漢 β \xa0 🙂"


def test_a_traceback_and_a_warning_go_through_the_same_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    processes.open_streams()
    assert isinstance(sys.stdout, Printable)
    sys.excepthook(ValueError, ValueError(TITLE), None)
    assert r"\x1b]0;title\x07" in sys.stderr.getvalue()
    assert not sys.stderr.isatty()  # so that no program sends colours


def test_a_line_of_the_log_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr("info")
    logging.getLogger("cvae_core.x").warning("run %s", TITLE + CLEAR)
    assert CONTROL.findall(capsys.readouterr().err) == []


def test_a_transcript_has_none_and_shows_none(root: Path) -> None:
    with contextlib.suppress(LabError), output_log.kept(root, a_job("mine")):
        print(TITLE + CLEAR)
        raise LabError(TITLE)
    assert CONTROL.findall(output_log.path_of(root, "mine").read_text()) == []
    output_log.path_of(root, "mine").write_text(TITLE + CLEAR)
    assert output_log.tail(root, "mine") == printable(TITLE + CLEAR)
