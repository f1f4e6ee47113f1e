"""The training loop, as a generator of reports; it can stop after any step and go on as if it had not.

Noise, order and binarisation derive from (seed, epoch, step), schedules are functions of the step, and all else that a
step depends on is in `Learner.state`: a resumed training takes exactly the steps that it would have taken.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.batches import guess_is_fixed, training_batch
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
WARM_UP_SHARE = 0.1  # of the one-cycle schedule
MOST_LEFT_OUT = 10  # steps in a row whose gradient is not finite, before a training with clipping has diverged
GUESSES_AT_ONCE = 2048


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """One step was taken: `step` of `steps` in `epoch`, at a training bound in nats per image."""

    epoch: int
    step: int
    steps: int
    bound: float


@dataclass(frozen=True, kw_only=True)
class EpochEnded:
    """An epoch is over; `improved` says that its weights are the best so far by the validation bound."""

    epoch: int
    epochs: int
    train: Measured
    validation: Measured
    learning_rate: float
    seconds: float
    improved: bool


Report = Stepped | Staged | EpochEnded


class Objective(nn.Module):
    """Hold a model and return the terms of its bound: what DistributedDataParallel wraps."""

    def __init__(self, model: ConditionalVAE):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, c: Condition, noise: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """Return reconstruction and rate of images x (N, 784), (N,) each, where β is the weight of the rate."""
        terms = objective(self.model, x, c, noise, beta)
        return terms.reconstruction, terms.rate


class Learner:
    """Hold all that changes while a model learns."""

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
            idle = config.objective.gsnn  # whose recognition network has no gradient
            self.objective = DistributedDataParallel(self.objective, find_unused_parameters=idle)
        self.learned = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimiser = AdamW(self.learned, config.weight_decay)
        self.average = (
            AveragedModel(self.model, multi_avg_fn=averaging_of(config.averaging)) if config.averaging else None
        )
        self.guesses: Tensor | None = None
        self.epoch = self.step = 0  # the next step to take
        self.sums = torch.zeros(3, dtype=torch.float64)  # bound, reconstruction, rate over the epoch so far
        self.seen = 0
        self.best = -math.inf
        self.best_epoch = 0
        self.seconds = self.last_rate = 0.0
        self.left_out = 0  # steps in a row, whose gradient was not finite

    @property
    def evaluated(self) -> ConditionalVAE:
        """Return the model whose weights are validated and kept: the averaged one where there is one."""
        return self.average.module if self.average else self.model  # type: ignore[return-value]

    @property
    def finished(self) -> bool:
        """Say whether all epochs are over or patience is exhausted."""
        config = self.config
        out_of_patience = config.patience is not None and self.epoch - self.best_epoch >= config.patience
        return self.epoch >= config.epochs or (self.epoch > 0 and out_of_patience)

    def learning_rate(self) -> float:
        """Return the step size for the next step."""
        if not self.config.one_cycle:
            return self.config.learning_rate
        done = (self.epoch * self.steps + self.step + 1) / (self.config.epochs * self.steps)
        if done < WARM_UP_SHARE:
            return self.config.learning_rate * done / WARM_UP_SHARE
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))

    def rate_weight(self) -> float:
        """Return the weight of the rate for the next step: β, grown from 0 during the warm-up."""
        beta, warm_up = self.config.objective.beta, self.config.objective.warm_up
        grown = (self.epoch * self.steps + self.step + 1) / (warm_up * self.steps) if warm_up else 1.0
        return float(beta * min(1.0, grown))

    def learn(self, split: Split, rows: Tensor) -> float:
        """Take one step on some images; return the mean bound that it saw, in nats per image."""
        config = self.config
        x, c = training_batch(config, split, rows, self.epoch, self.step)
        if guess_is_fixed(config):
            c = replace(c, guess=self._guesses(split)[rows])
        shape = (config.objective.draws, len(rows), self.model.latent)
        epsilon = noise.normal(shape, config.seed, "latent", self.epoch, self.step)
        # Convolutions refuse a share of no images: one is taken that does not count.
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
        # Gradients are averaged over the processes, whose shares of a batch may differ by an image.
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
        """Say whether the gradient is finite, after shortening it where it is clipped.

        With clipping a few steps in a row may be left out; without, the first gradient that is not finite is the end.
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
                f"Training diverged: after {self.step:,} steps of epoch {self.epoch + 1} the {what} is not finite. A "
                f"learning rate of {self.config.learning_rate:g} is too high for these settings."
            )

    def _guesses(self, split: Split) -> Tensor:
        """Return the frozen baseline's guess for every training image (images, 784), computed once: 78 MB of MNIST."""
        if self.guesses is None:
            parts = []
            with torch.autocast(self.model.device.type, self.dtype, enabled=self.dtype != torch.float32):
                for rows in torch.arange(len(split)).split(GUESSES_AT_ONCE):
                    c = condition(self.config, split.intensities(rows), split.labels[rows]).to(self.model.device)
                    parts.append(first_guess(self.model.baseline, c)[0].to(CPU, self.dtype))  # type: ignore[arg-type]
            self.guesses = torch.cat(parts)
        return self.guesses

    def end_epoch(self, validation: Measured) -> EpochEnded:
        """Close an epoch with what validation said of it."""
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
        """Return everything that going on depends on, as tensors and notes; raise Diverged where any of it is not finite."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.average:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"optimiser.{name}": tensor for name, tensor in self.optimiser.state_dict().items()}
        self._require_finite(formats.are_finite(tensors.values()), "state")
        place = {name: getattr(self, name) for name in _PLACE}
        return {**tensors, "sums": self.sums}, {"place": json.dumps(place), "config": json.dumps(self.config.to_json())}

    def load_state(self, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
        """Go back to where `state` was taken."""
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
    """Take a learner from where it stands to the end of its training, reporting every step, stage and epoch."""
    config, images = learner.config, data.train
    stage_steps = {round(epoch * learner.steps) for epoch in STAGE_EPOCHS}
    clock = _Clock()
    while not learner.finished:
        order = noise.permutation(len(images), config.seed, "order", learner.epoch)
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
    """Tell the seconds between one lap and the next."""

    def __init__(self) -> None:
        self.since = time.monotonic()

    def lap(self) -> float:
        since, self.since = self.since, time.monotonic()
        return self.since - since


def steps_per_epoch(config: Config, images: int) -> int:
    """Return how many batches an epoch has, the last one ragged."""
    return math.ceil(images / config.batch_size)
