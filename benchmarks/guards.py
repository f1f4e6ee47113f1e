"""Remove the guard of each promise from a copy of the lab, and check that its test fails: `python -m benchmarks.guards`.

A test that passes without the guard does not test it. The run takes about eight minutes; `python -m benchmarks.guards --only
names links` tries these two promises.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.promises import PROMISES

REPOSITORY = Path(__file__).resolve().parents[1]
VISITORS = "tests/promises/test_visitors.py"


@dataclass(frozen=True)
class Guard:
    """A piece of code that keeps a promise, its replacement, and the test that fails after the replacement."""

    file: str
    text: str
    without: str
    test: str
    long: bool = False  # whether only the full version of the test fails

    def taken_out(self, folder: Path) -> str:
        """Return the content of the file in `folder` without the guard; raise ValueError unless the guard occurs once."""
        content = (folder / self.file).read_text()
        if content.count(self.text) != 1:
            raise ValueError(f"{self.text!r} occurs {content.count(self.text)} times in {self.file}, not once.")
        return content.replace(self.text, self.without)


GUARDS = {  # by promise
    "damage": Guard("cvae_core/system/files.py", "if stored != found:", "if False:", "tests/promises/test_damage.py"),
    "kills": Guard(
        "cvae_core/system/files.py",
        "        remove_leftovers(path.parent)\n        with",
        "        with",
        "tests/promises/test_kills.py",
    ),
    "names": Guard(
        "cvae_core/system/folders.py",
        "if not isinstance(name, str) or not NAME.fullmatch(name):",
        "if False:",
        "tests/promises/test_names.py",
    ),
    "inputs": Guard("app/live/drawing_pad.py", "if len(raw) == shape.values:", "if raw:", "tests/promises/test_inputs.py"),
    "flags": Guard(
        "cvae_core/cli/main.py", "except (LabError, OSError) as", "except OSError as", "tests/promises/test_flags.py"
    ),
    "visitors": Guard(
        "app/cached/runs.py",
        '@st.cache_resource(max_entries=MODELS_KEPT, show_spinner="Reading the weights …")\n',
        "",
        f"{VISITORS}::test_results_that_several_visitors_request_at_the_same_time_are_computed_once",
    ),
    "isolation": Guard(
        "app/cached/runs.py",
        "def model(key: RunKey) -> ConditionalVAE:\n",
        "def model(_key: RunKey) -> ConditionalVAE:\n    key = _key  # Streamlit takes it for the same whatever it is\n",
        f"{VISITORS}::test_every_visitor_sees_the_same_pictures_as_a_single_visitor",
    ),
    "endurance": Guard(
        "app/.streamlit/config.toml", "disconnectedSessionTTL = 60", "disconnectedSessionTTL = 6000",
        f"{VISITORS}::test_many_visitors_and_reruns_leave_memory_and_open_files_constant", long=True,
    ),
    "misfortune": Guard(
        "cvae_core/system/files.py",
        '    except OSError as error:\n        raise NotWritable(\n            f"{path} could not be written',
        '    except KeyError as error:\n        raise NotWritable(\n            f"{path} could not be written',
        "tests/promises/test_misfortune.py",
    ),
    "server": Guard(
        "app/.streamlit/config.toml", 'allowedHosts = ["localhost", "127.0.0.1"]', "", "tests/promises/test_server.py"
    ),
    "dependencies": Guard("requirements.lock", "\nnumpy==", "\nnumpy==0", "tests/test_lock.py"),
    "requests": Guard(
        "app/.streamlit/config.toml",
        "gatherUsageStats = false",
        "gatherUsageStats = true",
        "tests/walk/test_walk.py::test_every_page_opens_on_a_phone_grows_with_the_window_turns_dark_with_the_system_and_hands_its_exports_over",
    ),
    "texts": Guard(
        "app/text/plain_text.py",
        r'return _SPECIAL.sub(r"\\\g<0>", line)',
        "return line",
        "tests/app/test_marked.py",
    ),
    "terminal": Guard(
        "cvae_core/system/printable.py",
        "self.stream.write(printable(text))",
        "self.stream.write(text)",
        "tests/promises/test_terminal.py",
    ),
    "numbers": Guard(
        "cvae_core/system/type_checks.py", "all(value in each for each in ranges)", "True", "tests/promises/test_numbers.py"
    ),
    "links": Guard("cvae_core/system/folders.py", "if part.is_symlink():", "if False:", "tests/promises/test_links.py"),
    "images": Guard(
        "cvae_core/data/fingerprints.py",
        "return fingerprint == PUBLISHED[dataset]",
        "return True",
        "tests/promises/test_images.py",
    ),
    "sources": Guard(
        "cvae_core/sources/kinds/folders.py",
        '        or {".", ".."} & set(parts)\n',
        "",
        "tests/promises/test_sources.py",
    ),
    "uploads": Guard(
        "app/server/upload_gate.py",
        "if not permission.may_train():",
        "if False:",
        "tests/app/server/test_upload_gate.py",
    ),
    "sweeps": Guard(
        "cvae_core/jobs/sweep.py", "if len(text) > MOST_BYTES:", "if False:", "tests/promises/test_images.py"
    ),
    "pickles": Guard(
        "cvae_core/system/arrays.py",
        "np.load(file, allow_pickle=False)",
        "np.load(file, allow_pickle=True)",
        "tests/promises/test_pickles.py",
    ),
    "commands": Guard(
        "cvae_core/config/job.py", "if not fits(job, Job):", "if False:", "tests/promises/test_commands.py"
    ),
    "held": Guard(
        "cvae_core/jobs/housekeeping.py", "fcntl.flock(file, fcntl.LOCK_EX)\n", "pass\n", "tests/promises/test_held.py"
    ),
    "stopped": Guard(
        "cvae_core/jobs/control.py", "or since < heartbeat.STALLED_AFTER:", "or True:", "tests/promises/test_stopped.py"
    ),
    "formulas": Guard(
        "cvae_core/system/formats.py", "f\"'{cell}\" if begins", "cell if begins", "tests/promises/test_formulas.py"
    ),
}  # fmt: skip


def complaint(guard: Guard, folder: Path) -> str | None:
    """Return the first error of a promise's test in a copy of the lab without the guard, or None if the test passes."""
    whole = (folder / guard.file).read_text()
    (folder / guard.file).write_text(guard.taken_out(folder))
    marks = ["-m", "soak"] if guard.long else []
    try:
        tested = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *marks, guard.test],
            cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip
    finally:
        (folder / guard.file).write_text(whole)
    said = re.findall(r"^E +(\S.*)$", tested.stdout, re.MULTILINE)
    if tested.returncode not in (0, 1) or (tested.returncode and not said):
        raise RuntimeError(f"{guard.test} could not be run: {tested.stdout}{tested.stderr}")
    return said[0] if tested.returncode else None


def main() -> int:
    """Print one line per promise; return 1 if any test passes without its guard."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guards", description="Remove guards, and check their tests."
    )
    parser.add_argument("--only", nargs="+", choices=tuple(PROMISES), default=tuple(PROMISES), help="by default all")
    unmissed, chosen = 0, parser.parse_args().only
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "lab"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
        for promise in chosen:
            began, guard = time.monotonic(), GUARDS[promise]
            said = complaint(guard, folder)
            unmissed += said is None
            verdict = "PASSES WITHOUT IT" if said is None else f"fails: {said[:80]}"
            print(f"{promise:13} {time.monotonic() - began:4.0f} s  {guard.file}  {verdict}", flush=True)
    return 1 if unmissed else 0


if __name__ == "__main__":
    sys.exit(main())
