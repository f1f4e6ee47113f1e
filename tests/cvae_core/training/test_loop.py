"""The training loop takes the documented steps, follows its schedules, and reports correct measurements."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.batches import guess_is_fixed, held_out, shown_rows
from cvae_core.data.conditions import labelled
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.masks import flags, visible_values
from cvae_core.errors import Diverged
from cvae_core.models.build import build
from cvae_core.system.distributed import fast_dtype
from cvae_core.training import loop, validation
from cvae_core.training.loop import STAGE_EPOCHS, EpochEnded, Learner, Stepped, steps_per_epoch, train
from cvae_core.training.validation import STAGE_COLUMNS, Measured, Staged, rates, stage, validate

Tiny = Callable[..., Config]

pytestmark = pytest.mark.usefixtures("small_baseline")


def learner_of(config: Config, images: int = 1257, dtype: torch.dtype = torch.float32) -> Learner:
    return Learner(config, steps_per_epoch(config, images), dtype=dtype, frozen={})


@pytest.fixture(scope="module")
def label_training(tiny: Tiny, digits: DataSet) -> tuple[Learner, list[Any]]:
    learner = learner_of(tiny("label", epochs=4, warm_up=0))
    return learner, list(train(learner, digits))


def of(kind: type, reports: list[Any]) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


def test_every_step_and_every_epoch_is_reported_in_order(
    label_training: tuple[Learner, list[Any]], digits: DataSet
) -> None:
    learner, reports = label_training
    assert learner.steps == math.ceil(1257 / 256) == 5
    steps = [(report.epoch, report.step, report.steps) for report in of(Stepped, reports)]
    assert steps == [(epoch, step, 5) for epoch in (1, 2, 3, 4) for step in (1, 2, 3, 4, 5)]
    ended = of(EpochEnded, reports)
    assert [(report.epoch, report.epochs) for report in ended] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    kinds = [type(report) for report in reports if not isinstance(report, Staged)]
    assert kinds == ([Stepped] * 5 + [EpochEnded]) * 4
    assert [ended[index].seconds < ended[index + 1].seconds for index in range(3)] == [True] * 3
    assert learner.finished
    assert list(train(learner, digits)) == []


def test_stages_are_shown_at_the_moments_that_were_chosen_and_before_the_step_is_taken(
    label_training: tuple[Learner, list[Any]],
) -> None:
    _, reports = label_training
    moments = sorted({round(epoch * 5) for epoch in STAGE_EPOCHS if epoch * 5 <= 19.5})
    assert [round(report.epoch * 5) for report in of(Staged, reports)] == moments
    taken = 0
    for report in reports:
        if isinstance(report, Staged):
            assert round(report.epoch * 5) == taken
        taken += isinstance(report, Stepped)


def test_a_guess_that_is_remembered_teaches_what_a_guess_made_anew_does(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "GUESSES_AT_ONCE", 100)
    learned = []
    for remembers in (True, False):
        monkeypatch.setattr(loop, "guess_is_fixed", lambda _, says=remembers: says)
        learner = learner_of(tiny("quadrant", epochs=2))
        list(train(learner, digits))
        assert (learner.guesses is not None) == remembers
        learned.append(learner.model.state_dict())
    for name, weight in learned[0].items():
        torch.testing.assert_close(weight, learned[1][name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("settings", "fixed"),
    [({}, True), ({"visible": "any"}, False), ({"pixels": "binarised"}, False), ({"shifts": 0.5}, False)],
)
def test_a_guess_is_remembered_only_where_the_baseline_sees_the_same_again(
    settings: dict[str, Any], fixed: bool, tiny: Tiny
) -> None:
    assert guess_is_fixed(tiny("quadrant", **settings)) == fixed
    assert not guess_is_fixed(tiny("label"))


def test_learning_raises_the_bound(label_training: tuple[Learner, list[Any]]) -> None:
    ended = of(EpochEnded, label_training[1])
    assert ended[-1].validation.bound > ended[0].validation.bound + 10
    assert ended[-1].train.bound > ended[0].train.bound + 10
    for report in ended:
        for measured in (report.train, report.validation):
            assert measured.bound == pytest.approx(measured.reconstruction - measured.rate, abs=1e-3)
            assert measured.rate > 0


def test_the_training_bound_of_an_epoch_is_the_mean_over_its_images_not_over_its_batches(
    tiny: Tiny, digits: DataSet
) -> None:
    few = replace(digits, train=digits.train.part(slice(0, 65)))
    learner = learner_of(tiny("label", epochs=1, batch_size=64, learning_rate=0.05, one_cycle=False), images=65)
    reports = list(train(learner, few))
    (many, last), (ended,) = of(Stepped, reports), of(EpochEnded, reports)
    assert ended.train.bound == pytest.approx((64 * many.bound + last.bound) / 65, rel=1e-6)
    assert abs(ended.train.bound - (many.bound + last.bound) / 2) > 0.5


def test_a_step_reports_the_mean_bound_of_its_images_at_full_weight_of_the_rate(tiny: Tiny, digits: DataSet) -> None:
    config = tiny("label", beta=3.0, warm_up=2)
    learner, rows = learner_of(config), torch.arange(40)
    x, labels = digits.train.intensities(rows), digits.train.labels[rows]
    model = build(config)
    terms = loop.objective(model, x, labelled(labels), noise.normal((1, 40, 2), config.seed, "latent", 0, 0))
    expected = float((terms.reconstruction - 3 * terms.rate).mean().detach())
    assert learner.learn(digits.train, rows) == pytest.approx(expected, rel=1e-5)


def test_a_step_goes_downhill_on_what_the_schedule_weighs(tiny: Tiny, digits: DataSet) -> None:
    rates_seen = {}
    for beta in (0.0, 100.0):
        learner = learner_of(tiny("label", epochs=2, beta=beta, warm_up=0, learning_rate=0.01))
        rates_seen[beta] = of(EpochEnded, list(train(learner, digits)))[-1].train.rate
    assert rates_seen[100.0] < 0.5 * rates_seen[0.0]


def at_each_step(learner: Learner, value: Callable[[], float]) -> Iterator[float]:
    for done in range(learner.config.epochs * learner.steps):
        learner.epoch, learner.step = divmod(done, learner.steps)
        yield value()


def test_the_one_cycle_schedule_starts_low_peaks_at_the_given_rate_and_ends_at_zero(tiny: Tiny) -> None:
    learner = learner_of(tiny("label", epochs=20, learning_rate=0.004))
    schedule = list(at_each_step(learner, learner.learning_rate))
    peak = schedule.index(max(schedule))
    assert schedule[peak] == pytest.approx(0.004, rel=1e-9)
    assert (peak + 1) / len(schedule) == pytest.approx(0.1)
    assert schedule[0] == pytest.approx(0.004 / 10)
    assert schedule[-1] == pytest.approx(0, abs=1e-9)
    assert schedule[:peak] == sorted(schedule[:peak])
    assert schedule[peak:] == sorted(schedule[peak:], reverse=True)


def test_the_rate_of_the_schedule_is_what_the_optimiser_uses(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, used = learner_of(tiny("label", epochs=20)), []
    expected = learner.learning_rate()
    assert expected < learner.config.learning_rate / 2
    monkeypatch.setattr(learner.optimiser, "step", used.append)
    learner.learn(digits.train, torch.arange(8))
    assert used == [expected]


def test_without_a_schedule_the_rate_is_constant(tiny: Tiny) -> None:
    learner = learner_of(tiny("label", preset="classic", learning_rate=0.004))
    assert set(at_each_step(learner, learner.learning_rate)) == {0.004}


def test_the_weight_of_the_rate_grows_from_nothing_to_beta_over_the_warm_up(tiny: Tiny) -> None:
    learner = learner_of(tiny("label", epochs=4, beta=0.5, warm_up=2))
    schedule = list(at_each_step(learner, learner.rate_weight))
    assert schedule[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert schedule[10:] == [0.5] * 10


def test_without_a_warm_up_the_weight_is_beta_from_the_first_step(tiny: Tiny) -> None:
    learner = learner_of(tiny("label", beta=2.0, warm_up=0))
    assert set(at_each_step(learner, learner.rate_weight)) == {2.0}


def test_the_average_is_what_is_evaluated_and_is_not_the_last_weights(tiny: Tiny, digits: DataSet) -> None:
    averaged, raw = learner_of(tiny("label", averaging=0.9)), learner_of(tiny("label", averaging=0.0))
    for learner in (averaged, raw):
        reports = list(train(learner, digits))
        assert of(EpochEnded, reports)[-1].validation == validate(learner.evaluated, digits.validation)
    assert raw.evaluated is raw.model
    assert averaged.evaluated is not averaged.model
    pairs = zip(averaged.evaluated.parameters(), averaged.model.parameters(), strict=True)
    assert all(not torch.equal(mean, last) for mean, last in pairs)
    for one, other in zip(averaged.model.parameters(), raw.model.parameters(), strict=True):
        assert torch.equal(one, other)  # averaging changes no step


def test_the_average_lies_between_the_weights_it_has_seen(tiny: Tiny, digits: DataSet) -> None:
    learner, seen = learner_of(tiny("label", averaging=0.9)), []
    for report in train(learner, digits):
        if isinstance(report, Stepped):
            seen.append(learner.model.output.bias.detach().clone())
    weights = torch.stack(seen)
    mean = learner.evaluated.output.bias.detach()
    assert ((mean >= weights.min(0).values - 1e-6) & (mean <= weights.max(0).values + 1e-6)).all()
    assert not torch.allclose(mean, weights.mean(0))  # recent weights count for more
    assert (mean - weights[-1]).norm() < (weights.mean(0) - weights[-1]).norm()


def scripted(monkeypatch: pytest.MonkeyPatch, bounds: list[float]) -> None:
    """Make validation return these bounds, one per epoch."""
    script = iter(bounds)
    monkeypatch.setattr(
        loop,
        "validate",
        lambda *_: Measured(split="validation", bound=next(script), reconstruction=0.0, rate=0.0),
    )


def test_patience_ends_training_after_so_many_epochs_without_a_better_bound(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [-9.0, -8.0, -8.5, -7.0, -7.0, -7.5, -7.1, -1.0, -1.0])
    learner = learner_of(tiny("label", epochs=9, patience=3))
    ended = of(EpochEnded, list(train(learner, digits)))
    assert [report.improved for report in ended] == [True, True, False, True, False, False, False]
    assert (learner.epoch, learner.best_epoch, learner.best) == (7, 4, -7.0)


def test_without_patience_all_epochs_are_trained(tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [-1.0, -2.0, -3.0, -4.0])
    learner = learner_of(tiny("label", epochs=4, patience=None))
    assert [report.improved for report in of(EpochEnded, list(train(learner, digits)))] == [True, False, False, False]


def test_every_image_is_seen_once_an_epoch_and_in_another_order_the_next_time(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    batch = loop.training_batch

    def noted(config: Config, split: Split, rows: torch.Tensor, epoch: int, step: int) -> Any:
        seen.extend(rows.tolist())
        return batch(config, split, rows, epoch, step)

    monkeypatch.setattr(loop, "training_batch", noted)
    list(train(learner_of(tiny("label", epochs=2)), digits))
    first, second = seen[:1257], seen[1257:]
    assert sorted(first) == sorted(second) == list(range(1257))
    assert first != second


def test_pixels_and_visible_sets_are_drawn_anew_at_every_step_and_held_out_ones_never(
    tiny: Tiny, digits: DataSet
) -> None:
    config, rows = tiny("quadrant", visible="any", pixels="binarised"), torch.arange(100)
    x, c = loop.training_batch(config, digits.train, rows, 0, 0)
    again, again_c = loop.training_batch(config, digits.train, rows, 0, 0)
    later, later_c = loop.training_batch(config, digits.train, rows, 0, 1)
    assert c.visible is not None
    assert again_c.visible is not None
    assert later_c.visible is not None
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(x, again)
    assert torch.equal(c.visible, again_c.visible)
    assert not torch.equal(x, later)
    assert not torch.equal(c.visible, later_c.visible)
    assert len(c.visible.unique(dim=0)) == 14
    held, held_c = held_out(config, digits.validation, torch.tensor([7, 3]))
    alone, alone_c = held_out(config, digits.validation, torch.tensor([3]))
    assert torch.equal(held[1:], alone)
    assert held_c.visible is not None
    assert alone_c.visible is not None
    assert torch.equal(held_c.visible[1:], alone_c.visible)


@pytest.mark.parametrize("flavour", ["vae", "label", "quadrant", "baseline"])
def test_validation_says_the_same_every_time_and_takes_no_step(flavour: str, tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny(flavour, **({} if flavour == "baseline" else {"beta": 2.0})))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = validate(model, digits.validation)
    torch.rand(3)
    assert validate(model, digits.validation) == first
    assert first.bound == pytest.approx(first.reconstruction - 2 * first.rate if first.rate else first.reconstruction)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_share_of_the_training_images_is_shifted_by_up_to_one_pixel(tiny: Tiny, digits: DataSet) -> None:
    rows = torch.arange(900)
    before, _ = loop.training_batch(tiny("vae"), digits.train, rows, 0, 0)
    after, _ = loop.training_batch(tiny("vae", shifts=0.5), digits.train, rows, 0, 0)
    padded = torch.nn.functional.pad(before.unflatten(-1, (28, 28)), (1, 1, 1, 1))
    ways = [padded[:, down : down + 28, right : right + 28].flatten(1) for down in range(3) for right in range(3)]
    fits = torch.stack([(way == after).all(-1) for way in ways])  # (ways, images)
    assert fits.any(0).all()
    assert 0.38 < 1 - fits[4].float().mean() < 0.51  # of the shifted half, one image in nine has the shift (0, 0)
    assert (fits.float().mean(1) > 0.03).all()  # every direction occurs
    later, _ = loop.training_batch(tiny("vae", shifts=0.5), digits.train, rows, 0, 1)
    assert not torch.equal(after, later)


@pytest.mark.parametrize("changes", [{"alpha": 0.0}, {"alpha": 0.5}, {"draws": 3}, {"groups": 1, "latent": 1}])
def test_every_objective_and_the_ladder_learn(changes: dict[str, Any], tiny: Tiny, digits: DataSet) -> None:
    config = tiny("quadrant", **changes)
    learner = Learner(config, steps_per_epoch(config, len(digits.train)), dtype=torch.float32, frozen={})
    ends = [report for report in train(learner, digits) if isinstance(report, EpochEnded)]
    assert ends[-1].validation.bound > ends[0].validation.bound
    assert (ends[-1].validation.rate == 0) == (changes == {"alpha": 0.0})


def test_a_warm_up_of_the_importance_weighted_bound_does_not_reward_the_rate(tiny: Tiny, digits: DataSet) -> None:
    config = tiny("label", latent=4, width=32, batch_size=64, epochs=2, warm_up=5.0, draws=5)
    learner = Learner(config, steps_per_epoch(config, len(digits.train)), dtype=torch.float32, frozen={})
    ends = [report for report in train(learner, digits) if isinstance(report, EpochEnded)]
    assert max(end.validation.rate for end in ends) < 20  # nats; 203 if the bound was weighted outside


def test_validation_is_a_mean_over_images_whatever_the_batches(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tiny("baseline"))  # needs no noise, so only the batches differ
    whole = validate(model, digits.validation)
    monkeypatch.setattr(validation, "VALIDATION_BATCH", 179)
    assert validate(model, digits.validation).bound == pytest.approx(whole.bound, rel=1e-6)


def test_the_rates_of_the_dimensions_add_up_to_the_rate(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tiny("label", latent=5, seed=1))
    with torch.no_grad():
        model.recognition_head.linear.bias.copy_(torch.arange(10.0) / 5)
    each = rates(model, digits.validation)
    assert (each.shape, each.dtype) == ((5,), torch.float64)
    assert float(each.sum()) == pytest.approx(validate(model, digits.validation).rate, rel=1e-5)
    monkeypatch.setattr(validation, "VALIDATION_BATCH", 50)
    torch.testing.assert_close(rates(model, digits.validation), each, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("visible", ["1", "any"])
@pytest.mark.parametrize("flavour", ["quadrant", "baseline"])
def test_stages_complete_the_first_test_digit_of_each_label(
    flavour: str, visible: str, tiny: Tiny, digits: DataSet
) -> None:
    config = tiny(flavour, visible=visible)
    staged = stage(build(config), digits, 0.5)
    rows = shown_rows(digits.test, 10)
    assert digits.test.labels[rows].tolist() == list(range(10))
    x, c = held_out(config, digits.test, rows)
    assert c.visible is not None
    shown = visible_values(c.visible)
    assert visible == "any" or torch.equal(shown[0], visible_values(flags(visible)))
    for pictures in (staged.samples.transpose(0, 1), staged.reconstructions[None]):
        assert torch.equal(pictures[:, shown], x[shown].expand(len(pictures), -1))


@pytest.mark.parametrize("flavour", ["vae", "label", "quadrant", "baseline"])
def test_stages_show_the_same_noise_every_time(flavour: str, tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny(flavour))
    one, other = stage(model, digits, 0.5), stage(model, digits, 0.5)
    assert one.samples.shape == (10, STAGE_COLUMNS, 784)
    assert one.reconstructions.shape == (10, 784)
    assert torch.equal(one.samples, other.samples)
    assert torch.equal(one.reconstructions, other.reconstructions)
    assert one.epoch == 0.5
    assert 0 <= float(one.samples.min()) <= float(one.samples.max()) <= 1


def test_a_column_of_label_stages_is_one_noise_under_all_labels(
    tiny: Tiny, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, noises = build(tiny("label")), []
    draw = model.draw
    monkeypatch.setattr(model, "draw", lambda c, epsilon: (noises.append((c, epsilon)), draw(c, epsilon))[1])
    stage(model, digits, 0.0)
    ((c, epsilon),) = noises
    assert c.labels.tolist() == list(range(10))
    assert epsilon.shape == (STAGE_COLUMNS, 1, 2)


def test_a_state_is_all_that_going_on_depends_on(tiny: Tiny, digits: DataSet) -> None:
    config = tiny("label", averaging=0.9, epochs=2)
    whole, rest = learner_of(config), learner_of(config)
    steps = iter(train(whole, digits))
    while whole.step < 3:
        next(steps)
    tensors, notes = whole.state()
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    list(steps)
    with torch.no_grad():
        for weight in rest.model.parameters():
            weight.normal_()  # its initial value is replaced
    rest.load_state(saved, notes)
    list(train(rest, digits))
    for (name, one), other in zip(whole.state()[0].items(), rest.state()[0].values(), strict=True):
        assert torch.equal(one, other), name


@pytest.mark.parametrize(("images", "steps"), [(1257, 5), (256, 1), (257, 2), (1, 1)])
def test_the_last_batch_of_an_epoch_may_be_ragged(images: int, steps: int, tiny: Tiny) -> None:
    assert steps_per_epoch(tiny("label"), images) == steps


def test_half_precision_is_for_the_arithmetic_alone(tiny: Tiny, digits: DataSet) -> None:
    learner = learner_of(tiny("label", epochs=2), dtype=torch.bfloat16)
    ended = of(EpochEnded, list(train(learner, digits)))
    assert {weight.dtype for weight in learner.model.parameters()} == {torch.float32}
    assert ended[-1].validation.bound > ended[0].validation.bound
    exact = learner_of(tiny("label", epochs=2))
    reference = of(EpochEnded, list(train(exact, digits)))[-1]
    assert ended[-1].validation.bound == pytest.approx(reference.validation.bound, rel=0.02)
    assert not torch.equal(exact.model.output.weight, learner.model.output.weight)


class Clock:
    """A clock that counts the time of matrix products, with a fixed duration for each dtype."""

    def __init__(self, seconds: dict[torch.dtype, float], busy: tuple[float, float] = (0.0, 0.0)) -> None:
        self.now, self.seconds, self.busy = 0.0, seconds, busy

    def multiply(self, dtype: torch.dtype) -> None:
        self.now += self.seconds[dtype] * (20 if self.busy[0] <= self.now < self.busy[1] else 1)


class Matrix:
    def __init__(self, dtype: torch.dtype, clock: Clock) -> None:
        self.dtype, self.clock = dtype, clock

    def __matmul__(self, other: object) -> None:
        self.clock.multiply(self.dtype)


def chosen_by(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(loop.torch, "ones", lambda *_, dtype: Matrix(dtype, clock))
    return fast_dtype()


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({torch.float32: 0.004, torch.bfloat16: 0.001}, torch.bfloat16),
        ({torch.float32: 0.001, torch.bfloat16: 0.001}, torch.float32),
        ({torch.float32: 0.0012, torch.bfloat16: 0.001}, torch.float32),
        ({torch.float32: 0.001, torch.bfloat16: 0.030}, torch.float32),
    ],
)
def test_bfloat16_is_chosen_only_where_it_is_clearly_faster(
    seconds: dict[torch.dtype, float], chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen_by(Clock(seconds), monkeypatch) == chosen


@pytest.mark.parametrize("begins", [0.0, 0.04, 0.08, 0.12])
def test_a_busy_moment_of_the_machine_changes_no_choice(begins: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({torch.float32: 0.004, torch.bfloat16: 0.001}, busy=(begins, begins + 0.2))
    assert chosen_by(clock, monkeypatch) == torch.bfloat16
    clock = Clock({torch.float32: 0.001, torch.bfloat16: 0.001}, busy=(begins, begins + 0.2))
    assert chosen_by(clock, monkeypatch) == torch.float32


def broken(learner: Learner, where: str) -> None:
    """Make the loss or the gradient of a learner's next step infinite."""
    weight = learner.learned[-1]
    if where == "loss":
        weight.register_hook(lambda gradient: gradient)  # the gradient is finite, but the loss is not
        learner.objective.register_forward_hook(lambda _, given, terms: (terms[0] * math.inf, terms[1]))
    else:
        weight.register_hook(lambda gradient: gradient * math.inf)


@pytest.mark.parametrize(
    ("where", "said"), [("loss", "the bound is not finite"), ("gradient", "the gradient is not finite")]
)
def test_training_ends_at_the_first_step_that_is_not_finite_and_does_not_take_it(
    where: str, said: str, tiny: Tiny, digits: DataSet
) -> None:
    learner, rows = learner_of(tiny("label", learning_rate=0.125)), torch.arange(64)
    learner.learn(digits.train, rows)
    before, _ = learner.state()
    before = {name: tensor.clone() for name, tensor in before.items()}
    broken(learner, where)
    with pytest.raises(Diverged, match=rf"after 1 steps of epoch 1 {said}\. The learning rate 0\.125 is too high"):
        learner.learn(digits.train, rows)
    after, _ = learner.state()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_clipped_gradient_that_is_not_finite_is_left_out_and_training_goes_on(tiny: Tiny, digits: DataSet) -> None:
    learner = learner_of(tiny("label", clip=10.0, averaging=0.0))
    broken(learner, "gradient")
    before = [weight.clone() for weight in learner.learned]
    learner.learn(digits.train, torch.arange(64))
    assert all(torch.equal(one, other) for one, other in zip(before, learner.learned, strict=True))


def test_a_state_that_is_not_finite_raises_an_error(tiny: Tiny) -> None:
    learner = learner_of(tiny("label"))
    with torch.no_grad():
        learner.learned[0].view(-1)[0] = math.nan
    with pytest.raises(Diverged, match="the state is not finite"):
        learner.state()
