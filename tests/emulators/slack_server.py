"""Slack, as the fact sheet describes it (sections 2, 3 and 5), as a strict server: Web API, Socket Mode, Events API, files.

    python -m tests.emulators.slack_server --log FILE --port-file FILE [--name N] [--port N] [--script FILE]

The Web API is at `/api`, Socket Mode behind `apps.connections.open`; with `target_url` set, everything is POSTed there,
signed, instead. What no correct client would do is journaled as a `violation`; an answer or event of ours unlike the recorded
ones as an `emulator-fault`. Both lists are empty after a good test.

`POST /_emulator/knobs` changes any setting while it runs (null puts it back), `POST /_emulator/do` makes people act and things
go wrong (`slack_control`, and `slack_world` for tests), `GET /_emulator/log` is the journal. It holds, each with its facts:
message-posted, message-updated, message-deleted, ephemeral, ephemeral-…, said, reaction-added, reaction-removed, upload-url,
uploaded, upload-dropped, completed, shared, never-shared, file-deleted, downloaded, sent-to-login, login-page, view-opened,
view-pushed, view-updated, view-published, view-closed, view-errors, event-sent, event-acked, event-failed, event-lost,
interaction, interaction-acked, interaction-failed, response-url, socket-connected, socket-closed, late-ack, url-verification,
allowed, installed, uninstalled, token-revoked, dm-opened, refused, throttled, client-gone, fault, violation, emulator-fault.
"""

from __future__ import annotations

import asyncio
import json
from collections import ChainMap, Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.emulators.desk import Panel, arguments, serve
from tests.emulators.faults import Faults
from tests.emulators.judging import Memory, settings_from
from tests.emulators.slack_channels import Channels
from tests.emulators.slack_control import Control
from tests.emulators.slack_door import Door, Handler, in_json
from tests.emulators.slack_events import Events
from tests.emulators.slack_faults import WORDS
from tests.emulators.slack_files import Files
from tests.emulators.slack_http import Http
from tests.emulators.slack_limits import LIMITS, Limits
from tests.emulators.slack_messages import Messages
from tests.emulators.slack_methods import BOT_SCOPES, METHODS
from tests.emulators.slack_oauth import OAuth
from tests.emulators.slack_people import People
from tests.emulators.slack_presses import Presses
from tests.emulators.slack_recorded import Recorded
from tests.emulators.slack_responses import Responses
from tests.emulators.slack_shapes import Shapes
from tests.emulators.slack_shares import Shares
from tests.emulators.slack_socket import Socket
from tests.emulators.slack_state import Grant, Person, World
from tests.emulators.slack_views import Views

SETTINGS: dict[str, Any] = {
    "bot_token": "xoxb-1-test-token",
    "app_token": "xapp-1-test-token",
    "signing_secret": "a-signing-secret",
    "client_id": "1.2",
    "client_secret": "a-client-secret",
    "redirect_uris": [],  # prefixes; when empty any will do, but one must be named
    "installed": True,  # in the first workspace, with `scopes`
    "team_id": None,  # of the first workspace
    "scopes": BOT_SCOPES,
    "bot_name": "Reelbot",
    "commands": ["/animate", "/reelbot"],
    "shortcuts": {"animate_message": "message", "new_clip": "global"},
    "events": ["app_mention", "message.im", "app_home_opened", "app_uninstalled", "tokens_revoked"],
    "home_tab": True,
    "target_url": None,  # HTTP instead of Socket Mode
    "ack_s": 3.0,
    "retry_s": [0.0, 0.5, 1.0],  # really: at once, a minute, five minutes
    "ping_s": 10.0,
    "deaf_to_pings": False,  # a connection that looks open and is dead
    "refresh_s": 1.0,  # between `refresh_requested` and the close
    "trigger_lives_s": 3.0,
    "org_payloads_without_team": False,
    "form_only": None,  # methods that do not read JSON; null: those that only read, and getUploadURLExternal
    "limits": dict(LIMITS),  # a part of it changes that part; false switches all off
    "history_per_minute": None,
    "in_flight_s": 0.25,  # a request so soon after a 429 may have been under way
    "edit_window_closed": False,
    "mentionable": [],  # ids the bot may mention; "*" for every single person
    "file_uploads": True,  # false, or "images"
    "forbidden_file_types": [],  # like ".mp4"
    "storage_limit_reached": False,
    "upload_limit": 1 << 30,
    "upload_lives_s": 600.0,  # until it is completed
    "share_delay_s": 0.05,  # read again while it passes: 0 shares at once what was waiting
    "never_share": 0,  # so many completed uploads are never shared
    "complete_again": "nothing",  # or "shares": what completing a second time does
    "scan_s": 0.0,  # so long mimetype and size are empty
    "files_need_membership": True,
}


class Slack:
    """All parts of the server."""

    def __init__(self, name: str, log: Path, settings: dict[str, Any]) -> None:
        self.knobs: dict[str, Any] = {}
        self.settings = ChainMap(self.knobs, settings)
        self.journal = Memory(log, name)
        self.counts: Counter[str] = Counter()
        self.dead_tokens: set[str] = set()
        self.given_files: set[str] = set()  # in forms
        self.gone: defaultdict[str, set[str]] = defaultdict(set)  # deleted messages by channel
        folder = log.with_suffix(".files")
        folder.mkdir(exist_ok=True)
        self.world = World()
        self.shapes = Shapes(self.world, self.settings)
        self.recorded = Recorded(self)
        self.limits = Limits(self)
        self.faults = Faults(WORDS)
        self.door = Door(self)
        self.channels = Channels(self)
        self.messages = Messages(self)
        self.shares = Shares(self)
        self.files = Files(self, folder)
        self.views = Views(self)
        self.responses = Responses(self)
        self.oauth = OAuth(self)
        self.socket = Socket(self)
        self.http = Http(self)
        self.events = Events(self)
        self.people = People(self)
        self.presses = Presses(self)
        self.control = Control(self)
        self.methods = self._methods()
        assert set(self.methods) == set(METHODS)
        self.nobody = Grant(token="", scopes=[], bot=Person(id="", name="", team=None), bot_id="", team=None)
        self.team = self.world.add_team("Studio", own_id=settings["team_id"])
        if settings["installed"]:
            self.oauth.install(self.team, list(settings["scopes"]), token=settings["bot_token"])

    def violation(self, why: str, body: Any = None) -> None:
        """Write down what no correct client would have sent."""
        self.journal.write("violation", why=why, body=json.loads(json.dumps(body, default=str)))

    def _methods(self) -> dict[str, Handler]:
        channels, messages, files, views = self.channels, self.messages, self.files, self.views
        return {
            "auth.test": channels.auth_test,
            "auth.revoke": channels.auth_revoke,
            "apps.connections.open": self.socket.open,
            "users.info": channels.users_info,
            "team.info": channels.team_info,
            "conversations.info": channels.conversations_info,
            "conversations.open": channels.conversations_open,
            "conversations.history": channels.conversations_history,
            "conversations.replies": channels.conversations_replies,
            "chat.postMessage": messages.post,
            "chat.update": messages.update,
            "chat.delete": messages.delete,
            "chat.postEphemeral": messages.ephemeral,
            "chat.getPermalink": messages.permalink,
            "reactions.add": messages.react,
            "reactions.remove": messages.unreact,
            "reactions.get": messages.reactions,
            "files.getUploadURLExternal": files.begin,
            "files.completeUploadExternal": files.complete,
            "files.info": files.info,
            "files.delete": files.delete,
            "views.open": views.open,
            "views.push": views.push,
            "views.update": views.update,
            "views.publish": views.publish,
            "oauth.v2.access": self.oauth.access,
        }

    # The server

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        router = app.router
        router.add_route("*", "/api/{method}", self.door.call)
        router.add_post("/upload/v1/{key}", self._guarded("upload", self.files.receive))
        router.add_get("/files-pri/{file}/{name:.*}", self._guarded("download", self.files.download))
        router.add_post("/response/{team}/{key}", self._guarded("response_url", self.responses.receive))
        router.add_get("/link/", self.socket.connect)
        router.add_get("/oauth/v2/authorize", self.oauth.authorize_page)
        router.add_get("/login", self.oauth.login)
        router.add_post("/_emulator/do", self.control.do)
        router.add_get("/_emulator/world", self._show_world)
        Panel(known=SETTINGS, knobs=self.knobs, journal=self.journal, counts=self.counts).add_routes(app)
        router.add_route("*", "/{tail:.*}", self._nothing_here)
        return app

    def _guarded(
        self, route: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve_one(request: web.Request) -> web.StreamResponse:
            return await self.door.guard(route, request, lambda: handler(request))

        return serve_one

    async def _show_world(self, request: web.Request) -> web.Response:
        grant = self.world.grant_of(self.team)
        secrets = {
            name: self.settings[name] for name in "bot_token app_token signing_secret client_id client_secret".split()
        }
        facts = {"team": self.team.id, "app": self.world.app_id, "stranger": self.stranger}
        bot = {"bot": grant.bot.id if grant else None, "bot_id": grant.bot_id if grant else None}
        return web.json_response(facts | secrets | bot)

    async def _nothing_here(self, request: web.Request) -> web.Response:
        self.violation(f"no such route: {request.method} {request.path}")
        return in_json({"ok": False, "error": "unknown_method"}, status=404)

    # Another host: whoever sends a token there has lost it

    stranger = ""

    async def _listen_as_stranger(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._strange)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.stranger = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _strange(self, request: web.Request) -> web.Response:
        self.journal.write("stranger-asked", path=request.path)
        if "Authorization" in request.headers or "token" in request.query:
            self.violation("a token was sent to another host", request.path)
        return web.Response(body=b"not a picture", content_type="image/png")

    async def serve(self, port: int, port_file: Path) -> None:
        """Listen on 127.0.0.1 until stdin ends."""

        async def told(taken: int) -> None:
            self.shapes.base = f"http://127.0.0.1:{taken}"
            await self._listen_as_stranger()
            self.control.begin()

        await serve(self.app(), port, port_file, told=told)


def main() -> None:
    options = arguments("slack")
    slack = Slack(options.name, options.log, settings_from(options.script, **SETTINGS))
    asyncio.run(slack.serve(options.port, options.port_file))


if __name__ == "__main__":
    main()
