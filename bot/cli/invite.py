"""`reelbot invite`: how a bot comes into a server."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bot.cli.output import show

Flag = Annotated[bool, Parameter(negative=())]


async def discord(*, json: Flag = False) -> int:
    """Print the address that adds the bot to a Discord server, with the permissions it needs and no other.

    Parameters
    ----------
    json
        Print it as JSON.
    """
    from adapters.chat.discord.permissions import NEEDED, SCOPES, invitation
    from bot.cli.serve import discord_courier
    from bot.cli.session import session

    async with session() as app:
        application = await discord_courier(app).application()
    url = invitation(application)
    if json:
        show({"url": url, "permissions": sorted(NEEDED), "scopes": list(SCOPES)}, as_json=True)
    else:
        print(url)
    return 0
