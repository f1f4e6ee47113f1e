"""The views of the page Training: replay, live view and form, sweeps, and the table of runs."""
