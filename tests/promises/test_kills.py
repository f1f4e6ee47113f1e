"""A process that is killed while it writes an embedding, evaluation, judgement, queue or export leaves no unreadable file.

test_interrupted tests killed trainings. The short version kills twelve processes, `make soak` a hundred.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from cvae_core.cli import main
from cvae_core.evaluation.latent_space import Layout, stored_embedding
from cvae_core.evaluation.results import stored_cells
from cvae_core.evaluation.sample_quality import stored_judgement
from cvae_core.jobs.queue import look
from cvae_core.runs.run import find, readable
from cvae_core.system import files
from tests.measuring import Measured

PCA = Layout(method="pca", points=60)
KINDS = ("embedding", "evaluation", "queue", "export", "import", "judgement", "card")
# Makes children that write what they are asked for, once or over and over, and says who they are and when they have ended.
WRITER = """
import os, shutil, sys
from pathlib import Path
import torch
from cvae_core.jobs import archive as archives
from cvae_core.data import datasets as data
from cvae_core.evaluation import likelihood as evaluation
from cvae_core.evaluation import results
from cvae_core.system import files
from cvae_core.evaluation import sample_quality as judging
from cvae_core.evaluation import latent_space as latent
from cvae_core.jobs import queue as queueing
from cvae_core.evaluation.latent_space import Layout
from cvae_core.runs.run import find
from tests.jobs import a_job
torch.set_num_threads(1)
root = Path(sys.argv[1])
run, test = find("digits-label", root), data.load("digits").test
weights, model = run.weights_digest(), run.model()
*_, scored = evaluation.evaluate(model, test, samples=2, images=20)
layout = Layout(method="pca", points=60)
embedding = latent.embed(model, test, layout)
findings = [judging.Finding(name=f"digit {n}", value=0.5, of=10) for n in range(200)]

def queue():
    with queueing.turn(root, a_job("waits")):
        pass

def unpack():
    shutil.rmtree(root.parent / "elsewhere" / "came", ignore_errors=True)
    archives.unpack(root.parent / "out" / "export.zip", root.parent / "elsewhere", "came")

work = {
    "embedding": lambda: latent.store_embedding(run, layout, embedding, weights),
    "evaluation": lambda: results.store(run, list(scored.cells), weights),
    "judgement": lambda: judging.store_judgement(run, findings, weights),
    "queue": queue,
    "export": lambda: files.write(root.parent / "out" / "export.zip", archives.packed(run)),
    "import": unpack,
    "card": lambda: run.write_card(run.card()),
}
for line in sys.stdin:
    what, _, once = line.strip().partition(" ")
    if not (child := os.fork()):
        work[what]()
        while not once:
            work[what]()
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


class Writer:
    """A process with child processes that write files."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.orders, self.answers = process.stdin, process.stdout

    def killed(self, what: str, after: float) -> None:
        """Start a child that writes, and kill it after some seconds."""
        child = self._asked(what)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        assert self.answers.readline() == "gone\n"

    def whole(self, what: str) -> None:
        """Start a child that writes once, and wait for its end."""
        self._asked(f"{what} once")
        assert self.answers.readline() == "gone\n"

    def _asked(self, what: str) -> int:
        print(what, file=self.orders, flush=True)
        return int(self.answers.readline())


@pytest.fixture
def writer(root: Path) -> Iterator[Writer]:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        yield Writer(process)
        assert process.stdin is not None
        process.stdin.close()


def unreadable(root: Path, what: str) -> list[str]:
    """Return the errors of reading the files."""
    found = []
    try:
        run = find("digits-label", root)
        run.model(), run.curves(), run.stages()
        assert stored_cells(run) or what != "evaluation"
        assert stored_judgement(run) or what != "judgement"
        assert stored_embedding(run, PCA) or what != "embedding"
        look(root)
    except Exception as error:
        found.append(f"{what}: {error!r}")
    return found


def stale(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(files.TEMPORARY)]


@pytest.mark.parametrize("kills", [2, pytest.param(16, marks=pytest.mark.soak)])
def test_all_files_are_readable_after_a_kill_and_the_next_start_removes_temporary_files(
    kills: int, root: Path, writer: Writer, measured: Measured
) -> None:
    chance, names, faults, littered = Random(kills), set(readable(root)[0]), [], 0
    for what in KINDS:
        writer.whole(what)
        for _ in range(kills):
            writer.killed(what, chance.uniform(0, 0.1))
            faults += unreadable(root, what)
            littered += bool(stale(root.parent))
            assert set(readable(root)[0]) == names
        writer.whole(what)
        assert stale(root.parent) == []
    assert faults == []
    assert littered or kills < 16  # else nobody was killed while writing
    assert main.main(["import", str(root.parent / "out" / "export.zip"), "--run", "theirs", "--root", str(root)]) == 0
    measured(
        "kills", kills=kills * len(KINDS), unreadable=len(faults), left_after_the_next_start=len(stale(root.parent))
    )
