"""Every flavour, with every preset, pixel protocol and likelihood, fulfils the contract of a model."""

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

import cvae_core
from cvae_core.cli import main
from cvae_core.config.command import train_command
from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.flavours import Config, Flavour, Given, Pixels, PresetName, QuadrantConfig, from_json
from cvae_core.config.model_names import model_name, row_name
from cvae_core.config.presets import PRESETS
from cvae_core.data import noise, sealed
from cvae_core.data.batches import held_out, shown_rows
from cvae_core.data.conditions import chosen, condition
from cvae_core.data.datasets import DataSet, load
from cvae_core.errors import ConfigError
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.pictures import stages as replay
from cvae_core.system import folders
from cvae_core.training.loop import Learner
from cvae_core.training.validation import STAGE_COLUMNS, STAGE_ROWS, rates, stage, trivial, validate
from cvae_core.training.verdicts import reached
from tests import own_data
from tests.conftest import Tiny

IMAGES, DRAWS = 4, 2
PARTS = {"label": "labels", "attributes": "attributes", "pixels": "pixels"}  # parts of a condition and their tensors
CASES = [
    (flavour, preset, pixels, "bernoulli", "digits")
    for preset, flavours in PRESETS.items()
    for flavour in flavours
    for pixels in get_args(Pixels)
]
CASES += [
    ("label", "mlp", "grey", "continuous-bernoulli", "digits"),
    ("quadrant", "mlp", "grey", "discretised-logistic", "digits"),
    ("quadrant", "ladder", "grey", "discretised-logistic", "digits"),
    ("label", "mlp", "grey", "discretised-logistic", "colour"),
    ("quadrant", "ladder", "grey", "bernoulli", "colour"),
    ("quadrant", "mlp", "grey", "continuous-bernoulli", "colour"),
    ("vae", "mlp", "grey", "continuous-bernoulli", "large"),
    ("baseline", "mlp", "binarised", "bernoulli", "large"),
    ("label", "ladder", "grey", "discretised-logistic", "large"),
]
SETS = {
    "colour": own_data.description("colour", channels=3, side=16, drawn=False),
    "large": own_data.description(
        "large", side=20, classes=tuple(map(str, range(12))), train=24, validation=12, test=12
    ),
}


@pytest.fixture(params=CASES, ids="-".join)
def config(
    request: pytest.FixtureRequest, tiny: Tiny, small_baseline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Config:
    flavour, preset, pixels, likelihood, dataset = request.param
    if dataset in SETS:
        monkeypatch.setenv("CVAE_DATA", str(tmp_path))
        sealed.store(own_data.sealed(SETS[dataset]))
    groups: dict[str, Any] = {"groups": 1} if preset == "ladder" else {}
    here = {"dataset": dataset, "data": SETS.get(dataset)}
    return tiny(flavour, preset=preset, pixels=pixels, likelihood=likelihood, **here, **groups)


@pytest.fixture
def data(config: Config) -> DataSet:
    return load(config.dataset)


@pytest.fixture
def model(config: Config, data: DataSet) -> ConditionalVAE:
    """Return a model after one step of training."""
    learner = Learner(config, 1, dtype=torch.float32, frozen={})
    before = [weight.detach().clone() for weight in learner.learned]
    assert math.isfinite(learner.learn(data.train, torch.arange(8)))
    assert any(not torch.equal(old, new) for old, new in zip(before, learner.learned, strict=True))
    return learner.evaluated.eval()


def test_the_cases_are_all_there_are() -> None:
    assert {flavour for flavour, *_ in CASES} == set(get_args(Flavour))
    assert {preset for _, preset, *_ in CASES} == set(get_args(PresetName))
    assert {likelihood for *_, likelihood, _ in CASES} == set(get_args(LikelihoodName))
    assert set(PARTS) == set(get_args(Given))


def test_a_configuration_answers_for_itself(config: Config) -> None:
    assert set(config.given) <= set(get_args(Given))
    assert config.family and model_name(config).startswith(config.family)
    assert bool(config.given) == bool(config.given_words) == (config.given_of(3) != "nothing")
    assert config.reads_images == ("pixels" in config.given)
    assert bool(config.attributes) == ("attributes" in config.given)
    assert (config.visible_set is not None) == ("pixels" in config.given)
    assert bool(config.latents) == bool(config.units)
    assert config.hierarchical == (config.preset == "ladder")
    assert config.objective.elbo and not config.objective.gsnn


def test_a_configuration_survives_json_and_its_own_command(config: Config) -> None:
    assert from_json(json.loads(json.dumps(config.to_json()))) == config
    assert folders.NAME.fullmatch(config.run_name)
    parsed: Any = main._parsed(shlex.split(train_command(config, "mine"))[3:])
    assert (parsed.config, parsed.run) == (config, "mine")


def test_a_model_is_given_what_its_configuration_says_and_nothing_else(config: Config, data: DataSet) -> None:
    _, c = held_out(config, data.test, torch.arange(IMAGES))
    assert len(c) == IMAGES
    assert {part for part, tensor in PARTS.items() if getattr(c, tensor) is not None} == set(config.given)


@torch.no_grad()
def test_a_model_infers_draws_and_scores(model: ConditionalVAE, data: DataSet) -> None:
    config = model.config
    x, c = held_out(config, data.test, torch.arange(IMAGES))
    epsilon = noise.normal((DRAWS, IMAGES, model.latent), 0, "test")
    assert model.latent == config.latents
    for latents in (model.infer(x, c, epsilon), model.draw(c, epsilon)):
        assert latents.z.shape == (DRAWS, IMAGES, config.latents)
        assert model.per_unit(latents.rate).shape[-1] == config.units
        images = completed(model.likelihood(latents, c), c)
        assert images.shape == (DRAWS, IMAGES, config.shape.values)
        assert bool(((images >= 0) & (images <= 1)).all())
        if c.pixels is not None:
            assert torch.equal(torch.where(c.pixels > 0, images, 0.0), c.pixels.expand_as(images))
    *_, scored = evaluate(model, data.test, samples=DRAWS, images=IMAGES)
    assert all(math.isfinite(cell.mean) and cell.visible == config.visible_set for cell in scored.cells)
    assert ("floor" in {cell.estimator for cell in scored.cells}) == (
        (config.pixels, config.likelihood) == ("grey", "bernoulli")
    )


def test_a_model_is_validated_judged_and_shown(model: ConditionalVAE, data: DataSet) -> None:
    config = model.config
    measured, units = validate(model, data.validation), rates(model, data.validation)
    metrics = {"elbo": measured.bound, **trivial(config, data)}
    assert reached(config, metrics, units.tolist()) and len(units) == config.units
    staged = stage(model, data, 1.0)
    shown = shown_rows(data.test, config.classes, STAGE_ROWS)
    rows, values = len(shown), config.shape.values
    assert staged.samples.shape == (rows, STAGE_COLUMNS, values) and staged.reconstructions.shape == (rows, values)
    ink = {name: (getattr(staged, name)[None] * 255).byte().numpy() for name in ("samples", "reconstructions")}
    stages = {**ink, "epoch": np.array([1.0]), "test_indices": shown.numpy()}
    for part in ("samples", "reconstructions"):
        assert replay.strip(stages, config, "mine", 1, data.test, part).width  # type: ignore[arg-type]
    assert replay.frame(stages, config, "mine", 1, data.test).width
    assert row_name(config).startswith(config.family)


def test_the_public_interface_draws_or_completes(model: ConditionalVAE, data: DataSet) -> None:
    images = data.test.intensities(slice(IMAGES))
    if model.config.reads_images:
        labels = data.test.labels[:IMAGES] if "label" in model.config.given else None
        assert cvae_core.complete(model, images, count=DRAWS, labels=labels).shape == (DRAWS, *images.shape)
        with pytest.raises(ConfigError, match="use complete instead of draw"):
            cvae_core.draw(model)
    else:
        count = model.config.classes if "label" in model.config.given else 1
        assert cvae_core.draw(model, count=DRAWS).shape == (DRAWS, count, images.shape[1])
        with pytest.raises(ConfigError, match="use draw instead of complete"):
            cvae_core.complete(model, images)


def with_given(*parts: Any) -> Config:
    """Return a configuration of a new class whose condition has these parts."""

    @dataclass(frozen=True, kw_only=True)
    class Other(QuadrantConfig):
        given = parts

    return Other(**vars(PRESETS["mlp"]["quadrant"]))


def test_several_parts_can_be_given_at_once(digits: DataSet) -> None:
    both, labels = with_given("label", "pixels"), digits.test.labels[:IMAGES]
    x, c = held_out(both, digits.test, torch.arange(IMAGES))
    assert c.labels is not None and c.pixels is not None and c.visible is not None
    assert torch.equal(c.labels, labels) and 0 < c.pixels.sum() < x.sum()
    assert both.reads_images
    with pytest.raises(ConfigError, match="needs the labels of the images: pass labels"):
        condition(both, x, None)
    with pytest.raises(ConfigError, match="is conditioned on images"):
        chosen(both, labels)


def test_a_part_that_nothing_computes_is_an_error_and_not_left_out(digits: DataSet) -> None:
    with pytest.raises(AssertionError, match="weather"):
        held_out(with_given("weather"), digits.test, torch.arange(IMAGES))
