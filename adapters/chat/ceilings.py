"""Limits that a team lead sets: within a server's budget as they like; the budget itself only downwards.

Stored limits win over the settings' (DESIGN §5), and the money is the operator's: whoever manages some server must not
give it more than the operator did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from bot.errors import NotAllowed
from bot.jobs.actions import Presser
from bot.languages.said import say
from bot.money.amount import Money
from bot.money.limits import UNLIMITED, Limit
from bot.money.scopes import read_limit
from bot.stores import Stores

DEFAULT: Final = "workspace:default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Who sets limits, and for which server or workspace."""

    platform: str
    workspace: str
    presser: Presser


async def set_limit(stores: Stores, lead: Lead, scope: str, per: str, *, usd: str | None, clips: str | None) -> None:
    """Store a limit; a figure that is not said stays as it was. `NotAllowed` above what the operator gives the server."""
    wished = read_limit(scope, per, usd=usd, jobs=clips)
    stored = {(each.scope, each.period): each for each in [*stores.limits.defaults(), *await stores.limits.stored()]}
    before = stored.get((scope, wished.period)) or Limit(scope=scope, period=wished.period)
    if scope.startswith("workspace:") and not lead.presser.is_operator:
        given = stored.get((DEFAULT, wished.period)) or Limit(scope=DEFAULT, period=wished.period)
        await _stay_below(stores, lead, wished, before, given)
    await stores.limits.put(
        replace(
            wished,
            micro_usd=before.micro_usd if wished.micro_usd is None else wished.micro_usd,
            jobs=before.jobs if wished.jobs is None else wished.jobs,
        )
    )


async def _stay_below(stores: Stores, lead: Lead, wished: Limit, before: Limit, given: Limit) -> None:
    """Refuse what is above the operator's figure, and remember that figure beside the team lead's own lower one."""
    chosen = await stores.workspaces.settings(lead.platform, lead.workspace)
    for name in ("micro_usd", "jobs"):
        figure: int | None = getattr(wished, name)
        if figure is None:
            continue
        key = f"ceiling.{wished.period.value}.{name}"
        ceiling = _ceiling(getattr(before, name), getattr(given, name), chosen.get(key))
        if ceiling is not None and (figure == UNLIMITED or figure > ceiling):
            most = str(Money(ceiling)) if name == "micro_usd" else str(ceiling)
            raise NotAllowed(say("At most {most} are given here; only an operator can give more.", most=most))
        await stores.workspaces.choose(lead.platform, lead.workspace, key, [figure, ceiling])


def _ceiling(present: int | None, given: int | None, noted: Any) -> int | None:
    """The operator's figure; `None` is no limit. What a team lead set is not the operator's, as long as it still stands."""
    if isinstance(noted, list) and len(noted) == 2 and noted[0] == present:
        return None if noted[1] is None else int(noted[1])
    found = given if present is None else present
    return None if found in (None, UNLIMITED) else found
