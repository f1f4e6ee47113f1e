"""Images of images: grids, the pictures that pages and commands show, training stages, and exports to other programs."""
