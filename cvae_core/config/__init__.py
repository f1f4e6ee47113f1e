"""Configurations: the settings of a run, the presets, and the command that repeats a training."""
