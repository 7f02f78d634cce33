"""What our buttons and forms are called. What they are about stands in their value: a job, a page; never a secret."""

from __future__ import annotations

import re
from typing import Final

BUTTON: Final = re.compile(r"rb:b:(?P<action>[a-z]+)")
"""Of a button whose value is a job."""
PAGE: Final = re.compile(r"rb:p:(?P<page>[a-z-]+)(?::(?P<number>\d+))?")
"""Of a button on a page of one person's own; its value says what it turns to."""
FORM: Final = re.compile(r"rb:f:(?P<form>[a-z]+)")


def button_id(action: str) -> str:
    """The id of a button under a job."""
    return f"rb:b:{action}"


def page_id(page: str, number: int | None = None) -> str:
    """The id of a button on a page; a number where there are several of a kind."""
    return f"rb:p:{page}" if number is None else f"rb:p:{page}:{number}"


def form_id(form: str) -> str:
    """The id of a form."""
    return f"rb:f:{form}"


def link_id(name: str) -> str:
    """The id of a button that opens an address."""
    return f"rb:x:{name}"


def input_id(name: str) -> str:
    """The id of a field of a form."""
    return f"rb:i:{name}"
