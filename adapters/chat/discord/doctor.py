"""What `reelbot doctor` asks Discord: the token, the application, the servers. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from adapters.chat.discord.permissions import missing
from adapters.chat.discord.rest import Rest, RestError, Unclear
from bot.doctor.finding import Finding
from bot.errors import DeliveryDelayed

MOST_SERVERS: Final = 200
"""Servers are listed so many at a time; a bot in more of them looks at the first."""
WAITING: Final = "Nobody on Discord is answered, and clips wait to be posted there."


async def examine(rest: Rest, alerts_channel: str | None) -> AsyncIterator[Finding]:
    """Every check; those behind a refused token are left out."""
    try:
        application = await rest.ask("GET", "/applications/@me")
    except DeliveryDelayed as error:
        if "token" in str(error):
            fix = "Copy the bot's token anew (Developer Portal, Bot, Reset Token) into REELBOT_DISCORD__TOKEN."
            yield Finding(id="discord.token", status="fail", what=str(error), why=WAITING, fix=fix)
        else:
            yield _unreachable(str(error))
        return
    except (RestError, Unclear) as error:
        yield _unreachable(str(error))
        return
    yield Finding(id="discord", status="ok", what=f"Discord knows us as {application.get('name', 'a bot')}")
    yield _installs(application)
    async for finding in _servers(rest):
        yield finding
    if alerts_channel is not None:
        yield await _alerts(rest, alerts_channel)


def _unreachable(why: str) -> Finding:
    fix = "Check the network, REELBOT_DISCORD__API_URL, and discordstatus.com."
    return Finding(id="discord", status="warn", what=why, why=WAITING, fix=fix)


def _installs(application: dict[str, Any]) -> Finding:
    kinds = set(application.get("integration_types_config") or {"0": {}})
    if "1" in kinds:
        return Finding(id="discord.install", status="ok", what="servers and people can add the bot")
    why = "Only servers can add the bot; people cannot use it elsewhere."
    fix = "If people should, tick User Install in the Developer Portal (Installation)."
    return Finding(id="discord.install", status="ok", what="servers can add the bot", why=why, fix=fix)


async def _servers(rest: Rest) -> AsyncIterator[Finding]:
    try:
        servers = await rest.ask("GET", "/users/@me/guilds", params={"limit": str(MOST_SERVERS)})
    except (RestError, Unclear, DeliveryDelayed) as error:
        yield _unreachable(str(error))
        return
    if not servers:
        fix = "`reelbot invite discord` prints the address that adds it to one."
        yield Finding(id="discord.servers", status="warn", what="the bot is in no server", why="", fix=fix)
        return
    lacking = [(each["name"], missing(int(each.get("permissions", 0)))) for each in servers]
    lacking = [(name, lacks) for name, lacks in lacking if lacks]
    if not lacking:
        what = f"the bot is in {len(servers)} server{'s' if len(servers) > 1 else ''}, with all it needs"
        yield Finding(id="discord.servers", status="ok", what=what)
        return
    name, lacks = lacking[0]
    others = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
    what = f"in {name}{others} the bot's role lacks: {', '.join(lacks)}"
    why = "Clips go to direct messages there, or wait under Send again."
    fix = "Give the role these permissions, or add the bot anew by the address of `reelbot invite discord`."
    yield Finding(id="discord.permissions", status="warn", what=what, why=why, fix=fix)


async def _alerts(rest: Rest, channel: str) -> Finding:
    try:
        await rest.ask("GET", f"/channels/{channel}")
    except (RestError, Unclear, DeliveryDelayed) as error:
        why = "Alerts only reach the log."
        fix = "Let the bot see that channel, or correct REELBOT_ALERTS__DISCORD_CHANNEL."
        return Finding(id="discord.alerts", status="warn", what=f"the channel for alerts: {error}", why=why, fix=fix)
    return Finding(id="discord.alerts", status="ok", what="the channel for alerts can be seen")
