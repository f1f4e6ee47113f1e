"""A page that shows texts in every way in which the lab shows foreign text, for a browser to read back."""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from app.text.plain_text import code, plain

TEXTS = (
    "![x](http://127.0.0.1:9/b.png)", "[link](http://127.0.0.1:9)", "<img src='http://127.0.0.1:9/c.png'>",
    "<a href='#'>y</a>", "<http://127.0.0.1:9>", "<!-- x -->",
    "<script>alert(1)</script>", "http://127.0.0.1:9/x", "https://example.org", "ftp://x.y",
    "www.example.org", "WWW.example.org", "someone@example.org", "mailto:someone@example.org", "xmpp:a@b.c", "[x]: http://a.b",
    "[^1]", "[x](#y)", "[[x]]", "$\\frac{1}{2}$", "$$x$$", "$5 and $6", "\\(x\\)", "\\[x\\]", ":red[x]", ":blue-badge[x]",
    ':color[x]{foreground="red"}', ":violet[:material/x:]", ":help[x]", ":small[x]", ":é[x]", ":€[x]", "::name[x]", ":::name",
    ":x{a=b}", "::", ":material/home:", ":streamlit:", ":smile: :+1: :100:", "10:30:45", "a:b", "C:\\dir\\x",
    "__init__ _x_ a_b_c", "*x* **y**",
    "x*y*z", "~~x~~", "x^2^", "`x` ``y``", "# head", "#", "## x", "#tag", "- item", "-", "- - -", "---", "+ item",
    "+ +", "1. item", "12) item", "1234. item", "1.", "0.750", "-5.2", "> quote", ">x", "***", "___", "=", "===", "line\n===",
    "a\n\nb", "a\r\n# b", "    code", "| a | b |", "a -- b -> c <- d <-> e >= f <= g ~= h", "-- -> >=", "&lt;b&gt; &copy;",
    "\\*x\\*", "1\\.", "\x1b]0;x\x07", "\u202eabc", "\u2060", "--root /x --force", "label-beta-0.1", "“q” 'r' \"s\"", "a  b",
)  # fmt: skip
KINDS: dict[str, Callable[[str, str], object]] = {  # how a text is shown, under a key
    "markdown": lambda text, key: st.markdown(plain(text)),
    "bold": lambda text, key: st.markdown(f"**{plain(text)}**"),
    "caption": lambda text, key: st.caption(plain(text)),
    "code": lambda text, key: st.caption(code(text)),
    "error": lambda text, key: st.error(plain(text)),
    "subheader": lambda text, key: st.subheader(plain(text), anchor=False),
    "button": lambda text, key: st.button(plain(text), key=f"in {key}"),
    "label": lambda text, key: st.checkbox(plain(text), key=f"in {key}"),
    "progress": lambda text, key: st.progress(0.5, text=plain(text)),
    "pills": lambda text, key: st.pills(
        "pills", [text], format_func=plain, key=f"in {key}", label_visibility="collapsed"
    ),
    "table": lambda text, key: st.table(pd.DataFrame({"": [plain(text)]}), hide_index=True),
}

if __name__ == "__main__":
    for kind, show in KINDS.items():
        for number, text in enumerate(TEXTS):
            with st.container(key=f"{kind}-{number}"):
                show(text, f"{kind}-{number}")
