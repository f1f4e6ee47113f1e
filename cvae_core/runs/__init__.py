"""Runs on disk: the card, the files of a run and their checks, and which runs are the same."""
