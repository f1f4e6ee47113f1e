"""The verdict of a finished training follows from its validation figures, with an explanation and a remedy."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.flavours import Config
from cvae_core.config.presets import configure
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import DataSet
from cvae_core.data.masks import flags, visible_values
from cvae_core.models.likelihoods import LIKELIHOODS
from cvae_core.runs.run import readable
from cvae_core.training import verdicts
from cvae_core.training.validation import trivial

Tiny = Callable[..., Config]

GUESS, CHANCE = -150.0, -543.0
SIXTEEN = [2.0, 1.0, *[0.001] * 14]
CASES: dict[str, tuple[Config, float, list[float], str, str]] = {
    "sound": (configure("label"), -90.0, [1.5] * 16, "sound", ""),
    "wide, a few units at work": (configure("quadrant"), -20.0, [0.8, 0.6, 0.6, *[0.001] * 61], "sound", ""),
    "a ladder, two maps at work": (configure("quadrant", "ladder"), -20.0, [1.2, 0.9, *[0.0] * 14], "sound", ""),
    "all units dead": (configure("label"), -149.0, [0.009] * 16, "collapsed", "0 of the 16 units"),
    "dead by β": (configure("label", beta=784.0), -149.0, [0.0] * 16, "collapsed", "Lower --beta, which is 784"),
    "dead, and worse than the guess": (configure("label"), -157.0, [0.001] * 16, "collapsed", "raise --warm-up"),
    "most units dead": (configure("vae"), -149.0, [0.4, 0.3, *[0.0] * 14], "mostly collapsed", "2 of the 16 units"),
    "little, by most units": (configure("vae"), -149.0, [0.05] * 16, "sound", ""),
    "worse than the guess": (
        configure("label"), -150.5, [1.0] * 16, "worse than a trivial guess", "the mean training image of each label"
    ),
    "an autoencoder": (
        configure("vae", beta=0.01), -200.0, [9.0] * 16, "worse than a trivial guess", "Raise --beta, which is 0.01"
    ),
    "too high a rate": (
        configure("vae", learning_rate=1.0), -200.0, [9.0] * 16, "worse than a trivial guess", "Lower --learning-rate"
    ),
    "equal to the guess": (configure("baseline"), GUESS, [], "worse than a trivial guess", "no better than 150.0"),
    "a baseline": (configure("baseline"), -100.0, [], "sound", ""),
    "a GSNN": (configure("quadrant", alpha=0.0), -95.0, [0.0] * 64, "sound", ""),
    "worse than chance": (configure("vae"), -33_119.0, SIXTEEN, "diverged", "−ELBO 33119.0"),
    "a baseline worse than chance": (
        configure("baseline", learning_rate=1.0), -600.0, [], "diverged", "Lower --learning-rate"
    ),
    "hardly begun": (configure("vae"), -563.6, SIXTEEN, "worse than a trivial guess", "Train for more epochs"),
    "not finite": (configure("vae"), math.nan, [math.nan] * 16, "diverged", "diverged: −ELBO nan"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_figures_of_a_training_decide_its_verdict_and_its_words(case: str) -> None:
    config, elbo, rates, verdict, words = CASES[case]
    metrics = {"elbo": elbo, "guess": GUESS, "chance": CHANCE}
    assert verdicts.reached(config, metrics, rates) == verdict
    said = verdicts.told(verdicts.reached(config, metrics, rates), config, metrics, rates)
    assert words in said
    assert bool(said) == (verdict != "sound")


def test_an_older_card_has_no_verdict_and_nothing_is_said_of_it() -> None:
    assert verdicts.told(None, configure("label"), {}, []) == ""


@pytest.mark.parametrize(("flavour", "nats"), [("vae", 180.96), ("label", 153.70)])
def test_a_trivial_guess_is_the_mean_of_the_training_images_under_each_condition(
    flavour: str, nats: float, tiny: Tiny, digits: DataSet
) -> None:
    found = trivial(tiny(flavour), digits)
    assert found["guess"] == pytest.approx(-nats, abs=0.01)
    assert found["chance"] == pytest.approx(-784 * math.log(2))
    validation, costs = digits.validation, []
    for x, label in zip(validation.intensities(), validation.labels, strict=True):
        known = digits.train.labels == label if flavour == "label" else slice(None)
        mean = digits.train.intensities()[known].double().mean(0).clamp(1e-3, 1 - 1e-3)
        costs.append(torch.nn.functional.binary_cross_entropy(mean, x.double(), reduction="sum"))
        if len(costs) == 20:
            break
    few = trivial(tiny(flavour), DataSet(digits.description, digits.train, validation.part(slice(20)), digits.test, ""))
    assert few["guess"] == pytest.approx(-float(torch.stack(costs).mean()), abs=1e-4)


@pytest.mark.parametrize("changes", [{"visible": "1"}, {"visible": "3"}, {"visible": "any"}, {"pixels": "binarised"}])
@pytest.mark.parametrize("flavour", ["quadrant", "baseline"])
def test_a_trivial_guess_is_scored_on_the_hidden_pixels_of_the_models_own_protocol(
    changes: dict[str, Any], flavour: str, tiny: Tiny, digits: DataSet
) -> None:
    config = tiny(flavour, **changes)
    found = trivial(config, digits)
    x, c = held_out(config, digits.validation, torch.arange(len(digits.validation)))
    assert c.visible is not None
    hidden = ~visible_values(c.visible)
    assert found["chance"] == pytest.approx(-float(hidden.sum(-1).double().mean()) * math.log(2))
    if changes.get("visible", "any") != "any":
        assert int(hidden[0].sum()) == int((~visible_values(flags(changes["visible"]))).sum())
    mean = digits.train.intensities().double().mean(0).clamp(1e-3, 1 - 1e-3).expand_as(x)
    costs = torch.nn.functional.binary_cross_entropy(mean, x.double(), reduction="none")
    assert found["guess"] == pytest.approx(-float((costs * hidden).sum(-1).mean()), abs=1e-4)


def test_a_card_without_the_figures_of_its_verdict_shows_none() -> None:
    assert verdicts.told("diverged", configure("label", learning_rate=5.0), {}, []) == (
        "diverged: the card does not contain the figures. Lower --learning-rate, which is 5."
    )


def test_the_limits_of_the_shipped_cards_are_multiples_of_chance() -> None:
    root = Path(__file__).resolve().parents[3] / "checkpoints"
    cards = [card for card in readable(root)[0].values() if "chance" in card.metrics]
    cards = [card for card in cards if card.config.likelihood == "bernoulli"]
    assert len(cards) > 30
    for card in cards:
        chance = card.metrics["chance"]
        assert verdicts.reached(card.config, card.metrics, card.rates) == card.verdict
        for share, diverged in ((1.999, False), (2.001, True)):
            found = verdicts.reached(card.config, {**card.metrics, "elbo": share * chance}, card.rates)
            assert (found == "diverged") == diverged
        if card.rates and not card.config.objective.gsnn:
            for share, little in ((0.00199, True), (0.00201, False)):
                rates = [-share * chance, *[0.0] * (len(card.rates) - 1)]
                found = verdicts.reached(card.config, {**card.metrics, "elbo": 0.0}, rates)
                assert (found == "mostly collapsed") == (little and len(rates) > 2)


def test_a_model_must_beat_the_uniform_distribution_too() -> None:
    config = configure("label", likelihood="discretised-logistic")
    metrics = {"elbo": -4400.0, "guess": -4500.0, "chance": -4347.4, "scored": 784.0}
    verdict = verdicts.reached(config, metrics, [1.0] * 16)
    assert verdict == "worse than a trivial guess"
    words = "no better than 4347.4, that of 256 equally likely levels. Train for more epochs"
    assert words in verdicts.told(verdict, config, metrics, [1.0] * 16)


@pytest.mark.parametrize("likelihood", ["continuous-bernoulli", "discretised-logistic"])
@pytest.mark.parametrize("flavour", ["label", "quadrant"])
def test_trivial_models_have_the_likelihood_of_the_model(
    likelihood: LikelihoodName, flavour: str, tiny: Tiny, digits: DataSet
) -> None:
    found = trivial(tiny(flavour, likelihood=likelihood), digits)
    values = {"label": 784, "quadrant": 588}[flavour]
    assert found["scored"] == values
    assert found["chance"] == pytest.approx({"c": 0.0, "d": -values * math.log(256)}[likelihood[0]])
    images, held = digits.train.intensities().double(), digits.validation
    fits = []
    for label in held.labels:
        alike = images[digits.train.labels == label] if flavour == "label" else images
        fits.append(LIKELIHOODS[likelihood].fitted(alike.mean(0), alike.std(0, correction=0)))
    hidden = ~visible_values(flags("1")) if flavour == "quadrant" else torch.ones(784, dtype=torch.bool)
    fit = LIKELIHOODS[likelihood](torch.stack(fits), torch.arange(784), hidden.expand(len(held), -1))
    assert found["guess"] == pytest.approx(float(fit.log_prob(held.intensities().double()).mean()), rel=1e-6)
    assert found["guess"] > found["chance"]


DENSE = {"guess": 900.0, "chance": 0.0, "scored": 784.0}
DENSITIES: dict[str, tuple[float, list[float], str, str]] = {
    "sound": (1100.0, [1.0] * 16, "sound", ""),
    "worse than the guess": (
        880.0, [1.0] * 16, "worse than a trivial guess", "−ELBO −880.0 on validation images is no better than −900.0"
    ),
    "hardly begun": (-500.0, [1.0] * 16, "worse than a trivial guess", "−ELBO 500.0"),
    "worse than chance": (-600.0, [1.0] * 16, "diverged", "worse than 0.0, that of the uniform density"),
    "most units dead": (1100.0, [0.5, *[0.0] * 15], "mostly collapsed", "1 of the 16 units"),
}  # fmt: skip


@pytest.mark.parametrize("case", DENSITIES)
def test_a_density_whose_chance_is_zero_has_verdicts_too(case: str) -> None:
    elbo, rates, verdict, words = DENSITIES[case]
    config, metrics = configure("label", likelihood="continuous-bernoulli"), {"elbo": elbo, **DENSE}
    assert verdicts.reached(config, metrics, rates) == verdict
    assert words in verdicts.told(verdicts.reached(config, metrics, rates), config, metrics, rates)
