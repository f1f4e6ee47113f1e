"""Evaluate trained models: likelihood estimates, the table of results, latent spaces, sample quality."""

from cvae_core.system import former_names

former_names.serve(__name__)
