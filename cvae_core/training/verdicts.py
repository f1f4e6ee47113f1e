"""Verdicts on finished training runs: sound, or what is wrong with the model and how to fix it. Imports no torch.

A verdict depends on validation figures alone. A training can finish normally and still give a bad model: its z may carry no
information, or the mean training image may have a higher likelihood.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from cvae_core.config.flavours import Config
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.presets import usual

Verdict = Literal["sound", "collapsed", "mostly collapsed", "worse than a trivial guess", "diverged"]
DEAD_RATE = 0.01  # nats per image: a unit with a lower rate is counted as collapsed
# Both in nats per scored value:
FAR = math.log(2)  # a loss above that of chance by more than this means divergence, at the preset learning rate
LITTLE = 0.002 * math.log(2)  # above this total rate (MNIST: 1.1 per image), collapsed units are not reported


def reached(config: Config, metrics: Mapping[str, float], rates: Sequence[float]) -> Verdict:
    """Return the verdict on a training, given its figures on validation images in nats per image.

    `metrics` contains the lower bound `elbo` and the figures of `trivial`: log p(x | c) of two trivial models, `guess` and
    `chance`, and the number of `scored` values. `rates` are the rates of the units of z. A baseline has no z, and a GSNN
    does not train its recognition network: neither can collapse.
    """
    scored = metrics.get("scored", -metrics["chance"] / math.log(2))  # older cards are those of Bernoulli models
    # After few steps, the loss of a model is close to that of chance.
    limit = metrics["chance"] - (FAR * scored if config.learning_rate <= usual(config).learning_rate else 0)
    if not metrics["elbo"] >= limit:  # NaN included
        return "diverged"
    if rates and not config.objective.gsnn:
        active = sum(rate >= DEAD_RATE for rate in rates)
        if not active:
            return "collapsed"
        if 2 * active < len(rates) and sum(rates) < LITTLE * scored:
            return "mostly collapsed"
    return "sound" if metrics["elbo"] > max(metrics["guess"], metrics["chance"]) else "worse than a trivial guess"


def told(verdict: Verdict | None, config: Config, metrics: Mapping[str, float], rates: Sequence[float]) -> str:
    """Return a text that says what is wrong and what to do. It is empty if the verdict is "sound" or None."""
    if verdict is None or verdict == "sound":
        return ""
    if not {"elbo", "guess", "chance"} <= metrics.keys() and "collapsed" not in verdict:
        return f"{verdict}: the card does not contain the figures. {_remedy(verdict, config)}."
    loss, guess, chance = (_minus(metrics.get(name, math.nan)) for name in ("elbo", "guess", "chance"))
    facts = LIKELIHOOD_FACTS[config.likelihood]
    if verdict in ("collapsed", "mostly collapsed"):
        active = sum(rate >= DEAD_RATE for rate in rates)
        found = (
            f"{active} of the {len(rates)} units of z are active, and the total rate is {sum(rates):.2f} nats per image. "
            "Samples for the same condition are usually nearly identical"
        )
    elif verdict == "diverged":
        found = f"−ELBO {loss} on validation images is worse than {chance}, that of {facts.chance_words}"
    elif metrics["chance"] > metrics["guess"]:  # a fitted logistic can be worse than the uniform distribution
        found = f"−ELBO {loss} on validation images is no better than {chance}, that of {facts.chance_words}"
    else:
        found = f"−ELBO {loss} on validation images is no better than {guess}, that of {facts.guess_words}"
        found += " of each label" if "label" in config.given else ""
    return f"{verdict}: {found}. {_remedy(verdict, config)}."


def _minus(nats: float) -> str:
    """Return the negative of a number, which is itself negative for some densities."""
    return f"{-nats:z.1f}".replace("-", "−")


def _remedy(verdict: Verdict, config: Config) -> str:
    beta = config.objective.beta
    if verdict == "diverged" or config.learning_rate > usual(config).learning_rate:
        return f"Lower --learning-rate, which is {config.learning_rate:g}"
    if verdict == "worse than a trivial guess":
        return f"Raise --beta, which is {beta:g}" if beta < 1 else "Train for more epochs or in smaller batches"
    if beta > 1:
        return f"Lower --beta, which is {beta:g}"
    return "Train for more epochs or in smaller batches, or raise --warm-up"
