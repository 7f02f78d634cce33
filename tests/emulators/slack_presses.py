"""What people do with buttons, selects and forms: in messages, in modals, on the Home tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulators.desk import Impossible
from tests.emulators.slack_blocks import elements_of
from tests.emulators.slack_forms import TEXTS, filled, is_empty
from tests.emulators.slack_people import Interaction
from tests.emulators.slack_responses import ResponseUrl
from tests.emulators.slack_state import Channel, Message, Person, View

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

LARGEST_INPUT = 10_000_000


class Presses:
    """Only what is really there can be pressed, chosen or filled in."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._world = slack.world
        self._people = slack.people

    # Elements of messages and views

    async def press_in_message(
        self, person: Person, channel: Channel, message: Message, wanted: dict[str, Any], value: Any
    ) -> Interaction:
        """A button, or with a value a select, of a message the person sees."""
        self._people.check_sees(person, channel)
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
        payload = self._people.common(person, grant, trigger) | {
            "type": "block_actions",
            "container": container,
            "channel": self._people.named(channel),
            "state": {"values": {}},
            "response_url": url.url,
            "actions": [action],
        }
        if message.seen_by is None:
            # The message itself comes with what everybody sees only.
            payload["message"] = self._slack.shapes.message(message, grant)
        return await self._people.run("interactive", person, payload, trigger, [url])

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
        payload = self._people.common(person, view.grant, trigger) | {
            "type": "block_actions",
            "container": {"type": "view", "view_id": view.id},
            "view": self._slack.shapes.view(view),
            "actions": [self._action(block, element, value)],
        }
        return await self._people.run("interactive", person, payload, trigger, [])

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
            file = self._people.upload(person, given)
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
        payload = self._people.common(person, view.grant, trigger) | {
            "type": "view_submission",
            "view": self._slack.shapes.view(view),
            "response_urls": view.response_urls,
        }
        interaction = await self._people.run("interactive", person, payload, trigger, urls)
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
        payload = self._people.common(person, view.grant, trigger)
        del payload["trigger_id"]
        payload |= {"type": "view_closed", "view": self._slack.shapes.view(view), "is_cleared": len(gone) > 1}
        return await self._people.run("interactive", person, payload, trigger, [])


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
