"""The address is the state of a page: a link to it opens the same picture, and Back shows the one before.

Every value that decides what a page shows is kept here, under a name in the address and in `st.session_state`:

    st.slider("Intensity", 0.0, 1.0, key=url_state.bound("grey", number(0, 1), 0.3))   # a control of Streamlit
    shown = url_state.kept("quadrants", several(NAMES), [])                            # any other value

A control gets its default from here, not from Streamlit. To change a value that is no control's, such as one that a component
in the browser reports, write it into `st.session_state` in a callback. A component that has a state of its own takes the
values that Python sends if `opened()` has changed. Fragments with such values are made by `url_state.fragment`.

An address is read when a page is opened: by a link, by the navigation, by Back or Forward. What it does not name has its
default. An address without any parameters, as the navigation has them, shows the page as it was left in this session.
At the end of a run the values that differ from their defaults are written into the address, in one step of the browser's
history. Opening a page adds no step. Streamlit's own `bind="query-params"` would write labels instead of names, and would
replace the address, so that Back leaves the page.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.state.common import user_key_from_element_id

from app.browser import source
from app.display.url_forms import AnyForm, Form
from app.text.plain_text import code

Value = TypeVar("Value")
Arguments = ParamSpec("Arguments")
Parameters = dict[str, list[str]]
LONGEST = 40  # characters of an ignored value that are shown
_ADDRESS = "address"  # in the session

_replacement = st.components.v2.component("cvae_address", js=source("address.js"))


@dataclass
class _Address:
    """The address of a session's page, and the values that it stands for."""

    page: str | None = None
    given: Parameters = field(default_factory=dict)  # what the browser has sent or was told last
    now: Parameters = field(default_factory=dict)
    opened: int = 0  # addresses that were read
    opening: bool = False  # until a run has shown all of the page
    exact: bool = False  # what the address does not name has its default
    history: bool = False  # it was opened by Back or Forward
    stepped: bool = False  # it was opened by a link of the same page
    waiting: Parameters = field(default_factory=dict)  # parameters that no control has read yet
    read: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    shown: dict[str, tuple[AnyForm, Any]] = field(default_factory=dict)  # forms and defaults of the values on the page
    held: dict[str, Any] = field(default_factory=dict)  # of this session: Streamlit forgets values of hidden controls
    controls: set[str] = field(default_factory=set)  # names whose values Streamlit keeps for a control
    lasting: set[str] = field(default_factory=set)  # names of values of the whole session
    postponed: bool = False
    registered: set[str] = field(default_factory=set)  # names that this run of the page or of a fragment has shown


@contextmanager
def of_page(name: str) -> Iterator[None]:
    """Read the address for the page that is shown in this context, and write it afterwards."""
    here, context = _here(), _context()
    given = {name: st.query_params.get_all(name) for name in st.query_params}
    history = context.is_history_navigation
    linked = given not in (here.given, here.now) and not _caused_by_control(here, context)
    if name != here.page or history or linked:
        # Streamlit's browser does not show the address of a link to the page that is open, so it is written as a new step.
        here.stepped = linked and name == here.page and not history
        here.now = here.now if here.stepped else given
        here.page, here.given, here.waiting = name, given, dict(given)
        here.opened, here.opening, here.exact, here.read = here.opened + 1, True, bool(given) or history, set()
        here.history = history
    here.shown, here.postponed, here.registered = {}, False, set()
    try:
        yield
    except StopException:
        _write(here, replace=here.opening and not (history or here.stepped))
        raise
    _write(here, replace=here.opening and not (history or here.stepped))


def kept(name: str, form: Form[Value], default: Value, *, lasting: bool = False) -> Value:
    """Return the value with a name in the address; it is in `st.session_state` too.

    A lasting value is one of the whole session: links without it do not change it.
    """
    here = _here()
    control = name in here.controls and name in here.shown
    return _registered(here, name, form, default, control=control, lasting=lasting)


def _caused_by_control(here: _Address, context: ScriptRunContext) -> bool:
    """Return whether a control has caused this run; its address may be an old one.

    A link, even to the same page, sends no values of controls, except the unchanged ones of controls that are on every page.
    """
    state = context.session_state._state
    sent = state._new_widget_state.states
    return any(user_key_from_element_id(name) not in here.lasting or state._widget_changed(name) for name in sent)


def _registered(here: _Address, name: str, form: Form[Value], default: Value, *, control: bool, lasting: bool) -> Value:
    """Put a value into the session, in place of what Streamlit has there for a control if it is no control's now."""
    exact = here.exact and (here.history or not lasting)
    found = default if here.opening and exact and name not in here.read else None
    here.read.add(name)
    if (texts := here.waiting.pop(name, None)) is not None:
        found = default if (read := form.read(texts)) is None else read
        taken = set(form.texts(found))
        for text in texts:
            if (alone := form.read([text])) is None or not taken.issuperset(form.texts(alone)):
                here.left_out.append(f"{name}={text}"[:LONGEST])
    if found is None:
        current = st.session_state.get(name, here.held.get(name, default))
        read = form.read(form.texts(current))
        found = default if read is None else read
    else:
        current = None
    if name in st.session_state and control != (name in here.controls):
        del st.session_state[name]  # else an older value would come back when the control is hidden
    (here.controls.add if control else here.controls.discard)(name)
    if current is None or name not in st.session_state or form.texts(found) != form.texts(current):
        st.session_state[name] = found
    here.shown[name] = form, default
    here.registered.add(name)
    if lasting:
        here.lasting.add(name)
    value: Value = st.session_state[name]
    return value


def bound(name: str, form: Form[Value], default: Value, *, lasting: bool = False) -> str:
    """Return the key of a control whose value the address keeps, once the value is in the session; see `kept`."""
    _registered(_here(), name, form, default, control=True, lasting=lasting)
    return name


def opened_with() -> Parameters:
    """Return the parameters of an address that is being opened and that no control has read; a page may reword old ones."""
    here = _here()
    return here.waiting if here.opening else {}


def opened() -> int:
    """Return how many addresses this session has read: another number means that values were set from outside."""
    return _here().opened


def postpone() -> None:
    """Leave the address as it is until another run, because this run shows one moment of an animation."""
    _here().postponed = True


def fragment(function: Callable[Arguments, None], *, run_every: str | None = None) -> Callable[Arguments, None]:
    """Return a fragment that writes the address after a run of its own.

    Such a run changes the values of the fragment only: if the browser has requested it before Back was answered, it has old
    values of the other controls.
    """

    @st.fragment(run_every=run_every)
    @wraps(function)
    def shown(*args: Arguments.args, **settings: Arguments.kwargs) -> None:
        here, alone = _here(), bool(_context().fragment_ids_this_run)
        if alone:
            here.postponed, here.registered = False, set()
        function(*args, **settings)
        if alone and not here.opening:
            _write(here, replace=False)

    return shown


def _here() -> _Address:
    here: _Address = st.session_state.setdefault(_ADDRESS, _Address())
    return here


def _context() -> ScriptRunContext:
    context = get_script_run_ctx()
    assert context is not None, "only a script that Streamlit runs has an address"
    return context


def _write(here: _Address, *, replace: bool) -> None:
    """Write the address if a value has changed, and say once which values of the opened address were invalid."""
    here.opening = False
    here.held |= {name: st.session_state[name] for name in here.registered if name in st.session_state}
    written = {name: list(form.texts(here.held[name])) for name, (form, _) in here.shown.items() if name in here.held}
    usual = {name: list(form.texts(default)) for name, (form, default) in here.shown.items()}
    now = {name: texts for name, texts in written.items() if texts != usual[name]} | here.waiting
    if now != here.now and not here.postponed:
        if replace:
            _replace(here, now)
        else:
            st.query_params.from_dict(now)
            here.given = now
        here.now = now
    if here.left_out:
        order = list(here.given)
        quoted = map(code, sorted(here.left_out, key=lambda text: _place(order, text.partition("=")[0])))
        here.left_out = []
        st.toast(f"Ignored invalid values in the address: {', '.join(quoted)}", duration="long")


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _replace(here: _Address, now: Parameters) -> None:
    """Replace the address of the browser: Streamlit itself can only add a step to its history."""
    context, search = _context(), urlencode(now, doseq=True)
    with context.session_state.query_params() as parameters:
        parameters.clear_with_no_forward_msg(preserve_embed=True)
        for name, texts in now.items():
            parameters.set_with_no_forward_msg(name, texts if len(texts) > 1 else texts[0])
    context.query_string = search
    # The number makes the data new for every page: with the same data as before, the browser would not run the script.
    data = {"opened": urlencode(here.given, doseq=True), "now": search, "number": here.opened}
    _replacement(key="address-replaced", data=data, height=1)
