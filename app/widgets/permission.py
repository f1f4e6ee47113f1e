"""Whether visitors may train, tidy up and start errands: those of this machine may, unless its server was told otherwise."""

import ipaddress
import os
from collections.abc import Callable

import streamlit as st

from app.display.plain_text import Markdown, plain
from cvae_core.errors import LabError

VARIABLE = "CVAE_TRAINING"  # on, off, or nothing: on where only this machine is served


def may_train() -> bool:
    """Say whether pages may start, stop and change runs, and start errands."""
    wish = os.environ.get(VARIABLE, "").strip().lower()
    return wish == "on" or (wish != "off" and _serves_this_machine_only(st.get_option("server.address")))


def tell(what: Markdown = "shows trainings and changes none") -> None:
    """Say why the buttons that change something are missing: what the server does instead."""
    st.info(
        f"This server {what}, because it may be reachable from other machines or training is switched off. Enable it with "
        f"{VARIABLE}=on.",
        icon=":material/lock:",
    )


def offer(label: Markdown, act: Callable[..., object], *given: object, run: str, icon: str | None = None) -> None:
    """Offer those who may to do something to a run; what goes wrong is a sentence that stays while the page goes on."""
    if may_train() and st.button(label, icon=icon, key=f"{label} {run}"):
        try:
            act(*given)
        except LabError as error:
            st.toast(plain(error), icon=":material/error:", duration="long")
        st.rerun()


def _serves_this_machine_only(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:  # a host's name
        return False
