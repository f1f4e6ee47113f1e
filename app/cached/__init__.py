"""Cached results: runs, pictures, costs and maps, computed once for all visitors."""
