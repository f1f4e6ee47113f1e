"""The web server around the pages: start, preloading, order of files, uncaught errors."""
