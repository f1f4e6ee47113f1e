"""Models p(x | c): networks, distributions, and the objectives that train them."""
