"""Reproducible noise: a seed gives the same numbers on every machine, device and thread, independent of other draws.

A counter-based generator (Philox) is keyed by the seed and by the purpose of the noise (`stream`), so that draws are
independent of each other. A link always gives the same picture, the estimate of an image does not depend on the other
images in the batch, and a resumed training continues with the same noise. Use the same number of integers after a
name each time: (name, 1) and (name, 1, 0) give the same stream. An invalid seed raises ConfigError.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cvae_core.data.intensities import require_intensities
from cvae_core.system.seeds import require_seed

_MASK = (1 << 64) - 1


def _generator(seed: int, stream: tuple[int | str, ...]) -> np.random.Generator:
    words = [require_seed(seed)]
    for part in stream:
        words += [int.from_bytes(part.encode(), "little")] if isinstance(part, str) else [part & _MASK]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def normal(shape: Sequence[int], seed: int, *stream: int | str) -> Tensor:
    """Draw ε ~ N(0, 1), float32. `stream` names the purpose of the noise.

    >>> bool((normal((3,), 7, "samples") == normal((3,), 7, "samples")).all())
    True
    """
    return torch.from_numpy(_generator(seed, stream).standard_normal(tuple(shape), dtype=np.float32))


def uniform(shape: Sequence[int], seed: int, *stream: int | str) -> Tensor:
    """Draw from the uniform distribution on [0, 1), float32."""
    return torch.from_numpy(_generator(seed, stream).random(tuple(shape), dtype=np.float32))


def permutation(count: int, seed: int, *stream: int | str) -> Tensor:
    """Return a random permutation of 0 … count − 1, shape (count,), int64."""
    return torch.from_numpy(_generator(seed, stream).permutation(count))


def integers(bound: int, count: int, seed: int, *stream: int | str) -> Tensor:
    """Draw `count` integers between 0 and bound − 1, int64."""
    return torch.from_numpy(_generator(seed, stream).integers(bound, size=count))


def binarise(intensities: Tensor, seed: int, *stream: int | str) -> Tensor:
    """Draw each pixel from Bernoulli(intensity): zeros and ones in the shape of `intensities`, which must lie in [0, 1]."""
    require_intensities(intensities)
    return (uniform(intensities.shape, seed, *stream).to(intensities.device) < intensities).to(intensities.dtype)


def per_image(indices: Tensor, samples: int, dimensions: int, seed: int, *stream: int | str) -> Tensor:
    """Draw ε of shape (samples, images, dimensions) so that the noise of an image depends on its index only."""
    drawn = [normal((samples, dimensions), seed, *stream, int(index)) for index in indices]
    return torch.stack(drawn, dim=1)
