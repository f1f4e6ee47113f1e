"""Every flavour, with every preset, pixel protocol and likelihood, fulfils the contract of a model."""

import copy
import json
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

import cvae_core
from cvae_core.cli import main
from cvae_core.config.command import train_command
from cvae_core.config.descriptions import Attribute, LikelihoodName
from cvae_core.config.flavours import CLASSES, Config, Flavour, Given, Pixels, PresetName, QuadrantConfig, from_json
from cvae_core.config.model_names import model_name, row_name
from cvae_core.config.presets import PRESETS
from cvae_core.data import noise, sealed
from cvae_core.data.batches import held_out, shown_rows
from cvae_core.data.conditions import chosen, condition
from cvae_core.data.datasets import DataSet, load
from cvae_core.data.masks import visible_values
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
ATTRIBUTES = (
    Attribute(name="slant", mean=1.0, scale=2.0),
    Attribute(name="style", categories=("plain", "bold", "thin")),
)
SETS = {
    "small": own_data.description("small", attributes=ATTRIBUTES),
    "colour": own_data.description("colour", channels=3, side=16, drawn=False, attributes=ATTRIBUTES),
    "large": own_data.description(
        "large", side=20, classes=tuple(map(str, range(12))), train=24, validation=12, test=12
    ),
}
LIKELIHOODS = get_args(LikelihoodName)
MODELS = [(flavour, preset) for preset, flavours in PRESETS.items() for flavour in flavours]
EVERY = [(*model, "grey", likelihood, "small", "1") for model in MODELS for likelihood in LIKELIHOODS]
SHORT = [  # each model with one likelihood, so that each flavour and each preset has all of them
    (flavour, preset, "grey", LIKELIHOODS[(row + column) % 3], "small", "1")
    for row, (preset, flavours) in enumerate(PRESETS.items())
    for column, flavour in enumerate(flavours)
]
SHORT += [(flavour, "mlp", "binarised", "bernoulli", "small", "1") for flavour in PRESETS["mlp"]]
SHORT += [
    (flavour, "mlp", "grey", "bernoulli", "small", "brush")
    for flavour, config in PRESETS["mlp"].items()
    if config.visible_set
]
SHORT += [
    ("quadrant", "mlp", "grey", "bernoulli", "small", "any"),
    ("quadrant", "classic", "grey", "bernoulli", "small", "brush"),
    ("label+quadrant", "ladder", "grey", "bernoulli", "small", "brush"),
    ("label+attributes+quadrant", "mlp", "grey", "bernoulli", "digits", "1"),
    ("label+attributes", "mlp", "grey", "discretised-logistic", "colour", "1"),
    ("quadrant", "ladder", "grey", "bernoulli", "colour", "1"),
    ("attributes+quadrant", "mlp", "grey", "continuous-bernoulli", "colour", "brush"),
    ("vae", "mlp", "grey", "continuous-bernoulli", "large", "1"),
    ("baseline", "mlp", "binarised", "bernoulli", "large", "1"),
    ("baseline", "mlp", "grey", "continuous-bernoulli", "large", "1"),
    ("label", "ladder", "grey", "discretised-logistic", "large", "1"),
]
LONG = [case for case in EVERY if case not in SHORT]
LONG += [(flavour, preset, "binarised", "bernoulli", "small", "any") for flavour, preset in MODELS]
LONG += [("quadrant", "ladder", "grey", "discretised-logistic", "digits", "1")]


@pytest.fixture(scope="module", autouse=True)
def sets(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Iterator[None]:
    """Store tiny data sets, and give models of pixels a tiny baseline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVAE_DATA", str(tmp_path_factory.mktemp("data")))
        small = tiny("baseline", epochs=2, dataset="mnist")
        patch.setitem(PRESETS["mlp"], "baseline", small)  # type: ignore[arg-type]
        for description in SETS.values():
            sealed.store(own_data.sealed(description))
        yield


@pytest.fixture(
    scope="module", params=[*SHORT, *(pytest.param(case, marks=pytest.mark.soak) for case in LONG)], ids="-".join
)
def config(request: pytest.FixtureRequest, tiny: Tiny, sets: None) -> Config:
    flavour, preset, pixels, likelihood, dataset, visible = request.param
    changes: dict[str, Any] = {"groups": 1} if preset == "ladder" else {}
    changes |= {"visible": visible} if PRESETS["mlp"][flavour].visible_set else {}
    here = {"dataset": dataset, "data": SETS.get(dataset)}
    return tiny(flavour, preset=preset, pixels=pixels, likelihood=likelihood, **here, **changes)


@pytest.fixture(scope="module")
def data(config: Config) -> DataSet:
    return load(config.dataset)


@pytest.fixture(scope="module")
def model(config: Config, data: DataSet) -> ConditionalVAE:
    """Return a model after one step of training."""
    learner = Learner(config, 1, dtype=torch.float32, frozen={})
    before = [weight.detach().clone() for weight in learner.learned]
    assert math.isfinite(learner.learn(data.train, torch.arange(8)))
    assert any(not torch.equal(old, new) for old, new in zip(before, learner.learned, strict=True))
    return learner.evaluated.eval()


def test_the_cases_are_all_there_are() -> None:
    assert {(flavour, preset) for flavour, preset, *_ in SHORT} == set(MODELS)
    for position, values in ((0, Flavour), (1, PresetName), (2, Pixels)):
        assert {case[position] for case in SHORT} == set(get_args(values))
    for position in (0, 1):
        combined = {(case[position], case[3]) for case in SHORT}
        assert combined == set(product({case[position] for case in SHORT}, LIKELIHOODS))
    assert set(EVERY) <= {*SHORT, *LONG}
    subsets = (set(parts) for count in range(len(PARTS) + 1) for parts in combinations(PARTS, count))
    assert all(any(set(kind.given) == parts for kind in CLASSES.values()) for parts in subsets)
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
        visible = "1" if model.config.any_set else None
        completions = cvae_core.complete(model, images, count=DRAWS, visible=visible, labels=labels)
        assert completions.shape == (DRAWS, *images.shape)
        with pytest.raises(ConfigError, match="use complete instead of draw"):
            cvae_core.draw(model)
    else:
        count = model.config.classes if "label" in model.config.given else 1
        assert cvae_core.draw(model, count=DRAWS).shape == (DRAWS, count, images.shape[1])
        with pytest.raises(ConfigError, match="use draw instead of complete"):
            cvae_core.complete(model, images)


@torch.no_grad()
def test_only_what_is_given_changes_a_prediction(model: ConditionalVAE, data: DataSet) -> None:
    """Hidden pixels, labels and attributes of other flavours, and attributes that are not given, change nothing."""
    model, config = copy.deepcopy(model), model.config
    for index, weight in enumerate(model.parameters()):  # weights that start at zero would hide dependencies
        weight += 0.1 * noise.normal(weight.shape, 0, "shaken", index)
    x, c = held_out(config, data.test, torch.arange(IMAGES))
    epsilon = noise.normal((DRAWS, 1, model.latent), 0, "test")
    hidden = torch.ones_like(x).bool() if c.visible is None else ~visible_values(c.visible, config.shape)
    labels = data.test.labels[:IMAGES]
    attributes = (
        torch.full((IMAGES, len(config.attributes)), math.nan) if c.attributes is None else c.attributes.clone()
    )
    attributes[:, 1::2] = math.nan  # the styles are not given

    def predicted(
        x: Tensor, labels: Tensor, attributes: Tensor, described: Sequence[Attribute] | None = None
    ) -> Tensor:
        model.config = config if described is None else replace(config, attributes=described)
        given = condition(model.config, x, labels, c.visible, attributes)
        likelihood = model.likelihood(model.draw(given, epsilon), given)
        return torch.where(hidden, likelihood.paste(likelihood.mean, torch.zeros_like(x)), 0.0)

    own = predicted(x, labels, attributes)
    assert bool(own.isfinite().all())
    other_labels = (labels + 1) % config.classes
    assert torch.equal(predicted(torch.where(hidden, 1 - x, x), labels, attributes), own)
    assert torch.equal(predicted(x, other_labels, attributes), own) == ("label" not in config.given)
    if "attributes" not in config.given:
        assert torch.equal(predicted(x, labels, torch.ones(IMAGES, 2)), own)
    elif config.dataset != "digits":
        slant, style = config.attributes
        assert torch.equal(predicted(x, labels, attributes, (slant, replace(style, mean=9.0, scale=7.0))), own)
        assert not torch.equal(predicted(x, labels, attributes + 1), own)
        nothing = torch.full_like(attributes, math.nan)
        alone = predicted(x, labels, nothing)
        assert torch.equal(predicted(x, labels, nothing, (replace(slant, mean=9.0, scale=7.0), style)), alone)
        assert not torch.equal(alone, own)
    if c.visible is not None:
        assert not torch.equal(predicted(torch.where(hidden, x, 1 - x), labels, attributes), own)


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
