"""Tables of numbers that sort as numbers; a click on one shows beside the table how it was computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app.charts.plotly_charts import LINE_COLOURS
from app.display import elements, presenter, url_state
from app.text.plain_text import Markdown, plain
from app.text.provenance import provenance
from app.views.cll_by_model import GAP
from cvae_core.evaluation import table_formats
from cvae_core.evaluation.glance import LARGEST, SAMPLES
from cvae_core.evaluation.table import Entry

CLICKED = "clicked-number"  # in the session: table, row and column of the last click
UNMARKED = "tables-unmarked"  # in the session: how often each table's selection was reset
TABS, ESTIMATE = "figures", "Estimate"  # key of the page's tabs; the tab that a missing number opens
RUN = "estimate"  # key of the run that this tab estimates
EMPTY, MISSING = "–", 1e9  # sorted behind all numbers
TABLE_AND_WORDS = (3, 1)  # widths
WIDTH, GAP_WIDTH, BITS_WIDTH = 92, 56, 190  # pixels of a number: with an error, without, and with bits per dimension
HEADER, HEADER_PRESENTED = 38, 44  # pixels of the headings and the borders


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Numbers of a table by row and column, between other columns."""

    name: str  # the selection belongs to the table of this name
    frame: pd.DataFrame  # the other columns
    first: Sequence[str]  # those before the numbers; on a phone, the others are out of view
    columns: Mapping[str, str]  # of the numbers, with their headings
    cells: Sequence[Mapping[str, Entry]]
    missing: Sequence[Mapping[str, str]] = ()  # runs that can be estimated, by row and column
    best: set[Entry] = field(default_factory=set)  # in bold
    config: Mapping[str, Any] = field(default_factory=dict)  # of the other columns

    def width(self, name: str) -> int:
        """Return the width of a column of numbers."""
        if name == GAP:
            return GAP_WIDTH
        return WIDTH if all(row[name].bits is None for row in self.cells if name in row) else BITS_WIDTH

    def styled(self) -> Styler:
        """Return floats that sort as numbers and are displayed with their errors.

        A number that can be estimated is `MISSING`, because Streamlit shows the same text for all missing numbers.
        """
        missing = [dict.fromkeys(runs, MISSING) for runs in self.missing] or [{}] * len(self.cells)
        values = [
            {name: cells[name].nats for name in cells} | lacking
            for cells, lacking in zip(self.cells, missing, strict=True)
        ]
        found = {name: [row.get(name, float("nan")) for row in values] for name in self.columns}
        frame = self.frame.assign(**found)
        looks = pd.DataFrame("", frame.index, frame.columns)
        for row, cells in enumerate(self.cells):
            for name in self.columns:
                if cells.get(name) in self.best:
                    looks.loc[row, name] = "font-weight: bold"
                elif name in missing[row]:
                    looks.loc[row, name] = f"color: {LINE_COLOURS[0]}; text-decoration: underline"
        texts = {
            name: {row[name].nats: table_formats.with_bits(row[name]) for row in self.cells if name in row}
            for name in self.columns
        }
        shown: Any = {name: {**texts[name], MISSING: ESTIMATE}.get for name in self.columns}
        counts = dict.fromkeys(self.frame.select_dtypes("number"), "{:,.0f}")
        return frame.style.apply(lambda _: looks, axis=None).format({**counts, **shown}, na_rep=EMPTY)


def show(numbers: Numbers, words: Markdown, *, row_height: int) -> None:
    """Show a table; beside it `words`, or after a click on a number how it was computed."""
    resets = st.session_state.get(UNMARKED, {}).get(numbers.name, 0)
    key = f"table-{numbers.name}-{resets}"
    clicked, *cell = st.session_state.get(CLICKED, ("",))
    marked = cell if clicked == numbers.name else []
    widths = {
        name: st.column_config.NumberColumn(plain(heading), help=plain(name), width=numbers.width(name))
        for name, heading in numbers.columns.items()
    }
    left, right = st.columns(TABLE_AND_WORDS)
    with left:
        st.dataframe(
            numbers.styled(),
            hide_index=True,
            on_select=partial(take_click, numbers, key),
            selection_mode="single-cell",
            selection_default={"selection": {"cells": marked}},
            key=key,
            row_height=row_height,
            height=(HEADER_PRESENTED if presenter.is_on() else HEADER) + row_height * min(LARGEST, len(numbers.frame)),
            column_config={**numbers.config, **widths},
            column_order=list(dict.fromkeys([*numbers.first, *numbers.columns, *numbers.frame])),
            placeholder=EMPTY,
        )
    with right:
        for row, column in marked:
            if entry := numbers.cells[row].get(column):
                with st.container(border=True, key="provenance"):
                    elements.caption(provenance(entry))
                    st.button("Close", on_click=close, type="tertiary")
                return
        elements.caption(words)


def take_click(numbers: Numbers, key: str) -> None:
    """Store the last clicked cell of any table, because Streamlit drops selections when a tab is closed.

    A click on a missing number opens the tab that estimates it.
    """
    before, *_ = st.session_state.get(CLICKED, ("",))
    if before != numbers.name:
        close()
    match st.session_state[key]:
        case {"selection": {"cells": [[int(row), str(column)], *_]}} if 0 <= row < len(numbers.cells):
            st.session_state[CLICKED] = numbers.name, (row, column)
            if numbers.missing and (run := numbers.missing[row].get(column)):
                close()
                most = max(entry.images for cells in numbers.cells for entry in cells.values())
                st.session_state.update({TABS: ESTIMATE, RUN: run, "draws": SAMPLES, "over": most})
        case _:
            st.session_state.pop(CLICKED, None)


def follow_old_addresses() -> None:
    """Open the tab that an address of an older version means."""
    given = url_state.opened_with()
    if given.get(TABS) == ["Table"]:
        given[TABS] = ["All figures"]
    elif given.get(TABS) == ["Judged digits"]:
        given[TABS] = ["Judged images"]
    elif RUN in given and TABS not in given:
        given[TABS] = [ESTIMATE]


def close() -> None:
    """Clear the clicked cell; its table needs a new key, because Streamlit keeps a selection with the key."""
    name, *_ = st.session_state.pop(CLICKED, ("",))
    unmarked = st.session_state.setdefault(UNMARKED, {})
    unmarked[name] = unmarked.get(name, 0) + 1
