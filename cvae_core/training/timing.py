"""How long a training will take on this machine: a second of its own steps is timed."""

import time
from collections.abc import Callable

import torch

from cvae_core.config.flavours import Config
from cvae_core.data.datasets import DataSet
from cvae_core.errors import ConfigError
from cvae_core.models.build import shapes
from cvae_core.system.distributed import fast_dtype
from cvae_core.training.loop import Learner, steps_per_epoch
from cvae_core.training.validation import VALIDATION_BATCH, validate

SECONDS = 1.0  # of steps are timed
MOST_WEIGHTS = 50_000_000  # beside a page's visitors, and a training holds each four times
IMAGES = 2048  # of the training split take part: enough for the largest batches, few for a baseline to guess first


def require_small(config: Config) -> None:
    """Raise ConfigError where a configuration's networks are too large to be built beside other things."""
    if (weights := sum(shape.numel() for shape in shapes(config).values())) > MOST_WEIGHTS:
        raise ConfigError(
            f"Networks of {weights:,} weights are too large: from a page {MOST_WEIGHTS:,} are the most. Make width or depth "
            "smaller, or train them from the command line."
        )


def epoch_seconds(config: Config, data: DataSet) -> float:
    """Estimate the seconds of one epoch of a configuration, validation included; what else works here slows it down."""
    steps = steps_per_epoch(config, len(data.train))
    learner = Learner(config, steps, dtype=fast_dtype(), frozen={})
    few = data.train.part(slice(IMAGES))
    rows = torch.arange(min(config.batch_size, len(data.train))) % len(few)
    held_out = data.validation.part(slice(VALIDATION_BATCH))
    a_step = _seconds_of(lambda: learner.learn(few, rows), SECONDS)
    a_batch = _seconds_of(lambda: validate(learner.evaluated, held_out), 0.0)
    return a_step * steps + a_batch * len(data.validation) / len(held_out)


def _seconds_of(work: Callable[[], object], seconds: float) -> float:
    """Time some work after doing it once for warmth, again and again for some seconds; return the mean of one time."""
    work()
    done, since = 0, time.monotonic()
    while done == 0 or time.monotonic() - since < seconds:
        work()
        done += 1
    return (time.monotonic() - since) / done
