"""A laboratory for conditional variational auto-encoders: models, bounds, estimates, training, runs and pictures.

Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz. Sohn, Lee & Yan (2015) write it in other letters:

    here          x image    c condition    posterior q(z | x, c)    prior p(z | c)    likelihood p(x | z, c)
    the paper     y output   x input        recognition network      prior network     generation network

All bounds and likelihoods are in nats per image. `load` gives a run's model to a notebook.
"""

import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvae_core.models import ConditionalVAE

# Idle OpenMP threads spin while they wait, by default for longer than a step takes. Two busy processes on one machine
# (a training and the dashboard, say) then wait for each other's spinning: epochs of 4 s were measured to take 60 to 270 s.
# A short spin costs a lone training 5 % and lets two share fairly. Read when torch is first imported, hence here.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# glibc hands large freed blocks back to the system at once, and the next step has every page of them faulted in and zeroed
# again: 9,500 faults and 12 % of a ladder's step, a third of the time of scoring. Up to 256 MB stay with the process, in two
# arenas: of the many that the dashboard's threads would have by default, each keeps some, and a long day keeps adding to it.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # as in malloc.h
if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, 256 * 2**20)
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 32 * 2**20)
    ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def load(name: str, root: "str | os.PathLike[str] | None" = None) -> "ConditionalVAE":
    """Return a run's model in evaluation mode, its weights checked against their digest; without a root the lab's own runs.

    Raises ConfigError for what cannot be a run's name, RunNotFound, RunDamaged.
    """
    from pathlib import Path

    from cvae_core.runs import default_root, find  # here, for whoever imports the package does not always want torch

    return find(name, default_root() if root is None else Path(root)).model()
