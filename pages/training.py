"""How does a model learn?"""

from collections.abc import Callable

import streamlit as st

from app.training import follow, replay, run_table, start, sweep
from app.widgets import controls

TASKS: dict[str, Callable[[], None]] = {
    "Replay": replay.show,
    "Train": lambda: follow.show(start.show),
    "Sweep": sweep.show,
    "Runs": run_table.show,
}
FIRST = next(iter(TASKS))

task = st.segmented_control(
    "Task", list(TASKS), default=FIRST, required=True, key="task", bind="query-params", label_visibility="collapsed"
)
TASKS[controls.or_default(task, FIRST)]()
