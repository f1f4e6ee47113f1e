"""The default settings work on the embedded digits: no model collapses, and each is better than a trivial guess.

`make soak` trains every flavour with every preset except the ladder, which takes minutes. To check a ladder, run
`python -m cvae_core train label --preset ladder --dataset digits` (also vae, quadrant), which prints its verdict.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from cvae_core.config.flavours import Flavour, PresetName
from cvae_core.config.presets import PRESETS, configure
from cvae_core.data.datasets import DataSet
from cvae_core.jobs.session import Finished, Launch, train_run
from cvae_core.runs.run import Run
from cvae_core.training.validation import trivial, validate

# Baselines come first: a quadrant model would train its own.
FLAT = sorted(
    ((flavour, preset) for preset in ("mlp", "classic") for flavour in PRESETS[preset]),  # type: ignore[index]
    key=lambda pair: pair[0] != "baseline",
)


def trained(flavour: Flavour, preset: PresetName, root: Path, **changes: str) -> Run:
    config = configure(flavour, preset, dataset="digits", **changes)
    *_, last = train_run(config, Launch(run=config.run_name, root=root))
    assert isinstance(last, Finished)
    return last.run


@pytest.fixture(scope="module")
def own_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of runs that share their baselines."""
    return tmp_path_factory.mktemp("bare")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("flavour", "preset", "visible"),
    [*((*pair, "1") for pair in FLAT), ("quadrant", "mlp", "2"), ("quadrant", "mlp", "3"), ("quadrant", "mlp", "any")],
)
def test_a_bare_command_trains_the_embedded_digits_to_a_sound_model(
    flavour: Flavour, preset: PresetName, visible: str, own_root: Path, digits: DataSet
) -> None:
    run = trained(flavour, preset, own_root, **({"visible": visible} if flavour in ("quadrant", "baseline") else {}))
    card = run.card()
    assert card.verdict == "sound"
    assert card.metrics["elbo"] > card.metrics["guess"]
    if flavour != "baseline" and visible == "1":
        assert sum(card.rates) > 1.0
    test = replace(digits, validation=digits.test)
    assert validate(run.model(), digits.test).bound > trivial(card.config, test)["guess"]


def test_a_few_steps_of_the_defaults_already_make_a_sound_model(tmp_path: Path) -> None:
    config = configure("label", "classic", dataset="digits", epochs=12)
    *_, last = train_run(config, Launch(run="mine", root=tmp_path))
    assert isinstance(last, Finished)
    assert last.card.verdict == "sound"
    assert sum(last.card.rates) > 1.0
