"""How the budgets stand: each pot with a limit in force, what is used of it, and how near its end it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.chat.web.admin.naming import Called, Names
from bot.deciding import home_of
from bot.jobs.model import OPERATORS_OWN, Requester
from bot.money.ledger import INSTALLATION
from bot.money.limits import Standing
from bot.service import Service
from bot.workspaces import PRIVATE, Permission

NEAR: Final = 0.8
"""The share of a budget at which somebody should know."""
MOST_WORKSPACES: Final = 200
"""So many are asked about; an installation with more looks at their own pages."""
NOBODY: Final = "-"
"""A user whose standing is asked for the sake of the pots around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One pot, or one person's allowance, in one period."""

    called: Called
    standing: Standing

    @property
    def share(self) -> float:
        """How much of the tighter of its two figures is used; above 1 when more than it was."""
        stands, shares = self.standing, [0.0]
        for used, limit in ((stands.used_usd, stands.limit_usd), (stands.used_jobs, stands.limit_jobs)):
            if limit is not None:
                shares.append(used / limit if limit else float(used > 0))
        return max(shares)

    @property
    def level(self) -> str:
        """`full`, `near`, or nothing to speak of."""
        return "full" if self.share >= 1 else "near" if self.share >= NEAR else ""

    @property
    def percent(self) -> int:
        """For a bar; at most 100."""
        return min(100, int(self.share * 100))


async def budgets(service: Service, names: Names, home: str | None) -> list[Budget]:
    """Every pot that has a limit, and stored allowances of persons; with `home` those of one workspace. Fullest first.

    What has only the limit of everybody, and used nothing of it, is left out.
    """
    scopes = {each.scope for each in await service.stores.limits.stored()}
    own = scopes | {INSTALLATION, f"workspace:{home}"}
    if home is None:
        scopes.add(INSTALLATION)
        known = [each for each in await service.stores.workspaces.all() if each.permission is Permission.ALLOWED]
        public = [each for each in known if not each.workspace.startswith(PRIVATE)]
        scopes |= {f"workspace:{each.platform}:{each.workspace}" for each in public[:MOST_WORKSPACES]}
    else:
        scopes = {scope for scope in scopes if home_of(scope) == tuple(home.split(":", 1))} | {f"workspace:{home}"}
    found = []
    for scope in sorted(scopes):
        found += [Budget(called=names.scope(scope), standing=each) for each in await standings(service, scope)]
    found = [each for each in found if each.share > 0 or each.standing.scope in own]
    return sorted(found, key=lambda each: -each.share)


async def standings(service: Service, scope: str) -> list[Standing]:
    """How one scope stands in each period in which a limit applies to it; nothing for roles and defaults."""
    requester = requester_in(scope)
    if requester is None:
        return []
    return [
        each
        for each in await service.stores.ledger.standings(requester)
        if each.scope == scope and (each.limit_usd is not None or each.limit_jobs is not None)
    ]


def requester_in(scope: str) -> Requester | None:
    """Somebody whose next job would count in this scope; `None` where the scope is of nobody in particular."""
    if scope == INSTALLATION:
        return Requester(platform="api", workspace="local", user=NOBODY)
    match scope.split(":"):
        case ["workspace", platform, workspace]:
            return Requester(platform=platform, workspace=workspace, user=NOBODY)
        case ["channel", platform, workspace, channel]:
            return Requester(platform=platform, workspace=workspace, user=NOBODY, channel=channel)
        case ["user", platform, user] if platform in OPERATORS_OWN:
            return Requester(platform=platform, workspace="local", user=user)
        case ["user", platform, workspace, user]:
            return Requester(platform=platform, workspace=workspace, user=user)
        case _:
            return None
