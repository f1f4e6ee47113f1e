"""The ink of drawings: their centring as in MNIST, and two measured attributes, slant and thickness of strokes.

In MNIST, the ink fills a box of 20×20 of 28×28 pixels, centred by its centre of mass (LeCun et al. 1998). The same functions
measure real images and samples, so that what was asked for can be compared with what was drawn.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from cvae_core.config.descriptions import MEASURED, Shape

BOX = 5 / 7  # side length of the box, as a share of the image's
DETAIL = 2  # images are enlarged by this factor before distances are measured
INK = 0.5  # share of the brightest pixel from which on a pixel counts as ink


def centred(ink: np.ndarray, side: int) -> np.ndarray:
    """Place ink (box, box), integers from 0 to 255, in a frame (side, side) uint8 with its centre of mass in the middle."""
    box, frame = len(ink), np.zeros((side, side), np.uint8)
    centres = (mass @ np.arange(box) / max(mass.sum(), 1) for mass in (ink.sum(1), ink.sum(0)))
    top, left = (min(max(round(side / 2 - centre), 0), side - box) for centre in centres)
    frame[top : top + box, left : left + box] = ink
    return frame


def framed(picture: np.ndarray) -> np.ndarray:
    """Scale a drawing (side, side) uint8 until its longer side fills the box, then centre it. An empty one is unchanged."""
    rows, columns = (np.flatnonzero(picture.max(axis)) for axis in (1, 0))
    if not len(rows):
        return picture
    drawn = Image.fromarray(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    length = round(BOX * len(picture))
    scale = length / max(drawn.size)
    width, height = (max(1, round(side * scale)) for side in drawn.size)
    box = np.zeros((length, length), np.int64)
    top, left = (length - height) // 2, (length - width) // 2
    box[top : top + height, left : left + width] = np.asarray(drawn.resize((width, height), Image.Resampling.LANCZOS))
    return centred(box, len(picture))


def measured(images: np.ndarray, shape: Shape) -> np.ndarray:
    """Return the attributes `MEASURED` of grey images (N, pixels), float32 (N, 2). An image without ink has NaN.

    The slant, in degrees to the right of upright, is that of the shear that makes the second moments of the ink uncorrelated:
    tan slant = −μ₁₁ / μ₀₂, where y points downwards. The thickness, in pixels, is four times the mean distance of an ink
    pixel to the edge of the ink, which is the width of a stroke that is much longer than wide.

    >>> bar = np.zeros((1, 28, 28)); bar[0, 4:24, 12:16] = 1
    >>> measured(bar.reshape(1, -1), Shape()).round(1)
    array([[-0. ,  3.8]], dtype=float32)
    """
    assert len(MEASURED) == 2 and shape.channels == 1
    ink = np.asarray(images, np.float32).reshape(-1, shape.side, shape.side)
    return np.stack([_slant(ink), _thickness(ink)], axis=1)


def _slant(ink: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]].astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = ink / ink.sum((1, 2), keepdims=True)
        dx, dy = (each - (weights * each).sum((1, 2), keepdims=True) for each in (x, y))
        shear = -(weights * dx * dy).sum((1, 2)) / (weights * dy**2).sum((1, 2))
    angles: np.ndarray = np.degrees(np.arctan(shear))
    return angles


def _thickness(ink: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    found = np.full(len(ink), np.nan, np.float32)
    large = F.interpolate(torch.from_numpy(ink)[:, None], scale_factor=DETAIL, mode="bilinear")
    for index, picture in enumerate(large[:, 0].numpy()):
        inside = np.pad(picture > INK * picture.max(), 1)
        if inside.any():
            to_paper = ndimage.distance_transform_edt(inside)[inside].mean()  # the edge is half a pixel nearer
            found[index] = 4 / DETAIL * (to_paper - 0.5)
    return found
