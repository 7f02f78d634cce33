"""Whatever the manifest subscribes to and offers is listened to; the rest is answered, so that it does not come again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.chat.slack.listeners import create_bolt
from adapters.chat.slack.manifest import COMMANDS, EVENTS, SHORTCUTS
from bot.settings.schema import SlackSettings

FOR_THE_REST = {"event", "command", "action", "shortcut", "view"}
"""What the listeners are called that only answer."""


async def heard_by(body: dict[str, Any]) -> str:
    """The name of the first listener that takes it."""
    front: Any = SimpleNamespace(settings=SimpleNamespace(slack=SlackSettings()))
    request = AsyncBoltRequest(body=json.dumps(body), mode="socket_mode")
    for listener in create_bolt(front)._async_listeners:
        if await listener.async_matches(req=request, resp=BoltResponse(status=200)):
            return str(listener.ack_function.__name__)  # type: ignore[attr-defined]
    return ""


@pytest.mark.parametrize("event", EVENTS)
async def test_every_event_of_the_manifest_has_a_listener(event: str) -> None:
    """`message.im` comes as a `message`."""
    body = {"type": "event_callback", "event": {"type": event.partition(".")[0], "channel_type": "im"}}

    assert await heard_by(body) not in FOR_THE_REST | {""}


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_of_the_manifest_has_a_listener(command: str) -> None:
    assert await heard_by({"command": command, "text": ""}) not in FOR_THE_REST | {""}


@pytest.mark.parametrize(("callback", "kind"), zip(SHORTCUTS, ("message_action", "shortcut"), strict=True))
async def test_every_shortcut_of_the_manifest_has_a_listener(callback: str, kind: str) -> None:
    assert await heard_by({"type": kind, "callback_id": callback}) not in FOR_THE_REST | {""}


@pytest.mark.parametrize("action", ["rb:b:again", "rb:b:delete", "rb:p:history:2", "rb:p:new"])
async def test_every_button_has_a_listener(action: str) -> None:
    body = {"type": "block_actions", "actions": [{"action_id": action, "block_id": "b", "type": "button"}]}

    assert await heard_by(body) in {"pressed", "turned"}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "event_callback", "event": {"type": "file_shared"}},
        {"type": "event_callback", "event": {"type": "member_joined_channel"}},
        {"command": "/of-another-version", "text": ""},
        {"type": "block_actions", "actions": [{"action_id": "rb:x:watch", "block_id": "b", "type": "button"}]},
        {"type": "view_submission", "view": {"callback_id": "of another version", "type": "modal"}},
    ],
)
async def test_what_means_nothing_to_us_is_answered(body: dict[str, Any]) -> None:
    """Bolt would answer it 404, and Slack would bring it three times more."""
    assert await heard_by(body) in FOR_THE_REST
