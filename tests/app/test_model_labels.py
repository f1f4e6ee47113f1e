"""Runs are shown by their models' names, with their own in small print; runs without weights are offered nowhere."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.cached import runs
from cvae_core.cli import main
from cvae_core.config.flavours import Config
from cvae_core.evaluation.results import CURVE, store, stored_cells
from cvae_core.runs.run import Run, find
from tests.app.conftest import ROOT, Visit

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
LABEL, QUADRANT = "CVAE, label, digits · digits-label", "CVAE, 1 quadrant, 16 latents, digits · digits-quadrant-1"
SELECTORS = [
    *((page, {}) for page in ("generate", "inpaint", "latent", "training")),
    ("cll", {"figures": "Estimate"}),
    *(("why", {"question": question}) for question in ("Prior at test", "Collapse", "No label", "Blur", "Condition")),
    ("why", {"question": "ELBO or sampling"}),
    ("cll", {"figures": "Number of draws"}),
    ("training", {"task": "Sweep"}),
]


def test_a_run_is_shown_by_its_models_name_with_its_own_in_small_print(without_mnist: None) -> None:
    assert runs.label("digits-label") == LABEL
    assert runs.named("digits-label") == "CVAE, label, digits :small[· digits-label]"
    assert runs.label("label-beta-784") == "CVAE, label, β = 784, collapsed · label-beta-784"
    assert runs.label("baseline-1-binarised") == "NN baseline, 1 quadrant, binarised, no weights · baseline-1-binarised"
    assert (runs.label("no run"), runs.named("[no] run")) == ("no run", r"\[no\] run")


def test_all_shipped_runs_are_told_apart(without_mnist: None) -> None:
    names = [path.parent.name for path in (ROOT / "checkpoints").glob("*/card.json")]
    assert len(names) == len({runs.label(name) for name in names}) > 30
    assert all(runs.label(name).endswith(f" · {name}") for name in names)


def test_charts_and_alternative_texts_have_the_names_and_code_the_runs(visit: Visit, without_mnist: None) -> None:
    visitor = visit("training", replay=["digits-label", "digits-quadrant-1"])
    (chart,) = visitor.get("plotly_chart")
    named = {trace.get("legendgroup") for trace in json.loads(chart.proto.spec)["data"]}
    assert named == {LABEL, QUADRANT}
    assert chart.proto.alt == f"The bound of {LABEL}, {QUADRANT} against the epoch"
    assert "find(name) for name in ['digits-label', 'digits-quadrant-1']" in " ".join(
        code.value for code in visitor.code
    )


@pytest.fixture
def without_weights(own_runs: Path, tiny: Tiny, untrained: Untrained) -> Path:
    """Add runs without weights: one in its first epoch, and imported ones with estimates."""
    unborn = untrained(tiny("label"), "idle-training", root=own_runs)
    unborn.write_card(replace(unborn.card(), status="running", weights=None, metrics={}))
    for name in ("digits-label", "digits-quadrant-1"):
        run = Run(shutil.copytree(own_runs / name, own_runs / f"idle-{name}"))
        run.write_card(replace(run.card(), read_only=False, imported="2026-01-31 from a.zip"))
        for each in (find(name, own_runs), run):
            store(each, stored_cells(each), each.weights_digest(), CURVE)
        next(run.folder.glob("weights-*")).unlink()
    return own_runs


def test_runs_without_weights_are_marked_where_they_are_listed(visit: Visit, without_weights: Path) -> None:
    models = visit("training", task="Runs").dataframe[0].value.set_index("run")["model"]
    assert [name for name in models.index if models[name].endswith(", no weights")] == [
        "idle-digits-label", "idle-digits-quadrant-1", "idle-training"
    ]  # fmt: skip
    followed = visit("training", task="Train").selectbox(key="follow").options
    assert followed == ["CVAE, label, 2 latents, digits, no weights · idle-training"]


@pytest.mark.parametrize(("page", "query"), SELECTORS)
def test_runs_without_weights_are_offered_nowhere_else(
    visit: Visit, without_mnist: None, without_weights: Path, page: str, query: dict[str, str]
) -> None:
    visitor = visit(page, **query)
    offered = [option for box in (*visitor.selectbox, *visitor.multiselect) for option in box.options]
    assert not [option for option in offered if "idle-" in option]
    assert [option for option in offered if " · digits-" in option] or page in ("inpaint", "training")


def test_home_lists_one_s_own_models_then_one_of_each_name(
    visit: Visit, without_mnist: None, own_runs: Path, tiny: Tiny, untrained: Untrained
) -> None:
    untrained(tiny("label", seed=1), "older", root=own_runs, created="2026-01-01T00:00:00+00:00")
    untrained(tiny("vae"), "newer", root=own_runs, created="2026-01-02T00:00:00+00:00")
    untrained(tiny("quadrant", dataset="mnist"), "no-images-here", root=own_runs)
    untrained(tiny("baseline"), "on-no-page", root=own_runs)
    shutil.copytree(own_runs / "digits-label", own_runs / "digits-label-again")
    links = [(link.proto.label, link.proto.query_string) for link in visit("home").get("page_link")]
    first = next(place for place, (label, _) in enumerate(links) if "newer" in label and "Explore" not in label)
    assert links[first:] == [
        ("VAE, 2 latents, digits :small[· newer]", "run=newer"),
        ("CVAE, label, 2 latents, digits, seed 1 :small[· older]", "run=older"),
        ("CVAE, label, digits :small[· digits-label]", "run=digits-label"),
        (
            "CVAE, 1 quadrant, 16 latents, digits :small[· digits-quadrant-1]",
            "images=digits&visible-digits=1&run-1=digits-quadrant-1",
        ),
        ("All runs, with their results", "task=Runs"),
    ]


def test_home_lists_at_most_ten_lines_of_shipped_models(visit: Visit, without_mnist: None) -> None:
    home = visit("home")
    links = [link.proto.label for link in home.get("page_link")]
    listed = links[links.index("CVAE, label, digits :small[· digits-label]") :]
    assert len(listed) == 10
    assert not home.dataframe


def test_the_command_line_lists_the_names(own_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["list", "--root", str(own_runs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith(" s  CVAE, label, digits                   sound") for line in lines] == [False, True, False]
