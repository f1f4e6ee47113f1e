"""An unexpected error is a message with an ID, the log has the traceback under this ID, and no log has a drawing."""

import base64
import logging
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.cached import runs
from app.live import drawing_pad
from tests.app.conftest import Visit
from tests.app.test_pages import said


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a secret path: /home/somebody")


@pytest.mark.parametrize(
    ("page", "part"),
    [
        ("generate", "cached.runs.run_keys"),
        ("training", "cached.histories.latest"),
        ("generate", "live.latent_sliders.place_sliders"),
    ],
    ids=["on a page", "in a fragment", "in a callback"],
)
def test_an_unexpected_error_is_a_sentence_with_a_number_that_leads_to_the_traceback(
    page: str,
    part: str,
    visit: Visit,
    without_mnist: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    visitor = visit(page, live="false")
    monkeypatch.setattr(f"app.{part}", broken)
    if part == "live.latent_sliders.place_sliders":
        (reset,) = (button for button in visitor.button if button.label == "Reset")
        monkeypatch.setattr("app.live.latent_sliders.on_slider", broken)
        reset.click()
    visitor.run()
    (told,) = (error.value for error in visitor.error)
    assert not visitor.exception
    assert "secret" not in told + said(visitor)
    (fault,) = (record for record in caplog.records if record.name == "app.server.uncaught_errors")
    assert re.search(r"as fault `([0-9a-f]{8})`", told)[1] in fault.getMessage()  # type: ignore[index]
    assert fault.levelno == logging.ERROR
    assert "ZeroDivisionError: a secret path" in caplog.text
    caplog.clear()


def test_no_log_has_a_visitors_drawing(visit: Visit, without_mnist: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    drawn = np.random.default_rng(5).integers(0, 256, 784, np.uint8)
    texts = [base64.b64encode(drawn.tobytes()).decode()[:40], repr(drawn.tobytes())[:40], str(drawn.tolist())[1:40]]
    for page, query in (
        ("inpaint", {"of": "My drawing"}),
        ("latent", {"draw": "true"}),
        ("generate", {"live": "false"}),
    ):
        visitor: AppTest = visit(page, **query)
        visitor.session_state[drawing_pad._INK] = drawn
        visitor.run()
        assert not visitor.exception
    assert runs.cards()
    assert not [text for text in texts if text in caplog.text]
