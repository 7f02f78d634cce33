"""Socket Mode: `apps.connections.open`, hello, envelopes, acknowledgements, pings, and connections that end.

Every delivery goes to one of the open connections at random, and waits a while for one when there is none.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.emulators.slack_calls import Call
from tests.emulators.slack_events import Ack, Retry
from tests.emulators.slack_state import World

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

MOST_CONNECTIONS = 10


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    id: str
    socket: web.WebSocketResponse
    request: web.Request
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)


class Socket:
    """The connections of the app."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._tickets: set[str] = set()
        self._changed = asyncio.Event()
        self.connections: list[Connection] = []

    @property
    def _world(self) -> World:
        return self._slack.world

    async def open(self, call: Call) -> dict[str, Any]:
        """apps.connections.open."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        base = self._slack.shapes.base.replace("http", "ws", 1)
        return {"url": f"{base}/link/?ticket={ticket}&app_id={self._world.app_id}"}

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """The connection itself; a ticket is good once."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            self._slack.journal.write("refused", method="socket", error="ticket", why="used or unknown")
            return web.Response(status=401)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = Connection(id=secrets.token_hex(4), socket=socket, request=request)
        if len(self.connections) >= MOST_CONNECTIONS:
            await socket.send_json(
                {"type": "disconnect", "reason": "too_many_websockets", "debug_info": {"host": "applink-0"}}
            )
            await socket.close()
            return socket
        await socket.send_json(self._hello())
        self._add(connection)
        pinging = asyncio.create_task(self._ping(connection))
        try:
            await self._listen(connection)
        finally:
            pinging.cancel()
            self._remove(connection)
        return socket

    def _hello(self) -> dict[str, Any]:
        debug = {"host": "applink-0", "build_number": 1, "approximate_connection_time": 18_060}
        info = {"app_id": self._world.app_id}
        return {
            "type": "hello",
            "num_connections": len(self.connections) + 1,
            "debug_info": debug,
            "connection_info": info,
        }

    def _add(self, connection: Connection) -> None:
        self.connections.append(connection)
        self._slack.journal.write("socket-connected", connection=connection.id, count=len(self.connections))
        self._changed.set()

    def _remove(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        for waiting in connection.waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the connection went away"))
        self._slack.journal.write("socket-closed", connection=connection.id, count=len(self.connections))

    async def _ping(self, connection: Connection) -> None:
        """As Slack does; a client answers by itself."""
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(self._slack.settings["ping_s"])
                await connection.socket.ping(f"Ping from applink-0 at {connection.id}".encode())

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            if message.type is WSMsgType.PING and not self._slack.settings["deaf_to_pings"]:
                await connection.socket.pong(message.data)
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                said = json.loads(message.data)
            except ValueError:
                self._slack.violation("socket: no JSON", message.data)
                continue
            if set(said) - {"envelope_id", "payload"} or not isinstance(said.get("envelope_id"), str):
                self._slack.violation("socket: an acknowledgement is {envelope_id, payload?}", said)
                continue
            waiting = connection.waiting.pop(said["envelope_id"], None)
            if waiting is None:
                self._slack.journal.write("late-ack", envelope=said["envelope_id"])
            elif not waiting.done():
                waiting.set_result(said.get("payload"))

    # Delivery

    async def deliver(self, kind: str, payload: dict[str, Any], retry: Retry | None) -> Ack:
        """An envelope to one of them, and whether it was acknowledged in time."""
        try:
            async with asyncio.timeout(self._slack.settings["ack_s"]):
                connection = await self._any()
                return await self._deliver(connection, kind, payload, retry)
        except TimeoutError:
            return Ack(kind="timeout" if self.connections else "nobody")

    async def _any(self) -> Connection:
        while not self.connections:
            self._changed.clear()
            await self._changed.wait()
        return secrets.choice(self.connections)

    async def _deliver(self, connection: Connection, kind: str, payload: dict[str, Any], retry: Retry | None) -> Ack:
        envelope_id = secrets.token_hex(16)
        envelope: dict[str, Any] = {"envelope_id": envelope_id, "payload": payload, "type": kind}
        envelope["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            envelope |= {"retry_attempt": retry.number if retry else 0, "retry_reason": retry.reason if retry else ""}
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope_id] = waiting
        try:
            await connection.socket.send_json(envelope)
            return Ack(kind="answered", body=await waiting)
        except ConnectionError:
            return Ack(kind="nobody")
        finally:
            connection.waiting.pop(envelope_id, None)

    # What goes wrong

    async def cut(self, *, how: str = "reset") -> int:
        """End all connections: `reset`, `close`, or politely (`refresh_requested`, `warning`, `link_disabled`)."""
        cut = list(self.connections)
        for connection in cut:
            match how:
                case "reset":
                    if connection.request.transport is not None:
                        connection.request.transport.abort()
                case "close":
                    await connection.socket.close()
                case _:
                    said = {"type": "disconnect", "reason": how, "debug_info": {"host": "applink-0"}}
                    with suppress(ConnectionError):
                        await connection.socket.send_json(said)
                    if how == "refresh_requested":
                        # Slack closes a refreshed connection by itself, some seconds later.
                        asyncio.get_running_loop().call_later(
                            self._slack.settings["refresh_s"],
                            lambda one=connection: asyncio.ensure_future(one.socket.close()),
                        )
        return len(cut)
