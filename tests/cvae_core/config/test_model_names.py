"""Models have short names that say what distinguishes them, made from their configuration."""

import re
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config.flavours import Flavour, PresetName
from cvae_core.config.model_names import model_name
from cvae_core.config.presets import PRESETS, configure
from cvae_core.runs.run import readable

LONGEST = 60  # characters
SHIPPED = readable(Path(__file__).resolve().parents[3] / "checkpoints")[0]


@pytest.mark.parametrize(
    ("flavour", "preset", "changes", "name"),
    [
        ("vae", "mlp", {}, "VAE (mlp)"),
        ("quadrant", "mlp", {}, "CVAE, 1 quadrant (mlp)"),
        ("quadrant", "mlp", {"visible": "any"}, "CVAE, any set (mlp)"),
        ("quadrant", "mlp", {"visible": "top-right"}, "CVAE, top right (mlp)"),
        ("quadrant", "mlp", {"alpha": 0.0}, "CVAE, 1 quadrant, GSNN"),
        ("quadrant", "mlp", {"alpha": 0.5}, "CVAE, 1 quadrant, hybrid α = 0.5"),
        ("quadrant", "mlp", {"draws": 5}, "CVAE, 1 quadrant, IWAE of 5"),
        ("baseline", "mlp", {"visible": "2"}, "NN baseline, 2 quadrants (mlp)"),
        ("label", "mlp", {"latent": 2}, "CVAE, label, 2 latents"),
        ("label", "mlp", {"beta": 4.0, "pixels": "binarised"}, "CVAE, label, β = 4, binarised"),
        ("label", "mlp", {"dataset": "digits", "seed": 1}, "CVAE, label, digits, seed 1"),
        ("label", "classic", {"latent": 2}, "CVAE, label, 2 latents (classic)"),
        ("label", "ladder", {}, "CVAE ladder, label"),
        ("label", "ladder", {"latent": 1}, "CVAE ladder, label, 490 latents"),
        ("label", "ladder", {"groups": 0}, "CVAE, label, 4 latents (ladder)"),
    ],
)
def test_a_name_says_what_differs_from_the_preset(
    flavour: Flavour, preset: PresetName, changes: dict[str, Any], name: str
) -> None:
    assert model_name(configure(flavour, preset, **changes)) == name


def test_the_names_of_shipped_runs_are_short_words_and_distinct_together_with_the_runs() -> None:
    names = {name: model_name(card.config) for name, card in SHIPPED.items()}
    assert len(names) > 30
    assert max(map(len, names.values())) <= LONGEST
    assert not [name for name in names.values() if re.search(r"[_\[\]{}<>\"\'-]|  |\bNone\b", name)]
    alike = [name for name, count in ((name, list(names.values()).count(name)) for name in names.values()) if count > 1]
    assert set(alike) <= {"CVAE, label (mlp)"}  # of other widths and epochs
    assert len({*names.items()}) == len(names)


def test_presets_have_distinct_names() -> None:
    names = [model_name(config) for configs in PRESETS.values() for config in configs.values()]
    assert len(set(names)) == len(names)
