"""How far a delivery on Discord has come: its checkpoint, and the word by which Discord knows a post again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from adapters.chat.discord.places import Place
from bot.ports import Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a delivery has come: its checkpoint."""

    place: Place | None = None
    posting: bool = False
    """A post to `place` may be on its way, or there."""
    since: float = 0.0
    """Seconds since 1970, of the first post to `place`."""
    given_up: tuple[str, ...] = ()
    """Kinds of places that do not take it."""
    limit: int | None = None
    """Bytes: what was larger was refused."""
    wordless: bool = False
    """The server's rules block our words: the clip goes without."""

    def to_json(self) -> Checkpoint:
        """As it is saved."""
        return asdict(self) | {"given_up": list(self.given_up)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any] | None) -> Self:
        """From what was saved."""
        if not said:
            return cls()
        place = Place.from_json(said["place"]) if said["place"] else None
        return cls(**{**said, "place": place, "given_up": tuple(said["given_up"])})

    def elsewhere(self) -> Course:
        """Give up on the place."""
        assert self.place is not None
        return Course(given_up=(*self.given_up, self.place.kind), limit=self.limit)


def nonce_of(delivery_id: str, place: Place) -> str:
    """The same for every try of one delivery at one place; at most 25 characters."""
    return f"{place.letter}{delivery_id.replace('-', '')[-20:]}"
