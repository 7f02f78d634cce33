"""Discord, as the fact sheet describes it (sections 1, 3 and 4), as a strict server: REST, gateway, CDN.

    python -m tests.emulators.discord_server --log FILE --port-file FILE [--name N] [--port N] [--script FILE]

The API is at `/api/v10`, the gateway at `/gateway`. Every request body and every answer is held against Discord's own OpenAPI
document (`discord_openapi`). What no correct client would send is journaled as a `violation`; an answer of ours that the
document forbids as an `emulator-fault`. Both lists are empty after a good test.

`POST /_emulator/knobs` changes any setting while it runs (null puts it back), `POST /_emulator/do` makes people act and
things go wrong (`discord_control`, and `discord_world` for tests), `GET /_emulator/log` is the journal. It holds, each with
its facts: message-created, message-edited, message-deleted, nonce-repeated, thread-created, thread-changed, dm-opened,
interaction, interaction-answered, interaction-timeout, synced, identified, resumed, resume-refused, gateway-…, refused,
throttled, client-gone, fault, violation, emulator-fault.
"""

from __future__ import annotations

import asyncio
import json
from collections import ChainMap, Counter
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.emulators.desk import Panel, arguments, serve
from tests.emulators.discord_answers import Answers
from tests.emulators.discord_cdn import Cdn
from tests.emulators.discord_channels import Channels
from tests.emulators.discord_commands import Commands
from tests.emulators.discord_control import Control
from tests.emulators.discord_door import BASE, Door, Handler, in_json
from tests.emulators.discord_faults import WORDS
from tests.emulators.discord_gateway import GUILDS, Gateway
from tests.emulators.discord_interactions import Interactions
from tests.emulators.discord_limits import LIMITS, Limits
from tests.emulators.discord_messages import Messages
from tests.emulators.discord_openapi import judge
from tests.emulators.discord_people import People
from tests.emulators.discord_permissions import bits
from tests.emulators.discord_shapes import Shapes
from tests.emulators.discord_state import Channel, World
from tests.emulators.faults import Faults
from tests.emulators.judging import Memory, settings_from

SETTINGS: dict[str, Any] = {
    "token": "test-token",
    "bot_name": "Reelbot",
    "shards": 1,  # what GET /gateway/bot recommends
    "ack_s": 3.0,  # for the first answer to an interaction
    "token_lives_s": 900.0,
    "nonce_window_s": 180.0,
    "cdn_lives_s": 86_400,
    "upload_limit": 10 << 20,  # of the bot, in bytes, where no boost says more
    "old_message_s": 3600.0,
    "automod_words": [],
    "max_active_threads": 1000,
    "limits": dict(LIMITS),  # a part of it changes that part; false switches all off
    "in_flight_s": 0.25,  # a request so soon after an answer may have been under way
    "heartbeat_ms": 41_250,
    "deaf_to_heartbeats": False,
    "resume_window_s": 120.0,
    "refuse_resumes": 0,  # so many; true for all
}


class Discord:
    """All parts of the server, and the way of a request through them."""

    def __init__(self, name: str, log: Path, settings: dict[str, Any]) -> None:
        self.knobs: dict[str, Any] = {}
        self.settings = ChainMap(self.knobs, settings)
        self.journal = Memory(log, name)
        self.counts: Counter[str] = Counter()
        folder = log.with_suffix(".files")
        folder.mkdir(exist_ok=True)
        self.world = World(bot_name=settings["bot_name"])
        self.cdn = Cdn(folder, self.world, self.settings)
        self.shapes = Shapes(self.world, self.cdn)
        self.judge = judge()
        self.limits = Limits(self)
        self.faults = Faults(WORDS)
        self.gateway = Gateway(self)
        self.messages = Messages(self)
        self.channels = Channels(self)
        self.commands = Commands(self)
        self.interactions = Interactions(self)
        self.answers = Answers(self)
        self.people = People(self)
        self.control = Control(self)
        self.door = Door(self)

    def violation(self, why: str, body: Any = None) -> None:
        """Write down what no correct client would have sent."""
        self.journal.write("violation", why=why, body=json.loads(json.dumps(body, default=str)))

    def check(self, schema: str, value: Any) -> None:
        """Hold what the gateway sends against the document, too."""
        if errors := self.judge.value(schema, value):
            self.journal.write("emulator-fault", operation="gateway", schema=schema, why=errors[:5], answer=value)

    def announce_channel(self, event: str, channel: Channel, *, always: bool = False) -> None:
        """Tell the gateway about a channel or thread, when the bot is there and may see it."""
        assert channel.guild_id is not None
        guild = self.world.guilds[channel.guild_id]
        visible = self.world.may(self.world.bot, channel) & bits(["VIEW_CHANNEL"])
        if not guild.has_bot or not (visible or always):
            return
        data = self.shapes.channel(channel)
        if event == "THREAD_DELETE":
            data = {name: data[name] for name in ("id", "guild_id", "parent_id", "type")}
        elif event == "THREAD_CREATE":
            data |= {"newly_created": True}
        self.gateway.dispatch(event, data, guild_id=guild.id, intent=GUILDS)

    def routes(self) -> dict[str, Handler]:
        """Every operation we know, by its name in the OpenAPI document. `@original` has to come before `{message_id}`."""
        channel, message = "/channels/{channel_id}", "/channels/{channel_id}/messages/{message_id}"
        hook = "/webhooks/{webhook_id}/{webhook_token}"
        routes: dict[str, Handler] = {
            "GET /gateway": self.channels.gateway,
            "GET /gateway/bot": self.channels.gateway_bot,
            "GET /users/@me": self.channels.me,
            "GET /oauth2/applications/@me": self.channels.application,
            "GET /applications/@me": self.channels.application,
            "POST /users/@me/channels": self.channels.open_dm,
            "GET /users/@me/guilds": self.channels.my_guilds,
            "GET /users/{user_id}": self.channels.user,
            "GET /guilds/{guild_id}": self.channels.show_guild,
            "GET /guilds/{guild_id}/roles": self.channels.guild_roles,
            "GET /guilds/{guild_id}/channels": self.channels.guild_channels,
            "GET /guilds/{guild_id}/members/{user_id}": self.channels.guild_member,
            f"GET {channel}": self.channels.show_channel,
            f"PATCH {channel}": self.channels.change_channel,
            f"GET {channel}/messages": self.channels.list_messages,
            f"POST {channel}/messages": self.channels.post,
            f"POST {channel}/typing": self.channels.typing,
            f"GET {message}": self.channels.show_message,
            f"PATCH {message}": self.channels.patch,
            f"DELETE {message}": self.channels.delete,
            f"POST {message}/threads": self.channels.start_thread,
            "POST /attachments/refresh-urls": self.channels.refresh_urls,
            "POST /interactions/{interaction_id}/{interaction_token}/callback": self.answers.callback,
            f"POST {hook}": self.answers.follow_up,
        }
        for place in (
            "/applications/{application_id}/commands",
            "/applications/{application_id}/guilds/{guild_id}/commands",
        ):
            routes |= {f"PUT {place}": self.commands.overwrite, f"GET {place}": self.commands.list}
        for which in ("@original", "{message_id}"):
            routes |= {
                f"GET {hook}/messages/{which}": self.answers.show,
                f"PATCH {hook}/messages/{which}": self.answers.patch,
                f"DELETE {hook}/messages/{which}": self.answers.delete,
            }
        return routes

    # The server

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        for operation, handler in self.routes().items():
            method, path = operation.split(" ")
            app.router.add_route(method, BASE + path, self.door.guard(operation, handler))
        for path in ("/gateway", "/gateway/"):
            app.router.add_get(path, self.gateway.connect)
        app.router.add_get("/cdn/{kind}/{place}/{id}/{name}", self.cdn.get)
        app.router.add_post("/_emulator/do", self.control.do)
        panel = Panel(known=SETTINGS, knobs=self.knobs, journal=self.journal, counts=self.counts)
        panel.add_routes(app)
        app.router.add_get("/_emulator/world", self._show_world)
        app.router.add_route("*", "/{tail:.*}", self._nothing_here)
        return app

    async def _show_world(self, request: web.Request) -> web.Response:
        facts = {"bot": self.world.bot.id, "application": self.world.app_id, "owner": self.world.owner.id}
        return web.json_response(facts | {"token": self.settings["token"]})

    async def _nothing_here(self, request: web.Request) -> web.Response:
        self.violation(f"no such route: {request.method} {request.path}")
        return in_json(404, {"message": "404: Not Found", "code": 0})

    async def serve(self, port: int, port_file: Path) -> None:
        """Listen on 127.0.0.1 until stdin ends."""

        async def told(taken: int) -> None:
            self.cdn.base = f"http://127.0.0.1:{taken}"
            self.gateway.url = f"ws://127.0.0.1:{taken}/gateway"

        await serve(self.app(), port, port_file, told=told)


def main() -> None:
    options = arguments("discord")
    discord = Discord(options.name, options.log, settings_from(options.script, **SETTINGS))
    asyncio.run(discord.serve(options.port, options.port_file))


if __name__ == "__main__":
    main()
