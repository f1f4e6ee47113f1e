"""Every recipe draws the digits of its caption, and the same ones each time."""

import inspect
from collections.abc import Callable, Collection

import numpy as np
import pytest
import torch

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.presets import configure
from cvae_core.data import masks, noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import labelled
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.intensities import as_bytes
from cvae_core.data.masks import flags, visible_values
from cvae_core.errors import ConfigError
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import FlatVAE
from cvae_core.pictures import recipes
from cvae_core.pictures.grid import BLANK, PLAIN, UNKNOWN, VISIBLE
from cvae_core.pictures.recipes import Sheet
from cvae_core.runs.run import default_root, find
from tests import own_data

EPSILON = tuple(np.linspace(-1, 1, 16))


@pytest.fixture(scope="module")
def label() -> ConditionalVAE:
    return find("digits-label", default_root()).model()


@pytest.fixture(scope="module")
def quadrant() -> ConditionalVAE:
    return find("digits-quadrant-1", default_root()).model()


def test_one_z_is_decoded_under_every_label(label: ConditionalVAE) -> None:
    images, papers = recipes.one_z(label, EPSILON, range(10), columns=5)
    assert (images.shape, images.dtype, papers) == ((2, 5, 784), np.uint8, None)
    c = labelled(torch.arange(10))
    with torch.no_grad():
        expected = completed(label.likelihood(label.draw(c, torch.tensor(EPSILON).float().reshape(1, 1, -1)), c), c)
    np.testing.assert_array_equal(images.reshape(10, 784), as_bytes(expected[0]))


def test_a_column_of_samples_has_one_noise(label: ConditionalVAE) -> None:
    images, _ = recipes.samples(label, (3, 7), columns=4, seed=1)
    epsilon = noise.normal((4, 1, label.latent), 1, "samples")
    for column in range(4):
        one, _ = recipes.one_z(label, epsilon[column, 0].tolist(), (3, 7), columns=1)
        np.testing.assert_allclose(images[:, column].astype(int), one[:, 0].astype(int), atol=1)
    rows, _ = recipes.block(label, 3, rows=2, columns=2, seed=1)
    np.testing.assert_allclose(rows.reshape(4, 784).astype(int), images[0].astype(int), atol=1)


def test_what_is_around_a_z_is_nearer_to_it_than_other_samples_are(label: ConditionalVAE) -> None:
    (chosen,), _ = recipes.one_z(label, EPSILON, (3,), columns=1)
    near, _ = recipes.around(label, EPSILON, (3,), columns=30, seed=0)
    far, _ = recipes.samples(label, (3,), columns=30, seed=0)
    distances = [np.abs(sheet[0].astype(float) - chosen).mean() for sheet in (near, far)]
    assert 0 < distances[0] < 0.7 * distances[1]


def test_walks_start_and_end_at_random_z(label: ConditionalVAE) -> None:
    images, _ = recipes.interpolation(label, 5, rows=2, steps=4, seed=3)
    assert images.shape == (2, 4, 784)
    ends = noise.normal((2, 2, label.latent), 3, "interpolation")
    for row in range(2):
        for step, end in ((0, 0), (-1, 1)):
            one, _ = recipes.one_z(label, ends[row, end].tolist(), (5,), columns=1)
            np.testing.assert_allclose(images[row, step].astype(int), one[0, 0].astype(int), atol=1)


def test_a_completion_keeps_what_is_visible_and_says_what_was_given(quadrant: ConditionalVAE, digits: DataSet) -> None:
    images, papers = recipes.completions(quadrant, digits.test, (4, 9), "1", count=3, seed=0)
    assert images.shape == (8, 2, 784)
    assert papers is not None
    seen = visible_values(flags("1")).numpy()
    truth = digits.test.images[[4, 9]].numpy()
    np.testing.assert_array_equal(images[1], truth)
    np.testing.assert_array_equal(images[0], np.where(seen, truth, 0))
    for row in images[2:7]:
        np.testing.assert_array_equal(row[:, seen], truth[:, seen])
    assert not images[7][:, seen].any()
    assert (images[4:7].std(axis=0)[:, ~seen] > 0).any()
    assert set(papers[0, 0][seen]) == set(papers[3, 1][seen]) == {VISIBLE}
    assert set(papers[0, 0][~seen]) == {UNKNOWN}
    assert set(papers[3, 1][~seen]) == {PLAIN}


def test_z_from_three_sources_completes_the_same_digits(quadrant: ConditionalVAE, digits: DataSet) -> None:
    assert isinstance(quadrant, FlatVAE)
    images, papers = recipes.sources(quadrant, digits.test, (4, 9, 11), "1", count=2, seed=0)
    assert images.shape == papers.shape == (8, 3, 784)  # type: ignore[union-attr]
    truth, seen = digits.test.images[[4, 9, 11]].numpy(), visible_values(flags("1")).numpy()
    np.testing.assert_array_equal(images[1], truth)
    for row in images[2:]:
        np.testing.assert_array_equal(row[:, seen], truth[:, seen])
    errors = [np.abs(images[row : row + 2].astype(float) - truth).mean() for row in (2, 4, 6)]
    assert errors == sorted(errors)


def test_silencing_a_dead_unit_changes_no_picture_and_a_live_one_does(label: ConditionalVAE, digits: DataSet) -> None:
    ranked = np.argsort(find("digits-label", default_root()).card().rates)
    quiet, loud = (recipes.without_unit(label, digits.test, range(10), int(ranked[n])).images for n in (0, -1))
    np.testing.assert_array_equal(quiet[:2], loud[:2])
    np.testing.assert_array_equal(quiet[0], digits.test.images[:10].numpy())
    assert np.abs(quiet[1].astype(int) - quiet[2]).mean() < 1
    assert np.abs(loud[1].astype(int) - loud[2]).mean() > 5


def test_a_digit_told_its_own_label_is_reconstructed_and_told_another_becomes_another(
    label: ConditionalVAE, digits: DataSet
) -> None:
    indices = (3, 5, 8)
    own = int(digits.test.labels[3])
    images, _ = recipes.relabelled(label, digits.test, indices, own)
    assert images.shape == (4, 3, 784)
    expected = recipes.reconstructions(label, digits.test, indices, columns=3).images
    np.testing.assert_array_equal(images[:2], expected)
    for row in images[2:]:
        np.testing.assert_allclose(row[0].astype(int), images[1, 0].astype(int), atol=1)
    other, _ = recipes.relabelled(label, digits.test, indices, (own + 1) % 10)
    assert np.abs(other[2, 0].astype(int) - other[1, 0]).mean() > 10


def test_the_more_samples_are_averaged_the_nearer_they_are_to_the_networks_answer(
    quadrant: ConditionalVAE, digits: DataSet
) -> None:
    sheets = [recipes.averages(quadrant, digits.test, range(20), "1", count, seed=0).images for count in (1, 200)]
    seen = visible_values(flags("1")).numpy()
    one, many = (np.abs(images[3].astype(float) - images[2]).mean() for images in sheets)
    assert many < 0.97 * one
    np.testing.assert_array_equal(sheets[0][3], sheets[0][4])
    np.testing.assert_array_equal(sheets[0][4:], sheets[1][4:])
    ink = sheets[1][5]
    assert set(np.unique(ink[:, ~seen])) == {0, 255}
    np.testing.assert_array_equal(ink[:, seen], digits.test.images[:20].numpy()[:, seen])


def test_a_drawing_is_completed_as_the_same_test_digit_is(quadrant: ConditionalVAE, digits: DataSet) -> None:
    ink = digits.test.images[4].numpy().tobytes()
    images, papers = recipes.drawing(quadrant, ink, "1", count=3, seed=0)
    expected, _ = recipes.completions(quadrant, digits.test, (4,), "1", count=3, seed=0)
    assert images.shape == papers.shape == (1, 7, 784)  # type: ignore[union-attr]
    np.testing.assert_array_equal(images[0, 0], digits.test.images[4].numpy())
    np.testing.assert_array_equal(images[0, 1:], expected[2:, 0])  # guesses, samples and spread


def test_a_drawing_walks_through_z_as_the_same_test_digit_does(quadrant: ConditionalVAE, digits: DataSet) -> None:
    ink, settings = digits.test.images[3].numpy().tobytes(), {"visible": "1", "rows": 2, "steps": 4, "seed": 1}
    drawn, digit = (
        recipes.drawing_walks(quadrant, ink, **settings),  # type: ignore[arg-type]
        recipes.completion_walks(quadrant, digits.test, 3, **settings),  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(drawn.images, digit.images)
    np.testing.assert_array_equal(drawn.papers, digit.papers)  # type: ignore[arg-type]


def test_ink_is_drawn_from_the_means_and_only_where_the_model_made_them(
    quadrant: ConditionalVAE, digits: DataSet
) -> None:
    settings = {"indices": tuple(range(40)), "visible": "1", "count": 5, "seed": 2}
    means, _ = recipes.completions(quadrant, digits.test, **settings)  # type: ignore[arg-type]
    inked, _ = recipes.completions(quadrant, digits.test, **settings, pixels="ink")  # type: ignore[arg-type]
    seen = visible_values(flags("1")).numpy()
    for rows in (slice(0, 2), slice(-1, None)):  # input, truth and spread
        np.testing.assert_array_equal(inked[rows], means[rows])
    np.testing.assert_array_equal(inked[2:-1][..., seen], means[2:-1][..., seen])
    assert set(np.unique(inked[2:-1][..., ~seen])) == {0, 255}
    assert inked[2:-1][..., ~seen].mean() == pytest.approx(means[2:-1][..., ~seen].mean(), rel=0.02)


def test_walks_through_completions_start_at_random_z(quadrant: ConditionalVAE, digits: DataSet) -> None:
    images, papers = recipes.completion_walks(quadrant, digits.test, 3, "1", rows=2, steps=4, seed=1)
    assert papers is not None
    assert images.shape == papers.shape == (2, 5, 784)
    seen = visible_values(flags("1")).numpy()
    np.testing.assert_array_equal(
        images[..., seen], np.broadcast_to(digits.test.images[3].numpy()[seen], (2, 5, 392 // 2))
    )
    assert not images[:, 0][:, ~seen].any()
    assert (images[0, 1] != images[1, 1]).any()
    assert (images[0, 1] != images[0, -1]).any()


@pytest.mark.parametrize("ink", [b"", bytes(783), bytes(785)])
def test_bytes_that_are_no_drawing_are_refused(ink: bytes, quadrant: ConditionalVAE) -> None:
    with pytest.raises(ConfigError, match="A drawing has 784 bytes"):
        recipes.drawing(quadrant, ink, "1", count=3, seed=0)


def test_a_point_is_shown_with_its_reconstruction_and_neighbours(label: ConditionalVAE, digits: DataSet) -> None:
    images, _ = recipes.point(label, digits.test, 7, range(8))
    assert images.shape == (5, 4, 784)
    np.testing.assert_array_equal(images[0, 0], digits.test.images[7].numpy())
    np.testing.assert_array_equal(images[1:3].reshape(8, 784), digits.test.images[:8].numpy())
    assert not images[0, 2:].any()
    shown = recipes.encoded(label, digits.test.images[7].numpy().tobytes(), int(digits.test.labels[7]))
    one, _ = recipes.one_z(label, shown.noise[0, 0].tolist(), (int(digits.test.labels[7]),), columns=1)
    np.testing.assert_allclose(images[0, 1].astype(int), one[0, 0].astype(int), atol=1)


def test_digits_stand_above_their_reconstructions(label: ConditionalVAE, digits: DataSet) -> None:
    images, _ = recipes.reconstructions(label, digits.test, (3, 5, 8), columns=2)
    assert images.shape == (4, 2, 784)
    truth = digits.test.images[[3, 5, 8]].numpy()
    np.testing.assert_array_equal(images[[0, 0, 2], [0, 1, 0]], truth)
    for (row, column), index in zip([(1, 0), (1, 1), (3, 0)], (3, 5, 8), strict=True):
        expected = recipes.point(label, digits.test, index, range(8)).images[0, 1]
        np.testing.assert_allclose(images[row, column].astype(int), expected.astype(int), atol=1)
    assert not images[2:, 1].any()


@pytest.mark.parametrize(("run", "rows"), [("digits-label", 2), ("digits-quadrant-1", 2)])
def test_a_traversal_leads_from_one_digit_to_the_other(run: str, rows: int, digits: DataSet) -> None:
    model = find(run, default_root()).model()
    images, _ = recipes.traversal(model, digits.test, 3, 5, steps=7)
    assert images.shape == (rows, 7, 784)
    for row, column, index in ((0, 0, 3), (1, 6, 5)):
        expected = recipes.reconstructions(model, digits.test, (index,), columns=1).images[1, 0]
        np.testing.assert_allclose(images[row, column].astype(int), expected.astype(int), atol=1)
    steps = np.abs(np.diff(images[0].astype(float), axis=0)).mean(1)
    assert (steps > 0).all()


def test_some_rows_of_a_sheet_are_in_the_order_in_which_they_are_named() -> None:
    images, papers = np.arange(12, dtype=np.uint8).reshape(3, 2, 2), np.zeros((3, 2, 2), np.uint8)
    papers[2] = UNKNOWN
    chosen = Sheet(images, papers).only((2, 0))
    np.testing.assert_array_equal(chosen.images, images[[2, 0]])
    np.testing.assert_array_equal(chosen.papers, papers[[2, 0]])
    assert Sheet(images).only([1]).papers is None


@pytest.mark.parametrize(("parameter", "listed"), [("test", recipes.OF_TEST_IMAGES), ("often", recipes.DRAWN_OFTEN)])
def test_what_a_recipe_takes_is_listed(parameter: str, listed: Collection[Callable[..., Sheet]]) -> None:
    signatures = {f: inspect.signature(f) for f in vars(recipes).values() if inspect.isfunction(f)}
    made = {f for f, signature in signatures.items() if signature.return_annotation is Sheet and f.__name__[0] != "_"}
    assert set(listed) == {f for f in made if parameter in signatures[f].parameters}


def of_own_data(likelihood: LikelihoodName, channels: int, visible: str) -> tuple[ConditionalVAE, Split]:
    """Return an untrained quadrant model for small images of one's own, and some of them."""
    data = own_data.description(channels=channels, drawn=False)
    config = configure("quadrant", data=data, width=8, latent=2, visible=visible, likelihood=likelihood)
    model = build(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3, generator=generator)
    images, labels = own_data.sealed(data).splits["test"]
    return model, Split(torch.from_numpy(images), torch.from_numpy(labels).long())


@pytest.mark.parametrize("visible", ["1", "any"])
@pytest.mark.parametrize(
    ("likelihood", "channels"), [("continuous-bernoulli", 1), ("discretised-logistic", 3), ("continuous-bernoulli", 3)]
)
def test_samples_of_pixels_are_those_of_the_likelihood_and_given_pixels_stay(
    likelihood: LikelihoodName, channels: int, visible: str
) -> None:
    model, test = of_own_data(likelihood, channels, visible)
    shown = "1" if visible == "1" else "top-left"
    means = recipes.completions(model, test, (0, 4), shown, 2, 3).images
    sampled = recipes.completions(model, test, (0, 4), shown, 2, 3, "ink").images
    given = visible_values(flags(shown), model.config.shape).numpy()
    assert (sampled[:, :, given] == means[:, :, given]).all()
    assert (sampled[[0, 1, -1]] == means[[0, 1, -1]]).all()  # input, truth and spread
    x, c = held_out(model.config, test, torch.tensor((0, 4)), flags(shown))
    uniform = (torch.from_numpy(recipes.thresholds(model.config.shape, 4, 3)) + 0.5) / 255
    epsilon = noise.normal((2, 2, model.latent), 3, "completions")
    with torch.inference_mode():
        likely = model.likelihood(model.draw(c, epsilon), c)
        expected = likely.paste(likely.sample(uniform[2:, None][..., likely.pixels]), x)
    assert (sampled[4:6] == as_bytes(expected)).all()
    assert (sampled[2:6][..., ~given] != means[2:6][..., ~given]).mean() > 0.5


def test_unused_cells_of_colour_pictures_are_blank() -> None:
    model, test = of_own_data("discretised-logistic", 3, "1")
    labelled_model = build(configure("label", data=own_data.description(channels=3), width=8, latent=2))
    for sheet, unused in (
        (recipes.one_z(labelled_model, (0.0, 1.0), range(3), 2), [[0, 0], [0, 1]]),
        (recipes.one_z(labelled_model, (0.0, 1.0), range(2), 5), None),
        (recipes.reconstructions(model, test, (0, 1, 2), 2), [[0, 0], [0, 0], [0, 1], [0, 1]]),
        (recipes.point(model, test, 3, (1, 2, 4, 5)), [[0, 0, 1, 1], [0] * 4, [1] * 4, [0] * 4, [0] * 4]),
    ):
        if unused is None or sheet.papers is None:
            assert (sheet.images.shape[:2], sheet.papers, unused) == ((1, 2), None, None)
            continue
        assert ((sheet.papers == BLANK).all(-1) == np.array(unused, bool)).all()


@pytest.fixture(scope="module")
def both() -> ConditionalVAE:
    """Return a model with random weights that is given a label and any pixels of own images."""
    model = build(configure("label+quadrant", data=own_data.description(side=20), width=8, latent=3, visible="brush"))
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.copy_(noise.normal(tuple(weight.shape), number, "weights") / 2)
    return model


@pytest.mark.parametrize("pixels", ["means", "ink"])
def test_an_image_is_completed_as_each_label_with_the_same_noise(both: ConditionalVAE, pixels: recipes.Shown) -> None:
    images, labels = own_data.sealed(own_data.description(side=20)).splits["test"]
    test = Split(torch.from_numpy(images), torch.from_numpy(labels).long())
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[4:, 3:9] = True
    name = masks.painted(mask.flatten())
    each, papers = recipes.completions_as(both, test, 1, name, (1, 0), 2, 5, pixels)
    assert each.shape == (4, 2, 400)  # the baseline, the best guess, two samples
    assert papers is not None
    assert ((papers == VISIBLE) == mask.flatten().numpy()).all()
    np.testing.assert_array_equal(
        each[..., mask.flatten()], np.broadcast_to(test.images[1][mask.flatten()], (4, 2, 96))
    )
    np.testing.assert_array_equal(each[0, 0], each[0, 1])  # the baseline is given no label
    assert (each[1, 0] != each[1, 1]).any()
    ink = test.images[1].numpy().tobytes()
    np.testing.assert_array_equal(recipes.drawing_as(both, ink, name, (1, 0), 2, 5, pixels).images, each)
    for column, label in enumerate((1, 0)):
        alone = recipes.drawing(both, ink, name, 2, 5, pixels, label).images[0, 1:-1]
        assert np.abs(alone.astype(int) - each[:, column]).max() <= 1
        chosen = recipes.completions(both, test, (1,), name, 2, 5, pixels, label).images[2:-1, 0]
        assert np.abs(chosen.astype(int) - each[:, column]).max() <= 1


def test_test_images_are_completed_as_their_own_label_unless_another_is_chosen(both: ConditionalVAE) -> None:
    images, labels = own_data.sealed(own_data.description(side=20)).splits["test"]
    test = Split(torch.from_numpy(images), torch.from_numpy(labels).long())
    own = recipes.completions(both, test, (0, 1), "2", 2, 0)
    for column in range(2):
        chosen = recipes.completions(both, test, (0, 1), "2", 2, 0, label=int(labels[column]))
        np.testing.assert_array_equal(own.images[:, column], chosen.images[:, column])
    with pytest.raises(ConfigError, match="Labels cannot be"):
        recipes.completions(both, test, (0, 1), "2", 2, 0, label=7)
