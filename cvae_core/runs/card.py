"""A run's card: all about a run that is not weights, as one JSON file; no torch.

Whoever needs to know how a run was trained, how far it is or which weights it has reads the card here.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config, from_json
from cvae_core.config.job import USUAL, Job, Options, options_of
from cvae_core.data.fingerprints import named
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.system import files
from cvae_core.system.folders import NAME
from cvae_core.system.type_checks import Count, Epoch, Moment, Nats, Seconds, Workers, fills, misfits
from cvae_core.training import verdicts
from cvae_core.training.verdicts import Verdict

METRICS = {"bound", "reconstruction", "rate", "elbo"}  # of a run that has weights
CARD = "card.json"
LONGEST = 80  # letters of a wrong value that are repeated
CARDS_KEPT = 1024  # in memory, while their files stay as they are: a page asks for each many times
Status = Literal["queued", "running", "finished", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Name a weights file and what its bytes must add up to."""

    file: str
    sha256: str
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """Say all about a run that is not weights; enough to rebuild its model."""

    config: Config
    status: Status
    reason: str | None = None
    options: Options = USUAL  # how it was trained last
    created: Moment  # UTC, ISO 8601
    data_fingerprint: str  # SHA-256 of the data set
    versions: Mapping[str, str]
    device: str
    dtype: str  # of the arithmetic in training
    threads: Workers
    processes: Workers = 1
    parameters: Count
    seconds: Seconds = 0.0  # of training, validation included
    epochs: Epoch = 0  # finished
    best_epoch: Epoch | None = None
    metrics: Mapping[str, Nats] = field(default_factory=dict)  # validation split, nats per image
    rates: Sequence[Nats] = ()  # mean rate per latent dimension on the validation split, nats
    weights: Weights | None = None
    parts: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of a finished run's curves and stages
    baseline: Mapping[str, str] | None = None  # run and digest of the frozen copy inside a quadrant run
    read_only: bool = False
    note: str = ""  # by whoever keeps the run
    verdict: Verdict | None = None  # on a finished run, or that it diverged and cannot finish; an older card has none
    imported: str = ""  # when and out of which file, where it is somebody else's: a digest is integrity, not trust

    @property
    def elbo(self) -> float | None:
        """Return the ELBO on the validation split, None where there is none yet or another objective was measured."""
        return self.metrics.get("elbo") if self.config.objective.elbo else None

    @property
    def image_set(self) -> str:
        """Return what its data set is called wherever it is named, other images than the published ones included."""
        return named(self.config.dataset, self.data_fingerprint)

    @property
    def trouble(self) -> str:
        """Return in words what is wrong with a run's model and what to do; nothing where it is sound, or not finished yet."""
        if self.status != "finished" and self.verdict:
            return f"diverged: training ended before it was finished, and these are the weights of epoch {self.best_epoch}."
        return verdicts.told(self.verdict, self.config, self.metrics, self.rates)

    def job(self, run: str, *, resume: bool = False) -> Job:
        """Return the training that made the card of a run, or the one that resumes it."""
        return Job(run=run, config=self.config, options=self.options, resume=resume, processes=self.processes)

    def to_json(self, run: str | None = None) -> dict[str, Any]:
        """Return plain JSON that `card_from_json` reads back. The command in it is for people: nothing reads it."""
        return {
            **asdict(self),
            "config": self.config.to_json(),
            "command": train_command(self.config, run or self.config.run_name, *self.options.flags),
        }


def card_from_json(content: Mapping[str, Any]) -> Card:
    """Rebuild a card; raise ConfigError where it is not of this version, or a value is none that a training has.

    An older one lacks only what has a default.
    """
    try:
        values = {**content, "options": options_of(content)}
        values.pop("command", None)
        if not fills(Card, values):
            raise TypeError("other fields")
        weights = Weights(**content["weights"]) if content.get("weights") else None
        card = Card(**{**values, "config": from_json(content["config"]), "weights": weights})
        if weights and not set(card.metrics) >= METRICS:
            raise TypeError("other values")
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError("The card is not of this version of the lab: train the run anew.") from error
    if wrong := misfits(card):
        given = ", ".join(f"{name} cannot be {str(getattr(card, name))[:LONGEST]!r}" for name in wrong)
        raise ConfigError(f"The card is not of this version of the lab: train the run anew. There {given}.")
    return card


def read_card(folder: Path) -> Card:
    """Read the card in a run's folder; raise RunDamaged where it cannot be read or is of another version."""
    path = folder / CARD
    try:
        return _card(path, files.version(path))
    except ConfigError as error:
        raise RunDamaged(f"Run {folder.name!r}: {error} The card is {path}.") from error


def write_card(folder: Path, card: Card) -> None:
    """Replace the card in a run's folder."""
    files.write_json(folder / CARD, card.to_json(folder.name))


def folders(root: Path) -> list[Path]:
    """Return every folder of a root that has a card, damaged or not, by name."""
    with suppress(OSError):
        found = [path for path in sorted(root.iterdir()) if NAME.fullmatch(path.name) and not path.is_symlink()]
        return [path for path in found if os.path.lexists(path / CARD)]
    return []


def readable(root: Path) -> tuple[dict[str, Card], list[RunDamaged]]:
    """Return the cards of all runs by name, and what is wrong with those that cannot be read."""
    cards: dict[str, Card] = {}
    damaged: list[RunDamaged] = []
    for folder in folders(root):
        try:
            cards[folder.name] = read_card(folder)
        except RunDamaged as error:
            damaged.append(error)
    return cards, damaged


def has_weights(folder: Path, card: Card) -> bool:
    """Say whether the weights that a card names are in a run's folder: of some runs only scores are shipped."""
    return card.weights is not None and os.path.lexists(folder / Path(card.weights.file).name)


@lru_cache(CARDS_KEPT)
def _card(path: Path, version: tuple[int, int, int]) -> Card:
    return card_from_json(files.read_json(path))
