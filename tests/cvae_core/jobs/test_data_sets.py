"""A data set is not removed while runs use it: finished ones, and those that train or wait to train."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cvae_core.cli import main
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.config.job import Job
from cvae_core.data import catalogue, fingerprints, sealed
from cvae_core.errors import ConfigError, DataMissing, RunDamaged, RunInUse
from cvae_core.jobs import data_sets, queue
from cvae_core.jobs.session import Finished, Launch, train_run
from cvae_core.runs.card import card_from_json, write_card
from cvae_core.runs.run import Run, find
from cvae_core.system.folders import QUEUE
from tests import own_data
from tests.conftest import Untrained

Command = Callable[..., tuple[int, str, str]]
SETTINGS = {"latent": 2, "width": 8, "depth": 1, "epochs": 1, "warm_up": 0.0}


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Store a data set and make a root, both in folders of this test's own."""
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
    return sealed.store(own_data.sealed())


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command and returns its exit code, its output and its errors."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main.main(words)
        return code, *capsys.readouterr()

    return run


def configured(flavour: str = "label") -> Config:
    return catalogue.configured(flavour, dataset="mine", **SETTINGS)  # type: ignore[arg-type]


def run_on(untrained: Untrained, fingerprint: str = "") -> Run:
    return untrained(configured(), data_fingerprint=fingerprint or own_data.sealed().fingerprint)


def test_a_data_set_that_runs_use_is_not_removed_and_they_are_named(
    tmp_path: Path, untrained: Untrained, command: Command, stored: Path
) -> None:
    assert data_sets.runs_using("mine", tmp_path) == ()
    run_on(untrained)
    with queue.turn(tmp_path, Job(run="waiting", config=configured("vae"))):
        assert data_sets.runs_using("mine", tmp_path) == ("mine-label", "waiting")
        code, _, error = command("data", "remove", "mine")
        assert code == 2 and "runs use it: mine-label, waiting. Discard these runs" in error
    assert data_sets.runs_using("mine", tmp_path) == ("mine-label",)
    with pytest.raises(RunInUse, match=r"use it: mine-label\. "):
        data_sets.remove("mine", tmp_path)
    assert stored.exists()
    assert command("data", "remove", "mine", "--force")[:2] == (0, "The data set 'mine' is removed.\n")
    assert not stored.exists()
    assert find("mine-label", tmp_path).card().description == own_data.description()
    with pytest.raises(DataMissing, match="data add mine SOURCE"):
        find("mine-label", tmp_path).images()


def test_runs_on_other_images_of_the_name_do_not_keep_it(tmp_path: Path, untrained: Untrained, stored: Path) -> None:
    run_on(untrained, "0" * 64)
    assert data_sets.runs_using("mine", tmp_path) == ()
    (stored / "data.json").write_text("damaged")  # which images these are is unknown now
    assert data_sets.runs_using("mine", tmp_path) == ("mine-label",)


def test_a_long_list_of_runs_is_cut(tmp_path: Path, untrained: Untrained) -> None:
    run = run_on(untrained)
    for number in range(11):
        (tmp_path / f"run-{number:02}").mkdir()
        os.link(run.folder / "card.json", tmp_path / f"run-{number:02}" / "card.json")
    with pytest.raises(RunInUse, match=r"mine-label, run-00, .*, run-08 and 2 more\. Discard"):
        data_sets.remove("mine", tmp_path)


def test_a_queue_that_cannot_be_read_may_hold_runs(tmp_path: Path, stored: Path) -> None:
    (tmp_path / QUEUE).mkdir()
    (tmp_path / QUEUE / "queue.json").write_text("damaged")
    with pytest.raises(RunDamaged, match=r"queue\.json is damaged"):
        data_sets.remove("mine", tmp_path)
    data_sets.remove("mine", tmp_path, force=True)
    with pytest.raises(ConfigError, match="No data set is called 'mine'"):
        data_sets.remove("mine", tmp_path)


def test_the_list_has_a_line_for_each_data_set(tmp_path: Path, untrained: Untrained, command: Command) -> None:
    run_on(untrained)
    sealed.store(own_data.sealed(own_data.description("colour", channels=3, drawn=False)))
    sealed.store(own_data.sealed(own_data.description("spoiled")))
    (tmp_path / "data" / "sets" / "spoiled" / "data.json").write_text("no JSON")
    code, out, error = command("data", "list")
    lines = {line.split()[0]: " ".join(line.split()) for line in out.splitlines()}
    assert code == 0
    assert lines["mnist"].startswith("mnist 50,000 10,000 10,000 28×28 grey 10 missing built-in none")
    assert lines["mine"].startswith("mine 12 6 6 16×16 grey 3 0.01 added 1: mine-label")
    assert "16×16 colour 3 0.0" in lines["colour"] and lines["colour"].endswith("added none")
    assert "spoiled" not in lines and "data remove spoiled" in error


def test_the_report_is_shown(command: Command, untrained: Untrained, stored: Path) -> None:
    run_on(untrained)
    code, out, _ = command("data", "show", "mine")
    assert code == 0
    for words in (
        "mine: 16×16 grey, 12 images for training, 6 for validation and 6 for test",
        "from Bilder.zip with --size 16",
        f"in {stored}, fingerprint {own_data.sealed().fingerprint}",
        "runs: mine-label",
        "  Öl                                    4 training        2 validation        2 test",
        "sizes: 20×20 24",
        "decided: --size 16  (the median side is 20)",
        "caution: There are few images.",
        "left out: Öl/broken.png  (cannot be read)",
    ):
        assert words in out
    assert "T-shirt/top, trouser" in command("data", "show", "fashion")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["show", "nothing"],
            "No data set is called 'nothing': choose one of mnist, fashion, kmnist, digits, letters, mine.",
        ),
        (
            ["remove", "nothing"],
            "No data set is called 'nothing': choose one of mnist, fashion, kmnist, digits, letters, mine.",
        ),
        (["remove", "mnist"], "The data set 'mnist' is built-in and cannot be removed"),
        (["empty"], "Unknown command 'data empty': choose add, make, list, show, remove, or --help."),
        (["show"], "required"),
    ],
)
def test_mistakes_end_with_a_sentence(words: list[str], sentence: str, command: Command) -> None:
    code, out, error = command("data", *words)
    assert (code, out) == (2, "")
    assert sentence in error and len(error.splitlines()) == 1


def test_the_overview_names_the_commands(command: Command) -> None:
    for words in (["data"], ["data", "--help"]):
        code, out, _ = command(*words)
        assert code == 0 and "remove NAME" in out


def test_a_run_on_ones_own_images_describes_them_and_is_scored_on_them_only(tmp_path: Path, stored: Path) -> None:
    *_, last = train_run(configured(), Launch(run="own", root=tmp_path))
    assert isinstance(last, Finished)
    card = find("own", tmp_path).card()
    assert card.description == own_data.description()
    assert card.image_set == "mine"
    assert find("own", tmp_path).images().fingerprint == card.data_fingerprint
    sealed.remove("mine")
    sealed.store(own_data.sealed(own_data.description(side=20), seed=2))
    for attempt in (
        lambda: find("own", tmp_path).images(),
        lambda: list(train_run(card.config, Launch(run="again", root=tmp_path))),
    ):
        with pytest.raises(ConfigError, match=r"'mine' on this machine has .* 20×20 grey, .* made for 12, 16×16 grey"):
            attempt()
    assert not (tmp_path / "again").exists()
    sealed.remove("mine")
    sealed.store(own_data.sealed(seed=2))
    with pytest.raises(ConfigError, match="The mine images here are not those that run 'own' was trained on"):
        find("own", tmp_path).images()


def test_a_card_whose_data_set_contradicts_its_configuration_is_refused(untrained: Untrained) -> None:
    content = run_on(untrained).card().to_json()
    assert card_from_json(content).description == own_data.description()
    other = replace(own_data.description(), classes=("a", "b")).to_json()
    for data in (other, None, {**content["data"], "side": 17}, {**content["data"], "name": "other"}, 5):
        with pytest.raises(ConfigError, match="The card is not of this version of the lab"):
            card_from_json({**content, "data": data})


def test_a_card_of_a_built_in_data_set_cannot_describe_it_otherwise(untrained: Untrained) -> None:
    content = untrained(catalogue.configured("label", dataset="digits", width=8)).card().to_json()
    for change in ({"test": 200_000}, {"classes": list("abcdefghij")}):
        with pytest.raises(ConfigError, match="The card is not of this version of the lab"):
            card_from_json({**content, "data": {**BUILT_IN["digits"].to_json(), **change}})


def test_a_card_with_more_test_images_than_the_data_set_has_is_of_other_images(untrained: Untrained) -> None:
    run = run_on(untrained)
    card = run.card()
    assert run.images().name == "mine"
    write_card(run.folder, replace(card, data=replace(card.description, test=100_000)))
    with pytest.raises(ConfigError, match="are not those that run"):
        run.images()


def test_other_images_under_the_name_of_a_built_in_data_set_are_not_public() -> None:
    assert fingerprints.is_public("digits", fingerprints.PUBLISHED["digits"])
    assert not fingerprints.is_public("digits", "0" * 64)
    assert not fingerprints.is_public("nowhere", "0" * 64)
