"""The Web API on one page: what each method takes, needs and may be asked how often.

Sources: docs.slack.dev method reference (captured 2026-05-26), signatures of slack_sdk 3.47.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

BOT_SCOPES = [
    "app_mentions:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "im:history",
    "im:write",
    "reactions:write",
    "users:read",
]
"""What the emulated app is installed with, unless the settings say otherwise: least scopes."""
KNOWN_SCOPES = {
    *BOT_SCOPES,
    *"channels:history groups:history mpim:history channels:read groups:read im:read mpim:read".split(),
    *"reactions:read team:read chat:write.public chat:write.customize users:read.email links.embed:write".split(),
    *"channels:join channels:manage links:read links:write mpim:write usergroups:read users:write".split(),
    *"assistant:write connections:write metadata.message:read bookmarks:read pins:read pins:write".split(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """`scope` is a prefix like `history` where it follows from the kind of channel (`channels:history`, …)."""

    args: dict[str, str]
    """Name to type, `!` for what is required: text, int, bool, ts, channel, list, object."""
    tier: int = 3
    scope: str | None = None
    per_channel: bool = False
    token: str = "bot"  # bot, app, none
    reads_json: bool = True
    """Whether a JSON body is read at all: methods that only read take a query or a form."""


_TEXT = {
    **dict.fromkeys(["text", "parse", "markdown_text"], "text"),
    **dict.fromkeys(["blocks", "attachments"], "list"),
    **dict.fromkeys(["as_user", "link_names"], "bool"),
}
_LOOKS = dict.fromkeys(["icon_emoji", "icon_url", "username"], "text")
_PAGES = {
    **dict.fromkeys(["cursor", "latest", "oldest"], "text"),
    **dict.fromkeys(["inclusive", "include_all_metadata"], "bool"),
    "limit": "int",
}
_VIEW = {"view": "object!"}

METHODS: dict[str, Method] = {
    "auth.test": Method(args={}, tier=5),
    "auth.revoke": Method(args={"test": "bool"}, reads_json=False),
    "apps.connections.open": Method(args={}, tier=1, token="app"),
    "users.info": Method(
        args={"user": "text!", "include_locale": "bool"}, tier=4, scope="users:read", reads_json=False
    ),
    "team.info": Method(args={"team": "text", "domain": "text"}, scope="team:read", reads_json=False),
    "conversations.info": Method(
        args={"channel": "channel!", "include_locale": "bool", "include_num_members": "bool"},
        scope="read",
        per_channel=True,
        reads_json=False,
    ),
    "conversations.open": Method(
        args={"channel": "text", "users": "text", "return_im": "bool", "prevent_creation": "bool"}, scope="im:write"
    ),
    "conversations.history": Method(
        args={"channel": "channel!", **_PAGES}, scope="history", per_channel=True, reads_json=False
    ),
    "conversations.replies": Method(
        args={"channel": "channel!", "ts": "ts!", **_PAGES}, scope="history", per_channel=True, reads_json=False
    ),
    "chat.postMessage": Method(
        args={
            "channel": "channel!",
            **_TEXT,
            **_LOOKS,
            "thread_ts": "ts",
            "reply_broadcast": "bool",
            "unfurl_links": "bool",
            "unfurl_media": "bool",
            "mrkdwn": "bool",
            "metadata": "object",
        },
        tier=0,  # a limit of its own: about one a second and channel
        scope="chat:write",
    ),
    "chat.update": Method(
        args={
            "channel": "channel!",
            "ts": "ts!",
            **_TEXT,
            "file_ids": "list",
            "reply_broadcast": "bool",
            "metadata": "object",
        },
        scope="chat:write",
    ),
    "chat.delete": Method(args={"channel": "channel!", "ts": "ts!", "as_user": "bool"}, scope="chat:write"),
    "chat.postEphemeral": Method(
        args={"channel": "channel!", "user": "text!", **_TEXT, **_LOOKS, "thread_ts": "ts"},
        tier=4,
        scope="chat:write",
    ),
    "chat.getPermalink": Method(args={"channel": "channel!", "message_ts": "ts!"}, tier=5, reads_json=False),
    "reactions.add": Method(args={"channel": "channel!", "name": "text!", "timestamp": "ts!"}, scope="reactions:write"),
    "reactions.remove": Method(
        args={"channel": "channel", "name": "text!", "timestamp": "ts", "file": "text", "file_comment": "text"},
        tier=2,
        scope="reactions:write",
    ),
    "reactions.get": Method(
        args={"channel": "channel", "timestamp": "ts", "full": "bool", "file": "text", "file_comment": "text"},
        scope="reactions:read",
        reads_json=False,
    ),
    "files.getUploadURLExternal": Method(
        args={"filename": "text!", "length": "int!", "alt_txt": "text", "snippet_type": "text"},
        tier=4,
        scope="files:write",
        reads_json=False,
    ),
    "files.completeUploadExternal": Method(
        args={
            "files": "list!",
            "channel_id": "text",
            "channels": "text",
            "thread_ts": "ts",
            "initial_comment": "text",
            "blocks": "list",
        },
        tier=4,
        scope="files:write",
    ),
    "files.info": Method(
        args={"file": "text!", "count": "int", "cursor": "text", "limit": "int", "page": "int"},
        tier=4,
        scope="files:read",
        reads_json=False,
    ),
    "files.delete": Method(args={"file": "text!"}, scope="files:write"),
    "views.open": Method(args={"trigger_id": "text", "interactivity_pointer": "text", **_VIEW}, tier=4),
    "views.push": Method(args={"trigger_id": "text", "interactivity_pointer": "text", **_VIEW}, tier=4),
    "views.update": Method(args={"view_id": "text", "external_id": "text", "hash": "text", **_VIEW}, tier=4),
    "views.publish": Method(args={"user_id": "text!", "hash": "text", **_VIEW}, tier=4),
    "oauth.v2.access": Method(
        args={
            "client_id": "text",
            "client_secret": "text",
            "code": "text",
            "redirect_uri": "text",
            "grant_type": "text",
            "refresh_token": "text",
        },
        tier=4,
        token="none",
        reads_json=False,
    ),
}


def read(value: Any, kind: str, *, typed: bool) -> Any:
    """An argument as its type; `typed` when it comes from JSON. Raises `ValueError` for what is no such thing."""
    match kind:
        case "text" | "ts" | "channel" if isinstance(value, str):
            if kind == "ts" and value.replace(".", "", 1).isdigit() is False:
                raise ValueError("no timestamp")
            return value
        case "int" if not isinstance(value, bool):
            return int(value)
        case "bool":
            if isinstance(value, bool):
                return value
            if not typed or value in {0, 1}:
                return {"1": True, "true": True, "0": False, "false": False, "": False}[str(value).lower()]
        case "list" | "object":
            # Lists and objects may come as JSON within JSON, too: that is how forms carry them.
            found = json.loads(value) if isinstance(value, str) else value
            if isinstance(found, list if kind == "list" else dict):
                return found
    raise ValueError(f"must be {kind}")
