"""The duration of a training is estimated from measured steps."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from cvae_core.config.flavours import Config
from cvae_core.data.datasets import DataSet
from cvae_core.training import timing
from cvae_core.training.loop import Learner, steps_per_epoch
from cvae_core.training.validation import validate


@pytest.mark.parametrize("flavour", ["label", "quadrant", "baseline"])
def test_an_epoch_is_estimated_from_steps_and_validation_that_are_timed(
    flavour: str, tiny: Callable[..., Config], digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(flavour, batch_size=100)
    learn, now = Learner.learn, 0.0  # a clock that advances only during steps and validations

    def slowly(learner: Learner, *given: object) -> float:
        nonlocal now
        now += 0.05
        return learn(learner, *given)  # type: ignore[arg-type]

    def validated(*given: object) -> object:
        nonlocal now
        now += 0.2
        return validate(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(Learner, "learn", slowly)
    monkeypatch.setattr(timing, "validate", validated)
    steps = steps_per_epoch(config, len(digits.train))
    due = 0.05 * steps + 0.2 * len(digits.validation) / min(len(digits.validation), timing.VALIDATION_BATCH)
    assert timing.epoch_seconds(config, digits) == pytest.approx(due)
