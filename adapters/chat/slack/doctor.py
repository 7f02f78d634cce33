"""What `reelbot doctor` asks Slack: the token, the scopes, the workspaces, the channel for alerts. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from adapters.chat.slack.api import Bot, SlackApi, SlackError, TokenDead, Unclear
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.scopes import NEEDED, READ_THREADS, missing
from bot.doctor.finding import Finding
from bot.errors import DeliveryDelayed

WAITING: Final = "Nobody on Slack is answered, and clips wait to be posted there."
SCOPES_FIX: Final = "Paste what `reelbot manifest slack` prints into the app's manifest (api.slack.com/apps), then Reinstall to Workspace."


async def examine(api: SlackApi, bots: Bots, alerts_channel: str | None) -> AsyncIterator[Finding]:
    """Every check; those behind a refused token are left out."""
    try:
        home = await bots.home(anew=True)
    except TokenDead as error:
        fix = "Copy the Bot User OAuth Token anew (api.slack.com/apps, OAuth & Permissions) into REELBOT_SLACK__BOT_TOKEN."
        what = f"Slack does not accept the bot token ({error.error})"
        yield Finding(id="slack.token", status="fail", what=what, why=WAITING, fix=fix)
        return
    except (SlackError, Unclear, DeliveryDelayed) as error:
        yield _unreachable(str(error))
        return
    if home is not None:
        yield Finding(id="slack", status="ok", what=f"{home.name or home.team} on Slack knows us")
        yield _scopes(home)
    installed, closed = await bots.installed()
    for bot in installed:
        async for finding in _installed(api, bot):
            yield finding
    for name in closed:
        what = f"the token of {name} cannot be opened with this installation's secret key"
        fix = (
            "Put the key it was sealed with into REELBOT_SECRET_KEY beside the new one, or add the app there once more."
        )
        yield Finding(id="slack.sealed", status="fail", what=what, why="Nobody there is answered.", fix=fix)
    if alerts_channel is not None:
        yield await _alerts(api, home, alerts_channel)


async def _installed(api: SlackApi, bot: Bot) -> AsyncIterator[Finding]:
    name = bot.name or bot.team
    try:
        _, scopes = await api.ask(bot.token, "auth.test", of=bot.team)
    except TokenDead as error:
        why = "The app was removed there; nobody there is answered."
        fix = "Add it again by /slack/install, or leave it."
        what = f"{name} does not accept us any more ({error.error})"
        yield Finding(id="slack.installation", status="warn", what=what, why=why, fix=fix)
        return
    except (SlackError, Unclear, DeliveryDelayed) as error:
        yield _unreachable(str(error))
        return
    lacks = missing(scopes, NEEDED)
    if not lacks:
        yield Finding(id="slack.installation", status="ok", what=f"{name} on Slack knows us")
        return
    fix = "Add the app there once more by /slack/install."
    what = f"in {name} the app lacks: {', '.join(lacks)}"
    yield Finding(id="slack.scopes", status="warn", what=what, why=_why(lacks), fix=fix)


def _unreachable(why: str) -> Finding:
    fix = "Check the network, REELBOT_SLACK__API_URL, and slack-status.com."
    return Finding(id="slack", status="warn", what=why, why=WAITING, fix=fix)


def _scopes(bot: Bot) -> Finding:
    key = "slack.scopes"
    lacks = missing(bot.scopes, NEEDED)
    if lacks:
        what = f"the app lacks the scopes: {', '.join(lacks)}"
        return Finding(id=key, status="fail", what=what, why=_why(lacks), fix=SCOPES_FIX)
    threads = "; pictures above a mention in a thread are read, too" if not missing(bot.scopes, READ_THREADS) else ""
    return Finding(id=key, status="ok", what=f"the app has every scope it needs{threads}")


def _why(lacks: list[str]) -> str:
    return f"They are for: {'; '.join(NEEDED[each] for each in lacks)}."


async def _alerts(api: SlackApi, home: Bot | None, channel: str) -> Finding:
    key = "slack.alerts"
    try:
        if home is None:
            raise SlackError("no REELBOT_SLACK__BOT_TOKEN is set")
        await api.call(home, "conversations.info", channel=channel)
    except SlackError as error:
        if error.error == "missing_scope":
            # Whether the channel is there may not be asked with the scopes we need: the first alert will show.
            return Finding(id=key, status="ok", what="alerts go to a Slack channel")
        why = "Alerts only reach the log."
        fix = "Invite the bot to that channel, or correct REELBOT_ALERTS__SLACK_CHANNEL."
        return Finding(id=key, status="warn", what=f"the channel for alerts: {error}", why=why, fix=fix)
    except (Unclear, DeliveryDelayed) as error:
        return _unreachable(str(error))
    return Finding(id=key, status="ok", what="the channel for alerts can be seen")
