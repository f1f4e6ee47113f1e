"""The command line: `python -m cvae_core`."""
