"""Data: images with labels, masks, noise, and the conditions of models."""

from cvae_core.system import former_names

former_names.serve(__name__)
