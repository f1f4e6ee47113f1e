"""Collect the figures of promises that tests measure; print them, and store them after a soak that passed completely."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.machine import Ticks, machine, ticks
from benchmarks.promises import PROMISES, RESULTS, added, said

Measured = Callable[..., None]
FIGURES: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
BEGUN: pytest.StashKey[Ticks] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promises", action="store_true", help="print the figures of promises, and store them if all tests passed"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES], config.stash[BEGUN] = {}, ticks()


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Record figures of a promise: integers of several tests are added, and of other numbers the largest is kept."""

    def note(promise: str, **figures: int | float) -> None:
        assert promise in PROMISES
        known = request.config.stash[FIGURES]
        known[promise] = added(known.get(promise, {}), figures)

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if not config.getoption("--promises"):
        return
    figures = config.stash[FIGURES]
    terminalreporter.section("what is promised, and what was measured")
    for key, (what, promised) in PROMISES.items():
        terminalreporter.write_line(f"{what}\n    promised: {promised}\n    measured: {said(figures.get(key, {}))}")
    if exitstatus == pytest.ExitCode.OK and set(figures) == set(PROMISES):
        RESULTS.write_text(json.dumps({"machine": machine(config.stash[BEGUN]), "measured": figures}, indent=2) + "\n")
