"""Describe the machine and the day of a measurement."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

STAT = Path("/proc/stat")  # Linux only
STOLEN, KINDS = 7, 8  # index of steal time, and number of the fields that add up to the total


class Ticks(NamedTuple):
    """Processor time since the machine's start: steal time (used by other virtual machines of the host), and the total."""

    stolen: int
    all: int


def ticks() -> Ticks:
    """Return the processor time until now; subtract two of these for the time between them."""
    if not STAT.exists():
        return Ticks(0, 0)
    times = [int(word) for word in STAT.read_text().split("\n")[0].split()[1 : 1 + KINDS]]
    return Ticks(times[STOLEN], sum(times))


def machine(since: Ticks) -> dict[str, Any]:
    """Return the processor, the number of cores, the date, and the share of steal time since `since`."""
    now = ticks()
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).date().isoformat(),
        "stolen": (now.stolen - since.stolen) / max(now.all - since.all, 1),
    }


def measured_on(where: Mapping[str, Any], more: str = "") -> str:
    """Return the description of a machine, followed by `more`, as a sentence."""
    said = f"Measured on {where['date']}: {where['processor']}, {where['cores']} cores{more}."
    if (stolen := where.get("stolen", 0)) >= 0.005:
        said += f" The host of this virtual machine gave {stolen:.0%} of its time to other machines meanwhile."
    return said
