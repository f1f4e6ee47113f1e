"""Parts of pages that are too long to stand in a page."""
