"""Compare the lab's speed with the Pyro tutorial's on this machine: `make benchmark`.

Each measurement runs in its own process, so that its peak memory can be measured. Tutorial and lab take turns. Short
measurements are repeated, and the fastest counts, since other load on the machine can only slow them down. Results are
written to benchmarks/speed.json, for the table in docs/performance.md.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import machine, ticks
from cvae_core.config.flavours import Config
from cvae_core.config.presets import baseline_for, configure
from cvae_core.data.datasets import load
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import stored_cells
from cvae_core.jobs.session import finished_run, frozen_weights
from cvae_core.runs.run import default_root, find
from cvae_core.system.distributed import fast_dtype
from cvae_core.training.loop import EpochEnded, Learner, Report, steps_per_epoch, train

RESULTS = Path(__file__).with_name("speed.json")
TUTORIAL = 71.8  # −ELBO of the tutorial's table for one quadrant, nats per image
EPOCHS, TURNS = 3, 3  # timed epochs and repetitions, of which the fastest counts
DRAWS = 10  # as in the tutorial's table
WARM_STEPS = 20
GROWTH = ((100, 1000), (1000, 1000), (5000, 1000), (100, 10_000))  # numbers of draws and images to score
STEP, SCORING, SHARED = "step", "scoring", "shared"
TO_THE_TUTORIAL = f"to −ELBO {TUTORIAL}"
SHARED_RUN = "train label --epochs 3 --no-embed --run shared --root"
SHARED_SCORING = "evaluate shared --images 2000 --root"


def learner(config: Config) -> Learner:
    """Prepare a training on MNIST; a quadrant model uses the pretrained baseline."""
    data, baseline = load("mnist"), None
    if needed := baseline_for(config):
        baseline = finished_run(needed, data, default_root())
    steps = steps_per_epoch(config, len(data.train))
    return Learner(config, steps, dtype=fast_dtype(), frozen=frozen_weights(baseline))


def epochs(config: Config) -> Iterator[EpochEnded]:
    data = load("mnist")
    reports: Iterator[Report] = train(learner(config), data)
    return (report for report in reports if isinstance(report, EpochEnded))


def seconds_per_epoch(config: Config) -> float:
    """Return the seconds of the fastest of `EPOCHS` epochs, without validation."""
    state, data, best = learner(config), load("mnist"), float("inf")
    for epoch in range(EPOCHS):
        since = time.monotonic()
        for rows in torch.arange(len(data.train)).split(config.batch_size):
            state.learn(data.train, rows)
        best = min(best, time.monotonic() - since)
        state.epoch, state.step = epoch + 1, 0
    return best


def lab_epoch() -> dict[str, float]:
    return {"seconds": seconds_per_epoch(configure("quadrant", "classic"))}


def lab_baseline_epoch() -> dict[str, float]:
    return {"seconds": seconds_per_epoch(configure("baseline", "classic"))}


def lab_to_the_tutorial() -> dict[str, float]:
    since = time.monotonic()
    for ended in epochs(configure("quadrant", "mlp")):
        if -ended.validation.bound <= TUTORIAL:
            return {"seconds": time.monotonic() - since, "epochs": ended.epoch, "reached": -ended.validation.bound}
    raise SystemExit(f"The preset mlp ended its training without reaching −ELBO {TUTORIAL}.")


def lab_draws() -> dict[str, float]:
    model, test = learner(configure("quadrant", "classic")).model.eval(), load("mnist").test
    since = time.monotonic()
    *_, last = evaluate(model, test, samples=DRAWS)
    draws = 2 * DRAWS * len(test)  # from the posterior and from the prior
    return {"per_second": draws / (time.monotonic() - since), "images": last.images}


def peer_epoch() -> dict[str, float]:
    from benchmarks import peer

    batches, *_ = peer.loaders()
    trainer = peer.Trainer(peer.Baseline())
    return {"seconds": min(trainer.epoch(batches) for _ in range(EPOCHS))}


def peer_baseline_epoch() -> dict[str, float]:
    from benchmarks import peer

    batches, *_ = peer.loaders()
    return {"seconds": min(seconds for _, seconds in peer.trained_baseline(batches, EPOCHS))}


def peer_to_the_tutorial() -> dict[str, float]:
    from benchmarks import peer

    batches, validation, _ = peer.loaders()
    *_, (baseline, _) = peer.trained_baseline(batches, 10)
    trainer, best, best_epoch, since = peer.Trainer(baseline), float("inf"), 0, time.monotonic()
    for epoch in range(peer.EPOCHS):
        trainer.epoch(batches)
        reached = trainer.negative_elbo(validation)
        if reached < best:
            best, best_epoch = reached, epoch
        if best <= TUTORIAL or epoch - best_epoch >= peer.PATIENCE:
            break
    return {"seconds": time.monotonic() - since, "epochs": epoch + 1, "reached": best}


def peer_draws() -> dict[str, float]:
    from benchmarks import peer

    *_, test = peer.loaders()
    trainer = peer.Trainer(peer.Baseline())
    since = time.monotonic()
    trainer.table(test)
    return {"per_second": peer.TABLE_DRAWS * len(test.dataset) / (time.monotonic() - since)}  # type: ignore[arg-type]


def lab_step() -> dict[str, float]:
    """Return the milliseconds of each part of a training step, and the GFLOP of its matrix products."""
    state, data = learner(configure("quadrant", "classic")), load("mnist")
    batches = torch.arange(len(data.train)).split(state.config.batch_size)
    moments: list[float] = []
    note = lambda *_: moments.append(time.monotonic())  # noqa: E731
    for rows in batches[: WARM_STEPS - 1]:
        state.learn(data.train, rows)
    with FlopCounterMode(display=False) as counter:
        state.learn(data.train, batches[WARM_STEPS - 1])
    state.objective.register_forward_pre_hook(note)
    state.objective.register_forward_hook(note)
    move = state.optimiser.step
    state.optimiser.step = lambda rate: (note(), move(rate), note())
    since = time.monotonic()
    for rows in batches[WARM_STEPS:]:
        state.learn(data.train, rows)
    steps = len(batches) - WARM_STEPS
    step = (time.monotonic() - since) / steps
    forward, backward, optimiser = (
        sum(end - begin for begin, end in zip(moments[part::4], moments[part + 1 :: 4], strict=True)) / steps
        for part in range(3)
    )
    parts = {"forward": forward, "backward": backward, "optimiser": optimiser}
    parts["batch, noise and sums"] = step - sum(parts.values())
    return {name: 1000 * seconds for name, seconds in parts.items()} | {"gflop": counter.get_total_flops() / 1e9}


def lab_scoring(samples: int, images: int) -> dict[str, float]:
    """Return the seconds to score the first `images` test images with the pretrained run `quadrant-1`."""
    run, since = find("quadrant-1", default_root()), time.monotonic()
    for _ in evaluate(run.model(), load("mnist").test, samples=samples, images=images):
        pass
    return {"samples": samples, "images": images, "seconds": time.monotonic() - since}


def lab_shared(processes: int) -> dict[str, float]:
    """Measure several processes of one thread each: return the seconds of an epoch, the megabytes that each training step
    exchanges, and the seconds of scoring, which exchanges nothing.
    """
    launcher = (
        ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "-m", "--"] if processes > 1 else ["-m"]
    )
    with TemporaryDirectory() as folder:
        for task in (SHARED_RUN, SHARED_SCORING):
            words = [sys.executable, *launcher, "cvae_core", *task.split(), folder]
            subprocess.run(words, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        run = find("shared", Path(folder))
        seconds = run.curves().drop_duplicates("epoch")["seconds"].diff().min()
        exchanged = 4 * run.card().parameters / 1e6
        scoring = max(cell.seconds for cell in stored_cells(run))
        return {"processes": processes, "seconds": seconds, "exchanged": exchanged, "scoring": scoring}


MEASURES: Mapping[str, tuple[Callable[[], dict[str, float]], Callable[[], dict[str, float]]]] = {
    "baseline epoch": (peer_baseline_epoch, lab_baseline_epoch),
    "CVAE epoch": (peer_epoch, lab_epoch),
    "image-draws": (peer_draws, lab_draws),
    TO_THE_TUTORIAL: (peer_to_the_tutorial, lab_to_the_tutorial),
}


def measured(*measure: str) -> dict[str, float]:
    """Return the result of a measurement in its own process."""
    words = [sys.executable, "-m", "benchmarks.speed", "--measure", *measure]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def _seconds(found: Mapping[str, float]) -> float:
    """Return the seconds of a measurement, or of one unit of it."""
    return found["seconds"] if "seconds" in found else 1 / found["per_second"]


def product_rates() -> dict[str, int]:
    """Return the GFLOP/s of large matrix products on this machine, for each dtype."""
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, since, count = torch.ones(1024, 1024, dtype=dtype), time.monotonic(), 0
        while time.monotonic() - since < 1:
            a @ a
            count += 1
        rates[str(dtype).removeprefix("torch.")] = round(2 * 1024**3 * count / (time.monotonic() - since) / 1e9)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", help="run one measurement in this process and print its result as JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        what, *how = arguments.measure
        numbers = [int(word) for word in how]
        alone = {STEP: lab_step, SCORING: lab_scoring, SHARED: lab_shared}
        found = alone[what](*numbers) if what in alone else MEASURES[what][numbers[0]]()
        print(json.dumps({**found, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    begun, rates = ticks(), product_rates()
    results: dict[str, Any] = {"beside": {}}
    for name in MEASURES:
        turns = [[measured(name, side) for side in ("0", "1")] for _ in range(1 if name == TO_THE_TUTORIAL else TURNS)]
        peer, lab = (min(side, key=_seconds) for side in zip(*turns, strict=True))
        results["beside"][name] = {"peer": peer, "lab": lab}
        print(name, json.dumps(results["beside"][name]), flush=True)
    results[STEP] = measured(STEP)
    print(STEP, json.dumps(results[STEP]), flush=True)
    results[SCORING] = [measured(SCORING, str(samples), str(images)) for samples, images in GROWTH]
    print(SCORING, json.dumps(results[SCORING]), flush=True)
    results[SHARED] = [measured(SHARED, str(processes)) for processes in (1, 2)]
    print(SHARED, json.dumps(results[SHARED]), flush=True)
    where = {
        **machine(begun),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gflops": rates,
    }
    RESULTS.write_text(json.dumps({"machine": where, **results}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
