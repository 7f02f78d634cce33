"""The manifest: everything Slack wants to know of the app, so that nobody clicks it together.

What it subscribes to and offers is what we listen to, and nothing else: an event without a listener is answered 404,
and Slack delivers it three times more (bolt-python 1.30, measured).
"""

from __future__ import annotations

from typing import Any, Final

from adapters.chat.slack.scopes import NEEDED, READ_THREADS
from bot.errors import UsageError

EVENTS: Final = ("app_home_opened", "app_mention", "app_uninstalled", "message.im", "tokens_revoked")
COMMANDS: Final = ("/animate", "/reelbot")
MESSAGE_SHORTCUT: Final = "animate_message"
GLOBAL_SHORTCUT: Final = "new_clip"
SHORTCUTS: Final = (MESSAGE_SHORTCUT, GLOBAL_SHORTCUT)
"""Their callback ids."""
EVENTS_PATH: Final = "/slack/events"
INSTALL_PATH: Final = "/slack/install"
REDIRECT_PATH: Final = "/slack/oauth_redirect"
_OFFERED: Final = {
    "/animate": ("Turn a picture into a short video: opens a form", "[what should happen in it]"),
    "/reelbot": (
        "Your clips and what is left of your budget",
        "history | quota | jobs | settings | doctor | my-data | forget-me",
    ),
}


def manifest(
    *, public_url: str | None, read_threads: bool, many: bool, socket_mode: bool | None = None
) -> dict[str, Any]:
    """The whole manifest, as JSON values.

    With `public_url` Slack posts to us there; without one the app uses Socket Mode, which `socket_mode` says for an app
    that has both. `many` is for an app that other workspaces may add (OAuth), which needs the public address in any
    case. Raises `UsageError` for an address that Slack would not take.
    """
    _require_https(public_url)
    socket_mode = public_url is None if socket_mode is None else socket_mode
    if public_url is None and (many or not socket_mode):
        raise UsageError("Slack can only reach, or send people back to, a public address; name one with --public-url.")
    posts_to = {} if socket_mode else {"request_url": f"{public_url}{EVENTS_PATH}"}
    commands_to = {} if socket_mode else {"url": f"{public_url}{EVENTS_PATH}"}
    redirects = {"redirect_urls": [f"{public_url}{REDIRECT_PATH}"]} if many else {}
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Reelbot",
            "description": "Turns a picture and a sentence into a short video, in the thread where you talk.",
            "background_color": "#1a1a2e",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "reelbot", "always_online": True},
            "slash_commands": [
                {"command": name, "description": text, "usage_hint": hint, "should_escape": False, **commands_to}
                for name, (text, hint) in _OFFERED.items()
            ],
            "shortcuts": [
                {
                    "type": "message",
                    "name": "Animate this image",
                    "callback_id": MESSAGE_SHORTCUT,
                    "description": "Make a short video from the picture in this message",
                },
                {
                    "type": "global",
                    "name": "New clip",
                    "callback_id": GLOBAL_SHORTCUT,
                    "description": "Make a short video from a picture of yours",
                },
            ],
        },
        "oauth_config": redirects | {"scopes": {"bot": scopes(read_threads=read_threads)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS), **posts_to},
            "interactivity": {"is_enabled": True, **posts_to},
            "org_deploy_enabled": True,
            "socket_mode_enabled": socket_mode,
            # Left off for good: see docs/decisions/0035. Once on, Slack does not let it be switched off.
            "token_rotation_enabled": False,
        },
    }


def scopes(*, read_threads: bool) -> list[str]:
    """What is asked of a workspace."""
    return sorted([*NEEDED, *(READ_THREADS if read_threads else ())])


def _require_https(public_url: str | None) -> None:
    if public_url is not None and not public_url.startswith("https://"):
        raise UsageError(f"Slack takes addresses that begin with https:// only, and {public_url} does not.")
