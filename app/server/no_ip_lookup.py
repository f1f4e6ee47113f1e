"""Stop Streamlit from looking up this machine's public IP address."""

from streamlit import net_util


def disable() -> None:
    """Make Streamlit reject foreign origins without the lookup: no request is sent, and no visitor waits for it.

    Streamlit runs this with the first visitor. A foreign web page that connects earlier would still cause a lookup.
    """
    net_util.get_external_ip = lambda: None
