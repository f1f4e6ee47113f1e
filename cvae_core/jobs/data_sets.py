"""The runs that use a data set, and the removal of a data set that no run uses. Nothing here imports torch."""

from pathlib import Path

from cvae_core.data import catalogue, fingerprints, sealed
from cvae_core.errors import RunInUse
from cvae_core.jobs import queue
from cvae_core.runs import card as cards

LISTED = 10  # runs that a message names at most


def runs_using(name: str, root: Path) -> tuple[str, ...]:
    """Return the names of the runs in a root that were trained on a data set of this machine, or train or wait to train.

    A run on other images of the same name does not count. If the header of the data set is damaged, its images are unknown
    and all runs with its name count.
    """
    images = fingerprints.fingerprint_here(name)
    trained = [
        run
        for run, card in cards.readable(root)[0].items()
        if card.config.dataset == name and images in (None, card.data_fingerprint)
    ]
    queued = [entry.run for entry in queue.readable(root)[0].entries if entry.job.config.dataset == name]
    return tuple(dict.fromkeys((*trained, *queued)))


def remove(name: str, root: Path, *, force: bool = False) -> None:
    """Delete an added data set. Raises RunInUse with the runs that use it, unless forced.

    Also raises ConfigError if the data set is part of the lab or does not exist, RunDamaged if the queue cannot be read,
    and NotWritable.
    """
    if not force and catalogue.origin(name) == "added":
        queue.look(root)
        if runs := runs_using(name, root):
            more = f" and {len(runs) - LISTED} more" if len(runs) > LISTED else ""
            raise RunInUse(
                f"The data set {name!r} is not removed, because runs use it: {', '.join(runs[:LISTED])}{more}. Discard "
                "these runs first. With --force it is removed, and they can be neither resumed nor evaluated."
            )
    sealed.remove(name)
