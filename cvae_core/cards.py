"""A run's card: all about a run that is not weights, as one JSON file; no torch.

Whoever needs to know how a run was trained, how far it is or which weights it has reads the card here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cvae_core import files, verdicts
from cvae_core.annotations import fits
from cvae_core.config import Config, fills, from_json, trains_by_elbo
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.verdicts import Verdict

METRICS = {"bound", "reconstruction", "rate", "elbo"}  # of a run that has weights
CARD = "card.json"
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
    command: str
    created: str  # UTC, ISO 8601
    data_fingerprint: str  # SHA-256 of the data set
    versions: Mapping[str, str]
    device: str
    dtype: str  # of the arithmetic in training
    threads: int
    processes: int = 1
    parameters: int
    seconds: float = 0.0  # of training, validation included
    epochs: int = 0  # finished
    best_epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)  # validation split, nats per image
    rates: Sequence[float] = ()  # mean rate per latent dimension on the validation split, nats
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
        return self.metrics.get("elbo") if trains_by_elbo(self.config) else None

    @property
    def trouble(self) -> str:
        """Return in words what is wrong with a run's model and what to do; nothing where it is sound, or not finished yet."""
        if self.status != "finished" and self.verdict:
            return f"diverged: training ended before it was finished, and these are the weights of epoch {self.best_epoch}."
        return verdicts.told(self.verdict, self.config, self.metrics, self.rates)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON that `card_from_json` reads back."""
        return {**asdict(self), "config": self.config.to_json()}


def card_from_json(content: Mapping[str, Any]) -> Card:
    """Rebuild a card; raise ConfigError where it is not of this version. An older one lacks only what has a default."""
    try:
        if not fills(Card, content):
            raise TypeError("other fields")
        weights = Weights(**content["weights"]) if content.get("weights") else None
        card = Card(**{**content, "config": from_json(content["config"]), "weights": weights})
        datetime.fromisoformat(card.created)
        if not fits(card, Card) or (weights and not set(card.metrics) >= METRICS):
            raise TypeError("other values")
        return card
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError("The card is not of this version of the lab: train the run anew.") from error


def read_card(folder: Path) -> Card:
    """Read the card in a run's folder; raise RunDamaged where it cannot be read or is of another version."""
    path = folder / CARD
    try:
        return _card(path, files.version(path))
    except ConfigError as error:
        raise RunDamaged(f"Run {folder.name!r}: {error} The card is {path}.") from error


@lru_cache(CARDS_KEPT)
def _card(path: Path, version: tuple[int, int, int]) -> Card:
    return card_from_json(files.read_json(path))
