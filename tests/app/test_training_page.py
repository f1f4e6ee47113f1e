"""The training page: settings of the form, progress of runs, and permissions."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.cached import runs
from app.training import follow, run_table
from app.widgets import permission
from cvae_core.config.command import train_command
from cvae_core.config.flavours import Config
from cvae_core.config.job import Job
from cvae_core.config.presets import configure
from cvae_core.data import datasets as data
from cvae_core.errors import NotStarted
from cvae_core.jobs import control, heartbeat, output_log, queue
from cvae_core.jobs.heartbeat import Progress
from cvae_core.runs.run import Run, find
from cvae_core.system import distributed, files
from cvae_core.system.folders import QUEUE
from cvae_core.training import timing
from tests.app.conftest import Visit
from tests.jobs import a_job
from tests.measuring import Measured
from tests.promises.hostile import COMMANDS, MARK

Tiny, Untrained = Callable[..., Config], Callable[..., Run]


@pytest.fixture(autouse=True)
def quickly_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "epoch_seconds", lambda config, data: 30.0)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Record trainings instead of starting them."""
    begun: list[tuple[str, str]] = []
    monkeypatch.setattr(control, "start", lambda root, job: begun.append((job.run, job.command(root))))
    monkeypatch.setattr(distributed, "all_but_one", lambda: 3)
    return begun


def form(visit: Visit, **settings: object) -> AppTest:
    """Open the form and set some settings, given by their labels."""
    visitor = visit("training", task="Train")
    visitor.selectbox(key="new-dataset").select("digits").run()
    for label, value in settings.items():
        said = label.replace("_", " ")
        (widget,) = [w for w in (*visitor.number_input, *visitor.text_input, *visitor.selectbox) if w.label == said]
        widget.set_value(value).run()
    assert not visitor.exception
    return visitor


def press(visitor: AppTest, label: str) -> AppTest:
    next(button for button in visitor.button if button.label == label).click().run()
    assert not visitor.exception
    return visitor


def labels(visitor: AppTest) -> list[str]:
    """Return the labels of the buttons that can be pressed."""
    return [button.label for button in visitor.button if not button.disabled]


def said(visitor: AppTest) -> str:
    return "\n".join(str(part.value) for part in (*visitor.markdown, *visitor.caption, *visitor.code, *visitor.info))


def command_of(visitor: AppTest, number: int = 0) -> str:
    """Return the command of the form, which is the first, or of the followed run, which is the last (-1)."""
    return [str(code.value) for code in visitor.code if code.language == "bash"][number]


def test_the_form_starts_the_command_that_it_shows(
    visit: Visit, own_runs: Path, started: list[tuple[str, str]]
) -> None:
    visitor = form(visit, Name="mine", Seed=3)
    visitor.number_input(key="new-epochs").set_value(7).run()
    command = (
        "python -m cvae_core train label --dataset digits --width 128 --shifts 0.5 --epochs 7 --batch-size 64 --seed 3 "
        "--warm-up 19 --run mine --threads 3"
    )
    assert command_of(visitor) == command
    assert "About 4 minutes: 7 epochs of 30 s" in said(visitor)
    press(visitor, "Start")
    assert started == [("mine", command)]
    assert visitor.session_state[follow.FOLLOW] == "mine"


def test_a_quadrant_run_counts_the_time_of_its_baseline_where_that_is_missing(visit: Visit, own_runs: Path) -> None:
    visitor = form(visit, Model="quadrant", Name="mine")
    assert "About 75 minutes: 150 epochs of 30 s, estimated" in said(visitor)
    visitor.selectbox(key="new-visible").select("2").run()
    assert "About 1.9 hours: 150 epochs of 30 s, after 38 minutes for its baseline, estimated" in said(visitor)
    visitor.selectbox(key="new-objective").select("GSNN").run()
    assert "--alpha 0.0" in command_of(visitor)


def test_a_quadrant_run_whose_baseline_has_other_settings_than_it_needs_is_refused_before_it_starts(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    untrained(tiny("baseline", visible="2"), "digits-baseline-2", root=own_runs)
    visitor = form(visit, Model="quadrant", Name="mine")
    assert "Start" in labels(visitor)
    visitor.selectbox(key="new-visible").select("2").run()
    assert "would be called 'digits-baseline-2', but that run has another configuration" in visitor.warning[0].value
    assert "Start" not in labels(visitor)


def test_a_run_of_other_images_is_no_twin_and_no_baseline(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    same = {"Model": "quadrant", "Latent_dimensions": 16, "Name": "mine"}
    assert "exactly these settings" in form(visit, **same).warning[0].value
    for name in ("digits-quadrant-1", "digits-baseline-1"):
        run = find(name, own_runs)
        run.write_card(replace(run.card(), data_fingerprint="0" * 64))
    assert "Start" in labels(form(visit, **same))
    visitor = form(visit, Model="quadrant", Name="mine")
    assert "for its baseline" in said(visitor)  # the pretrained one does not fit, and a new one needs another name
    run.write_card(replace(run.card(), read_only=False))
    visitor = form(visit, Model="quadrant", Name="mine")
    assert "would be called 'digits-baseline-1', but that run has another" in visitor.warning[0].value


def test_the_form_begins_with_the_defaults_of_the_data_set(visit: Visit, own_runs: Path) -> None:
    visitor = visit("training", task="Train")
    assert visitor.number_input(key="new-epochs").value == 40
    visitor.selectbox(key="new-dataset").select("digits").run()
    assert visitor.number_input(key="new-epochs").value == 150
    assert visitor.number_input(key="new-batch-size").value == 64


def test_a_warm_up_that_is_longer_than_the_training_is_reported_and_can_be_trained(
    visit: Visit, own_runs: Path
) -> None:
    visitor = form(visit, Name="mine")
    assert not visitor.warning
    visitor.number_input(key="new-epochs").set_value(1).run()
    (warning,) = visitor.warning
    assert warning.value.startswith("The warm-up of 19 epochs is longer than the training of 1")
    assert "Start" in labels(visitor)


def test_a_run_that_diverged_is_to_be_trained_anew_and_not_resumed(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    config = tiny("label", learning_rate=5.0)
    untrained(config, "mine", root=own_runs, status="failed", verdict="diverged", reason="It diverged.", best_epoch=2)
    visitor = visit("training", task="Train", follow="mine")
    assert "**mine** failed: It diverged." in said(visitor)
    anew = train_command(tiny("label"), "mine", "--force")
    assert anew in [str(code.value) for code in visitor.code]
    assert "--resume" not in said(visitor)
    assert "Resume training" not in labels(visitor)


FAULTY = {"verdict": "collapsed", "rates": [0.0, 0.0]}  # the card of a collapsed run


def test_a_run_that_is_started_takes_the_place_of_the_button_until_a_setting_is_changed(
    visit: Visit, running: Run
) -> None:
    visitor = form(visit, Name="mine")
    assert "Start" in labels(visitor)
    visitor = visit("training", task="Train", **{"new-dataset": "digits", "new-latent": "3"})  # as `a_job`
    assert not [button for button in visitor.button if button.label == "Start"]
    beside, _ = visitor.get("progress")
    assert beside.proto.text == "epoch 3 of 40, at most 7 minutes left"
    assert "Change a setting to start another run." in said(visitor)
    visitor.number_input(key="new-seed").set_value(5).run()
    assert "Start" in labels(visitor)
    assert len(visitor.get("progress")) == 1


def test_the_address_fills_the_form(visit: Visit, own_runs: Path) -> None:
    given = {
        "flavour": "quadrant", "preset": "ladder", "dataset": "digits", "visible": "2", "epochs": "9", "patience": "4",
        "learning-rate": "0.5", "seed": "6", "width": "40", "depth": "3", "batch-size": "32", "pixels": "binarised",
        "objective": "GSNN", "name": "linked",
    }  # fmt: skip
    visitor = visit("training", task="Train", **{f"new-{name}": value for name, value in given.items()})
    assert [toast.value for toast in visitor.toast] == []
    command = command_of(visitor)
    settings = (
        "--visible 2, --epochs 9, --patience 4, --seed 6, --learning-rate 0.5, --width 40, --depth 3, --batch-size 32"
    )
    for flag in ("train quadrant --preset ladder --dataset digits", *settings.split(", "), "--alpha 0.0 --run linked"):
        assert flag in command


NONSENSE = {
    "flavour": "nonsense", "dataset": "cifar", "preset": "huge", "epochs": "many", "seed": "1.5", "latent": "inf",
    "learning-rate": "nan", "beta": "1e999", "width": "9" * 400,
}  # fmt: skip


@pytest.mark.parametrize("name", NONSENSE)
def test_an_invalid_value_in_the_address_of_the_form_is_named_and_replaced_by_the_default(
    name: str, visit: Visit, own_runs: Path
) -> None:
    visitor = visit(
        "training", task="Train", **{"new-dataset": "digits", "new-seed": "1", f"new-{name}": NONSENSE[name]}
    )
    assert not visitor.error
    assert f"new-{name}=" in visitor.toast[0].value
    assert "Start" in labels(visitor)


def test_a_verdict_is_shown_wherever_a_run_is_listed_or_shown(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label"), "mine", root=own_runs, **FAULTY)
    trouble = run.card().trouble
    assert trouble.startswith("collapsed: 0 of the 2 units of z are active")
    verdicts = visit("training", task="Runs").dataframe[0].value.set_index("run")["verdict"]
    assert verdicts["mine"] == trouble
    assert verdicts["digits-label"] == "sound"
    links = [link.proto.label for link in visit("home").get("page_link")]
    assert "CVAE, label, 2 latents, digits, collapsed :small[· mine]" in links
    shown = [
        visit("generate", run="mine"),
        visit("latent", run="mine"),
        visit("training", task="Train", follow="mine"),
        visit("training", replay="mine"),
        visit("cll", estimate="mine"),
    ]
    for page in shown:
        assert f"mine: {trouble}" in [warning.value for warning in page.warning]
    assert not visit("generate", run="digits-label").warning


def test_a_name_that_is_not_given_is_the_next_free_one(visit: Visit, own_runs: Path) -> None:
    assert visit("training", task="Train").text_input[0].placeholder == "label"
    assert form(visit).text_input[0].placeholder == "digits-label-2"


@pytest.mark.usefixtures("other_mnist")
def test_other_images_are_used_only_after_confirmation_and_are_named_as_such(
    visit: Visit, own_runs: Path, started: list[tuple[str, str]]
) -> None:
    visitor = visit("training", task="Train")
    named = f"mnist (other images, {data.load('mnist').fingerprint[:8]})"
    assert named in visitor.selectbox(key="new-dataset").options
    assert "mnist here hold other images than the published ones: " in visitor.warning[0].value
    assert "Start" not in labels(visitor)
    visitor.checkbox(key="new-other-mnist").check().run()
    assert not visitor.warning
    assert command_of(visitor).endswith(" --other-images")
    press(visitor, "Start")
    assert started == [("label", command_of(visitor))]
    visitor.selectbox(key="new-dataset").select("digits").run()
    assert not visitor.checkbox
    assert "--other-images" not in command_of(visitor)


@pytest.mark.usefixtures("other_mnist")
def test_a_sweep_over_other_images_is_left_to_a_shell(visit: Visit, own_runs: Path) -> None:
    visitor = visit("training", task="Sweep")
    visitor.text_area(key="sweep-text").set_value('flavour = "label"\n').run()
    assert "or sweep over them in a shell with --other-images" in visitor.error[0].value
    assert not labels(visitor)


REFUSED = {
    "networks": ({"Width": 8192, "Name": "mine"}, "weights are too large: a page trains at most 50,000,000"),
    "a width": ({"Width": 0}, "width cannot be 0: it must lie between 1 and 8192"),
    "latents": ({"Latent_dimensions": -1}, "latent cannot be -1"),
    "a rate": ({"Learning_rate": 0.0}, "learning rate cannot be 0.0"),
    "a path": ({"Name": "../mine"}, "A run cannot be called '../mine'"),
    "a name in use": ({"Name": "digits-label"}, "There is a run 'digits-label'"),
    "twins": (
        {"Model": "quadrant", "Latent_dimensions": 16},
        "Run 'digits-quadrant-1' has exactly these settings and is finished",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_impossible_training_shows_a_sentence_and_a_disabled_button(case: str, visit: Visit, own_runs: Path) -> None:
    settings, sentence = REFUSED[case]
    visitor = form(visit, **settings)
    assert [button.disabled for button in visitor.button if button.label == "Start"] == [True]
    assert sentence.casefold() in visitor.warning[0].value.casefold()
    assert "Start" not in labels(visitor)


def test_a_training_that_does_not_start_shows_the_reason_and_is_followed(
    visit: Visit, running: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(root: Path, job: Job) -> None:
        with output_log.opened(root, job):
            raise NotStarted("No room for it.")

    monkeypatch.setattr(control, "start", refuse)
    visitor = press(form(visit, Name="mine"), "Start")
    assert (visitor.error[0].value, visitor.selectbox(key="follow").value) == ("No room for it.", "mine")


@pytest.mark.parametrize(
    ("address", "wish", "may"),
    [
        *[("127.0.0.1", "", True), ("::1", "", True), ("localhost", "", True), ("127.0.0.1", "off", False)],
        *[("0.0.0.0", "", False), (None, "", False), ("lab.example", "", False), ("0.0.0.0", "on", True)],
    ],
)
def test_visitors_from_elsewhere_may_train_only_where_that_was_switched_on(
    address: str | None, wish: str, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(permission.VARIABLE, wish)
    monkeypatch.setattr(st, "get_option", {"server.address": address}.__getitem__)
    assert permission.may_train() is may


@pytest.mark.parametrize("view", ["Train", "Sweep", "Runs"])
def test_where_training_is_off_nothing_can_be_changed(
    view: str, visit: Visit, own_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(permission.VARIABLE, "off")
    with queue.turn(own_runs, a_job("somebody")):
        visitor = visit("training", task=view)
    assert not labels(visitor)
    if view != "Runs":
        assert "Training and changes to runs are disabled" in visitor.info[0].value


@pytest.fixture
def running(own_runs: Path, tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Provide a run that this process trains, as if started from a shell."""
    monkeypatch.setattr(heartbeat, "BEAT_EVERY", -1.0)
    run = untrained(tiny("label"), "shell", root=own_runs, status="running")
    with queue.turn(own_runs, a_job("shell")), heartbeat.beating(run.folder) as beat:
        with output_log.kept(own_runs, a_job("shell")):
            print("epoch 2 is over")
        beat(Progress("epoch 3 of 40", 0.05, 400.0))
        yield run


def test_a_run_from_a_shell_is_followed_by_all_visitors(visit: Visit, running: Run) -> None:
    for visitor in (visit("training", task="Train"), visit("training", task="Train")):
        (bar,) = visitor.get("progress")
        assert (bar.proto.value, bar.proto.text) == (5, "epoch 3 of 40, at most 7 minutes left")
        assert ":material/play_circle: **shell** trains" in said(visitor)
        assert command_of(visitor, -1) == a_job("shell").command(running.folder.parent)
        assert "epoch 2 is over" in said(visitor)
        assert "Stop training" in labels(visitor)


def test_a_damaged_queue_is_a_sentence_and_hides_no_training(visit: Visit, running: Run) -> None:
    (running.folder.parent / QUEUE / "queue.json").write_text("{")
    visitor = visit("training", task="Train")
    assert "queue.json is damaged" in visitor.error[0].value
    assert "**shell** trains" in said(visitor)
    assert visitor.get("progress")
    assert "Stop training" in labels(visitor)


def test_a_stalled_run_is_shown_as_stalled(visit: Visit, running: Run) -> None:
    os.utime(running.folder / heartbeat.FILE, (time.time() - 70, time.time() - 70))
    assert re.search(r"\*\*shell\*\* stalled: no step for 7\d s", said(visit("training", task="Train")))


def test_a_dead_run_shows_the_reason_and_a_button_resumes_it(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained, started: list[tuple[str, str]]
) -> None:
    run = untrained(tiny("label"), "mine", root=own_runs, status="running")
    with pytest.raises(OSError), heartbeat.beating(run.folder):
        raise OSError("no space left")
    visitor = visit("training", task="Train")
    assert ":material/error: **mine** died: no space left" in said(visitor)
    press(visitor, "Resume training")
    assert started == [("mine", f"{train_command(run.card().config, 'mine')} --resume")]


def test_what_several_processes_trained_is_left_to_a_shell(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label"), "mine", root=own_runs, status="stopped", processes=2)
    visitor = visit("training", task="Train", follow="mine")
    together = train_command(run.card().config, "mine").replace("python -m ", "torchrun --nproc-per-node 2 -m -- ")
    assert f"{together} --resume" in [code.value for code in visitor.code]
    assert "Resume training" not in labels(visitor)
    assert any(
        "Resume it from a shell with the same number of processes" in caption.value for caption in visitor.caption
    )


def test_a_run_that_failed_before_it_began_says_why_and_can_be_tried_again(
    visit: Visit, own_runs: Path, started: list[tuple[str, str]]
) -> None:
    with output_log.opened(own_runs, Job(run="mine", config=configure("label", seed=5))) as log:
        log.write(b"There is no internet.\n")
    visitor = visit("training", task="Train")
    assert "**mine** failed: There is no internet." in said(visitor)
    press(visitor, "Resume training")
    assert started == [("mine", "python -m cvae_core train label --seed 5 --run mine")]


def test_the_queue_is_shown_re_ordered_and_cancelled(visit: Visit, running: Run) -> None:
    root = running.folder.parent
    with queue._changing(root) as entries:  # entries of this process, so that they count as alive
        entries += [replace(entries[0], job=a_job(run), since=None) for run in ("b", "c")]
    visitor = visit("training", task="Train")
    visitor.button(key="Earlier c").click().run()
    assert [entry.run for entry in queue.look(root).waiting] == ["c", "b"]
    visitor.button(key="Cancel c").click().run()
    assert [entry.run for entry in queue.look(root).waiting] == ["b"]
    visitor.button(key="Cancel b").click().run()
    assert not visitor.exception


def test_a_run_that_has_finished_leads_to_the_pages_that_use_it(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    untrained(tiny("quadrant"), "mine", root=own_runs)
    visitor = visit("training", task="Train", follow="mine")
    links = [(link.proto.label, link.proto.query_string) for link in visitor.get("page_link")]
    assert links == [
        ("Complete images", "images=digits&visible-digits=1&run-1=mine"),
        ("See its latent space", "run=mine"),
        ("Score it", "figures=Estimate&estimate=mine&draws=100&over=360"),
    ]


def test_a_sweep_is_stored_and_queues_its_unfinished_runs(
    visit: Visit, own_runs: Path, started: list[tuple[str, str]]
) -> None:
    visitor = visit("training", task="Sweep")
    assert len(visitor.dataframe[0].value) == 6
    text = 'flavour = "label"\ndataset = "digits"\nshifts = 0.0\nwarm_up = 5\nepochs = [2, 150]\n'
    visitor.text_area(key="sweep-text").set_value(text).run()
    press(visitor, "Queue 1 of 2 runs")
    command = "python -m cvae_core train label --dataset digits --width 128 --shifts 0.0 --epochs 2 --batch-size 64"
    assert started == [
        ("grid-digits-label-epochs-2", f"{command} --warm-up 5 --run grid-digits-label-epochs-2 --threads 3")
    ]
    assert (own_runs / ".sweeps" / "grid.toml").read_text() == text
    table = visit("training", task="Sweep", sweep="grid").dataframe[0].value
    assert table[["run", "epochs", "state"]].to_numpy().tolist() == [
        ["grid-digits-label-epochs-2", 2, "not queued"],
        ["digits-label", 150, "finished"],
    ]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("grid", "flavour = ", "This is not TOML"),
        ("grid", 'flavour = "labels"', "flavour cannot be 'labels'"),
        ("../grid", 'flavour = "label"', "A run cannot be called"),
        ("grid", f'flavour = "label"\nseed = {list(range(21))}', "This sweep has 21 runs. The page allows 20"),
        (
            "grid",
            'flavour = "label"\nwidth = 8192\ndepth = [1, 64]',
            "weights are too large: a page trains at most 50,000,000",
        ),
        ("kept", 'flavour = "label"', "There is already a sweep 'kept' with other settings"),
        ("digits", 'flavour = "label"', "Run 'digits-label' has another configuration (dataset digits, not mnist"),
    ],
)
def test_a_sweep_that_cannot_be_is_a_sentence(
    name: str, text: str, sentence: str, visit: Visit, own_runs: Path
) -> None:
    files.write(own_runs / ".sweeps" / "kept.toml", b'flavour = "vae"\n')
    visitor = visit("training", task="Sweep", sweep="a new one")
    visitor.text_input(key="sweep-name").set_value(name).run()
    visitor.text_area(key="sweep-text").set_value(text).run()
    assert not visitor.exception
    assert sentence in visitor.error[0].value
    assert not labels(visitor)
    assert [button.disabled for button in visitor.button] == [True]


def test_a_kept_sweep_that_cannot_be_read_is_named(visit: Visit, own_runs: Path) -> None:
    (own_runs / ".sweeps" / "folder.toml").mkdir(parents=True)
    files.write(own_runs / ".sweeps" / "bytes.toml", b"\xff")
    for name, sentence in (("folder", "cannot be read"), ("bytes", "is not TOML")):
        visitor = visit("training", task="Sweep", sweep=name)
        assert f"{name}.toml {sentence}" in visitor.error[0].value


def test_all_runs_are_in_one_table_with_their_best_values(visit: Visit, own_runs: Path) -> None:
    visitor = visit("training", task="Runs")
    table = visitor.dataframe[0].value.set_index("run")
    card = find("digits-label", own_runs).card()
    assert table.index.tolist() == ["digits-baseline-1", "digits-label", "digits-quadrant-1"]
    assert table.loc["digits-label", "validation −ELBO"] == -card.metrics["elbo"]
    assert table.loc["digits-label", "state"] == "pretrained"
    assert table["test CLL"].notna().all()
    asked = ["model", "state", "validation −ELBO", "test CLL", "±", "minutes", "parameters", "data set"]
    assert list(table.columns[:8]) == asked  # the first five fit into a window of 1,280 pixels


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Select runs in the table by name, as a visitor's clicks do in a browser."""
    names: list[str] = []
    monkeypatch.setattr(run_table, "_chosen", lambda _, there: [name for name in names if name in there])
    return names


def test_a_run_of_one_s_own_is_renamed_annotated_binned_and_restored(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained, chosen: list[str]
) -> None:
    untrained(tiny("label"), "mine", root=own_runs)
    chosen[:] = ["mine", "yours"]
    visitor = visit("training", task="Runs")
    visitor.text_area(key="note mine").set_value("the first one").run()
    press(visitor, "Save note")
    visitor.text_input(key="rename mine").set_value("digits-label").run()
    assert "There is a run 'digits-label'" in press(visitor, "Rename run").toast[0].value
    visitor.text_input(key="rename mine").set_value("yours").run()
    press(visitor, "Rename run")
    assert find("yours", own_runs).card().note == "the first one"
    press(visitor, "Move to the bin")
    assert "yours" not in runs.cards()[0]
    press(visitor, "Restore")
    assert find("yours", own_runs).card().note == "the first one"


def test_what_was_done_to_a_run_is_said(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained, chosen: list[str]
) -> None:
    untrained(tiny("label"), "mine", root=own_runs)
    chosen[:] = ["mine"]
    visitor = visit("training", task="Runs")
    for label, words in (
        ("Save note", "The note of `mine` is saved."),
        ("Move to the bin", "`mine` is in the bin, at the end of this page."),
        ("Restore", "`mine` is restored."),
    ):
        assert [toast.value for toast in press(visitor, label).toast] == [words]


def test_the_address_chooses_the_runs_that_are_compared(visit: Visit, own_runs: Path) -> None:
    visitor = visit("training", task="Runs", runs=["digits-quadrant-1", "digits-label", "nonsense"])
    (table,) = visitor.table
    assert table.value.loc["flavour"].tolist() == ["quadrant", "label"]
    assert "runs=nonsense" in visitor.toast[0].value
    assert visitor.get("plotly_chart")
    (named,) = visitor.multiselect
    named.set_value(["digits-label"]).run()
    assert not visitor.table


def test_a_pretrained_run_is_left_as_it_is(visit: Visit, own_runs: Path, chosen: list[str]) -> None:
    chosen[:] = ["digits-label"]
    visitor = visit("training", task="Runs")
    assert "`digits-label` is pretrained and read-only." in said(visitor)
    assert "Move to the bin" not in labels(visitor)


def test_a_table_shows_the_settings_in_which_selected_runs_differ(
    visit: Visit, own_runs: Path, chosen: list[str]
) -> None:
    chosen[:] = ["digits-label", "digits-quadrant-1"]
    (table,) = visit("training", task="Runs").table
    assert "width" not in table.value.index  # it is the same for both
    assert table.value.loc["flavour"].tolist() == ["label", "quadrant"]


def test_differences_between_runs_are_listed_by_setting(tiny: Tiny) -> None:
    told = runs.differences({"a": tiny("label", seed=1), "b": tiny("vae")})
    assert told == {
        "flavour": {"a": "label", "b": "vae"},
        "seed": {"a": 1, "b": 0},
        "prior": {"a": "standard", "b": "–"},
    }


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.42, "0.4 s"), (12.4, "12 s"), (200, "3 minutes"), (9000, "2.5 hours")]
)
def test_a_duration_is_rounded_to_a_useful_precision(seconds: float, words: str) -> None:
    assert follow.duration(seconds) == words


@pytest.mark.promise
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_stands_in_a_file_is_neither_shown_nor_run(
    command: str, visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained, started: list[tuple[str, str]],
    measured: Measured,
) -> None:  # fmt: skip
    run = untrained(tiny("label"), "mine", root=own_runs, status="stopped")
    files.write_json(run.folder / "card.json", {**run.card().to_json("mine"), "command": command})
    visitor = visit("training", task="Train", follow="mine")
    ours = f"{train_command(tiny('label'), 'mine')} --resume"
    assert command_of(visitor, -1) == ours
    press(visitor, "Resume training")
    assert started == [("mine", ours)]
    assert MARK not in said(visitor)
    measured("commands", on_a_page=1, shown_or_run=0)


@pytest.mark.promise
def test_no_view_of_trainings_shows_a_command_that_stands_in_a_file(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    for number, command in enumerate(COMMANDS):
        run = untrained(tiny("label"), f"mine-{number}", root=own_runs, status="stopped")
        files.write_json(run.folder / "card.json", {**run.card().to_json(run.name), "command": command})
    for view in ("Train", "Runs", "Sweep"):
        words = said(visit("training", task=view))
        assert words
        assert MARK not in words


def test_a_queue_that_holds_a_command_is_a_sentence_on_the_page(
    visit: Visit, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    untrained(tiny("label"), "mine", root=own_runs)
    for command in COMMANDS[:3]:
        files.write_json(own_runs / QUEUE / "queue.json", {"entries": [{"run": "mine", "command": command}]})
        visitor = visit("training", task="Train")
        assert "queue.json is damaged" in visitor.error[0].value
        assert MARK not in said(visitor)
