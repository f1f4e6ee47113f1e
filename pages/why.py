"""Why is it done like that?"""

from app.cached import runs
from app.display import elements
from app.views import why_bound, why_conditions, why_latents

QUESTIONS = {
    "Sum or mean": why_bound.sum_or_mean,
    "Prior at test": why_latents.why_the_prior,
    "ELBO or sampling": why_bound.elbo_or_sampling,
    "Not zero": why_bound.not_zero,
    "Collapse": why_latents.collapsed,
    "No label": why_latents.without_the_label,
    "Blur": why_latents.blurred,
    "Condition": why_conditions.what_it_saves,
}

elements.title("Why?", "Frequent questions about CVAEs, each with a short answer and an interactive example.")
runs.rerun_when_runs_change()
elements.tabs(QUESTIONS, "question")
