"""What the dashboard's pages share: the frame, cached calls into the core, controls and displays."""
