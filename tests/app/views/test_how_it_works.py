"""How it works: every run opens, a ladder's values are torch's, and an address or a browser can send anything."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.cached import flow, runs
from app.live import live_decoder, network_code, network_figure
from app.views import how_it_works
from cvae_core.config.flavours import Config, PresetName
from cvae_core.config.presets import configure
from cvae_core.data.batches import held_out
from cvae_core.models.objectives import elbo
from cvae_core.runs.run import Run
from tests.app.conftest import Visit

ANY, LABEL = configure("quadrant", visible="any"), configure("label", latent=2)
START = {"draw": 0, "moved": {}, "visible": None, "mode": "training"}


SOME = {"label-2d", "vae", "quadrant-any", "label-ladder", "digits-label"}


@pytest.mark.mnist
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_every_run_with_latents_can_be_chosen(visit: Visit, every: bool) -> None:
    names = set(how_it_works.choices())
    assert names >= SOME
    visitor = visit("how")
    for name in names if every else SOME:
        visitor.selectbox(key="run").set_value(name).run()
        assert not visitor.error, name
        assert len(visitor.get("image")) == 1, name


@pytest.mark.usefixtures("small_baseline")
@pytest.mark.parametrize(
    ("flavour", "settings", "words"),
    [
        ("attributes", {}, ["attributes"]),
        ("label+quadrant", {"visible": "1"}, ["label", "pixels"]),
        ("label+attributes+quadrant", {"visible": "brush"}, ["label", "attributes", "pixels"]),
    ],
)
def test_a_run_with_any_part_of_a_condition_is_shown(
    flavour: str, settings: dict[str, str], words: list[str], visit: Visit, tiny: Callable[..., Config],
    untrained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    run = untrained(tiny(flavour, **settings))
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
    visitor = visit("how", run=run.name)
    assert not visitor.error
    assert len(visitor.get("image")) == 1
    key, config = runs.run_keys()[run.name], run.card().config
    given, described = flow.given(key, 0), network_figure._described(config)
    assert list(described["given"]) == words
    assert (len(given.attributes) == 2) == ("attributes" in words)
    assert (given.visible is not None and len(given.visible) == config.regions) == ("pixels" in words)


def test_without_mnist_the_page_opens_with_the_embedded_digits_and_other_runs_say_what_they_need(
    visit: Visit, without_mnist: None
) -> None:
    visitor = visit("how")
    assert visitor.selectbox(key="run").value == "digits-quadrant-1"
    assert len(visitor.get("image")) == 1
    visitor.selectbox(key="run").set_value("label").run()
    assert "`python -m cvae_core download mnist`" in visitor.info[0].value
    assert not visitor.error


@pytest.mark.parametrize("run", ["label-ladder", "quadrant-1-ladder"])
@pytest.mark.mnist
def test_the_terms_of_a_ladder_are_those_of_torch(run: str) -> None:
    key = runs.run_keys()[run]
    computed = flow.through_ladder(key, 2, 1, None)
    x, c = held_out(runs.config(key), runs.images(key).test, torch.tensor([2]))
    with torch.inference_mode():
        terms = elbo(runs.model(key), x, c, flow.draws(key, 2)[1:2, None])
    rates, distortion = computed["rates"], computed["distortion"]
    assert len(rates) == len(flow.groups(key))  # type: ignore[arg-type]
    assert sum(rates) == pytest.approx(float(terms.rate), abs=1e-3)  # type: ignore[call-overload]
    assert distortion["training"] == pytest.approx(-float(terms.reconstruction), abs=1e-3)  # type: ignore[index]
    assert distortion["prediction"] > distortion["training"]  # type: ignore[index]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"draw": -1, "moved": [3], "visible": "all", "mode": "dream"},
        {"draw": 1e9, "moved": {"x": 1, "-1": 1, "2": 1}, "visible": [True] * 4, "mode": None},
        {"draw": True, "moved": {"0": "nan", "1": 10**400}, "visible": [1], "mode": ["training"]},
    ],
)
def test_what_is_not_a_state_is_the_start(told: dict[str, object]) -> None:
    assert network_figure._checked(told, LABEL) == START


def test_a_state_is_kept_as_far_as_it_fits_the_run() -> None:
    told = {"draw": 3, "moved": {"1": 1.52, "40": -0.5}, "visible": [True, False, False, True], "mode": "prediction"}
    kept = network_figure._checked(told, ANY)
    assert kept == {**told, "moved": {"1": 1.5, "40": -0.5}}
    assert network_figure._checked(told, LABEL) == {**told, "moved": {"1": 1.5}, "visible": None}


@pytest.mark.parametrize(
    "config",
    [LABEL, ANY, configure("vae"), configure("label", prior="learned"), configure("label+attributes+quadrant")],
)
@pytest.mark.parametrize("preset", ["mlp", "ladder"])
def test_every_box_has_a_line_of_code(config: Config, preset: PresetName) -> None:
    settings = {name: getattr(config, name) for name in ("visible",) if hasattr(config, name)}
    found = config if preset == "mlp" else configure(config.flavour, "ladder", **settings)
    lines = network_code.lines(found)
    for modes in lines.values():
        assert all(line["text"] and "cvae_core/" in line["place"] for line in modes.values())
    assert lines["latents"]["training"] != lines["latents"]["prediction"]


def test_the_recognition_network_is_packed_on_demand() -> None:
    key = runs.run_keys()["digits-label"]
    small, whole = (live_decoder.weights(key, recognition) for recognition in (False, True))
    assert b"recognition.first" not in small
    assert b"recognition.first" in whole
    assert len(small) < len(whole)
