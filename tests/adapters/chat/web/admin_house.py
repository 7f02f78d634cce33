"""A web side with a little history for the admin pages: Slack's workspace T1 led by Alice, Bob in it, Mallory of T2."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from bot.errors import DeliveryRefused, Unconfirmed
from bot.jobs.model import Job, Requester
from bot.people import Act, Role
from tests.adapters.chat.web.web_house import TOKEN, WebHouse, a_web_house

ALICE = Requester(platform="slack", workspace="T1", user="UALICE", channel="C1")
BOB = Requester(platform="slack", workspace="T1", user="UBOB", channel="C1")
MALLORY = Requester(platform="slack", workspace="T2", user="UMALLORY", channel="C9")
PAGES = {
    "/admin": Role.TEAM_LEAD,
    "/admin/decisions": Role.TEAM_LEAD,
    "/admin/spending": Role.TEAM_LEAD,
    "/admin/limits": Role.TEAM_LEAD,
    "/admin/people": Role.TEAM_LEAD,
    "/admin/workspaces": Role.OPERATOR,
    "/admin/tokens": Role.OPERATOR,
    "/admin/providers": Role.OPERATOR,
    "/admin/chats": Role.OPERATOR,
    "/admin/doctor": Role.OPERATOR,
    "/admin/audit": Role.OPERATOR,
}
"""Every page, and who sees it at least."""


@dataclass(slots=True, kw_only=True)
class AdminHouse:
    """The web side, and who uses it."""

    web: WebHouse

    async def operator(self) -> httpx.AsyncClient:
        """Whoever has the admin token; posts as a page of ours does."""
        return await self.web.open(Authorization=f"Bearer {TOKEN}")

    async def alice(self) -> httpx.AsyncClient:
        """Leads T1."""
        return await self.web.as_("slack:T1:UALICE", Role.TEAM_LEAD, name="Alice")

    async def bob(self, role: Role = Role.MEMBER) -> httpx.AsyncClient:
        """Of T1."""
        return await self.web.as_("slack:T1:UBOB", role, name="Bob")

    async def mallory(self) -> httpx.AsyncClient:
        """Leads T2."""
        return await self.web.as_("slack:T2:UMALLORY", Role.TEAM_LEAD, name="Mallory")

    async def made(self, requester: Requester = ALICE, **request: Any) -> Job:
        """A clip, posted."""
        return await self.web.house.run(await self.web.house.ask(requester=requester, **request))

    async def undelivered(self, requester: Requester = ALICE, **request: Any) -> Job:
        """A clip that could not be posted."""
        self.web.house.courier.failures = [DeliveryRefused("Reelbot may not post in #brand.")]
        return await self.made(requester, **request)

    async def unconfirmed(self, requester: Requester = ALICE, **request: Any) -> Job:
        """A job of which nobody knows whether the provider took it; decided from now on."""
        house = self.web.house
        house.provider.answers = [Unconfirmed("the answer was lost")]
        job = await house.run(await house.ask(requester=requester, **request), hours=0.1)
        await house.clock.advance(31)
        return job

    async def acts(self) -> list[Act]:
        """The audit trail, oldest first."""
        return (await self.web.house.app.stores.audit.page())[::-1]


@asynccontextmanager
async def an_admin_house(folder: Path, **settings: Any) -> AsyncIterator[AdminHouse]:
    """With a public URL and an admin token; what is posted to Slack ends up with the fake courier."""
    async with a_web_house(folder, needs_sign_in=True, **settings) as web:
        couriers = cast("dict[str, object]", web.house.app.desk.couriers)
        couriers["slack"] = web.house.courier
        yield AdminHouse(web=web)
