"""views.*: modals and the Home tab, with the trigger that opens one: good once, and for three seconds."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.emulators.slack_blocks import ID, completed, elements_of, errors_in, plain
from tests.emulators.slack_calls import Call, Refused
from tests.emulators.slack_forms import first_values
from tests.emulators.slack_schema import Errors, anything, boolean, complain, string, typed
from tests.emulators.slack_state import Grant, Person, View

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

MOST_BYTES, MOST_BLOCKS, DEEPEST = 250_000, 100, 3
_COMMON = {"private_metadata": string(3000, least=0), "callback_id": ID, "external_id": string(255, least=0)}
_MODAL = typed(
    {"title": plain(24), "blocks": anything},
    {
        **_COMMON,
        "close": plain(24),
        "submit": plain(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
_HOME = typed({"blocks": anything}, _COMMON)


@dataclass(slots=True, kw_only=True, eq=False)
class Trigger:
    """What lets the app open a view for somebody."""

    id: str
    person: Person
    grant: Grant
    made: float = field(default_factory=time.monotonic)
    view: View | None = None  # from within a modal: views.push
    used: bool = False


class Views:
    """Opens and changes what people see beside the messages."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self.triggers: dict[str, Trigger] = {}

    def trigger(self, person: Person, grant: Grant, *, view: View | None = None) -> Trigger:
        number = time.time_ns() // 1000
        trigger = Trigger(
            id=f"{number}.{number % 1_000_003}.{secrets.token_hex(16)}", person=person, grant=grant, view=view
        )
        self.triggers[trigger.id] = trigger
        return trigger

    # Methods

    async def open(self, call: Call) -> dict[str, Any]:
        """views.open."""
        given = self._valid(call.args["view"], "modal", call.method)
        trigger = self._exchange(call)
        view = self._make(trigger.person, call.grant, given, trigger=trigger.id)
        # A new modal takes the place of those that were open.
        for old in trigger.person.views:
            old.closed = "replaced"
        trigger.person.views = [view]
        return self._shown(view, "view-opened")

    async def push(self, call: Call) -> dict[str, Any]:
        """views.push: onto the modal the trigger came from."""
        given = self._valid(call.args["view"], "modal", call.method)
        trigger = self._exchange(call)
        if trigger.view is None or trigger.view.closed:
            raise Refused("not_found", "the trigger is not of an open modal")
        return self._shown(self.put_on_top(trigger.view, given, trigger=trigger.id), "view-pushed")

    def put_on_top(self, below: View, given: dict[str, Any], *, trigger: str | None = None) -> View:
        """Another modal above one."""
        if len(below.person.views) >= DEEPEST:
            raise Refused("push_limit_reached")
        view = self._make(below.person, below.grant, given, trigger=trigger)
        view.root, view.previous = below.root or below.id, below.id
        below.person.views.append(view)
        return view

    async def update(self, call: Call) -> dict[str, Any]:
        """views.update."""
        wanted, external = call.get("view_id"), call.get("external_id")
        if bool(wanted) == bool(external):
            raise Refused("invalid_arguments", "exactly one of view_id and external_id")
        views = self._slack.world.views.values()
        view = next(
            (one for one in views if one.id == wanted or (external and one.given.get("external_id") == external)), None
        )
        if view is None or view.grant is not call.grant or view.closed:
            raise Refused("not_found")
        given = self._valid(call.args["view"], view.kind, call.method)
        if call.get("hash") and call.args["hash"] != view.hash:
            raise Refused("hash_conflict")
        self.change(view, given)
        return self._shown(view, "view-updated")

    async def publish(self, call: Call) -> dict[str, Any]:
        """views.publish: the Home tab of one person."""
        if not self._slack.settings["home_tab"]:
            raise Refused("not_enabled")
        person = self._slack.world.people.get(call.args["user_id"])
        if person is None or person.is_bot or not call.grant.covers(person.team):
            raise Refused("invalid_arguments", "user_id", {"response_metadata": {"messages": ["invalid `user_id`"]}})
        given = self._valid(call.args["view"], "home", call.method)
        if person.home is not None and person.home.grant is call.grant:
            if call.get("hash") and call.args["hash"] != person.home.hash:
                raise Refused("hash_conflict")
            self.change(person.home, given)
        else:
            person.home = self._make(person, call.grant, given)
        return self._shown(person.home, "view-published")

    # What they share

    def _exchange(self, call: Call) -> Trigger:
        trigger_id = call.get("trigger_id") or call.get("interactivity_pointer")
        trigger = self.triggers.get(trigger_id or "")
        if trigger is None or trigger.grant is not call.grant:
            raise Refused("invalid_trigger_id", str(trigger_id))
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if time.monotonic() - trigger.made > self._slack.settings["trigger_lives_s"]:
            raise Refused("expired_trigger_id")
        trigger.used = True
        return trigger

    def errors(self, given: Any, kind: str) -> Errors:
        """What Slack would say to a view."""
        errors: Errors = []
        if not isinstance(given, dict) or given.get("type") != kind:
            complain(errors, "/view/type", f"must be {kind}")
            return errors
        (_MODAL if kind == "modal" else _HOME)(given, "/view", errors)
        if not isinstance(given.get("blocks"), list):
            complain(errors, "/view/blocks", "must be an array")
            return errors
        errors += [
            error.replace("pointer:", "pointer:/view")
            for error in errors_in(given["blocks"], where=kind, most=MOST_BLOCKS)
        ]
        inputs = [one for one in given["blocks"] if isinstance(one, dict) and one.get("type") == "input"]
        if inputs and kind == "modal" and "submit" not in given:
            complain(errors, "/view", "`submit` is needed when there are input blocks")
        return errors

    def _valid(self, given: Any, kind: str, method: str) -> dict[str, Any]:
        if errors := self.errors(given, kind):
            self._slack.violation(f"{method}: {'; '.join(errors[:5])}", given)
            raise Refused("invalid_arguments", "; ".join(errors), {"response_metadata": {"messages": errors}})
        if len(json.dumps(given)) > MOST_BYTES:
            raise Refused("view_too_large")
        external = given.get("external_id")
        if external and any(
            one.given.get("external_id") == external and not one.closed and method != "views.update"
            for one in self._slack.world.views.values()
        ):
            raise Refused("duplicate_external_id")
        found: dict[str, Any] = given
        return found

    def _make(self, person: Person, grant: Grant, given: dict[str, Any], *, trigger: str | None = None) -> View:
        view = View(
            id=self._slack.world.new_id("V"),
            kind=given["type"],
            person=person,
            grant=grant,
            given={},
            hash="",
            trigger=trigger,
        )
        view.root = view.id
        self._slack.world.views[view.id] = view
        self.change(view, given)
        return view

    def change(self, view: View, given: dict[str, Any]) -> None:
        """Another content; what was filled in stays where block and action are the same."""
        view.given = {**given, "blocks": completed(given["blocks"])}
        view.hash = f"{int(time.time())}.{secrets.token_hex(4)}"
        filled = view.values
        view.values = {}
        for block in view.given["blocks"]:
            for element in elements_of(block):
                if element["type"] in {"button", "overflow"}:
                    continue
                old = filled.get(block["block_id"], {}).get(element["action_id"])
                kept = old if old is not None and old["type"] == element["type"] else first_values(element)
                view.values.setdefault(block["block_id"], {})[element["action_id"]] = kept

    def _shown(self, view: View, event: str) -> dict[str, Any]:
        self.note(event, view)
        return {"view": self._slack.shapes.view(view)}

    def note(self, event: str, view: View) -> None:
        facts = {"kind": view.kind, "callback_id": view.given.get("callback_id"), "trigger": view.trigger}
        self._slack.journal.write(event, view=view.id, person=view.person.id, blocks=view.given["blocks"], **facts)
