"""What people do: write, command, press, choose, submit; with the checks their own client makes."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.emulators.desk import Impossible
from tests.emulators.slack_events import Ack
from tests.emulators.slack_responses import ResponseUrl
from tests.emulators.slack_state import DM, PUBLIC, Channel, File, Grant, Message, Person
from tests.emulators.slack_views import Trigger
from tests.emulators.slack_words import escaped, rich_text

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """Something a person did that the app had three seconds to answer."""

    id: str
    kind: str
    person: Person
    trigger: Trigger
    urls: list[ResponseUrl] = field(default_factory=list)
    ack: Ack = field(default_factory=lambda: Ack(kind="timeout"))


class People:
    """The people of the world, who can do only what Slack's client lets them."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._world = slack.world
        self.interactions: dict[str, Interaction] = {}

    # Writing

    def say(
        self,
        person: Person,
        channel: Channel,
        text: str,
        *,
        files: list[dict[str, Any]],
        thread: str | None,
        raw: bool = False,
        **facts: Any,
    ) -> Message:
        """A message as anybody writes one."""
        if person.id not in channel.members:
            raise Impossible(f"{person.name} is not in that channel")
        if channel.archived:
            raise Impossible("the channel is archived")
        parent = channel.messages.get(thread or "")
        if thread is not None and (parent is None or parent.is_reply):
            raise Impossible("threads hang on messages of the channel")
        if not (text or files):
            raise Impossible("nothing was written")
        uploads = [self.upload(person, one, **facts) for one in files]
        written = text if raw else escaped(text)
        message = Message(
            ts=self._world.new_ts(),
            channel=channel.id,
            user=person.id,
            text=written,
            blocks=rich_text(written),
            files=uploads,
            thread_ts=thread,
            subtype="file_share" if uploads else None,
            client_msg_id=None if uploads else self._world.new_id("m"),
            team=person.team.id if person.team else None,
        )
        self._slack.messages.insert(channel, message)
        for file in uploads:
            file.shares.append((channel.id, message.ts, thread))
        self._slack.journal.write("said", **self._slack.messages.facts(message))
        self._hear(channel, message)
        return message

    def _hear(self, channel: Channel, message: Message) -> None:
        grants = [one for one in self._world.grants if f"<@{one.bot.id}>" in message.text]
        if any(one.bot.id not in channel.members for one in grants):
            # Slack asks the writer to invite the app, and tells it afterwards.
            channel.unheard.append(message)
        self._slack.events.message(channel, message)
        for file in message.files:
            self._slack.events.file_shared(channel, file)

    def upload(self, person: Person, given: dict[str, Any], *, host: str | None = None, remote: bool = False) -> File:
        """A file from somebody's disk; `host`: its links lead elsewhere; `remote`: only linked."""
        content = Path(given["path"]).read_bytes() if "path" in given else base64.b64decode(given["base64"])
        team = person.team.id if person.team else ""
        file = self._slack.files.of_person(given["name"], content, user=person.id, team=team)
        file.host, file.remote = host, remote
        return file

    # Interactions

    def installation(self, person: Person) -> Grant:
        """The app as somebody has it at home: commands and shortcuts are not there for guests of other organisations."""
        grant = self._world.grant_of(person.team) if person.team else None
        if grant is None:
            raise Impossible("the app is not installed in their workspace")
        return grant

    async def run(
        self, kind: str, person: Person, payload: dict[str, Any], trigger: Trigger, urls: list[ResponseUrl]
    ) -> Interaction:
        name = payload.get("command") or payload.get("callback_id") or payload.get("view", {}).get("callback_id")
        interaction = Interaction(
            id=self._world.new_id("I"), kind=payload.get("type", "command"), person=person, trigger=trigger, urls=urls
        )
        self.interactions[interaction.id] = interaction
        self._slack.recorded.check_payload(payload)
        facts = {"interaction": interaction.id, "kind": interaction.kind, "name": name, "person": person.id}
        self._slack.journal.write("interaction", **facts, trigger=trigger.id)
        interaction.ack = await self._slack.events.ask(kind, payload)
        if interaction.ack.kind == "answered":
            self._slack.journal.write("interaction-acked", **facts, body=interaction.ack.body)
        else:
            how = {"how": interaction.ack.kind, "status": interaction.ack.status}
            self._slack.journal.write("interaction-failed", **facts, **how)
        return interaction

    def common(self, person: Person, grant: Grant, trigger: Trigger) -> dict[str, Any]:
        team = grant.team or person.team
        enterprise = grant.enterprise or (team.enterprise if team else None)
        shown: dict[str, Any] = {"id": team.id, "domain": team.domain} if team else {}
        if enterprise is not None:
            shown |= {"enterprise_id": enterprise.id, "enterprise_name": enterprise.name}
        hidden = grant.org and self._slack.settings["org_payloads_without_team"]
        name = person.name.lower().replace(" ", ".")
        user = {"id": person.id, "username": name, "name": name, "team_id": person.team.id if person.team else ""}
        return {
            "team": None if hidden else shown,
            "enterprise": {"id": enterprise.id, "name": enterprise.name} if enterprise else None,
            "is_enterprise_install": grant.org,
            "user": user,
            "api_app_id": self._world.app_id,
            "token": "a-verification-token-of-old",
            "trigger_id": trigger.id,
        }

    async def slash(self, person: Person, channel: Channel, command: str, text: str) -> Interaction:
        """A slash command: in a channel, never in a thread, never with files."""
        if command not in self._slack.settings["commands"]:
            raise Impossible(f"{command} is not a command; there are {self._slack.settings['commands']}")
        if not self._world.sees(person, channel) or channel.archived:
            raise Impossible(f"{person.name} cannot write there")
        grant = self.installation(person)
        if "commands" not in grant.scopes:
            raise Impossible("the app has no scope `commands`")
        trigger = self._slack.views.trigger(person, grant)
        url = self._slack.responses.make(grant, channel, person, thread=None)
        common = self.common(person, grant, trigger)
        team = grant.team or person.team
        payload: dict[str, Any] = {
            "token": common["token"],
            "team_id": team.id if team else "",
            "team_domain": team.domain if team else "",
            "channel_id": channel.id,
            "channel_name": "directmessage"
            if channel.kind == DM
            else channel.name
            if channel.kind == PUBLIC
            else "privategroup",
            "user_id": person.id,
            "user_name": common["user"]["name"],
            "command": command,
            "text": text,
            "api_app_id": self._world.app_id,
            "is_enterprise_install": "true" if grant.org else "false",
            "response_url": url.url,
            "trigger_id": trigger.id,
        }
        if common["enterprise"]:
            payload |= {"enterprise_id": common["enterprise"]["id"], "enterprise_name": common["enterprise"]["name"]}
        interaction = await self.run("slash_commands", person, payload, trigger, [url])
        self._slack.responses.answered_command(url, interaction.ack)
        return interaction

    async def message_shortcut(
        self, person: Person, channel: Channel, message: Message, callback_id: str
    ) -> Interaction:
        """An entry in a message's menu; wherever the person can see the message."""
        self.check_sees(person, channel)
        self._offers(callback_id, "message")
        grant = self.installation(person)
        trigger = self._slack.views.trigger(person, grant)
        thread = message.thread_ts
        url = self._slack.responses.make(grant, channel, person, thread=thread)
        payload = self.common(person, grant, trigger) | {
            "type": "message_action",
            "action_ts": self._world.new_ts(),
            "callback_id": callback_id,
            "response_url": url.url,
            "message_ts": message.ts,
            "message": self._slack.shapes.message(message, grant),
            "channel": self.named(channel),
        }
        return await self.run("interactive", person, payload, trigger, [url])

    async def global_shortcut(self, person: Person, callback_id: str) -> Interaction:
        """An entry of the lightning menu: without a channel."""
        self._offers(callback_id, "global")
        grant = self.installation(person)
        trigger = self._slack.views.trigger(person, grant)
        payload = self.common(person, grant, trigger)
        payload |= {"type": "shortcut", "callback_id": callback_id, "action_ts": self._world.new_ts()}
        return await self.run("interactive", person, payload, trigger, [])

    def _offers(self, callback_id: str, kind: str) -> None:
        offered = self._slack.settings["shortcuts"]
        if offered.get(callback_id) != kind:
            raise Impossible(f"no {kind} shortcut {callback_id}; there are {offered}")

    def check_sees(self, person: Person, channel: Channel) -> None:
        if not self._world.sees(person, channel):
            raise Impossible(f"{person.name} does not see that channel")

    def named(self, channel: Channel) -> dict[str, Any]:
        return {"id": channel.id, "name": "directmessage" if channel.kind == DM else channel.name}
