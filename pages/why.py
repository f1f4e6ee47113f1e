"""Why is it done like that?"""

import streamlit as st

from app import answers_on_the_bound, answers_on_z, display, library

QUESTIONS = {
    "Sum or mean": answers_on_the_bound.sum_or_mean,
    "Prior at test": answers_on_z.why_the_prior,
    "ELBO or sampling": answers_on_the_bound.elbo_or_sampling,
    "Not zero": answers_on_the_bound.not_zero,
    "Collapse": answers_on_z.collapsed,
    "No label": answers_on_z.without_the_label,
    "Blur": answers_on_z.blurred,
}

st.title("Why?")
st.markdown("Questions that learners ask, each with a short answer and something to move that shows it.")
library.rerun_when_runs_change()
for tab, answer in zip(st.tabs(list(QUESTIONS), key="question", bind="query-params"), QUESTIONS.values(), strict=True):
    if tab.open:
        with tab, display.sentences():
            answer()
