"""Is it the same? A result belongs to a configuration, to the images that were learned, and to weights; no torch.

Reuse, sweeps, forms, differences, tables and pages all ask `apart`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.presets import baseline_for
from cvae_core.data import fingerprints
from cvae_core.errors import RunInUse
from cvae_core.runs.card import CARD, Card, has_weights, read_card, readable
from cvae_core.system.folders import anew, folder_of

NAMED_SETTINGS = 3  # of those that differ, in a sentence


@dataclass(frozen=True)
class Subject:
    """A configuration and the fingerprint of the images that it is trained on, None where that is unknown."""

    config: Config
    images: str | None


def of(card: Card) -> Subject:
    """Return what a run's results belong to."""
    return Subject(card.config, card.data_fingerprint)


def apart(one: Subject, other: Subject) -> Sequence[str]:
    """Name what sets two subjects apart: "flavour", the settings of both that differ, "images"; nothing if they are the same.

    Images that are unknown are the same as no others.

    >>> from cvae_core.config.presets import configure
    >>> apart(Subject(configure("vae", seed=1), "a"), Subject(configure("label"), "b"))
    ['flavour', 'seed', 'images']
    """
    settings = [field.name for field in fields(one.config) if hasattr(other.config, field.name)]
    found = [name for name in ("flavour", *settings) if getattr(one.config, name) != getattr(other.config, name)]
    return found if one.images is not None and one.images == other.images else [*found, "images"]


def finished(root: Path, images: str | None = None) -> dict[Config, str]:
    """Return the first run of each configuration that was trained to its end in a root and whose weights are there.

    It was trained here, on images of a fingerprint, or on those that a training would take now. A quadrant model whose
    baseline has been trained anew does not count: it stands on other weights than a training now would give it.
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
    """Return the fingerprint of the images that training a run anew would take, None where it is unknown.

    They are those on this machine. Where there are none the genuine ones would be downloaded.
    """
    dataset, found = card.config.dataset, card.data_fingerprint
    return fingerprints.fingerprint_here(dataset) or (found if fingerprints.is_genuine(dataset, found) else None)


def taken(card: Card, wanted: Subject) -> str:
    """Say why training a subject cannot reuse a run or go on with it, or return nothing where it can.

    Unknown images are no reason: whoever reads them asks again.
    """
    different = apart(of(card), wanted)
    if settings := [name for name in different if name != "images"][:NAMED_SETTINGS]:
        values = [(name, getattr(card.config, name), getattr(wanted.config, name)) for name in settings]
        said = ", ".join(f"{name.replace('_', ' ')} {value}, not {other}" for name, value, other in values)
        return f"has another configuration ({said})"
    if different and wanted.images is not None:
        return f"was trained on other images than {card.config.dataset} has now"
    return card.imported and f"was imported {card.imported}"


def require_free(name: str, card: Card, wanted: Subject, remedy: str) -> None:
    """Raise RunInUse, with a remedy, where a run is of something else than a subject or was not trained here."""
    if why := taken(card, wanted):
        raise RunInUse(f"Run {name!r} {why}: {remedy}.")


def baseline_name(needed: Config, root: Path) -> str:
    """Return what a missing baseline is called, where a pretrained run that cannot serve has the usual name too."""
    folder = folder_of(needed.run_name, root)
    return anew(folder.name) if os.path.lexists(folder / CARD) and read_card(folder).read_only else folder.name


def baseline_is_begun(needed: Config, root: Path, images: str | None) -> bool:
    """Say whether a missing baseline was begun; raise RunInUse where its name belongs to something else."""
    folder = folder_of(baseline_name(needed, root), root)
    if not os.path.lexists(folder / CARD):
        return False
    if taken(read_card(folder), Subject(needed, images)):
        raise RunInUse(
            f"The baseline that this run stands on would be called {folder.name!r}, but that run has another configuration "
            f"or other images, or is imported: make it anew with {train_command(needed, folder.name)} --force, or choose "
            "another --root."
        )
    return True


def other_images(name: str, card: Card, fingerprint: str | None) -> str:
    """Say that the images of a fingerprint are not those that a run was trained on, or return nothing where they are."""
    if not apart(of(card), Subject(card.config, fingerprint)):
        return ""
    return (
        f"The {card.config.dataset} images here are not those that run {name!r} was trained on: scores would mislead."
    )


def stands_on(model: Card, baseline: Card) -> bool:
    """Say whether a baseline is the one whose frozen copy is in a quadrant model, by the digest of its weights."""
    return (
        model.baseline is not None
        and baseline.weights is not None
        and (model.baseline.get("sha256") == baseline.weights.sha256)
    )
