"""What people do: write, command, press, choose, submit; with the checks their own client makes."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.emulators.desk import Impossible
from tests.emulators.slack_blocks import elements_of
from tests.emulators.slack_events import Ack
from tests.emulators.slack_forms import TEXTS, filled, is_empty
from tests.emulators.slack_responses import ResponseUrl
from tests.emulators.slack_state import DM, PUBLIC, Channel, File, Grant, Message, Person, View
from tests.emulators.slack_views import Trigger
from tests.emulators.slack_words import escaped, rich_text

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

LARGEST_INPUT = 10_000_000


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

    def _grant(self, person: Person, channel: Channel | None = None) -> Grant:
        """The installation a person meets, at home or in a shared channel."""
        if channel is not None:
            for grant in self._world.grants:
                if grant.revoked is None and grant.bot.id in channel.members:
                    return grant
        grant_found = self._world.grant_of(person.team) if person.team else None
        if grant_found is None:
            raise Impossible("the app is not installed there")
        return grant_found

    async def _run(
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

    def _common(self, person: Person, grant: Grant, trigger: Trigger) -> dict[str, Any]:
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
        grant = self._grant(person, channel)
        if "commands" not in grant.scopes:
            raise Impossible("the app has no scope `commands`")
        trigger = self._slack.views.trigger(person, grant)
        url = self._slack.responses.make(grant, channel, person, thread=None)
        common = self._common(person, grant, trigger)
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
        interaction = await self._run("slash_commands", person, payload, trigger, [url])
        self._slack.responses.answered_command(url, interaction.ack)
        return interaction

    async def message_shortcut(
        self, person: Person, channel: Channel, message: Message, callback_id: str
    ) -> Interaction:
        """An entry in a message's menu; wherever the person can see the message."""
        self._sees(person, channel)
        self._offers(callback_id, "message")
        grant = self._grant(person, channel)
        trigger = self._slack.views.trigger(person, grant)
        thread = message.thread_ts
        url = self._slack.responses.make(grant, channel, person, thread=thread)
        payload = self._common(person, grant, trigger) | {
            "type": "message_action",
            "action_ts": self._world.new_ts(),
            "callback_id": callback_id,
            "response_url": url.url,
            "message_ts": message.ts,
            "message": self._slack.shapes.message(message, grant),
            "channel": self._named(channel),
        }
        return await self._run("interactive", person, payload, trigger, [url])

    async def global_shortcut(self, person: Person, callback_id: str) -> Interaction:
        """An entry of the lightning menu: without a channel."""
        self._offers(callback_id, "global")
        grant = self._grant(person)
        trigger = self._slack.views.trigger(person, grant)
        payload = self._common(person, grant, trigger)
        payload |= {"type": "shortcut", "callback_id": callback_id, "action_ts": self._world.new_ts()}
        return await self._run("interactive", person, payload, trigger, [])

    def _offers(self, callback_id: str, kind: str) -> None:
        offered = self._slack.settings["shortcuts"]
        if offered.get(callback_id) != kind:
            raise Impossible(f"no {kind} shortcut {callback_id}; there are {offered}")

    def _sees(self, person: Person, channel: Channel) -> None:
        if not self._world.sees(person, channel):
            raise Impossible(f"{person.name} does not see that channel")

    def _named(self, channel: Channel) -> dict[str, Any]:
        return {"id": channel.id, "name": "directmessage" if channel.kind == DM else channel.name}

    # Elements of messages and views

    async def press_in_message(
        self, person: Person, channel: Channel, message: Message, wanted: dict[str, Any], value: Any
    ) -> Interaction:
        """A button, or with a value a select, of a message the person sees."""
        self._sees(person, channel)
        if message.seen_by not in {None, person.id}:
            raise Impossible(f"{person.name} does not see this message")
        block, element = _element(message.blocks, wanted)
        grant = next(one for one in self._world.grants if one.bot.id == message.user)
        if grant.revoked:
            raise Impossible("the app is gone")
        trigger = self._slack.views.trigger(person, grant)
        url = self._slack.responses.make(grant, channel, person, thread=message.thread_ts, message=message)
        container: dict[str, Any] = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
        container["is_ephemeral"] = message.seen_by is not None
        container |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
        action = self._action(block, element, value)
        payload = self._common(person, grant, trigger) | {
            "type": "block_actions",
            "container": container,
            "channel": self._named(channel),
            "state": {"values": {}},
            "response_url": url.url,
            "actions": [action],
        }
        if message.seen_by is None:
            # The message itself comes with what everybody sees only.
            payload["message"] = self._slack.shapes.message(message, grant)
        return await self._run("interactive", person, payload, trigger, [url])

    async def press_in_view(self, person: Person, view: View, wanted: dict[str, Any], value: Any) -> Interaction:
        """An element of a modal that is on top, or of the Home tab."""
        self._open(person, view)
        block, element = _element(view.given["blocks"], wanted)
        if block["type"] == "input" and not block.get("dispatch_action"):
            raise Impossible("that field tells nothing before it is submitted")
        if element["type"] not in {"button", "overflow"}:
            state = filled(element, value, self._attach(person))
            view.values.setdefault(block["block_id"], {})[element["action_id"]] = state
        trigger = self._slack.views.trigger(person, view.grant, view=view if view.kind == "modal" else None)
        payload = self._common(person, view.grant, trigger) | {
            "type": "block_actions",
            "container": {"type": "view", "view_id": view.id},
            "view": self._slack.shapes.view(view),
            "actions": [self._action(block, element, value)],
        }
        return await self._run("interactive", person, payload, trigger, [])

    def _open(self, person: Person, view: View) -> None:
        top = person.home if view.kind == "home" else person.views[-1] if person.views else None
        if view.person is not person or top is not view or view.closed:
            raise Impossible("that is not in front of them")

    def _action(self, block: dict[str, Any], element: dict[str, Any], value: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "type": element["type"],
            "action_id": element["action_id"],
            "block_id": block["block_id"],
        }
        shown["action_ts"] = self._world.new_ts()
        if element["type"] == "button":
            if value is not None:
                raise Impossible("buttons are pressed, selects are given values")
            return shown | {name: element[name] for name in ("text", "value", "style", "url") if name in element}
        if element["type"] == "overflow":
            chosen = {option["value"]: option for option in element["options"]}
            if value not in chosen:
                raise Impossible(f"{value!r} is not offered")
            return shown | {"selected_option": chosen[value]}
        state = filled(element, value, lambda given: given)
        return shown | {name: one for name, one in state.items() if name != "type"}

    # Forms

    def _attach(self, person: Person) -> Any:
        def attach(given: dict[str, Any]) -> dict[str, Any]:
            file = self.upload(person, given)
            if file.size > LARGEST_INPUT:
                raise Impossible("a form takes files up to 10 MB")
            self._slack.given_files.add(file.id)
            return self._slack.shapes.file(file)

        return attach

    async def submit(self, person: Person, view: View, fields: dict[str, Any]) -> Interaction:
        """A modal, with these fields by action id, block id or label; what is left out keeps what it shows."""
        self._open(person, view)
        if view.kind != "modal" or "submit" not in view.given:
            raise Impossible("there is nothing to submit")
        left = dict(fields)
        inputs = [(one, next(elements_of(one))) for one in view.given["blocks"] if one["type"] == "input"]
        for block, element in inputs:
            names = {element["action_id"], block["block_id"], block["label"]["text"]} & set(left)
            for name in names:
                state = filled(element, left.pop(name), self._attach(person))
                view.values.setdefault(block["block_id"], {})[element["action_id"]] = state
            state = view.values[block["block_id"]][element["action_id"]]
            if not block.get("optional") and is_empty(state):
                raise Impossible(f"{block['label']['text']}: please fill in this required field")
            if element["type"] in TEXTS and state["value"] is not None:
                filled(element, state["value"], self._attach(person))
        if left:
            raise Impossible(f"no such fields: {sorted(left)}; there are {[one['label']['text'] for one, _ in inputs]}")
        trigger = self._slack.views.trigger(person, view.grant, view=view)
        urls = self._response_urls(person, view, inputs)
        payload = self._common(person, view.grant, trigger) | {
            "type": "view_submission",
            "view": self._slack.shapes.view(view),
            "response_urls": view.response_urls,
        }
        interaction = await self._run("interactive", person, payload, trigger, urls)
        self._slack.responses.answered_view(view, interaction.ack)
        return interaction

    def _response_urls(self, person: Person, view: View, inputs: Any) -> list[ResponseUrl]:
        """A conversation chosen in a field with `response_url_enabled` may be answered in."""
        urls: list[ResponseUrl] = []
        view.response_urls = []
        for block, element in inputs:
            chosen = view.values[block["block_id"]][element["action_id"]].get("selected_conversation")
            if element.get("response_url_enabled") and chosen in self._world.channels:
                url = self._slack.responses.make(view.grant, self._world.channels[chosen], person, thread=None)
                urls.append(url)
                place = {"block_id": block["block_id"], "action_id": element["action_id"], "channel_id": chosen}
                view.response_urls.append(place | {"response_url": url.url})
        return urls

    async def close(self, person: Person, view: View, *, everything: bool = False) -> Interaction | None:
        """The cross or the cancel button of a modal; the app hears of it only if it asked to."""
        self._open(person, view)
        gone = list(person.views) if everything or view.given.get("clear_on_close") else [view]
        for one in gone:
            one.closed = "closed"
            person.views.remove(one)
            self._slack.views.note("view-closed", one)
        if not view.given.get("notify_on_close"):
            return None
        trigger = self._slack.views.trigger(person, view.grant)
        payload = self._common(person, view.grant, trigger)
        del payload["trigger_id"]
        payload |= {"type": "view_closed", "view": self._slack.shapes.view(view), "is_cleared": len(gone) > 1}
        return await self._run("interactive", person, payload, trigger, [])


def _element(blocks: list[dict[str, Any]], wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one element with that action id, block id, value or label."""
    there: list[Any] = []
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for block in blocks:
        for element in elements_of(block):
            label = element.get("text", {}).get("text") if element["type"] == "button" else None
            shown = {"action_id": element["action_id"], "label": label, "block_id": block["block_id"]}
            there.append(label or element["action_id"])
            if all(shown.get(name) == one for name, one in wanted.items() if one is not None):
                found.append((block, element))
    if len(found) != 1:
        raise Impossible(f"{len(found)} elements are {wanted}; there are {there}")
    return found[0]
