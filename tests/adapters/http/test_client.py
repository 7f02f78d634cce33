"""The client for everything that is free: bounded in time and size, and silent about us wherever it goes."""

from __future__ import annotations

import asyncio
import errno
import gzip
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.http import client as module
from adapters.http import guard, tls
from adapters.http.answer import HttpAnswer, NoAnswer, TooLarge
from adapters.http.client import USER_AGENT, HttpClient
from adapters.http.guard import ForbiddenAddress
from tests.adapters.conftest import Authority
from tests.adapters.http.servers import Names, Server, a_server, a_talker, chunked, read_request, said

pytestmark = pytest.mark.usefixtures("no_proxies")

KEY = {"Authorization": "Bearer the-key"}


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """DNS as the test says; `127.0.0.77` plays a machine on the internet."""
    known = Names()
    monkeypatch.setattr(guard.resolver, "ThreadedResolver", lambda: known)
    really = guard.is_public
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.77" or really(address))
    return known


async def get(http: HttpClient, server: Server, path: str = "/", **more) -> HttpAnswer:
    return await http.ask("GET", server.url + path, home=server.url, **more)


# --- asking ----------------------------------------------------------------------------------------------------------


async def test_a_question_says_who_asks_and_what_we_can_read(http: HttpClient) -> None:
    async with a_server(lambda _: said(b'{"a":[1]}', x_name="x")) as server:
        answer = await get(http, server, "/api?x=1", headers=KEY)

    assert (answer.status, answer.object(), answer.headers["x-name"]) == (200, {"a": [1]}, "x")
    assert {name.lower(): value for name, value in server.heard[0].headers} == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "authorization": "Bearer the-key",
    }
    assert server.requests() == ["GET /api?x=1"]


async def test_bodies_parameters_and_files_are_sent_as_such(http: HttpClient) -> None:
    async with a_server(lambda _: said()) as server:
        await http.ask("POST", f"{server.url}/j", home=server.url, json={"prompt": "ä"})
        await http.ask("GET", f"{server.url}/p", home=server.url, params={"from": "2026-01-01T00:00:00Z", "x": "a&b"})
        await http.ask("POST", f"{server.url}/f", home=server.url, files={"file": ("a.jpg", b"picture", "image/jpeg")})

    posted, asked, filed = server.heard
    assert (posted.body.decode(), posted.header("content-type")) == ('{"prompt":"ä"}', "application/json")
    assert asked.target == "/p?from=2026-01-01T00%3A00%3A00Z&x=a%26b"
    assert asked.header("content-type") is None
    assert filed.header("content-type").startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\npicture\r\n' in filed.body


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(http: HttpClient, status: int) -> None:
    async with a_server(lambda _: said(b"", status=status, location="/elsewhere")) as server:
        answer = await get(http, server, headers=KEY)

    assert answer.status == status
    assert len(server.heard) == 1


async def test_of_repeated_headers_the_last_counts(http: HttpClient) -> None:
    async with a_server(
        lambda _: b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\nretry-after: 2\r\n\r\n"
    ) as server:
        answer = await get(http, server)

    assert answer.headers["retry-after"] == "2"


async def test_no_cookie_is_kept(http: HttpClient) -> None:
    async with a_server(lambda _: said(set_cookie="session=1; Path=/")) as server:
        await get(http, server)
        await get(http, server)

    assert [heard.header("cookie") for heard in server.heard] == [None, None]


async def test_a_key_goes_with_the_question_it_was_given_for_and_no_other(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a question before nor a file of passwords on this machine adds anything."""
    passwords = tmp_path / "netrc"
    passwords.write_text("machine 127.0.0.1 login ann password secret\ndefault login ann password secret\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("NETRC", str(passwords))
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(b"picture")
    async with a_server(lambda _: said()) as server:
        await get(http, server, headers=KEY)
        await get(http, server)
        await http.send_file(f"{server.url}/put", picture, home=server.url, headers={})
        async with http.stream(f"{server.url}/clip", home=server.url) as response:
            await response.aread()

    assert [heard.header("authorization") for heard in server.heard] == ["Bearer the-key", None, None, None]


async def test_many_questions_one_after_another_take_one_connection(http: HttpClient) -> None:
    async with a_server(lambda _: said()) as server:
        for number in range(20):
            await get(http, server, f"/{number}")

    assert server.connections == 1
    assert len(server.heard) == 20


async def test_a_connection_that_was_closed_meanwhile_is_no_trouble(http: HttpClient) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(said(b'{"a":1}'))

    async with a_talker(talk) as server:
        for _ in range(5):
            assert (await get(http, server)).object() == {"a": 1}

    assert server.connections >= 5


async def test_closed_it_opens_again_at_the_next_question(http: HttpClient) -> None:
    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader):
            writer.write(said())
        left.set()

    async with a_talker(talk) as server:
        await get(http, server)
        await http.aclose()
        await left.wait()
        await http.aclose()
        await get(http, server)

    assert server.connections == 2


# --- bounds ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def a_trickle(head: bytes) -> AsyncIterator[Server]:
    """Says `head`, and then a byte now and then, for ever: no single wait is long."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with a_talker(talk) as server:
        yield server


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-Padding:", said(length=10**6), b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["before the answer", "in its headers", "in its body", "in a body without end"],
)  # fmt: skip
async def test_a_trickle_ends_at_the_deadline(http: HttpClient, head: bytes) -> None:
    async with a_trickle(head) as server:
        with pytest.raises(NoAnswer):
            await get(http, server, deadline_s=0.2)


async def test_silence_ends_before_the_deadline(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._TIMEOUTS["timeout"], "read", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with a_talker(silent) as server:
        with pytest.raises(NoAnswer, match="in time"):
            await get(http, server, deadline_s=60)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(said(b"x" * 1001), id="announced"),
        pytest.param(chunked(b"x" * 500, b"x" * 501), id="in chunks"),
        pytest.param(said(gzip.compress(b"x" * 1001), content_encoding="gzip"), id="compressed"),
        pytest.param(said(zlib.compress(b"x" * 1001), content_encoding="deflate"), id="deflated"),
        pytest.param(said(zlib.compress(gzip.compress(b"x" * 1001)), content_encoding="gzip, deflate"), id="twice"),
    ],
)
async def test_more_than_we_take_is_too_large(http: HttpClient, answer: bytes) -> None:
    async with a_server(lambda _: answer) as server:
        with pytest.raises(TooLarge):
            await get(http, server, limit_bytes=1000)


async def test_exactly_what_we_take_is_an_answer(http: HttpClient) -> None:
    async with a_server(lambda _: said(gzip.compress(b"x" * 1000), content_encoding="gzip")) as server:
        assert len((await get(http, server, limit_bytes=1000)).body) == 1000


async def test_a_bomb_is_not_unpacked(http: HttpClient) -> None:
    size = 150_000_000
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)) + packer.flush()
    async with a_server(lambda _: said(bomb, content_encoding="gzip")) as server:
        tracemalloc.start()
        with pytest.raises(TooLarge):
            await get(http, server)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert most < size / 3


# --- no answer -------------------------------------------------------------------------------------------------------


async def test_a_refused_connection_is_no_answer(http: HttpClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/secret"
        with pytest.raises(NoAnswer, match=r"^the connection could not be opened$"):
            await http.ask("GET", url, home=url)


async def test_an_unknown_name_is_no_answer(http: HttpClient, names: Names) -> None:
    with pytest.raises(NoAnswer, match=r"^the connection could not be opened$"):
        await http.ask("GET", "https://nobody.example.com/secret", home="https://api.example.net")


@pytest.mark.parametrize("whose", ["a stranger's", "another name's"])
async def test_a_certificate_we_do_not_believe_is_no_answer(
    http: HttpClient, authority: Authority, tmp_path: Path, whose: str
) -> None:
    stranger = Authority(tmp_path / "stranger.pem")
    context = stranger.server() if whose == "a stranger's" else authority.server("other.example.net")
    async with a_server(lambda _: said(), tls=context) as server:
        with pytest.raises(NoAnswer, match=r"^the connection could not be opened$"):
            await get(http, server, headers=KEY)

    assert server.heard == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Le", said(b"{}", length=10), chunked(b"{}", ending=b""),
     b"220 mail.example.net\r\n", b"\x00\xff" * 100, said(b"no gzip", content_encoding="gzip"),
     said(gzip.compress(b"{}" * 1000)[:-9], content_encoding="gzip", length=1000), chunked(ending=b"zz\r\n")],
)  # fmt: skip
async def test_an_answer_that_breaks_off_or_is_none_is_no_answer(http: HttpClient, answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    async with a_talker(talk) as server:
        with pytest.raises(NoAnswer, match=r"^the connection broke off$"):
            await http.ask("POST", f"{server.url}/secret", home=server.url, json={})


@pytest.mark.parametrize("how", ["ask", "stream", "send_file"])
@pytest.mark.parametrize(
    "url",
    ["", "nowhere", "https://", "https://[::1", "https://1.2.3.999/", "https://x\n.example/", "https://\u2488.example",
     "https://host:99999/", "ftp://cdn.example.net/x", "file:///etc/passwd", "data:video/mp4,x", "https://" + "x" * 70_000,
     "http://cdn.example.net/", "https://127.0.0.1/", "https://2130706433/", "https://ann:secret@cdn.example.net/"],
)  # fmt: skip
async def test_what_others_call_an_address_is_refused_before_anything_opens(
    http: HttpClient, names: Names, tmp_path: Path, url: str, how: str
) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"picture")
    home = "https://api.example.net"
    ways = {
        "ask": lambda: http.ask("GET", url, home=home),
        "send_file": lambda: http.send_file(url, tmp_path / "picture.jpg", home=home, headers={}),
        "stream": lambda: _read_on(http, url, home),
    }
    with pytest.raises(ForbiddenAddress) as raised:
        await ways[how]()

    assert "secret" not in str(raised.value)
    assert names.asked == []


async def _read_on(http: HttpClient, url: str, home: str, each=lambda _: None) -> None:
    async with http.stream(url, home=home) as response:
        async for piece in response.aiter_raw():
            each(piece)


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\0b", "caf\u0301é€"])
async def test_a_header_that_cannot_be_sent_is_no_answer(http: HttpClient, value: str) -> None:
    async with a_server(lambda _: said()) as server:
        with pytest.raises(NoAnswer, match="cannot be written"):
            await get(http, server, headers={"X": value})

    assert server.heard == []


async def test_an_address_leaves_as_it_was_written(http: HttpClient, tmp_path: Path) -> None:
    """Whoever signed it may have signed its spelling."""
    target = (
        "/put%2Fhere/a%20b;v=1/%C3%A4+b?sig=a%2Fb%2Bc%3D&to=x:y/z&e=%7E&%41=~&n=1+2&u=https%3A%2F%2Fbot.example%2Fx"
    )
    (tmp_path / "picture.jpg").write_bytes(b"picture")
    async with a_server(lambda _: said()) as server:
        await get(http, server, target)
        await http.send_file(server.url + target, tmp_path / "picture.jpg", home=server.url, headers={})
        await _read_on(http, server.url + target, server.url)

    assert [heard.target for heard in server.heard] == [target] * 3


# --- handing a file over ---------------------------------------------------------------------------------------------


async def test_a_file_is_put_with_exactly_its_headers_and_its_length(http: HttpClient, tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(bytes(range(256)) * 3000)
    headers = {"Content-Type": "image/jpeg", "x-amz-meta-file-id": "f-1"}
    async with a_server(lambda _: said(b"", status=201)) as server:
        answer = await http.send_file(f"{server.url}/put?sig=a%2Fb+c%3D", picture, home=server.url, headers=headers)

    heard = server.heard[0]
    assert (answer.status, heard.method, heard.target) == (201, "PUT", "/put?sig=a%2Fb+c%3D")
    assert heard.body == picture.read_bytes()
    assert dict(heard.headers) == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": USER_AGENT,
        "content-type": "image/jpeg",
        "x-amz-meta-file-id": "f-1",
        "content-length": "768000",
    }


async def test_a_file_without_headers_is_put_without_a_type(http: HttpClient, tmp_path: Path) -> None:
    """A signature may cover the type; whoever signed without one would refuse ours."""
    (tmp_path / "empty").touch()
    async with a_server(lambda _: said()) as server:
        await http.send_file(server.url, tmp_path / "empty", home=server.url, headers={})

    assert {name.lower() for name, _ in server.heard[0].headers} == {"host", "user-agent", "content-length"}
    assert server.heard[0].body == b""


async def test_a_header_named_twice_is_sent_once_and_the_length_is_ours(http: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"picture")
    theirs = {"Content-Type": "image/jpeg", "content-type": "image/png", "content-length": "99", "USER-AGENT": "theirs"}
    async with a_server(lambda _: said()) as server:
        await http.send_file(server.url, tmp_path / "picture.jpg", home=server.url, headers=theirs)

    heard = server.heard[0]
    assert (heard.header("content-type"), heard.header("content-length")) == ("image/png", "7")
    assert heard.header("user-agent") == "theirs"


async def test_a_large_file_is_never_in_memory_as_a_whole(http: HttpClient, tmp_path: Path) -> None:
    size = 40_000_000
    with (tmp_path / "sound.wav").open("wb") as file:
        file.truncate(size)
    arrived = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        while arrived < size:
            arrived += len(await reader.read(1 << 16))
        writer.write(said())

    async with a_talker(talk) as server:
        tracemalloc.start()
        answer = await http.send_file(server.url, tmp_path / "sound.wav", home=server.url, headers={})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert (answer.status, arrived) == (200, size)
    assert most < size / 5


async def test_an_upload_that_nobody_reads_ends_at_the_deadline(http: HttpClient, tmp_path: Path) -> None:
    with (tmp_path / "sound.wav").open("wb") as file:
        file.truncate(40_000_000)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with a_talker(deaf) as server:
        with pytest.raises(NoAnswer, match="in time"):
            await http.send_file(server.url, tmp_path / "sound.wav", home=server.url, headers={}, deadline_s=0.2)


# --- reading a body piece by piece -----------------------------------------------------------------------------------


async def test_a_body_comes_in_pieces_as_it_was_sent(http: HttpClient) -> None:
    packed = gzip.compress(b"video" * 100_000)
    async with (
        a_server(lambda _: said(packed, content_encoding="gzip")) as server,
        http.stream(server.url, home=server.url) as response,
    ):
        pieces = [piece async for piece in response.aiter_raw()]

    assert b"".join(pieces) == packed
    assert response.status_code == 200


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), TimeoutError("ours"), EOFError("ours"),
                                   ValueError("ours"), KeyError("ours"), asyncio.CancelledError()])  # fmt: skip
async def test_what_the_reader_raises_passes_as_it_is(http: HttpClient, error: BaseException) -> None:
    """A full disk is not a broken connection."""

    def fail(_: bytes) -> None:
        raise error

    async with a_server(lambda _: said(b"x" * 1_000_000)) as server:
        with pytest.raises(type(error)) as raised:
            await _read_on(http, server.url, server.url, fail)

    assert raised.value is error


@pytest.mark.parametrize("answer", [said(b"x" * 100, length=1000), chunked(b"x" * 100, ending=b"")])
async def test_a_body_that_breaks_off_is_no_answer(http: HttpClient, answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    got = bytearray()
    async with a_talker(talk) as server:
        with pytest.raises(NoAnswer, match="broke off"):
            await _read_on(http, server.url, server.url, got.extend)

    assert got == b"x" * 100


async def test_whoever_stops_reading_leaves_no_connection_behind(http: HttpClient) -> None:
    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(said(length=10**9))
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        finally:
            left.set()

    async with a_talker(talk) as server:
        async with http.stream(server.url, home=server.url) as response:
            await anext(response.aiter_raw())
        await left.wait()


# --- the public internet, and the operator's proxy -------------------------------------------------------------------


async def test_a_public_name_is_asked_over_tls(http: HttpClient, names: Names, authority: Authority) -> None:
    names.known["cdn.example.com"] = ["10.0.0.1", "127.0.0.77"]
    async with a_server(
        lambda _: said(b'{"a":1}'), tls=authority.server("cdn.example.com"), host="127.0.0.77"
    ) as server:
        url = f"https://cdn.example.com:{server.port}/clip"
        answer = await http.ask("GET", url, home="https://api.example.net")

    assert answer.object() == {"a": 1}


@pytest.mark.parametrize("is_home", [True, False])
async def test_an_https_proxy_is_used_for_whoever_it_is(
    http: HttpClient, names: Names, authority: Authority, monkeypatch: pytest.MonkeyPatch, is_home: bool
) -> None:
    """It lies in a private network, is the operator's word, and looks up the names itself."""
    async with a_server(lambda _: said(b'{"a":1}'), tls=authority.server("cdn.example.com")) as server:
        heard = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await read_request(reader))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there, back = await asyncio.open_connection("127.0.0.1", server.port)

            async def pipe(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
                while piece := await source.read(65_536):
                    into.write(piece)
                into.close()

            await asyncio.gather(pipe(reader, back), pipe(there, writer))

        async with a_talker(talk) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//ann:p%40ss@"))
            home = "https://cdn.example.com" if is_home else "https://api.example.net"
            answer = await http.ask("GET", "https://cdn.example.com/clip", home=home, headers=KEY)
            with pytest.raises(ForbiddenAddress):
                await http.ask("GET", "https://127.0.0.1/clip", home=home)

    assert answer.object() == {"a": 1}
    assert (heard[0].method, heard[0].target) == ("CONNECT", "cdn.example.com:443")
    assert heard[0].header("proxy-authorization") == "Basic YW5uOnBAc3M="
    assert heard[0].header("authorization") is None
    assert server.heard[0].header("proxy-authorization") is None
    assert names.asked == []


async def test_a_proxy_that_says_no_is_no_answer(
    http: HttpClient, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(lambda _: b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(NoAnswer, match=r"^the connection could not be opened$"):
            await http.ask("GET", "https://api.example.net/x", home="https://api.example.net")


def test_a_system_without_authorities_believes_those_that_come_along(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    tls.client_context.cache_clear()
    try:
        context = tls.client_context()
        assert len(context.get_ca_certs()) > 50
        assert tls.client_context() is context
        assert context.check_hostname
    finally:
        tls.client_context.cache_clear()
