"""Decisions about side, colour and ink where the user asks for none; each is noted with its flag. No torch."""

from collections.abc import Sequence

import numpy as np

from cvae_core.config.descriptions import SIDES
from cvae_core.errors import SourceRefused
from cvae_core.sources.wishes import Findings, Pictures, Wishes

_LARGEST, _USUAL = SIDES[-1], 32  # images of a longer side are usually photographs and become `_USUAL`
_LIGHT, _DARK, _EVEN, _MOST = 192, 63, 32, 0.6  # of a border's values; share of images
_PIECE = 4096


def side_of(sides: Sequence[int], wishes: Wishes, findings: Findings) -> int:
    """Return the side of the data set's images for the sorted longer sides of those in the source."""
    if wishes.size is not None:
        findings.decide("--size", wishes.size, "as asked")
        return wishes.size
    median = sides[len(sides) // 2] if sides else _USUAL
    if median > _LARGEST:
        findings.decide("--size", _USUAL, f"the median side is {median:,}; up to {_LARGEST} are possible")
        return _USUAL
    side = max(SIDES[0], -(-median // SIDES.step) * SIDES.step)
    reason = "" if side == median else f", and sides are multiples of {SIDES.step} from {SIDES[0]}"
    findings.decide("--size", side, f"the median side is {median}{reason}")
    return side


def channels_of(coloured: int, seen: int, wishes: Wishes, findings: Findings) -> int:
    """Return the number of channels: three if most of the images have colour."""
    if wishes.colour != "auto":
        findings.decide("--colour", wishes.colour, "as asked")
        return 3 if wishes.colour == "rgb" else 1
    colour = 2 * coloured > seen
    findings.decide("--colour", "rgb" if colour else "grey", f"{coloured:,} of {seen:,} images looked at have colour")
    return 3 if colour else 1


def with_ink(pictures: Pictures, wishes: Wishes) -> Pictures:
    """Decide whether grey images are ink on paper, and invert those with dark ink, so that ink is stored as 255."""
    if pictures.shape.channels > 1:
        if wishes.ink != "auto":
            raise SourceRefused("--ink is for grey images only: leave it out, or add --colour grey.")
        return pictures
    ink, reason = wishes.ink, "as asked"
    if ink == "auto" and len(pictures.images):
        light, dark = _borders(pictures.images.reshape(-1, pictures.shape.side, pictures.shape.side))
        if light >= _MOST:
            ink, reason = "dark", f"{light:.0%} of the images have an even light border"
        elif dark >= _MOST:
            ink, reason = "light", f"{dark:.0%} of the images have an even dark border"
    if ink == "auto":
        pictures.findings.decide("--ink", ink, "most borders are neither light nor dark: images are shown as they are")
        return pictures
    if ink == "dark":
        reason += ": values are inverted, so that ink is 255"
        np.subtract(255, pictures.images, out=pictures.images)
        pictures.findings.changed["inverted"] += len(pictures.images)
    pictures.findings.decide("--ink", ink, reason)
    pictures.drawn = True
    return pictures


def _borders(images: np.ndarray) -> tuple[float, float]:
    """Return the shares of images (N, side, side) with an even light border and with an even dark one."""
    light = dark = 0
    for start in range(0, len(images), _PIECE):
        piece = images[start : start + _PIECE]
        edges = [piece[:, 0], piece[:, -1], piece[:, 1:-1, 0], piece[:, 1:-1, -1]]
        low, median, high = np.percentile(np.concatenate(edges, 1), (25, 50, 75), axis=1)
        even = high - low <= _EVEN
        light += int((even & (median >= _LIGHT)).sum())
        dark += int((even & (median <= _DARK)).sum())
    return light / len(images), dark / len(images)
