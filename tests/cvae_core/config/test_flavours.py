"""A configuration is converted to JSON and to a command, and refuses impossible values."""

import json
import shlex
from dataclasses import FrozenInstanceError, fields, replace
from itertools import product
from typing import Any, get_args

import pytest

from cvae_core.cli import main
from cvae_core.config.command import train_command
from cvae_core.config.descriptions import BUILT_IN, Description
from cvae_core.config.flavours import (
    DEFAULT_PRESET,
    BaselineConfig,
    Config,
    Flavour,
    Pixels,
    PresetName,
    QuadrantConfig,
    from_json,
)
from cvae_core.config.of_data_set import FACTS, facts_of
from cvae_core.config.presets import (
    PRESETS,
    baseline_for,
    calmer,
    configure,
    preset_of,
    warm_up_caution,
)
from cvae_core.config.quadrant_names import NAMES, canonical
from cvae_core.data import datasets, fingerprints, raw_files
from cvae_core.data.masks import PROPER_SETS
from cvae_core.errors import ConfigError
from cvae_core.models.build import build
from cvae_core.system import folders

FLAVOURS, PRESET_NAMES = get_args(Flavour), get_args(PresetName)
every = pytest.mark.parametrize(
    ("flavour", "preset"), [(flavour, preset) for preset, flavours in PRESETS.items() for flavour in flavours]
)
FIXED_IN_A_LADDER = {"residual", "prior", "decoder_sees_condition"}
OTHERS: dict[str, Any] = {  # values that no preset has
    "dataset": "kmnist",
    "pixels": "binarised",
    "width": 123,
    "depth": 7,
    "epochs": 33,
    "patience": 5,
    "batch_size": 99,
    "learning_rate": 1e-5 / 3,
    "weight_decay": 0.123,
    "averaging": 0.5,
    "shifts": 0.125,
    "groups": 3,
    "draws": 4,
    "clip": 7.5,
    "alpha": 0.25,
    "likelihood": "continuous-bernoulli",
    "seed": 2**62 + 1,
    "latent": 5,
    "beta": 2.5,
    "warm_up": 0.75,
    "visible": "top-right+bottom-right",
}
SETS = ["any", *("+".join(n for n, shown in zip(NAMES, members, strict=True) if shown) for members in PROPER_SETS)]


def changed(config: Config, name: str) -> Config:
    value = getattr(config, name)
    other = {
        **OTHERS,
        **({"dataset": "digits"} if config.attributes else {}),
        "prior": {"standard": "learned"}.get(value, "standard"),
    }
    if name == "alpha":  # one objective excludes the other
        config = replace(config, draws=1)
    if name == "likelihood":  # binary pixels have one likelihood
        config = replace(config, pixels="grey")
    return replace(config, **{name: not value if isinstance(value, bool) else other[name]})


def changeable(config: Config) -> list[str]:
    fixed = FIXED_IN_A_LADDER if getattr(config, "groups", 0) else {"groups"}
    return [field.name for field in fields(config) if field.name not in {"preset", *FACTS, *fixed}]


def parsed(command: str) -> tuple[Config, str | None]:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "cvae_core"]
    train: Any = main._parsed(words[3:])
    return train.config, train.run


@every
def test_json_gives_an_equal_configuration_back(flavour: Flavour, preset: PresetName) -> None:
    config = configure(flavour, preset)
    for name in changeable(config):
        config = changed(config, name)
        assert from_json(json.loads(json.dumps(config.to_json()))) == config


@every
def test_a_command_parses_back_to_the_configuration_it_was_made_from(flavour: Flavour, preset: PresetName) -> None:
    config = configure(flavour, preset)
    assert parsed(train_command(config, config.run_name)) == (config, None)
    for name in changeable(config):
        config = changed(config, name)
    assert parsed(train_command(config, "my-run")) == (config, "my-run")


@pytest.mark.parametrize("name", changeable(configure("quadrant")))
def test_a_command_names_the_settings_that_differ_and_no_others(name: str) -> None:
    for preset in PRESET_NAMES:
        if name not in changeable(configure("quadrant", preset)):
            continue
        config = changed(configure("quadrant", preset), name)
        flags = [word.partition("=")[0] for word in train_command(config, config.run_name).split() if word[:2] == "--"]
        flag = name.replace("_", "-")
        expected = ({f"--{flag}"}, {f"--no-{flag}"})
        assert set(flags) - (set() if preset == DEFAULT_PRESET else {"--preset"}) in expected
        assert parsed(train_command(config, config.run_name))[0] == config


def test_patience_can_be_none_on_the_command_line() -> None:
    config = configure("label", "classic", patience=None)
    assert parsed(train_command(config, config.run_name))[0] == config


@every
def test_every_preset_names_itself_and_builds(flavour: Flavour, preset: PresetName) -> None:
    config = PRESETS[preset][flavour]
    assert (config.flavour, config.preset, config.dataset, config.pixels) == (flavour, preset, "mnist", "grey")
    build(replace(config, width=8))


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [
        ("width", 0, "1", "8192"),
        ("width", 8193, "1", "8192"),
        ("depth", 0, "1", "64"),
        ("latent", 0, "1", "4096"),
        ("latent", -3, "1", "4096"),
        ("epochs", 0, "1", "100000"),
        ("patience", 0, "1", "100000"),
        ("batch_size", 0, "1", "60000"),
        ("learning_rate", 0.0, "1e-08", "10.0"),
        ("learning_rate", float("nan"), "1e-08", "10.0"),
        ("learning_rate", float("inf"), "1e-08", "10.0"),
        ("weight_decay", -0.1, "0.0", "10.0"),
        ("averaging", 1.0, "0.0", "0.99999"),
        ("averaging", -0.1, "0.0", "0.99999"),
        ("beta", -1.0, "0.0", "1000.0"),
        ("warm_up", -1.0, "0.0", "100000.0"),
        ("groups", 17, "0", "16"),
        ("draws", 0, "1", "1000"),
        ("shifts", 1.5, "0.0", "1.0"),
        ("seed", -1, "0", str(2**63 - 1)),
        ("seed", 2**63, "0", str(2**63 - 1)),
    ],
)
def test_a_number_out_of_bounds_is_named_with_its_bounds(name: str, value: float, low: str, high: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure("label", **{name: value})
    said = name.replace("_", " ").capitalize()
    assert str(caught.value) == f"{said} cannot be {value}: it must lie between {low} and {high}."


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("pixels", "gray", "grey, binarised"),
        ("prior", "flat", "standard, learned"),
        ("likelihood", "gaussian", "bernoulli, continuous-bernoulli, discretised-logistic"),
    ],
)
def test_a_choice_that_is_none_is_named_with_those_that_are(name: str, value: object, choices: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure("label", **{name: value})
    assert str(caught.value) == f"{name.capitalize()} cannot be {value!r}: it must be one of {choices}."


@pytest.mark.parametrize("name", ["emnist", "", None, 3, "../mnist"])
def test_an_unknown_data_set_is_named_with_those_that_exist(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"No data set is called '.*': choose one of mnist, fashion, kmnist, digits"):
        configure("label", dataset=name)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_of_the_data_set_is_no_setting(fact: str) -> None:
    with pytest.raises(ConfigError, match=f"'{fact}' cannot be set: it follows from the data set"):
        configure("label", **{fact: 3})
    with pytest.raises(ConfigError, match="nrecognized"):
        parsed(f"python -m cvae_core train label --{fact.replace('_', '-')} 3")
    assert getattr(replace(configure("label", dataset="digits"), **{fact: 16}), fact) == getattr(
        configure("label", dataset="digits"), fact
    )


def test_a_data_set_decides_the_shape_and_the_default_likelihood() -> None:
    photos = Description(name="photos", channels=3, side=32, classes=("cat", "dog"), train=900, validation=50, test=50)
    config = configure("label", data=photos, width=8)
    assert (config.shape, config.classes, config.likelihood) == ((3, 32), 2, "discretised-logistic")
    assert not photos.drawn  # colour images are no drawings
    assert config.run_name == "photos-label"
    assert from_json(config.to_json()) == config
    assert replace(config, likelihood="bernoulli").run_name == "photos-label-bernoulli"
    with pytest.raises(ConfigError, match="Binarised pixels need grey images"):
        replace(config, pixels="binarised")
    (needed,) = {baseline_for(configure("quadrant", data=photos))}
    assert needed is not None
    assert (needed.facts, needed.likelihood) == (config.facts, config.likelihood)
    with pytest.raises(ConfigError, match="one class: there is no label"):
        configure("label", data=replace(photos, classes=("all",)))
    ladder = configure("vae", "ladder", data=photos)
    assert ladder.latents == 4 * 2 * (8**2 + 16**2)


def test_a_baseline_has_no_ladder() -> None:
    with pytest.raises(ConfigError, match="no ladder preset of a baseline"):
        configure("baseline", "ladder")


@pytest.mark.parametrize(
    ("flavour", "changes"),
    [
        ("vae", {"residual": False}),
        ("label", {"prior": "standard"}),
        ("quadrant", {"decoder_sees_condition": False}),
    ],
)
def test_what_a_ladder_always_has_cannot_be_taken_from_it(flavour: Flavour, changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(ConfigError, match=f"{name.replace('_', ' ').capitalize()} cannot be .* in a ladder"):
        configure(flavour, "ladder", **changes)


def test_a_configuration_has_one_objective() -> None:
    with pytest.raises(ConfigError, match="leave one of them at 1"):
        configure("quadrant", alpha=0.5, draws=5)
    assert configure("quadrant", alpha=0.0).objective.gsnn
    assert not configure("quadrant", alpha=0.5).objective.gsnn
    assert not configure("baseline").objective.gsnn


def test_an_older_card_has_the_defaults_of_what_came_later() -> None:
    content = configure("label").to_json()
    del content["groups"], content["shifts"]
    assert from_json(content) == configure("label")


def test_the_units_of_a_ladder_are_its_maps() -> None:
    config = configure("vae", "ladder", latent=3, groups=2)
    assert (config.latents, config.units) == (2 * 3 * (7 * 7 + 14 * 14), 2 * 2 * 3)
    assert configure("vae").units == configure("vae").latents


@pytest.mark.parametrize("flavour", ["quadrant", "baseline"])
def test_a_set_that_is_none_is_refused(flavour: Flavour) -> None:
    with pytest.raises(ConfigError, match="'middle'"):
        configure(flavour, visible="middle")


FOREIGN: dict[str, Any] = {
    "nothing": {},
    "another flavour": {"flavour": "gan"},
    "no flavour": {"flavour": ...},
    "a field more": {"layers": 3},
    "a field less": {"width": ...},
    "a field of another flavour": {"visible": "1"},
    "a value out of bounds": {"width": 0},
    "a text for a number": {"width": "500"},
    "null for a number": {"width": None},
    "a fraction for a whole number": {"width": 2.5},
    "a text for a switch": {"one_cycle": "no"},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_the_configuration_of_another_version_is_refused(case: str) -> None:
    content = {**configure("label").to_json(), **FOREIGN[case]} if FOREIGN[case] else {}
    with pytest.raises(ConfigError):
        from_json({name: value for name, value in content.items() if value is not ...})


@pytest.mark.parametrize("flavour", ["quadrant", "baseline"])
def test_equal_sets_have_equal_configurations(flavour: Flavour) -> None:
    assert configure(flavour, visible="bottom-left+top-left") == configure(flavour, visible="2")
    one, other = (configure(flavour, visible=v) for v in ("bottom-right+top-left", "top-left+bottom-right"))
    assert one == other
    assert one.run_name == other.run_name
    assert configure(flavour, visible="1") != configure(flavour, visible="2")


def test_a_configuration_cannot_be_changed_or_given_by_position() -> None:
    config = configure("label")
    with pytest.raises(FrozenInstanceError):
        config.width = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        BaselineConfig("mnist")  # type: ignore[misc, call-arg]


def test_every_configuration_has_a_name_of_its_own_that_a_run_can_have() -> None:
    names: dict[str, Config] = {}
    for flavour, dataset, preset, pixels in product(FLAVOURS, BUILT_IN, PRESET_NAMES, get_args(Pixels)):
        if flavour not in PRESETS[preset] or ("attributes" in flavour and not BUILT_IN[dataset].attributes):
            continue
        for visible in [*SETS, "brush"] if "pixels" in PRESETS[preset][flavour].given else [None]:
            which = {"visible": visible} if visible else {}
            config = configure(flavour, preset, dataset=dataset, pixels=pixels, **which)
            assert folders.NAME.fullmatch(config.run_name), config.run_name
            assert names.setdefault(config.run_name, config) == config


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("visible", SETS)
def test_a_quadrant_run_stands_on_the_baseline_of_its_images_pixels_and_quadrants(
    visible: str, preset: PresetName
) -> None:
    config = configure("quadrant", preset, dataset="digits", pixels="binarised", visible=visible, seed=5, width=77)
    assert isinstance(config, QuadrantConfig)
    baseline = baseline_for(config)
    assert baseline == configure("baseline", dataset="digits", pixels="binarised", visible=visible)
    assert baseline.visible == canonical(visible)


def test_only_some_configurations_train_on_any_set() -> None:
    assert configure("quadrant", visible="any").any_set
    assert configure("baseline", visible="any").any_set
    assert not any(configure(flavour).any_set for flavour in FLAVOURS)


def test_the_number_of_latents_is_known_of_every_flavour() -> None:
    found = {flavour: configure(flavour, "classic").latents for flavour in FLAVOURS}
    assert found == {
        flavour: 0 if flavour == "baseline" else 200 if "quadrant" in flavour else 20 for flavour in FLAVOURS
    }


def test_the_data_sets_of_configurations_are_those_that_can_be_loaded() -> None:
    assert tuple(BUILT_IN) == datasets.NAMES


def test_the_size_of_each_data_set_is_known() -> None:
    digits = datasets.load("digits")
    assert [BUILT_IN["digits"].train, BUILT_IN["digits"].validation, BUILT_IN["digits"].test] == [
        len(part) for part in (digits.train, digits.validation, digits.test)
    ]
    large = raw_files.SHAPES["train-images-idx3-ubyte"][0] - fingerprints.HELD_OUT
    assert {name: of.train for name, of in BUILT_IN.items() if name != "digits"} == dict.fromkeys(
        raw_files.CLASS, large
    )


@every
@pytest.mark.parametrize("dataset", ["mnist", "fashion", "kmnist"])
def test_a_large_data_set_has_the_presets_as_they_are(dataset: str, flavour: Flavour, preset: PresetName) -> None:
    if "attributes" in flavour and not BUILT_IN[dataset].attributes:
        with pytest.raises(ConfigError, match=f"The data set {dataset} has no attributes to condition on"):
            preset_of(flavour, preset, facts_of(BUILT_IN[dataset]))
        return
    assert preset_of(flavour, preset, facts_of(BUILT_IN[dataset])) == replace(PRESETS[preset][flavour], dataset=dataset)


SMALL = {  # of flavours that are given pixels, and of others with z: epochs, patience, warm-up, batch, width, shifts
    ("classic", "label"): (188, 11, 0, 64, 400, 0.0),
    ("classic", "quadrant"): (188, 11, 0, 64, 500, 0.0),
    ("classic", "baseline"): (188, 11, None, 64, 500, 0.0),
    ("mlp", "label"): (150, None, 19, 64, 128, 0.5),
    ("mlp", "quadrant"): (150, None, 19, 64, 128, 0.5),
    ("mlp", "baseline"): (75, None, None, 64, 500, 0.0),
    ("ladder", "label"): (90, None, 11, 64, 64, 0.5),
    ("ladder", "quadrant"): (90, None, 11, 64, 64, 0.5),
}


@every
def test_a_small_data_set_has_more_and_smaller_steps_and_all_else_of_the_preset(
    flavour: Flavour, preset: PresetName
) -> None:
    config = preset_of(flavour, preset, facts_of(BUILT_IN["digits"]))
    fitted = ("epochs", "patience", "warm_up", "batch_size", "width", "shifts")
    assert (
        tuple(getattr(config, name, None) for name in fitted)
        == SMALL[preset, flavour if flavour == "baseline" else "quadrant" if "quadrant" in flavour else "label"]
    )
    there = [name for name in fitted if hasattr(config, name)]
    usual = PRESETS[preset][flavour]
    assert replace(config, dataset="mnist", **{name: getattr(usual, name) for name in there}) == usual


@every
def test_a_bare_command_has_the_defaults_of_its_data_set_and_a_printed_one_names_them(
    flavour: Flavour, preset: PresetName
) -> None:
    config = preset_of(flavour, preset, facts_of(BUILT_IN["digits"]))
    assert configure(flavour, preset, dataset="digits") == config
    for dataset in ("--dataset digits", "--dataset=digits", "--dataset mnist --dataset digits"):
        assert parsed(f"python -m cvae_core train {flavour} --preset {preset} {dataset}")[0] == config
    command = train_command(config, config.run_name)
    assert f"--epochs {config.epochs} --" in command
    assert f"--batch-size {config.batch_size}" in command
    assert parsed(command)[0] == config
    as_on_mnist = replace(PRESETS[preset][flavour], dataset="digits")
    assert f"--epochs {as_on_mnist.epochs} --" in train_command(as_on_mnist, "mine")
    assert parsed(train_command(as_on_mnist, "mine"))[0] == as_on_mnist
    assert parsed(f"python -m cvae_core train {flavour} --preset {preset} --dataset digits --epochs 3")[0] == replace(
        config, epochs=3
    )


def test_a_card_of_before_the_rule_keeps_its_settings() -> None:
    before = replace(PRESETS["mlp"]["label"], dataset="digits")
    assert from_json(before.to_json()) == before != configure("label", dataset="digits")


def test_a_warm_up_that_is_longer_than_the_training_is_said() -> None:
    assert "warm-up of 5 epochs is longer than the training of 1" in warm_up_caution(configure("label", epochs=1))
    assert not any(
        warm_up_caution(configure(of, dataset=dataset)) for of in FLAVOURS for dataset in ("mnist", "digits")
    )
    assert warm_up_caution(configure("label", epochs=5)) == ""


@pytest.mark.parametrize(("given", "calm"), [(10.0, 2e-3), (2e-3, 2e-4), (1e-3, 1e-4)])
def test_a_diverged_configuration_becomes_calmer(given: float, calm: float) -> None:
    config = configure("label", learning_rate=given)
    assert calmer(config) == replace(config, learning_rate=calm)
