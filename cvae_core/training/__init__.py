"""Training: the loop, validation, the optimiser, and verdicts on finished training runs."""
