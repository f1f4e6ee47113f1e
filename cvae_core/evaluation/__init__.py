"""Scores of trained models: likelihood estimates, the table of results, latent spaces, sample quality."""
