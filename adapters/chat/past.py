"""Pages of what was made, as chats show them: each page's button says all that is needed to turn it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.errors import NotAllowed
from bot.jobs.actions import Presser
from bot.jobs.model import Delivery, Job
from bot.jobs.states import State
from bot.languages.said import say
from bot.stores import Stores

MINE: Final = "m"
EVERYONE: Final = "e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which page: whose jobs, holding which words, before which place."""

    everyone: bool = False
    words: str = ""
    cursor: str = ""

    def to_text(self) -> str:
        """For a button: no spaces."""
        encoded = urlsafe_b64encode(self.words.encode()).decode().rstrip("=")
        return f"{EVERYONE if self.everyone else MINE}.{self.cursor}.{encoded}"

    def older(self, cursor: str) -> Asked:
        """The page that begins at a cursor."""
        return replace(self, cursor=cursor)


def asked_of(text: str) -> Asked:
    """What a button said."""
    who, _, rest = text.partition(".")
    cursor, _, encoded = rest.partition(".")
    words = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode(errors="replace")
    return Asked(everyone=who == EVERYONE, words=words, cursor=cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A job of the past."""

    job: Job
    posted: Delivery | None
    """The last delivery that has a message of its own."""

    @property
    def can_be_posted(self) -> bool:
        """Whether its clip is still kept."""
        job = self.job
        is_kept = job.output is not None and job.clip_deleted_at is None
        return is_kept and job.state in (State.DELIVERED, State.UNDELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was asked for, newest first."""

    entries: Sequence[Entry]
    next_cursor: str | None


async def find_page(stores: Stores, *, workspace: str, presser: Presser, asked: Asked, most: int) -> Page:
    """One page of a workspace (`slack:T1`). `NotAllowed` when others' jobs are not this person's to see."""
    if asked.everyone and not (presser.is_team_lead or presser.is_operator):
        raise NotAllowed(say("Only people who manage this place can see what others made."))
    found = await stores.history.page(
        q=asked.words or None,
        person=None if asked.everyone else presser.person,
        workspace=workspace,
        limit=most,
        cursor=asked.cursor or None,
    )
    entries = []
    for job in found.jobs:
        deliveries = await stores.deliveries.of_job(job.id)
        posted = next((each for each in reversed(deliveries) if each.outcome == "posted" and each.reference), None)
        entries.append(Entry(job=job, posted=posted))
    return Page(entries=entries, next_cursor=found.next_cursor)
