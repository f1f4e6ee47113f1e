"""Interpolations stay in the typical set of base noise, and an embedding is stored with the digest of its weights."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import DataSet
from cvae_core.errors import ConfigError, RunDamaged, RunInUse
from cvae_core.evaluation import latent_space
from cvae_core.evaluation.latent_space import (
    USUAL,
    Embedding,
    Layout,
    agreement,
    draws,
    embed,
    located,
    neighbours,
    placed,
    posterior_means,
    projection,
    slerp,
    stored_embedding,
)
from cvae_core.models.build import build
from cvae_core.runs.run import Run
from cvae_core.system import formats
from tests.cvae_core.results import store_embedding

PCA = Layout(method="pca")
Tiny, Untrained = Callable[..., Config], Callable[..., Run]

pytestmark = pytest.mark.usefixtures("small_baseline")


def test_a_new_point_is_placed_among_its_neighbours_and_an_old_one_where_it_is() -> None:
    generator = np.random.default_rng(0)
    z = generator.normal(size=(50, 3)).astype(np.float16)
    map_ = Embedding(np.arange(100, 150), np.zeros(50, int), z, generator.normal(size=(50, 2)).astype(np.float32))
    place, near = placed(map_, z[7].astype(np.float32), 4)
    assert near[0] == 107
    np.testing.assert_allclose(place, map_.coordinates[7], atol=1e-4)
    between = (z[7].astype(np.float32) + z[8]) / 2
    place, near = placed(map_, between, 50)
    assert near == [100 + int(row) for row in np.argsort(np.linalg.norm(z.astype(np.float32) - between, axis=1))]
    low, high = map_.coordinates.min(0), map_.coordinates.max(0)
    assert ((low < place) & (place < high)).all()


def test_neighbours_agree_in_clusters_of_one_digit_and_by_chance_in_a_mixture() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(10, size=2500)
    spread, at = generator.normal(size=(2500, 4)), np.arange(2500)
    apart = Embedding(at, labels, (20 * labels[:, None] + spread).astype(np.float16), spread)
    assert agreement(apart).share == 1
    mixed = agreement(Embedding(at, labels, spread.astype(np.float16), spread))
    assert mixed.chance == pytest.approx(0.1, abs=0.002)
    assert mixed.share == pytest.approx(mixed.chance, abs=0.01)


def test_neighbours_that_agree_are_those_that_the_page_shows(embedding: Embedding) -> None:
    labels = dict(zip(embedding.indices.tolist(), embedding.labels.tolist(), strict=True))
    found = [labels[near] == labels[one] for one in labels for near in neighbours(embedding, one, 10)]
    assert agreement(embedding).share == pytest.approx(np.mean(found), abs=1e-3)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_new_points_lie_where_the_map_has_the_same_z(embedding: Embedding, method: latent_space.Method) -> None:
    places = located(embedding, embedding.z[:5].astype(np.float32), method, 8)
    np.testing.assert_allclose(places, embedding.coordinates[:5], atol=2e-2)


def test_a_walk_starts_and_ends_where_it_was_told_to() -> None:
    start, end = noise.normal((2, 16), 1, "ends")
    walk = slerp(start, end, 9)
    assert walk.shape == (9, 16)
    torch.testing.assert_close(walk[0], start)
    torch.testing.assert_close(walk[-1], end)


def test_a_walk_between_points_of_a_sphere_stays_on_it_in_equal_steps() -> None:
    ends = noise.normal((2, 16), 1, "ends")
    start, end = 4 * ends / ends.norm(dim=1, keepdim=True)
    walk = slerp(start, end, 9)
    torch.testing.assert_close(walk.norm(dim=1), torch.full((9,), 4.0))
    steps = (walk[1:] - walk[:-1]).norm(dim=1)
    torch.testing.assert_close(steps, steps.mean().expand(8), rtol=1e-3, atol=0)
    assert (slerp(start, end, 3)[1].norm() - 4).abs() < 1e-4
    assert ((start + end) / 2).norm() < 3.5  # the midpoint of a straight line


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    walk = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)
    torch.testing.assert_close(walk, torch.tensor([[1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)], [0.0, 1.0]]))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [2.0, 4.0]),
        ([1.0, 2.0], [-1.0, -2.0]),
        ([0.0, 0.0], [1.0, 2.0]),
        ([1.0, 2.0], [0.0, 0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
    ],
)
def test_where_no_arc_is_the_shortest_the_walk_is_straight_and_finite(start: list[float], end: list[float]) -> None:
    walk = slerp(torch.tensor(start), torch.tensor(end), 3)
    torch.testing.assert_close(walk, torch.tensor([start, [(a + b) / 2 for a, b in zip(start, end, strict=True)], end]))


@pytest.mark.parametrize("flavour", ["vae", "label", "quadrant"])
def test_posterior_means_do_not_depend_on_other_images(flavour: str, tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny(flavour, latent=3))
    rows = torch.tensor([5, 1, 300])
    x, c = held_out(model.config, digits.test, rows)
    with torch.no_grad():
        expected = model.posterior(x, model.context(c)).loc
    means = posterior_means(model, digits.test, rows)
    assert means.shape == (3, 3)
    torch.testing.assert_close(means, expected)
    torch.testing.assert_close(posterior_means(model, digits.test, rows[1:]), means[1:], rtol=1e-4, atol=1e-5)


def test_where_the_posterior_is_the_prior_draws_of_both_are_alike(tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny("vae", latent=3))
    with torch.no_grad():
        model.recognition_head.linear.weight.zero_()
        model.recognition_head.linear.bias.zero_()

    def apart() -> float:
        prior, posterior = draws(model, digits.test, torch.arange(360), 0)
        assert prior.shape == posterior.shape == (360, 3)
        assert abs(np.corrcoef(prior[:, 0], posterior[:, 0])[0, 1]) < 0.2  # alike, but not the same
        points = np.quantile(prior, [0.1, 0.25, 0.5, 0.75, 0.9], axis=0)
        return float(np.abs(points - np.quantile(posterior, [0.1, 0.25, 0.5, 0.75, 0.9], axis=0)).max())

    alike = apart()
    with torch.no_grad():
        model.recognition_head.linear.bias.fill_(0.5)
    assert alike < 0.3 < apart()  # three standard errors


@pytest.mark.parametrize("flavour", ["vae", "label", "quadrant"])
def test_draws_do_not_depend_on_other_images(flavour: str, tiny: Tiny, digits: DataSet) -> None:
    learned = {"prior": "learned"} if flavour == "label" else {}
    model = build(tiny(flavour, latent=3, **learned))
    rows = torch.tensor([5, 1, 300])
    found = draws(model, digits.test, rows, 7)
    x, c = held_out(model.config, digits.test, rows)
    with torch.no_grad():
        prior = model.prior(model.context(c))
        posterior = model.posterior(x, model.context(c))
    for drawn, distribution, name in zip(found, (prior, posterior), ("prior", "posterior"), strict=True):
        epsilon = noise.per_image(rows, 1, 3, 7, "map", name)[0]
        np.testing.assert_allclose(drawn, distribution.at(epsilon).numpy(), atol=1e-5)
        assert (drawn != getattr(draws(model, digits.test, rows, 8), name)).all()
    for one, some in zip(draws(model, digits.test, rows[1:], 7), found, strict=True):
        np.testing.assert_allclose(one, some[1:], rtol=1e-4, atol=1e-5)


def test_a_projection_places_new_points_where_the_map_has_old_ones(embedding: Embedding) -> None:
    project = projection(embedding.z, 2)
    np.testing.assert_allclose(project(embedding.z), embedding.coordinates, atol=5e-3)
    middle = embedding.z.mean(axis=0, dtype=np.float64, keepdims=True)
    np.testing.assert_allclose(project(middle), [[0, 0]], atol=1e-3)
    apart = project(2 * embedding.z.astype(np.float32) - middle)
    np.testing.assert_allclose(apart, 2 * embedding.coordinates, atol=1e-2)


@pytest.fixture(scope="module")
def embedding(tiny: Tiny, digits: DataSet) -> Embedding:
    return embed(build(tiny("label", latent=5)), digits.test, Layout(method="pca", points=60))


def test_principal_components_are_a_rotation_of_the_centred_means(embedding: Embedding) -> None:
    centred = (embedding.z - embedding.z.mean(0)).astype(np.float64)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    np.testing.assert_allclose(np.abs(embedding.coordinates), np.abs(expected), rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(embedding.coordinates, axis=0), singular[:2], rtol=1e-3)


def test_an_embedding_says_which_images_it_shows(embedding: Embedding, digits: DataSet) -> None:
    assert embedding.indices.tolist() == list(range(60))
    assert (embedding.labels == digits.test.labels[:60].numpy()).all()
    assert (embedding.z.shape, embedding.coordinates.shape) == ((60, 5), (60, 2))
    assert (embedding.z.dtype, embedding.coordinates.dtype) == (np.float16, np.float32)


def test_the_z_of_an_embedding_is_the_posterior_mean_nearer_than_any_neighbour(
    embedding: Embedding, tiny: Tiny, digits: DataSet
) -> None:
    means = posterior_means(build(tiny("label", latent=5)), digits.test, torch.arange(60)).numpy()
    errors = np.linalg.norm(embedding.z - means, axis=1)
    apart = np.linalg.norm(means[:, None] - means, axis=2) + np.diag([np.inf] * 60)
    assert errors.max() < apart.min() / 10


def test_t_sne_of_the_same_model_is_the_same_picture(tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny("label", latent=5))
    first, again = (embed(model, digits.test, Layout(method="tsne", points=60)) for _ in range(2))
    assert first.coordinates.shape == (60, 2)
    assert np.isfinite(first.coordinates).all()
    np.testing.assert_array_equal(first.coordinates, again.coordinates)


@pytest.mark.parametrize("layout", [Layout(points=60, dimensions=3), Layout(method="pca", points=60, dimensions=3)])
def test_a_map_in_three_dimensions_has_a_third_coordinate(layout: Layout, tiny: Tiny, digits: DataSet) -> None:
    solid = embed(build(tiny("label", latent=5)), digits.test, layout)
    assert (solid.coordinates.shape, solid.coordinates.dtype) == ((60, 3), np.float32)
    assert (solid.coordinates.std(axis=0) > 0).all()


def test_the_first_two_of_three_principal_components_are_the_plane(
    embedding: Embedding, tiny: Tiny, digits: DataSet
) -> None:
    solid = embed(build(tiny("label", latent=5)), digits.test, Layout(method="pca", points=60, dimensions=3))
    np.testing.assert_allclose(solid.coordinates[:, :2], embedding.coordinates, atol=1e-4)


def test_other_perplexities_lay_the_points_out_otherwise(tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny("label", latent=5))
    few, many = (embed(model, digits.test, Layout(points=60, perplexity=perplexity)) for perplexity in (5, 30))
    assert np.array_equal(few.z, many.z)
    assert not np.allclose(few.coordinates, many.coordinates)


@pytest.mark.parametrize("perplexity", [0.5, 60, 1000, float("nan")])
def test_a_perplexity_that_cannot_be_is_refused(perplexity: float, tiny: Tiny, digits: DataSet) -> None:
    with pytest.raises(
        ConfigError, match=f"Perplexity cannot be {perplexity}: it must lie between 1 and the number of po"
    ):
        embed(build(tiny("vae")), digits.test, Layout(points=60, perplexity=perplexity))


def test_neighbours_are_the_nearest_in_z_nearest_first(embedding: Embedding) -> None:
    some = replace(embedding, indices=embedding.indices * 2)  # a test index is not a position on the map
    distances = np.linalg.norm(some.z.astype(float) - some.z[7].astype(float), axis=1)
    expected = [int(some.indices[position]) for position in np.argsort(distances) if position != 7][:5]
    assert neighbours(some, 14, 5) == expected
    assert len(neighbours(some, 14, 1000)) >= 59
    assert 14 not in neighbours(some, 14, 59)


def test_no_more_points_are_shown_than_there_are(tiny: Tiny, digits: DataSet) -> None:
    found = embed(build(tiny("vae")), digits.validation, Layout(method="pca", points=5000))
    assert len(found.indices) == 180


@pytest.mark.parametrize("points", [latent_space.MAX_POINTS + 1, latent_space.MIN_POINTS - 1, 0, -1])
def test_points_that_no_embedding_has_are_refused(points: int, tiny: Tiny, digits: DataSet) -> None:
    with pytest.raises(ConfigError, match=f"Points cannot be {points}: an embedding has 50 to 10,000"):
        embed(build(tiny("vae")), digits.test, Layout(points=points))


def test_dimensions_that_cannot_be_are_refused(tiny: Tiny, digits: DataSet) -> None:
    with pytest.raises(ConfigError, match="at least three latent dimensions: this model has 2"):
        embed(build(tiny("vae", latent=2)), digits.test, Layout(dimensions=3))
    with pytest.raises(ConfigError, match="Dimensions cannot be 4: an embedding has 2 or 3"):
        embed(build(tiny("vae", latent=5)), digits.test, Layout(dimensions=4))  # type: ignore[arg-type]


@pytest.mark.parametrize("flavour", ["baseline", "vae"])
def test_without_two_dimensions_there_is_nothing_to_embed(flavour: str, tiny: Tiny, digits: DataSet) -> None:
    latents = {} if flavour == "baseline" else {"latent": 1}
    with pytest.raises(ConfigError, match="at least two latent dimensions"):
        embed(build(tiny(flavour, **latents)), digits.test, Layout(method="pca"))


def test_a_collapsed_latent_space_is_not_laid_out(tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny("label"))
    with torch.no_grad():
        model.recognition_head.linear.weight.zero_()
    for method in ("pca", "tsne"):
        with pytest.raises(ConfigError, match="carries almost no information about the images"):
            embed(model, digits.test, Layout(method=method, points=60))  # type: ignore[arg-type]


def test_an_embedding_of_weights_that_have_been_replaced_meanwhile_is_not_stored(
    embedding: Embedding, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label"))
    embedded = run.weights_digest()
    run.write_weights(run.card(), build(tiny("label", seed=5)).state_dict(), torch.float32)
    with pytest.raises(RunInUse, match="has new weights: the result belongs"):
        latent_space.store_embedding(run, PCA, embedding, embedded)


def equal(one: Embedding | None, other: Embedding | None) -> bool:
    assert one is not None
    assert other is not None
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_an_embedding_is_kept_with_its_run_by_method(embedding: Embedding, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    assert stored_embedding(run, PCA) is None
    store_embedding(run, PCA, embedding)
    assert equal(stored_embedding(run, PCA), embedding)
    assert stored_embedding(run, USUAL) is None


def test_a_map_of_other_settings_lies_beside_the_usual_one(
    embedding: Embedding, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label", latent=5))
    layouts = [USUAL, PCA, Layout(points=60), Layout(perplexity=7), Layout(points=60, perplexity=7)]
    layouts += [replace(layout, dimensions=3) for layout in layouts]
    points = np.pad(embedding.coordinates, ((0, 0), (0, 1)))
    maps = [
        replace(embedding, coordinates=points[:, : layout.dimensions] + number, z=np.pad(embedding.z, ((0, 0), (0, 3))))
        for number, layout in enumerate(layouts)
    ]
    for layout, one in zip(layouts, maps, strict=True):
        store_embedding(run, layout, one)
    for layout, one in zip(layouts, maps, strict=True):
        assert equal(stored_embedding(run, layout), one)
    assert Layout(method="pca", perplexity=7).file == PCA.file  # PCA has no perplexity


def test_maps_in_the_plane_keep_their_file_names() -> None:
    plane = [USUAL, PCA, Layout(points=60, perplexity=7), Layout(method="pca", points=60)]
    names = ["embedding-tsne.npz", "embedding-pca.npz", "embedding-tsne-60-7.npz", "embedding-pca-60.npz"]
    assert [layout.file for layout in plane] == names
    solid = [replace(layout, dimensions=3).file for layout in plane]
    assert solid == [name.replace(".npz", "-3d.npz") for name in names]


def test_an_embedding_of_other_weights_is_not_shown(embedding: Embedding, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    store_embedding(run, PCA, embedding)
    run.write_weights(run.card(), build(tiny("label", seed=5)).state_dict(), torch.float32)
    assert stored_embedding(run, PCA) is None


def test_an_embedding_of_a_pretrained_run_lies_beside_it_and_the_newer_one_counts(
    embedding: Embedding, tmp_path: Path, tiny: Tiny, untrained: Untrained
) -> None:
    run = untrained(tiny("label"))
    store_embedding(run, PCA, embedding)
    run.write_card(replace(run.card(), read_only=True))
    assert equal(stored_embedding(run, PCA), embedding)
    newer = replace(embedding, coordinates=embedding.coordinates + 1)
    store_embedding(run, PCA, newer)
    assert (tmp_path / ".cache" / run.name / "embedding-pca.npz").is_file()
    assert equal(stored_embedding(run, PCA), newer)


def test_a_damaged_embedding_is_not_shown(embedding: Embedding, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    store_embedding(run, PCA, embedding)
    path = run.folder / "embedding-pca.npz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunDamaged):
        stored_embedding(run, PCA)


def test_another_map_in_the_place_of_one_is_not_shown(embedding: Embedding, tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("vae"))
    store_embedding(run, PCA, embedding)
    shutil.copy(run.folder / PCA.file, run.folder / USUAL.file)
    with pytest.raises(RunDamaged, match=r"embedding-tsne\.npz has content that this"):
        stored_embedding(run, USUAL)


def test_an_embedding_of_another_version_is_said_to_be(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    weights = run.card().weights
    assert weights is not None
    formats.write_arrays(run.folder / "embedding-pca.npz", weights=np.array(weights.sha256), points=np.zeros(3))
    with pytest.raises(RunDamaged):
        stored_embedding(run, PCA)
