"""A form that makes a data set of characters from the fonts of this machine."""

import streamlit as st

from app.data import listing, naming
from app.display import elements, url_state
from app.display.url_forms import line, one_of, switch, whole
from app.text.plain_text import plain
from app.widgets import background_command, permission
from app.widgets.controls import WIDE_FIELD
from cvae_core.config.descriptions import SIDES
from cvae_core.data import catalogue

PURPOSE, MADE = "make glyphs", "made"  # of the command, and in the session
LONGEST, FEWEST, MOST = 200, 500, 50_000  # characters of the field, and images


def show() -> None:
    """Show the form."""
    elements.explained(
        "Characters in the fonts of this machine, each image with a random font, size and position. The weight, slant and "
        "width of the font are stored as attributes."
    )
    if not permission.may_train():
        permission.tell("Uploads and changes to data sets are disabled")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = "Each character is a class; X-Y stands for all characters from X to Y"
        key = url_state.bound("make-characters", line(LONGEST), "A-Z")
        characters = st.text_input("Characters", key=key, max_chars=LONGEST, help=words, width=WIDE_FIELD)
        key = url_state.bound("make-size", one_of(list(SIDES)), 32)
        size = st.selectbox("Side in pixels", list(SIDES), key=key, width=WIDE_FIELD)
        key = url_state.bound("make-images", whole(FEWEST, MOST), 10_000)
        images = st.number_input("Images", FEWEST, MOST, step=500, key=key, width=WIDE_FIELD)
        colour = st.toggle("Colour", key=url_state.bound("make-colour", switch(), False))
        name, why = naming.field(url_state.bound("make-name", line(80), "glyphs"))
        working = background_command.is_known(PURPOSE)
        asked = st.button("Make", icon=":material/text_fields:", type="primary", disabled=bool(why) or working)
    if why and not working and st.session_state.get(MADE) != name:
        st.warning(plain(why), icon=":material/edit:")
    if asked:
        st.session_state[MADE] = name
    flags = [f"--characters={characters}", f"--size={size}", f"--images={images}", *(["--colour"] if colour else [])]
    with elements.sentences():
        if background_command.carried_out(PURPOSE, "Drawing", asked, "data", "make", "glyphs", name, *flags):
            st.rerun()
    if (made := st.session_state.get(MADE)) and catalogue.exists(made):
        listing.next_steps(made)
