"""Telling an operator in a Slack channel."""

from __future__ import annotations

from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.text import escaped, message
from bot.alerts import Sink
from bot.errors import DeliveryDelayed
from bot.ports import Courier


def alarm(courier: Courier, channel: str) -> Sink:
    """A place for alerts: one message each, that pings nobody, in a channel of the settings' own workspace."""
    assert isinstance(courier, SlackCourier)
    api, bots = courier.api, courier.bots

    async def tell(sentence: str) -> None:
        bot = await bots.home()
        if bot is None:
            # Raised, so that it is told later: an alert that nobody heard was not told.
            raise DeliveryDelayed("Slack does not say which workspace REELBOT_SLACK__BOT_TOKEN belongs to.")
        await api.call(bot, "chat.postMessage", channel=channel, **message(escaped(sentence)))

    return tell
