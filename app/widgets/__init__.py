"""Controls: what a visitor chooses, draws, points at or downloads."""
