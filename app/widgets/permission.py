"""Permission to train, change runs and start commands: given on a local server, unless CVAE_TRAINING says otherwise."""

import ipaddress
import os
from collections.abc import Callable

import streamlit as st

from app.text.plain_text import Markdown, plain
from cvae_core.errors import LabError

VARIABLE = "CVAE_TRAINING"  # on, off, or unset: then on if the server is local


def may_train() -> bool:
    """Return whether pages may start, stop and change runs, and start other commands."""
    wish = os.environ.get(VARIABLE, "").strip().lower()
    return wish == "on" or (wish != "off" and _serves_this_machine_only(st.get_option("server.address")))


def tell(what: Markdown = "Training and changes to runs are disabled") -> None:
    """Say what is disabled, why, and how to enable it."""
    st.info(
        f"{what} because this server may be reachable from other machines, or because {VARIABLE}=off. Enable with "
        f"{VARIABLE}=on.",
        icon=":material/lock:",
    )


def offer(
    label: Markdown, act: Callable[..., object], *given: object, run: str, done: Markdown = "", icon: str | None = None
) -> None:
    """Show a button that acts on a run, if training is permitted; `done` or an error is a message that outlasts the rerun."""
    if may_train() and st.button(label, icon=icon, key=f"{label} {run}"):
        try:
            act(*given)
        except LabError as error:
            st.toast(plain(error), icon=":material/error:", duration="long")
        else:
            if done:
                st.toast(done, icon=":material/check:")
        st.rerun()


def _serves_this_machine_only(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:  # a host name
        return False
