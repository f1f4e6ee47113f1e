"""Properties of every flavour: no leak of hidden pixels, shapes, determinism, and an effect of c."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, kl_divergence

from cvae_core.config.flavours import Config
from cvae_core.config.presets import configure
from cvae_core.data import noise
from cvae_core.data.conditions import Condition, condition, labelled, nothing, quadrants_of
from cvae_core.data.masks import PROPER_SETS, flags, visible_values
from cvae_core.errors import ConfigError
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import CVAE, FlatVAE
from cvae_core.models.objectives import elbo

N, S, LATENT = 4, 3, 3
SETS = ("1", "2", "3", "any", "top-left+bottom-right")
SHOWN = PROPER_SETS[torch.tensor([0, 5, 9, 13])]  # four different sets for a model of any set
LABELS = torch.tensor([3, 0, 9, 3])
WITH_QUADRANTS = [f"{flavour} {visible}" for flavour in ("baseline", "quadrant") for visible in SETS]
KINDS = ["vae", "label standard", "label learned", *WITH_QUADRANTS]
FLAT, PRESETS = ("classic", "mlp"), ("classic", "mlp", "ladder")

WITH_LATENTS = [kind for kind in KINDS if not kind.startswith("baseline")]


def over(kinds: list[str]) -> pytest.MarkDecorator:
    """Parametrise a test by kinds of models in every preset that supports them (a ladder has latents and a learned prior)."""
    pairs = [(kind, preset) for preset in PRESETS for kind in kinds]
    no_ladder = ("baseline", "label standard")
    return pytest.mark.parametrize(
        ("kind", "preset"), [(k, p) for k, p in pairs if p != "ladder" or not k.startswith(no_ladder)]
    )


every = pytest.mark.parametrize("kind", KINDS)
with_latents = pytest.mark.parametrize("kind", WITH_LATENTS)
with_quadrants = pytest.mark.parametrize("kind", WITH_QUADRANTS)
in_both_presets = pytest.mark.parametrize("preset", FLAT)
in_every_preset = pytest.mark.parametrize("preset", PRESETS)

pytestmark = pytest.mark.usefixtures("small_baseline")


def configured(kind: str, preset: str = "mlp", **changes: Any) -> Config:
    flavour, _, rest = kind.partition(" ")
    changes |= {"groups": 1} if preset == "ladder" else {}
    which = {"label": {"prior": rest}, "vae": {}}.get(flavour, {"visible": rest})
    latent = {} if flavour == "baseline" else {"latent": LATENT}
    return configure(flavour, preset=preset, width=12, depth=1, **which, **latent, **changes)  # type: ignore[arg-type]


def shaken(config: Config) -> ConditionalVAE:
    """Build a model and change all its weights: weights that start at zero would hide dependencies."""
    model = build(config)
    with torch.no_grad():
        for index, weight in enumerate(model.parameters()):
            weight += 0.1 * noise.normal(weight.shape, 5, "shaken", index)
    return model.eval()


def images(seed: int = 1, count: int = N) -> Tensor:
    return noise.uniform((count, 784), seed, "images")


def given(config: Config, x: Tensor) -> Condition:
    return condition(config, x, LABELS[: len(x)], SHOWN[: len(x)] if config.run_name.startswith(ANY) else None)


ANY = ("baseline-any", "quadrant-any")


def base_noise(seed: int = 2, count: int = N, latent: int = LATENT) -> Tensor:
    return noise.normal((S, count, latent), seed, "latent")


def hidden(c: Condition) -> Tensor:
    assert c.visible is not None
    return ~visible_values(c.visible)


@pytest.fixture
def parts(kind: str, preset: str) -> Iterator[tuple[ConditionalVAE, Tensor, Condition, Tensor]]:
    config = configured(kind, preset)
    with torch.no_grad():
        yield shaken(config), images(), given(config, images()), base_noise(latent=config.latents)


Parts = tuple[ConditionalVAE, Tensor, Condition, Tensor]


@over(WITH_LATENTS)
def test_shapes_are_those_of_the_interface(parts: Parts) -> None:
    model, x, c, epsilon = parts
    for latents in (model.infer(x, c, epsilon), model.draw(c, epsilon)):
        assert latents.z.shape == latents.noise.shape == (S, N, model.latent)
        assert latents.rate.shape in ((1, N, model.latent), (S, N, model.latent))
        assert latents.log_weight.shape == (S, N)
    terms = elbo(model, x, c, epsilon)
    assert terms.reconstruction.shape == terms.rate.shape == terms.value().shape == (N,)


@pytest.mark.parametrize("kind", ["baseline 1", "baseline any"])
@pytest.mark.parametrize("preset", ["mlp"])
def test_a_baselines_latents_have_the_shapes_of_the_interface_with_no_dimension_at_the_end(parts: Parts) -> None:
    model, x, c, epsilon = parts
    for latents in (model.infer(x, c, epsilon), model.draw(c, epsilon)):
        assert latents.z.shape == latents.noise.shape == (S, N, 0)
        assert latents.rate.shape in ((1, N, 0), (S, N, 0))
        assert latents.log_weight.shape == (S, N)
    terms = elbo(model, x, c, epsilon)
    assert terms.reconstruction.shape == terms.rate.shape == terms.value().shape == (N,)


@over(KINDS)
def test_every_draw_of_every_image_has_a_likelihood(parts: Parts) -> None:
    model, x, c, epsilon = parts
    for latents in (model.infer(x, c, epsilon), model.draw(c, epsilon)):
        likelihood = model.likelihood(latents, c)
        assert likelihood.outputs.shape == (S, N, len(model.pixels))
        assert likelihood.log_prob(x).shape == (S, N)
        assert completed(likelihood, c).shape == (S, N, 784)
        assert all(len(encoded) == N for encoded in latents.context)


@over(KINDS)
def test_one_noise_serves_all_images_where_only_one_is_given(parts: Parts) -> None:
    model, x, c, epsilon = parts
    shared, each = epsilon[:, :1], epsilon[:, :1].expand(S, N, -1)
    for place in (lambda noise: model.infer(x, c, noise), lambda noise: model.draw(c, noise)):
        torch.testing.assert_close(
            model.likelihood(place(shared), c).log_prob(x), model.likelihood(place(each), c).log_prob(x)
        )


@every
@in_both_presets
def test_a_posterior_that_is_the_prior_has_no_rate_and_weighs_nothing(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x, c, epsilon = parts
    monkeypatch.setattr(model, "posterior", lambda x, context: model.prior(context))
    latents = model.infer(x, c, epsilon)
    assert latents.rate.abs().sum() == 0
    assert latents.log_weight.abs().sum() == 0
    torch.testing.assert_close(latents.noise, epsilon, rtol=1e-4, atol=1e-5)


@with_latents
@in_both_presets
def test_the_rate_is_a_divergence_and_the_weight_the_ratio_of_the_densities(parts: Parts) -> None:
    model, x, c, epsilon = parts
    context = model.context(c)
    prior, posterior, latents = model.prior(context), model.posterior(x, context), model.infer(x, c, epsilon)
    torch.testing.assert_close(latents.rate[0], kl_divergence(posterior, prior))
    assert latents.rate.min() > 0
    ratio = (prior.log_prob(latents.z) - posterior.log_prob(latents.z)).sum(-1)
    torch.testing.assert_close(latents.log_weight, ratio)


@over(WITH_LATENTS)
def test_the_same_noise_gives_the_same_z_and_other_noise_another(parts: Parts) -> None:
    model, x, c, epsilon = parts
    other = base_noise(seed=3, latent=model.latent)
    assert torch.equal(model.infer(x, c, epsilon).z, model.infer(x, c, epsilon).z)
    assert torch.equal(model.draw(c, epsilon).z, model.draw(c, epsilon).z)
    assert not (model.infer(x, c, epsilon).z == model.infer(x, c, other).z).any()
    assert not (model.draw(c, epsilon).z == model.draw(c, other).z).any()


@over(WITH_LATENTS)
def test_a_point_means_the_same_by_its_noise_under_the_prior_however_it_was_made(parts: Parts) -> None:
    model, x, c, epsilon = parts
    drawn = model.draw(c, epsilon)
    assert torch.equal(drawn.noise, epsilon)
    if isinstance(model, FlatVAE):
        prior = model.prior(model.context(c))
        torch.testing.assert_close(drawn.z, prior.loc + prior.scale * epsilon)
    assert drawn.rate.abs().sum() == drawn.log_weight.abs().sum() == 0
    inferred = model.infer(x, c, epsilon)
    again = model.draw(c, inferred.noise)
    torch.testing.assert_close(again.z, inferred.z, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        model.likelihood(again, c).outputs, model.likelihood(inferred, c).outputs, rtol=1e-3, atol=1e-3
    )


@over(KINDS)
def test_the_results_of_an_image_do_not_depend_on_its_batch(parts: Parts) -> None:
    model, x, c, epsilon = parts
    together = model.likelihood(model.infer(x, c, epsilon), c).log_prob(x)
    alone_c = given(model.config, x[:1])
    alone = model.likelihood(model.infer(x[:1], alone_c, epsilon[:, :1]), alone_c).log_prob(x[:1])
    torch.testing.assert_close(alone, together[:, :1], rtol=1e-4, atol=1e-3)


@over(KINDS)
def test_the_likelihood_is_that_of_bernoulli_pixels_summed_where_they_are_hidden(parts: Parts) -> None:
    model, x, c, epsilon = parts
    likelihood = model.likelihood(model.draw(c, epsilon), c)
    logits = torch.zeros(S, N, 784)
    logits[..., model.pixels] = likelihood.outputs
    scored = hidden(c) if c.visible is not None else torch.ones(N, 784, dtype=torch.bool)
    each = Bernoulli(logits=logits, validate_args=False).log_prob(x.expand(S, N, 784))
    torch.testing.assert_close(likelihood.log_prob(x), (each * scored).sum(-1), rtol=1e-4, atol=1e-2)


@over(WITH_QUADRANTS)
def test_a_visible_pixel_of_the_target_changes_no_score_and_every_hidden_one_does(parts: Parts) -> None:
    model, x, c, epsilon = parts
    likelihood, x = model.likelihood(model.draw(c, epsilon), c), x.double()
    likelihood.outputs = likelihood.outputs.double()  # so that rounding does not hide a small difference
    score = likelihood.log_prob(x)
    assert torch.equal(likelihood.log_prob(torch.where(hidden(c), x, 1 - x)), score)
    for image in range(N):
        for pixel in hidden(c)[image].nonzero().flatten()[::97]:
            changed = x.clone()
            changed[image, pixel] = 1 - changed[image, pixel]
            difference = likelihood.log_prob(changed) != score
            assert difference[:, image].any()
            assert not difference[:, [other for other in range(N) if other != image]].any()


@over(WITH_QUADRANTS)
def test_hidden_pixels_leak_nowhere(parts: Parts) -> None:
    model, x, c, epsilon = parts
    changed_c = given(model.config, torch.where(hidden(c), 1 - x, x))
    assert c.pixels is not None
    assert changed_c.pixels is not None
    assert torch.equal(changed_c.pixels, c.pixels)
    assert c.pixels[hidden(c)].abs().sum() == 0
    for one, other in zip(model.context(c), model.context(changed_c), strict=True):
        assert torch.equal(one, other)  # they depend on the baseline's prediction
    assert torch.equal(model.draw(c, epsilon).z, model.draw(changed_c, epsilon).z)
    completions = [completed(model.likelihood(model.draw(k, epsilon), k), k) for k in (c, changed_c)]
    assert torch.equal(*completions)


@over(WITH_QUADRANTS)
def test_visible_pixels_do_matter(parts: Parts) -> None:
    model, x, c, epsilon = parts
    changed_c = given(model.config, torch.where(hidden(c), x, 1 - x))
    one, other = (model.likelihood(model.draw(k, epsilon), k).outputs for k in (c, changed_c))
    assert (one != other).any(-1).all()


@over(WITH_LATENTS)
def test_the_posterior_sees_the_whole_image(parts: Parts) -> None:
    model, x, c, _ = parts
    scored = hidden(c) if c.visible is not None else torch.ones(N, 784, dtype=torch.bool)
    before = model.infer(x, c, torch.zeros(1, N, model.latent)).z[0]
    for changed in (torch.where(scored, 1 - x, x), torch.where(scored, x, 1 - x)):
        after = model.infer(changed, c, torch.zeros(1, N, model.latent)).z[0]  # with the same condition
        assert ((after != before).any(-1) == (changed != x).any(-1)).all()


@over(WITH_QUADRANTS)
def test_completions_keep_the_visible_pixels_exactly_and_fill_in_the_hidden_ones(parts: Parts) -> None:
    model, x, c, epsilon = parts
    likelihood = model.likelihood(model.draw(c, epsilon), c)
    whole = completed(likelihood, c)
    shown = ~hidden(c)
    assert torch.equal(whole[:, shown], x[shown].expand(S, -1))
    probabilities = torch.zeros(S, N, 784)
    probabilities[..., model.pixels] = likelihood.mean
    assert torch.equal(whole[:, hidden(c)], probabilities[:, hidden(c)])
    assert ((whole[:, hidden(c)] > 0) & (whole[:, hidden(c)] < 1)).all()


@over(["vae", "label learned"])
def test_where_nothing_is_visible_the_whole_image_is_the_models(parts: Parts) -> None:
    model, _, c, epsilon = parts
    likelihood = model.likelihood(model.draw(c, epsilon), c)
    assert torch.equal(completed(likelihood, c), likelihood.mean)


@pytest.mark.parametrize("flavour", ["baseline", "quadrant"])
@pytest.mark.parametrize(
    ("visible", "outputs"), [("1", 588), ("2", 392), ("3", 196), ("top-left+bottom-right", 392), ("any", 784)]
)
def test_a_fixed_set_is_generated_with_one_output_per_hidden_pixel(flavour: str, visible: str, outputs: int) -> None:
    model = build(configured(f"{flavour} {visible}"))
    assert len(model.pixels) == outputs
    if visible != "any":
        assert torch.equal(model.pixels, (~visible_values(flags(visible))).nonzero().flatten())
    c = quadrants_of(images(), flags("3" if visible == "any" else visible))
    assert model.likelihood(model.draw(c, base_noise(latent=model.latent)), c).outputs.shape == (S, N, outputs)


@pytest.mark.parametrize("flavour", ["baseline", "quadrant"])
@pytest.mark.parametrize("visible", SETS)
def test_a_model_completes_the_sets_it_has_learned_and_refuses_the_others(flavour: str, visible: str) -> None:
    model = build(configured(f"{flavour} {visible}"))
    refused = 0
    for shown in PROPER_SETS:
        c = quadrants_of(images(), shown)
        try:
            model.draw(c, base_noise(latent=model.latent))
        except ConfigError as error:
            assert "can complete an image only if the" in str(error)
            refused += 1
    assert refused == (0 if visible == "any" else 13)


def test_one_image_of_another_set_among_many_is_refused_too() -> None:
    model = build(configured("quadrant 1"))
    shown = flags("1").repeat(N, 1)
    shown[2] = flags("2")
    with pytest.raises(ConfigError, match="can complete an image only if the bottom left is visible"):
        model.draw(quadrants_of(images(), shown), base_noise())


@pytest.mark.parametrize("flavour", ["baseline", "quadrant"])
def test_a_model_of_any_set_scores_the_hidden_pixels_of_the_set_that_is_shown(flavour: str) -> None:
    model, x = shaken(configured(f"{flavour} any")), images()
    c = quadrants_of(x, flags("1"))
    with torch.no_grad():
        likelihood = model.likelihood(model.draw(c, base_noise(latent=model.latent)), c)
    pixels = (~visible_values(flags("1"))).nonzero().flatten()
    each = Bernoulli(logits=likelihood.outputs[..., pixels], validate_args=False).log_prob(
        x[:, pixels].expand(S, N, -1)
    )
    torch.testing.assert_close(likelihood.log_prob(x), each.sum(-1), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("kind", ["label standard", "label learned"])
@in_both_presets
def test_the_label_enters_encoder_and_decoder(parts: Parts) -> None:
    model, x, _, epsilon = parts
    three, eight = labelled(torch.full((N,), 3)), labelled(torch.full((N,), 8))
    posteriors = [model.posterior(x, model.context(c)) for c in (three, eight)]
    assert (posteriors[0].loc != posteriors[1].loc).all()
    z = model.draw(three, epsilon).z
    decoded = [model.decoded(z, model.context(c)) for c in (three, eight)]  # the same z, not only the same noise
    assert (decoded[0] != decoded[1]).all()


@in_both_presets
def test_the_label_enters_from_the_first_weights_on(preset: str) -> None:
    model, x = build(configured("label standard", preset)), images()
    with torch.no_grad():
        contexts = [model.context(labelled(torch.full((N,), label))) for label in (3, 8)]
        posteriors = [model.posterior(x, context) for context in contexts]
        decoded = [model.decoded(base_noise(), context) for context in contexts]
    assert not torch.equal(posteriors[0].loc, posteriors[1].loc)
    assert not torch.equal(decoded[0], decoded[1])


def test_a_learned_prior_starts_standard_and_differs_from_label_to_label_once_learned() -> None:
    c = labelled(torch.arange(10))
    fresh, learned = (make(configured("label learned")) for make in (build, shaken))
    start, prior = fresh.prior(fresh.context(c)), learned.prior(learned.context(c))
    assert start.loc.abs().sum() == 0
    assert (start.scale == 1).all()
    assert len(prior.loc.unique(dim=0)) == len(prior.scale.unique(dim=0)) == 10
    standard = shaken(configured("label standard"))
    assert standard.prior(standard.context(c)).loc.abs().sum() == 0


@pytest.mark.parametrize("visible", SETS)
@in_both_presets
def test_the_prior_sees_the_baselines_guess(visible: str, preset: str) -> None:
    model = shaken(configured(f"quadrant {visible}", preset))
    assert isinstance(model, CVAE)
    c = given(model.config, images())
    before, image = model.prior(model.context(c)).loc, model.context(c)[0]
    guess = completed(model.baseline.likelihood(model.baseline.draw(c, torch.zeros(1, 1, 0)), c), c)[0]
    assert torch.equal(image, guess)
    with torch.no_grad():
        model.baseline.output.bias += 1
    assert (model.prior(model.context(c)).loc != before).any(-1).all()


@pytest.mark.parametrize("visible", SETS)
@in_every_preset
def test_the_baseline_inside_learns_nothing_and_all_else_learns(visible: str, preset: str) -> None:
    model = shaken(configured(f"quadrant {visible}", preset)).train()
    c = given(model.config, images())
    elbo(model, images(), c, base_noise(latent=model.latent)).value().mean().neg().backward()
    learning = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert learning == {name for name, _ in model.named_parameters() if not name.startswith("baseline.")}
    assert not any(weight.requires_grad for name, weight in model.named_parameters() if name.startswith("baseline."))


@pytest.mark.parametrize(("preset", "sees"), [("classic", False), ("mlp", True)])
def test_the_generation_network_sees_the_condition_where_its_preset_says_so(preset: str, sees: bool) -> None:
    model = shaken(configured("quadrant 1", preset))
    one, other = (model.context(given(model.config, images(seed))) for seed in (1, 8))
    assert torch.equal(model.decoded(base_noise(), one), model.decoded(base_noise(), other)) is not sees


@in_both_presets
def test_a_vae_is_given_nothing(preset: str) -> None:
    model = shaken(configured("vae", preset))
    assert model.context(nothing(N)) == ()
    prior = model.prior(())
    assert (prior.loc.abs().sum(), prior.scale.tolist()) == (0, [1] * LATENT)


@over(KINDS)
def test_a_seed_gives_equal_weights_whatever_torch_drew_before(kind: str, preset: str) -> None:
    one = build(configured(kind, preset, seed=4)).state_dict()
    torch.manual_seed(123)
    torch.rand(7)
    same = build(configured(kind, preset, seed=4)).state_dict()
    other = build(configured(kind, preset, seed=5)).state_dict()
    assert list(one) == list(same)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert all(weight.isfinite().all() for weight in one.values())


with_a_ladder = pytest.mark.parametrize(
    "kind", [k for k in KINDS if k in ("vae", "label learned", "quadrant 1", "quadrant any")]
)


@with_a_ladder
@pytest.mark.parametrize("preset", ["ladder"])
def test_a_ladders_weight_is_the_ratio_of_its_densities_and_its_rate_what_sampling_gives(parts: Parts) -> None:
    model, x, c, _ = parts
    epsilon = noise.normal((200, N, model.latent), 9, "many")
    latents = model.infer(x, c, epsilon)
    sampled = -latents.log_weight  # log q − log p: the rate, in expectation
    error = sampled.std(0) / len(epsilon) ** 0.5
    assert ((sampled.mean(0) - latents.rate.sum(-1).mean(0)).abs() < 5 * error).all()


@with_a_ladder
@pytest.mark.parametrize("preset", ["ladder"])
def test_lower_groups_are_given_the_upper_ones_and_not_the_other_way_round(parts: Parts) -> None:
    model, x, c, epsilon = parts
    top = model.mapped
    other = epsilon.clone()
    other[..., top:] += 1
    assert torch.equal(model.draw(c, other).z[..., :top], model.draw(c, epsilon).z[..., :top])
    other = epsilon.clone()
    other[..., :top] += 1
    for one, changed in (
        (model.draw(c, epsilon), model.draw(c, other)),
        (model.infer(x, c, epsilon), model.infer(x, c, other)),
    ):
        assert (one.z[..., top:] != changed.z[..., top:]).any(-1).all()


@with_a_ladder
@pytest.mark.parametrize("preset", ["ladder"])
def test_a_ladders_units_are_its_maps(parts: Parts) -> None:
    model, x, c, epsilon = parts
    rate = model.infer(x, c, epsilon).rate
    units = model.per_unit(rate)
    assert units.shape == (*rate.shape[:-1], model.config.units)
    torch.testing.assert_close(units.sum(-1), rate.sum(-1))
    torch.testing.assert_close(units[..., 0], rate[..., :49].sum(-1))
    torch.testing.assert_close(units[..., -1], rate[..., -196:].sum(-1))


@with_a_ladder
@pytest.mark.parametrize("preset", ["ladder"])
def test_a_ladder_starts_with_a_posterior_that_is_its_prior(kind: str, preset: str) -> None:
    model = build(configured(kind, preset))
    with torch.no_grad():
        latents = model.infer(images(), given(model.config, images()), base_noise(latent=model.latent))
    assert latents.rate.abs().max() < 1e-6
    assert latents.log_weight.abs().max() < 1e-4


def test_quadrants_are_given_once_for_all_images_or_for_each() -> None:
    x = images()
    shared, each = quadrants_of(x, flags("2")), quadrants_of(x, SHOWN)
    assert shared.visible is not None
    assert each.visible is not None
    assert shared.visible.shape == each.visible.shape == (N, 4)
    assert shared.pixels is not None
    assert torch.equal(shared.pixels, x * visible_values(flags("2")))
    assert torch.equal(each.visible, SHOWN)


@pytest.mark.parametrize("make", [lambda: nothing(N), lambda: labelled(LABELS), lambda: quadrants_of(images(), SHOWN)])
def test_a_condition_moves_to_a_device_whole(make: Callable[[], Condition]) -> None:
    c = make()
    moved = c.to(torch.device("meta"))
    assert len(moved) == len(c) == N
    for before, after in ((c.labels, moved.labels), (c.visible, moved.visible), (c.pixels, moved.pixels)):
        assert (before is None) == (after is None)
        assert after is None or (after.shape == before.shape and after.device.type == "meta")
