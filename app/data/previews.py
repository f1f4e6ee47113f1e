"""What `data add --preview` has found in a source: its report, its description and some of its images."""
