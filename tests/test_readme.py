"""The README tells the truth: its commands parse, the cheap ones run, its table is what the runs have stored."""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks import readme
from cvae_core import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^python -m cvae_core ([^#\n]+)", README, flags=re.MULTILINE)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command: str) -> None:
    assert callable(cli._parsed(shlex.split(command)))


def test_the_cheap_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cheap = [command for command in COMMANDS if command.split()[0] in ("table", "export", "list")]
    assert len(cheap) == 3
    for command in cheap:
        assert cli.main(shlex.split(command)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"table.tex", "grid.png", "stages.gif"}


def test_the_tables_are_what_the_runs_have_stored() -> None:
    assert README.count("<!-- table -->") == README.count("<!-- /table -->") == 1
    assert readme.written(README) == README


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_make_has_the_targets_that_it_names() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`make (\w+)`", README)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
