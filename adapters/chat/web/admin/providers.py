"""`/admin/providers`: how each provider fares, what is left there, how long its renders take; pause and resume."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from adapters.chat.web.admin.front import Front
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.caller import Caller, SignedIn
from bot.errors import ReelbotError
from bot.jobs.states import State
from bot.money.amount import Money
from bot.operating import EVERY_PROVIDER
from bot.people import Role
from bot.ports import Capacity, Provider
from bot.reports import Pause, Work
from bot.tracker.breaker import Health
from bot.tracker.render_times import Measured, RenderKey

URL: Final = "/admin/providers"
BALANCE_S: Final = 3.0
"""How long a provider is given to say what is left; the page waits for the slowest."""
_IN_LINE = frozenset({State.RECEIVED, State.QUOTED, State.QUEUED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One provider, as the page shows it."""

    name: str
    health: Health
    paused: Pause | None
    balance: str
    """What is left on the account, or why that is not known."""
    is_well: bool
    """It answered, or has nothing to say."""
    capacity: str
    waiting: int
    working: int
    unconfirmed: int
    measured: Sequence[tuple[RenderKey, Measured]]


def routes(front: Front) -> APIRouter:
    """The page and its acts."""
    router = APIRouter()

    async def show(request: Request, caller: Caller, trouble: str = "", status: int = 200) -> Response:
        stores, providers = front.service.stores, front.service.desk.providers
        balances = await asyncio.gather(*(_balance(each) for each in providers.values()))
        work, times = await stores.reports.under_way(), await stores.render_times.all()
        pauses = {each.provider: each for each in await stores.reports.pauses()}
        standings = [
            _standing(provider, await stores.health.load(name), pauses, said, work, times)
            for (name, provider), said in zip(providers.items(), balances, strict=True)
        ]
        return front.show(
            request,
            caller,
            "providers.html",
            trouble=trouble,
            status=status,
            standings=standings,
            everything=pauses.get(EVERY_PROVIDER),
            held=await front.service.operating.held(),
            names=await Names.of(front.service),
        )

    @router.get(URL)
    async def providers_page(request: Request, caller: SignedIn) -> Response:
        """Each provider, asked now."""
        caller.require(Role.OPERATOR)
        return await show(request, caller)

    @router.post(f"{URL}/pause")
    async def pause(
        request: Request, caller: SignedIn, provider: Annotated[str, Form(max_length=100)] = EVERY_PROVIDER
    ) -> Response:
        """Start no new renders at one, or at all."""
        caller.require(Role.OPERATOR)

        async def doing() -> str:
            await front.service.operating.pause(caller.decider, provider)
            what = "Every provider is" if provider == EVERY_PROVIDER else f"{provider} is"
            return f"{what} paused. Renders under way finish; what waits is kept."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    @router.post(f"{URL}/resume")
    async def resume(
        request: Request, caller: SignedIn, provider: Annotated[str, Form(max_length=100)] = EVERY_PROVIDER
    ) -> Response:
        """Renders again; all of them at once also ends the hold of a restored database."""
        caller.require(Role.OPERATOR)

        async def doing() -> str:
            paused = [each.provider for each in await front.service.stores.reports.pauses()]
            done = await front.service.operating.resume(caller.decider, provider)
            if done.was_held is not None and done.held is None:
                return "The hold is over: renders are started, paid and posted again."
            if provider != EVERY_PROVIDER and not {provider, EVERY_PROVIDER} & set(paused):
                return f"{provider} is asked at once whether it is well again."
            if done.paused:
                still = ", ".join("every provider" if each == EVERY_PROVIDER else each for each in done.paused)
                return f"Still paused: {still}."
            return "Renders are started again."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    return router


async def _balance(provider: Provider) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(BALANCE_S):
            left = await provider.balance()
    except TimeoutError:
        return False, f"no answer within {BALANCE_S:.0f} s"
    except ReelbotError as error:
        return False, str(error)
    if left is not None:
        return True, f"{left} left"
    return True, "does not say" if _costs(provider) else "costs nothing"


def _costs(provider: Provider) -> bool:
    return any(
        model.price.price(duration_s=model.default_duration_s, resolution=model.default_resolution) > Money(0)
        for model in provider.models()
    )


def _standing(
    provider: Provider,
    health: Health,
    pauses: Mapping[str, Pause],
    balance: tuple[bool, str],
    work: Sequence[Work],
    times: Mapping[RenderKey, Measured],
) -> Standing:
    here = [each for each in work if each.provider == provider.name]
    return Standing(
        name=provider.name,
        health=health,
        paused=pauses.get(provider.name) or pauses.get(EVERY_PROVIDER),
        balance=balance[1],
        is_well=balance[0],
        capacity=_capacity(provider.capacity),
        waiting=sum(each.count for each in here if each.state in _IN_LINE),
        working=sum(each.count for each in here if each.state not in _IN_LINE | {State.UNCONFIRMED}),
        unconfirmed=sum(each.count for each in here if each.state is State.UNCONFIRMED),
        measured=[(key, found) for key, found in times.items() if key.provider == provider.name],
    )


def _capacity(capacity: Capacity) -> str:
    said = []
    if capacity.max_concurrent is not None:
        said.append(f"{capacity.max_concurrent} at once")
    if capacity.creates_per_minute is not None:
        said.append(f"{capacity.creates_per_minute} a minute")
    return ", ".join(said) or "no limit"
