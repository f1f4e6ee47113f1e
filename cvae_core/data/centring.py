"""Format drawings as in MNIST: a 20×20 box, centred in 28×28 pixels by its centre of mass (LeCun et al. 1998)."""

import numpy as np
from PIL import Image

from cvae_core.data.masks import SIDE

BOX = 20


def centred(ink: np.ndarray) -> np.ndarray:
    """Place ink (20, 20), integers from 0 to 255, in a frame (28, 28) uint8 with its centre of mass in the middle."""
    frame = np.zeros((SIDE, SIDE), np.uint8)
    centres = (mass @ np.arange(BOX) / max(mass.sum(), 1) for mass in (ink.sum(1), ink.sum(0)))
    top, left = (min(max(round(SIDE / 2 - centre), 0), SIDE - BOX) for centre in centres)
    frame[top : top + BOX, left : left + BOX] = ink
    return frame


def framed(picture: np.ndarray) -> np.ndarray:
    """Scale a drawing (28, 28) uint8 until its longer side has 20 pixels, then centre it. An empty drawing is unchanged."""
    rows, columns = (np.flatnonzero(picture.max(axis)) for axis in (1, 0))
    if not len(rows):
        return picture
    drawn = Image.fromarray(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = BOX / max(drawn.size)
    width, height = (max(1, round(side * scale)) for side in drawn.size)
    box = np.zeros((BOX, BOX), np.int64)
    top, left = (BOX - height) // 2, (BOX - width) // 2
    box[top : top + height, left : left + width] = np.asarray(drawn.resize((width, height), Image.Resampling.LANCZOS))
    return centred(box)
