"""Where a clip may go, best place first; and what Discord says of a place: how large a file, and whether for adults only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import structlog

from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.rest import THREAD_EXISTS, Rest, RestError, Unclear
from bot.errors import DeliveryDelayed
from bot.ports import Clock

log = structlog.get_logger(__name__)

MIB: Final = 1 << 20
BY_TIER: Final = {2: 50 * MIB, 3: 100 * MIB}
"""Largest upload of a boosted server (discord.py 2.7.1, guild.py)."""
ANYWHERE: Final = 20 * MIB
"""Largest upload elsewhere, by Discord's newest documentation (read 2026-09-04). It has moved four times in three years,
and some servers still took 10 then: what is refused is fitted to the next smaller size."""
SMALLER: Final = (100 * MIB, 50 * MIB, 25 * MIB, 20 * MIB, 10 * MIB, 8 * MIB)
KNOWN_FOR_S: Final = 600.0
MOST_KNOWN: Final = 2000
TEXT_CHANNELS: Final = frozenset({0, 5})
"""Kinds of channel in which a message can become a thread: text and announcements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere a clip can be posted."""

    kind: str
    """`thread` (opened for it), `here`, `parent` (the channel around a thread), `dm`, or `answer` (by the token)."""
    channel: str = ""
    guild: str | None = None
    reply_to: str | None = None

    @property
    def letter(self) -> str:
        """Tells the places of one delivery apart in its nonces."""
        return {"thread": "t", "here": "h", "parent": "p", "dm": "d", "answer": "a"}[self.kind]

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """From a checkpoint."""
        return cls(**said)


def in_order(anchor: Anchor, card: str | None, *, has_token: bool) -> list[Place]:
    """Where to try, best first. `card` is the message id of the job's card, `has_token` says whether it still works."""
    direct = Place(kind="dm")
    if anchor.by_token:
        return [Place(kind="answer", channel=anchor.channel, guild=anchor.guild), direct] if has_token else [direct]
    reply_to = anchor.message or card
    here = Place(kind="here", channel=anchor.channel, guild=anchor.guild, reply_to=reply_to)
    if anchor.guild is None:
        return [here]
    places = [here]
    if anchor.new_thread and anchor.parent is None and reply_to is not None:
        places.insert(0, Place(kind="thread", channel=anchor.channel, guild=anchor.guild, reply_to=reply_to))
    if anchor.parent is not None:
        places.append(Place(kind="parent", channel=anchor.parent, guild=anchor.guild))
    return [*places, direct]


class Surveyor:
    """Asks Discord about places, rarely."""

    def __init__(self, rest: Rest, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}
        self._refused: dict[str, int] = {}
        """Of a server: the smallest size that was too large lately."""

    async def upload_limit(self, place: Place, anchor: Anchor) -> int:
        """Most bytes of a file there. The asker's own figure can only be the place's or a larger one."""
        limit = ANYWHERE
        if place.guild is not None and place.kind != "answer":
            guild = await self._about(f"/guilds/{place.guild}")
            limit = BY_TIER.get(int(guild.get("premium_tier", 0)), ANYWHERE)
        if anchor.upload_limit and place.kind != "dm":
            limit = anchor.upload_limit if place.kind == "answer" else min(limit, anchor.upload_limit)
        refused = self._refused.get(place.guild or place.kind)
        return limit if refused is None else min(limit, below(refused))

    def too_large(self, place: Place, size: int) -> None:
        """A file of so many bytes was refused there."""
        key = place.guild or place.kind
        if len(self._refused) > MOST_KNOWN:
            self._refused.clear()
        self._refused[key] = min(size, self._refused.get(key, size))

    async def is_for_adults(self, place: Place, anchor: Anchor) -> bool:
        """Whether a channel, or the channel around a thread, is age-restricted. `False` where nobody can tell."""
        if place.kind == "answer":
            return anchor.among_adults
        if place.kind == "dm" or place.guild is None:
            return False
        channel = await self._about(f"/channels/{place.channel}")
        if channel.get("type") in {10, 11, 12} and channel.get("parent_id"):
            channel = await self._about(f"/channels/{channel['parent_id']}")
        return bool(channel.get("nsfw"))

    async def open_thread(self, place: Place, name: str) -> Place | None:
        """Open a thread at a message, or find the one that is there; `None` where that cannot be."""
        path = f"/channels/{place.channel}/messages/{place.reply_to}/threads"
        try:
            made = await self._rest.ask("POST", path, json={"name": name[:100], "auto_archive_duration": 1440})
        except RestError as error:
            if error.number != THREAD_EXISTS:
                log.info("discord.no_thread", channel=place.channel, why=str(error))
                return None
            # A message has one thread, and it bears the message's id.
            return replace(place, channel=str(place.reply_to), reply_to=None)
        return replace(place, channel=str(made["id"]), reply_to=None)

    async def _about(self, path: str) -> dict[str, Any]:
        """What Discord says of a server or a channel; empty when it cannot say now."""
        now = self._clock.monotonic()
        known = self._known.get(path)
        if known is not None and known[0] > now:
            return known[1]
        try:
            found = await self._rest.ask("GET", path)
        except (RestError, Unclear, DeliveryDelayed):
            # Posting itself says soon enough what is wrong.
            return {}
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        self._known[path] = (now + KNOWN_FOR_S, found or {})
        return found or {}


def below(size: int) -> int:
    """The next smaller of the limits Discord is known to have had."""
    return next((each for each in SMALLER if each < size), SMALLER[-1] * 3 // 4)
