"""The files that a training writes: curves, stages, best weights, and the state for resuming."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from cvae_core.config.flavours import from_json
from cvae_core.data.batches import shown_rows
from cvae_core.data.datasets import DataSet
from cvae_core.data.intensities import as_bytes
from cvae_core.errors import Diverged, NotWritable, RunDamaged
from cvae_core.jobs import heartbeat, housekeeping
from cvae_core.models.build import build
from cvae_core.runs.card import CARD, Card
from cvae_core.runs.run import Run, load_weights
from cvae_core.system import formats
from cvae_core.training import verdicts
from cvae_core.training.loop import EpochEnded, Learner, Report, Stepped
from cvae_core.training.validation import STAGE_ROWS, Measured, Staged, rates, stage, trivial, validate
from cvae_core.training.verdicts import Verdict

SAVE_EVERY = 45.0  # seconds between saved states: the most training that a kill loses
SAVE_BEFORE_VALIDATION = 15.0  # seconds; shorter, because nothing is saved during a ladder's long validation
WRITE_EVERY = 1.0  # seconds between written epochs: of very short epochs, most are written together with a later one
HALF_PRECISION_COST = 0.05  # nats per image; if float16 changes the validation bound by this, float32 is stored


class Finishing(NamedTuple):
    """The run is being completed: `done` of `steps` steps."""

    done: int
    what: str = "measuring the best weights"
    steps: int = 3


class Recorder:
    """Write a learner's reports into its run's folder."""

    def __init__(self, run: Run, learner: Learner, card: Card, data: DataSet):
        self.run, self.learner, self.card, self.data = run, learner, card, data
        self.curves = pd.DataFrame()
        self.stages: dict[float, Staged] = {}
        self.saved = self.written = time.monotonic()
        self.unwritten = False  # whether an epoch has ended since the last writing
        self.best: tuple[Measured, dict[str, torch.Tensor]] | None = None  # the best epoch, unless it is written

    def start(self) -> None:
        """Start an empty run; move an existing run of its name to the bin."""
        with housekeeping.replacing(self.run) if self.run.exists() else nullcontext():
            self.run.write_card(self.card)
        self._clear()

    def _clear(self) -> None:
        """Delete all files of a run except its card, and save the state."""
        for path in self.run.folder.glob("[!.]*"):
            if path.is_file() and path.name != CARD:
                path.unlink()
        self.save()

    def resume(self) -> None:
        """Load the saved state and drop what was recorded after it."""
        if self.card.epochs == 0 and not self.run.state_file.exists():
            # The process died between writing the card and the first state: start from the beginning.
            self._commit(status="running", reason=None)
            self._clear()
            return
        tensors, notes = formats.read_tensors(self.run.state_file)
        if from_json(json.loads(notes.get("config", "{}"))) != self.card.config:
            raise RunDamaged(f"{self.run.state_file} belongs to another configuration: start over with --force.")
        if not formats.are_finite(tensors.values()):
            raise RunDamaged(f"{self.run.state_file} holds values that are not finite: start over with --force.")
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
        self.run.remove_leftovers(self.card)

    def record(self, report: Report) -> None:
        """Write the content of a report; save the state when it is due."""
        match report:
            case Staged():
                self.stages[report.epoch] = report
                self._write_stages()
            case EpochEnded():
                self._end_epoch(report)
            case Stepped():
                pass
        validates_next = isinstance(report, Stepped) and report.step == report.steps
        allowed = min(SAVE_EVERY, SAVE_BEFORE_VALIDATION) if validates_next else SAVE_EVERY
        if time.monotonic() - self.saved > allowed:
            self.save()

    def save(self) -> None:
        """Write the epochs so far and the complete state for resuming."""
        self._write()
        tensors, notes = self.learner.state()
        formats.write_tensors(self.run.state_file, tensors, **notes)
        self.saved = time.monotonic()

    def stop(self, status: str, reason: str) -> None:
        """Close the run so that it can be resumed; if the state is not finite, record the failure."""
        try:
            self.save()
        except Diverged as error:
            self.fail(error)
        else:
            self._commit(status=status, reason=reason)

    def fail(self, error: BaseException) -> None:
        """Record in the card why training ended; the last saved state stays."""
        verdict: Verdict | None = "diverged" if isinstance(error, Diverged) else None
        with suppress(NotWritable):  # on a full disk there may still be room for the card
            self._write()
        try:
            self._commit(status="failed", reason=heartbeat.reason_of(error), verdict=verdict)
        except NotWritable:
            return  # the original error reaches the caller anyway

    def finish(self) -> Iterator[Finishing]:
        """Store the best weights, in half precision if the bound allows it, with the last stage and the final card."""
        yield Finishing(done=0)
        self._write()
        model = build(self.card.config)
        weights = self.run.weights(self.card)
        load_weights(model, weights, self.run.name)
        kept = validate(model, self.data.validation)
        yield Finishing(done=1)
        dtype, cost = torch.float32, math.nan
        halves = {name: tensor.half().float() for name, tensor in weights.items()}
        if formats.are_finite(halves.values()):
            load_weights(model, halves, self.run.name)
            halved = validate(model, self.data.validation)
            cost = kept.bound - halved.bound
        yield Finishing(done=2)
        if abs(cost) < HALF_PRECISION_COST:
            dtype, kept = torch.float16, halved
        else:
            load_weights(model, weights, self.run.name)
        last = stage(model, self.data, float(self.learner.epoch))
        self.stages[last.epoch] = last
        self._write_stages()
        metrics = {**_metrics(kept), **trivial(self.card.config, self.data)}
        if math.isfinite(cost):
            metrics["float16_cost"] = cost
        units = rates(model, self.data.validation).tolist()
        self.card = replace(self.card, rates=units, verdict=verdicts.reached(self.card.config, metrics, units))
        yield Finishing(done=3)
        self.card = self.run.write_weights(
            self.card, weights, dtype, status="finished", reason=None, metrics=metrics, **self._progress()
        )
        self.run.state_file.unlink(missing_ok=True)

    def _end_epoch(self, report: EpochEnded) -> None:
        rows = [
            {
                "epoch": report.epoch,
                **measured._asdict(),
                "seconds": round(report.seconds, 2),
                "learning_rate": report.learning_rate,
            }
            for measured in (report.train, report.validation)
        ]
        self.curves = pd.concat([self.curves, pd.DataFrame(rows)], ignore_index=True)
        due = time.monotonic() - self.written > WRITE_EVERY
        if report.improved:
            weights = self.learner.evaluated.state_dict()
            kept = weights if due else {name: tensor.clone() for name, tensor in weights.items()}
            self.best = report.validation, kept
        self.unwritten = True
        if due:
            self._write()

    def _write(self) -> None:
        """Write the curves and the card, and the best weights unless they are written already."""
        if self.unwritten:
            self.run.write_curves(self.curves)
            if self.best is None:
                self._commit(**self._progress())
            else:
                measured, weights = self.best
                self.card = self.run.write_weights(
                    self.card, weights, torch.float32, metrics=_metrics(measured), **self._progress()
                )
                self.best = None
        self.unwritten, self.written = False, time.monotonic()

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
            test_indices=shown_rows(self.data.test, self.card.config.classes, STAGE_ROWS).numpy(),
        )


def _metrics(measured: Measured) -> dict[str, float]:
    return {
        "bound": measured.bound,
        "reconstruction": measured.reconstruction,
        "rate": measured.rate,
        "elbo": measured.reconstruction - measured.rate,
    }
