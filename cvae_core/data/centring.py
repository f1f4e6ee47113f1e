"""Format drawings as in MNIST: a box of 5/7 of the side length, centred by its centre of mass (LeCun et al. 1998).

In MNIST, the box has 20×20 of 28×28 pixels.
"""

import numpy as np
from PIL import Image

BOX = 5 / 7  # side length of the box, as a share of the image's


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
