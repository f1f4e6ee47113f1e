"""Attributes from a table to a sample: standardised, with gaps, and without effect where they are not given."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core import draw
from cvae_core.config.descriptions import BUILT_IN, Attribute, Description
from cvae_core.config.flavours import CLASSES
from cvae_core.config.presets import PRESETS
from cvae_core.data import ink, noise, sealed
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import condition
from cvae_core.data.datasets import DataSet, Split, load
from cvae_core.data.sealed import standardised
from cvae_core.errors import RunDamaged
from cvae_core.jobs.session import Launch, train_run
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import completed, encoded
from cvae_core.runs.run import find
from cvae_core.system import files
from tests import own_data
from tests.conftest import Tiny, Untrained
from tests.sources import encoded as png
from tests.sources import folder, pixels, read

GIVEN_ATTRIBUTES = [
    (flavour, preset)
    for preset, flavours in PRESETS.items()
    for flavour in flavours
    if "attributes" in CLASSES[flavour].given
]


@pytest.mark.parametrize("name", ["digits", pytest.param("mnist", marks=[pytest.mark.mnist, pytest.mark.soak])])
def test_the_moments_of_built_in_attributes_are_those_that_are_measured(name: str) -> None:
    train = load(name).train
    about = BUILT_IN[name]
    found = standardised(about.attributes, ink.measured(train.images.numpy(), about.shape))
    for one, other in zip(about.attributes, found, strict=True):
        assert (one.mean, one.scale) == pytest.approx((other.mean, other.scale), abs=6e-4)


def test_moments_leave_out_missing_values_and_a_constant_has_the_scale_one() -> None:
    names = [Attribute(name=name) for name in ("gaps", "constant", "empty")] + [
        Attribute(name="kind", categories=("a",))
    ]
    values = np.array([[1, 7, math.nan, 0], [math.nan, 7, math.nan, 0], [3, 7, math.nan, 0]], np.float32)
    found = standardised(names, values)
    assert [(one.mean, one.scale) for one in found] == [(2, 1), (7, 1), (0, 1), (0, 1)]
    large = standardised(names[:1], np.array([[-3e38], [3e38]], np.float32))
    assert large[0].scale == 1e30


def test_the_letters_have_the_moments_of_their_training_images() -> None:
    found = sealed.read("letters")
    about = found.description.attributes
    assert standardised(about, found.attributes["train"]) == about and about[0].scale > 100


def test_a_table_with_gaps_categories_and_umlauts_ends_in_a_trained_model(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    files = {f"{seed}.png": png(pixels(seed)) for seed in range(40)}
    rows = [
        f"{seed}.png,{'' if seed % 5 == 0 else 100 + seed / 2},{('grün', 'weiß', '')[seed % 3]},{seed % 4}"
        for seed in range(40)
    ]
    table = "\n".join(["picture,Größe,Farbe,label", *rows]).encode("utf-8-sig")
    found = read(folder(tmp_path / "s", {**files, "t.csv": table}) / "t.csv")
    sealed.store(found)
    size, colour = load("mine").description.attributes
    known = found.attributes["train"][:, 0]
    assert (size.mean, size.scale) == pytest.approx((np.nanmean(known), np.nanstd(known)), rel=1e-5)
    assert (colour.name, tuple(colour.categories)) == ("Farbe", ("grün", "weiß"))
    assert 0 < np.isnan(known).sum() < len(known)
    config = tiny("attributes", data=load("mine").description, dataset="mine", epochs=1, batch_size=16)
    for _ in train_run(config, Launch(run="own", root=tmp_path / "runs")):
        pass
    run = find("own", tmp_path / "runs")
    assert run.card().config.attributes == (size, colour)
    model = run.model()
    some, others = (
        draw(model, count=2, attributes=asked) for asked in ({"Größe": 110.0, "Farbe": "weiß"}, {"Farbe": "grün"})
    )
    assert some.shape == others.shape and not torch.equal(some, others)


def of_attributes() -> tuple[Description, DataSet]:
    about = own_data.description(
        "mine", attributes=(Attribute(name="Größe", mean=0.5, scale=0.5), Attribute(name="kind", categories=("a", "b")))
    )
    made = own_data.sealed(about)
    splits = (
        Split(
            torch.from_numpy(images), torch.from_numpy(labels).long(), torch.from_numpy(made.attributes[split].copy())
        )
        for split, (images, labels) in made.splits.items()
    )
    return about, DataSet(about, *splits, made.fingerprint)


@pytest.mark.parametrize(("flavour", "preset"), GIVEN_ATTRIBUTES)
@torch.no_grad()
def test_an_attribute_that_is_not_given_never_changes_a_prediction(
    tiny: Tiny, small_baseline: None, flavour: Any, preset: Any
) -> None:
    about, data = of_attributes()
    groups: dict[str, Any] = {"groups": 1} if preset == "ladder" else {}
    config = tiny(flavour, preset=preset, data=about, dataset="mine", **groups)
    model, generator = build(config).eval(), torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.normal_(0, 0.3, generator=generator)
    rows = torch.arange(4)
    x, c = held_out(config, data.test, rows)
    assert c.attributes is not None

    def predicted(attributes: torch.Tensor) -> list[torch.Tensor]:
        given = condition(config, x, data.test.labels[rows], c.visible, attributes)
        epsilon = noise.normal((2, len(rows), model.latent), 0, "perturbed")
        drawn, inferred = model.draw(given, epsilon), model.infer(x, given, epsilon)
        return [completed(model.likelihood(each, given), given) for each in (drawn, inferred)] + [inferred.rate]

    # A NaN with any sign and payload stands for a value that is not given.
    missing = torch.tensor([0x7FC00000, 0x7FC12345, -0x3FFFFF, -1], dtype=torch.int32).view(torch.float32)
    for column, other in ((0, c.attributes[:, 0] + 3), (1, 1 - c.attributes[:, 1])):
        changed, absent, absent_too = c.attributes.clone(), c.attributes.clone(), c.attributes.clone()
        changed[:, column], absent[:, column], absent_too[:, column] = other, math.nan, missing
        assert not all(map(torch.equal, predicted(c.attributes), predicted(changed)))  # where it is given, it matters
        assert all(map(torch.equal, predicted(absent), predicted(absent_too)))
        encoding = encoded(config.attributes, changed.masked_fill(torch.arange(2) == column, math.nan))
        assert torch.equal(encoding, encoded(config.attributes, absent))


@pytest.mark.parametrize("flavour", ["label", "attributes"])
def test_only_runs_that_are_given_attributes_depend_on_how_these_are_measured(
    tiny: Tiny, untrained: Untrained, flavour: Any
) -> None:
    run = untrained(tiny(flavour))
    path = run.folder / "card.json"
    content = files.read_json(path)
    content["data"]["attributes"][1]["mean"] += 0.1
    files.write_json(path, content)
    if flavour == "label":
        assert run.card().description == BUILT_IN["digits"]
    else:
        with pytest.raises(RunDamaged, match="train the run again"):
            run.card()
