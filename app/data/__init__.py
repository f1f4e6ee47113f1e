"""Data sets on pages: the list, the examples and the report of a set, uploads, and sets made from fonts."""
