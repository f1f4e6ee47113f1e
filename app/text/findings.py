"""Sentences about runs, made from the numbers that a page shows, so that they are true for every run.

Printed numbers add up: those that are parts of a sum are rounded together, and a difference is that of the printed numbers.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from app.text.plain_text import Markdown, plain
from cvae_core.evaluation.results import Cell, Estimator
from cvae_core.evaluation.savings import Change
from cvae_core.evaluation.table import ESTIMATORS
from cvae_core.evaluation.toy_model import Settling
from cvae_core.system.rounding import rounded_sum
from cvae_core.training.verdicts import DEAD_RATE

NEAR = 0.1  # nats: differences below it are not visible in numbers with one decimal


def cost(distortion: float, rate: float) -> Markdown:
    """Return the terms of −ELBO and their sum."""
    (distortion, rate), total = rounded_sum([distortion, rate])
    return f"distortion {distortion:.1f} + rate {rate:.1f} = −ELBO {total:.1f}"


def without_unit(name: str, distortion: float, rate: float, collapsed: bool) -> Markdown:
    """Say how the terms of −ELBO change if a unit of z is fixed, and whether the unit is worth its rate."""
    (distortion, rate), total = rounded_sum([distortion, rate])
    worth = "not worth its rate" if total < 0 else "worth its rate" if total else "worth about as much as its rate"
    if collapsed:
        worth = "collapsed: it carries almost no information"
    return (
        f"Without {plain(name)}: distortion {_signed(distortion)} nats, rate {_signed(rate)}, so −ELBO "
        f"**{_signed(total)}** nats per image. The unit is {worth}."
    )


def wrong_label(label: Markdown, own: float, other: float) -> Markdown:
    """Compare −ELBO of images with their own label and with another one."""
    lost = _difference(other, own)
    return (
        f"−ELBO {own:.1f} nats with their own label, {other:.1f} with the label {label}. The wrong label "
        f"{'costs' if lost >= 0 else 'saves'} **{abs(lost):.1f} nats** per image."
    )


def exchanged(changes: Mapping[str, Change]) -> Markdown:
    """Say which parts of a condition a model uses, given how −log p(x | c) changes with the parts of other images."""
    words = {
        "used": "The model uses {}.",
        "ignored": "**The model ignores {}**: with {} of other images, nothing changes.",
        "unclear": "Whether the model uses {} cannot be told from so few images.",
    }
    found = {verdict: [part for part in changes if changes[part].verdict == verdict] for verdict in words}
    return " ".join([words[verdict].replace("{}", _listed(parts)) for verdict, parts in found.items() if parts])


def _listed(parts: Sequence[str]) -> Markdown:
    *others, last = (plain(f"the {part}") for part in parts)
    return f"{', '.join(others)} and {last}" if others else last


def betas(marks: Mapping[float, tuple[float, float]]) -> Markdown:
    """Say which β has the lowest −ELBO, given (rate, distortion) by β; nothing of a single β."""
    totals = {beta: rate + distortion for beta, (rate, distortion) in marks.items()}
    best = min(totals, key=lambda beta: totals[beta])
    return f"The sum, −ELBO, is lowest at β = {best:g}: {totals[best]:.1f} nats." if len(totals) > 1 else ""


def known(scale: float, counts: Sequence[int], found: Settling) -> Markdown:
    """Say how far both estimates of a known −log p(x) are from it, with q of a scale, 1 being exact."""
    if scale == 1:
        return "$q$ is exact, so every draw gives the exact value."
    width, bound = "narrow" if scale < 1 else "wide", _difference(found.bound, found.exact)
    by = f"{bound:.1f} nats" if bound else f"less than {NEAR:g} nats"
    words = f"$q$ is too {width}: −ELBO is {by} too high. Importance sampling"
    gaps = [_difference(estimate, found.exact) for estimate in found.importance_sampling]
    if gaps[-1]:
        return f"{words} is still {gaps[-1]:.1f} nats too high with {counts[-1]:,d} draws."
    near = next(count for place, count in enumerate(counts) if not any(gaps[place:]))
    return f"{words} gives the exact value to one decimal from {near:,d} {'draw' if near == 1 else 'draws'} on."


def beside_importance(cells: Sequence[Cell], estimator: Estimator) -> Markdown:
    """Compare an estimate with importance sampling, both with the most draws; nothing if one of them is missing."""
    of = {cell.estimator: cell for cell in sorted(cells, key=lambda cell: cell.samples)}
    if not of.keys() >= {estimator, "importance"}:
        return ""
    gap = _difference(of[estimator].mean, of["importance"].mean)
    apart = f"{abs(gap):.1f} nats {'above' if gap >= 0 else 'below'} importance sampling"
    return f"With {of[estimator].samples:,d} draws per image, {plain(ESTIMATORS[estimator])} is {apart}."


def training_rate(epochs: Sequence[int], rates: Sequence[float], saved: int | None) -> Markdown:
    """Say how the rate of validation images changed in training: first, highest, and saved or last; nothing without z."""
    if not any(rates):
        return ""
    if max(rates) < NEAR:
        return f"The rate stayed below {NEAR:g} nats per validation image."
    by_epoch = dict(zip(epochs, rates, strict=True))
    highest = max(by_epoch, key=lambda epoch: by_epoch[epoch])
    told = sorted({epochs[0], highest, saved or epochs[-1]})
    moments = ", ".join(
        [f"{by_epoch[epoch]:.1f} after epoch {epoch:d}{_note(epoch == highest, epoch == saved)}" for epoch in told]
    )
    return f"Rate in nats per validation image: {moments}."


def readings(shares: np.ndarray, labels: Sequence[int]) -> Markdown:
    """Say how many images' completions are read most often as another class than their own; shares (N, K)."""
    changed = int((shares.argmax(-1) != labels).sum())
    if not changed:
        return f"The completions of all {len(labels)} images are read most often as their own class."
    why = "usually because the visible part fits several classes"
    return f"The completions of {changed:,} of {len(labels)} images are read most often as another class, {why}."


def reading(share: np.ndarray, classes: Sequence[str], least: float) -> Markdown:
    """List the classes that completions of one drawing are read as, the most frequent first; share (K,)."""
    percent, _ = rounded_sum(share.tolist(), digits=2)
    order = [label for label in share.argsort()[::-1].tolist() if share[label] >= least]
    return ", ".join([f"**{plain(classes[label])}** {percent[label]:.0%}" for label in order])


def sliders(rates: Sequence[float]) -> Markdown:
    """Say that most sliders of z change almost nothing, if that is so."""
    collapsed = sum(rate < DEAD_RATE for rate in rates)
    if 2 * collapsed <= len(rates):
        return ""
    count = f"All {collapsed:d}" if collapsed == len(rates) else f"{collapsed:d} of {len(rates)}"
    return f"{count} dimensions of $z$ have collapsed: their sliders usually change almost nothing."


def _note(highest: bool, saved: bool) -> Markdown:
    if highest and saved:
        return " (the highest and saved)"
    return " (the highest)" if highest else " (saved)" if saved else ""


def _difference(more: float, less: float) -> float:
    return round(round(more, 1) - round(less, 1), 1)


def _signed(difference: float) -> Markdown:
    """Format a rounded difference with its sign; zero has none."""
    return f"{difference:+.1f}".replace("-", "−") if difference else "0.0"
