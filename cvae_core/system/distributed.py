"""Devices and distributed data parallelism: the device of a process, and the processes that `torchrun` starts for one run.

Each process computes a part of each batch and of the images to score. Only the process with rank 0 (the leading process)
decides, writes and prints. Without torchrun there is one process, and these functions have no cost.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

from cvae_core.errors import ConfigError
from cvae_core.system.processes import launched_together
from cvae_core.system.type_checks import Device

CPU = torch.device("cpu")


def device(wanted: Device = "auto") -> torch.device:
    """Return the device of this process, one GPU for each local process; raise ConfigError if it is not available."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("There is no CUDA device here, or torch was built without CUDA: leave out --device.")
    if wanted == "cpu" or not torch.cuda.is_available():
        return CPU
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())


def all_but_one() -> int:
    """Return the number of threads that leaves one core free: one less than the default of torch, at least one."""
    return max(1, torch.get_num_threads() - 1)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Set the number of torch's threads inside the `with` block; None: do not change it."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def rank() -> int:
    """Return the rank of this process, starting at 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def processes() -> int:
    """Return the number of processes of this run (the world size)."""
    return dist.get_world_size() if dist.is_initialized() else 1


def leads() -> bool:
    """Return whether this process leads, that is, writes and prints."""
    return rank() == 0


def add_up(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes."""
    if processes() == 1:
        return values
    shared = values.to(_group_device())
    dist.all_reduce(shared)
    return shared.to(values.device)


def agreed(answer: bool) -> bool:
    """Return the leading process's answer in every process. All processes must call this function."""
    if processes() == 1:
        return answer
    shared = torch.tensor(int(answer), device=_group_device())
    dist.broadcast(shared, 0)
    return bool(shared)


def any_process(answer: bool) -> bool:
    """Return whether the answer is True in any process. All processes must call this function."""
    return bool(add_up(torch.tensor(float(answer))))


def wait_for_all() -> None:
    """Wait until every process has called this function."""
    agreed(True)


def _group_device() -> torch.device:
    return torch.device("cuda") if dist.get_backend() == "nccl" else CPU


@contextmanager
def group(where: torch.device) -> Iterator[None]:
    """Initialise the process group if torchrun started this process, and destroy it at the end."""
    if not launched_together() or dist.is_initialized():
        yield
        return
    if where.type == "cuda":
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def fast_dtype(device: torch.device = CPU, turns: int = 5, seconds: float = 0.04) -> torch.dtype:
    """Return bfloat16 if it is faster than float32: on a GPU that supports it, or on a CPU where matrix products are faster.

    The two types are timed alternately and the best turn of each counts, because other programs can slow some turns.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    rates = {torch.float32: 0.0, torch.bfloat16: 0.0}
    for _ in range(turns):
        for dtype, best in rates.items():
            a = torch.ones(512, 512, dtype=dtype)
            a @ a
            count, start = 0, time.monotonic()
            while time.monotonic() - start < seconds:
                a @ a
                count += 1
            rates[dtype] = max(best, count / (time.monotonic() - start))
    return torch.bfloat16 if rates[torch.bfloat16] > 1.5 * rates[torch.float32] else torch.float32
