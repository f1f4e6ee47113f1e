"""Estimate the duration of a training on this machine by timing one second of its steps."""

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

SECONDS = 1.0  # for which steps are timed
MOST_WEIGHTS = 50_000_000  # a training holds each four times, and shares the memory with the visitors of the pages
IMAGES = 2048  # training images used: enough for the largest batch, and few for a baseline to predict


def require_small(config: Config) -> None:
    """Raise ConfigError if a configuration's networks are too large to train from a page."""
    if (weights := sum(shape.numel() for shape in shapes(config).values())) > MOST_WEIGHTS:
        raise ConfigError(
            f"Networks with {weights:,} weights are too large: a page trains at most {MOST_WEIGHTS:,} weights. Reduce "
            "width or depth, or train them from the command line."
        )


def epoch_seconds(config: Config, data: DataSet) -> float:
    """Estimate the seconds per epoch of a configuration, including validation. Other load raises the estimate."""
    steps = steps_per_epoch(config, len(data.train))
    learner = Learner(config, steps, dtype=fast_dtype(), frozen={})
    few = data.train.part(slice(IMAGES))
    rows = torch.arange(min(config.batch_size, len(data.train))) % len(few)
    held_out = data.validation.part(slice(VALIDATION_BATCH))
    a_step = _seconds_of(lambda: learner.learn(few, rows), SECONDS)
    a_batch = _seconds_of(lambda: validate(learner.evaluated, held_out), 0.0)
    return a_step * steps + a_batch * len(data.validation) / len(held_out)


def _seconds_of(work: Callable[[], object], seconds: float) -> float:
    """Call `work` once as a warm-up, then repeatedly for at least `seconds`. Return the mean seconds per call."""
    work()
    done, since = 0, time.monotonic()
    while done == 0 or time.monotonic() - since < seconds:
        work()
        done += 1
    return (time.monotonic() - since) / done
