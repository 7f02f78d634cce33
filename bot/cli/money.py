"""`reelbot quota` and `limits`: what may be spent, by whom, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bot.cli.output import show, table

if TYPE_CHECKING:
    from bot.jobs.model import Requester

Flag = Annotated[bool, Parameter(negative=())]

SCOPE_KINDS = ("installation", "workspace", "channel", "role", "user")


async def quota(*, user: str | None = None, json: Flag = False) -> int:
    """Show what is left of every budget that applies to you, or to another person.

    Parameters
    ----------
    user
        A person, like discord:1:7 or slack:T1:U2.
    json
        Print it as JSON.
    """
    from bot.cli.session import ME, session

    requester = ME if user is None else requester_of(user)
    async with session() as app:
        document = await app.service.quota(requester)
        rows = [
            [
                scope["scope"],
                scope["period"],
                _of(scope["used_usd"], scope["limit_usd"], "$"),
                _of(str(scope["used_jobs"]), scope["limit_jobs"], ""),
                scope["resets_at"],
            ]
            for scope in document["scopes"]  # type: ignore[attr-defined]  # a list of dicts
        ]
        show(document, as_json=json, text=table(["scope", "per", "spent", "clips", "resets (UTC)"], rows))
    return 0


async def limits_list(*, json: Flag = False) -> int:
    """List every limit: the stored ones, and the settings' own where nothing is stored.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    from bot.cli.session import session
    from bot.jobs.as_json import limit_as_json

    async with session() as app:
        documents = [limit_as_json(limit, source="stored") for limit in await app.stores.limits.stored()]
        documents += [limit_as_json(limit, source="default") for limit in app.stores.limits.defaults()]
        rows = [[str(each[name]) for name in ("scope", "period", "usd", "jobs", "source")] for each in documents]
        show({"limits": documents}, as_json=json, text=table(["scope", "per", "usd", "jobs", "from"], rows))
    return 0


async def limits_set(
    scope: str,
    *,
    per: Literal["day", "month"] = "day",
    usd: str | None = None,
    jobs: str | None = None,
    json: Flag = False,
) -> int:
    """Set a limit for a scope. 0 means none at all; `unlimited` lifts a broader rule.

    Parameters
    ----------
    scope
        installation, workspace:slack:T1, channel:discord:1:2, role:discord:1:9, user:discord:1:7 or user:default.
    per
        day or month.
    usd
        Dollars, like 12.50, or `unlimited`.
    jobs
        Clips, like 20, or `unlimited`.
    json
        Print the limit as JSON.
    """
    from bot.cli.session import DECIDER, session
    from bot.errors import BadPrompt
    from bot.jobs.as_json import limit_as_json
    from bot.money.scopes import read_limit

    if usd is None and jobs is None:
        raise BadPrompt("Say --usd, --jobs, or both.")
    limit = read_limit(scope, per, usd=usd, jobs=jobs)
    async with session() as app:
        await app.service.operating.set_limit(DECIDER, limit)
        document = limit_as_json(limit, source="stored")
        show(document, as_json=json, text=f"{scope}: {usd or 'no'} USD and {jobs or 'no'} clips per {per}.")
    return 0


async def limits_remove(scope: str, *, json: Flag = False) -> int:
    """Remove a scope's own limits; broader ones and the settings' apply again.

    Parameters
    ----------
    scope
        As for `limits set`.
    json
        Print the outcome as JSON.
    """
    from bot.cli.session import DECIDER, session
    from bot.errors import NotFound

    async with session() as app:
        removed = await app.service.operating.remove_limits(DECIDER, scope)
        if not removed:
            raise NotFound(f"{scope} has no limits of its own; `reelbot limits list` shows them all.")
        show({"removed": scope, "rules": removed}, as_json=json, text=f"Removed {removed} from {scope}.")
    return 0


def requester_of(person: str) -> Requester:
    """The requester behind a person's name, like discord:1:7."""
    from bot.errors import BadPrompt
    from bot.jobs.model import OPERATORS_OWN, Requester

    parts = person.split(":")
    if len(parts) == 2 and parts[0] in OPERATORS_OWN:
        return Requester(platform=parts[0], workspace="local", user=parts[1])
    if len(parts) == 3 and all(parts):
        return Requester(platform=parts[0], workspace=parts[1], user=parts[2])
    raise BadPrompt(f"{person!r} names nobody; people are named like discord:1:7, slack:T1:U2, api:admin or cli:local.")


def _of(used: str, limit: object, sign: str) -> str:
    return f"{sign}{used}" if limit is None else f"{sign}{used} of {sign}{limit}"
