"""Controls with which visitors choose, draw, select and download."""
