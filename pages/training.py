"""How does a model learn?"""

from collections.abc import Callable

import streamlit as st

from app.display import url_state
from app.display.url_forms import one_of
from app.training import follow, replay, run_table, start, sweep
from app.widgets import controls

TASKS: dict[str, Callable[[], None]] = {
    "Replay": replay.show,
    "Train": lambda: follow.show(start.show),
    "Sweep": sweep.show,
    "Runs": run_table.show,
}
FIRST = next(iter(TASKS))

key = url_state.bound("task", one_of(list(TASKS)), FIRST)
task = st.segmented_control("Task", list(TASKS), required=True, key=key, label_visibility="collapsed")
TASKS[controls.or_default(task, FIRST)]()
