"""Decoding for pictures: base noise and posterior means to images in bytes."""

import numpy as np
import torch
from torch import Tensor

from cvae_core.data.conditions import Condition
from cvae_core.data.intensities import as_bytes
from cvae_core.models.conditional_vae import ConditionalVAE, Latents, completed


def decoded(model: ConditionalVAE, c: Condition, epsilon: Tensor) -> np.ndarray:
    """Decode base noise (samples, N or 1, latent) to pixel means, (samples, N, values) uint8."""
    with torch.inference_mode():
        return as_bytes(completed(model.likelihood(model.draw(c, epsilon), c), c))


def inferred(model: ConditionalVAE, x: Tensor, c: Condition) -> Latents:
    """Return the posterior means of images."""
    with torch.inference_mode():
        return model.infer(x, c, torch.zeros(1, 1, model.latent))


def reconstructed(model: ConditionalVAE, x: Tensor, c: Condition) -> np.ndarray:
    """Reconstruct images from their posterior means, (N, values) uint8."""
    with torch.inference_mode():
        return as_bytes(completed(model.likelihood(inferred(model, x, c), c), c))[0]
