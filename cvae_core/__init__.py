"""A laboratory for conditional variational auto-encoders: models, bounds, estimates, training, runs and pictures.

Every model is p(x | c) = ∫ p(x | z, c) p(z | c) dz. Sohn, Lee & Yan (2015) use another notation:

    here          x image    c condition    posterior q(z | x, c)    prior p(z | c)    likelihood p(x | z, c)
    the paper     y output   x input        recognition network      prior network     generation network

All bounds and likelihoods are in nats per image. The names in `__all__` are the interface for notebooks and copied code. They
are functions, documented in `cvae_core.interface`, and modules such as `recipes` (pictures) and `latent_space`. They are
imported on first use, so that `import cvae_core` alone does not import torch.
"""

# ruff: noqa: F403, F405 (mypy finds names that `interface` lacks)
import ctypes
import os
import sys
from typing import TYPE_CHECKING, Any

from cvae_core.system import former_names

if TYPE_CHECKING:
    from cvae_core.evaluation import (
        classifier,
        glance,
        label_posterior,
        latent_space,
        likelihood,
        results,
        sample_quality,
        savings,
        toy_model,
    )
    from cvae_core.interface import *
    from cvae_core.pictures import recipes, stages

__all__ = [
    "EpochEnded", "LabError", "classifier", "complete", "configure", "draw", "evaluate", "find", "gif", "glance", "grid",
    "label_posterior", "latent_space", "likelihood", "load", "load_data", "recipes", "results", "sample_quality", "savings",
    "score", "stages", "table", "toy_model", "train",
]  # fmt: skip

# Idle OpenMP threads busy-wait, by default for longer than a training step takes. Two busy processes on one machine (for
# example a training and the dashboard) then block each other: epochs of 4 s took 60 to 270 s. A short busy-wait slows a
# single training by 5 %, and two processes share the cores fairly. OpenMP reads the variable when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# By default, glibc returns large freed blocks to the system at once, and the next step faults in and zeroes their pages
# again: 9,500 page faults and 12 % of a ladder's step, and a third of the scoring time. Here the process keeps up to 256 MB.
# Two arenas: by default, each of the dashboard's threads gets its own, and together they hold more memory every hour.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # as in malloc.h
if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, 256 * 2**20)
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 32 * 2**20)
    ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def __getattr__(name: str) -> Any:
    """Import the interface when one of its names is first used."""
    if name not in __all__:
        return former_names.find(__name__, name, 3)
    from cvae_core import interface

    return getattr(interface, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
