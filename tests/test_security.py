"""SECURITY.md contains the measured figures, and a test measures each of its promises."""

import re
from pathlib import Path

import pytest

from benchmarks import promises
from benchmarks.guards import GUARDS

ROOT = Path(__file__).resolve().parents[1]
TESTS = [path.read_text() for path in sorted(ROOT.glob("tests/**/test_*.py"))]


def test_its_table_is_what_the_last_soak_measured() -> None:
    text = promises.SECURITY.read_text()
    assert text.count("<!-- promises -->") == text.count("<!-- /promises -->") == 1
    assert promises.written(text) == text


def test_every_promise_is_measured_by_a_test_that_the_soak_runs() -> None:
    measured = {
        promise: "pytest.mark.soak" in text or "pytest.mark.promise" in text
        for text in TESTS
        for promise in re.findall(r'measured\(\s*"(\w+)"', text)
    }
    assert measured == dict.fromkeys(promises.PROMISES, True)


def test_every_promise_has_a_guard_that_can_be_taken_out() -> None:
    assert GUARDS.keys() == promises.PROMISES.keys()
    for promise, guard in GUARDS.items():
        assert guard.taken_out(ROOT) != (ROOT / guard.file).read_text()
        text = (ROOT / guard.test.partition("::")[0]).read_text()
        assert re.search(rf'measured\(\s*"{promise}"', text)
        assert f"def {guard.test.rpartition('::')[2]}(" in text or guard.test.endswith(".py")


def test_integers_are_added_and_of_other_numbers_the_largest_is_taken() -> None:
    assert promises.added({"kills": 4, "seconds": 2.5}, {"kills": 3, "seconds": 1.0}) == {"kills": 7, "seconds": 2.5}
    assert promises.said({"kills": 1007, "p95_seconds": 0.5}) == "kills: 1,007; p95 seconds: 0.50"
    assert promises.table({}).count("not measured") == len(promises.PROMISES)


def test_a_written_table_stands_between_its_markers_with_date_and_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "promises.json"
    results.write_text(
        '{"machine": {"date": "2026-01-31", "processor": "abacus", "cores": 2}, "measured": {"kills": {"kills": 100}}}'
    )
    monkeypatch.setattr(promises, "RESULTS", results)
    written = promises.written(promises.SECURITY.read_text())
    assert "| kills: 100 |\n" in written
    assert "Measured on 2026-01-31: abacus, 2 cores.\n<!-- /promises -->" in written
    assert promises.written(written) == written
