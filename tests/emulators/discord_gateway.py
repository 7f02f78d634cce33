"""The gateway: HELLO, IDENTIFY, READY, events by shard and intent, RESUME with everything that was missed.

Every event of a session is kept in order; a connection has a place in that list and a task that sends what is behind it.
So a resume is a new connection that begins at an older place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID_SESSION, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
IGNORED = {3, 4, 8, 31, 43}  # presence, voice state, member requests, soundboard, channel info
GUILDS = 1 << 0
PRIVILEGED = {1 << 1: "GUILD_MEMBERS", 1 << 8: "GUILD_PRESENCES", 1 << 15: "MESSAGE_CONTENT"}
ALL_INTENTS = (1 << 26) - 1
SENDS_PER_MINUTE = 120


class Closed(Exception):
    """We close the connection, with one of the gateway's codes."""

    def __init__(self, code: int, why: str) -> None:
        self.code = code
        super().__init__(why)


@dataclass(eq=False, kw_only=True)
class Session:
    """What RESUME goes on with."""

    id: str
    intents: int
    shard: tuple[int, int]
    events: list[str] = field(default_factory=list)  # as sent; the one at index n has the sequence number n + 1
    connection: Connection | None = None
    lost_at: float = 0.0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, guild_id: str | None, intent: int) -> bool:
        """Whether an event is for this session."""
        number, count = self.shard
        own = (int(guild_id) >> 22) % count if guild_id else 0
        return own == number and (not intent or bool(self.intents & intent))

    def add(self, event: str, data: Any) -> None:
        """One more event; it is sent as soon as there is a connection."""
        self.events.append(json.dumps({"op": DISPATCH, "t": event, "s": len(self.events) + 1, "d": data}))
        self.grown.set()


class Connection:
    """One web socket."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.request = request
        self.socket = socket
        self.session: Session | None = None
        compressed = request.query.get("compress") == "zlib-stream"
        self._compressor = zlib.compressobj() if compressed else None
        self._turn = asyncio.Lock()
        self.sender: asyncio.Task[None] | None = None

    async def send(self, text: str) -> None:
        """One payload, in the encoding the client asked for."""
        async with self._turn:
            if self._compressor is None:
                await self.socket.send_str(text)
            else:
                squeezed = self._compressor.compress(text.encode()) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
                await self.socket.send_bytes(squeezed)

    async def send_op(self, op: int, data: Any = None) -> None:
        await self.send(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def begin(self, session: Session, after: int) -> None:
        """Send the session's events from the one after this sequence number."""
        self.session, session.connection = session, self
        self.sender = asyncio.create_task(self._send_events(session, after))

    async def _send_events(self, session: Session, place: int) -> None:
        with contextlib.suppress(ConnectionError):
            while session.connection is self:
                session.grown.clear()
                while place < len(session.events):
                    await self.send(session.events[place])
                    place += 1
                await session.grown.wait()

    def abort(self) -> None:
        """End it without a close frame, as a lost network does."""
        if self.request.transport is not None:
            self.request.transport.abort()


class Gateway:
    """All sessions of the bot."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self.sessions: dict[str, Session] = {}
        self.url = ""

    def dispatch(self, event: str, data: Any, *, guild_id: str | None = None, intent: int = 0) -> None:
        """Tell every session an event is for; who is away hears it when they resume in time."""
        for session in self._alive():
            if session.takes(guild_id, intent):
                session.add(event, data)

    def _alive(self) -> list[Session]:
        window = self._discord.settings["resume_window_s"]
        for session in list(self.sessions.values()):
            if session.connection is None and time.monotonic() - session.lost_at > window:
                del self.sessions[session.id]
        return list(self.sessions.values())

    @property
    def connected(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.connection is not None]

    async def drop(self, *, close_code: int | None = None, forget: bool = False) -> int:
        """End every connection, with a close frame or without; how many."""
        sessions = self.connected
        for session in sessions:
            connection, session.connection = session.connection, None
            session.lost_at = time.monotonic()
            assert connection is not None
            self._discord.journal.write("gateway-dropped", session=session.id, code=close_code)
            if forget:
                del self.sessions[session.id]
            if close_code is None:
                connection.abort()
            else:
                await connection.socket.close(code=close_code)
        return len(sessions)

    async def tell(self, op: int, data: Any = None) -> int:
        """Send RECONNECT or INVALID_SESSION to everybody; how many."""
        sessions = self.connected
        for session in sessions:
            assert session.connection is not None
            if op == INVALID_SESSION and not data:
                del self.sessions[session.id]
            await session.connection.send_op(op, data)
        return len(sessions)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One connection, from HELLO to its end."""
        socket = web.WebSocketResponse(max_msg_size=1 << 16, compress=False)
        await socket.prepare(request)
        connection = Connection(request, socket)
        try:
            await connection.send_op(
                HELLO, {"heartbeat_interval": self._discord.settings["heartbeat_ms"], "_trace": []}
            )
            await self._listen(connection)
        except Closed as error:
            self._discord.journal.write("gateway-closed", code=error.code, why=str(error))
            await socket.close(code=error.code, message=str(error).encode()[:100])
        except ConnectionError:
            pass  # whoever went away has no need of an answer
        finally:
            if connection.sender is not None:
                connection.sender.cancel()
            session = connection.session
            if session is not None and session.connection is connection:
                session.connection, session.lost_at = None, time.monotonic()
                if socket.close_code in {1000, 1001}:
                    self.sessions.pop(session.id, None)  # a goodbye ends the session too
                self._discord.journal.write("gateway-lost", session=session.id, code=socket.close_code)
        return socket

    async def _listen(self, connection: Connection) -> None:
        times: list[float] = []
        async for frame in connection.socket:
            if frame.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                continue
            now = time.monotonic()
            times = [one for one in times if one > now - 60] + [now]
            if len(times) > SENDS_PER_MINUTE:
                raise Closed(4008, "Rate limited.")
            if len(frame.data) > 4096:
                raise Closed(4002, "Error while decoding payload.")
            try:
                payload = json.loads(frame.data)
                op, data = payload["op"], payload.get("d")
            except (ValueError, TypeError, KeyError) as error:
                raise Closed(4002, "Error while decoding payload.") from error
            await self._take(connection, op, data)

    async def _take(self, connection: Connection, op: Any, data: Any) -> None:
        if op == HEARTBEAT:
            if not self._discord.settings["deaf_to_heartbeats"]:
                await connection.send_op(ACK)
        elif op == IDENTIFY:
            if connection.session is not None:
                raise Closed(4005, "Already authenticated.")
            self._identify(connection, data)
        elif op == RESUME:
            if connection.session is not None:
                raise Closed(4005, "Already authenticated.")
            await self._resume(connection, data)
        elif op not in IGNORED:
            raise Closed(4001, "Unknown opcode.")
        elif connection.session is None:
            raise Closed(4003, "Not authenticated.")

    def _identify(self, connection: Connection, data: Any) -> None:
        intents, shard = data.get("intents"), tuple(data.get("shard", (0, 1)))
        self._discord.journal.write("identified", intents=intents, shard=list(shard), properties=data.get("properties"))
        if data.get("token") != self._discord.settings["token"]:
            raise Closed(4004, "Authentication failed.")
        if not isinstance(intents, int) or intents & ~ALL_INTENTS:
            raise Closed(4013, "Invalid intent(s).")
        if asked := [name for bit, name in PRIVILEGED.items() if intents & bit]:
            self._discord.violation(f"identify: privileged intents {asked}", {"intents": intents})
            raise Closed(4014, "Disallowed intent(s).")
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            raise Closed(4010, "Invalid shard.")
        session = Session(id=uuid.uuid4().hex, intents=intents, shard=(shard[0], shard[1]))
        self.sessions[session.id] = session
        shapes, world = self._discord.shapes, self._discord.world
        guilds = [one for one in world.guilds.values() if one.has_bot and session.takes(one.id, 0)]
        ready = {
            "v": 10,
            "user": shapes.me(),
            "guilds": [{"id": guild.id, "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "session_type": "normal",
            "application": {"id": world.app_id, "flags": 0},
            "private_channels": [],
            "user_settings": {},
            "relationships": [],
        }
        session.add("READY", ready | ({"shard": list(shard)} if "shard" in data else {}))
        for guild in guilds:
            if intents & GUILDS:
                session.add("GUILD_CREATE", shapes.guild_create(guild))
        connection.begin(session, 0)

    async def _resume(self, connection: Connection, data: Any) -> None:
        self._alive()
        session = self.sessions.get(data.get("session_id", ""))
        refused = self._discord.settings["refuse_resumes"]
        if data.get("token") != self._discord.settings["token"]:
            raise Closed(4004, "Authentication failed.")
        after = data.get("seq") or 0
        known = session is not None and after <= len(session.events)
        self._discord.journal.write("resumed" if known and not refused else "resume-refused", seq=after)
        if not known or refused:
            if refused is not True and refused:
                self._discord.knobs["refuse_resumes"] = refused - 1
            await connection.send_op(INVALID_SESSION, False)
            return
        assert session is not None
        session.add("RESUMED", {"_trace": []})
        connection.begin(session, after)
