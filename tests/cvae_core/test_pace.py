"""How long a training will take is measured, not guessed."""

import time
from collections.abc import Callable

import pytest

from cvae_core import pace
from cvae_core.config import Config
from cvae_core.data import DataSet
from cvae_core.monitoring import validate
from cvae_core.training import Learner, steps_per_epoch


@pytest.mark.parametrize("flavour", ["label", "quadrant", "baseline"])
def test_an_epoch_is_estimated_from_steps_and_validation_that_are_timed(
    flavour: str, tiny: Callable[..., Config], digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(flavour, batch_size=100)
    learn = Learner.learn
    slow: dict[str, float] = {"step": 0.05, "validation": 0.2}

    def slowly(learner: Learner, *given: object) -> float:
        time.sleep(slow["step"])
        return learn(learner, *given)  # type: ignore[arg-type]

    def validated(*given: object) -> object:
        time.sleep(slow["validation"])
        return validate(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "learn", slowly)
    monkeypatch.setattr(pace, "validate", validated)
    steps = steps_per_epoch(config, len(digits.train))
    least = 0.05 * steps + 0.2 * len(digits.validation) / min(len(digits.validation), pace.VALIDATION_BATCH)
    assert least < pace.epoch_seconds(config, digits) < 3 * least
