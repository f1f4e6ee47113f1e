"""Training on disk: the baseline first, reuse, resume, record, stop; every report passes through to the caller."""

import json
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from cvae_core import files
from cvae_core.config import Config, QuadrantConfig, baseline_for
from cvae_core.data import DataSet, load
from cvae_core.errors import LabError, NotWritable, RunDamaged, RunInUse
from cvae_core.examples import first_of_each_label
from cvae_core.figures import as_bytes
from cvae_core.models import build
from cvae_core.runs import Card, Run, load_weights, readable, run_at
from cvae_core.training import (
    EpochEnded,
    Learner,
    Measured,
    Report,
    Staged,
    Stepped,
    fast_dtype,
    stage,
    steps_per_epoch,
    train,
    validate,
)

SAVE_EVERY = 45.0  # seconds between saved states: what a kill can cost
HALF_PRECISION_COST = 0.05  # nats per image of the validation bound that float16 weights may cost, else float32 is kept


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Say where a training goes and how it starts."""

    run: str
    root: Path
    command: str
    resume: bool = False
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Reused:
    """A finished run of the same configuration is there already and nothing is trained."""

    run: Run


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run starts, or goes on after `epoch` epochs and `step` steps."""

    run: Run
    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run is complete."""

    run: Run
    card: Card


SessionReport = Report | Reused | Started | Finished


def train_run(config: Config, launch: Launch) -> Iterator[SessionReport]:
    """Train a configuration into a run, reporting as it goes.

    Closing the generator between two reports stops the training: state and card are written and the run can be
    resumed. Raises RunInUse, ReadOnlyRun, RunDamaged, DataMissing, NotWritable.
    """
    data = load(config.dataset)
    baseline = None
    if isinstance(config, QuadrantConfig):
        needed = baseline_for(config)
        baseline = finished_run(needed, data, launch.root)
        if baseline is None:
            yield from train_run(needed, replace(launch, run=needed.run_name, force=False))
            baseline = finished_run(needed, data, launch.root)
            assert baseline is not None
    reusable = finished_run(config, data, launch.root)
    if reusable and not launch.force:
        yield Reused(run=reusable)
        return
    run = run_at(launch.run, launch.root)
    run.require_writable()
    with _sole_trainer(run):
        yield from _train_locked(config, launch, run, data, baseline)


def finished_run(config: Config, data: DataSet, root: Path) -> Run | None:
    """Return a finished run of an equal configuration on the same images, or None."""
    for name, card in readable(root)[0].items():
        if card.status == "finished" and card.config == config and card.data_fingerprint == data.fingerprint:
            return run_at(name, root)
    return None


def _train_locked(
    config: Config, launch: Launch, run: Run, data: DataSet, baseline: Run | None
) -> Iterator[SessionReport]:
    found = run.card() if run.exists() and not launch.force else None
    if found and found.config != config:
        raise RunInUse(
            f"Run {run.name!r} has another configuration ({_difference(found.config, config)}): choose another name "
            "with --run, or --force to replace it."
        )
    if launch.resume != (found is not None):
        raise RunInUse(
            f"Run {run.name!r} was {found.status} after {found.epochs} epochs: --resume goes on, --force starts anew."
            if found
            else f"There is no run {run.name!r} to resume: leave out --resume to start it."
        )
    if found and found.data_fingerprint != data.fingerprint:
        raise RunInUse(f"Run {run.name!r} was trained on other images than {config.dataset} has now: use --force.")
    frozen, baseline_note = _frozen(baseline)
    dtype = getattr(torch, found.dtype) if found else fast_dtype()
    learner = Learner(config, steps_per_epoch(config, len(data.train)), dtype=dtype, frozen=frozen)
    recorder = _Recorder(run, learner, found or _new_card(config, launch, data, learner, baseline_note), data)
    if found:
        torch.set_num_threads(found.threads)
        recorder.resume()
    else:
        recorder.start()
    yield Started(run=run, epoch=learner.epoch, step=learner.step)
    try:
        for report in train(learner, data):
            recorder.record(report)
            yield report
        yield Finished(run=run, card=recorder.finish())
    except GeneratorExit:
        recorder.stop("stopped", "stopped on request")
        raise
    except (LabError, OSError, RuntimeError) as error:
        recorder.fail(str(error).splitlines()[0])
        raise


class _Recorder:
    """Write what a learner reports into its run's folder."""

    def __init__(self, run: Run, learner: Learner, card: Card, data: DataSet):
        self.run, self.learner, self.card, self.data = run, learner, card, data
        self.curves = pd.DataFrame()
        self.stages: dict[float, Staged] = {}
        self.saved = time.monotonic()

    @property
    def state_file(self) -> Path:
        return self.run.folder / "state.safetensors"

    def start(self) -> None:
        """Begin an empty run in place of whatever had its name."""
        for path in self.run.folder.glob("*"):
            if path.is_file() and not path.name.startswith("."):
                path.unlink()
        self.run.write_card(self.card)
        self.save()

    def resume(self) -> None:
        """Go back to the saved state and drop what was recorded after it."""
        tensors, notes = files.read_tensors(self.state_file)
        if json.loads(notes.get("config", "null")) != self.card.config.to_json():
            raise RunDamaged(f"{self.state_file} belongs to another configuration: start anew with --force.")
        self.learner.load_state(tensors, notes)
        if (self.run.folder / "curves.csv").is_file():
            curves = self.run.curves()
            self.curves = curves[curves["epoch"] <= self.learner.epoch]
        if (self.run.folder / "stages.npz").is_file():
            kept = self.run.stages()
            for index, epoch in enumerate(kept["epoch"].tolist()):
                samples, reconstructions = (torch.from_numpy(kept[k][index]) for k in ("samples", "reconstructions"))
                self.stages[epoch] = Staged(epoch=epoch, samples=samples / 255, reconstructions=reconstructions / 255)
        self._commit(status="running", reason=None)
        self.run.sweep(self.card)

    def record(self, report: Report) -> None:
        """Write what a report brings; save the state when it is time."""
        match report:
            case Staged():
                self.stages[report.epoch] = report
                self._write_stages()
            case EpochEnded():
                self._end_epoch(report)
            case Stepped():
                pass
        if time.monotonic() - self.saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write everything that going on depends on."""
        tensors, notes = self.learner.state()
        files.write_tensors(self.state_file, tensors, **notes)
        self.saved = time.monotonic()

    def stop(self, status: str, reason: str) -> None:
        """Close the run so that it can be resumed."""
        self.save()
        self._commit(status=status, reason=reason)

    def fail(self, reason: str) -> None:
        """Say why training ended; what was saved before stays."""
        try:
            self._commit(status="failed", reason=reason)
        except NotWritable:
            return  # the disk that refused is the reason, and it is on its way to the caller

    def finish(self) -> Card:
        """Store the best weights, in half precision if that is as good, with the last stage and the final card."""
        model = build(self.card.config)
        weights = self.run.weights(self.card)
        load_weights(model, weights, self.run.name)
        kept = validate(model, self.data.validation)
        dtype = torch.float32
        load_weights(model, {name: tensor.half().float() for name, tensor in weights.items()}, self.run.name)
        halved = validate(model, self.data.validation)
        cost = kept.bound - halved.bound
        if abs(cost) < HALF_PRECISION_COST:
            dtype, kept = torch.float16, halved
        else:
            load_weights(model, weights, self.run.name)
        last = stage(model, self.data, float(self.learner.epoch))
        self.stages[last.epoch] = last
        self._write_stages()
        metrics = {**_metrics(kept), "float16_cost": cost}
        self.card = self.run.write_weights(
            self.card, weights, dtype, status="finished", reason=None, metrics=metrics, **self._progress()
        )
        self.state_file.unlink(missing_ok=True)
        return self.card

    def _end_epoch(self, report: EpochEnded) -> None:
        rows = [
            {
                "epoch": report.epoch,
                **{f.name: getattr(measured, f.name) for f in fields(Measured)},
                "seconds": round(report.seconds, 2),
                "learning_rate": report.learning_rate,
            }
            for measured in (report.train, report.validation)
        ]
        self.curves = pd.concat([self.curves, pd.DataFrame(rows)], ignore_index=True)
        self.run.write_curves(self.curves)
        if report.improved:
            self.card = self.run.write_weights(
                self.card,
                self.learner.evaluated.state_dict(),
                torch.float32,
                metrics=_metrics(report.validation),
                **self._progress(),
            )
        else:
            self._commit(**self._progress())

    def _progress(self) -> dict[str, object]:
        learner = self.learner
        return {"epochs": learner.epoch, "best_epoch": learner.best_epoch, "seconds": round(learner.seconds, 1)}

    def _commit(self, **news: object) -> None:
        self.card = replace(self.card, **news)  # type: ignore[arg-type]
        self.run.write_card(self.card)

    def _write_stages(self) -> None:
        kept = [self.stages[epoch] for epoch in sorted(self.stages)]
        self.run.write_stages(
            epoch=np.array([staged.epoch for staged in kept]),
            samples=np.stack([as_bytes(staged.samples) for staged in kept]),
            reconstructions=np.stack([as_bytes(staged.reconstructions) for staged in kept]),
            test_indices=first_of_each_label(self.data.test).numpy(),
        )


def _metrics(measured: Measured) -> dict[str, float]:
    return {
        "bound": measured.bound,
        "reconstruction": measured.reconstruction,
        "rate": measured.rate,
        "elbo": measured.reconstruction - measured.rate,
    }


def _frozen(baseline: Run | None) -> tuple[dict[str, Tensor], Mapping[str, str] | None]:
    """Return a baseline's weights as they are called inside a quadrant model, and the note that names them."""
    if baseline is None:
        return {}, None
    card = baseline.card()
    assert card.weights is not None
    weights = {f"baseline.{name}": tensor for name, tensor in baseline.weights(card).items()}
    return weights, {"run": baseline.name, "sha256": card.weights.sha256}


def _new_card(
    config: Config, launch: Launch, data: DataSet, learner: Learner, baseline: Mapping[str, str] | None
) -> Card:
    return Card(
        config=config,
        status="running",
        command=launch.command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data_fingerprint=data.fingerprint,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        device="cpu",
        dtype=str(learner.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        parameters=sum(weight.numel() for weight in learner.model.parameters()),
        baseline=baseline,
    )


def _difference(a: Config, b: Config) -> str:
    """Name the first few settings in which two configurations differ."""
    if type(a) is not type(b):
        return f"flavour {a.flavour}, not {b.flavour}"
    names = [f.name for f in fields(a) if getattr(a, f.name) != getattr(b, f.name)]
    return ", ".join(f"{name.replace('_', ' ')} {getattr(a, name)}, not {getattr(b, name)}" for name in names[:3])


@contextmanager
def _sole_trainer(run: Run) -> Iterator[None]:
    """Hold a run's lock while training it; the system lets go of it however the process ends."""
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunInUse(
            f"Run {run.name!r} is being trained by another process: wait for it or choose another --run."
        ) from error
    except OSError as error:
        raise NotWritable(f"{run.folder} cannot be written ({error.strerror}): choose another --root.") from error
    try:
        yield
    finally:
        lock.release()
