"""Where somebody acts on Slack, as an event, a command or a press says, asking nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.chat.slack.anchor import Anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One event or payload: who, where, and what it hangs on."""

    team: str
    """The workspace whose app was addressed."""
    user: str
    enterprise: str | None = None
    home_team: str | None = None
    """The person's own workspace, where Slack says it: another one's people are strangers in a shared channel."""
    channel: str | None = None
    is_direct: bool = False
    """`channel` is this person's direct messages with us."""
    root: str | None = None
    """The first message of the thread it happened in."""
    message: str | None = None
    """The message that was written, or under which something was pressed."""
    trigger: str | None = None
    """Opens one form within three seconds."""
    response_url: str | None = None
    view: str | None = None
    """The form or page that was acted on."""
    is_ephemeral: bool = False
    """It was pressed in an answer that only this person sees."""
    reference: str = ""
    """What our log calls it, and an operator can look for."""

    def anchor(self, *, asked: str | None = None, root: str | None = None) -> Anchor:
        """What an answer to this hangs on: below `root`, with a reaction on the message `asked`."""
        return Anchor(
            team=self.team,
            enterprise=self.enterprise,
            channel=self.channel or "",
            root=root,
            asked=asked,
            is_direct=self.is_direct,
        )


def scene_of_event(body: Mapping[str, Any], event: Mapping[str, Any]) -> Scene:
    """The scene of a message that was written, or of a page that was opened."""
    given = body.get("authorizations") or [{}]
    team = given[0].get("team_id") or body.get("team_id") or ""
    message = event.get("ts")
    return Scene(
        team=str(team),
        enterprise=given[0].get("enterprise_id") or body.get("enterprise_id"),
        user=str(event.get("user") or ""),
        home_team=event.get("user_team") or event.get("source_team") or event.get("team"),
        channel=event.get("channel"),
        is_direct=event.get("channel_type") == "im",
        root=event.get("thread_ts"),
        message=str(message) if message else None,
        reference=str(body.get("event_id") or message or ""),
    )


def scene_of_command(body: Mapping[str, Any]) -> Scene:
    """The scene of a command; it is never in a thread."""
    return Scene(
        team=str(body.get("team_id") or ""),
        enterprise=body.get("enterprise_id") or None,
        user=str(body.get("user_id") or ""),
        channel=body.get("channel_id"),
        trigger=body.get("trigger_id"),
        response_url=body.get("response_url"),
        reference=str(body.get("trigger_id") or ""),
    )


def scene_of_payload(body: Mapping[str, Any]) -> Scene:
    """The scene of a press, a shortcut or a form that came back."""
    user, channel = body.get("user") or {}, body.get("channel") or {}
    container, message, view = body.get("container") or {}, body.get("message") or {}, body.get("view") or {}
    # A form opened in a channel that organisations share belongs to the workspace whose app opened it.
    team = (
        view.get("app_installed_team_id")
        or (body.get("team") or {}).get("id")
        or user.get("team_id")
        or view.get("team_id")
        or ""
    )
    enterprise = (body.get("enterprise") or {}).get("id") or (body.get("team") or {}).get("enterprise_id")
    ts = body.get("message_ts") or message.get("ts") or container.get("message_ts")
    where = channel.get("id") or container.get("channel_id")
    is_ours = body.get("type") == "block_actions" and container.get("type") == "message"
    return Scene(
        team=str(team),
        enterprise=enterprise,
        user=str(user.get("id") or ""),
        home_team=user.get("team_id"),
        channel=where,
        # What is pressed is ours, so we are in that conversation; elsewhere a D… may be between two others.
        is_direct=is_ours and str(where or "").startswith("D"),
        is_ephemeral=bool(container.get("is_ephemeral")),
        root=message.get("thread_ts") or container.get("thread_ts"),
        message=str(ts) if ts else None,
        trigger=body.get("trigger_id"),
        response_url=body.get("response_url")
        or next((each.get("response_url") for each in body.get("response_urls") or ()), None),
        view=view.get("id"),
        reference=str(body.get("trigger_id") or view.get("id") or ts or ""),
    )
