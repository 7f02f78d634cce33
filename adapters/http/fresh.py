"""One fresh connection for one paid request.

Whether money may have been spent is decided here, by what happened on the connection and never by guess: until
`FreshConnection.send` has written its first byte nothing can have been ordered, afterwards nobody knows until a complete
answer is there. So no pool, no retry, no redirect; the whole request leaves in one `write`, with nothing awaited between
the caller's last check and that write.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import h11

from adapters.http.answer import HttpAnswer, NoAnswer, TooLarge
from adapters.http.guard import ForbiddenAddress, origin
from adapters.http.proxies import Proxy, proxy_for
from adapters.http.tls import client_context
from bot.errors import NotSent

CONNECT_S: Final = 10.0
"""For the name, the connection, the proxy and TLS together."""
ANSWER_S: Final = 45.0
"""From the write to the end of the answer; with connecting it stays below the 60 seconds a create may take."""
LARGEST_ANSWER: Final = 1_000_000
_PIECE: Final = 65_536


class _Reader(asyncio.StreamReader):
    """Remembers whether anything was heard: bytes, or the end."""

    heard = False

    def feed_data(self, data: Any) -> None:
        self.heard = True
        super().feed_data(data)

    def feed_eof(self) -> None:
        self.heard = True
        super().feed_eof()


class FreshConnection:
    """An open connection over which nothing was sent yet; good for one request."""

    def __init__(self, url: str, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self._url = url
        self._reader = reader
        self._writer = writer
        self._used = False

    async def send(
        self, method: str, headers: Mapping[str, str], body: bytes, *, target: str | None = None
    ) -> HttpAnswer:
        """Send the request and read the whole answer.

        `target` is path and query; unset it is that of the address the connection was opened for. Raises `NotSent`
        when the request cannot be written down, or the other side has hung up or spoken before the first byte, and
        `NoAnswer` for everything that happens after it.
        """
        if self._used:
            raise RuntimeError("a fresh connection is good for one request")
        self._used = True
        protocol = h11.Connection(our_role=h11.CLIENT)
        try:
            request = _bytes_of(protocol, self._url, method, headers, body, target)
        except (h11.LocalProtocolError, ValueError) as error:
            raise NotSent("The request holds what cannot be sent, in its address or a header.") from error
        # Whoever speaks before he is asked (a balancer's 408) is about to hang up, and his words would be no answer.
        if self._reader.heard or self._reader.exception() is not None or self._writer.transport.is_closing():
            raise NotSent("The connection was closed before anything was sent.")
        # From here on it may have been ordered: whatever goes wrong is `NoAnswer`, and nothing is tried again.
        self._writer.write(request)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._read(protocol)
        except TimeoutError as error:
            raise NoAnswer("no answer in time") from error
        except (OSError, EOFError) as error:
            raise NoAnswer("the connection broke off") from error
        except h11.RemoteProtocolError as error:
            raise NoAnswer("the answer broke off, or is not HTTP") from error

    async def _read(self, protocol: h11.Connection) -> HttpAnswer:
        status, headers, body = 0, {}, bytearray()
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(await self._reader.read(_PIECE))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LARGEST_ANSWER:
                    raise TooLarge("the answer is too large")
            elif isinstance(event, h11.EndOfMessage):
                return HttpAnswer(status, headers, _decoded(bytes(body), headers.get("content-encoding", "")))
            elif not isinstance(event, h11.InformationalResponse):
                raise NoAnswer("the connection was closed without an answer")


@asynccontextmanager
async def open_fresh(url: str) -> AsyncIterator[FreshConnection]:
    """Connect to the address's host, over TLS (and the operator's proxy) where it is https. Nothing is sent to it.

    Raises `NotSent` in one sentence when that fails, for whatever reason: an unknown name, a refused connection, a
    certificate nobody vouches for, a proxy that says no, or no success within ten seconds.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await _connect(url)
    except TimeoutError as error:
        raise NotSent("The connection could not be opened in time.") from error
    except (OSError, EOFError, ValueError, ForbiddenAddress, h11.ProtocolError) as error:
        # Covers DNS, TCP, TLS and certificates: ssl.SSLError is an OSError.
        raise NotSent(f"The connection could not be opened ({_reason(error)}).") from error
    try:
        yield FreshConnection(url, reader, writer)
    finally:
        # Nobody waits for a polite end: the answer is complete, or it does not matter any more.
        writer.transport.abort()


async def _connect(url: str) -> tuple[_Reader, asyncio.StreamWriter]:
    host, port = origin(url)
    if urlsplit(url).scheme != "https":
        return await _open(host, port)
    proxy = proxy_for(host, port)
    if proxy is None:
        return await _open(host, port, ssl=client_context(), server_hostname=host)
    reader, writer = await _open(proxy.host, proxy.port)
    try:
        await _ask_for_tunnel(reader, writer, f"{_bracketed(host)}:{port}", proxy)
        reader.heard = False
        await writer.start_tls(client_context(), server_hostname=host)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def _open(host: str, port: int, **tls: Any) -> tuple[_Reader, asyncio.StreamWriter]:
    """`asyncio.open_connection`, with a reader of ours."""
    loop = asyncio.get_running_loop()
    reader = _Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    # A network that silently drops IPv6 must not make every create time out; only the connection that wins is used.
    transport, _ = await loop.create_connection(lambda: protocol, host, port, happy_eyeballs_delay=0.25, **tls)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _ask_for_tunnel(reader: _Reader, writer: asyncio.StreamWriter, authority: str, proxy: Proxy) -> None:
    protocol = h11.Connection(our_role=h11.CLIENT)
    headers = [("Host", authority)]
    if proxy.authorization is not None:
        headers.append(("Proxy-Authorization", proxy.authorization))
    asking = protocol.send(h11.Request(method="CONNECT", target=authority, headers=headers))
    writer.write((asking or b"") + (protocol.send(h11.EndOfMessage()) or b""))
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.Response):
            if not 200 <= event.status_code < 300:
                raise OSError(None, f"the proxy answered {event.status_code}")
            return
        elif not isinstance(event, h11.InformationalResponse):
            raise OSError(None, "the proxy hung up")


def _bytes_of(
    protocol: h11.Connection, url: str, method: str, headers: Mapping[str, str], body: bytes, target: str | None
) -> bytes:
    parts = urlsplit(url)
    if target is None:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host, _port = origin(url)
    always = {
        "Host": _bracketed(host) + (f":{parts.port}" if parts.port is not None else ""),
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Length": str(len(body)),
    }
    request = h11.Request(method=method, target=target, headers=list((always | dict(headers)).items()))
    pieces = (protocol.send(request), protocol.send(h11.Data(data=body)), protocol.send(h11.EndOfMessage()))
    return b"".join(piece for piece in pieces if piece)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _decoded(body: bytes, encoding: str) -> bytes:
    """We ask for plain bytes; an edge that compresses all the same is still understood, within the limit."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    with contextlib.suppress(zlib.error):
        plain = unpacker.decompress(body, LARGEST_ANSWER)
        return plain if unpacker.eof else b""
    return b""


def _reason(error: Exception) -> str:
    """Few words, no addresses."""
    return (getattr(error, "verify_message", None) or getattr(error, "strerror", None) or type(error).__name__).strip()
