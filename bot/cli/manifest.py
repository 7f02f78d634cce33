"""`reelbot manifest`: what a chat wants to know of the app, ready to be pasted."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bot.cli.output import say, show

Flag = Annotated[bool, Parameter(negative=())]


def slack(*, public_url: str | None = None, read_threads: Flag = False, json: Flag = False) -> int:
    """Print the manifest of a Slack app: for Socket Mode, or for HTTP where Slack can reach a public address.

    Parameters
    ----------
    public_url
        Where Slack reaches us. Unset it is REELBOT_WEB__PUBLIC_URL, unless an app token asks for Socket Mode.
    read_threads
        Also ask to read along in channels, so that a mention under somebody's picture finds it.
    json
        Print the bare manifest.
    """
    from adapters.chat.slack.manifest import manifest
    from bot.settings import load_settings

    settings = load_settings({"web": {"public_url": public_url}} if public_url is not None else None)
    address, has_app_token = settings.web.public_url, settings.slack.app_token is not None
    socket_mode = address is None or (public_url is None and has_app_token)
    # Over HTTP the address to come back to is always there: who adds it later finds an app that is ready for it.
    many = address is not None and (not socket_mode or settings.slack.client_id is not None)
    document = manifest(public_url=address, read_threads=read_threads, many=many, socket_mode=socket_mode)
    if not json:
        where = "https://api.slack.com/apps?new_app=1, From a manifest"
        way = "Socket Mode" if socket_mode else f"HTTP at {address}"
        say(f"This is the manifest for {way}: open {where}, choose the workspace, and paste it under JSON.")
    show(document, as_json=json)
    return 0
