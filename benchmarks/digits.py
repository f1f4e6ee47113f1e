"""Write cvae_core/data/digits.npz from scikit-learn's handwritten digits: `python -m benchmarks.digits`.

The lab reads this file instead of scikit-learn's data: importing scikit-learn takes a second, and a later version may split
the digits differently.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from cvae_core.data.datasets import DIGITS
from cvae_core.data.ink import centred

BOX, SIDE = 20, 28  # as in MNIST


def framed() -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (1797, 28, 28), and labels, uint8 (1797,): first training, then validation, then test."""
    # Integer arithmetic only, so that every machine computes the same pixels.
    small, labels = load_digits(return_X_y=True)
    small = small.reshape(-1, 8, 8).astype(np.int64)  # 0 … 16
    apart = np.abs(10 * np.arange(8) - 4 * np.arange(BOX)[:, None] + 3)  # (20, 8), distances in tenths of a pixel
    near, far = 3 * apart**3 - 50 * apart**2 + 2000, 4000 - 800 * apart + 50 * apart**2 - apart**3
    cubic = np.where(apart < 10, near, np.where(apart < 20, far, 0))  # Keys (1981): cubic convolution, times 2000
    large = ((cubic @ small @ cubic.T * 255 + 8 * 2000**2) // (16 * 2000**2)).clip(0, 255)  # (N, 20, 20)
    images = np.stack([centred(ink, SIDE) for ink in large])
    rest, test = train_test_split(np.arange(len(labels)), test_size=360, stratify=labels, random_state=0)
    train, validation = train_test_split(rest, test_size=180, stratify=labels[rest], random_state=0)
    order = np.concatenate([train, validation, test])
    return images[order], labels[order].astype(np.uint8)


if __name__ == "__main__":
    images, labels = framed()
    np.savez_compressed(DIGITS, allow_pickle=False, images=images, labels=labels)
