"""A process is distinguished from others with the same ID, and is alive while one of its threads runs."""

import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from cvae_core.system import processes
from cvae_core.system.processes import Process
from tests.waiting import until

# The first thread ends, and another waits until the input ends.
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
ctypes.CDLL(None).pthread_exit(None)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="these tests create their processes on Linux only")


def test_a_process_that_has_ended_is_not_alive_though_its_parent_has_not_asked_how() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = Process(child.pid, processes.born(child.pid) or "")
        assert started.alive
        child.kill()
        until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
        assert processes.born(child.pid) is None
        assert not started.alive


@linux
def test_a_process_lives_on_without_its_first_thread() -> None:
    with subprocess.Popen([sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD], stdin=subprocess.PIPE) as child:
        started = Process(child.pid, processes.born(child.pid) or "")
        until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
        assert started.alive
        assert child.stdin is not None
        child.stdin.close()
        until(lambda: not started.alive)


def test_no_process_has_an_id_that_the_system_does_not_give() -> None:
    assert processes.born(2**32) is None
    assert processes.born(10**30) is None


def test_another_process_sees_the_same_start() -> None:
    code = f"from cvae_core.system import processes; print(processes.born({os.getpid()}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == processes.this().born


@linux
def test_a_clock_that_is_set_does_not_make_a_process_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before, booted = processes.this(), psutil.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: booted + 3600)
    assert before.alive


def test_entries_of_older_versions_and_of_other_boots_are_read_and_count_as_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = processes.this()
    assert not replace(mine, born=f"{processes.boot()} 123456").alive
    monkeypatch.setattr(processes, "boot", lambda: "another boot")
    assert not mine.alive
