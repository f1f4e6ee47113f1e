"""The commands that start, queue, stop and sweep trainings. Torch is imported only when a training's turn comes."""

import contextlib
import functools
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from typing_extensions import Doc
from tyro.conf import OmitArgPrefixes, Positional

from cvae_core.cli.options import InRoot, RunName
from cvae_core.config.flavours import Config
from cvae_core.config.job import USUAL, Job, Options, OtherImages
from cvae_core.data import fingerprints
from cvae_core.errors import ConfigError, Interrupted
from cvae_core.jobs import control, output_log, sweep
from cvae_core.jobs import queue as queueing
from cvae_core.jobs.sweep import Planned
from cvae_core.runs import sameness
from cvae_core.system import processes
from cvae_core.system.folders import folder_of, in_root
from cvae_core.system.printable import one_line

AnyConfig = TypeVar("AnyConfig", bound=Config)


@dataclass(frozen=True, kw_only=True)
class Train(InRoot, Generic[AnyConfig]):
    """Train a run, or resume one. A built-in data set is downloaded if it is missing."""

    config: OmitArgPrefixes[AnyConfig]
    run: Annotated[str | None, Doc("name of the run; None: made from flavour, quadrants, preset and pixels")] = None
    resume: Annotated[
        bool, Doc("resume a run that was stopped or died, with its stored --device, --no-embed and --threads")
    ] = False
    options: OmitArgPrefixes[Options] = USUAL
    force: Annotated[bool, Doc("train again even if such a run exists; move a run of that name to the bin")] = False

    @property
    def name(self) -> str:
        """Return the name of the run."""
        return self.config.run_name if self.run is None else self.run

    def __call__(self) -> None:
        """Wait until no other training runs in the root, then train. Ctrl-C and SIGTERM end either.

        Processes of torchrun do not wait. They may be on several machines, where no process can check whether another is
        alive. If one process waits, torchrun's group times out.
        """
        folder_of(self.name, self.root)  # an invalid name, or other images, are refused before the training waits
        if not self.options.other_images:
            fingerprints.require_published_here(self.config.dataset)
        with processes.stop_signals() as stop_requested, contextlib.ExitStack() as until_the_end:
            if not processes.launched_together():
                self._wait(until_the_end, stop_requested)
            if self.options.threads:  # NumPy and scikit-learn read it when they are imported, below
                os.environ["OMP_NUM_THREADS"] = str(self.options.threads)
            from cvae_core.cli import analyse
            from cvae_core.jobs import session
            from cvae_core.system import distributed

            launch = session.Launch(
                self.name,
                self.root,
                resume=self.resume,
                force=self.force,
                options=self.options,
                device=distributed.device(self.options.device),
            )
            analyse.train(self.config, launch, stop_requested)

    def _wait(self, until_the_end: contextlib.ExitStack, stop_requested: Callable[[], bool]) -> None:
        """Wait for this process's turn. Hold the turn and an open output log until the process ends."""
        job = Job(run=self.name, config=self.config, options=self.options, resume=self.resume)

        @functools.cache
        def record() -> None:
            until_the_end.enter_context(output_log.kept(self.root, job))

        def tell(sentence: str) -> None:
            record()  # so that the command is recorded even if the process dies before its turn
            print(sentence, file=sys.stderr, flush=True)

        turn = queueing.turn(self.root, job, stop_requested=stop_requested, tell=tell)
        until_the_end.enter_context(turn)
        record()


@dataclass(frozen=True, kw_only=True)
class Queue(InRoot):
    """Show the running and waiting trainings; move a waiting run to the front, or remove it."""

    first: Annotated[str | None, Doc("move this waiting run to the front")] = None
    cancel: Annotated[str | None, Doc("remove this waiting run and end its process")] = None

    def __call__(self) -> None:
        """Change the queue as requested, then print it."""
        if self.first is not None:
            queueing.move(self.root, self.first, 1)
        if self.cancel is not None:
            queueing.cancel(self.root, self.cancel)
        queue = queueing.look(self.root)
        if queue.training:
            state = control.state_of(self.root, queue.training.run)
            reason = state.reason and f": {state.reason}"
            command = one_line(f"{queue.training.job.command(self.root)}{reason}")
            print(f"trains    {queue.training.run:24} since {queue.training.since}  {command}")
        for place, entry in enumerate(queue.waiting, 1):
            state = control.state_of(self.root, entry.run)
            reason = f": {state.reason}" if state.state == "stalled" else ""
            command = one_line(f"{entry.job.command(self.root)}{reason}")
            print(f"{place:<9} {one_line(entry.run):24} since {entry.created}  {command}")
        if not queue.training and not queue.waiting:
            print(f"Nothing trains or waits in {self.root}.")


@dataclass(frozen=True, kw_only=True)
class Stop(InRoot):
    """Stop a run that trains, or remove it from the queue. `train --resume` continues it."""

    run: RunName

    def __call__(self) -> None:
        """Stop the run and print the command that resumes it."""
        if not control.stop(self.root, self.run):
            print(f"Run {self.run!r} has left the queue.")
            return
        now = control.state_of(self.root, self.run)
        print(
            f"Run {self.run!r} is {now.state}."
            + (f" Resume with: {now.resume.command(self.root)}" if now.resume else "")
        )


@dataclass(frozen=True, kw_only=True)
class Sweep(InRoot):
    """Train a grid of configurations from a TOML file, one after another. Repeat the command to resume."""

    file: Annotated[Positional[Path], Doc("TOML file of settings of train; a list is an axis of the grid")]
    dry_run: Annotated[bool, Doc("print the commands without training")] = False
    launcher: Annotated[str, Doc("program that starts each run: python, or torchrun and its flags")] = "python"
    other_images: OtherImages = False

    def __call__(self) -> None:
        """Print the command of every run, then train the unfinished ones. A run that fails does not stop the others."""
        launcher = _program(self.launcher)
        planned, options = sweep.plan(self.file, self.root), Options(other_images=self.other_images)
        if not self.other_images:
            fingerprints.require_published_here(*(run.config.dataset for run in planned))
        finished = sameness.finished(self.root)
        for run in planned:
            state = "  # finished" if run.config in finished else "  # diverged" if run.has_diverged(self.root) else ""
            print(f"{run.job(self.root, finished, options).command(self.root)}{state}", flush=True)
        if self.dry_run:
            return
        flags = [] if self.launcher == Sweep.launcher else ["--launcher", self.launcher]
        again = in_root(
            shlex.join(["python", "-m", "cvae_core", "sweep", str(self.file), *flags, *options.flags]), self.root
        )
        with processes.stop_signals() as stop_requested:
            for run in planned:
                while self._elsewhere(run) and not stop_requested():
                    time.sleep(queueing.POLL_AT_MOST)
                if not stop_requested() and self._open(run, finished := sameness.finished(self.root)):
                    job = run.job(self.root, finished, options)
                    _train_apart(launcher, [*job.words, "--root", str(self.root)], stop_requested)
                if stop_requested():
                    raise Interrupted(f"Stopped. Resume with: {again}")
        finished = sameness.finished(self.root)
        if missing := [run.run for run in planned if self._open(run, finished)]:
            raise ConfigError(
                f"{len(missing)} of {len(planned)} runs are not finished: {', '.join(missing)}. Resume with: {again}"
            )
        if diverged := [run.run for run in planned if run.config not in finished]:
            raise ConfigError(
                f"{len(diverged)} of {len(planned)} runs diverged: {', '.join(diverged)}. Change their settings in "
                f"{self.file}."
            )

    def _open(self, run: Planned, finished: Mapping[Config, str]) -> bool:
        """Return whether a run still has to be trained: it has neither finished nor diverged."""
        return run.config not in finished and not run.has_diverged(self.root)

    def _elsewhere(self, run: Planned) -> bool:
        """Return whether another process trains a run or waits to, for example one left by a killed sweep."""
        return queueing.look(self.root).has(run.run)


def _program(launcher: str) -> list[str]:
    """Return the words of a command that starts Python modules; raise ConfigError if its program does not exist."""
    try:
        words = shlex.split(launcher)
    except ValueError as error:
        raise ConfigError(f"Launcher cannot be {launcher!r}: {error}.") from error
    if words == ["python"]:
        return [sys.executable]
    if not words or shutil.which(words[0]) is None:
        raise ConfigError(f"Launcher cannot be {launcher!r}: no such program is installed.")
    return words


def _train_apart(launcher: list[str], words: list[str], stop_requested: Callable[[], bool]) -> None:
    """Train in a separate process, which waits in the queue like any other; forward a request to stop."""
    apart = ["--"] if Path(launcher[0]).name == "torchrun" else []  # or torchrun reads --run as its --run-path
    try:
        child = subprocess.Popen([*launcher, "-m", *apart, "cvae_core", *words])
    except OSError as error:
        raise ConfigError(f"Launcher cannot be {shlex.join(launcher)!r}: {error.strerror}.") from error
    with child:
        while child.poll() is None:
            if stop_requested():
                child.terminate()
                child.wait()
            time.sleep(queueing.POLL)
