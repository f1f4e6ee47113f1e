"""Fetching a data set from a page, with progress by the bytes that arrive."""

from app.display.plain_text import plain
from app.widgets import background_command
from cvae_core.data import datasets


def offer(name: str) -> None:
    """Offer a data set's download, show its progress, and run the page anew when it is there."""
    total = datasets.DOWNLOAD_BYTES[name]

    def progress(_: float) -> tuple[float, str]:
        done = datasets.downloaded_bytes(name)
        return done / total, f"Downloading {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"

    background_command.offer(
        f"download {name}", f"Download {plain(name)} ({total / 1e6:.0f} MB)", progress, "download", name
    )
