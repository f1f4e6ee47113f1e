"""Data: images and their labels, masks, noise, and the conditions that models are given."""

from cvae_core.system import former_names

former_names.serve(__name__)
