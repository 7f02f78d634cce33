"""What our buttons and forms carry: an action and a job. No secret, and nothing that a restart forgets."""

from __future__ import annotations

import re

PREFIX = "rb"
BUTTON = re.compile(r"rb:b:(?P<action>[a-z]+):(?P<job_id>[0-9a-f-]{36})")
"""Of a button under a card or a clip."""
FORM = re.compile(r"rb:f:(?P<form>[a-z]+)(?::(?P<of>[^\s]{1,80}))?")
"""Of a form; `of` is what it is about: a job, or a message."""
LONGEST = 100
"""Characters Discord takes."""


def button_id(action: str, job_id: str) -> str:
    """The id of a button."""
    return f"{PREFIX}:b:{action}:{job_id}"


def form_id(form: str, of: str = "") -> str:
    """The id of a form."""
    found = f"{PREFIX}:f:{form}:{of}" if of else f"{PREFIX}:f:{form}"
    if len(found) > LONGEST:
        raise ValueError(f"{found!r} is too long for Discord")
    return found
