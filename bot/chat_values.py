"""What couriers are handed and what they answer: cards, buttons, parcels, receipts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.ids import JobId
from bot.jobs.model import Clip, Delivery, Requester


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """A message of ours on a platform, as its courier wrote it down."""

    platform: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Something a person may press under a card. `action` is one of the words of DESIGN §5."""

    action: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCard:
    """What people see of a job: words, facts, buttons. Each chat draws it in its own way."""

    job_id: JobId
    version: int
    requester: Requester
    state: str
    headline: str
    lines: tuple[str, ...] = ()
    progress: float | None = None
    buttons: tuple[Button, ...] = ()
    is_final: bool = False
    asked_at: datetime | None = None
    prompt: str = ""
    """As the person wrote it: to be shown escaped, and cut where there is no room."""
    delivery: Delivery | None = None
    """Of a job whose clip was posted: how, and where it is."""


Checkpoint = dict[str, Any]
"""How far a delivery has come; plain JSON, theirs to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A clip with its address and checkpoint."""

    delivery_id: str
    job_id: JobId
    requester: Requester
    clip: Clip
    path: Path | None
    """The clip as a local file where the media store has one; else read it by `clip.asset_id`."""
    filename: str
    text: str
    title: str = ""
    """The words it was made from, where a chat shows a title: theirs to cut, and never to be read as anything but text."""
    checkpoint: Checkpoint | None = None
    part: Path | None = None
    """Of an extended clip: the new part by itself, posted beside the whole in the same message."""
    part_filename: str | None = None
    buttons: tuple[Button, ...] = ()
    """What may be pressed under the clip."""
    card: MessageRef | None = None
    """The job's card: a link is an edit of it, not a new message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of one post."""

    place: str
    method: str
    """`attachment`, `transcoded`, `link`, `direct_message` or `gallery`."""
    reference: str | None = None
