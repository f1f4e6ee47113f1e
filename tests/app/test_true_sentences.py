"""Sentences about runs are true for all shipped runs: each is compared with the numbers of the run's files."""

import re
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.cached import costs, histories, runs, scores
from app.display import elements
from app.text import findings
from app.training import replay
from app.views import why_bound
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.evaluation import table, table_formats
from cvae_core.evaluation.savings import Change
from cvae_core.evaluation.toy_model import settling
from cvae_core.runs.card import Card
from cvae_core.runs.run import find
from cvae_core.training import verdicts
from cvae_core.training.verdicts import DEAD_RATE
from tests.app.conftest import ROOT, Visit

CHECKPOINTS = ROOT / "checkpoints"
NAMES = sorted(path.parent.name for path in CHECKPOINTS.glob("*/card.json"))
WITH_CURVES = sorted(path.parent.name for path in CHECKPOINTS.glob("*/curves.csv"))
NATS = st.floats(0, 1e3)
SCALES = [round(0.1 * step, 1) for step in range(2, 21)]  # all places of the slider


def card_of(name: str) -> Card:
    return find(name, CHECKPOINTS).card()


def number(text: str) -> Decimal:
    return Decimal(text.replace("−", "-"))


def require_sum(text: str) -> int:
    """Require that all printed terms of −ELBO, and all changes of them, add up; return how many sums were found."""
    found = 0
    for distortion, rate, total in re.findall(r"distortion ([\d.]+) \+ rate ([\d.]+) = −ELBO ([\d.]+)", text):
        assert number(distortion) + number(rate) == number(total), text
        found += 1
    for terms in re.findall(r"distortion (\S+) nats, rate (\S+), so −ELBO \*\*(\S+)\*\*", text):
        distortion, rate, total = map(number, terms)
        assert distortion + rate == total, text
        found += 1
    for own, other, verb, lost in re.findall(
        r"−ELBO ([\d.]+) nats with their own label, ([\d.]+) with the label [0-9A-Z]\. "
        r"The wrong label (\w+) \*\*([\d.]+) nats",
        text,
    ):
        assert number(other) - number(own) == {"costs": 1, "saves": -1}[verb] * number(lost), text
        found += 1
    return found


def said(visitor: AppTest) -> str:
    return " ".join(str(element.value) for kind in ("markdown", "caption", "info") for element in visitor.get(kind))


class TestTraining:
    @pytest.mark.parametrize("name", WITH_CURVES)
    def test_the_rate_in_words_is_that_of_the_curves(self, name: str) -> None:
        key, saved = runs.run_keys()[name], card_of(name).best_epoch
        table = histories.curves(key)
        rows = table[table["split"] == "validation"].set_index("epoch")["rate"]
        words = replay.rate_words(key)
        moments = re.findall(r"([\d.]+) after epoch (\d+)(?: \(([\w ]+)\))?", words)
        assert bool(words) == bool(card_of(name).config.latents)
        if not moments:
            assert rows.max() < 0.1
            return
        assert {1, saved, rows.idxmax()} == {int(epoch) for _, epoch, _ in moments}
        for rate, epoch, note in moments:
            assert float(rate) == pytest.approx(rows[int(epoch)], abs=0.05001)
            assert ("highest" in note) == (rows[int(epoch)] == rows.max())
            assert ("saved" in note) == (int(epoch) == saved)

    @pytest.mark.parametrize("name", WITH_CURVES)
    def test_the_star_marks_the_best_validation_bound_at_the_full_weight_of_the_rate(self, name: str) -> None:
        card, curves = card_of(name), find(name, CHECKPOINTS).curves()
        rows = curves[(curves["split"] == "validation") & (curves["epoch"] >= getattr(card.config, "warm_up", 0))]
        assert rows.set_index("epoch")["bound"].idxmax() == card.best_epoch

    @pytest.mark.parametrize("name", NAMES)
    def test_a_verdict_is_that_of_the_figures_it_names(self, name: str) -> None:
        card = card_of(name)
        active = sum(rate >= DEAD_RATE for rate in card.rates)
        assert verdicts.reached(card.config, card.metrics, card.rates) == card.verdict
        if card.trouble:
            assert f"{active} of the {len(card.rates)} units of z are active" in card.trouble
            assert f"total rate is {sum(card.rates):.2f} nats" in card.trouble

    @pytest.mark.parametrize("name", NAMES)
    def test_a_test_score_beside_a_validation_figure_is_over_the_same_sets(self, name: str) -> None:
        cell = scores.quality(name)
        assert cell is None or cell.visible == card_of(name).config.visible_set


class TestSums:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_terms_of_a_runs_bound_add_up(self, name: str) -> None:
        metrics = card_of(name).metrics
        words = findings.cost(-metrics["reconstruction"], metrics["rate"])
        assert require_sum(words) == 1
        assert words.endswith(f"= −ELBO {-metrics['elbo']:.1f}")

    @given(NATS, NATS, st.booleans())
    def test_all_printed_sums_add_up(self, one: float, other: float, collapsed: bool) -> None:
        words = findings.without_unit("z1", one - other, -other, collapsed)
        for text in (findings.cost(one, other), findings.wrong_label(3, one, other), words):
            assert require_sum(text) == 1
        (total,) = re.findall(r"\*\*(\S+)\*\*", words)
        worth = "worth its rate" if number(total) > 0 else "not worth" if number(total) < 0 else "worth about as much"
        assert f"The unit is {'collapsed' if collapsed else worth}" in words

    def test_a_gap_in_the_table_is_the_difference_of_the_printed_numbers(self) -> None:
        rows = table.entries([find(name, CHECKPOINTS) for name in NAMES])
        scores = {(*row.runs, row.question): table_formats.number(row) for row in rows if row.kind == "score"}
        gaps = [row for row in rows if row.kind == "difference" and row.runs]
        assert len(gaps) > 10
        for gap in gaps:
            numbers = [
                number(scores[run, ((estimator,), *question)].split(" ")[0])
                for run, estimator, question in zip(gap.runs, gap.estimators, questions(gap), strict=True)
            ]
            assert abs(number(table_formats.number(gap)) - (numbers[0] - numbers[1])) <= Decimal("0.05")

    def test_floors_and_what_is_above_them_add_up(self) -> None:
        floors = table_formats.above_floors(table.entries([find(name, CHECKPOINTS) for name in NAMES]))
        assert len(floors) > 3
        for _, row in floors.iterrows():
            floor, lowest, above = (
                Decimal(f"{row[name]:.1f}") for name in ("floor", "lowest figure", "above the floor")
            )
            assert floor + above == lowest

    @given(st.lists(st.integers(0, 64), min_size=10, max_size=10).filter(any))
    def test_shares_of_all_digits_add_up_to_a_hundred_percent(self, counts: list[int]) -> None:
        shares = np.array(counts) / sum(counts)
        words = findings.reading(shares, BUILT_IN["mnist"].classes, least=0)
        assert sum(map(int, re.findall(r"(\d+)%", words))) == 100


def questions(gap: table.Entry) -> Iterator[tuple[object, ...]]:
    """Yield the settings of the two evaluations of a difference, without their estimators."""
    for estimator in gap.estimators:
        samples = 0 if estimator == "baseline" else gap.samples
        yield samples, samples and gap.seed, gap.images, gap.visible


class TestWhy:
    def test_the_lowest_point_is_the_lowest(self) -> None:
        family = runs.by_beta()
        marks = {beta: runs.rate_and_distortion(key) for beta, key in family.items()}
        (beta, nats) = re.findall(r"β = ([\d.]+): ([\d.]+) nats", findings.betas(marks))[0]
        totals = {f"{beta:g}": f"{rate + distortion:.1f}" for beta, (rate, distortion) in marks.items()}
        assert totals[beta] == nats == min(totals.values(), key=float)
        assert findings.betas({4.0: (1.0, 90.0), 1.0: (20.0, 80.0)}).startswith("The sum, −ELBO, is lowest at β = 4")
        assert findings.betas({4.0: (1.0, 90.0)}) == ""

    @pytest.mark.parametrize("scale", SCALES)
    def test_q_is_called_narrow_or_wide_by_its_scale_and_estimates_are_those_printed(self, scale: float) -> None:
        found = settling(scale, why_bound.DRAWS, why_bound.SEED)
        words = findings.known(scale, why_bound.DRAWS, found)
        exact, bound, *estimates = (Decimal(f"{x:.1f}") for x in (found.exact, found.bound, *found.importance_sampling))
        assert ("too narrow" in words, "exact, so" in words, "too wide" in words) == (scale < 1, scale == 1, scale > 1)
        if gap := re.search(r"−ELBO is ([\d.]+) nats too high", words):
            assert Decimal(gap[1]) == bound - exact
        else:
            assert bound == exact
        if still := re.search(r"still ([\d.]+) nats too high", words):
            assert Decimal(still[1]) == estimates[-1] - exact
        else:
            near = re.search(r"from ([\d,]+) draws? on", words)
            start = why_bound.DRAWS.index(int(near[1].replace(",", ""))) if near else 0
            assert set(estimates[start:]) == {exact}
            assert start == 0 or estimates[start - 1] != exact

    def test_estimates_with_most_draws_are_compared_as_stored(self) -> None:
        curves = histories.curves_by_draws()
        assert len(curves) > 2
        sides = set()
        for cells in curves.values():
            for estimator in ("elbo", "prior"):
                words = findings.beside_importance(cells, estimator)
                draws, gap, side = re.findall(r"With ([\d,]+) draws .* is ([\d.]+) nats (above|below)", words)[0]
                means = {cell.estimator: cell.mean for cell in cells if cell.samples == int(draws.replace(",", ""))}
                assert float(gap) == pytest.approx(abs(means[estimator] - means["importance"]), abs=0.101)
                assert (means[estimator] < means["importance"]) == (side == "below")
                sides.add(side)
            assert findings.beside_importance([cell for cell in cells if cell.estimator == "elbo"], "elbo") == ""
        assert sides == {"above", "below"}  # prior Monte Carlo of the run with two latents is lower

    def test_a_verdict_about_the_condition_names_each_part_once(self) -> None:
        used, ignored, unclear = Change(2.0, 0.1, 20, 400), Change(0.0, 0.0, 20, 400), Change(1.0, 3.0, 20, 400)
        told = findings.exchanged({"label": ignored, "attributes": used, "visible pixels": used})
        assert told == (
            "The model uses the attributes and the visible pixels. **The model ignores the label**: with the label of other "
            "images, nothing changes."
        )
        assert findings.exchanged({"label": unclear}).startswith("Whether the model uses the label cannot be told")

    @pytest.mark.mnist
    def test_the_numbers_of_every_answer_add_up_for_every_run_that_is_offered(
        self, visit: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(elements, "picture", lambda *_: None)  # only the sentences matter
        monkeypatch.setattr(costs, "IMAGES", 50)
        for question, key in (("Prior at test", "run-prior"), ("Collapse", "run-collapse"), ("No label", "run-label")):
            visitor = visit("why", question=question)
            offered = len(visitor.selectbox(key=key).options)
            assert offered > 3
            for place in range(offered):
                visitor.selectbox(key=key).select_index(place).run()
                assert not visitor.exception
                assert require_sum(said(visitor))

    def test_the_numbers_of_every_beta_add_up(self, visit: Visit, without_mnist: None) -> None:
        for beta in runs.by_beta():
            assert require_sum(said(visit("why", beta=f"{beta:g}"))) == 1


class TestDigits:
    def test_readings_say_how_many_are_of_another_class_and_why_only_if_some_are(self) -> None:
        shares = np.eye(10)[[1, 2, 3]]
        same = "The completions of all 3 images are read most often as their own class."
        assert findings.readings(shares, [1, 2, 3]) == same
        for labels, changed in (([1, 2, 4], 1), ([0, 0, 0], 3)):
            words = findings.readings(shares, labels)
            assert words.startswith(
                f"The completions of {changed} of 3 images are read most often as another class, usually"
            )

    @pytest.mark.parametrize("name", sorted(set(runs.run_keys(given=("label",), groups=0))))
    def test_sliders_of_a_run_that_has_mostly_collapsed_are_said_to_change_almost_nothing(
        self, visit: Visit, without_mnist: None, name: str
    ) -> None:
        rates = card_of(name).rates
        collapsed = sum(rate < DEAD_RATE for rate in rates)
        visitor = visit("generate", run=name, live="false")
        told = re.findall(r"(\d+)(?: of (\d+))? dimensions of \$z\$ have collapsed", said(visitor))
        links = [(link.proto.label, link.proto.query_string) for link in visitor.get("page_link")]
        if collapsed <= len(rates) / 2:
            assert not told
            assert not links
            return
        assert told == [(str(collapsed), "" if collapsed == len(rates) else str(len(rates)))]
        assert ("Why units of z collapse", f"question=Collapse&run-collapse={name}") in links
        sound = [runs.run_keys()[query.removeprefix("run=")] for _, query in links if query.startswith("run=")]
        assert bool(sound) == name.startswith("label-beta")  # there is no other run on the embedded digits
        for key in sound:
            assert runs.card(key).config.dataset == card_of(name).config.dataset
            assert key.name == "label-beta-1"  # of those with the fewest differences, the best

    @pytest.mark.parametrize("name", ["label-ladder", "quadrant-1", "vae"])
    def test_maps_are_said_to_separate_or_mix_digits_with_numbers_or_usually(
        self, visit: Visit, without_mnist: None, name: str
    ) -> None:
        words = said(visit("latent", run=name, beside="label"))
        claims = [
            claim for claim in re.split(r"(?<=[.:])\s", words) if re.search(r"cluster|mixes|separat|island", claim)
        ]
        tsne = "distances between clusters and cluster sizes are not"  # a property of the method
        assert all("usually" in claim or re.search(r"\d ?%", claim) or tsne in claim for claim in claims)
