"""Trainings as processes, and what is done with finished runs: queue, sessions, sweeps, archives, tidying up."""
