"""Taking secrets out of text: the configured ones wherever they stand, and others by their shape.

Works on a log line in its final form, so that it does not matter who wrote it: a library's URL, a header in an
exception's text, a field of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

MASK = "***"
_SHORTEST = 6
"""Shorter values are not taken for secrets: masking every `a` would hide everything else."""

_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Slack tokens; webhook secrets.
        (r"\b(xox[a-z](?:\.xox[a-z])?-|xapp-|whsec_)[\w.-]{6,}", rf"\1{MASK}"),
        # Our personal tokens, but for the part that names them; whole sessions, whatever their cookie's prefix.
        (r"\b(rbt_[0-9a-f]{6,}_)[\w-]{16,}", rf"\1{MASK}"),
        (r"(reelbot_session[\w-]*\\?[\"']?\s*[:=]\s*\\?[\"']?)[\w.~%+/=-]{6,}", rf"\1{MASK}"),
        # Tokens of an identity provider: three parts, of which the first two begin as JSON does.
        (r"\beyJ[\w-]{6,}\.eyJ[\w-]{6,}\.[\w-]*", MASK),
        # What signing in exchanges, as JSON or a Python repr; in a form or an address: below.
        (
            r"([\"'](?:client_secret|access_token|refresh_token|id_token|code_verifier)\\?[\"']\s*:\s*\\?[\"'])"
            r"[^\s\"'\\]{6,}",
            rf"\1{MASK}",
        ),
        # Authorization: Bearer …, and header names with their value, as text, JSON or a Python repr.
        (r"\b(bearer|basic|bot)(\s+)[\w.~+/=-]{12,}", rf"\1\2{MASK}"),
        (
            r"\b(x-api-key|x-webhook-secret|x-reelbot-token|(?:proxy-)?authorization|(?:set-)?cookie)"
            rf"(\\?[\"']?{_COLOUR}\s*[:=,]\s*{_COLOUR}b?\\?[\"']?)(?!bearer |basic |bot )[^\s\"',}}\\\x1b]{{4,}}",
            rf"\1\2{MASK}",
        ),
        # Signatures wherever they stand; words that may mean something harmless only inside an address.
        (
            r"(\b(?:sig|signature|access_token|refresh_token|id_token|code_verifier|api_?key|client_secret"
            r"|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))"
            r"|[?&](?:token|key|code|hm))"
            rf"({_COLOUR}(?:=|%3d){_COLOUR})[^&\s\"'<>\\\x1b]{{6,}}",
            rf"\1\2{MASK}",
        ),
        # Who is expected back from signing in: long enough to be no state of a job's. And a form that begins with its code.
        (rf"([?&]state{_COLOUR}(?:=|%3d){_COLOUR})[\w.~%+/=-]{{16,}}", rf"\1{MASK}"),
        (r"\b(code=)[\w.~%+/=-]{6,}(?=&)", rf"\1{MASK}"),
        # Our webhook and media links, Discord's webhook and interaction links: the last part is the key.
        (r"(/webhooks/[\w-]+/|/interactions/\d+/|/media/)[\w.~=-]{16,}", rf"\1{MASK}"),
        # user:password@ in addresses.
        (r"(://[^\s/@:]*:)[^\s/@]+@", rf"\1{MASK}@"),
        # Discord bot tokens.
        (r"\b[\w-]{23,28}\.[\w-]{6}\.[\w-]{27,45}\b", MASK),
    )
)


class Redactor:
    """Masks secrets in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are masked as they are, and as they look inside JSON and inside addresses."""
        self._spellings: set[str] = set()
        self._exact: re.Pattern[str] | None = None
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these as well from now on."""
        self._spellings |= {
            spelling for secret in secrets if len(secret) >= _SHORTEST for spelling in _spellings(secret)
        }
        # The longest first, so that a part of a secret never survives beside its mask.
        ordered = sorted(self._spellings, key=len, reverse=True)
        self._exact = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._exact is not None:
            text = self._exact.sub(MASK, text)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text


def _spellings(secret: str) -> Iterator[str]:
    """The secret as it is, in a Python repr, in an address, and each of these inside JSON."""
    for plain in (
        secret,
        repr(secret)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
    ):
        yield plain
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
