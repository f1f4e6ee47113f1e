"""Configurations: every setting of a run, the presets, and the command that repeats a training."""
