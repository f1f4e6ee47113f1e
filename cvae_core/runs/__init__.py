"""Runs on disk: the card, the files of a run, their validation, and the comparison of runs."""
