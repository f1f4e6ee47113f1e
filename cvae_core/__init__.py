"""A laboratory for conditional variational auto-encoders: models, bounds, estimates, training, runs and pictures.

Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz. Sohn, Lee & Yan (2015) write it in other letters:

    here          x image    c condition    posterior q(z | x, c)    prior p(z | c)    likelihood p(x | z, c)
    the paper     y output   x input        recognition network      prior network     generation network

All bounds and likelihoods are in nats per image. The names in `__all__` are the interface for notebooks and copied code:
functions documented in `cvae_core.interface`, and modules such as `recipes` (pictures) and `latent_space`. They are imported
on first use, so that `import cvae_core` alone does not import torch.
"""

# ruff: noqa: F403, F405 (mypy finds names that `interface` lacks)
import ctypes
import os
import sys
from typing import TYPE_CHECKING, Any

from cvae_core.system import former_names

if TYPE_CHECKING:
    from cvae_core.evaluation import classifier, latent_space, likelihood, results, sample_quality, toy_model
    from cvae_core.interface import *
    from cvae_core.pictures import recipes, stages

__all__ = [
    "EpochEnded", "LabError", "classifier", "complete", "configure", "draw", "evaluate", "find", "gif", "grid",
    "latent_space", "likelihood", "load", "load_data", "recipes", "results", "sample_quality", "score", "stages", "table",
    "toy_model", "train",
]  # fmt: skip

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


def __getattr__(name: str) -> Any:
    """Import the interface when one of its names is first asked for."""
    if name not in __all__:
        return former_names.find(__name__, name, 3)
    from cvae_core import interface

    return getattr(interface, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
