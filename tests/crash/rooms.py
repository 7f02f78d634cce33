"""The emulated chats of stories, by name, and what they have in common: a room with people, misfortunes, and a journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from bot.jobs.model import InputRef, Requester
from bot.ports import Courier, MediaStore, MediaWorkshop
from tests.crash.stories import Ask, Story

Row = dict[str, Any]
Watch = Callable[[str], None]


class Room(Protocol):
    """A chat that is emulated, with the product's own courier before it."""

    @property
    def MODULE(self) -> str:  # noqa: N802  a constant of a module
        """The emulator's, in `tests.emulators`."""
        ...

    @property
    def SETTINGS(self) -> Mapping[str, Any]:  # noqa: N802  as above
        """What it is started with."""
        ...

    @property
    def WORKSPACE(self) -> str:  # noqa: N802  as above
        """Who may spend money there."""
        ...

    def furnish(self, story: Story, port: int) -> None:
        """Make its people and places, and let the story's misfortunes happen."""
        ...

    def asked(self, ask: Ask, port: int) -> tuple[Requester, InputRef]:
        """Somebody asks, once: who and where, and the picture that came along."""
        ...

    def courier(self, port: int, media: MediaStore, workshop: MediaWorkshop, scratch: Path, watch: Watch, /) -> Courier:
        """The product's own; it may tell of moments that no commit and no outside call of the product's marks."""
        ...

    def as_judged(self, log: list[Row], cards: Mapping[str, Row]) -> Iterator[Row]:
        """The journal in the words of the judge's own chat: posts by their file, cards by what they say."""
        ...


def rooms() -> Mapping[str, Room]:
    """Every chat that is emulated. Modules, so that what they import is imported where it is needed only."""
    from tests.crash import discord_room, slack_room

    found: dict[str, Room] = {"discord": discord_room, "slack": slack_room}
    return found


def foul(log: list[Row], judge: str) -> Iterator[Row]:
    """What the product did that no correct client does, and what the emulator itself did wrong."""
    for entry in log:
        if entry["event"] == "emulator-fault":
            yield {"event": "violation", "judge": judge, "why": f"our own emulator failed: {entry}"}
        if entry["event"] == "violation":
            yield entry | {"judge": judge}


def card_shown(entry: Row, place: str, state: str, cards: Mapping[str, Row], *, is_new: bool) -> Iterator[Row]:
    """What a message says of a job, if it is the job's card."""
    for job_id, row in cards.items():
        if row["reference"] == place:
            kind = "card-posted" if is_new else "card-edited"
            yield entry | {"event": kind, "job_id": job_id, "version": 0, "state": state, "message_id": place}
