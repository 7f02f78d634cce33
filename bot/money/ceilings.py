"""Limits that a team lead sets: within a server's budget as they like; the budget itself only downwards.

Stored limits win over the settings' (DESIGN §5), and the money is the operator's: whoever manages some server must not
give it more than the operator did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bot.errors import NotAllowed
from bot.languages.said import say
from bot.money.amount import Money
from bot.money.limits import UNLIMITED, Limit, Period
from bot.stores import Stores

DEFAULT: Final = "workspace:default"


async def in_force(stores: Stores, scope: str, period: Period) -> Limit | None:
    """The rule of exactly this scope and period: the stored one, else the settings'."""
    found = [*stores.limits.defaults(), *await stores.limits.stored()]
    return {(each.scope, each.period): each for each in found}.get((scope, period))


def completed(wished: Limit, before: Limit | None) -> Limit:
    """What was wished; a figure that was not said stays as it was."""
    if before is None:
        return wished
    return replace(
        wished,
        micro_usd=before.micro_usd if wished.micro_usd is None else wished.micro_usd,
        jobs=before.jobs if wished.jobs is None else wished.jobs,
    )


async def stay_below(stores: Stores, platform: str, workspace: str, wished: Limit) -> None:
    """Refuse what is above the operator's figure, and remember that figure beside the team lead's own lower one."""
    before = await in_force(stores, wished.scope, wished.period)
    given = await in_force(stores, DEFAULT, wished.period)
    chosen = await stores.workspaces.settings(platform, workspace)
    for name in ("micro_usd", "jobs"):
        figure: int | None = getattr(wished, name)
        if figure is None:
            continue
        key = f"ceiling.{wished.period.value}.{name}"
        ceiling = _ceiling(getattr(before, name, None), getattr(given, name, None), chosen.get(key))
        if ceiling is not None and (figure == UNLIMITED or figure > ceiling):
            most = str(Money(ceiling)) if name == "micro_usd" else str(ceiling)
            raise NotAllowed(say("At most {most} are given here; only an operator can give more.", most=most))
        await stores.workspaces.choose(platform, workspace, key, [figure, ceiling])


def _ceiling(present: int | None, given: int | None, noted: Any) -> int | None:
    """The operator's figure; `None` is no limit. What a team lead set is not the operator's, as long as it still stands."""
    if isinstance(noted, list) and len(noted) == 2 and noted[0] == present:
        return None if noted[1] is None else int(noted[1])
    found = given if present is None else present
    return None if found in (None, UNLIMITED) else found
