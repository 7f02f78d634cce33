"""`reelbot tokens`: personal tokens of the API, for people and programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from cyclopts import Parameter

from bot.cli.output import say, show, table

Flag = Annotated[bool, Parameter(negative=())]


async def tokens_list(*, user: str | None = None, json: Flag = False) -> int:
    """List personal tokens, newest first; never their secrets.

    Parameters
    ----------
    user
        Only this person's, like alice, slack:T1:U2 or discord:1:7.
    json
        Print them as JSON.
    """
    from bot.cli.session import session
    from bot.people import token_as_json, web_requester

    person = web_requester(user).person if user else None
    async with session() as app:
        documents = [token_as_json(each) for each in await app.stores.tokens.all(person)]
    rows = [
        [
            each["id"],
            each["user"],
            ",".join(each["scopes"]),
            each["label"],
            each["revoked_at"] or each["expires_at"] or "",
        ]
        for each in documents
    ]
    text = table(["id", "user", "scopes", "label", "ends"], rows) or "There are no personal tokens."
    show({"tokens": documents}, as_json=json, text=text)
    return 0


async def tokens_add(
    user: str,
    *,
    scope: list[Literal["jobs:read", "jobs:write", "admin"]] | None = None,
    label: str = "",
    days: int | None = None,
    json: Flag = False,
) -> int:
    """Make a personal token; its secret is printed this once.

    Parameters
    ----------
    user
        Whose it is, like alice, slack:T1:U2 or discord:1:7.
    scope
        What it may be used for: jobs:read, jobs:write, admin. May be given several times; unset it is the first two.
    label
        What it is for; only for people to read.
    days
        Days after which it ends; unset it does not.
    json
        Print it as JSON.
    """
    from bot.cli.session import DECIDER, session
    from bot.errors import BadPrompt
    from bot.people import TokenScope, token_as_json

    if days is not None and not 1 <= days <= 3650:
        raise BadPrompt("--days must be between 1 and 3650.")
    scopes = [TokenScope(each) for each in scope or ("jobs:read", "jobs:write")]
    async with session() as app:
        ends = app.service.desk.clock.now() + timedelta(days=days) if days else None
        token, secret = await app.service.operating.make_token(DECIDER, user, scopes, label=label, expires_at=ends)
    if not json:
        say("Keep this token: it is not shown again.")
    show(token_as_json(token) | {"token": secret}, as_json=json, text=secret)
    return 0


async def tokens_revoke(token: str, *, json: Flag = False) -> int:
    """Revoke a personal token: it is refused from the next request on.

    Parameters
    ----------
    token
        Its id, as `reelbot tokens list` shows it.
    json
        Print the outcome as JSON.
    """
    from bot.cli.session import DECIDER, session
    from bot.people import token_as_json

    async with session() as app:
        revoked = await app.service.operating.revoke_token(DECIDER, token)
        document = token_as_json(await app.stores.tokens.load(revoked.id) or revoked)
    show(document, as_json=json, text=f"The token {revoked.id} of {revoked.person} is refused from now on.")
    return 0
