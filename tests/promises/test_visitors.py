"""Many visitors at once: each sees its own pictures, common results are computed once, and answers are fast.

The short version has a few visitors. Only `make soak` has all of them, and measures time and memory.
"""

import asyncio
import shutil
import statistics
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from benchmarks.load import CONTROLS, crowd
from benchmarks.visitors import finished, visitor
from tests.measuring import Measured
from tests.promises.conftest import Server, settled
from tests.server import dashboard

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
RUNS = ("digits-label", "label", "label-2d")
ANOTHER = "label-beta-4"
COPIES = [f"copy-{number:02}" for number in range(20)]


def p95(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=20)[-1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a dashboard with the pretrained runs and twenty copies of one."""
    folder = tmp_path_factory.mktemp("visited")
    shutil.copytree(CHECKPOINTS, folder / "runs")
    for copy in COPIES:
        shutil.copytree(CHECKPOINTS / "digits-label", folder / "runs" / copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVAE_RUNS", str(folder / "runs"))
        with dashboard(folder) as url:
            yield Server(url, folder / "log")
    assert "app.server.uncaught_errors" not in (folder / "log").read_text()


@pytest.mark.parametrize(("visitors", "run"), [(4, COPIES[0]), pytest.param(20, COPIES[1], marks=pytest.mark.soak)])
def test_results_that_several_visitors_request_at_the_same_time_are_computed_once(
    visitors: int, run: str, server: Server, measured: Measured
) -> None:
    async def come(address: str) -> list[list[str]]:
        async def one() -> list[str]:
            async with visitor(address) as coming:
                await coming.open("generate", f"live=false&run={run}&seed=3")
                assert coming.faults == []
                return coming.pictures

        return await asyncio.gather(*(one() for _ in range(visitors)))

    shown = finished(come(server.address))
    assert shown == [shown[0]] * visitors
    read = server.log.read_text().count(f"run {run}: its weights are read")
    assert read == 1
    measured("visitors", on_a_cold_cache=visitors, times_computed=read)


def test_visitors_who_click_and_others_who_sit_idle_get_no_error(server: Server) -> None:
    async def come() -> list[float]:
        async with AsyncExitStack() as idle:
            for _ in range(3):
                sitting = await idle.enter_async_context(visitor(server.address))
                await sitting.open("generate")
            return await crowd(server.address, CONTROLS["inpaint"], visitors=2, seconds=1)

    assert len(finished(come())) >= 2  # each visitor has clicked, and `crowd` exits if a page shows an error


@pytest.mark.soak
def test_ten_visitors_of_the_heaviest_page_wait_less_than_two_and_a_half_seconds(
    server: Server, measured: Measured
) -> None:
    waits = finished(crowd(server.address, CONTROLS["inpaint"]))
    measured("visitors", p95_seconds_of_ten_on_inpaint=p95(waits))
    assert p95(waits) < 2.5


@pytest.mark.soak
def test_fifty_idle_visitors_do_not_slow_down_five_active_ones(server: Server, measured: Measured) -> None:
    async def come() -> list[float]:
        async with AsyncExitStack() as idle:
            for _ in range(50):
                sitting = await idle.enter_async_context(visitor(server.address))
                await sitting.open("generate")
            return await crowd(server.address, CONTROLS["generate"], visitors=5)

    waits = finished(come())
    measured("visitors", p95_seconds_of_five_beside_fifty=p95(waits))
    assert p95(waits) < 1.5


async def seen(address: str, number: int, clicks: range) -> dict[int, list[str]]:
    """Return the pictures that a visitor sees after each click; each visitor has its own seeds and run."""
    async with visitor(address) as coming:
        first, *others = clicks
        await coming.open("generate", f"live=false&run={RUNS[number % len(RUNS)]}&seed={1000 * number + first}")
        shown = {first: coming.pictures}
        for click in others:
            await coming.set("seed", double_value=1000 * number + click)
            assert coming.faults == []
            shown[click] = coming.pictures
        return shown


@pytest.mark.parametrize(("visitors", "clicks"), [(2, 2), pytest.param(10, 25, marks=pytest.mark.soak)])
def test_every_visitor_sees_the_same_pictures_as_a_single_visitor(
    visitors: int, clicks: int, server: Server, tmp_path: Path, measured: Measured
) -> None:
    async def together(address: str) -> list[dict[int, list[str]]]:
        return await asyncio.gather(*(seen(address, number, range(clicks)) for number in range(visitors)))

    async def one_by_one(address: str) -> list[dict[int, list[str]]]:
        """Visit in reverse order, after another run, so that a wrong cache hit gives a different picture."""
        async with visitor(address) as coming:
            await coming.open("generate", f"live=false&run={ANOTHER}")
        found = [await seen(address, number, range(clicks)[::-1]) for number in range(visitors)[::-1]]
        return found[::-1]

    shown = finished(together(server.address))
    with dashboard(tmp_path) as other:  # a server with an empty cache
        alone = finished(one_by_one(other))
    pairs = [
        (picture, reference)
        for ours, theirs in zip(shown, alone, strict=True)
        for click in range(clicks)
        for picture, reference in zip(ours[click], theirs[click], strict=True)
    ]
    names = [picture.rpartition("/")[2] for picture, _ in pairs]
    equal = sum(name == reference.rpartition("/")[2] for name, (_, reference) in zip(names, pairs, strict=True))
    assert equal == len(pairs) >= 2 * visitors * clicks
    assert len(set(names)) > visitors * clicks  # names are digests of the pictures
    measured("isolation", pictures=len(pairs), equal_to_their_reference=equal)


@pytest.mark.parametrize(("visitors", "reruns"), [(3, 5), pytest.param(300, 1000, marks=pytest.mark.soak)])
def test_many_visitors_and_reruns_leave_memory_and_open_files_constant(
    visitors: int, reruns: int, server: Server, measured: Measured
) -> None:
    async def day(visitors: int, seeds: range, runs: list[str]) -> None:
        for run in runs:
            async with visitor(server.address) as coming:
                await coming.open("generate", f"live=false&run={run}")
                assert coming.faults == []
        for number in range(visitors):
            async with visitor(server.address) as coming:
                await coming.open(("generate", "training", "cll", "latent", "why", "inpaint", "")[number % 7])
                assert coming.faults == []
        async with visitor(server.address) as coming:
            await coming.open("generate", "live=false&digit=all+ten")  # the largest pictures of many seeds
            for seed in seeds:
                await coming.set("seed", double_value=seed)

    long = visitors >= 300
    finished(day(60 if long else 3, range(1, 451 if long else 6), COPIES if long else COPIES[:1]))  # fill the caches
    before, files = settled(server, long), server.open_files
    finished(day(visitors, range(1001, 1001 + reruns), COPIES if long else COPIES[:1]))
    grown, more = settled(server, long) - before, server.open_files - files
    measured(
        "endurance", reruns=reruns, visitors=visitors, more_open_files=max(more, 0), megabytes_grown=max(grown, 0.0)
    )
    assert grown < 50
    assert more <= 0 or not long  # in the short test, the last sessions have not expired
