"""Data: images and their labels, masks, noise, and the conditions that models are given."""
