"""Train a configuration into a run on disk: train its baseline first, reuse, resume, record, stop; yield every report."""

import platform
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.flavours import Config
from cvae_core.config.job import Options
from cvae_core.config.presets import baseline_for
from cvae_core.data.datasets import DataSet, load
from cvae_core.data.fingerprints import require_published
from cvae_core.errors import ConfigError, Diverged, LabError, RunInUse
from cvae_core.evaluation.latent_space import MIN_POINTS, USUAL, embed, store_embedding, stored_embedding
from cvae_core.jobs import heartbeat, housekeeping
from cvae_core.jobs.control import RUN_LOCK, calmer_job
from cvae_core.jobs.heartbeat import Progress
from cvae_core.jobs.recorder import Finishing, Recorder
from cvae_core.runs import sameness
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run, run_at
from cvae_core.runs.sameness import Subject, baseline_is_begun, baseline_name
from cvae_core.system import formats
from cvae_core.system.distributed import CPU, agreed, fast_dtype, leads, processes, threads, wait_for_all
from cvae_core.system.locks import locked
from cvae_core.training.loop import Learner, Report, steps_per_epoch, train


@dataclass(frozen=True)
class Launch:
    """Where a training is stored and how it starts."""

    run: str
    root: Path
    resume: bool = False
    force: bool = False
    options: Options = field(default_factory=lambda: Options(embed=False))
    device: torch.device = CPU


class Reused(NamedTuple):
    """A finished run of the same configuration exists; nothing is trained."""

    run: Run


class Started(NamedTuple):
    """A run starts, or resumes after `epoch` epochs and `step` steps."""

    run: Run
    epoch: int
    step: int


class Skipped(NamedTuple):
    """A part of a run could not be made; `why` states the reason."""

    why: str


class Finished(NamedTuple):
    """A run is complete."""

    run: Run
    card: Card


SessionReport = Report | Reused | Started | Finishing | Skipped | Finished


def train_run(config: Config, launch: Launch) -> Generator[SessionReport, None, None]:
    """Train a configuration into a run and yield reports.

    Closing the generator between two reports stops the training: state and card are written and the run can be
    resumed. Raises RunInUse, ReadOnlyRun, RunDamaged, DataMissing, DataDamaged, NotWritable.
    """
    run = run_at(launch.run, launch.root)
    data = load(config.dataset)
    sameness.require_described(config, data.description)
    if not launch.options.other_images:
        require_published(config.dataset, data.fingerprint)
    baseline, began_before = None, run.exists()
    if needed := baseline_for(config):
        baseline = finished_run(needed, data, launch.root)
        if agreed(baseline is None):
            unfinished = agreed(baseline_is_begun(needed, launch.root, data.fingerprint))
            called = baseline_name(needed, launch.root)
            yield from train_run(needed, replace(launch, run=called, force=False, resume=unfinished))
            # The stopped training was the baseline's: the run itself has no state to resume yet.
            launch = replace(launch, resume=launch.resume and began_before)
            baseline = finished_run(needed, data, launch.root)
            assert baseline is not None
    reusable = finished_run(config, data, launch.root)
    if agreed(reusable is not None) and reusable and not launch.force:
        yield Reused(run=reusable)
        if launch.options.embed and stored_embedding(reusable) is None:
            yield from _embed(reusable, data)
        return
    if not leads():
        with threads(launch.options.threads):
            yield from _follow(config, launch, run, data, baseline)
        return
    run.require_writable()
    if launch.force and run.exists():
        with housekeeping.changing(launch.root):
            housekeeping.require_free(run)
    with _sole_trainer(run), threads(launch.options.threads or _threads_before(run, launch)):
        yield from _train_locked(config, launch, run, data, baseline)


def _threads_before(run: Run, launch: Launch) -> int | None:
    """Return the number of threads of a run that is resumed: another number would change the rounding of sums."""
    return run.card().threads if launch.resume and not launch.force and run.exists() else None


def _follow(
    config: Config, launch: Launch, run: Run, data: DataSet, baseline: Run | None
) -> Generator[SessionReport, None, None]:
    """Compute this process's share of every step; the leading process records the run."""
    learner = _learner(config, launch, data, baseline, torch.bfloat16 if agreed(False) else torch.float32)
    if agreed(False):
        learner.load_state(*formats.read_tensors(run.state_file))
    wait_for_all()
    yield from train(learner, data)
    wait_for_all()


def _learner(config: Config, launch: Launch, data: DataSet, baseline: Run | None, dtype: torch.dtype) -> Learner:
    return Learner(
        config,
        steps_per_epoch(config, len(data.train)),
        dtype=dtype,
        frozen=frozen_weights(baseline),
        device=launch.device,
    )


def finished_run(config: Config, data: DataSet, root: Path) -> Run | None:
    """Return a finished run of an equal configuration on the same images, trained here, or None."""
    name = sameness.finished(root, data.fingerprint).get(config)
    return None if name is None else run_at(name, root)


def _train_locked(
    config: Config, launch: Launch, run: Run, data: DataSet, baseline: Run | None
) -> Generator[SessionReport, None, None]:
    found = run.card() if run.exists() and not launch.force else None
    if found:
        remedy = "choose another name with --run, or --force to replace it"
        sameness.require_free(run.name, found, Subject(config, data.fingerprint), remedy)
        if found.verdict == "diverged" and found.status == "failed":
            raise RunInUse(f"Run {run.name!r} has diverged and would diverge again. {_calmer(config, launch)}")
    if launch.resume != (found is not None):
        raise RunInUse(
            f"Run {run.name!r} was {found.status} after {found.epochs} epochs: --resume continues it, --force starts over."
            if found
            else f"There is no run {run.name!r} to resume: leave out --resume to start it."
        )
    dtype = getattr(torch, found.dtype) if found else fast_dtype(launch.device)
    agreed(dtype == torch.bfloat16)
    learner = _learner(config, launch, data, baseline, dtype)
    card = (
        replace(found, options=launch.options, threads=torch.get_num_threads(), processes=processes())
        if found
        else _new_card(config, launch, data, learner, baseline)
    )
    recorder = Recorder(run, learner, card, data)
    with heartbeat.beating(run.folder) as beat:
        if found:
            recorder.resume()
        else:
            recorder.start()
        agreed(found is not None)  # the other processes then read the state
        wait_for_all()
        try:
            yield Started(run=run, epoch=learner.epoch, step=learner.step)
            for report in train(learner, data):
                recorder.record(report)
                beat(_progress(learner))
                yield report
            for finishing in recorder.finish():
                beat(Progress(doing=finishing.what, share=1.0))
                yield finishing
            wait_for_all()
        except GeneratorExit:
            recorder.stop("stopped", "stopped on request")
            raise
        except (LabError, OSError, RuntimeError, MemoryError) as error:
            recorder.fail(error)
            if isinstance(error, Diverged):
                raise Diverged(f"{error} {_calmer(config, launch)}") from error
            raise
    if launch.options.embed:
        yield from _embed(run, data)
    yield Finished(run=run, card=recorder.card)


def _calmer(config: Config, launch: Launch) -> str:
    job = calmer_job(config, launch.run, launch.options)
    return f"Train it again with: {job.command(launch.root, force=True)}"


def _progress(learner: Learner) -> Progress:
    """Return how far a learner is; early stopping may end it before its last epoch."""
    epochs = learner.config.epochs
    share = (learner.epoch + learner.step / learner.steps) / epochs
    left = learner.seconds * (1 / share - 1) if share else None
    return Progress(f"epoch {min(learner.epoch + 1, epochs)} of {epochs}", share, left)


def _embed(run: Run, data: DataSet) -> Generator[SessionReport, None, None]:
    """Store a t-SNE map with the run, if it has enough dimensions and points."""
    with housekeeping.held(run, "map"):
        weights, model = run.weights_digest(), run.model()
        if model.latent < 2 or len(data.test) < MIN_POINTS:
            return
        yield Finishing(what="t-SNE of the latent space", done=0, steps=1)
        try:
            store_embedding(run, USUAL, embed(model, data.test), weights)
        except ConfigError as error:  # a collapsed model is a valid result without a map
            yield Skipped(why=str(error))


def frozen_weights(baseline: Run | None) -> dict[str, Tensor]:
    """Return a baseline's weights under the names that they have in a quadrant model."""
    weights = {} if baseline is None else baseline.weights()
    return {f"baseline.{name}": tensor for name, tensor in weights.items()}


def _new_card(config: Config, launch: Launch, data: DataSet, learner: Learner, baseline: Run | None) -> Card:
    return Card(
        config=config,
        status="running",
        options=launch.options,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data_fingerprint=data.fingerprint,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        device=_device_name(launch.device),
        dtype=str(learner.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        parameters=sum(weight.numel() for weight in learner.model.parameters()),
        baseline=None if baseline is None else {"run": baseline.name, "sha256": baseline.weights_digest()},
        processes=processes(),
        data=data.description,
    )


def _device_name(device: torch.device) -> str:
    return "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)


@contextmanager
def _sole_trainer(run: Run) -> Iterator[None]:
    """Lock a run while training it; the operating system releases the lock however the process ends."""
    in_use = RunInUse(f"Run {run.name!r} is being trained by another process: wait for it or choose another --run.")
    with locked(run.folder / RUN_LOCK, run.folder, 0, in_use):
        try:
            yield
        finally:
            if not run.exists():  # training was refused: an empty folder would block the name
                with suppress(OSError):
                    (run.folder / RUN_LOCK).unlink()
                    run.folder.rmdir()
