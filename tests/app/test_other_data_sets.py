"""Pages work on every data set: with named classes, two hundred classes, one class, colour, and without its images."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.cached import runs as library
from app.charts import class_colours, map_chart
from app.text.plain_text import plain
from app.widgets import labels, run_pictures
from cvae_core.config import presets
from cvae_core.config.descriptions import Description
from cvae_core.data import catalogue, datasets
from cvae_core.data.sealed import SPLITS, Sealed, store
from cvae_core.evaluation.classifier import Classifier, store_classifier
from cvae_core.evaluation.latent_space import USUAL, Embedding, Layout, embed, store_embedding
from cvae_core.evaluation.results import Cell
from cvae_core.evaluation.results import store as store_cells
from cvae_core.jobs import session
from cvae_core.jobs.session import Launch, train_run
from cvae_core.runs.run import Run, find
from tests import own_data
from tests.app.conftest import ROOT, Visit
from tests.app.test_pages import figures_named, pictures
from tests.conftest import Untrained

NAMES = ("T-shirt/top", "*Öl* <b>", "![x](http://a)")  # the last two must not become Markdown or HTML
MANY = tuple(f"sort {number}" for number in range(200))
COUNTS: dict[str, Any] = {"train": 90, "validation": 30, "test": 60}
PCA = Layout(method="pca")
TINY: dict[str, Any] = {"width": 8, "depth": 1, "epochs": 1, "batch_size": 30}


def striped(data: Description) -> Sealed:
    """Return images whose stripes tell their class."""
    random = np.random.default_rng(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        classes = np.arange(count) % len(data.classes)
        ramp = np.arange(data.shape.values) + 5 * classes[:, None]
        return (ramp % 200 + random.integers(0, 50, ramp.shape)).astype(np.uint8), classes

    splits = {name: split(count) for name, count in zip(SPLITS, (data.train, data.validation, data.test), strict=True)}
    return Sealed(description=data, splits=splits, report=own_data.report(data), source="mine.zip")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make data sets below data/sets, and the trained runs three-label and three-quadrant below runs, with a map each."""
    place = tmp_path_factory.mktemp("other-sets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVAE_DATA", str(place / "data"))
        patch.setattr(presets, "STEPS_PER_EPOCH", 0)  # no more epochs than asked for
        patch.setattr(session, "fast_dtype", lambda _: torch.float32)
        for name, changes in {
            "three": {"classes": NAMES},
            "many": {"classes": MANY, **COUNTS, "test": 400},
            "single": {"classes": ("all",)},
            "few": {"classes": ("all",), "train": 8, "validation": 2, "test": 3},
            "colour": {"classes": ("red", "blue"), "channels": 3, "drawn": False},
        }.items():
            store(striped(own_data.description(name, **{**COUNTS, **changes})))
        for flavour in ("label", "quadrant"):
            config = catalogue.configured(flavour, dataset="three", **TINY, latent=3, warm_up=0.0)
            for _ in train_run(config, Launch(run=f"three-{flavour}", root=place / "runs")):
                pass
            run = find(f"three-{flavour}", place / "runs")
            model, test = run.model(), datasets.load("three").test
            store_embedding(run, PCA, embed(model, test, PCA), run.weights_digest())
    yield place


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of runs, a copy that a test may change; the data sets are those of `made`."""
    monkeypatch.setenv("CVAE_DATA", str(made / "data"))
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path / "runs"))
    return shutil.copytree(made / "runs", tmp_path / "runs")


def texts(visitor: AppTest) -> str:
    """Return the texts of a page, its options, and the alternative texts of its pictures."""
    kinds = ("markdown", "caption", "info", "warning", "error", "title")
    said = [str(element.value) for kind in kinds for element in visitor.get(kind)]
    options = [
        option
        for kind in ("selectbox", "pills", "multiselect")
        for each in visitor.get(kind)
        for option in each.options
    ]
    alts = [image.alt for element in visitor.get("image") for image in element.proto.imgs]
    return "\n".join([*said, *map(str, options), *alts])


PAGES_OF_THREE = [
    ("home", {}),
    ("how", {"run": "three-label"}),
    ("generate", {"run": "three-label", "live": "false"}),
    ("inpaint", {"images": "three"}),
    ("latent", {"run": "three-label", "method": "pca", "beside": "three-quadrant"}),
    ("cll", {"figures": "Judged digits"}),  # the name of the tab in older addresses
    ("training", {"task": "Replay", "replay": ["three-label", "three-quadrant"]}),
    ("training", {"task": "Runs"}),
    ("why", {"question": "No label", "run-label": "three-label"}),
    ("why", {"question": "Collapse", "run-collapse": "three-label"}),
    ("why", {"question": "Blur", "run-blur": "three-quadrant"}),
    ("why", {"question": "Condition", "run-given": "three-label"}),
    ("why", {"question": "Sum or mean"}),
]


@pytest.mark.parametrize(("page", "query"), PAGES_OF_THREE)
def test_every_page_shows_a_run_of_named_classes(visit: Visit, place: Path, page: str, query: dict[str, Any]) -> None:
    visitor = visit(page, **query)
    assert not visitor.error
    assert pictures(visitor) or visitor.get("plotly_chart") or visitor.dataframe or page == "cll"
    said = texts(visitor)
    assert "digit" not in said.replace("digits", "")  # but the name of the embedded data set
    assert "![x]" not in said.replace(plain(NAMES[2]), "").replace("label ![x](http://a)", "")
    if (page, query.get("question")) in (("generate", None), ("why", "No label")):
        assert all(plain(name) in said for name in NAMES)
    if page == "latent":
        names = [trace["name"] for trace in figures_named(visitor, "map")[0]["data"]]
        assert names == ["T-shirt/top", "*Öl* &lt;b&gt;", "![x](http://a)"]
        assert "are of the same class" in said


def test_generate_keeps_the_name_of_a_class_in_the_address(visit: Visit, place: Path) -> None:
    visitor = visit("generate", run="three-label", digit="T-shirt/top")
    assert visitor.pills(key="digit").value == 0
    assert f"decoded as a {NAMES[0]}" in texts(visitor)
    visitor.pills(key="digit").set_value(1).run()
    assert visitor.query_params["digit"] in (NAMES[1], [NAMES[1]])
    assert visit("generate", run="three-label", digit="all ten").pills(key="digit").value == labels.EVERY
    assert not visit("generate", run="three-label", digit="all").toast


def test_many_classes_are_chosen_from_a_list_and_pictures_show_some(
    visit: Visit, place: Path, untrained: Untrained
) -> None:
    config = catalogue.configured("label", dataset="many", **TINY, latent=2)
    run = untrained(config, "many-label", root=place, data_fingerprint=datasets.load("many").fingerprint)
    visitor = visit("generate", run="many-label", digit="sort 150", live="false")
    assert not visitor.error
    field = visitor.selectbox(key="digit")
    assert (field.value, len(field.options)) == (150, 201)
    assert "decoded as a sort 150" in texts(visitor)
    field.select("all").run()
    assert not visitor.error
    assert "A row for the first 20 of 200 labels" in texts(visitor)
    assert "with all labels" not in texts(visitor)
    spread = np.random.default_rng(0).normal(size=(400, 2))
    mapped = Embedding(np.arange(400), np.arange(400) % 200, spread.astype(np.float16), spread.astype(np.float32))
    store_embedding(run, PCA, mapped, run.weights_digest())
    visitor = visit("latent", run="many-label", method="pca", beside="no other run")
    figure = figures_named(visitor, "map")[0]
    traces, colours = figure["data"], [trace["marker"]["color"] for trace in figure["data"]]
    assert figure["layout"]["legend"]["maxheight"] == map_chart.LEGEND_HEIGHT
    assert colours[1:] == list(class_colours.colours(map_chart.MOST_TRACES)[:-1])  # of 200 colours, few differ visibly
    assert [trace["name"] for trace in traces[:2]] == ["others", "sort 0"]
    assert traces[0]["text"][-1] == "a sort 199"
    assert "(0.3% by chance)" in texts(visitor)
    assert len(traces) == map_chart.MOST_TRACES
    visitor.selectbox(key=labels.HIGHLIGHTED).select("sort 150").run()
    traces = figures_named(visitor, "map")[0]["data"]
    assert [trace["marker"]["color"] for trace in traces[:-1]] == colours
    assert (traces[-1]["name"], traces[-1]["opacity"]) == ("sort 150", 1)
    assert {trace["opacity"] for trace in traces[:-1]} == {map_chart.PALE}
    (glyph,) = figures_named(visitor, "map")[0]["layout"]["annotations"]
    assert glyph["text"] == "<b>sort 150</b>"


def test_of_few_test_images_there_is_a_map_by_pca(visit: Visit, place: Path, untrained: Untrained) -> None:
    config = catalogue.configured("vae", dataset="few", **TINY, latent=3)
    untrained(config, "few-vae", root=place, data_fingerprint=datasets.load("few").fingerprint)
    visitor = visit("latent", run="few-vae")
    assert not visitor.error
    assert "With fewer than 50 test images, the map is made by PCA." in texts(visitor)
    model, pca = find("few-vae", place).model(), replace(USUAL, method="pca")
    store_embedding(
        find("few-vae", place),
        pca,
        embed(model, datasets.load("few").test, pca),
        find("few-vae", place).weights_digest(),
    )
    visitor = visit("latent", run="few-vae", beside="no other run")
    assert not visitor.error
    assert figures_named(visitor, "map")
    assert "Test image 0" in texts(visitor)


def test_colour_images_are_generated_and_completed_without_a_pad(
    visit: Visit, place: Path, untrained: Untrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = datasets.load("colour").fingerprint
    for flavour in ("label", "quadrant"):
        config = catalogue.configured(flavour, dataset="colour", **TINY, latent=2)
        untrained(config, f"colour-{flavour}", root=place, data_fingerprint=images)
    visitor = visit("generate", run="colour-label")
    assert not visitor.error
    assert "Draw an image" not in "".join(box.label for box in visitor.expander)
    captions: list[str] = []
    show = run_pictures.show
    monkeypatch.setattr(run_pictures, "show", lambda *args, **more: captions.append(args[3]) or show(*args, **more))
    visitor = visit("inpaint", images="colour", pixels="sampled pixels")
    assert not visitor.error
    assert visitor.get("button_group")
    assert "My drawing" not in texts(visitor)
    assert not visitor.toast  # the likelihood has samples, not ink
    assert "Blue edge: given; chequered: hidden." in captions[-1]


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimate no durations: this takes a second per configuration."""
    monkeypatch.setattr(library, "epoch_seconds", lambda _: 1.0)


def test_a_data_set_of_one_class_offers_no_label_model(visit: Visit, place: Path, timeless: None) -> None:
    visitor = visit("training", task="Train", **{"new-dataset": "single"})
    assert visitor.selectbox(key="new-flavour").options == ["CVAE of quadrants", "VAE", "NN baseline"]
    assert not visitor.error
    visitor = visit("training", task="Train", **{"new-dataset": "three"})
    offered = visitor.selectbox(key="new-flavour").options
    assert {"CVAE of labels", "CVAE of labels and quadrants"} < set(offered)
    assert not any("attributes" in words for words in offered)  # the data set has none
    visitor = visit("training", task="Train", **{"new-dataset": "digits"})
    assert "CVAE of labels, attributes and quadrants" in visitor.selectbox(key="new-flavour").options


def test_the_form_has_the_likelihood_of_the_data_set(visit: Visit, place: Path, timeless: None) -> None:
    visitor = visit("training", task="Train", **{"new-dataset": "three"})
    assert visitor.selectbox(key="new-likelihood").value == "bernoulli"
    assert visitor.selectbox(key="new-pixels")
    visitor.selectbox(key="new-dataset").select("colour").run()
    assert visitor.selectbox(key="new-likelihood").value == "discretised-logistic"
    assert not [field for field in visitor.selectbox if field.key == "new-pixels"]
    visitor.selectbox(key="new-likelihood").select("continuous Bernoulli").run()
    assert any("--likelihood continuous-bernoulli" in code.value for code in visitor.code)


def test_the_form_says_that_a_data_set_has_gone(
    visit: Visit, place: Path, timeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path / "none"))
    visitor = visit("training", task="Train", **{"new-dataset": "three"})
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nothing"))
    visitor.run()
    assert "The data set three is no longer on this machine." in texts(visitor)
    assert visitor.selectbox(key="new-dataset").value == "mnist"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("generate", {"run": "three-label"}),
        ("how", {"run": "three-label"}),
        ("latent", {"run": "three-label", "method": "pca"}),
        ("inpaint", {}),
        ("cll", {"figures": "Estimate"}),
    ],
)
def test_a_page_says_which_data_set_a_run_needs(
    visit: Visit, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, query: dict[str, str]
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nothing"))
    visitor = visit(page, **query)
    assert not visitor.error
    said = texts(visitor)
    assert "The data set three is not on this machine (16×16 grey, 3 classes)" in said
    assert "`python -m cvae_core data add three SOURCE`" in said
    assert "CVAE, label, 3 latents, three (not on this machine," in said or page in ("inpaint", "cll")
    assert bool(pictures(visitor)) == (page == "generate")  # samples need no images


def test_a_link_to_a_run_whose_images_are_gone_says_which_are_missing(
    visit: Visit, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nothing"))
    visitor = visit("why", question="No label", **{"run-label": "three-label"})
    assert "The data set three is not on this machine (16×16 grey, 3 classes)" in texts(visitor)
    assert not visitor.toast
    assert not visitor.error


def test_the_table_shows_the_images_that_are_chosen(visit: Visit, place: Path) -> None:
    shutil.copytree(ROOT / "checkpoints" / "digits-label", place / "digits-label")
    scored(find("three-label", place))
    visitor = visit("cll")
    field = visitor.selectbox(key="scored-images")
    assert (field.value, field.options) == ("three", ["three", "digits"])
    assert visitor.dataframe[0].value["model"].str.contains("CVAE").any()
    field.select("digits").run()
    assert not visitor.error
    assert "digits, grey pixels" in texts(visitor)


def scored(run: Run) -> None:
    """Store an estimate of a run, and make it sound."""
    run.write_card(replace(run.card(), verdict="sound"))
    cell = Cell(
        estimator="importance", split="test", visible=None, samples=100, images=60, seed=0, mean=90.0, standard_error=1.0,
        seconds=1.0,
    )  # fmt: skip
    store_cells(run, [cell], run.weights_digest())


def test_a_proper_density_is_explained_beside_a_bernoulli_run(visit: Visit, place: Path, untrained: Untrained) -> None:
    assert "discretised logistic" not in texts(visit("why", question="Not zero"))
    config = catalogue.configured("label", dataset="three", **TINY, latent=3, likelihood="discretised-logistic")
    run = untrained(config, "three-logistic", root=place, data_fingerprint=datasets.load("three").fingerprint)
    scored(run)
    scored(find("three-label", place))
    visitor = visit("why", question="Not zero")
    assert not visitor.error
    assert "A *discretised logistic* gives each of the 256 levels" in texts(visitor)
    assert len(pictures(visitor)) == 2
    row = visitor.dataframe[-1].value.iloc[0]
    assert row["Bernoulli, nats"] == 90.0
    assert row["discretised logistic, bits per dimension"] == pytest.approx(90 / (256 * np.log(2)))


def test_a_run_is_judged_from_the_page_once_there_is_a_classifier(visit: Visit, place: Path) -> None:
    visitor = visit("cll", figures="Judged images")
    assert "There is no classifier of three yet." in texts(visitor)
    store_classifier(Classifier(own_data.description("three", classes=NAMES)), datasets.load("three"), place)
    visitor = visit("cll", figures="Judged images")
    assert any(button.label.startswith("Judge CVAE, label, 3 latents, three") for button in visitor.button)


@pytest.mark.parametrize("count", [1, 2, 3, 12, 13, 200])
def test_a_label_is_chosen_of_any_number_of_classes(count: int) -> None:
    def page(count: int) -> None:
        from app.widgets import labels
        from tests import own_data

        data = own_data.description(classes=tuple(f"c{number}" for number in range(count)))
        labels.label(data)

    visitor = AppTest.from_function(page, kwargs={"count": count}).run()
    assert not visitor.exception
    kind = visitor.pills if count <= labels.MOST_BUTTONS else visitor.selectbox
    assert kind(key="digit").value == min(labels.DEFAULT, count - 1)
    assert len(kind(key="digit").options) == count


def test_words_on_a_map_do_not_hide_each_other() -> None:
    words = ("an aeroplane", "a motor car")
    places = np.array([[0, 0], [0.15, 0], [0, 1], [0.15, 1]], np.float32)
    mapped = Embedding(np.arange(4), np.array([0, 1, 0, 1]), places.astype(np.float16), places)
    first, second = map_chart.embedding_map(mapped, own_data.description(classes=words), None).layout.annotations
    assert abs(first.x - second.x) > 2 * map_chart.APART or abs(first.y - second.y) >= map_chart.APART - 1e-3
