"""A seed is a whole number from 0 to 2⁶³ − 1, wherever it is given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.cli import main
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.config.presets import configure
from cvae_core.data import noise
from cvae_core.data.datasets import DataSet
from cvae_core.errors import ConfigError
from cvae_core.evaluation import latent_space, toy_model
from cvae_core.evaluation.classifier import Classifier, learn
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.sample_quality import judge
from cvae_core.models.build import build
from cvae_core.models.mlp import initialise
from cvae_core.pictures import recipes
from cvae_core.system.seeds import MAX_SEED, require_seed

Tiny = Callable[..., Config]
ENTRANCES: dict[str, Callable[[Any, Config, DataSet], object]] = {
    "configuration": lambda seed, _, __: configure("label", seed=seed),
    "noise": lambda seed, _, __: noise.normal((1,), seed),
    "uniform noise": lambda seed, _, __: noise.uniform((1,), seed, "use"),
    "permutation": lambda seed, _, __: noise.permutation(3, seed),
    "integers": lambda seed, _, __: noise.integers(3, 1, seed),
    "ink": lambda seed, _, __: noise.binarise(torch.zeros(1), seed),
    "noise per image": lambda seed, _, __: noise.per_image(torch.arange(1), 1, 1, seed),
    "weights": lambda seed, _, __: initialise(Classifier(BUILT_IN["digits"]), seed),
    "classifier": lambda seed, _, digits: next(
        learn(digits.test.part(slice(2)), digits.description, epochs=1, seed=seed)
    ),
    "evaluation": lambda seed, tiny, digits: list(evaluate(build(tiny), digits.test, samples=1, images=1, seed=seed)),
    "judgement": lambda seed, tiny, digits: judge(build(tiny), digits, Classifier(BUILT_IN["digits"]), seed),
    "samples": lambda seed, tiny, _: recipes.samples(build(tiny), [1], 1, seed),
    "draws": lambda seed, tiny, digits: latent_space.draws(build(tiny), digits.test, torch.arange(1), seed),
    "known integral": lambda seed, _, __: toy_model.settling(1.0, [1], seed),
}


@pytest.mark.parametrize("door", ENTRANCES)
@pytest.mark.parametrize("seed", [-5, 2**63, 2**64, 1.5, 0.0, True, "7", None, float("nan"), np.float64(1)])
def test_what_is_no_seed_is_refused(door: str, seed: Any, tiny: Tiny, digits: DataSet) -> None:
    with pytest.raises(
        ConfigError, match=rf"^Seed cannot be {seed}: it must (lie|be a whole number) between 0 and {MAX_SEED}\.$"
    ):
        ENTRANCES[door](seed, tiny("label"), digits)


@pytest.mark.parametrize("door", [door for door in ENTRANCES if door not in ("judgement", "known integral")])  # minutes
@pytest.mark.parametrize("seed", [0, 2**63 - 1, np.int64(7)])
def test_a_seed_is_taken(door: str, seed: Any, tiny: Tiny, digits: DataSet) -> None:
    ENTRANCES[door](seed, tiny("label"), digits)


def test_a_seed_of_numpy_becomes_one_of_python() -> None:
    assert type(require_seed(np.int64(7))) is int
    assert type(configure("vae", seed=np.uint8(7)).seed) is int


@pytest.mark.parametrize("seed", [-5, 2**63, 2**64])
@pytest.mark.parametrize(
    "command",
    [
        "train label --dataset digits",
        "evaluate digits-label",
        "export digits-label --grid a.png",
        "export digits-label --zip a.zip",
    ],
)
def test_the_command_line_refuses_it(
    command: str,
    seed: int,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main.main([*command.split(), "--seed", str(seed), "--root", str(root)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert (
        told.err.startswith(f"Seed cannot be {seed}: it must lie between 0 and {MAX_SEED}.")
        and told.err.count("\n") == 1
    )
    assert sorted(tmp_path.rglob("*")) == before
