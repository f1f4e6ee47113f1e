"""What a measurement says of where and when it was made."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

STAT = Path("/proc/stat")  # of Linux alone
STOLEN, KINDS = 7, 8  # the place of what is stolen among the kinds of time that make up all of it


class Ticks(NamedTuple):
    """Processor time since the machine's start: what the host of a virtual machine gave to others, and all."""

    stolen: int
    all: int


def ticks() -> Ticks:
    """Return the processor time until now, which is to be subtracted from that of another moment."""
    if not STAT.exists():
        return Ticks(0, 0)
    times = [int(word) for word in STAT.read_text().split("\n")[0].split()[1 : 1 + KINDS]]
    return Ticks(times[STOLEN], sum(times))


def machine(since: Ticks) -> dict[str, Any]:
    """Return the processor, its cores, the day, and the share of its time since then that others had."""
    now = ticks()
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).date().isoformat(),
        "stolen": (now.stolen - since.stolen) / max(now.all - since.all, 1),
    }


def measured_on(where: Mapping[str, Any], more: str = "") -> str:
    """Return a sentence on what `machine` found, and more."""
    said = f"Measured on {where['date']}: {where['processor']}, {where['cores']} cores{more}."
    if (stolen := where.get("stolen", 0)) >= 0.005:
        said += f" The host of this virtual machine gave {stolen:.0%} of its time to others meanwhile."
    return said
