"""Pictures: grids of digits, their recipes for pages and commands, training stages, and exports to other programs."""
