"""No text of a run's files becomes a formula in a spreadsheet, in any CSV that the lab writes."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cvae_core.cli import main
from cvae_core.evaluation.results import stored_cells
from cvae_core.runs.run import run_at
from cvae_core.system.formats import spreadsheet
from tests.cvae_core.results import store
from tests.measuring import Measured

ROOT = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", re.IGNORECASE)
FORMULAS = (
    '=HYPERLINK("http://127.0.0.1:9/","b")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    *("\t=1+1", "\r=1+1", 'a",=1+1', "a\r=1+1", "a\n=1+1", "a\r\n=1+1,=1"),
    *("=", "-", "−1", "--1", "-1e", "+inf", "-nan"),
)
letters = st.text(st.sampled_from("=+-@\t\r\n\"',;|!0a1e. ") | st.characters(exclude_categories=["Cs"]), max_size=12)


def cells(content: bytes) -> list[str]:
    """Read a CSV as spreadsheets do; return the contents of all cells."""
    text = content.decode("utf-8-sig")
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


def formulas(found: list[str]) -> list[str]:
    return [
        cell for cell in found if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell and not NUMBER.fullmatch(cell)
    ]


@pytest.mark.promise
@pytest.mark.parametrize("count", [100, pytest.param(5000, marks=pytest.mark.soak)])
def test_no_text_in_a_csv_is_a_formula(count: int, measured: Measured) -> None:
    tried = 0

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(letters, min_size=1, max_size=4))
    @example(list(FORMULAS))
    def holds(texts: list[str]) -> None:
        nonlocal tried
        tried += len(texts)
        found = cells(spreadsheet(pd.DataFrame({"note": texts, "seed": range(len(texts))})))
        assert formulas(found) == []
        assert [cell.removeprefix("'") for cell in found[2::2]] == [text.removeprefix("'") for text in texts]

    holds()
    measured("formulas", texts=tried)


@pytest.mark.promise
def test_nor_is_one_that_a_card_holds(root: Path, tmp_path: Path, measured: Measured) -> None:
    run, file = run_at("digits-label", root), tmp_path / "t.csv"
    store(run, stored_cells(run_at("digits-label", ROOT / "checkpoints")))
    for formula in FORMULAS:
        run.write_card(replace(run.card(), note=formula, imported=formula))
        assert main.main(["table", "digits-label", "--out", str(file), "--root", str(root)]) == 0
        found = cells(file.read_bytes())
        assert formulas(found) == []
        assert any(formula in cell for cell in found)
    measured("formulas", texts=len(FORMULAS))
