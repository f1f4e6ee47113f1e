"""Compare runs: a result belongs to a configuration, to the training images and to weights. Nothing here imports torch.

Reuse, sweeps, forms, differences, tables and pages all use `apart`.
"""

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from cvae_core.config.command import train_command
from cvae_core.config.descriptions import Description
from cvae_core.config.flavours import Config
from cvae_core.config.of_data_set import FACTS
from cvae_core.config.presets import baseline_for
from cvae_core.data import fingerprints
from cvae_core.errors import ConfigError, RunInUse
from cvae_core.runs.card import CARD, Card, has_weights, read_card, readable
from cvae_core.system.folders import anew, folder_of

NAMED_SETTINGS = 3  # different settings that a message lists at most


class Subject(NamedTuple):
    """A configuration and the fingerprint of its training images, None if that is unknown."""

    config: Config
    images: str | None


def of(card: Card) -> Subject:
    """Return the subject of a run's results."""
    return Subject(card.config, card.data_fingerprint)


def apart(one: Subject, other: Subject) -> Sequence[str]:
    """Return the differences of two subjects: "flavour", the names of settings, "images"; empty if they are the same.

    Only settings that both have are compared. Unknown images differ from all others. The facts of a data set, such as its
    shape, belong to the images; its attributes are compared if both models are given them.

    >>> from cvae_core.config.presets import configure
    >>> apart(Subject(configure("vae", seed=1), "a"), Subject(configure("label"), "b"))
    ['flavour', 'seed', 'images']
    """
    names = [field.name for field in fields(one.config) if field.name not in FACTS]
    settings = [name for name in names if hasattr(other.config, name)]
    found = [name for name in ("flavour", *settings) if getattr(one.config, name) != getattr(other.config, name)]
    facts = [name for name in FACTS if name != "attributes" or all(name in each.config.given for each in (one, other))]
    alike = all(getattr(one.config, name) == getattr(other.config, name) for name in facts)
    same = alike and one.images is not None and one.images == other.images
    return found if same else [*found, "images"]


def finished(root: Path, images: str | None = None) -> dict[Config, str]:
    """Return the first finished run with weights of each configuration in a root.

    The run was trained here, on the images of a fingerprint or, without one, on those that a training would use now. A
    quadrant model whose baseline has been trained again does not count, because a new training would use other weights.
    """
    cards = {
        name: card
        for name, card in readable(root)[0].items()
        if card.status == "finished" and not card.imported and has_weights(root / name, card)
        and not apart(of(card), Subject(card.config, images or images_now(card)))
    }  # fmt: skip
    alike: dict[Config, list[Card]] = {}
    for card in cards.values():
        alike.setdefault(card.config, []).append(card)
    names: dict[Config, str] = {}
    for name, card in cards.items():
        needed = baseline_for(card.config) if card.baseline else None
        baselines = alike.get(needed, []) if needed else []
        if not baselines or any(stands_on(card, baseline) for baseline in baselines):
            names.setdefault(card.config, name)
    return names


def images_now(card: Card) -> str | None:
    """Return the fingerprint of the images that training a run again would use, None if it is unknown.

    These are the images on this machine. If there are none, the published ones would be downloaded.
    """
    dataset, found = card.config.dataset, card.data_fingerprint
    return fingerprints.fingerprint_here(dataset) or (found if fingerprints.is_genuine(dataset, found) else None)


def taken(card: Card, wanted: Subject) -> str:
    """Return why training a subject can neither reuse nor resume a run; an empty text if it can.

    Unknown images are no reason. The check is repeated when they are read.
    """
    different = apart(of(card), wanted)
    if settings := [name for name in different if name != "images"][:NAMED_SETTINGS]:
        values = [(name, getattr(card.config, name), getattr(wanted.config, name)) for name in settings]
        listed = ", ".join(f"{name.replace('_', ' ')} {value}, not {other}" for name, value, other in values)
        return f"has another configuration ({listed})"
    if different and wanted.images is not None:
        return f"was trained on other images than {card.config.dataset} has now"
    return card.imported and f"was imported {card.imported}"


def require_free(name: str, card: Card, wanted: Subject, remedy: str) -> None:
    """Raise RunInUse, with a remedy, if a run belongs to another subject or was not trained here."""
    if why := taken(card, wanted):
        raise RunInUse(f"Run {name!r} {why}: {remedy}.")


def baseline_name(needed: Config, root: Path) -> str:
    """Return the name of a missing baseline: the usual one, or a new one if a pretrained run has the usual one."""
    folder = folder_of(needed.run_name, root)
    return anew(folder.name) if os.path.lexists(folder / CARD) and read_card(folder).read_only else folder.name


def baseline_is_begun(needed: Config, root: Path, images: str | None) -> bool:
    """Return whether a missing baseline was begun; raise RunInUse if its name belongs to another run."""
    folder = folder_of(baseline_name(needed, root), root)
    if not os.path.lexists(folder / CARD):
        return False
    if taken(read_card(folder), Subject(needed, images)):
        raise RunInUse(
            f"The baseline of this run would be called {folder.name!r}, but that run has another configuration "
            f"or other images, or is imported: train it again with {train_command(needed, folder.name)} --force, or choose "
            "another --root."
        )
    return True


def other_images(name: str, card: Card, fingerprint: str | None) -> str:
    """Return a sentence if a run was trained on other images than those of a fingerprint, otherwise an empty text."""
    if not apart(of(card), Subject(card.config, fingerprint)):
        return ""
    return (
        f"The {card.config.dataset} images here are not those that run {name!r} was trained on: scores would mislead."
    )


def require_described(config: Config, data: Description) -> None:
    """Raise ConfigError unless a configuration was made for a data set of this shape, these classes and this size."""
    if not config.made_for(data):
        raise ConfigError(
            f"The data set {data.name!r} on this machine has {data.train:,} training images, {data.shape}, in "
            f"{len(data.classes)} classes, but the configuration was made for {config.train_images:,}, {config.shape}, in "
            f"{config.classes} classes. Add the other images under this name, or make a new configuration."
        )


def stands_on(model: Card, baseline: Card) -> bool:
    """Return whether a quadrant model contains a frozen copy of this baseline, by the digest of its weights."""
    return (
        model.baseline is not None
        and baseline.weights is not None
        and (model.baseline.get("sha256") == baseline.weights.sha256)
    )
