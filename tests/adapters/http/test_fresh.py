"""One connection for one paid request: what happened on it decides whether money may have been spent."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from adapters.http import fresh
from adapters.http.answer import HttpAnswer, NoAnswer, TooLarge
from adapters.http.fresh import open_fresh
from bot.errors import NotSent
from tests.adapters.conftest import Authority
from tests.adapters.http.servers import Server, Talk, a_server, a_talker, chunked, read_request, said

pytestmark = pytest.mark.usefixtures("no_proxies")

BODY = b'{"prompt":"slow dolly-in"}'
KEY = {"Authorization": "Bearer the-key", "Content-Type": "application/json"}


async def pay(url: str, headers: dict[str, str] = KEY, body: bytes = BODY) -> HttpAnswer:
    async with open_fresh(url) as connection:
        return await connection.send("POST", headers, body)


def hears_and_says(*answers: bytes, hang_up: bool = True) -> Talk:
    """Reads one request whole, then says this."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for answer in answers:
            writer.write(answer)
            await writer.drain()
        if not hang_up:
            await asyncio.Event().wait()

    return talk


# --- what leaves -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_secure", [False, True])
async def test_nothing_leaves_before_it_is_sent(authority: Authority, is_secure: bool) -> None:
    first = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first.set_result(await reader.read(1))
        writer.write(said())

    async with a_talker(talk, tls=authority.server() if is_secure else None) as server, open_fresh(server.url) as open_:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(first), 0.05)
        await open_.send("POST", KEY, BODY)

    assert await first == b"P"
    assert server.connections == 1


@pytest.mark.parametrize("size", [0, 26, 300_000])
async def test_the_whole_request_leaves_in_one_write(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    written: list[bytes] = []
    write = asyncio.StreamWriter.write
    async with a_server(lambda _: said()) as server, open_fresh(server.url) as connection:
        monkeypatch.setattr(
            connection._writer, "write", lambda data: (written.append(data), write(connection._writer, data))
        )
        await connection.send("POST", KEY, b"x" * size)

    assert len(written) == 1
    assert server.heard[0].body == b"x" * size


async def test_nothing_is_awaited_between_the_call_and_the_write() -> None:
    """Whoever checked something right before calling can rely on it: nobody else ran in between."""
    async with a_server(lambda _: said()) as server, open_fresh(server.url) as connection:
        sending = connection.send("POST", KEY, BODY)
        written: list[bytes] = []
        connection._writer.write = written.append  # type: ignore[method-assign]
        sending.send(None)
        sending.close()

    assert len(written) == 1


async def test_the_request_is_what_was_asked_for_and_little_else() -> None:
    async with a_server(lambda _: said()) as server:
        await pay(f"{server.url}/api/v3/model?webhook=https%3A%2F%2Fbot.example.net%2Fx")

    heard = server.heard[0]
    assert (heard.method, heard.target) == ("POST", "/api/v3/model?webhook=https%3A%2F%2Fbot.example.net%2Fx")
    assert heard.body == BODY
    assert {name.lower(): value for name, value in heard.headers} == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": "26",
        "authorization": "Bearer the-key",
        "content-type": "application/json",
    }


async def test_another_target_may_be_named_at_the_same_host() -> None:
    async with a_server(lambda _: said()) as server:
        async with open_fresh(f"{server.url}/elsewhere?x=1") as connection:
            await connection.send("POST", KEY, BODY, target="/v1/prediction/")
        async with open_fresh(server.url) as connection:
            await connection.send("POST", KEY, BODY)

    assert server.requests() == ["POST /v1/prediction/", "POST /"]


async def test_a_user_name_in_the_address_is_not_sent() -> None:
    async with a_server(lambda _: said()) as server:
        await pay(server.url.replace("//", "//somebody:secret@"))

    assert b"secret" not in repr(server.heard[0]).encode()
    assert server.heard[0].header("host") == f"127.0.0.1:{server.port}"


async def test_leaving_closes_the_connection_used_or_not() -> None:
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            pass
        ended.set()

    async with a_talker(talk) as server:
        async with open_fresh(server.url):
            pass
        await ended.wait()


async def test_a_connection_is_good_for_one_request() -> None:
    async with a_server(lambda _: said()) as server, open_fresh(server.url) as connection:
        await connection.send("POST", KEY, BODY)
        with pytest.raises(RuntimeError, match="one request"):
            await connection.send("POST", KEY, BODY)

    assert len(server.heard) == 1


async def test_a_connection_is_good_for_one_request_even_if_it_failed() -> None:
    async with a_server(lambda _: said()) as server, open_fresh(server.url) as connection:
        with pytest.raises(NotSent):
            await connection.send("POST", {"X": "a\r\nb"}, BODY)
        with pytest.raises(RuntimeError, match="one request"):
            await connection.send("POST", KEY, BODY)

    assert server.heard == []


# --- provably not sent -----------------------------------------------------------------------------------------------


async def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent, match="could not be opened"):
            await pay(f"http://127.0.0.1:{taken.getsockname()[1]}")


async def test_an_unknown_name_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)

    with pytest.raises(NotSent, match="Name or service not known"):
        await pay("https://api.example.net/v1")


@pytest.mark.parametrize(
    "url", ["ftp://api.example.net", "api.example.net", "", "https://[::1", "https://host:99999/", f"https://{'a' * 70}.example/",
            "https://a..example/"],
)  # fmt: skip
async def test_an_address_that_is_none_sent_nothing(url: str) -> None:
    with pytest.raises(NotSent):
        await pay(url)


async def test_a_certificate_of_a_stranger_sent_nothing(authority: Authority, tmp_path) -> None:
    stranger = Authority(tmp_path / "stranger.pem")

    await _expect_nothing_heard(stranger.server(), "https://127.0.0.1", match="certificate")


async def test_a_certificate_for_another_name_sent_nothing(authority: Authority) -> None:
    await _expect_nothing_heard(authority.server("other.example.net"), "https://127.0.0.1")
    await _expect_nothing_heard(authority.server("127.0.0.1"), "https://localhost")


async def test_an_expired_certificate_sent_nothing(authority: Authority) -> None:
    expired = authority.server("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))

    await _expect_nothing_heard(expired, "https://127.0.0.1", match="expired")


async def _expect_nothing_heard(context: ssl.SSLContext, url: str, match: str = "could not be opened") -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    async with a_talker(talk, tls=context) as server:
        with pytest.raises(NotSent, match=match):
            await pay(f"{url}:{server.port}")

    assert b"".join(heard) == b""


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28"])
async def test_a_handshake_that_fails_sent_nothing(authority: Authority, greeting: bytes) -> None:
    """It hangs up, speaks plain HTTP, or sends an alert."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10_000))
        writer.write(greeting)
        await writer.drain()

    async with a_talker(talk) as server:
        with pytest.raises(NotSent, match="could not be opened"):
            await pay(f"https://127.0.0.1:{server.port}")

    assert b"the-key" not in b"".join(heard)


async def test_a_handshake_that_takes_too_long_sent_nothing(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "CONNECT_S", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with a_talker(silent) as server:
        with pytest.raises(NotSent, match="in time"):
            await pay(f"https://127.0.0.1:{server.port}")


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("how", ["close", "abort", "speak", "speak and close"])
async def test_whoever_leaves_or_speaks_before_the_first_byte_got_nothing(
    authority: Authority, how: str, is_secure: bool
) -> None:
    """A balancer closes idle connections, some say 408 first: that is no answer to what was not asked."""
    heard: list[bytes] = []
    done = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "speak" in how:
            writer.write(said(b'{"predictionID":"nobody"}', status=408))
            await writer.drain()
        if how == "abort":
            writer.transport.abort()
        elif "close" in how:
            writer.close()
        done.set()
        if how == "speak":
            heard.append(await reader.read())

    tls = authority.server() if is_secure else None
    async with a_talker(talk, tls=tls) as server, open_fresh(server.url) as connection:
        await done.wait()
        for _ in range(5000):  # until it has come over here
            if connection._reader.heard or connection._reader.exception():
                break
            await asyncio.sleep(0.001)
        with pytest.raises(NotSent, match="before anything was sent"):
            await connection.send("POST", KEY, BODY)

    assert b"".join(heard) == b""


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer key\n"}, {"Authorization": "Bearer kéy€"}, {"Bad name": "x"}, {"X": "a\0b"},
                {"Content-Length": "many"}],
)  # fmt: skip
async def test_a_request_that_cannot_be_written_down_was_not_sent(headers: dict[str, str]) -> None:
    """A key pasted with its line break must not leave every job unconfirmed."""
    async with a_server(lambda _: said()) as server:
        with pytest.raises(NotSent):
            await pay(server.url, headers)
        async with open_fresh(server.url) as connection:
            with pytest.raises(NotSent):
                await connection.send("POST", KEY, BODY, target="/with space and ümlaut")

    assert server.heard == []


async def test_an_address_with_an_international_name_can_be_paid_at(monkeypatch: pytest.MonkeyPatch) -> None:
    known = socket.getaddrinfo

    def here(host: str, *more: object, **other: object) -> object:
        assert host in ("xn--bcher-kva.example", b"xn--bcher-kva.example", "127.0.0.1")
        return known("127.0.0.1", *more, **other)  # type: ignore[arg-type]

    async with a_server(lambda _: said()) as server:
        monkeypatch.setattr(socket, "getaddrinfo", here)
        await pay(f"http://bücher.example:{server.port}/v1")

    assert server.heard[0].header("host") == f"xn--bcher-kva.example:{server.port}"


# --- sent, and nobody knows ------------------------------------------------------------------------------------------

CUT_SHORT = {
    "nothing at all": b"",
    "half a status line": b"HTTP/1.1 20",
    "half of the headers": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "half of the body": said(b'{"id":', length=20),
    "an interim answer only": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a chunk without its end": chunked(b'{"id":"x"}', ending=b""),
    "half a chunk": chunked(ending=b"10\r\n{}"),
}
NOT_HTTP = {
    "a mail server": b"220 mail.example.net ESMTP\r\n",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "rubbish": b"\x00\xff" * 500 + b"\r\n\r\n",
    "a status that is none": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "two lengths": said(b"{}", content_length="2, 3"),
    "a chunk without a size": chunked(ending=b"zz\r\n"),
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X-Padding: " + b"x" * 200_000,
}


@pytest.mark.parametrize("answer", [pytest.param(v, id=k) for k, v in (CUT_SHORT | NOT_HTTP).items()])
async def test_an_answer_that_is_not_whole_is_none(answer: bytes) -> None:
    async with a_talker(hears_and_says(answer)) as server:
        with pytest.raises(NoAnswer) as raised:
            await pay(server.url)

    assert server.connections == 1
    assert not any(secret in str(raised.value) for secret in ("the-key", "127.0.0.1", "dolly"))


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\n", said(b'{"id":', length=20)])
async def test_a_connection_that_breaks_after_the_first_byte_leaves_nobody_knowing(
    authority: Authority, is_secure: bool, before: bytes
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(before)
        await writer.drain()
        writer.transport.abort()

    async with a_talker(talk, tls=authority.server() if is_secure else None) as server:
        with pytest.raises(NoAnswer):
            await pay(server.url)

    assert server.connections == 1


async def test_a_reset_in_the_middle_of_the_request_leaves_nobody_knowing() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.transport.abort()

    async with a_talker(talk) as server:
        with pytest.raises(NoAnswer):
            await pay(server.url, body=b"x" * 5_000_000)

    assert server.connections == 1


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", said(b'{"id":', length=20)])
async def test_an_answer_that_does_not_come_in_time_is_none(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    monkeypatch.setattr(fresh, "ANSWER_S", 0.1)

    async with a_talker(hears_and_says(before, hang_up=False)) as server:
        with pytest.raises(NoAnswer, match="in time"):
            await pay(server.url)

    assert server.connections == 1


@pytest.mark.parametrize(
    "answer", [said(b"x" * 1001), chunked(b"x" * 500, b"x" * 501), b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001],
    ids=["announced", "in chunks", "until it hangs up"],
)  # fmt: skip
async def test_an_answer_that_is_too_large_is_none(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(fresh, "LARGEST_ANSWER", 1000)

    async with a_talker(hears_and_says(answer)) as server:
        with pytest.raises(TooLarge):
            await pay(server.url)


# --- answers ---------------------------------------------------------------------------------------------------------

ID = b'{"predictionID":"0b6e1c52"}'


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(said(ID), id="with a length"),
        pytest.param(chunked(ID[:5], ID[5:]), id="in chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + ID, id="until it hangs up"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + ID, id="of an old server"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + said(ID), id="after an interim one"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3 + said(ID), id="after early hints"),
        pytest.param(said(gzip.compress(ID), content_encoding="gzip"), id="compressed"),
        pytest.param(said(gzip.compress(ID), content_encoding="X-GZip"), id="compressed under its old name"),
        pytest.param(said(zlib.compress(ID), content_encoding="deflate"), id="deflated"),
        pytest.param(chunked(ID) + b"HTTP/1.1 500 And more\r\n\r\n", id="and more than was asked for"),
    ],
)
async def test_a_whole_answer_is_understood(answer: bytes) -> None:
    async with a_talker(hears_and_says(answer)) as server:
        found = await pay(server.url)

    assert (found.status, found.object()) == (200, {"predictionID": "0b6e1c52"})


async def test_an_answer_byte_by_byte_is_an_answer(authority: Authority) -> None:
    pieces = [bytes([byte]) for byte in said(ID)]

    async with a_talker(hears_and_says(*pieces), tls=authority.server()) as server:
        found = await pay(server.url)

    assert found.object() == json.loads(ID)


@pytest.mark.parametrize("status", [200, 204, 301, 307, 400, 401, 402, 408, 429, 500, 502, 504])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    async with a_server(lambda _: said(b"", status=status, location="/elsewhere")) as server:
        found = await pay(server.url)

    assert found.status == status
    assert len(server.heard) == 1


async def test_header_names_are_lower_case_and_the_last_of_a_name_counts() -> None:
    raw = b"HTTP/1.1 200 OK\r\nRetry-AFTER: 1\r\nContent-Length: 2\r\nretry-after: 2\r\nX-Name: caf\xe9\r\n\r\n{}"

    async with a_talker(hears_and_says(raw)) as server:
        found = await pay(server.url)

    assert (found.headers["retry-after"], found.headers["x-name"]) == ("2", "café")


@pytest.mark.parametrize(
    "packed", [b"no gzip", gzip.compress(ID)[:-6], gzip.compress(b"x" * 5_000_000), b""],
    ids=["rubbish", "cut", "a bomb", "nothing"],
)  # fmt: skip
async def test_what_cannot_be_unpacked_says_nothing(packed: bytes) -> None:
    """It is a whole answer all the same; that it names nothing makes it unconfirmed."""
    async with a_talker(hears_and_says(said(packed, content_encoding="gzip"))) as server:
        found = await pay(server.url)

    assert (found.status, found.body, found.object()) == (200, b"", None)


async def test_a_server_we_vouch_for_is_paid_over_tls(authority: Authority) -> None:
    async with a_server(lambda _: said(ID), tls=authority.server()) as server:
        found = await pay(f"https://localhost:{server.port}/v1")

    assert found.object() == {"predictionID": "0b6e1c52"}
    assert server.heard[0].header("host") == f"localhost:{server.port}"


# --- through the operator's proxy ------------------------------------------------------------------------------------


@asynccontextmanager
async def a_proxy(
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n", *, opens: bool = True
) -> AsyncIterator[Server]:
    """Answers CONNECT with this, and then is a pipe to where it was asked to go."""
    heard: list = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_request(reader)
        heard.append(asked)
        writer.write(answer)
        await writer.drain()
        if not opens or asked is None:
            return
        host, _, port = asked.target.rpartition(":")
        there, back = await asyncio.open_connection(host.strip("[]"), int(port))
        await asyncio.gather(_pipe(reader, back, heard), _pipe(there, writer, []))

    async with a_talker(talk) as server:
        server.heard = heard
        yield server


async def _pipe(source: asyncio.StreamReader, into: asyncio.StreamWriter, copy: list) -> None:
    try:
        while piece := await source.read(65_536):
            copy.append(piece)
            into.write(piece)
    except OSError:
        pass
    into.close()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def through(proxy: str, variable: str = "HTTPS_PROXY", no_proxy: str = "") -> None:
        monkeypatch.setenv(variable, proxy)
        monkeypatch.setenv("NO_PROXY", no_proxy)

    return through


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_a_proxy_opens_a_tunnel_it_cannot_look_into(authority: Authority, through, variable: str) -> None:
    async with a_server(lambda _: said(ID), tls=authority.server()) as server, a_proxy() as proxy:
        through(f"127.0.0.1:{proxy.port}" if variable == "ALL_PROXY" else proxy.url, variable)
        found = await pay(f"{server.url}/v1")

    assert found.object() == {"predictionID": "0b6e1c52"}
    tunnel, *bytes_through = proxy.heard
    assert (tunnel.method, tunnel.target) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert [name for name, _ in tunnel.headers] == ["Host"]
    assert b"the-key" not in b"".join(bytes_through)
    assert server.connections == proxy.connections == 1


async def test_a_proxy_is_given_its_credentials_and_nobody_else(authority: Authority, through) -> None:
    async with a_server(lambda _: said(ID), tls=authority.server()) as server, a_proxy() as proxy:
        through(proxy.url.replace("//", "//ann:p%40ss%3Aword@"))
        await pay(server.url)

    pair = b64encode(b"ann:p@ss:word").decode()
    assert proxy.heard[0].header("proxy-authorization") == f"Basic {pair}"
    assert server.heard[0].header("proxy-authorization") is None


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!!",
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://login.example.net\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"220 not a proxy\r\n",
        b"\x16\x03\x01",
        b"",
    ],
)
async def test_a_proxy_that_does_not_open_a_tunnel_means_not_sent(authority: Authority, through, answer: bytes) -> None:
    """It says no, wants a password, shows a login page, hangs up, or opens one that leads nowhere."""
    async with a_server(lambda _: said(ID), tls=authority.server()) as server, a_proxy(answer, opens=False) as proxy:
        through(proxy.url.replace("//", "//ann:secret@"))
        with pytest.raises(NotSent) as raised:
            await pay(server.url)

    assert "secret" not in str(raised.value)
    assert server.connections == 0
    assert proxy.connections == 1


async def test_a_proxy_that_is_not_there_or_silent_means_not_sent(
    authority: Authority, through, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "CONNECT_S", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with a_server(lambda _: said(ID), tls=authority.server()) as server, a_talker(silent) as proxy:
        through(proxy.url)
        with pytest.raises(NotSent, match="in time"):
            await pay(server.url)

    through(proxy.url)
    with pytest.raises(NotSent):
        await pay("https://api.example.net")


async def test_a_certificate_is_checked_through_a_proxy_too(authority: Authority, through) -> None:
    other = authority.server("other.example.net")
    async with a_server(lambda _: said(ID), tls=other) as server, a_proxy() as proxy:
        through(proxy.url)
        with pytest.raises(NotSent):
            await pay(server.url)

    assert server.heard == []


@pytest.mark.parametrize("exception", ["127.0.0.1", "*", "{host}:{port}", "example.net, 127.0.0.1"])
async def test_whoever_is_named_in_no_proxy_is_spoken_to_directly(
    authority: Authority, through, exception: str
) -> None:
    async with a_server(lambda _: said(ID), tls=authority.server()) as server, a_proxy() as proxy:
        through(proxy.url, no_proxy=exception.format(host=server.host, port=server.port))
        await pay(server.url)

    assert (server.connections, proxy.connections) == (1, 0)


async def test_a_plain_address_is_spoken_to_directly(through) -> None:
    """It is the operator's own, on this machine or beside it."""
    async with a_server(lambda _: said(ID)) as server, a_proxy() as proxy:
        through(proxy.url)
        through(proxy.url, "HTTP_PROXY")
        await pay(server.url)

    assert (server.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize(
    "named", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://[::1", "http://127.0.0.1:port", " "]
)
async def test_a_proxy_we_cannot_speak_to_counts_as_none(authority: Authority, through, named: str) -> None:
    async with a_server(lambda _: said(ID), tls=authority.server()) as server:
        through(named)
        await pay(server.url)

    assert server.connections == 1


async def test_a_tunnel_to_an_address_of_six_is_asked_for_in_brackets(authority: Authority, through) -> None:
    async with a_proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n", opens=False) as proxy:
        through(proxy.url)
        with pytest.raises(NotSent):
            await pay("https://[2606:4700::1111]/v1")

    assert proxy.heard[0].target == proxy.heard[0].header("host") == "[2606:4700::1111]:443"
