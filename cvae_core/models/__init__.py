"""Models p(x | c): networks, distributions, and the objectives that train them."""

from cvae_core.system import former_names

former_names.serve(__name__)
