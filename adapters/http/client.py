"""The one HTTP client: httpx's requests and answers on aiohttp's sockets, pooled, with deadlines and size limits.

Free requests only: asking, uploading, downloading. A paid request goes through `adapters.http.fresh`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream, map_aiohttp_exceptions
from yarl import URL

from adapters.http.answer import HttpAnswer, NoAnswer, NotConnected, TooLarge
from adapters.http.guard import ForbiddenAddress, GuardedResolver, require_allowed
from adapters.http.proxies import Proxy, proxy_for
from adapters.http.tls import client_context
from bot import __version__

USER_AGENT: Final = f"reelbot/{__version__}"
CONNECT_S: Final = 10.0
READ_S: Final = 25.0
"""Longest silence within an answer."""
ASK_S: Final = 30.0
"""One question altogether: a trickle of bytes must not hold it up for ever (fact sheet §8)."""
UPLOAD_S: Final = 120.0
LARGEST_ANSWER: Final = 8_000_000
CONNECTIONS: Final = 64
"""To all hosts together; more questions wait for one to become free."""
KEEP_ALIVE_S: Final = 30.0
_PIECE: Final = 262_144
_SENT_PIECE: Final = 131_072
"""Of a file that is sent: a few of them are on their way at any moment, and all of it is to stay below a megabyte."""


class HttpClient:
    """Shared by every adapter of a process. Opens its sockets at first use; `aclose` closes them.

    Two pools: one for the addresses the operator configured, one for everything that others name, which reaches the
    public internet only.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[bool, Proxy | None], _Pool] = {}

    async def ask(
        self,
        method: str,
        url: str,
        *,
        home: str,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        deadline_s: float = ASK_S,
        limit_bytes: int = LARGEST_ANSWER,
    ) -> HttpAnswer:
        """One question and its whole answer; redirects are answers too. Raises `NoAnswer` and `ForbiddenAddress`.

        The body is `json`, a URL-encoded `form`, or `files` in parts.
        """
        request = _request(method, url, headers=_headers(headers), json=json, params=params, data=form, files=files)
        return await self._whole(request, home, deadline_s, limit_bytes)

    async def send_file(
        self,
        url: str,
        source: Path,
        *,
        home: str,
        headers: Mapping[str, str],
        method: str = "PUT",
        deadline_s: float = UPLOAD_S,
    ) -> HttpAnswer:
        """Send a local file as the whole body, from the disk, with exactly these headers and its length."""
        size = str((await asyncio.to_thread(source.stat)).st_size)
        complete = {"User-Agent": USER_AGENT, **headers, "Content-Length": size}
        request = _request(method, url, headers=complete, content=_pieces(source))
        return await self._whole(request, home, deadline_s, LARGEST_ANSWER)

    @asynccontextmanager
    async def stream(
        self, url: str, *, home: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """A GET whose body the caller reads, and bounds, by itself. Raises `NoAnswer` and `ForbiddenAddress`.

        What the caller raises within (its disk is full) passes as it is.
        """
        request = _request("GET", url, headers=_headers(headers))
        with _as_no_answer():
            response = await self._pool(request, home).handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream)
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection; used again, it opens new ones."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def _whole(self, request: httpx.Request, home: str, deadline_s: float, limit_bytes: int) -> HttpAnswer:
        with _as_no_answer():
            async with asyncio.timeout(deadline_s):
                # The transport itself, not httpx's client around it: no cookies, no redirects, no environment, and a
                # third of the CPU of a poll saved.
                response = await self._pool(request, home).handle_async_request(request)
                try:
                    body = bytearray()
                    async for piece in response.aiter_bytes():
                        body += piece
                        if len(body) > limit_bytes:
                            raise TooLarge("the answer is too large")
                finally:
                    await response.aclose()
        return HttpAnswer(response.status_code, _lowered(response.headers), bytes(body))

    def _pool(self, request: httpx.Request, home: str) -> _Pool:
        url = request.url
        is_home = require_allowed(str(url), home)
        proxy = proxy_for(url.host, url.port or 443) if url.scheme == "https" else None
        if (is_home, proxy) not in self._pools:
            self._pools[is_home, proxy] = _Pool(is_home=is_home, proxy=proxy)
        return self._pools[is_home, proxy]


class _Pool(AiohttpTransport):
    """httpx's requests on aiohttp's sockets. An address leaves as it was written: a signature may cover its spelling."""

    def __init__(self, *, is_home: bool, proxy: Proxy | None) -> None:
        super().__init__(verify=client_context(), client=self._open)
        self._is_home = is_home
        self._via = proxy
        self._via_headers = {"Proxy-Authorization": proxy.authorization} if proxy and proxy.authorization else None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        body: bytes | httpx.SyncByteStream | httpx.AsyncByteStream | None
        try:
            body = request.content or None
        except httpx.RequestNotRead:
            body = request.stream
        limits = request.extensions["timeout"]
        with map_aiohttp_exceptions():
            response = await self.client.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers,
                data=body,
                allow_redirects=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(sock_connect=limits["connect"], sock_read=limits["read"]),
                proxy=self._via.url if self._via else None,
                proxy_headers=self._via_headers,
            )
        stream = AiohttpResponseStream(response)
        return httpx.Response(response.status, headers=response.raw_headers, stream=stream, request=request)

    def _open(self) -> aiohttp.ClientSession:
        # Through a proxy only its own name is resolved here, and that is the operator's word.
        resolver = None if self._is_home or self._via is not None else GuardedResolver()
        connector = aiohttp.TCPConnector(
            ssl=client_context(), limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S, resolver=resolver
        )
        # Without `trust_env`: it would look for passwords in ~/.netrc, in a thread, at every request.
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_PIECE,
            # A signed upload is refused for a header that its address does not know.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )


_TIMEOUTS: Final = {"timeout": {"connect": CONNECT_S, "read": READ_S, "pool": None, "write": None}}


_parsed = lru_cache(4096)(httpx.URL)
"""Polls ask the same addresses again and again, and reading one costs as much as sending it."""


_ONCE_ONLY: Final = ("/interactions/", "/webhooks/", "/upload/", "/actions/", "/commands/")
"""Addresses with a token in them: each is asked a few times and never again, and is better not remembered."""


def _address(url: str) -> httpx.URL:
    return httpx.URL(url) if any(part in url for part in _ONCE_ONLY) else _parsed(url)


def _request(method: str, url: str, *, headers: Mapping[str, str], **more: Any) -> httpx.Request:
    """`ForbiddenAddress` for an address that is none, `NoAnswer` for a header that cannot be sent."""
    try:
        return httpx.Request(method, _address(url), headers=_once(headers), extensions=_TIMEOUTS, **more)
    except httpx.InvalidURL as error:
        raise ForbiddenAddress("The address cannot be read.") from error
    except ValueError as error:
        raise NoAnswer("the request cannot be written") from error


def _once(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every header once, however its name is written: the last one counts."""
    return list({name.lower(): (name, value) for name, value in headers.items()}.values())


def _headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate", **(headers or {})}


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.multi_items()}


class _Body(httpx.AsyncByteStream):
    """A body as it comes; what breaks it is `NoAnswer`."""

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        if isinstance(inner, AiohttpResponseStream):
            # Large pieces: a clip in pieces of 16 KiB costs three times the CPU.
            inner.CHUNK_SIZE = _PIECE
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_no_answer():
            async for piece in self._inner:
                yield piece

    async def aclose(self) -> None:
        # A connection that does not close politely is closed all the same.
        with suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
            await self._inner.aclose()


async def _pieces(source: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(source.open, "rb", 0) as file:
        while piece := await asyncio.to_thread(file.read, _SENT_PIECE):
            yield piece


class _as_no_answer:  # noqa: N801  reads as what it does: a context manager without the cost of a generator
    """Whatever a library raises for a request that got no complete answer becomes `NoAnswer`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # httpx-aiohttp calls a refused connection and a hang-up timeouts; what it was made from says which it was.
        match error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error:
            case None | NoAnswer() | ForbiddenAddress():
                return
            case TimeoutError() | httpx.TimeoutException():
                raise NoAnswer("no answer in time") from error
            case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError() | aiohttp.InvalidURL():
                raise NotConnected("the connection could not be opened") from error
            case httpx.HTTPError() | aiohttp.ClientError() | OSError() | EOFError():
                raise NoAnswer("the connection broke off") from error
            case ValueError():
                raise NoAnswer("the request cannot be written") from error
