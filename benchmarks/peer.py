"""The model of the Pyro tutorial on Sohn, Lee & Yan (2015), in Pyro: the reference for the lab's speed.

Networks, optimiser, bound and batches are the tutorial's. As there, a DataLoader loads one image at a time.
"""

import time
from collections.abc import Iterator

import pyro
import torch
import torch.nn.functional as F
from pyro.distributions import Bernoulli, Normal
from pyro.infer import SVI, Trace_ELBO
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from cvae_core.config.descriptions import MNIST
from cvae_core.data import download
from cvae_core.data.datasets import folder
from cvae_core.data.fingerprints import HELD_OUT
from cvae_core.data.masks import flags, visible_values

WIDTH, LATENT, BATCH, LEARNING_RATE = 500, 200, 128, 1e-3
HIDDEN = -1.0  # the tutorial's value for hidden pixels
EPOCHS, PATIENCE = 50, 3
TABLE_DRAWS = 10
VISIBLE = "1"


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of an image with only its visible quadrant, hidden pixels set to `HIDDEN`, and the whole image."""

    def __init__(self, train: bool):
        from torchvision.transforms import ToTensor

        self.pictures = download.datasets().MNIST(str(folder()), train=train, transform=ToTensor())
        self.seen = visible_values(flags(VISIBLE))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        whole = self.pictures[index][0].flatten()
        return torch.where(self.seen, whole, HIDDEN), whole


def loaders() -> tuple[DataLoader, DataLoader, DataLoader]:
    """Return training, validation and test batches of the lab's splits."""
    download.datasets()  # makes torchvision.transforms importable too
    train, test = Pictures(train=True), Pictures(train=False)
    cut = len(train) - HELD_OUT
    parts = (Subset(train, range(cut)), Subset(train, range(cut, len(train))), test)
    first, second, third = (DataLoader(part, BATCH, shuffle=part is parts[0]) for part in parts)
    return first, second, third


def layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, outputs)
    )


class Baseline(nn.Module):
    """The deterministic network (NN)."""

    def __init__(self) -> None:
        super().__init__()
        self.network = layers(MNIST.values, MNIST.values)

    def forward(self, seen: Tensor) -> Tensor:
        """Return the probability of every pixel."""
        return torch.sigmoid(self.network(seen))


class Encoder(nn.Module):
    """Predict a Gaussian from the visible pixels, with other values in place of the hidden ones."""

    def __init__(self) -> None:
        super().__init__()
        self.network = layers(MNIST.values, 2 * LATENT)

    def forward(self, seen: Tensor, rest: Tensor) -> Normal:
        """Return the distribution of z given the visible pixels and values for the hidden ones."""
        loc, log_scale = self.network(torch.where(seen == HIDDEN, rest, seen)).chunk(2, dim=-1)
        return Normal(loc, log_scale.exp()).to_event(1)


class CVAE(nn.Module):
    """Prior, recognition and generation network, with a trained baseline."""

    def __init__(self, baseline: Baseline):
        super().__init__()
        self.baseline = baseline.requires_grad_(False)
        self.prior, self.recognition, self.generation = Encoder(), Encoder(), layers(LATENT, MNIST.values)

    def model(self, seen: Tensor, whole: Tensor) -> None:
        """Define p(z | visible) and the likelihood of the hidden pixels."""
        pyro.module("cvae", self)
        hidden = seen == HIDDEN
        with pyro.plate("pictures", len(seen)):
            z = pyro.sample("z", self.prior(seen, self.baseline(seen)))
            ink = torch.sigmoid(self.generation(z))
            said, told = ink[hidden].view(len(seen), -1), whole[hidden].view(len(seen), -1)
            pyro.sample("y", Bernoulli(said, validate_args=False).to_event(1), obs=told)

    def guide(self, seen: Tensor, whole: Tensor) -> None:
        """Define q(z | visible, whole)."""
        with pyro.plate("pictures", len(seen)):
            pyro.sample("z", self.recognition(seen, whole))


def baseline_epoch(baseline: Baseline, optimiser: torch.optim.Optimizer, batches: DataLoader) -> None:
    """Train the baseline for one epoch on the cross-entropy of the hidden pixels."""
    for seen, whole in batches:
        hidden = seen == HIDDEN
        loss = F.binary_cross_entropy(baseline(seen)[hidden], whole[hidden], reduction="sum") / len(seen)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def trained_baseline(batches: DataLoader, epochs: int) -> Iterator[tuple[Baseline, float]]:
    """Train a baseline; after each epoch yield it and the seconds of the epoch."""
    baseline = Baseline()
    optimiser = torch.optim.Adam(baseline.parameters(), LEARNING_RATE)
    for _ in range(epochs):
        since = time.monotonic()
        baseline_epoch(baseline, optimiser, batches)
        yield baseline, time.monotonic() - since


class Trainer:
    """The tutorial's stochastic variational inference."""

    def __init__(self, baseline: Baseline):
        pyro.clear_param_store()
        self.cvae = CVAE(baseline)
        optimiser = pyro.optim.Adam({"lr": LEARNING_RATE})
        self.svi = SVI(self.cvae.model, self.cvae.guide, optimiser, Trace_ELBO())

    def epoch(self, batches: DataLoader) -> float:
        """Train for one epoch; return its seconds."""
        since = time.monotonic()
        for seen, whole in batches:
            self.svi.step(seen, whole)
        return time.monotonic() - since

    def negative_elbo(self, batches: DataLoader) -> float:
        """Return the mean −ELBO in nats per image, with one draw per image."""
        total = count = 0.0
        for seen, whole in batches:
            total, count = total + self.svi.evaluate_loss(seen, whole), count + len(seen)
        return total / count

    @torch.no_grad()
    def table(self, batches: DataLoader) -> float:
        """Return the figure of the tutorial's table: −ELBO with ten draws per image."""
        bound, total, count = Trace_ELBO(num_particles=TABLE_DRAWS), 0.0, 0
        for seen, whole in batches:
            total += float(bound.differentiable_loss(self.cvae.model, self.cvae.guide, seen, whole))
            count += len(seen)
        return total / count
