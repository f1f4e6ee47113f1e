"""A training as data, where a test needs any one."""

from typing import Any

from cvae_core.config.job import Job
from cvae_core.config.presets import configure


def a_job(run: str, **changes: Any) -> Job:
    """Return the training of a run of that name."""
    return Job(run=run, config=configure("label", dataset="digits", latent=3), **changes)
