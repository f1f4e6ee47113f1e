"""Links below a folder of runs are not followed when the lab writes, moves or deletes files."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.training import sweep
from cvae_core.cli import main
from cvae_core.errors import ConfigError, LabError
from cvae_core.jobs import heartbeat, housekeeping, output_log, queue
from cvae_core.runs import run as runs
from cvae_core.runs.run import find
from cvae_core.system import files, processes
from cvae_core.system.folders import unlinked
from tests.measuring import Measured

pytestmark = [pytest.mark.promise, pytest.mark.usefixtures("in_float32")]
RUN, MINE = "digits-label", "digits-vae"
LINKS = [
    ".bin", ".queue", ".queue/lock", ".queue/moving", ".queue/results", ".queue/training.lock", f".queue/{RUN}.alive",
    f".queue/{RUN}.log", ".cache", f".cache/{RUN}", ".sweeps", ".sweeps/grid.toml", RUN, "mine", f"{RUN}/.pulse",
    f"{RUN}/.lock", f"{RUN}/cll.json", "classifier-digits.safetensors",
]  # fmt: skip
TINY = ["--dataset", "digits", "--width", "16", "--depth", "1", "--latent", "2", "--epochs", "1", "--no-embed"]
COMMANDS = [
    ["annotate", MINE, "a note"], ["rename", MINE, "other"], ["rename", "other", MINE], ["discard", MINE], ["restore", MINE],
    ["restore"], ["evaluate", RUN, "--images", "20", "--samples", "2"],
    ["train", "label", *TINY, "--run", "mine"], ["train", "label", *TINY, "--run", RUN, "--force"], ["stop", RUN], ["queue"],
    ["queue", "--cancel", RUN], ["list"], ["discard", RUN],
]  # fmt: skip


def content(target: Path) -> dict[Path, tuple[bytes, int]]:
    """Return the content and the modification time of a file, or of all files in a folder."""
    files_there = [path for path in (target, *target.rglob("*")) if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files_there}


def elsewhere(folder: Path, like: Path) -> Path:
    """Make the target of a link: a copy of the original, and files that each kind of cleaning would remove."""
    target = folder / "elsewhere"
    if like.suffix or like.name in ("lock", "moving", "results", ".pulse", ".lock"):
        target.write_bytes(like.read_bytes() if like.is_file() else b"somebody else's")
        return target
    shutil.copytree(like, target) if like.is_dir() else target.mkdir()
    (target / "run@20260131T000000").mkdir()
    (target / "run@20260131T000000" / "card.json").write_text("{}")
    (target / f".x.999999-{files._short(processes.host())}-00000000-1{files.TEMPORARY}").write_text("somebody else's")
    return target


@pytest.mark.parametrize(
    ("link", "read_only"), [*((link, False) for link in LINKS), (".cache", True), (f".cache/{RUN}", True)]
)
def test_what_a_link_leads_to_stays_as_it_is(
    link: str, read_only: bool, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: Measured
) -> None:
    run = find(RUN, root)
    run.write_card(replace(run.card(), read_only=read_only))
    target = elsewhere(tmp_path, root / link)
    shutil.rmtree(root / link) if (root / link).is_dir() else (root / link).unlink(missing_ok=True)
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(target)
    before = content(target)
    acts: list[Callable[[], object]] = [
        lambda: runs.tidy(root),
        lambda: housekeeping.empty_bin(root),
        lambda: output_log.forget(root, RUN),
        lambda: files.write(sweep._path(root, "grid"), b""),
        lambda: heartbeat.beating(unlinked(root / RUN, root)).__enter__(),
        lambda: queue._beat(root, RUN),
    ]
    for act in acts:
        with contextlib.suppress(LabError):
            act()
    for words in COMMANDS:
        assert main.main([*words, "--root", str(root)]) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err
    assert content(target) == before
    measured("links", links=1, commands=len(COMMANDS) + len(acts))


@pytest.mark.parametrize("link", [".bin", RUN, f".cache/{RUN}"])
def test_a_link_is_named(link: str, root: Path, tmp_path: Path) -> None:
    (root / ".cache").mkdir()
    elsewhere(tmp_path, root / "none")
    if link == RUN:
        shutil.rmtree(root / RUN)
    (root / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        ConfigError, match=f"In .* '{Path(link).name}' is a link, and links are not followed: replace it"
    ):
        unlinked(root / link / "x", root)


def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(root)
    housekeeping.discard(tmp_path / "linked", MINE)
    housekeeping.empty_bin(tmp_path / "linked")
    assert list((root / housekeeping.BIN).iterdir()) == []
    assert unlinked(tmp_path / "linked", tmp_path / "linked") == tmp_path / "linked"
