"""What an answer on Discord hangs on: written down with the job, so that any process may post it, after any restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from bot.jobs.model import Requester

TOKEN_LIVES = timedelta(minutes=14)
"""An interaction's token is good for 15 minutes (Discord documentation, read 2026-08-06); a request takes time, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where an answer belongs, what it answers, and what may be posted there."""

    channel: str
    """Where to post: a channel, a thread, or a direct message's channel."""
    parent: str | None = None
    """The channel around it, when it is a thread."""
    guild: str | None = None
    """`None` in direct messages."""
    message: str | None = None
    """The message that asked: the answer replies to it. An interaction has none; the answer replies to its card."""
    interaction: str | None = None
    application: str | None = None
    token: str | None = None
    """Of the interaction. Edits its answer without any permission, for as long as `TOKEN_LIVES`."""
    asked_at: float = 0.0
    """Seconds since 1970."""
    by_token: bool = False
    """The bot itself may not post here: it is no member, or lacks a permission."""
    is_private: bool = False
    """Only the asker sees the answer: Discord makes it so where others' apps may not speak."""
    upload_limit: int | None = None
    """Bytes, as the interaction said. It may be the asker's own, larger limit; the place's is never above it."""
    spoiler: bool = False
    """The picture was hidden until it is clicked: so is the clip."""
    for_adults: bool = False
    """What it is made from was shown in an age-restricted channel: it goes to such a channel, or to its asker alone."""
    among_adults: bool = False
    """`channel` is age-restricted, as whoever asked there was told."""
    new_thread: str | None = None
    """The name of a thread to open for the clip, where the setting says so."""

    def to_text(self) -> str:
        """As it is written down with the job."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))

    def token_at(self, now: datetime) -> str | None:
        """The token, while it can still be used."""
        if self.token is None or now >= datetime.fromtimestamp(self.asked_at, UTC) + TOKEN_LIVES:
            return None
        return self.token


def anchor_of(requester: Requester) -> Anchor:
    """What was written down; for a request without one, what the requester's channel and thread say."""
    if requester.anchor:
        return Anchor(**json.loads(requester.anchor))
    guild = requester.workspace if requester.workspace.isdigit() else None
    return Anchor(
        channel=requester.thread or requester.channel or "",
        parent=requester.channel if requester.thread else None,
        guild=guild,
    )
