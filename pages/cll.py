"""How good is it, honestly?"""

from app.cached import runs as library
from app.display import elements
from app.views import cll_estimate, cll_table
from cvae_core.models.objectives import LogMeanExp, from_posterior, prior_monte_carlo

FIGURES = {"Table": cll_table.scored, "Number of draws": cll_table.settling, "Judged digits": cll_table.judged}

elements.title(
    "Conditional log-likelihoods",
    "How many nats does a model need for what it was not shown, and are the digits that it writes what was asked for?",
)
library.rerun_when_runs_change()
elements.tabs(FIGURES, "figures")
with elements.sentences():
    cll_estimate.show()
elements.explanation(
    "All rows estimate $-\\log p(x \\mid c)$ of the hidden pixels (or of the whole image, given the label or nothing). "
    "**−ELBO** averages draws from the recognition network and is an upper bound. **Importance sampling** weighs the same "
    "draws by $p(z \\mid c) / q(z \\mid x, c)$; it is an upper bound in expectation too, and tightens as S grows. **Prior "
    "Monte Carlo** draws from $p(z \\mid c)$, where hardly a draw explains the image: at these S it is far too high. Grey "
    "pixels are Bernoulli targets, so no model goes below their entropy, the **floor**. The tutorial's rows are as "
    "published: −ELBO, with the test set used for early stopping.",
    r"-\log p(x \mid c) \approx -\log \frac{1}{S} \sum_{s=1}^{S} \frac{p(x \mid z_s, c)\, p(z_s \mid c)}{q(z_s \mid x, c)}, "
    r"\qquad z_s \sim q(z \mid x, c)",
    [from_posterior, prior_monte_carlo, LogMeanExp],
)
