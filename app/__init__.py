"""What the dashboard's pages share: the frame, cached calls into the core, controls and displays."""

import cvae_core  # noqa: F401  # before torch, which any module here may be the first to import: it sets how threads wait
