"""The web server of the pages: start, preloading, order of scripts, uncaught errors."""
