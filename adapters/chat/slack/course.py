"""How far a delivery on Slack has come: its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from bot.ports import Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere a clip can be shared."""

    kind: str
    """`here` (where it was asked for) or `dm`."""
    channel: str
    root: str | None = None
    """The first message of the thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a delivery has come."""

    place: Place | None = None
    files: tuple[str, ...] = ()
    """Slack's ids of what was uploaded; from here on only these may become visible."""
    since: float = 0.0
    """Seconds since 1970, when they were completed last, or were about to be."""
    completed: int = 0
    """How often they were, or may have been."""
    deleting: bool = False
    """They never became visible, and are deleted before others are uploaded."""
    leaving: bool = False
    """Meanwhile the place takes them no more: once they are deleted, it is given up."""
    lost: int = 0
    """How many uploads never became visible, and were deleted."""
    linking: bool = False
    """A message with the clip's address may have been posted."""
    given_up: tuple[str, ...] = ()
    """Kinds of places that do not take it."""
    limit: int | None = None
    """Bytes: what was larger was refused."""
    was_encoded: bool = False

    def to_json(self) -> Checkpoint:
        """As it is saved."""
        return asdict(self) | {"files": list(self.files), "given_up": list(self.given_up)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any] | None) -> Self:
        """From what was saved."""
        if not said:
            return cls()
        place = Place(**said["place"]) if said["place"] else None
        return cls(**{**said, "place": place, "files": tuple(said["files"]), "given_up": tuple(said["given_up"])})

    def elsewhere(self) -> Course:
        """Give up on the place."""
        assert self.place is not None
        return Course(given_up=(*self.given_up, self.place.kind), limit=self.limit, lost=self.lost)

    def anew(self) -> Course:
        """The files are gone: upload them again, to the same place."""
        return Course(place=self.place, given_up=self.given_up, limit=self.limit, lost=self.lost)

    def after_deleting(self) -> Course:
        """What never became visible is deleted for certain."""
        following = self.elsewhere() if self.leaving else self.anew()
        return replace(following, lost=self.lost + 1)
