"""Code that the dashboard's pages share: the entry point, cached calls into the core, widgets and displays."""

import cvae_core  # noqa: F401  # must precede the first import of torch: it sets how torch's threads wait
