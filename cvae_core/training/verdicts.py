"""Verdicts on finished trainings: sound, or what is wrong with the model and what to do about it; no torch.

A verdict is reached on validation figures alone. A model can fail although its training ended well: its z may carry nothing,
or the pixel means of the training images may be the better model.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from cvae_core.config.flavours import Config
from cvae_core.config.presets import preset_of

Verdict = Literal["sound", "collapsed", "mostly collapsed", "worse than a trivial guess", "diverged"]
DEAD_RATE = 0.01  # nats per image: a unit with less says nothing of the image
FAR = 2  # times what chance costs: beyond that a training with the usual learning rate has diverged
LITTLE = 0.002  # of what chance costs, 1.1 nats of a whole image: a mostly dead z with more is only larger than needed


def reached(config: Config, metrics: Mapping[str, float], rates: Sequence[float]) -> Verdict:
    """Return the verdict on a training by its figures on validation images, nats per image.

    `metrics` has the lower bound `elbo` and what two trivial models reach: `guess`, the pixel means of the training images
    under each condition, and `chance`, 0.5 everywhere. `rates` are those of z's units. A baseline has no z, and a GSNN does
    not train the network that would infer it: neither can collapse.
    """
    # A model that has hardly been trained costs about as much as chance.
    bearable = metrics["chance"] * (FAR if config.learning_rate <= _usual_rate(config) else 1)
    if not metrics["elbo"] >= bearable:  # NaN included
        return "diverged"
    if rates and not config.objective.gsnn:
        active = sum(rate >= DEAD_RATE for rate in rates)
        if not active:
            return "collapsed"
        if 2 * active < len(rates) and sum(rates) < -LITTLE * metrics["chance"]:
            return "mostly collapsed"
    return "sound" if metrics["elbo"] > metrics["guess"] else "worse than a trivial guess"


def told(verdict: Verdict | None, config: Config, metrics: Mapping[str, float], rates: Sequence[float]) -> str:
    """Say in words what is wrong and what to do; nothing where all is well, or where there is no verdict."""
    if verdict is None or verdict == "sound":
        return ""
    if not {"elbo", "guess", "chance"} <= metrics.keys() and "collapsed" not in verdict:
        return f"{verdict}: the card lacks the figures. {_remedy(verdict, config)}."
    loss, guess, chance = (-metrics.get(name, math.nan) for name in ("elbo", "guess", "chance"))
    if verdict in ("collapsed", "mostly collapsed"):
        active = sum(rate >= DEAD_RATE for rate in rates)
        found = (
            f"{active} of the {len(rates)} units of z carry information, {sum(rates):.2f} nats per image in all, and samples "
            "for one condition are nearly the same"
        )
    elif verdict == "diverged":
        found = f"−ELBO {loss:.1f} on validation images, worse than the {chance:.1f} of a probability of 0.5 for every pixel"
    else:
        found = f"−ELBO {loss:.1f} on validation images, no better than the {guess:.1f} of the mean training image"
        found += " of each label" if "label" in config.given else ""
    return f"{verdict}: {found}. {_remedy(verdict, config)}."


def _remedy(verdict: Verdict, config: Config) -> str:
    beta = config.objective.beta
    if verdict == "diverged" or config.learning_rate > _usual_rate(config):
        return f"Lower --learning-rate, which is {config.learning_rate:g}"
    if verdict == "worse than a trivial guess":
        return f"Raise --beta, which is {beta:g}" if beta < 1 else "Train for more epochs or in smaller batches"
    if beta > 1:
        return f"Lower --beta, which is {beta:g}"
    return "Train for more epochs or in smaller batches, or raise --warm-up"


def _usual_rate(config: Config) -> float:
    return preset_of(config.flavour, config.preset, config.dataset).learning_rate
