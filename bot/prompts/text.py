"""Text as it is stored and counted: one spelling of every character, nothing invisible at the ends."""

from __future__ import annotations

import re
import unicodedata

from bot.errors import BadPrompt
from bot.languages.said import say

# Control characters do nothing in a prompt and break terminals; line breaks and tabs are text.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ufeff]")


def tidy(text: str) -> str:
    """Normal form C, Unix line ends, no control characters, trimmed. `BadPrompt` when it is no valid Unicode."""
    text = _CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadPrompt(say("The text holds half of a character; type it again.")) from error
    return unicodedata.normalize("NFC", text).strip()
