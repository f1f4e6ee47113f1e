"""A frame and a strip show the images of the named stages, beside the input of the model."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvae_core.config.descriptions import Description
from cvae_core.config.flavours import Config
from cvae_core.config.presets import configure
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes
from cvae_core.data.masks import flags
from cvae_core.pictures import grid as figures
from cvae_core.pictures import stages as replay
from cvae_core.pictures.grid import PLAIN, UNKNOWN, VISIBLE
from cvae_core.runs.run import Run, default_root, find
from tests import own_data


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Record the images of every grid."""
    seen: list[dict[str, Any]] = []

    def grid(images: np.ndarray, **words: Any) -> Image.Image:
        seen.append({"images": images, **words})
        return figures.grid(images, **words)

    monkeypatch.setattr(replay, "grid", grid)
    return seen


def frames(run: Run, *test: Any) -> list[Image.Image]:
    return replay.frames(run.stages(), run.card().config, run.name, 1, *test)


def test_a_frame_per_stage_shows_reconstructions_above_samples(tables: list[dict[str, Any]]) -> None:
    run = find("digits-label", default_root())
    stages = run.stages()
    assert len(frames(run)) == len(stages["epoch"])
    for moment, table in enumerate(tables):
        assert table["images"].shape == (9, 10, 784)
        np.testing.assert_array_equal(table["images"][0], stages["reconstructions"][moment])
        for column in range(8):
            np.testing.assert_array_equal(table["images"][1 + column], stages["samples"][moment, :, column])
        assert table["rows"] == ["recon.", "samples", *[""] * 7]
    said = "digits-label: reconstructions and samples after {} epochs"
    assert [tables[moment]["caption"] for moment in (0, 1, -1)] == list(map(said.format, ("0", "0.05", "150")))


def test_frames_of_one_training_have_one_size() -> None:
    assert len({frame.size for frame in frames(find("digits-label", default_root()))}) == 1


def test_the_truth_stands_above_where_the_images_are_here(tables: list[dict[str, Any]]) -> None:
    run = find("digits-label", default_root())
    test = run.images().test
    frames(run, test)
    assert tables[0]["rows"][:2] == ["truth", "recon."]
    truth = test.images[run.stages()["test_indices"].tolist()].numpy()
    np.testing.assert_array_equal(tables[0]["images"][0], truth)
    assert (tables[0]["papers"] == PLAIN).all()


def test_a_completion_stands_below_its_input_and_what_was_visible_is_tinted(tables: list[dict[str, Any]]) -> None:
    run = find("digits-quadrant-1", default_root())
    test = run.images().test
    frames(run, test)
    table = tables[-1]
    assert table["rows"][:4] == ["input", "truth", "recon.", "samples"]
    shown = figures.papers(flags("1")) == VISIBLE
    truth = as_bytes(test.intensities(run.stages()["test_indices"]))
    np.testing.assert_array_equal(table["images"][0], truth * shown)
    assert set(np.unique(table["papers"][0])) == {VISIBLE, UNKNOWN}
    assert ((table["papers"][1:] == VISIBLE) == shown).all()
    assert (table["images"][:, :, shown] == truth[:, shown]).all()  # the input shows the digits of the stages


def test_a_baseline_has_one_answer_and_no_samples(tables: list[dict[str, Any]]) -> None:
    frames(find("digits-baseline-1", default_root()))
    assert tables[0]["rows"] == ["NN"]


@pytest.mark.parametrize("part", ["samples", "reconstructions"])
def test_a_strip_goes_from_the_first_stage_to_the_last(part: replay.Part, tables: list[dict[str, Any]]) -> None:
    run = find("digits-label", default_root())
    stages = run.stages()
    replay.strip(stages, run.card().config, run.name, 1, part=part, shown=(3, 5))
    (table,) = tables
    assert table["images"].shape == (2, 8, 784)
    assert (table["rows"], table["columns"][0], table["columns"][-1]) == (["3", "5"], "0", "150")
    shown = stages["samples"][:, :, 0] if part == "samples" else stages["reconstructions"]
    for row, digit in enumerate((3, 5)):
        for column, moment in ((0, 0), (7, -1)):
            np.testing.assert_array_equal(table["images"][row, column], shown[moment, digit])


def test_only_what_is_made_of_test_digits_stands_beside_them(tables: list[dict[str, Any]]) -> None:
    for name in ("digits-label", "digits-quadrant-1"):
        run = find(name, default_root())
        draw = partial(replay.strip, run.stages(), run.card().config, name, 1, test=run.images().test)
        draw(part="samples")
        draw(part="reconstructions")
    assert [table["columns"][:2] for table in tables] == [
        ["0", "0.25"], ["truth", "0"], ["input", "truth"], ["input", "truth"]
    ]  # fmt: skip


def test_a_training_of_few_stages_has_a_short_strip(tables: list[dict[str, Any]]) -> None:
    run = find("digits-label", default_root())
    stages = {name: array[:3] for name, array in run.stages().items() if name != "sha256"}
    replay.strip(stages, run.card().config, run.name, 1)
    assert tables[0]["images"].shape == (10, 3, 784)


def test_an_epoch_is_said_in_four_characters() -> None:
    assert [replay.said(epoch) for epoch in (0, 0.06122449, 0.25, 1.5, 9, 10, 12.6, 150)] == [
        "0", "0.061", "0.25", "1.5", "9", "10", "13", "150"
    ]  # fmt: skip


def of_own_data(data: Description, test_indices: list[int]) -> tuple[replay.Stages, Config, Split]:
    """Return two stages of a label run, its configuration, and test images whose labels go round."""
    images, labels = own_data.sealed(data).splits["test"]
    rows = len(test_indices)
    stages = {
        "epoch": np.array([0.0, 1.0]),
        "samples": np.zeros((2, rows, 8, data.shape.values), np.uint8),
        "reconstructions": np.zeros((2, rows, data.shape.values), np.uint8),
        "test_indices": np.array(test_indices),
    }
    split = Split(torch.from_numpy(images), torch.from_numpy(labels).long())
    return stages, configure("label", data=data, width=8, latent=2), split


def test_rows_of_a_strip_have_the_names_of_their_classes(tables: list[dict[str, Any]]) -> None:
    data = own_data.description(channels=3, drawn=False)
    stages, config, test = of_own_data(data, [0, 1, 2, 3, 4])
    for here in (None, test):
        replay.strip(stages, config, "mine", 1, here, "reconstructions", data=data)
    assert tables[0]["rows"] == ["Öl", "a/b", "zwei Wörter", "", ""]
    assert tables[1]["rows"] == ["Öl", "a/b", "zwei Wörter", "Öl", "a/b"]
    assert tables[1]["columns"] == ["truth", "0", "1"]
    replay.strip(stages, config, "mine", 1, test, "reconstructions", [4, 1], data)
    assert tables[2]["rows"] == ["a/b", "a/b"]


def test_photographs_are_no_ink_in_pictures_of_stages(tables: list[dict[str, Any]]) -> None:
    for drawn in (True, False):
        data = own_data.description(drawn=drawn)
        stages, config, test = of_own_data(data, [0, 1, 2])
        replay.frames(stages, config, "mine", 1, test, data)
        replay.strip(stages, config, "mine", 1, test, data=data)
    assert [table["drawn"] for table in tables] == [True] * 3 + [False] * 3
