"""A sweep is checked completely before it starts, trains its grid through the queue, and can be resumed."""

import codecs
import itertools
import shlex
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvae_core.cli import main, train
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Flavour, Pixels
from cvae_core.config.job import Options
from cvae_core.config.presets import PRESETS, configure, preset_of
from cvae_core.errors import ConfigError
from cvae_core.jobs import sweep
from cvae_core.jobs.session import Launch, train_run
from cvae_core.jobs.sweep import plan
from cvae_core.runs.run import Run, all_runs, run_at
from cvae_core.system.files import digest
from cvae_core.system.folders import NAME, name_of

Untrained = Callable[..., Run]
TINY = 'flavour = "label"\ndataset = "digits"\nwidth = 16\ndepth = 1\nlatent = 1\nepochs = 1\n'  # without a map


def written(folder: Path, text: str, name: str = "grid.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_lists_are_the_axes_of_a_grid_the_last_of_which_varies_fastest(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'flavour = "quadrant"\nvisible = ["1", "top-left"]\npreset = ["mlp", "classic"]\nseed = [0, 7]\nepochs = 10\n',
    )
    grid = plan(file, tmp_path)
    assert [run.run for run in grid] == [
        f"grid-quadrant-{visible}{preset}-seed-{seed}"
        for visible in ("1", "tl")
        for preset in ("", "-classic")
        for seed in (0, 7)
    ]
    assert grid[7].config == configure("quadrant", "classic", visible="top-left", seed=7, epochs=10)
    assert grid[7].job(tmp_path, {}).command(tmp_path) == (
        "python -m cvae_core train quadrant --preset classic --epochs 10 --seed 7 --visible top-left "
        f"--run grid-quadrant-tl-classic-seed-7 --root {tmp_path}"
    )


def test_an_axis_can_be_what_is_given(tmp_path: Path) -> None:
    file = written(tmp_path, 'flavour = ["quadrant", "label+quadrant"]\nvisible = ["1", "brush"]\ndataset = "digits"\n')
    grid = plan(file, tmp_path)
    names = ["quadrant-1", "quadrant-brush", "label-quadrant-1", "label-quadrant-brush"]
    assert [run.run for run in grid] == [f"grid-digits-{name}" for name in names]
    assert grid[3].config == configure("label+quadrant", dataset="digits", visible="brush")
    assert " train label+quadrant " in grid[3].job(tmp_path, {}).command(tmp_path)


def test_numbers_and_words_make_names_that_runs_may_have(tmp_path: Path) -> None:
    file = written(tmp_path, f"{TINY}beta = [0.5, 1, 4]\nresidual = [true, false]\nlearning_rate = [1e-5, 0.001]\n")
    names = [run.run for run in plan(file, tmp_path)]
    assert names[0] == "grid-digits-label-beta-0.5-residual-true-learning-rate-1e-05"
    assert len(set(names)) == len(names) == 12


BAD = {
    "no TOML": ("flavour = ", "is not TOML"),
    "brackets in brackets": (f"seed = {'[' * 5000}", "is not TOML: maximum recursion depth"),
    "a number too long to read": (f"{TINY}seed = {'9' * 5000}", "is not TOML: Exceeds the limit"),
    "a number too long to repeat": (f"{TINY}seed = 0x{'f' * 5000}", "is not TOML: Exceeds the limit"),
    "no flavour": ("seed = 1", "flavour cannot be None: it must be one of vae"),
    "unknown flavour": ('flavour = ["label", "gan"]', "flavour cannot be 'gan'"),
    "unknown preset": ('flavour = "vae"\npreset = "huge"', "preset cannot be 'huge'"),
    "preset that a flavour lacks": ('flavour = "baseline"\npreset = "ladder"', "no ladder preset of a baseline"),
    "unknown key": (f"{TINY}widht = [1, 2]", "'widht' = 1 is not a setting of label"),
    "key of another flavour": (f'{TINY}visible = "1"', "'visible' = '1' is not a setting of label"),
    "number for text": ('flavour = "quadrant"\nvisible = 1', "Visible cannot be 1: it must be text"),
    "text for a number": (
        TINY.replace("epochs = 1", 'epochs = "1"'),
        "Epochs cannot be '1': it must be a whole number",
    ),
    "text for a fraction": (f'{TINY}beta = "1"', "Beta cannot be '1': it must lie between"),
    "out of bounds": (f"{TINY}seed = [0, -1]", "Seed cannot be -1"),
    "a date": (f"{TINY}seed = 1979-05-27", "Seed cannot be 1979-05-27"),
    "a table": (f"{TINY}[seed]\na = 1", "Seed cannot be {'a': 1}"),
    "nothing": (f"{TINY}seed = []", "'seed' cannot be []"),
    "twice": (f"{TINY}seed = [1, 1]", "'seed' cannot be [1, 1]: a value occurs twice"),
    "twice, written differently": (f"{TINY}beta = [1, 1.0]", "'beta' cannot be [1, 1.0]: a value occurs twice"),
    "twice the same set": (
        'flavour = "quadrant"\nvisible = ["1", "bottom-left"]',
        "Two runs of the sweep are the same",
    ),
    "too many": (f"{TINY}seed = {list(range(101))}", "These are 101 runs: a sweep has at most 100"),
    "too many to count": ("\n".join([TINY, *(f"{key} = {list(range(99))}" for key in "abcdefgh")]), "at most 100"),
    "too long a name": (f"{TINY}seed = [1, {2**62}]\nbatch_size = [100000, 1]", "Batch size cannot be 100000"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_sweep_that_cannot_be_names_key_and_value_before_anything_trains(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, sentence = BAD[case]
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        plan(file, tmp_path)
    assert str(error.value).startswith(str(file))
    assert sentence in str(error.value)
    assert main.main(["sweep", str(file), "--root", str(tmp_path)]) == 2
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_without_an_end_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="/dev/zero is not a sweep: it has more than 8,192 bytes"):
        plan(Path("/dev/zero"), tmp_path)


ENCODINGS = {
    "a byte-order mark": lambda text: text.encode("utf-8-sig"),
    "lines as Windows ends them": lambda text: text.replace("\n", "\r\n").encode(),
    "both": lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    "UTF-16 as PowerShell writes it": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, large ends first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_that_another_editor_wrote_is_the_same_sweep(encoding: str, tmp_path: Path) -> None:
    text = f"{TINY}seed = [0, 1]  # β\n"
    expected = plan(written(tmp_path, text), tmp_path)
    (tmp_path / "grid.toml").write_bytes(ENCODINGS[encoding](text))
    assert plan(tmp_path / "grid.toml", tmp_path) == expected


def test_a_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    for content in (b"\x80", b"\xff\xfea", TINY.encode("utf-16-le"), TINY.encode("utf-32")):
        (tmp_path / "grid.toml").write_bytes(content)
        with pytest.raises(ConfigError, match=r"grid\.toml(:| is) .*not TOML"):
            plan(tmp_path / "grid.toml", tmp_path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nosuch\.toml cannot be read \(No such file or directory\)"):
        plan(tmp_path / "nosuch.toml", tmp_path)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("My Grid (1).toml", "my-grid-1-digits-label"),
        ("β grid.toml", "grid-digits-label"),
        ("_.toml", f"{digest(b'_')[:8]}-digits-label"),
        ("実験.toml", f"{digest('実験'.encode())[:8]}-digits-label"),
        ("Größe.v2.toml", "groe.v2-digits-label"),
        (f"{'x' * 100}.toml", f"{'x' * 55}-{digest(b'x' * 100)[:8]}"),
    ],
)
def test_a_file_of_any_name_makes_names_that_runs_may_have(file: str, name: str, tmp_path: Path) -> None:
    assert [run.run for run in plan(written(tmp_path, TINY, file), tmp_path)] == [name]


FOUR_AXES = """flavour = "quadrant"
dataset = "digits"
visible = "top-left+bottom-right"
preset = "classic"
pixels = "binarised"
learning_rate = [0.001, 0.0005]
batch_size = [64, 128]
weight_decay = [0.0, 0.05]
warm_up = [0, 5]
"""


def test_a_grid_of_many_axes_has_short_names_that_say_what_sets_its_runs_apart(tmp_path: Path) -> None:
    names = [run.run for run in plan(written(tmp_path, FOUR_AXES, "experiment.toml"), tmp_path)]
    assert names[:2] == [f"experiment-lr-0.001-bs-64-wd-0.0-wu-{warm_up}" for warm_up in (0, 5)]
    assert all(NAME.fullmatch(name) for name in names)
    assert len(set(names)) == 16
    two_presets = FOUR_AXES.replace('"classic"', '["classic", "mlp"]')
    names = [run.run for run in plan(written(tmp_path, two_presets, "experiment.toml"), tmp_path)]
    assert names[0] == "experiment-classic-lr-0.001-bs-64-wd-0.0-wu-0"
    assert "experiment-lr-0.001-bs-64-wd-0.0-wu-0" in names
    assert len(set(names)) == 32
    long = "a" * 100
    name, *_ = [run.run for run in plan(written(tmp_path, FOUR_AXES, f"{long}.toml"), tmp_path)]
    assert name == f"{'a' * 28}-{digest(long.encode())[:8]}-lr-0.001-bs-64-wd-0.0-wu-0"
    many = FOUR_AXES + "".join(f"{key} = [0.123456789, 0.5]\n" for key in ("averaging", "shifts", "clip"))
    names = [run.run for run in plan(written(tmp_path, many.replace("[64, 128]", "64"), "experiment.toml"), tmp_path)]
    assert all(NAME.fullmatch(name) for name in names)
    assert len(set(names)) == 64
    names = [run.run for run in plan(written(tmp_path, FOUR_AXES, "experiment.toml"), tmp_path)]
    assert names == [run.run for run in plan(written(tmp_path, FOUR_AXES, "experiment.toml"), tmp_path)]


def test_settings_of_one_flavour_have_abbreviations_of_their_own() -> None:
    for flavour in get_args(Flavour):
        keys = [field.name for field in fields(preset_of(flavour, "mlp"))]
        assert len({sweep._abbreviated(key) for key in keys}) == len(keys)


@settings(max_examples=50, deadline=None, database=None)
@given(st.text(max_size=90), st.integers(8, 64))
def test_any_text_makes_a_name_always_the_same(text: str, most: int) -> None:
    name = name_of(text, most)
    assert NAME.fullmatch(name)
    assert len(name) <= most
    assert name_of(name, most) == name == name_of(text, most)
    if len(text) > most:
        assert name_of(f"{text}x", most) != name


def test_every_default_name_is_one_that_a_run_may_have() -> None:
    for preset, flavours in PRESETS.items():
        for flavour, dataset, pixels in itertools.product(flavours, BUILT_IN, get_args(Pixels)):
            if flavours[flavour].attributes and not BUILT_IN[dataset].attributes:
                continue
            changes = {"dataset": dataset, "pixels": pixels}
            if hasattr(flavours[flavour], "visible"):
                changes["visible"] = "top-left+top-right+bottom-right"
            assert NAME.fullmatch(f"{configure(flavour, preset, **changes).run_name}-99")


def test_a_sweep_trains_what_is_not_finished_and_given_again_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", str(written(tmp_path, f"{TINY}seed = [0, 1]\n")), "--root", str(tmp_path / "runs")]
    runs = [f"grid-digits-label-seed-{seed}" for seed in (0, 1)]

    assert main.main([*words, "--dry-run"]) == 0
    commands = capfd.readouterr().out.splitlines()
    assert [command.split(" --run ")[1].split()[0] for command in commands] == runs
    assert all_runs(tmp_path / "runs") == []

    config = plan(Path(words[1]), tmp_path / "runs")[0].config
    session = train_run(config, Launch(run=runs[0], root=tmp_path / "runs", options=Options()))
    for _ in zip(range(3), session, strict=False):
        pass
    session.close()
    assert main.main(words) == 0
    out = capfd.readouterr().out.splitlines()
    assert out[:2] == [commands[0].replace(" --root", " --resume --root"), commands[1]]
    assert [line for line in out if " starts" in line or " resumes " in line] == [
        f"Run {runs[0]!r} resumes after epoch 0, step 1",
        f"Run {runs[1]!r} starts",
    ]
    assert [run_at(run, tmp_path / "runs").card().status for run in runs] == ["finished", "finished"]

    assert main.main(words) == 0
    assert capfd.readouterr().out.splitlines() == [f"{command}  # finished" for command in commands]


def test_a_run_that_fails_does_not_keep_the_others_from_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_train_apart", lambda _, words, __: main.main(words))
    root, file = tmp_path / "runs", written(tmp_path, f"{TINY}seed = [0, 1]\n")
    root.mkdir()
    (root / "grid-digits-label-seed-0").write_text("in the way")
    assert main.main(["sweep", str(file), "--root", str(root)]) == 2
    *_, last = capfd.readouterr().err.splitlines()
    assert last == (
        "1 of 2 runs are not finished: grid-digits-label-seed-0. "
        f"Resume with: python -m cvae_core sweep {file} --root {root}"
    )
    assert run_at("grid-digits-label-seed-1", root).card().status == "finished"


def listed(file: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the plan of a sweep."""
    assert main.main(["sweep", str(file), "--root", str(root), "--dry-run"]) == 0
    return capsys.readouterr().out.splitlines()


def refused(file: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Check that a sweep is refused; return the sentence."""
    assert main.main(["sweep", str(file), "--root", str(root)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (sentence,) = told.err.splitlines()
    return sentence


@pytest.mark.parametrize("status", ["finished", "stopped"])
def test_a_run_of_other_images_is_neither_finished_nor_gone_on_with(
    status: str, tmp_path: Path, untrained: Untrained, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, TINY)
    (run,) = plan(file, tmp_path)
    untrained(run.config, run.run, status=status)
    mark = "  # finished" if status == "finished" else " --resume"
    assert mark in listed(file, tmp_path, capsys)[0]
    untrained(run.config, run.run, status=status, data_fingerprint="0" * 64)
    assert refused(file, tmp_path, capsys) == (
        f"Run {run.run!r} was trained on other images than digits has now: give the sweep, or its file, another name."
    )
    (other,) = listed(written(tmp_path, TINY, "other.toml"), tmp_path, capsys)
    assert other.endswith(f"--run other-digits-label --root {tmp_path}")
    untrained(run.config, "twin")  # trained on this machine's images
    assert listed(file, tmp_path, capsys)[0].endswith("  # finished")


def test_an_imported_run_and_one_of_other_settings_have_their_names_for_themselves(
    tmp_path: Path, untrained: Untrained, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, TINY)
    (run,) = plan(file, tmp_path)
    untrained(run.config, run.run, imported="2026-01-31 from a.zip")
    assert "was imported 2026-01-31 from a.zip: give the sweep" in refused(file, tmp_path, capsys)
    untrained(configure("label", dataset="digits", width=17), run.run)
    assert "has another configuration (width 17, not 16, depth 2, not 1, " in refused(file, tmp_path, capsys)


def test_a_sweep_whose_baseline_has_other_images_is_refused_before_anything_trains(
    tmp_path: Path, untrained: Untrained, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, 'flavour = "quadrant"\ndataset = "digits"\nwidth = 16\n')
    needed = configure("baseline", dataset="digits")
    run = untrained(needed, data_fingerprint="0" * 64)
    assert "would be called 'digits-baseline-1', but that run has another configuration or other images" in (
        refused(file, tmp_path, capsys)
    )
    run.write_card(replace(run.card(), read_only=True))  # the baseline then has another name
    assert listed(file, tmp_path, capsys)


def test_without_the_images_a_run_of_the_published_ones_is_finished_for_they_would_be_downloaded(
    tmp_path: Path, untrained: Untrained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nothing"))
    file = written(tmp_path, TINY.replace("digits", "mnist"))
    (run,) = plan(file, tmp_path)
    untrained(run.config, run.run)
    assert listed(file, tmp_path, capsys)[0].endswith("  # finished")
    untrained(run.config, run.run, data_fingerprint="0" * 64)
    assert not listed(file, tmp_path, capsys)[0].endswith("  # finished")


def test_a_launcher_starts_each_run_in_the_place_of_python(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    note = f"{sys.executable} -c 'import sys; print(sys.argv[1:])' --nproc-per-node 2"
    words = ["sweep", str(written(tmp_path, TINY)), "--root", str(tmp_path / "runs")]
    assert main.main([*words, "--launcher", note]) == 2  # since it trains nothing
    said = capfd.readouterr()
    assert said.out.splitlines()[-1].startswith("['--nproc-per-node', '2', '-m', 'cvae_core', 'train', 'label', ")
    again = shlex.split(said.err.splitlines()[-1].partition("Resume with: ")[2])
    assert again == ["python", "-m", "cvae_core", "sweep", words[1], "--launcher", note, "--root", words[3]]


@pytest.mark.parametrize("launcher", ["", "'", "no-such-program --nproc-per-node 2"])
def test_a_launcher_that_is_none_is_a_sentence(
    launcher: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["sweep", str(written(tmp_path, TINY)), "--launcher", launcher]) == 2
    assert capfd.readouterr().err.startswith(f"Launcher cannot be {launcher!r}: ")


@pytest.mark.usefixtures("other_mnist")
def test_other_images_than_the_published_ones_are_swept_over_with_a_flag_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, TINY.replace("digits", "mnist"))
    words = ["sweep", str(file), "--root", str(tmp_path / "runs")]
    assert main.main(words) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert "mnist here hold other images than the published ones" in said.err
    begun: list[str] = []
    monkeypatch.setattr(train, "_train_apart", lambda _, words, __: begun.append(shlex.join(words)))
    assert main.main([*words, "--other-images"]) == 2  # since nothing was trained
    said = capfd.readouterr()
    assert [command in said.out and " --other-images --root " in command for command in begun] == [True]
    assert f"sweep {file} --other-images --root" in said.err


def test_a_run_that_diverged_is_not_trained_again_and_named_at_the_end(
    tmp_path: Path, untrained: Untrained, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, TINY)
    (run,) = plan(file, tmp_path)
    untrained(run.config, run.run, status="failed", verdict="diverged")
    assert main.main(["sweep", str(file), "--root", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out.endswith("  # diverged\n")
    assert "--resume" not in said.out
    assert said.err == f"1 of 1 runs diverged: {run.run}. Change their settings in {file}.\n"
