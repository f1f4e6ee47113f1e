"""How did it get there?"""

from collections.abc import Callable

import streamlit as st

from app import controls, following, form, overview, replaying, sweeping

TASKS: dict[str, Callable[[], None]] = {
    "Replay": replaying.show,
    "Train": lambda: following.show(form.show),
    "Sweep": sweeping.show,
    "Runs": overview.show,
}
FIRST = next(iter(TASKS))

task = st.segmented_control(
    "Task", list(TASKS), default=FIRST, required=True, key="task", bind="query-params", label_visibility="collapsed"
)
TASKS[controls.or_default(task, FIRST)]()
