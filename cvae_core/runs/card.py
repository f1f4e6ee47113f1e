"""A run's card: one JSON file with everything about the run except its weights. Nothing here imports torch.

All code reads here how a run was trained, how far it is and which weights it has.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cvae_core.config.command import train_command
from cvae_core.config.descriptions import BUILT_IN, Description, description_from_json
from cvae_core.config.flavours import Config, from_json
from cvae_core.config.job import USUAL, Job, Options, options_of
from cvae_core.config.presets import built_in
from cvae_core.data.fingerprints import named
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.system import files
from cvae_core.system.folders import NAME
from cvae_core.system.type_checks import Count, Epoch, Moment, Nats, Seconds, Workers, fills, misfits
from cvae_core.training import verdicts
from cvae_core.training.verdicts import Verdict

METRICS = {"bound", "reconstruction", "rate", "elbo"}  # of a run that has weights
CARD = "card.json"
LONGEST = 80  # characters of an invalid value that a message repeats
CARDS_KEPT = 1024  # in memory while their files are unchanged, because a page reads each many times
Status = Literal["queued", "running", "finished", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A weights file's name and its SHA-256."""

    file: str
    sha256: str
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything about a run except its weights; enough to rebuild its model."""

    config: Config
    status: Status
    reason: str | None = None
    options: Options = USUAL  # of the latest training
    created: Moment  # UTC, ISO 8601
    data_fingerprint: str  # SHA-256 of the data set
    versions: Mapping[str, str]
    device: str
    dtype: str  # of the arithmetic in training
    threads: Workers
    processes: Workers = 1
    parameters: Count
    seconds: Seconds = 0.0  # of training, validation included
    epochs: Epoch = 0  # completed
    best_epoch: Epoch | None = None
    metrics: Mapping[str, Nats] = field(default_factory=dict)  # validation split, nats per image
    rates: Sequence[Nats] = ()  # mean rate per latent dimension on the validation split, nats
    weights: Weights | None = None
    parts: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of a finished run's curves and stages
    baseline: Mapping[str, str] | None = None  # run and digest of the frozen copy inside a quadrant run
    read_only: bool = False
    note: str = ""  # by the user
    verdict: Verdict | None = None  # of a finished or diverged run; older cards have none
    data: Description | None = None  # of the data set; older cards have none
    imported: str = ""  # day and file of an import: digests do not show that its figures are true

    @property
    def elbo(self) -> float | None:
        """Return the ELBO on the validation split, or None if there is none yet or the objective is another bound."""
        return self.metrics.get("elbo") if self.config.objective.elbo else None

    @property
    def description(self) -> Description:
        """Return the description of the data set, which need not be on this machine."""
        return self.data or built_in(self.config.dataset)

    @property
    def image_set(self) -> str:
        """Return the displayed name of its data set, which marks images other than the published ones."""
        return named(self.config.dataset, self.data_fingerprint)

    @property
    def trouble(self) -> str:
        """Return what is wrong with a run's model and what to do; an empty text if it is sound or not finished yet."""
        if self.status != "finished" and self.verdict:
            return f"diverged: training ended early. The run has the weights of epoch {self.best_epoch}."
        return verdicts.told(self.verdict, self.config, self.metrics, self.rates)

    def job(self, run: str, *, resume: bool = False) -> Job:
        """Return the training that made the card of a run, or the one that resumes it."""
        return Job(run=run, config=self.config, options=self.options, resume=resume, processes=self.processes)

    def to_json(self, run: str | None = None) -> dict[str, Any]:
        """Return plain JSON that `card_from_json` reads back. Its command is for people; no code reads it."""
        return {
            **asdict(self),
            "config": self.config.to_json(),
            "command": train_command(self.config, run or self.config.run_name, *self.options.flags),
        }


def card_from_json(content: Mapping[str, Any]) -> Card:
    """Rebuild a card; raise ConfigError if it is of another version or has a value that no training writes.

    Cards of older versions may lack only fields with a default.
    """
    try:
        values = {**content, "options": options_of(content)}
        values.pop("command", None)
        if not fills(Card, values):
            raise TypeError("other fields")
        weights = Weights(**content["weights"]) if content.get("weights") else None
        data = description_from_json(content["data"]) if content.get("data") else None
        config = from_json(content["config"])
        if data and data.name in BUILT_IN and not config.attributes:  # they were measured otherwise, or not at all
            data = replace(data, attributes=BUILT_IN[data.name].attributes)
        card = Card(**{**values, "config": config, "weights": weights, "data": data})
        described = card.description
        if not card.config.made_for(described) or described != BUILT_IN.get(described.name, described):
            raise TypeError("another data set")
        if weights and not set(card.metrics) >= METRICS:
            raise TypeError("other values")
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError("The card is not of this version of the lab: train the run again.") from error
    if wrong := misfits(card):
        given = ", ".join(f"{name} cannot be {str(getattr(card, name))[:LONGEST]!r}" for name in wrong)
        raise ConfigError(f"The card is not of this version of the lab: train the run again. In it, {given}.")
    return card


def read_card(folder: Path) -> Card:
    """Read the card in a run's folder; raise RunDamaged if it cannot be read or is of another version."""
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
    """Return the readable cards of all runs by name, and the errors of the others."""
    cards: dict[str, Card] = {}
    damaged: list[RunDamaged] = []
    for folder in folders(root):
        try:
            cards[folder.name] = read_card(folder)
        except RunDamaged as error:
            damaged.append(error)
    return cards, damaged


def has_weights(folder: Path, card: Card) -> bool:
    """Return whether a run's folder has the weights that its card names: some runs are shipped with scores only."""
    return card.weights is not None and os.path.lexists(folder / Path(card.weights.file).name)


@lru_cache(CARDS_KEPT)
def _card(path: Path, version: tuple[int, int, int]) -> Card:
    return card_from_json(files.read_json(path))
