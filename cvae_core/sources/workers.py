"""Read pictures in batches, in worker processes if there are many. No torch, no pandas: a worker starts in a moment."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cvae_core.config.descriptions import Shape
from cvae_core.errors import SourceRefused
from cvae_core.sources.kinds.folders import Files, files_of
from cvae_core.sources.pictures import Fit, Unreadable, read

WORKERS = 2
BATCH = 64  # files in a task
WAITING = 4  # tasks for each worker that are sent ahead
SMALL_FILES, SMALL_BYTES = 512, 256 * 2**20  # fewer files and bytes are read in this process


class Outcome(NamedTuple):
    """What became of a file: the reason why it was left out, or the facts of its picture."""

    refused: str = ""
    size: tuple[int, int] = (0, 0)
    format: str = ""
    coloured: bool = False
    changed: tuple[str, ...] = ()


Batch = tuple[np.ndarray, list[Outcome]]  # the values of those that were read, (n, values), and an outcome of each file
_files: Files | None = None  # of a worker process


def batch(files: Files, paths: Sequence[str], shape: Shape, fit: Fit) -> Batch:
    """Read some files."""
    values, outcomes = np.empty((len(paths), shape.values), np.uint8), []
    done = 0
    for path in paths:
        try:
            picture = read(files.content(path), shape, fit)
        except Unreadable as error:
            outcomes.append(Outcome(str(error)))
            continue
        values[done] = picture.values
        outcomes.append(Outcome("", *picture[1:]))
        done += 1
    return values[:done], outcomes


def batches(files: Files, paths: Sequence[str], total: int, shape: Shape, fit: Fit) -> Generator[Batch, None, None]:
    """Read all files in their order. `total` is the number of their bytes. Raises SourceRefused if a worker process dies."""
    parts = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    if len(paths) <= SMALL_FILES and total <= SMALL_BYTES:
        yield from (batch(files, part, shape, fit) for part in parts)
        return
    try:
        yield from _in_pool(files.root, parts, shape, fit)
    except BrokenProcessPool as error:
        raise SourceRefused(
            "A process that read pictures ended unexpectedly, probably for lack of memory: close other programs, or take "
            "smaller pictures."
        ) from error


def _in_pool(root: Path, parts: Sequence[Sequence[str]], shape: Shape, fit: Fit) -> Generator[Batch, None, None]:
    context = multiprocessing.get_context("spawn")  # a copy of this process would hold its memory and threads
    pool = ProcessPoolExecutor(WORKERS, context, _begin, (root,))
    running: deque[Future[Batch]] = deque()
    try:
        for part in parts:
            if len(running) == WORKERS * WAITING:
                yield running.popleft().result()
            with _without_ctrl_c():  # it may start a process
                running.append(pool.submit(_batch, part, shape, fit))
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Block Ctrl-C in this thread, and for good in the processes that are started meanwhile: their parent handles it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(root: Path) -> None:
    """Prepare a worker process: it ends when its parent was killed."""
    global _files
    threading.Thread(target=_follow, daemon=True).start()
    _files = files_of(root)


def _follow() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _batch(paths: Sequence[str], shape: Shape, fit: Fit) -> Batch:
    assert _files is not None
    return batch(_files, paths, shape, fit)
