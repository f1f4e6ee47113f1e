"""The terminal output of a training."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from cvae_core.config.presets import cautions
from cvae_core.jobs.recorder import Finishing
from cvae_core.jobs.session import Finished, Reused, SessionReport, Skipped, Started
from cvae_core.runs.card import Card
from cvae_core.system.printable import unfiltered
from cvae_core.training.loop import EpochEnded, Stepped

TICK_SECONDS = 0.5


class Bar:
    """Show a training's reports: a progress bar over the steps of an epoch, and one line per epoch."""

    def __init__(self) -> None:
        self.bar: tqdm[Any] | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def advance(self, what: str, done: int, total: int) -> None:
        """Move the bar; create one if there is none."""
        if self.bar is None:
            self.bar = tqdm(total=total, desc=what, unit="step", leave=False, disable=None, file=unfiltered(sys.stderr))
        self.bar.update(done - self.bar.n)

    def show(self, report: SessionReport) -> None:
        """Show one report."""
        match report:
            case Reused(run=run):
                print(
                    f"Run {run.name!r} already has this configuration ({_result(run.card())}) and is reused. "
                    "To train it again, add --force."
                )
                _tell_verdict(run.card())
            case Started(run=run, epoch=epoch, step=step):
                print(
                    f"Run {run.name!r} " + (f"resumes after epoch {epoch}, step {step}" if epoch or step else "starts")
                )
                for caution in cautions(run.card().config):
                    print(caution, file=sys.stderr, flush=True)
            case Stepped(epoch=epoch, step=step, steps=steps, bound=bound):
                self.advance(f"epoch {epoch}", step, steps)
                assert self.bar is not None
                self.bar.set_postfix_str(f"{-bound:.1f} nats", refresh=False)
            case Finishing(done=done, what=what, steps=steps):
                if done == 0:
                    self.close()
                self.advance(what, done, steps)
            case EpochEnded(train=train, validation=validation):
                self.close()
                print(
                    f"epoch {report.epoch:3}/{report.epochs}  −bound in nats per image: training {-train.bound:7.2f}  "
                    f"validation {-validation.bound:7.2f} (rate {validation.rate:.2f})"
                    f"  {report.seconds:6.1f} s{'  best so far' if report.improved else ''}",
                    flush=True,
                )
            case Skipped(why=why):
                self.close()
                print(why)
            case Finished(run=run, card=card):
                self.close()
                print(
                    f"Run {run.name!r} is finished: {_result(card)} at epoch {card.best_epoch}, {card.seconds:.0f} s, "
                    f"in {run.folder}"
                )
                _tell_verdict(card)


def _tell_verdict(card: Card) -> None:
    if card.verdict:
        print(f"Verdict: {card.trouble or card.verdict}")


def _result(card: Card) -> str:
    if card.elbo is None:
        return f"validation −bound of its objective {-card.metrics['bound']:.2f} nats per image"
    return f"validation −ELBO {-card.elbo:.2f} nats per image"


@contextlib.contextmanager
def ticking(what: str) -> Iterator[None]:
    """Show the elapsed seconds of a computation that reports no progress."""
    finished = threading.Event()

    def tick() -> None:
        file = unfiltered(sys.stderr)
        with tqdm(desc=what, bar_format="{desc}: {elapsed}", leave=False, disable=None, file=file) as bar:
            while not finished.wait(TICK_SECONDS):
                bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
