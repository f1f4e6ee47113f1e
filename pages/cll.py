"""How good is each model?"""

from app.cached import runs as library
from app.display import elements
from app.views import cll_estimate, cll_glance, cll_numbers, cll_table
from app.views.cll_numbers import ESTIMATE, TABS
from cvae_core.models.objectives import LogMeanExp, from_posterior, prior_monte_carlo

FIGURES = {
    "At a glance": cll_glance.show,
    "All figures": cll_table.all_figures,
    ESTIMATE: cll_estimate.show,
    "Number of draws": cll_table.settling,
    "Judged images": cll_table.judged,
}

elements.title(
    "Conditional log-likelihoods",
    "The negative conditional log-likelihood of the test images under each model, in nats per image; lower is better.",
)
library.rerun_when_runs_change()
cll_numbers.follow_old_addresses()
elements.tabs(FIGURES, TABS)
elements.explanation(
    "All rows estimate $-\\log p(x \\mid c)$ of the hidden pixels (or of the whole image, given the label or nothing). "
    "**−ELBO** averages draws from the recognition network; its expectation is an upper bound. **Importance sampling** "
    "weights the same draws by $p(z \\mid c) / q(z \\mid x, c)$; its expectation is an upper bound that tightens as S "
    "grows. **Prior Monte Carlo** draws from $p(z \\mid c)$. Hardly any draw explains the image, so at these S it is "
    "usually far too high. Grey pixels are Bernoulli targets, so no model scores below their entropy, the **floor**. The "
    "rows of the Pyro tutorial are as published: −ELBO, with the test set used for early stopping.",
    r"-\log p(x \mid c) \approx -\log \frac{1}{S} \sum_{s=1}^{S} \frac{p(x \mid z_s, c)\, p(z_s \mid c)}{q(z_s \mid x, c)}, "
    r"\qquad z_s \sim q(z \mid x, c)",
    [from_posterior, prior_monte_carlo, LogMeanExp],
)
