"""An example of a training job."""

from typing import Any

from cvae_core.config.job import Job
from cvae_core.config.presets import configure


def a_job(run: str, **changes: Any) -> Job:
    """Return a training job for a run of this name."""
    return Job(run=run, config=configure("label", dataset="digits", latent=3), **changes)
