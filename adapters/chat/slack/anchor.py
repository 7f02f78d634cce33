"""What an answer on Slack hangs on: written down with the job, so that any process may post it, after any restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from bot.jobs.model import Requester
from bot.ports import MessageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where an answer belongs, and what it answers."""

    team: str
    """The workspace through which we were asked: its token posts."""
    enterprise: str | None = None
    channel: str = ""
    """Where to post; empty is a direct message to the asker, still to be opened."""
    root: str | None = None
    """The first message of the thread; without one, the card begins a thread."""
    asked: str | None = None
    """The message that asked: it gets a reaction."""
    is_direct: bool = False
    """`channel` is the asker's own direct messages."""

    def to_text(self) -> str:
        """As it is written down with the job."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))


def anchor_of(requester: Requester) -> Anchor:
    """What was written down; for a request without one, what the requester's channel and thread say."""
    if requester.anchor:
        return Anchor(**json.loads(requester.anchor))
    return Anchor(team=requester.workspace, channel=requester.channel or "", root=requester.thread)


def beneath(anchor: Anchor, card: MessageRef | None) -> Anchor:
    """The same below its card: without a thread of its own, the answer's thread begins at the card."""
    if card is None or anchor.root is not None:
        return anchor
    channel, _, ts = card.reference.partition(":")
    return replace(anchor, root=ts) if channel == anchor.channel else anchor
