"""What comes back from the app: acknowledgements with something in them, and posts to a `response_url`."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.emulators.slack_calls import Refused
from tests.emulators.slack_door import in_json
from tests.emulators.slack_events import Ack
from tests.emulators.slack_state import Channel, Grant, Message, Person, View

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

MOST_USES, LIVES_S = 5, 1800
LONGEST = 40_000
FIELDS = {
    *"text blocks attachments response_type replace_original delete_original thread_ts metadata".split(),
    *"unfurl_links unfurl_media mrkdwn".split(),
}


@dataclass(slots=True, kw_only=True, eq=False)
class ResponseUrl:
    """A door back, for thirty minutes and five uses."""

    url: str
    grant: Grant
    channel: Channel
    person: Person
    thread: str | None
    message: Message | None  # the one whose button was pressed
    made: float = field(default_factory=time.monotonic)
    uses: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)


class Responses:
    """Does what the app answers."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._urls: dict[str, ResponseUrl] = {}

    def make(
        self, grant: Grant, channel: Channel, person: Person, *, thread: str | None, message: Message | None = None
    ) -> ResponseUrl:
        key = secrets.token_urlsafe(18)
        url = f"{self._slack.shapes.base}/response/{grant.key}/{key}"
        made = ResponseUrl(url=url, grant=grant, channel=channel, person=person, thread=thread, message=message)
        self._urls[key] = made
        return made

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """POST to a response_url."""
        url = self._urls.get(request.match_info["key"])
        if url is None or time.monotonic() - url.made > LIVES_S or url.grant.revoked:
            return in_json({"ok": False, "error": "expired_url"}, status=404)
        if url.uses >= MOST_USES:
            self._slack.journal.write("refused", method="response_url", error="used_url", why="five uses")
            return in_json({"ok": False, "error": "used_url"}, status=404)
        try:
            body = json.loads(await request.read())
            if not isinstance(body, dict):
                raise ValueError(body)
        except ValueError:
            self._slack.violation("response_url: no JSON object", None)
            return web.Response(status=400, text="invalid_payload")
        url.uses += 1
        url.posts.append(body)
        self._slack.journal.write("response-url", person=url.person.id, channel=url.channel.id, body=body)
        try:
            self._post(url, body, via="response_url")
        except Refused as refused:
            self._slack.journal.write("refused", method="response_url", error=refused.error, why=refused.why)
            return in_json(refused.body(), status=400 if refused.error != "no_text" else 500)
        return web.Response(text="ok")

    def _post(self, url: ResponseUrl, body: dict[str, Any], *, via: str) -> None:
        if unknown := set(body) - FIELDS:
            self._slack.violation(f"{via}: unknown fields {sorted(unknown)}", body)
        if body.get("delete_original"):
            self._delete(url)
            return
        text, blocks = self._slack.messages.content(via, body, longest=LONGEST)
        if body.get("replace_original") and url.message is not None:
            self._replace(url, text, blocks, given="blocks" in body)
            return
        thread = body.get("thread_ts")
        if body.get("response_type", "ephemeral") == "in_channel":
            self._slack.messages.create(url.channel, url.grant, text=text, blocks=blocks, thread_ts=thread, via=via)
        else:
            self._slack.messages.whisper(url.channel, url.grant, url.person.id, text, blocks, via=via, thread_ts=thread)

    def _replace(self, url: ResponseUrl, text: str, blocks: list[Any], *, given: bool) -> None:
        assert url.message is not None
        if url.message.seen_by is None:
            if url.message.ts in url.channel.messages:
                self._slack.messages.change(url.channel, url.message, text=text, blocks=blocks, given=given)
            return
        url.message.text, url.message.blocks = text, blocks
        url.message.edits += 1
        self._slack.journal.write(
            "ephemeral-updated", seen_by=url.message.seen_by, **self._slack.messages.facts(url.message)
        )

    def _delete(self, url: ResponseUrl) -> None:
        if url.message is None:
            raise Refused("invalid_payload", "there is no original")
        if url.message.seen_by is None:
            if url.message.ts in url.channel.messages:
                self._slack.messages.remove(url.channel, url.message, by="bot")
        elif url.message in url.channel.ephemerals:
            url.channel.ephemerals.remove(url.message)
            self._slack.journal.write("ephemeral-deleted", seen_by=url.message.seen_by, ts=url.message.ts)

    # Acknowledgements

    def answered_command(self, url: ResponseUrl, ack: Ack) -> None:
        """A command's acknowledgement may be a message."""
        if ack.kind != "answered" or not ack.body:
            return
        body = ack.body if isinstance(ack.body, dict) else {"text": str(ack.body)}
        try:
            self._post(url, body, via="ack")
        except Refused as refused:
            self._slack.journal.write("refused", method="ack", error=refused.error, why=refused.why)

    def answered_view(self, view: View, ack: Ack) -> None:
        """A submission's acknowledgement closes the form, or says what is wrong, or what comes next."""
        if ack.kind != "answered":
            return
        body = ack.body if isinstance(ack.body, dict) else {}
        match body.get("response_action"):
            case None:
                if ack.body:
                    self._slack.violation("view_submission: an answer without response_action", ack.body)
                self._close(view, [view])
            case "clear":
                self._close(view, list(view.person.views))
            case "errors":
                self._errors(view, body.get("errors"))
            case "update" | "push":
                self._next(view, body["response_action"], body.get("view"))
            case word:
                self._slack.violation(f"view_submission: no such response_action: {word}", body)

    def _close(self, view: View, gone: list[View]) -> None:
        for one in gone:
            one.closed = "submitted"
            if one in view.person.views:
                view.person.views.remove(one)
            self._slack.views.note("view-closed", one)

    def _errors(self, view: View, errors: Any) -> None:
        inputs = {one["block_id"] for one in view.given["blocks"] if one["type"] == "input"}
        good = isinstance(errors, dict) and errors and set(errors) <= inputs
        if not good or not all(isinstance(one, str) and one for one in errors.values()):
            self._slack.violation(f"view_submission: errors must be texts for input blocks {sorted(inputs)}", errors)
        self._slack.journal.write("view-errors", view=view.id, errors=errors)

    def _next(self, view: View, action: str, given: Any) -> None:
        if errors := self._slack.views.errors(given, "modal"):
            self._slack.violation(f"view_submission: {'; '.join(errors[:5])}", given)
            return
        if action == "update":
            self._slack.views.change(view, given)
            self._slack.views.note("view-updated", view)
        else:
            try:
                self._slack.views.note("view-pushed", self._slack.views.put_on_top(view, given))
            except Refused as refused:
                self._slack.violation(f"view_submission: {refused.error}", given)
