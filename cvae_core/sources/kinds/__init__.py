"""The kinds of sources: folders and zips, tables of files, arrays, IDX files."""
