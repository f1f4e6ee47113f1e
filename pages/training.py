"""How does a model learn?"""

from collections.abc import Callable

import streamlit as st

from app.views import training_follow, training_replay, training_runs, training_start, training_sweep
from app.widgets import controls

TASKS: dict[str, Callable[[], None]] = {
    "Replay": training_replay.show,
    "Train": lambda: training_follow.show(training_start.show),
    "Sweep": training_sweep.show,
    "Runs": training_runs.show,
}
FIRST = next(iter(TASKS))

task = st.segmented_control(
    "Task", list(TASKS), default=FIRST, required=True, key="task", bind="query-params", label_visibility="collapsed"
)
TASKS[controls.or_default(task, FIRST)]()
