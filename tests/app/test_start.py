"""`python -m app` with a simulated server: its output and exit, with several browsers and terminals."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server import open_browser
from benchmarks.visitors import finished, visitor
from cvae_core.system import processes
from tests.server import free_port
from tests.waiting import WAIT, until

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import pathlib, signal, sys, time

signal.signal(signal.SIGINT, lambda *_: sys.exit(3))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))
for name in ("Local", "Network", "External"):
    print(f"  {name} URL: http://{name.lower()}:8501")
while True:
    time.sleep(0.05)
    print("something else")
    pathlib.Path("alive").touch()
"""
Started = subprocess.Popen[str]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    (tmp_path / "streamlit.py").write_text(SERVER)
    browser = tmp_path / "browser"
    pid = tmp_path / "pid"
    browser.write_text(f"#!/bin/sh\necho $$ > '{pid}'\necho $1 >> '{tmp_path}/opened'\nexec sleep {2 * WAIT:.0f}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"'{browser}' %s")
    with subprocess.Popen(
        [sys.executable, str(ROOT / "app")], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        process.kill()  # if the test has failed
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 3), (signal.SIGTERM, 4)])
def test_a_browser_command_that_does_not_return_is_started_once_and_blocks_nothing(
    started: Started, tmp_path: Path, number: int, code: int
) -> None:
    until((tmp_path / "alive").exists)
    until(lambda: (tmp_path / "opened").exists() and "\n" in (tmp_path / "opened").read_text())
    (os.killpg if number == signal.SIGINT else os.kill)(started.pid, number)  # Ctrl-C reaches the whole group
    assert started.wait(WAIT) == code
    assert (tmp_path / "opened").read_text() == "http://local:8501\n"


@pytest.mark.parametrize(("platform", "screen"), [("linux", ""), ("linux", "DISPLAY"), ("darwin", "")])
def test_no_browser_is_opened_in_the_terminal(platform: str, screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv(screen, ":0")
    assert open_browser.has_screen() == (platform == "darwin" or bool(screen))


def test_a_closed_output_does_not_stop_the_server(started: Started, tmp_path: Path) -> None:
    assert started.stdout is not None
    assert started.stdout.readline() == "  Local URL: http://local:8501\n"
    started.stdout.close()
    for _ in range(3):
        until((tmp_path / "alive").exists)
        (tmp_path / "alive").unlink()
    assert started.poll() is None
    started.terminate()
    assert started.wait(WAIT) == 4


IMPORTS = """
import importlib, os, sys
import numpy, pandas, PIL.Image, plotly.graph_objects, streamlit  # by this process for all: none of them imports torch

class Torch:
    def find_spec(self, name, *_):
        if name == "torch":
            print(module, os.environ.get("GOMP_SPINCOUNT"), flush=True)
            os._exit(0)

assert "torch" not in sys.modules
sys.meta_path.insert(0, Torch())
for module in sys.argv[1:]:
    if not (child := os.fork()):
        importlib.import_module(module)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_threads_do_not_spin_for_long_whichever_module_imports_torch_first() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted((ROOT / "app").rglob("[!_]*.py"))
    ]
    surroundings = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    words = [sys.executable, "-c", IMPORTS, *modules]
    said = subprocess.run(words, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=WAIT).stdout
    found = dict(line.split() for line in said.splitlines())
    assert {"app.charts.plotly_charts", "app.cached.runs", "app.widgets.controls"} <= set(found)
    assert set(found.values()) == {"1000"}


SERVING = """
import asyncio, gc, sys
from app.server import preload as ahead

class Torch:
    def find_spec(self, name, *_):
        if name == "torch":
            print(gc.isenabled())

async def serve():
    async with ahead.while_serving(None):
        ahead.wait()
        print(gc.isenabled(), gc.get_freeze_count())

sys.meta_path.insert(0, Torch())
asyncio.run(serve())
"""


def test_no_garbage_is_looked_for_among_the_libraries() -> None:
    words = [sys.executable, "-c", SERVING]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=WAIT, check=True).stdout.split()
    assert said[:2] == ["False", "True"]
    assert int(said[2]) > 100_000


AS_NOBODY = ("unshare", "--user", "--map-user=12345", "--map-group=12345")  # the same permissions under another user ID


def test_it_starts_for_a_user_without_a_home_and_an_entry_in_the_password_file(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ""
    try:
        refused = subprocess.run([*AS_NOBODY, "true"], capture_output=True, text=True).stderr
    except OSError as error:
        refused = str(error)
    if refused:
        pytest.skip(f"this system cannot create a user without an entry: {refused.strip()}")
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    words = [*AS_NOBODY, sys.executable, "-m", "app", "--server.port", str(free_port())]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "URL: " not in said:
                line = process.stdout.readline()
                assert line, said
                said += line

            async def come() -> tuple[list[str], list[str]]:
                async with visitor(said.split("URL: ")[1].strip()) as coming:
                    await coming.open("generate", "live=false&run=digits-label")
                    return coming.faults, coming.pictures

            faults, pictures = finished(come())
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    assert faults == []
    assert pictures


ON_WINDOWS = """
import ctypes, runpy, subprocess, sys, threading
sys.platform = "win32"
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("package", ["app", "cvae_core"])
def test_on_windows_a_sentence_leads_to_where_the_lab_runs(package: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ON_WINDOWS, package], cwd=ROOT, capture_output=True, text=True, timeout=WAIT
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"{processes.NO_WINDOWS}\n")


def test_make_says_the_same_there() -> None:
    surroundings = {**os.environ, "OS": "Windows_NT"}
    ended = subprocess.run(
        ["make", "--no-print-directory", "run"], cwd=ROOT, env=surroundings, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f" *** {processes.NO_WINDOWS}.  Stop.\n" in ended.stderr
