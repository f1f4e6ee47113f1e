"""Time and memory of reading pictures: `python -m benchmarks.sources [NUMBER]`. Meaningful only on an idle machine.

Writes PNG files of about 100 kB (300 × 170 pixels, noise) in ten folders, reads them as `data add` does, and prints the files
read per second, the processor time and the peak memory of all processes together.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from cvae_core.data.sealed import Sealed
from cvae_core.sources.gather import Wishes, gather
from cvae_core.system.files import MEGABYTE

NUMBER = 10_000
SIZE = (170, 300, 3)
LEVELS = 40  # of a value, in 256: files of about 100 kB
TICK = 0.1


def write(folder: Path, number: int) -> float:
    """Write the pictures and return their mean size in kB."""
    generator = np.random.default_rng(0)
    total = 0
    for index in range(number):
        path = folder / str(index % 10) / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = generator.integers(0, LEVELS, SIZE, np.uint8) * (255 // LEVELS)
        Image.fromarray(pixels).save(path, compress_level=1)
        total += path.stat().st_size
    return total / number / 1000


class Peak(threading.Thread):
    """Watch the memory of this process and its children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        """Compare the memory with the largest so far, until the end."""
        own = psutil.Process()
        while not self.ended.wait(TICK):
            now = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    now += process.memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
            self.bytes = max(self.bytes, now)


def processor_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        size = write(Path(name), number)
        watch = Peak()
        watch.start()
        start, used = time.perf_counter(), processor_seconds()
        *_, found = gather("benchmark", Path(name), Wishes())
        seconds, used = time.perf_counter() - start, processor_seconds() - used
        watch.ended.set()
        watch.join()
    assert isinstance(found, Sealed)
    assert found.report.read == number
    print(
        f"{number:,} PNG files of {size:.0f} kB in {seconds:.1f} s: {number / seconds:,.0f} per second, "
        f"{used:.1f} s of processor time, "
        f"{watch.bytes / MEGABYTE:,.0f} MB of memory in all processes"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else NUMBER)
