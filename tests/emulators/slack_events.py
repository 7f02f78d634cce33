"""What Slack sends: events with their envelope, commands and interactions; acknowledged within three seconds or not.

An event that is not acknowledged comes again, up to three times (`retry_s`); commands and interactions never do.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tests.emulators.slack_state import DM, PRIVATE, PUBLIC, Channel, File, Grant, Message, Person, Team, View

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

NEEDS = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "file_shared": "files:read",
    "member_joined_channel": "channels:read",
    "reaction_added": "reactions:read",
}
KINDS = {PUBLIC: "channels", PRIVATE: "groups", DM: "im"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """How a delivery ended: answered, refused (HTTP, not 2xx), timeout, or nobody (no connection)."""

    kind: str
    status: int | None = None
    body: Any = None
    no_retry: bool = False

    @property
    def reason(self) -> str:
        return {"timeout": "http_timeout", "refused": "http_error"}.get(self.kind, "connection_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    number: int
    reason: str


class Transport(Protocol):
    """Socket Mode or HTTP."""

    async def deliver(self, kind: str, payload: dict[str, Any], retry: Retry | None) -> Ack: ...


class Events:
    """Makes events, and sends them until somebody says yes."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._tasks: set[asyncio.Task[None]] = set()

    # Delivery

    @property
    def transport(self) -> Transport:
        return self._slack.http if self._slack.settings["target_url"] else self._slack.socket

    def send(
        self, grant: Grant, name: str, event: dict[str, Any], *, team: Team | None = None, shared: bool = False
    ) -> None:
        """An event, if the app subscribed to it and may see it; `name` is the subscription, like `message.im`."""
        if name not in self._slack.settings["events"] or NEEDS.get(name, "") not in {"", *grant.scopes}:
            return
        envelope = self._envelope(grant, event, team=team, shared=shared)
        self._slack.recorded.check_event(envelope)
        task = asyncio.create_task(self._deliver(name, envelope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _envelope(self, grant: Grant, event: dict[str, Any], *, team: Team | None, shared: bool) -> dict[str, Any]:
        event_id = "Ev" + self._slack.world.new_id("")
        team = grant.team or team
        enterprise = grant.enterprise or (team.enterprise if team else None)
        authorization = {
            "enterprise_id": enterprise.id if enterprise else None,
            "team_id": None if grant.org else grant.key,
            "user_id": grant.bot.id,
            "is_bot": True,
            "is_enterprise_install": grant.org,
        }
        envelope: dict[str, Any] = {
            "token": "a-verification-token-of-old",
            "team_id": team.id if team else None,
            "context_team_id": team.id if team else None,
            "context_enterprise_id": enterprise.id if enterprise else None,
            "api_app_id": self._slack.world.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(time.time()),
            "authorizations": [authorization],
            "is_ext_shared_channel": shared,
            "event_context": f"4-{secrets.token_urlsafe(40)}",
        }
        return envelope | ({"enterprise_id": enterprise.id} if enterprise else {})

    async def _deliver(self, name: str, envelope: dict[str, Any]) -> None:
        retry: Retry | None = None
        facts = {"id": envelope["event_id"], "name": name, "subtype": envelope["event"].get("subtype")}
        facts["ts"] = envelope["event"].get("ts")
        for pause in (None, *self._slack.settings["retry_s"]):
            if pause is not None:
                await asyncio.sleep(pause)
            self._slack.journal.write("event-sent", **facts, attempt=retry.number if retry else 0)
            ack = await self.transport.deliver("events_api", envelope, retry)
            if ack.kind == "answered":
                self._slack.journal.write("event-acked", **facts, attempt=retry.number if retry else 0)
                return
            self._slack.journal.write("event-failed", **facts, how=ack.kind, status=ack.status)
            if ack.no_retry:
                break
            retry = Retry(number=(retry.number if retry else 0) + 1, reason=ack.reason)
        self._slack.journal.write("event-lost", **facts)

    def forget(self) -> int:
        """Events that are still on their way never come; how many there were."""
        for task in self._tasks:
            task.cancel()
        return len(self._tasks)

    async def ask(self, kind: str, payload: dict[str, Any]) -> Ack:
        """A command or an interaction: once, and the answer."""
        return await self.transport.deliver(kind, payload, None)

    # Events about messages

    def _grants_in(self, channel: Channel) -> list[Grant]:
        """Every installation that sits in a channel."""
        return [one for one in self._slack.world.grants if one.revoked is None and one.bot.id in channel.members]

    def message(self, channel: Channel, message: Message) -> None:
        """Somebody wrote something, or the bot did, in its own direct messages."""
        for grant in self._grants_in(channel):
            self.message_to(grant, channel, message)

    def message_to(self, grant: Grant, channel: Channel, message: Message) -> None:
        event = self._slack.shapes.message(message, grant)
        event |= {"channel": channel.id, "event_ts": message.ts, **self._origin(channel, message)}
        person = self._slack.world.people[message.user]
        if f"<@{grant.bot.id}>" in message.text and channel.kind != DM and not person.is_bot:
            # Never in direct messages; an own event beside the message's, with the same ts.
            mention = {name: value for name, value in event.items() if name not in {"subtype", "parent_user_id"}}
            self.send(
                grant, "app_mention", mention | {"type": "app_mention"}, team=channel.team, shared=channel.is_ext_shared
            )
        name = f"message.{KINDS[channel.kind]}"
        event |= {"channel_type": channel.kind}
        self.send(grant, name, event, team=channel.team, shared=channel.is_ext_shared)

    def _origin(self, channel: Channel, message: Message) -> dict[str, Any]:
        """Where a message of a shared channel comes from."""
        if not channel.is_ext_shared or message.team is None:
            return {}
        return {"user_team": message.team, "source_team": message.team, "user_profile": {"team": message.team}}

    def message_changed(self, channel: Channel, message: Message, before: dict[str, Any]) -> None:
        now = {"message": self._slack.shapes.message(message), "previous_message": before}
        self._hidden(channel, "message_changed", now)

    def message_deleted(self, channel: Channel, message: Message, before: dict[str, Any]) -> None:
        self._hidden(channel, "message_deleted", {"deleted_ts": message.ts, "previous_message": before})

    def _hidden(self, channel: Channel, subtype: str, facts: dict[str, Any]) -> None:
        ts = self._slack.world.new_ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel.id, **facts}
        event |= {"ts": ts, "event_ts": ts, "channel_type": channel.kind}
        for grant in self._grants_in(channel):
            self.send(grant, f"message.{KINDS[channel.kind]}", event, team=channel.team, shared=channel.is_ext_shared)

    # Other events

    def file_shared(self, channel: Channel, file: File) -> None:
        event = {"type": "file_shared", "file_id": file.id, "user_id": file.user, "file": {"id": file.id}}
        event |= {"channel_id": channel.id, "event_ts": self._slack.world.new_ts()}
        for grant in self._grants_in(channel):
            self.send(grant, "file_shared", event, team=channel.team, shared=channel.is_ext_shared)

    def member_joined(self, channel: Channel, user: str, inviter: str | None) -> None:
        event = {"type": "member_joined_channel", "user": user, "channel": channel.id, "team": channel.team.id}
        event |= {"channel_type": "C" if channel.kind == PUBLIC else "G", "event_ts": self._slack.world.new_ts()}
        event |= {"inviter": inviter} if inviter else {}
        for grant in self._grants_in(channel):
            self.send(grant, "member_joined_channel", event, team=channel.team, shared=channel.is_ext_shared)

    def home_opened(self, grant: Grant, person: Person, channel: Channel, tab: str, view: View | None) -> None:
        event: dict[str, Any] = {"type": "app_home_opened", "user": person.id, "channel": channel.id, "tab": tab}
        event["event_ts"] = self._slack.world.new_ts()
        if view is not None:
            event["view"] = self._slack.shapes.view(view)
        self.send(grant, "app_home_opened", event, team=person.team)

    def uninstalled(self, grant: Grant, team: Team | None) -> None:
        """Tokens first or last: Slack promises no order."""
        revoked = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [grant.bot.id]}}
        self.send(grant, "tokens_revoked", revoked | {"event_ts": self._slack.world.new_ts()}, team=team)
        gone = {"type": "app_uninstalled", "event_ts": self._slack.world.new_ts()}
        self.send(grant, "app_uninstalled", gone, team=team)
