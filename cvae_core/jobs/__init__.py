"""Trainings as processes, and operations on finished runs: queue, sessions, sweeps, archives, housekeeping."""
