"""The judge of the emulated Slack itself: what real Slack was never seen to say is found."""

from __future__ import annotations

import pytest

from tests.emulators.slack_methods import METHODS
from tests.emulators.slack_recorded import errors_in, shapes

FILE = {"id": "F1", "size": 5, "shares": {"public": {"C1": [{"ts": "1.2", "reply_users": []}]}}}


def test_what_was_recorded_is_good():
    """Fewer fields are fine, and null anywhere."""
    assert errors_in("@file", FILE) == []
    assert errors_in("@message", {"type": "message", "ts": "1.2", "files": [FILE], "edited": None}) == []


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"owner": "U1"}, "/owner: never recorded"),
        ({"size": "5"}, "/size: '5' is no int"),
        ({"size": True}, "/size: True is no int"),
        ({"shares": {"public": {"C1": [{"time": "1.2"}]}}}, "/shares/public/C1/0/time: never recorded"),
        ({"shares": {"public": {"C1": {"ts": "1.2"}}}}, "/shares/public/C1: no list"),
        ({"shares": []}, "/shares: no object"),
    ],
)
def test_what_was_never_recorded_is_found(changed, error):
    """Unknown fields and other types, however deep."""
    assert errors_in("@file", FILE | changed) == [error]


def test_every_method_has_a_recorded_answer():
    """Nothing the emulator answers goes unjudged."""
    assert {f"api {method}" for method in METHODS} <= set(shapes())
