"""Saved runs are loaded unchanged, names cannot leave the folder, and damage is reported in a sentence."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import Tensor

from cvae_core import load
from cvae_core.config.flavours import Config
from cvae_core.config.presets import baseline_for, configure
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import DataSet
from cvae_core.errors import ConfigError, ReadOnlyRun, RunDamaged, RunNotFound
from cvae_core.models.build import build
from cvae_core.runs import run as runs
from cvae_core.runs import sameness
from cvae_core.runs.card import Weights, card_from_json
from cvae_core.runs.run import Run, all_runs, find, load_weights, readable, run_at
from cvae_core.system import files
from cvae_core.system.folders import NAME

Tiny, Untrained = Callable[..., Config], Callable[..., Run]


@pytest.mark.parametrize(
    "name", ["a", "0", "label", "quadrant-1", "digits-quadrant-top-left.top-right", "a" * 64, "x_y"]
)
def test_a_name_becomes_a_folder_inside_the_root(name: str, tmp_path: Path) -> None:
    assert run_at(name, tmp_path).folder == tmp_path / name
    assert run_at(name, tmp_path).name == name


HOSTILE = [
    "", ".", "..", "../x", "a/b", "/etc", "a\\b", "A", "Label", "a\n", "\na", "a" * 65, "%2e%2e", "..%2fx", ".hidden",
    "-rf", "_a", "é", "a b", "a\0b", "a:b", "~", "a*", "ａ", ".cache", "a\u202e", "$HOME", "x;y",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_with_what_a_name_is(name: str, tmp_path: Path) -> None:
    for function in (run_at, find):
        with pytest.raises(ConfigError) as caught:
            function(name, tmp_path)
        assert f"A run cannot be called {name!r}: take up to 64 of a-z, 0-9" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_neither_followed_nor_found(tmp_path: Path, tiny: Tiny, untrained: Untrained) -> None:
    elsewhere = untrained(tiny("vae"), "real", root=tmp_path / "elsewhere")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(elsewhere.folder)
    with pytest.raises(ConfigError, match="'linked' is a link, and links are not followed: replace it"):
        run_at("linked", root)
    assert all_runs(root) == []


def test_a_missing_run_is_answered_with_those_that_exist(tmp_path: Path, tiny: Tiny, untrained: Untrained) -> None:
    with pytest.raises(RunNotFound, match=r"No run named 'x' in .*There are: none\. Train it with: python -m"):
        find("x", tmp_path / "nowhere")
    untrained(tiny("vae"), "b")
    untrained(tiny("vae"), "a")
    with pytest.raises(RunNotFound, match=r"There are: a, b\."):
        find("x", tmp_path)
    assert find("a", tmp_path).exists()


def test_only_folders_with_a_card_and_a_proper_name_are_runs(tmp_path: Path, tiny: Tiny, untrained: Untrained) -> None:
    for name in ("b", "a", "UPPER", ".hidden"):
        untrained(tiny("vae"), name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "odd" / "card.json").mkdir(parents=True)
    assert [run.name for run in all_runs(tmp_path)] == ["a", "b", "odd"]
    cards, damaged = readable(tmp_path)
    assert list(cards) == ["a", "b"]
    assert ["odd/card.json cannot be read: it is a folder" in str(fault) for fault in damaged] == [True]
    assert all_runs(tmp_path / "nowhere") == all_runs(tmp_path / "file") == []


def test_a_card_is_read_as_it_was_written(tiny: Tiny, untrained: Untrained) -> None:
    for config in (tiny("vae"), tiny("label", prior="learned"), tiny("quadrant", visible="any"), tiny("baseline")):
        run = untrained(config)
        card = replace(
            run.card(), status="failed", reason="ünknown", rates=[0.5, 1 / 3], baseline={"run": "b", "sha256": "0"}
        )
        run.write_card(card)
        assert run.card() == card
        assert run.card().config == config


def foreign(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    less = dict(card)
    less.pop("threads")
    return {
        "a field more": {**card, "colour": "red"},
        "a field less": less,
        "another configuration": {**card, "config": {**card["config"], "layers": 3}},
        "no configuration": {**card, "config": None},
        "weights named otherwise": {**card, "weights": {"name": "weights.pt"}},
        "weights that are a text": {**card, "weights": "weights.pt"},
        "a configuration of texts": {**card, "config": {**card["config"], "width": "16"}},
        "quadrants that are a number": {**card, "config": {**configure("baseline").to_json(), "visible": 1}},
        "a number beyond all others": {**card, "seconds": 10**400},
        "a whole number beyond 64 bits": {**card, "parameters": 10**400},
        "an epoch beyond 64 bits": {**card, "best_epoch": 2**70},
        "weights without metrics": {**card, "status": "stopped", "metrics": {}},
    }


@pytest.mark.parametrize(
    "case",
    ["a field more", "a field less", "another configuration", "no configuration", "weights named otherwise",
     "weights that are a text", "a configuration of texts", "quadrants that are a number", "a number beyond all others",
     "a whole number beyond 64 bits", "an epoch beyond 64 bits", "weights without metrics"],
)  # fmt: skip
def test_the_card_of_another_version_is_refused_and_does_not_hide_the_other_runs(
    case: str, tmp_path: Path, tiny: Tiny, untrained: Untrained
) -> None:
    untrained(tiny("vae"), "good")
    run = untrained(tiny("vae"), "foreign")
    content = foreign(run.card().to_json(run.name))[case]
    files.write_json(run.folder / "card.json", content)  # with a correct digest
    with pytest.raises(ConfigError, match="not of this version of the lab"):
        card_from_json(content)
    with pytest.raises(RunDamaged, match=r"Run 'foreign': .*not of this version of the lab: train the run again"):
        run.card()
    cards, damaged = readable(tmp_path)
    assert list(cards) == ["good"]
    assert len(damaged) == 1


@pytest.mark.parametrize(
    ("changes", "elbo"), [({}, -100.0), ({"beta": 4.0}, -100.0), ({"alpha": 0.5}, None), ({"draws": 3}, None)]
)
def test_a_bound_that_is_not_the_elbo_is_not_called_so(
    changes: dict[str, float], elbo: float | None, tiny: Tiny, untrained: Untrained
) -> None:
    assert untrained(tiny("quadrant", **changes)).card().elbo == elbo


def test_a_model_whose_baseline_was_trained_anew_is_not_the_one_that_a_training_would_give(
    tmp_path: Path, tiny: Tiny, untrained: Untrained
) -> None:
    config = tiny("quadrant")
    baseline = untrained(baseline_for(config), "base")
    for digest, there in ((baseline.weights_digest(), True), ("0" * 64, False)):
        untrained(config, "model", baseline={"run": "base", "sha256": digest})
        assert (config in sameness.finished(tmp_path)) == there


def test_weights_of_a_name_that_no_file_can_have_are_not_there(
    tmp_path: Path, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("vae"))
    run.write_card(replace(run.card(), weights=Weights(file="w" * 300, sha256="", dtype="float16")))
    assert not run.has_weights()
    assert sameness.finished(tmp_path) == {}
    with pytest.raises(RunNotFound, match="without its weights"):
        run.weights()


def test_readable_runs_and_damaged_ones_are_told_apart(tmp_path: Path, tiny: Tiny, untrained: Untrained) -> None:
    for name in ("a", "b", "c"):
        untrained(tiny("vae"), name)
    (tmp_path / "b" / "card.json").write_text("{}")
    cards, damaged = readable(tmp_path)
    assert list(cards) == ["a", "c"]
    assert [str(tmp_path / "b" / "card.json") in str(fault) for fault in damaged] == [True]


def test_the_weights_of_a_run_are_the_weights_that_were_written(tiny: Tiny, untrained: Untrained) -> None:
    config = tiny("label")
    run = untrained(config)
    expected = build(config).state_dict()
    read = run.weights()
    assert {name: tensor.dtype for name, tensor in read.items()} == dict.fromkeys(expected, torch.float32)
    assert all(torch.equal(read[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("flavour", ["vae", "label", "quadrant", "baseline"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.usefixtures("small_baseline")
def test_a_rebuilt_model_predicts_what_the_stored_weights_predict(
    flavour: str, dtype: torch.dtype, tiny: Tiny, untrained: Untrained, digits: DataSet
) -> None:
    config = tiny(flavour, seed=3)
    run = untrained(config)
    original = build(config)
    card = run.write_weights(run.card(), original.state_dict(), dtype)
    assert card.weights is not None
    assert (card.weights.dtype, run.card()) == (str(dtype).removeprefix("torch."), card)
    rebuilt = run.model()
    assert not rebuilt.training
    assert not any(weight.requires_grad for weight in rebuilt.parameters())
    original.load_state_dict({name: tensor.to(dtype).float() for name, tensor in original.state_dict().items()})
    _, c = held_out(config, digits.test, torch.arange(20))
    epsilon = noise.normal((2, 20, config.latents), 1, "runs")
    logits = [model.likelihood(model.draw(c, epsilon), c).outputs for model in (original, rebuilt)]
    assert torch.equal(*logits)


def test_of_a_run_without_its_weights_the_scores_are_there_and_the_model_says_how_to_train_it(
    tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label"))
    assert run.has_weights()
    sha256 = run.weights_digest()
    weights_path(run).unlink()
    assert not run.has_weights()
    assert run.weights_digest() == sha256
    with pytest.raises(
        RunNotFound,
        match=r"without its weights \(weights-.*\): train it with python -m cvae_core train label .*--run my-",
    ):
        run.model()


def test_new_weights_are_committed_by_the_card_and_the_old_ones_go(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    before = run.card().weights
    assert before is not None
    card = run.write_weights(run.card(), build(tiny("label", seed=9)).state_dict(), torch.float16, epochs=7)
    assert card.weights is not None
    assert card.weights.sha256 == files.digest((run.folder / card.weights.file).read_bytes()) != before.sha256
    assert card.weights.file == f"weights-{card.weights.sha256[:8]}.safetensors"
    assert run.card().epochs == 7
    assert sorted(path.name for path in run.folder.iterdir()) == ["card.json", card.weights.file]


def test_weights_without_the_card_that_names_them_change_nothing(
    tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained(tiny("label"))
    card, weights = run.card(), run.weights()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_card", crash)
        with pytest.raises(KeyboardInterrupt):
            run.write_weights(card, build(tiny("label", seed=9)).state_dict(), torch.float16)
    assert len(list(run.folder.glob("weights-*"))) == 2
    assert run.card() == card
    assert all(torch.equal(weights[name], tensor) for name, tensor in run.weights().items())
    run.remove_leftovers(run.card())
    assert len(list(run.folder.glob("weights-*"))) == 1
    assert all(torch.equal(weights[name], tensor) for name, tensor in run.weights().items())


def test_sweeping_takes_what_interrupted_writing_left_and_nothing_else(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    kept = {path.name for path in run.folder.iterdir()} | {"curves.csv", "state.safetensors", "cll.json", "notes.txt"}
    for name in [*kept, "weights-00000000.safetensors", ".card.json.123.tmp", ".weights-1.safetensors.9.tmp"]:
        (run.folder / name).touch()
    run.remove_leftovers(run.card())
    assert {path.name for path in run.folder.iterdir()} == kept


def weights_path(run: Run) -> Path:
    weights = run.card().weights
    assert weights is not None
    return run.folder / weights.file


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:100] + bytes([content[100] ^ 4]) + content[101:],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"",
        lambda content: b"garbage",
    ],
    ids=["last bit", "header bit", "cut", "longer", "empty", "garbage"],
)
def test_damaged_weights_are_never_loaded(damage: Callable[[bytes], bytes], tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    path = weights_path(run)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunDamaged, match=f"{path} is damaged: its content does not match the digest in the card"):
        run.model()


def test_unreadable_weights_are_said_to_be(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    weights_path(run).unlink()
    weights_path(run).mkdir()
    with pytest.raises(RunDamaged, match="cannot be read"):
        run.model()


def test_a_run_without_weights_says_what_to_do(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    run.write_card(replace(run.card(), weights=None))
    with pytest.raises(RunNotFound, match="has no weights yet: let it train"):
        run.model()
    run.write_card(replace(run.card(), verdict="diverged"))
    for asked in (run.model, run.weights_digest):
        with pytest.raises(
            RunNotFound, match=r"diverged in its first epoch\. Train it again with a lower --learning-rate"
        ):
            asked()


def commit(run: Run, content: bytes, file: str | None = None) -> None:
    """Replace a run's weights by any bytes, with the correct digest."""
    sha256 = files.digest(content)
    path = run.folder / f"weights-{sha256[:8]}.safetensors"
    path.write_bytes(content)
    run.write_card(
        replace(run.card(), weights=Weights(file=path.name if file is None else file, sha256=sha256, dtype="float32"))
    )


def test_a_digest_does_not_make_garbage_weights(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    commit(run, b"garbage")
    with pytest.raises(RunDamaged, match="is not a safetensors file"):
        run.model()


def test_a_card_cannot_name_weights_outside_its_folder(tmp_path: Path, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    content = weights_path(run).read_bytes()
    (tmp_path / "outside.safetensors").write_bytes(content)
    for file in ("../outside.safetensors", str(tmp_path / "outside.safetensors"), "..", ""):
        commit(run, content, file)
        with pytest.raises((RunDamaged, RunNotFound)):
            run.model()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda weights: weights | {"output.bias": torch.zeros(3)}, "are not those of its configuration"),
        (lambda weights: weights | {"more": torch.zeros(3)}, "are not those of its configuration"),
        (lambda weights: {n: t for n, t in weights.items() if n != "output.bias"}, "are not those of its config"),
        (lambda weights: weights | {"output.bias": torch.full((784,), torch.nan)}, "values that are not finite"),
        (lambda weights: weights | {"output.bias": torch.full((784,), torch.inf)}, "values that are not finite"),
    ],
    ids=["shape", "one more", "one less", "NaN", "infinite"],
)
def test_weights_that_do_not_fit_or_are_not_finite_are_refused(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], fault: str, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label"))
    weights = change(run.weights())
    commit(run, safetensors.torch.save(weights))
    with pytest.raises(RunDamaged, match=f"weights of run 'digits-label' .*{fault}"):
        run.model()
    model = build(run.card().config)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(RunDamaged, match=fault):
        load_weights(model, weights, "x")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_curves_and_stages_are_read_as_they_were_written(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("vae"))
    run.write_card(replace(run.card(), epochs=1))
    numbers = {name: [-1 / 3, -2 / 3] for name in ("bound", "reconstruction", "rate", "seconds", "learning_rate")}
    curves = pd.DataFrame({"epoch": [1, 1], "split": ["train", "validation"], **numbers})
    run.write_curves(curves)
    pd.testing.assert_frame_equal(run.curves(), curves, check_exact=True)
    run.write_stages(
        epoch=np.array([0.0, 0.5]),
        samples=np.zeros((2, 10, 8, 784), np.uint8),
        reconstructions=np.zeros((2, 10, 784), np.uint8),
        test_indices=np.arange(10),
    )
    assert run.stages()["samples"].shape == (2, 10, 8, 784)
    for name, read in (("curves.csv", run.curves), ("stages.npz", run.stages)):
        (run.folder / name).unlink()
        with pytest.raises(RunDamaged, match=f"{name} cannot be read"):
            read()


def test_a_pretrained_run_is_not_trained_and_its_results_go_beside_it(
    tmp_path: Path, tiny: Tiny, untrained: Untrained
) -> None:
    own, pretrained = untrained(tiny("vae"), "own"), untrained(tiny("vae"), "pretrained", read_only=True)
    own.require_writable()
    Run(tmp_path / "not-there").require_writable()
    with pytest.raises(ReadOnlyRun, match="'pretrained' is pretrained and read-only: train under another name with --"):
        pretrained.require_writable()
    assert own.result_path("cll.json") == tmp_path / "own" / "cll.json"
    assert pretrained.result_path("cll.json") == tmp_path / ".cache" / "pretrained" / "cll.json"
    for path in (pretrained.folder / "cll.json", pretrained.result_path("cll.json")):
        files.write(path, b"")
    assert pretrained.result_paths("cll.json") == [pretrained.folder / "cll.json", pretrained.result_path("cll.json")]
    assert [run.name for run in all_runs(tmp_path)] == ["own", "pretrained"]


def test_the_root_is_the_one_of_the_environment_or_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAE_RUNS", os.sep + "somewhere")
    assert runs.default_root() == Path(os.sep) / "somewhere"
    for unset in (lambda: monkeypatch.setenv("CVAE_RUNS", ""), lambda: monkeypatch.delenv("CVAE_RUNS")):
        unset()
        assert runs.default_root() == Path(runs.__file__).resolve().parents[2] / "checkpoints"


def test_a_notebook_loads_a_model_by_its_runs_name(
    tmp_path: Path, tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained(tiny("label"), "mine")
    expected = run.model().state_dict()
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
    for model in (load("mine"), load("mine", tmp_path), load("mine", str(tmp_path))):
        assert not model.training
        assert not any(weight.requires_grad for weight in model.parameters())
        assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(RunNotFound, match=r"No run named 'yours'.*There are: mine\."):
        load("yours")
    with pytest.raises(ConfigError, match="A run cannot be called"):
        load("../mine")
    (weights,) = run.folder.glob("weights-*")
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(RunDamaged, match="does not match the digest"):
        load("mine")


def test_a_run_of_the_longest_name_can_be_trained_anew_beside_itself(tmp_path: Path) -> None:
    assert Run(tmp_path / "label").anew == "my-label"
    names = {Run(tmp_path / f"{'a' * 63}{last}").anew for last in "ab"}
    assert len(names) == 2
    assert all(NAME.fullmatch(name) and name.startswith("my-aaa") for name in names)
