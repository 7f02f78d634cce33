"""Servers on real sockets that say exactly what a test tells them, byte for byte, and remember what they heard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import abc

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """One request, as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    """As they were written, in their order."""
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each.lower() == name.lower()]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None


@dataclass
class Server:
    """Where it listens and what happened there."""

    port: int
    host: str = "127.0.0.1"
    scheme: str = "http"
    connections: int = 0
    heard: list[Heard] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def requests(self) -> list[str]:
        return [f"{heard.method} {heard.target}" for heard in self.heard]


@asynccontextmanager
async def a_talker(talk: Talk, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    """Every connection is handed to `talk`."""
    found = Server(port=0, host=host, scheme="https" if tls else "http")
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the other side has left, or the test is over
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Cut(bytes):
    """An answer after which the server hangs up."""


@asynccontextmanager
async def a_server(
    answer: Callable[[Heard], bytes | Awaitable[bytes]], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """Answers one request after another, on connections that stay open; an answer is what goes over the wire."""
    everything: list[Heard] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (heard := await read_request(reader)) is not None:
            everything.append(heard)
            told = answer(heard)
            answered = told if isinstance(told, bytes) else await told
            writer.write(answered)
            await writer.drain()
            if isinstance(answered, Cut):
                return

    async with a_talker(talk, tls=tls, host=host) as server:
        server.heard = everything
        yield server


async def read_request(reader: asyncio.StreamReader) -> Heard | None:
    """The next request, whole; `None` when there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        assert error.partial == b"", f"half a request: {error.partial[:200]!r}"
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    heard = Heard(method=method, target=target, headers=headers, body=b"")
    if heard.header("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            heard.body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        heard.body = await reader.readexactly(int(heard.header("content-length") or 0))
    return heard


def said(body: bytes = b"{}", *, status: int = 200, length: int | None = None, **headers: object) -> bytes:
    """An answer; `content_type="…"` becomes a header, `length` promises another length than there is."""
    named = {"content_length": len(body) if length is None else length, "content_type": "application/json"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items() if value is not None)
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode("latin-1") + body


def chunked(*pieces: bytes, status: int = 200, ending: bytes = b"0\r\n\r\n") -> bytes:
    """The same in chunks."""
    head = f"HTTP/1.1 {status} Said\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + ending


class Names(abc.AbstractResolver):
    """Instead of DNS: names lead where a test says, every other name nowhere. The internet is never asked."""

    def __init__(self, **known: str | list[str]) -> None:
        self.known = {name.replace("_", "."): value for name, value in known.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[abc.ResolveResult]:
        self.asked.append(host)
        found = self.known.get(host)
        if found is None:
            raise OSError(None, "no such name")
        return [
            {"hostname": host, "host": each, "port": port, "family": 10 if ":" in each else 2, "proto": 6, "flags": 0}
            for each in ([found] if isinstance(found, str) else found)
        ]

    async def close(self) -> None:
        pass
