"""With --log-level, each event is logged in one line with its level and its run."""

import re
from pathlib import Path

import pytest

from cvae_core.cli import main

TINY = ["--dataset", "digits", "--width", "16", "--depth", "1", "--latent", "2", "--epochs", "2", "--no-embed"]
EVENTS = {
    "train label --run mine": [
        "joins the queue", "has the turn", "is running after epoch 0", "is finished after epoch 2",
    ],
    "evaluate mine --images 20 --samples 2": ["cells evaluated"],
    "embed mine --method pca": ["points laid out in embedding-pca.npz"],
    "export mine --zip a.zip": ["packed"],
}  # fmt: skip


def test_every_event_that_matters_is_a_line_with_level_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path / "runs"))
    for command, events in EVENTS.items():
        words = [*command.split(), *(TINY if command.startswith("train") else [])]
        assert main.main(["--log-level", "info", *words]) == 0
        lines = [line for line in capsys.readouterr().err.splitlines() if " INFO " in line]
        for line, event in zip(lines, events, strict=True):
            assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ INFO cvae_core\.\w+\.\w+: run mine\b", line), line
            assert event in line


def test_a_level_may_be_in_capitals_as_streamlits_own_flag_has_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["--log-level", "INFO", "annotate", "digits-vae", "good", "--root", str(root)]) == 0
    assert "run digits-vae is finished" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--log-level", "loud", "list"], ["list", "--log-level"], ["list", "--log-level="]])
def test_a_level_that_is_none_is_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(words) == 2
    assert "give one of debug, info, warning, error, critical" in capsys.readouterr().err


def test_without_the_flag_nothing_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main(["export", "digits-vae", "--zip", "a.zip", "--root", str(root)]) == 0
    assert capsys.readouterr().err == ""
