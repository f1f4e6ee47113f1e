"""Whether visitors may train and tidy up: those of this machine may, unless whoever runs the server says otherwise."""

import ipaddress
import os

import streamlit as st

VARIABLE = "CVAE_TRAINING"  # on, off, or nothing: on where only this machine is served


def may_train() -> bool:
    """Say whether pages may start, stop and change runs."""
    wish = os.environ.get(VARIABLE, "").strip().lower()
    return wish == "on" or (wish != "off" and _serves_this_machine_only(st.get_option("server.address")))


def tell() -> None:
    """Say why the buttons that change something are missing."""
    st.info(
        "This server shows trainings and changes none: it answers other machines than its own, or was told so. Whoever runs "
        f"it switches training on with {VARIABLE}=on.",
        icon=":material/lock:",
    )


def _serves_this_machine_only(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:  # a host's name
        return False
