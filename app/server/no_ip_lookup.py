"""Stop Streamlit from looking up this machine's public IP address."""

from streamlit import net_util


def ask_nobody() -> None:
    """Refuse an origin that is not this machine's by name without asking: no request leaves, and no visitor waits for it.

    Streamlit runs this with the first visitor; a stranger's page that came before any would still make it ask.
    """
    net_util.get_external_ip = lambda: None
