"""The people of local-slack, for tests: what they see, and what they do. Standard library only, no asyncio.

    with a_local_slack(folder) as slack:
        asked = slack.say(ALICE, GENERAL, f"<@{BOT}> the cat blinks", files=[("cat.png", png)])
        clip = slack.until(lambda: slack.files_in(GENERAL, asked["ts"]))

Usable from any thread, and from a loop that does not run the app itself: what people do returns when the app has
acknowledged it (or after 5 s). Where the app is in the same loop, call through `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulators.local_slack.forms import Impossible, button, filled
from tests.emulators.local_slack.screen import Screen
from tests.emulators.local_slack.server import APP, APP_TOKEN, BOT, BOT_TOKEN, SIGNING_SECRET, TEAM, LocalSlack
from tests.patience import PATIENCE_S

File = tuple[str, bytes]
Message = dict[str, Any]
PAUSE_S = 0.02
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True, kw_only=True)
class Submitted:
    """What came of a form: what the app finds wrong with it, by block id, and the forms that are open afterwards."""

    errors: dict[str, str]
    open: list[dict[str, Any]]


class SlackWorld(LocalSlack):
    """Everything a test asks of local-slack. People, channels and messages are ids and `ts`, in text."""

    team, app, bot = TEAM, APP, BOT
    bot_token, app_token, signing_secret = BOT_TOKEN, APP_TOKEN, SIGNING_SECRET

    @property
    def api_url(self) -> str:
        """What the setting `REELBOT_SLACK__API_URL` says."""
        return f"{self.url}/api"

    # What people do

    def say(
        self, person: str, channel: str, text: str = "", *, files: Sequence[File] = (), thread: str | None = None
    ) -> Message:
        """Post a message; in a thread, `thread` is the `ts` of its root. The app hears it where its bot is a member."""
        facts = {"channel": channel, "user": person, "text": text} | ({"thread_ts": thread} if thread else {})
        if files:
            return self._control("upload", *_multipart(facts, files))["message"]
        return self._control("message", json.dumps(facts).encode())["message"]

    def edit(self, person: str, message: Message, text: str) -> None:
        """Change a message of one's own."""
        self._do("edit-message", channel=message["channel"], ts=message["ts"], user=person, text=text)

    def delete(self, person: str, message: Message) -> None:
        """Delete a message of one's own."""
        self._do("delete-message", channel=message["channel"], ts=message["ts"], user=person)

    def react(self, person: str, message: Message, emoji: str, *, present: bool = True) -> None:
        """Add a reaction, or take it away."""
        facts = {"channel": message["channel"], "ts": message["ts"], "user": person}
        self._do("reaction", **facts, name=emoji, present=present)

    def command(self, person: str, channel: str, command: str, text: str = "") -> None:
        """Type a slash command, like `/animate`."""
        self._do("command", channel=channel, user=person, command=command, text=text)

    def press(self, person: str, message: Message, wanted: str, **choice: Any) -> None:
        """Press a button of a message, by action id or text; a menu takes its choice, like `selected_option=…`."""
        action = button(message.get("blocks", ()), wanted) | choice
        self._do("interact", channel=message["channel"], messageTs=message["ts"], user=person, action=action)

    def open_home(self, person: str) -> None:
        """Open the app's Home tab."""
        self._do("open-home", user=person)

    def submit(self, person: str, **answers: Any) -> Submitted:
        """Fill the form on top and send it; answers by action id, see `forms.filled`."""
        with Screen(self.url) as screen:
            values = filled(_top(screen), answers)
            screen.act("view_submit", user=person, values=values)
            screen.wait_for(_is_answer)
            news = screen.wait_for(lambda news: news["t"] in {"view", "view_errors"})
        return Submitted(errors=news.get("errors", {}), open=news.get("stack", []))

    def close_form(self, person: str) -> None:
        """Close the form on top, and with it all below."""
        with Screen(self.url) as screen:
            _top(screen)
            screen.act("view_close", user=person)
            screen.wait_for(lambda news: news["t"] == "view")

    def put_aside(self, person: str, file: File) -> dict[str, Any]:
        """Upload a file without a message, as a form's file input does; the file object is an answer for `submit`."""
        name, content = file
        place = self.api("files.getUploadURLExternal", filename=name, length=len(content))
        with _OPENER.open(urllib.request.Request(place["upload_url"], content, method="POST"), timeout=20) as answer:
            answer.read()
        return self.api("files.info", file=place["file_id"])["file"] | {"user": person}

    # What people see

    def messages(self, channel: str) -> list[Message]:
        """Every message of a channel, oldest first: replies too, and what only one person sees (`ephemeral_to`)."""
        found: list[Message] = self._ask(f"_control/messages/{channel}")["messages"]
        return found

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies under a message, oldest first."""
        return [message for message in self.messages(channel) if message.get("thread_ts") == ts]

    def message(self, channel: str, ts: str) -> Message:
        """One message, as it stands now."""
        return next(message for message in self.messages(channel) if message["ts"] == ts)

    def files_in(self, channel: str, thread: str | None = None) -> list[dict[str, Any]]:
        """The files the bot posted in a channel or thread."""
        messages = self.messages(channel) if thread is None else self.thread(channel, thread)
        return [file for message in messages if message["user"] == BOT for file in message.get("files", ())]

    def direct(self, person: str) -> str:
        """The channel of a person's direct messages with the bot."""
        channel: str = self.api("conversations.open", users=person)["channel"]["id"]
        return channel

    def forms(self) -> list[dict[str, Any]]:
        """The open forms, the one on top last. There is one stack for everybody."""
        with Screen(self.url) as screen:
            stack: list[dict[str, Any]] = screen.state["modalStack"]
            return stack

    def home(self, person: str) -> dict[str, Any] | None:
        """The Home tab the app has published for a person."""
        with Screen(self.url) as screen:
            view: dict[str, Any] | None = screen.state["homeViews"].get(person, {}).get(APP)
            return view

    def download(self, file: Mapping[str, Any], token: str = BOT_TOKEN) -> bytes:
        """The bytes of a file, as an app with this token gets them."""
        headers = {"Authorization": f"Bearer {token}"}
        with _OPENER.open(urllib.request.Request(file["url_private_download"], headers=headers), timeout=20) as answer:
            content: bytes = answer.read()
            return content

    # What went over the wire

    def connected(self) -> bool:
        """Whether the app is there on Socket Mode."""
        with Screen(self.url) as screen:
            return bool(screen.state["apps"][0]["connected"])

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The last 1,000 things between local-slack and the app: direction, kind, summary, detail."""
        return [each for each in self._ask("_control/log")["log"] if kind is None or each["kind"] == kind]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The arguments of every call of a Web API method, by anybody, `put_aside` and `direct` included."""
        return [each["detail"] for each in self.journal("web_api") if each["summary"] == method]

    def until(self, look: Callable[[], Any], timeout_s: float = PATIENCE_S, *, about: str = "it") -> Any:
        """The first true thing `look` finds."""
        deadline = time.monotonic() + timeout_s
        while not (found := look()):
            if time.monotonic() > deadline:
                lately = [(each["direction"], each["summary"]) for each in self.journal()[-8:]]
                raise TimeoutError(f"{about} did not happen within {timeout_s} s; lately: {lately}")
            time.sleep(PAUSE_S)
        return found

    def api(self, method: str, token: str = BOT_TOKEN, **arguments: Any) -> dict[str, Any]:
        """Call a Web API method as the app would."""
        return self._ask(f"api/{method}", json.dumps(arguments).encode(), {"Authorization": f"Bearer {token}"})

    def _do(self, what: str, **facts: Any) -> None:
        self._control(what, json.dumps(facts).encode())

    def _control(self, what: str, body: bytes, kind: str = "application/json") -> dict[str, Any]:
        return self._ask(f"_control/{what}", body, {"Content-Type": kind})

    def _ask(self, what: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(f"{self.url}/{what}", body, headers)
        try:
            with _OPENER.open(request, timeout=60) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            if error.code != 400:
                raise
            raise Impossible(json.load(error)["error"]) from None


def _top(screen: Screen) -> dict[str, Any]:
    if not screen.state["modalStack"]:
        raise Impossible("no form is open")
    view: dict[str, Any] = screen.state["modalStack"][-1]
    return view


def _is_answer(news: Mapping[str, Any]) -> bool:
    """Whether the app has answered a press or a form: an ack on Socket Mode, a response over HTTP."""
    entry = news.get("entry", {})
    return news["t"] == "log" and entry["direction"] == "from_bot" and entry["kind"] in {"ack", "interactive"}


def _multipart(facts: Mapping[str, str], files: Sequence[File]) -> tuple[bytes, str]:
    mark = uuid.uuid4().hex
    body = b""
    for name, value in facts.items():
        body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, content in files:
        body += f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"
