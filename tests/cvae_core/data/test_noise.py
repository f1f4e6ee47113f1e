"""Noise depends only on its seed and its use."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from cvae_core.data import noise

Draw = Callable[..., Tensor]
DRAWS: dict[str, Draw] = {
    "normal": lambda seed, *stream: noise.normal((64,), seed, *stream),
    "uniform": lambda seed, *stream: noise.uniform((64,), seed, *stream),
    "permutation": lambda seed, *stream: noise.permutation(64, seed, *stream),
    "integers": lambda seed, *stream: noise.integers(1000, 64, seed, *stream),
    "binarise": lambda seed, *stream: noise.binarise(torch.full((64,), 0.5), seed, *stream),
    "per_image": lambda seed, *stream: noise.per_image(torch.arange(4), 4, 4, seed, *stream),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_and_use_give_the_same_numbers_whatever_was_drawn_meanwhile(name: str) -> None:
    draw = DRAWS[name]
    first = draw(7, "samples", 3)
    torch.manual_seed(1)
    np.random.default_rng(7).normal(size=100)
    draw(7, "other")
    torch.rand(5)
    assert torch.equal(draw(7, "samples", 3), first)


@pytest.mark.parametrize("name", DRAWS)
def test_drawing_touches_no_shared_generator(name: str) -> None:
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 (the shared one is meant)
    DRAWS[name](7, "samples")
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == legacy).all()  # noqa: NPY002


def test_threads_that_draw_at_once_get_what_they_would_get_alone() -> None:
    alone = [noise.normal((1000,), seed, "samples") for seed in range(32)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: noise.normal((1000,), seed, "samples"), range(32)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_numbers_are_these_on_every_machine() -> None:
    # A change of these values would change every linked picture and every stored estimate.
    drawn = noise.normal((3,), 2015, "samples", 1)
    torch.testing.assert_close(drawn, torch.tensor([-0.39324188, -0.54720199, -0.59018064]), rtol=0, atol=0)
    assert noise.permutation(8, 2015, "order", 1).tolist() == [5, 2, 3, 7, 4, 6, 1, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((7, "samples"), (8, "samples"), id="seed"),
        pytest.param((7, "samples"), (7 + 2**32, "samples"), id="large seed"),
        pytest.param((7, "samples"), (7, "stage"), id="name"),
        pytest.param((7, "latent", 0, 1), (7, "latent", 1, 0), id="order"),
        pytest.param((7, "latent", 0, 1), (7, "latent", 0, 2), id="step"),
    ],
)
def test_other_seeds_and_uses_give_other_numbers(one: tuple[int, str], other: tuple[int, str]) -> None:
    assert not (noise.normal((64,), *one) == noise.normal((64,), *other)).any()


def test_an_images_noise_depends_on_its_index_alone() -> None:
    together = noise.per_image(torch.tensor([5, 3, 9]), 6, 4, 7, "posterior")
    assert together.shape == (6, 3, 4)
    assert torch.equal(noise.per_image(torch.tensor([3]), 6, 4, 7, "posterior")[:, 0], together[:, 1])
    assert not torch.equal(together[:, 0], together[:, 1])


def test_normal_noise_is_normal() -> None:
    drawn = noise.normal((200, 500), 7, "samples")
    assert drawn.dtype == torch.float32
    assert abs(float(drawn.mean())) < 4 / 100_000**0.5
    assert abs(float(drawn.var()) - 1) < 4 * (2 / 100_000) ** 0.5
    assert abs(float((drawn.abs() < 1.96).float().mean()) - 0.95) < 4 * (0.95 * 0.05 / 100_000) ** 0.5


def test_uniform_noise_fills_its_range_and_never_reaches_one() -> None:
    drawn = noise.uniform((200, 500), 7, "pixels")
    assert drawn.dtype == torch.float32
    assert 0 <= float(drawn.min()) < 1e-3
    assert 1 - 1e-3 < float(drawn.max()) < 1
    assert abs(float(drawn.mean()) - 0.5) < 4 * (1 / 12 / 100_000) ** 0.5


def test_a_permutation_has_every_index_once() -> None:
    assert noise.permutation(100, 7, "order").sort().values.tolist() == list(range(100))


def test_integers_reach_all_their_values_and_no_others() -> None:
    counts = noise.integers(14, 14_000, 7, "visible").bincount()
    assert len(counts) == 14
    assert int((counts - 1000).abs().max()) < 5 * 1000**0.5


def test_binarised_pixels_are_ink_as_often_as_their_intensity_says() -> None:
    intensities = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).expand(20_000, 5)
    drawn = noise.binarise(intensities, 7, "pixels")
    assert drawn.shape == intensities.shape
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    means = drawn.mean(0)
    assert means[[0, 4]].tolist() == [0.0, 1.0]
    errors = (intensities[0] * (1 - intensities[0]) / len(drawn)).sqrt()
    assert ((means - intensities[0]).abs() <= 4 * errors).all()
