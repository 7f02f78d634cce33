"""The control desk: `POST /_emulator/do` with `{"op": …}`; what it can is what `slack_world.SlackWorld` calls.

An op that no person could do answers 409 with `{"error": "…"}`. What changes the world is in `slack_control_world`; here is
what people do in it, and what goes wrong.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.emulators.desk import Impossible, carry_out
from tests.emulators.slack_control_world import WorldControl
from tests.emulators.slack_people import Interaction
from tests.emulators.slack_state import Channel, Message, View


class Control(WorldControl):
    """One method per op; their arguments are the fields of the request."""

    async def do(self, request: web.Request) -> web.Response:
        """Carry out one op."""
        return await carry_out(self, request)

    def _message(self, channel: str, ts: str) -> tuple[Channel, Message]:
        place = self._world.channels[channel]
        whispered = [one for one in place.ephemerals if one.ts == ts]
        return place, whispered[0] if whispered else place.messages[ts]

    def _full(self, message: Message) -> dict[str, Any]:
        files = [
            self._slack.shapes.file(one, whole=True) | {"name": one.name, "sha256": one.sha256, "deleted": one.deleted}
            for one in message.files
        ]
        facts = {"channel": message.channel, "edits": message.edits, "files": files, "seen_by": message.seen_by}
        facts |= {"via": message.via, "metadata": message.metadata, "bot": message.bot_id is not None}
        return self._slack.shapes.message(message) | facts

    # Messages

    async def do_say(
        self,
        person: str,
        channel: str,
        text: str = "",
        files: list[dict[str, Any]] | None = None,
        thread: str | None = None,
        raw: bool = False,
        host: str | None = None,
        remote: bool = False,
    ) -> Any:
        place = self._world.channels[channel]
        message = self._people.say(
            self._person(person), place, text, files=files or [], thread=thread, raw=raw, host=host, remote=remote
        )
        return self._full(message)

    async def do_messages(self, channel: str, thread: str | None = None) -> Any:
        messages = self._world.channels[channel].messages.values()
        return [self._full(one) for one in messages if thread is None or thread in {one.ts, one.thread_ts}]

    async def do_ephemerals(self, person: str) -> Any:
        channels = self._world.channels.values()
        found = [one for channel in channels for one in channel.ephemerals if one.seen_by == person]
        return [self._full(one) for one in sorted(found, key=lambda one: one.ts)]

    async def do_delete_message(self, channel: str, ts: str) -> None:
        place, message = self._message(channel, ts)
        self._slack.messages.remove(place, message, by="person")

    async def do_edit_message(self, person: str, channel: str, ts: str, text: str) -> Any:
        place, message = self._message(channel, ts)
        if message.user != person:
            raise Impossible("people change what they wrote themselves")
        self._slack.messages.change(place, message, text=text, blocks=[], given=True)
        return self._full(message)

    async def do_delete_file(self, file: str) -> None:
        self._slack.files.remove(self._world.files[file], by="person")

    async def do_react(self, person: str, channel: str, ts: str, name: str) -> None:
        _, message = self._message(channel, ts)
        message.reactions.setdefault(name, []).append(person)

    async def do_files(self) -> Any:
        """Every file there ever was."""
        return [
            {"id": one.id, "name": one.name, "user": one.user, "deleted": one.deleted, "uploaded": one.uploaded}
            for one in self._world.files.values()
        ]

    # Interactions

    async def do_slash(self, person: str, channel: str, command: str, text: str = "", thread: str | None = None) -> Any:
        if thread is not None:
            raise Impossible("slash commands do not work in threads")
        place = self._world.channels[channel]
        return self._answer(await self._people.slash(self._person(person), place, command, text))

    async def do_shortcut(
        self, person: str, callback_id: str, channel: str | None = None, ts: str | None = None
    ) -> Any:
        who = self._person(person)
        if channel is None or ts is None:
            return self._answer(await self._people.global_shortcut(who, callback_id))
        place, message = self._message(channel, ts)
        return self._answer(await self._people.message_shortcut(who, place, message, callback_id))

    async def do_press(
        self,
        person: str,
        wanted: dict[str, Any],
        channel: str | None = None,
        ts: str | None = None,
        view: str | None = None,
        value: Any = None,
    ) -> Any:
        who = self._person(person)
        if view is not None:
            return self._answer(await self._slack.presses.press_in_view(who, self._world.views[view], wanted, value))
        place, message = self._message(channel or "", ts or "")
        return self._answer(await self._slack.presses.press_in_message(who, place, message, wanted, value))

    async def do_submit(self, person: str, fields: dict[str, Any], view: str | None = None) -> Any:
        who = self._person(person)
        if view is None and not who.views:
            raise Impossible(f"no form is open for {who.name}")
        return self._answer(
            await self._slack.presses.submit(who, self._world.views[view] if view else who.views[-1], fields)
        )

    async def do_close(self, person: str, view: str | None = None, everything: bool = False) -> Any:
        who = self._person(person)
        if view is None and not who.views:
            raise Impossible(f"no form is open for {who.name}")
        top = self._world.views[view] if view else who.views[-1]
        interaction = await self._slack.presses.close(who, top, everything=everything)
        return self._answer(interaction) if interaction else None

    async def do_open_home(self, person: str, tab: str = "home") -> Any:
        who = self._person(person)
        grant = self._world.grant_of(who.team) if who.team else None
        if grant is None:
            raise Impossible("the app is not installed there")
        channel = self._world.dm_with(who, grant)
        home = who.home if who.home and who.home.grant is grant else None
        self._slack.events.home_opened(grant, who, channel, tab, home if tab == "home" else None)
        return self._view(who.home)

    async def do_view(self, person: str) -> Any:
        """The modal on top."""
        who = self._person(person)
        return self._view(who.views[-1] if who.views else None)

    async def do_home(self, person: str) -> Any:
        return self._view(self._person(person).home)

    def _view(self, view: View | None) -> Any:
        return self._slack.shapes.view(view) | {"closed": view.closed} if view else None

    async def do_answer(self, interaction: str) -> Any:
        """How an interaction stands now."""
        return self._answer(self._people.interactions[interaction])

    def _answer(self, interaction: Interaction) -> Any:
        ack = interaction.ack
        opened = [one for one in self._world.views.values() if one.trigger == interaction.trigger.id]
        return {
            "interaction": interaction.id,
            "person": interaction.person.id,
            "kind": "timeout" if ack.kind == "nobody" else ack.kind,
            "status": ack.status,
            "body": ack.body,
            "trigger_id": interaction.trigger.id,
            "views": [self._view(one) for one in opened],
            "posts": [post for url in interaction.urls for post in url.posts],
            "response_urls": [url.url for url in interaction.urls],
        }

    # Installing

    async def do_authorize(self, person: str, query: dict[str, str], deny: bool = False, org: bool = False) -> Any:
        return {"location": self._slack.oauth.answer(self._person(person), query, deny=deny, org=org)}

    # What goes wrong

    async def do_fault(self, **facts: Any) -> None:
        self._slack.faults.add(**facts)

    async def do_no_faults(self) -> int:
        """Forget the rules that are left; how many there were."""
        left = len(self._slack.faults.rules)
        self._slack.faults.rules.clear()
        return left

    async def do_calm(self) -> int:
        """Forget faults, rate limits, and events that are still on their way; how many of these there were."""
        self._slack.faults.rules.clear()
        self._slack.limits.forget()
        return self._slack.events.forget()

    async def do_cut(self, how: str = "reset") -> int:
        return await self._slack.socket.cut(how=how)

    async def do_connections(self) -> int:
        return len(self._slack.socket.connections)

    async def do_verify_url(self) -> bool:
        return await self._slack.http.verify()

    async def do_post_event(self, event: dict[str, Any], at: int | None = None, signature: str | None = None) -> Any:
        """A hand-made request to `target_url`, with another time or signature than the right ones."""
        body = json.dumps(event).encode()
        proof = self._slack.http.signed(body, at=at)
        proof |= {"X-Slack-Signature": signature} if signature is not None else {}
        ack = await self._slack.http.post(body, {"Content-Type": "application/json"}, proof=proof)
        return {"kind": ack.kind, "status": ack.status, "body": ack.body}
