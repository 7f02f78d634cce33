"""What people do with their own pages: ask `/reelbot`, look at what only they see, open the Home tab."""

from __future__ import annotations

from typing import Any

from bot.jobs.model import Job, Requester
from tests.adapters.chat.slack.room import Room, texts
from tests.factories import a_request


async def wished(room: Room, who: str, prompt: str = "the leaves move", *, workspace: str = "") -> Job:
    """A job that is only written down."""
    requester = Requester(
        platform="slack", workspace=workspace or room.world.team, user=who, channel=room.channel, locale="en"
    )
    job, _ = await room.app.service.front_desk.accept(a_request(requester=requester, prompt=prompt))
    return job


async def asked(room: Room, who: str, words: str, *, channel: str = "") -> dict[str, Any]:
    """What `/reelbot` answered this person, alone."""
    answer = await room.act(room.world.slash, who, channel or room.channel, "/reelbot", words)
    assert answer.kind == "answered", answer
    assert answer.body["response_type"] == "ephemeral"
    found: dict[str, Any] = answer.body
    return found


async def seen(room: Room, who: str, holding: str = "") -> dict[str, Any]:
    """The newest message that only this person sees and that says something."""

    def look() -> dict[str, Any] | None:
        shown = room.world.ephemerals(who)
        return shown[-1] if shown and holding in texts(shown[-1]) else None

    return _there(await room.until(look, f"a message to {who} that says {holding!r}"))


async def home(room: Room, who: str, holding: str = "") -> dict[str, Any]:
    """The Home tab, opened if it was not, once it says something."""
    if await room.act(room.world.home, who) is None:
        await room.act(room.world.open_home, who)

    def look() -> dict[str, Any] | None:
        view = room.world.home(who)
        return view if view is not None and holding in texts(view["blocks"]) else None

    return _there(await room.until(look, f"a Home tab that says {holding!r}"))


async def window(room: Room, who: str, holding: str = "") -> dict[str, Any]:
    """The form in front of a person, once it says something."""

    def look() -> dict[str, Any] | None:
        view = room.world.view(who)
        return view if view is not None and holding in texts(view) else None

    return _there(await room.until(look, f"a form that says {holding!r}"))


async def letters(room: Room, who: str, holding: str = "") -> list[dict[str, Any]]:
    """What we wrote into a person's direct messages, once one of it says something."""
    direct = await room.act(room.world.dm, who)

    def look() -> list[dict[str, Any]]:
        found = room.world.from_bot(direct)
        return found if any(holding in texts(each) for each in found) else []

    return await room.until(look, f"a direct message that says {holding!r}")


def offers(view: dict[str, Any]) -> list[str]:
    """The labels of all buttons, those beside a text too."""
    rows = [each for block in view["blocks"] for each in [*block.get("elements", []), block.get("accessory")] if each]
    return [each["text"]["text"] for each in rows if each["type"] == "button"]


def _there(found: dict[str, Any] | None) -> dict[str, Any]:
    assert found is not None
    return found
