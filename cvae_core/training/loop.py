"""The training loop, a generator of reports. It can stop after any step, and resume with identical results.

Noise, order and binarisation derive from (seed, epoch, step), and schedules are functions of the step. Everything else that
a step depends on is in `Learner.state`. A resumed training therefore takes exactly the same steps as an uninterrupted one.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.batches import guess_is_fixed, trained_on, training_batch
from cvae_core.data.conditions import Condition, condition
from cvae_core.data.datasets import DataSet, Split
from cvae_core.errors import Diverged
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import first_guess
from cvae_core.models.objectives import Elbo, objective
from cvae_core.system import distributed, formats
from cvae_core.system.distributed import CPU
from cvae_core.system.type_checks import NATS
from cvae_core.training.optimiser import AdamW, averaging_of
from cvae_core.training.validation import Measured, Staged, stage, validate

STAGE_EPOCHS = (
    *(0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 1.5, 2, 3, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50),
    *(75, 100, 150, 200, 300, 500, 1000, 2000, 5000),
)
WARM_UP_SHARE = 0.1  # share of the one-cycle schedule
MOST_LEFT_OUT = 10  # consecutive skipped steps with a non-finite gradient that a training with clipping tolerates
GUESSES_AT_ONCE = 2048


class Stepped(NamedTuple):
    """Report step `step` of `steps` in `epoch`, with its training bound in nats per image."""

    epoch: int
    step: int
    steps: int
    bound: float


class EpochEnded(NamedTuple):
    """Report the end of an epoch. `improved` is true if its validation bound is the best so far."""

    epoch: int
    epochs: int
    train: Measured
    validation: Measured
    learning_rate: float
    seconds: float
    improved: bool


Report = Stepped | Staged | EpochEnded


class Objective(nn.Module):
    """Compute the terms of a model's objective in `forward`, which DistributedDataParallel requires."""

    def __init__(self, model: ConditionalVAE):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, c: Condition, noise: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """Return reconstruction and rate of images x (N, 784), (N,) each. β is the weight of the rate."""
        terms = objective(self.model, x, c, noise, beta)
        return terms.reconstruction, terms.rate


class Learner:
    """Hold the state of a training: model, optimiser, averaged weights and progress."""

    def __init__(
        self,
        config: Config,
        steps_per_epoch: int,
        *,
        dtype: torch.dtype,
        frozen: Mapping[str, Tensor],
        device: torch.device = CPU,
    ):
        self.config, self.steps, self.dtype = config, steps_per_epoch, dtype
        self.model = build(config)
        if frozen:
            self.model.load_state_dict({**self.model.state_dict(), **frozen})
        self.model.to(device)
        self.objective: nn.Module = Objective(self.model)
        if distributed.processes() > 1:
            idle = config.objective.gsnn  # the recognition network of a GSNN has no gradient
            self.objective = DistributedDataParallel(self.objective, find_unused_parameters=idle)
        self.learned = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimiser = AdamW(self.learned, config.weight_decay)
        self.average = (
            AveragedModel(self.model, multi_avg_fn=averaging_of(config.averaging)) if config.averaging else None
        )
        self.guesses: Tensor | None = None
        self.epoch = self.step = 0  # the next step to take
        self.sums = torch.zeros(3, dtype=torch.float64)  # of bound, reconstruction and rate in this epoch
        self.seen = 0
        self.best = -math.inf
        self.best_epoch = 0
        self.seconds = self.last_rate = 0.0
        self.left_out = 0  # consecutive steps that were skipped because their gradient was not finite

    @property
    def evaluated(self) -> ConditionalVAE:
        """Return the model that is validated and saved: the averaged one if averaging is on."""
        return self.average.module if self.average else self.model  # type: ignore[return-value]

    @property
    def finished(self) -> bool:
        """Return whether all epochs are done or patience is exhausted."""
        config = self.config
        out_of_patience = config.patience is not None and self.epoch - self.best_epoch >= config.patience
        return self.epoch >= config.epochs or (self.epoch > 0 and out_of_patience)

    def learning_rate(self) -> float:
        """Return the learning rate for the next step."""
        if not self.config.one_cycle:
            return self.config.learning_rate
        done = (self.epoch * self.steps + self.step + 1) / (self.config.epochs * self.steps)
        if done < WARM_UP_SHARE:
            return self.config.learning_rate * done / WARM_UP_SHARE
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))

    def rate_weight(self) -> float:
        """Return the weight of the rate for the next step. It grows linearly from 0 to β during the warm-up."""
        beta, warm_up = self.config.objective.beta, self.config.objective.warm_up
        grown = (self.epoch * self.steps + self.step + 1) / (warm_up * self.steps) if warm_up else 1.0
        return float(beta * min(1.0, grown))

    def learn(self, split: Split, rows: Tensor) -> float:
        """Take one step on the images of `rows`. Return their mean bound before the step, in nats per image."""
        config = self.config
        x, c = training_batch(config, split, rows, self.epoch, self.step)
        if guess_is_fixed(config):
            c = replace(c, guess=self._guesses(split)[rows])
        shape = (config.objective.draws, len(rows), self.model.latent)
        epsilon = noise.normal(shape, config.seed, "latent", self.epoch, self.step)
        # Convolutions reject an empty share of the batch: such a process computes one image with weight 0.
        counts = distributed.rank() < len(rows)
        share = slice(distributed.rank() if counts else 0, None, distributed.processes())
        device = self.model.device
        x, c, epsilon = x[share].to(device), c.part(share).to(device), epsilon[:, share].to(device)
        self.last_rate, beta = self.learning_rate(), self.rate_weight()
        self.model.train()
        with torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32):
            terms = Elbo(*self.objective(x, c, epsilon, beta))
        bound = terms.value(config.objective.beta)
        parts = [term.detach().double().sum() for term in (bound, terms.reconstruction, terms.rate)]
        sums = distributed.add_up(torch.stack(parts) * counts).cpu()
        self._require_finite(math.isfinite(sums[0]), "bound")
        self.model.zero_grad()
        # DistributedDataParallel averages gradients over processes, whose shares of a batch may differ by one image.
        (-terms.value(beta).sum() * (counts * distributed.processes() / len(rows))).backward()
        if self._may_step():
            self.optimiser.step(self.last_rate)
        if self.average:
            self.average.update_parameters(self.model)
        self.sums += sums
        self.seen += len(rows)
        self.step += 1
        return float(sums[0]) / len(rows)

    def _may_step(self) -> bool:
        """Clip the gradient if clipping is on, and return whether it is finite.

        Raises Diverged if it is not finite without clipping, or in more than MOST_LEFT_OUT consecutive steps with clipping.
        """
        if self.config.clip:
            finite = bool(torch.nn.utils.clip_grad_norm_(self.learned, self.config.clip).isfinite())
        else:
            gradients = [weight.grad for weight in self.learned if weight.grad is not None]
            finite = math.isfinite(torch.nn.utils.get_total_norm(gradients))
        self.left_out = 0 if finite else self.left_out + 1
        self._require_finite(self.left_out <= (MOST_LEFT_OUT if self.config.clip else 0), "gradient")
        return finite

    def _require_finite(self, finite: bool, what: str) -> None:
        if not finite:
            raise Diverged(
                f"Training diverged: after {self.step:,} steps of epoch {self.epoch + 1} the {what} is not finite. The "
                f"learning rate {self.config.learning_rate:g} is too high for these settings: lower it."
            )

    def _guesses(self, split: Split) -> Tensor:
        """Return the frozen baseline's predictions for all training images (images, 784). Cached: 78 MB for MNIST."""
        if self.guesses is None:
            parts = []
            with torch.autocast(self.model.device.type, self.dtype, enabled=self.dtype != torch.float32):
                for rows in torch.arange(len(split)).split(GUESSES_AT_ONCE):
                    c = condition(self.config, split.intensities(rows), split.labels[rows]).to(self.model.device)
                    parts.append(first_guess(self.model.baseline, c)[0].to(CPU, self.dtype))
            self.guesses = torch.cat(parts)
        return self.guesses

    def end_epoch(self, validation: Measured) -> EpochEnded:
        """End an epoch and return its report. Raise Diverged if a measured value is not finite."""
        bound, reconstruction, rate = (float(total) / self.seen for total in self.sums)
        measured = (validation.bound, validation.reconstruction, validation.rate, bound, reconstruction, rate)
        self._require_finite(all(value in NATS for value in measured), "validation bound")
        improved = validation.bound > self.best
        self.epoch, self.step, self.seen = self.epoch + 1, 0, 0
        self.sums.zero_()
        if improved:
            self.best, self.best_epoch = validation.bound, self.epoch
        return EpochEnded(
            epoch=self.epoch,
            epochs=self.config.epochs,
            train=Measured(split="train", bound=bound, reconstruction=reconstruction, rate=rate),
            validation=validation,
            learning_rate=self.last_rate,
            seconds=self.seconds,
            improved=improved,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return the state for resuming, as tensors and notes. Raise Diverged if a tensor is not finite."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.average:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"optimiser.{name}": tensor for name, tensor in self.optimiser.state_dict().items()}
        self._require_finite(formats.are_finite(tensors.values()), "state")
        place = {name: getattr(self, name) for name in _PLACE}
        return {**tensors, "sums": self.sums}, {"place": json.dumps(place), "config": json.dumps(self.config.to_json())}

    def load_state(self, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
        """Restore the state that `state` returned."""
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            if part in parts:
                parts[part][rest] = tensor
        self.model.load_state_dict(parts["model"])
        if self.average:
            self.average.load_state_dict(parts["average"])
        self.optimiser.load_state_dict(parts["optimiser"])
        self.sums.copy_(tensors["sums"])
        for name, value in json.loads(notes["place"]).items():
            setattr(self, name, value)


_PLACE = ("epoch", "step", "seen", "best", "best_epoch", "seconds", "last_rate")


def train(learner: Learner, data: DataSet) -> Iterator[Report]:
    """Train from the learner's current state to the end, and yield a report for every step, stage and epoch."""
    config, images = learner.config, data.train
    kept = trained_on(config, images)
    stage_steps = {round(epoch * learner.steps) for epoch in STAGE_EPOCHS}
    clock = _Clock()
    while not learner.finished:
        order = kept[noise.permutation(len(images), config.seed, "order", learner.epoch) % len(kept)]
        while learner.step < learner.steps:
            done = learner.epoch * learner.steps + learner.step
            if done in stage_steps:
                yield stage(learner.model, data, done / learner.steps)
            rows = order[learner.step * config.batch_size : (learner.step + 1) * config.batch_size]
            bound = learner.learn(images, rows)
            learner.seconds += clock.lap()
            yield Stepped(epoch=learner.epoch + 1, step=learner.step, steps=learner.steps, bound=bound)
        measured = validate(learner.evaluated, data.validation)
        learner.seconds += clock.lap()
        yield learner.end_epoch(measured)


class _Clock:
    """Measure the seconds between calls of `lap`."""

    def __init__(self) -> None:
        self.since = time.monotonic()

    def lap(self) -> float:
        since, self.since = self.since, time.monotonic()
        return self.since - since


def steps_per_epoch(config: Config, images: int) -> int:
    """Return the number of batches per epoch. The last one may be smaller."""
    return math.ceil(images / config.batch_size)
