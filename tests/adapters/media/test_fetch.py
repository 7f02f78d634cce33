"""A paid clip is downloaded completely or not at all, from where it may lie, and nobody learns our keys by it."""

from __future__ import annotations

import asyncio
import errno
import re
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from adapters.http import guard
from adapters.http.client import HttpClient
from adapters.media import fetch as module
from adapters.media.fetch import MOST_BREAKS, MOST_REDIRECTS, HttpFetcher
from bot.errors import DiskFull, ProviderUnavailable, ResultGone
from tests.adapters.conftest import Authority
from tests.adapters.http.servers import Cut, Heard, Names, Server, a_server, chunked, said
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.usefixtures("no_proxies")

CLIP = bytes(range(256)) * 400
OTHER = CLIP[::-1] + b"longer"


class Shelf:
    """Where a clip lies: as a server that knows ranges, and breaks off as often as it is told."""

    def __init__(self, clip: bytes = CLIP, etag: str | None = '"v1"') -> None:
        self.clip = clip
        self.etag = etag
        self.cuts: list[int] = []
        """After how many bytes each of the next answers breaks off."""
        self.knows_ranges = True
        self.minds_changes = True
        """Whether it honours `If-Range`."""
        self.asked: list[tuple[str | None, str | None]] = []
        """`Range` and `If-Range` of every request."""

    def __call__(self, heard: Heard) -> bytes:
        wanted, condition = heard.header("range"), heard.header("if-range")
        self.asked.append((wanted, condition))
        found = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        if found and self.knows_ranges and (condition == self.etag or not self.minds_changes):
            return self.part(int(found[1]))
        return self.cut(said(self.clip, content_type="video/mp4", etag=self.etag), len(self.clip))

    def part(self, begin: int) -> bytes:
        if begin >= len(self.clip):
            return said(b"", status=416, content_range=f"bytes */{len(self.clip)}")
        named = f"bytes {begin}-{len(self.clip) - 1}/{len(self.clip)}"
        rest = self.clip[begin:]
        return self.cut(
            said(rest, status=206, content_type="video/mp4", content_range=named, etag=self.etag), len(rest)
        )

    def cut(self, answer: bytes, body: int) -> bytes:
        return Cut(answer[: len(answer) - body + self.cuts.pop(0)]) if self.cuts else answer


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """DNS as the test says; `127.0.0.77` plays a machine on the internet."""
    known = Names(cdn_example_com="127.0.0.77", other_example_com="127.0.0.77")
    monkeypatch.setattr(guard.resolver, "ThreadedResolver", lambda: known)
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.77")
    return known


@pytest.fixture
def into(tmp_path: Path) -> Iterator[Path]:
    """Where the clip goes; afterwards there is the clip or nothing."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder / "clip.mp4"
    assert [path.name for path in folder.iterdir()] in ([], ["clip.mp4"])


async def fetch(http: HttpClient, server: Server, into: Path, path: str = "/clip.mp4") -> bytes:
    await HttpFetcher(http, {"wavespeed": server.url}, FakeClock()).fetch(server.url + path, "wavespeed", into)
    return into.read_bytes()


# --- the whole of it -------------------------------------------------------------------------------------------------


async def test_a_clip_is_copied_and_we_say_little_about_ourselves(http: HttpClient, into: Path) -> None:
    async with a_server(Shelf()) as server:
        assert await fetch(http, server, into, "/clip.mp4?sig=a%2Fb") == CLIP

    heard = server.heard[0]
    assert (heard.method, heard.target) == ("GET", "/clip.mp4?sig=a%2Fb")
    assert heard.header("accept-encoding") == "identity"
    assert {name for name, _ in heard.headers} == {"host", "user-agent", "accept", "accept-encoding"}


@pytest.mark.parametrize("answer", [chunked(CLIP[:999], CLIP[999:]).replace(b"application/json", b"video/mp4"),
                                    Cut(b"HTTP/1.1 200 OK\r\n\r\n" + CLIP),
                                    said(CLIP, content_type="binary/octet-stream"), said(CLIP, content_type=None)])  # fmt: skip
async def test_a_clip_may_come_in_chunks_without_a_length_or_without_a_good_type(
    http: HttpClient, into: Path, answer: bytes
) -> None:
    async with a_server(lambda _: answer) as server:
        assert await fetch(http, server, into) == CLIP


async def test_an_older_copy_is_replaced_only_by_a_whole_one(http: HttpClient, into: Path) -> None:
    into.write_bytes(b"older")
    async with a_server(lambda _: said(b"", status=503)) as server:
        with pytest.raises(ProviderUnavailable):
            await fetch(http, server, into)
        assert into.read_bytes() == b"older"

    async with a_server(Shelf()) as server:
        assert await fetch(http, server, into) == CLIP


# --- going on after a break ------------------------------------------------------------------------------------------


async def test_a_break_is_gone_on_with_where_it_was(http: HttpClient, into: Path) -> None:
    shelf = Shelf()
    shelf.cuts = [10_000, 20_000, 1]
    async with a_server(shelf) as server:
        assert await fetch(http, server, into) == CLIP

    assert shelf.asked == [(None, None), *((f"bytes={begin}-", '"v1"') for begin in (10_000, 30_000, 30_001))]


@pytest.mark.parametrize("etag", [None, 'W/"v1"', "v1", ""])
async def test_without_a_strong_mark_it_begins_anew(http: HttpClient, into: Path, etag: str | None) -> None:
    shelf = Shelf(etag=etag)
    shelf.cuts = [10_000, 20_000]
    async with a_server(shelf) as server:
        assert await fetch(http, server, into) == CLIP

    assert shelf.asked == [(None, None)] * 3


async def test_a_server_without_ranges_sends_all_of_it_again(http: HttpClient, into: Path) -> None:
    shelf = Shelf()
    shelf.knows_ranges = False
    shelf.cuts = [50_000, 10, 70_000]
    async with a_server(shelf) as server:
        assert await fetch(http, server, into) == CLIP


@pytest.mark.parametrize("later", [OTHER, CLIP[:20_000], CLIP[:5]], ids=["another", "shorter", "very short"])
@pytest.mark.parametrize("minds", [True, False])
async def test_two_clips_never_end_up_in_one_file(http: HttpClient, into: Path, later: bytes, minds: bool) -> None:
    """It was replaced between two requests; not every server honours `If-Range`."""
    shelf = Shelf()
    shelf.minds_changes = minds
    shelf.cuts = [10_000]

    def change_after_the_first(heard: Heard) -> bytes:
        said_now = shelf(heard)
        shelf.clip, shelf.etag = later, '"v2"'
        return said_now

    async with a_server(change_after_the_first) as server:
        assert await fetch(http, server, into) == later


@pytest.mark.parametrize("named", ["bytes 9999-102399/102400", "bytes 10001-102399/102400", "bytes */102400", "bytes", "items 10000-102399/102400",
                                   "bytes 10000-102399", "bytes x-y/z", None])  # fmt: skip
async def test_a_part_of_another_place_is_not_taken(http: HttpClient, into: Path, named: str | None) -> None:
    shelf = Shelf()
    shelf.cuts = [10_000]

    def misplace_once(heard: Heard) -> bytes:
        if len(server.heard) == 2:
            return said(CLIP[10_000:], status=206, content_type="video/mp4", content_range=named, etag='"v1"')
        return shelf(heard)

    async with a_server(misplace_once) as server:
        assert await fetch(http, server, into) == CLIP


async def test_a_part_that_is_not_the_rest_is_no_whole_clip(http: HttpClient, into: Path) -> None:
    """Some servers give out no more than so much at once, asked for a range or not."""

    def forty_thousand(heard: Heard) -> bytes:
        begin = int((heard.header("range") or "bytes=0-")[6:-1])
        end = min(begin + 40_000, len(CLIP))
        named = f"bytes {begin}-{end - 1}/{len(CLIP)}"
        return said(CLIP[begin:end], status=206, content_type="video/mp4", content_range=named, etag='"v1"')

    async with a_server(forty_thousand) as server:
        assert await fetch(http, server, into) == CLIP

    assert len(server.heard) == 3


async def test_a_part_without_an_end_in_sight_is_given_up(http: HttpClient, into: Path) -> None:
    part = said(CLIP[:10], status=206, content_type="video/mp4", content_range=f"bytes 0-9/{len(CLIP)}")
    async with a_server(lambda _: part) as server:
        with pytest.raises(ProviderUnavailable, match="only a part"):
            await fetch(http, server, into)

    assert len(server.heard) == MOST_BREAKS + 1


async def test_a_server_that_breaks_off_after_the_last_byte_is_asked_again(http: HttpClient, into: Path) -> None:
    """In chunks the end is told apart from a break; a range behind the end is refused with 416."""
    whole = chunked(CLIP, ending=b"").replace(b"application/json", b'video/mp4\r\netag: "v1"')
    shelf = Shelf()
    async with a_server(lambda heard: Cut(whole) if len(server.heard) == 1 else shelf(heard)) as server:
        assert await fetch(http, server, into) == CLIP

    assert shelf.asked == [(f"bytes={len(CLIP)}-", '"v1"'), (None, None)]


async def test_breaks_without_end_are_given_up_for_now(http: HttpClient, into: Path) -> None:
    shelf = Shelf()
    shelf.cuts = [100] * 50
    async with a_server(shelf) as server:
        with pytest.raises(ProviderUnavailable, match="broke off"):
            await fetch(http, server, into)

    assert len(server.heard) == MOST_BREAKS + 1


async def test_a_server_that_hangs_up_at_once_is_not_asked_again_at_once(http: HttpClient, into: Path) -> None:
    async with a_server(lambda _: Cut(b"")) as server:
        with pytest.raises(ProviderUnavailable, match="broke off"):
            await fetch(http, server, into)

    assert len({heard.target for heard in server.heard}) == 1
    assert len(server.heard) <= 2  # the library below asks a second time


# --- links that do not work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 408, 416, 429, 500, 502, 503])
async def test_a_link_that_does_not_work_may_work_later(http: HttpClient, into: Path, status: int) -> None:
    async with a_server(lambda _: said(b"", status=status, content_type="video/mp4")) as server:
        with pytest.raises(ProviderUnavailable, match=str(status)) as raised:
            await fetch(http, server, into)

    assert raised.value.retry_after_s is None


async def test_whoever_says_when_to_come_back_is_listened_to(http: HttpClient, into: Path) -> None:
    async with a_server(lambda _: said(b"", status=503, retry_after="120")) as server:
        with pytest.raises(ProviderUnavailable) as raised:
            await fetch(http, server, into)

    assert raised.value.retry_after_s == 120


async def test_a_clip_that_is_gone_is_gone(http: HttpClient, into: Path) -> None:
    async with a_server(lambda _: said(b"", status=410)) as server:
        with pytest.raises(ResultGone):
            await fetch(http, server, into)


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "TEXT/plain", "application/json", "application/xml", "application/xhtml+xml"]
)
async def test_a_page_is_no_clip(http: HttpClient, into: Path, kind: str) -> None:
    """A login, an error of a store, a portal: with status 200 all the same."""
    async with a_server(lambda _: said(b"<html>please sign in</html>", content_type=kind)) as server:
        with pytest.raises(ProviderUnavailable, match="something else"):
            await fetch(http, server, into)


@pytest.mark.parametrize("answer", [said(b"", content_type="video/mp4"), chunked(), Cut(b"HTTP/1.1 200 OK\r\n\r\n")])
async def test_nothing_at_all_is_no_clip(http: HttpClient, into: Path, answer: bytes) -> None:
    answer = type(answer)(answer.replace(b"application/json", b"video/mp4"))
    async with a_server(lambda _: answer) as server:
        with pytest.raises(ProviderUnavailable, match="empty"):
            await fetch(http, server, into)


@pytest.mark.parametrize(
    "answer", [said(b"x" * 10, length=10**12, content_type="video/mp4"), said(b"x" * 1001, content_type="video/mp4"),
               chunked(b"x" * 500, b"x" * 501).replace(b"application/json", b"video/mp4"),
               b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001],
    ids=["announced by far", "announced", "in chunks", "until it hangs up"],
)  # fmt: skip
async def test_a_clip_that_is_too_large_is_not_waited_for(
    http: HttpClient, into: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(module, "LARGEST_CLIP", 1000)

    async with a_server(lambda _: answer) as server:
        with pytest.raises(ResultGone, match="larger than"):
            await fetch(http, server, into)


async def test_a_clip_in_parts_is_too_large_as_a_whole(
    http: HttpClient, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_CLIP", len(CLIP) - 1)
    shelf = Shelf()
    shelf.cuts = [60_000]

    def without_a_length(heard: Heard) -> bytes:
        if not shelf.asked:
            shelf(heard)
            return Cut(chunked(CLIP[:60_000], ending=b"").replace(b"application/json", b'video/mp4\r\netag: "v1"'))
        return shelf(heard)

    async with a_server(without_a_length) as server:
        with pytest.raises(ResultGone, match="larger than"):
            await fetch(http, server, into)

    assert len(shelf.asked) == 2


# --- redirects -------------------------------------------------------------------------------------------------------


def moved(to: str | None, status: int = 302) -> bytes:
    return said(b"<html>moved</html>", status=status, content_type="text/html", location=to)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(http: HttpClient, into: Path, status: int) -> None:
    ways = {"/clip.mp4": "/a/b?x=1", "/a/b?x=1": "../c", "/c": "d"}
    shelf = Shelf()
    shelf.cuts = [10_000]

    def lead(heard: Heard) -> bytes:
        return moved(ways[heard.target], status) if heard.target in ways else shelf(heard)

    async with a_server(lead) as server:
        assert await fetch(http, server, into) == CLIP

    assert server.requests() == ["GET /clip.mp4", "GET /a/b?x=1", "GET /c", "GET /d", "GET /d"]


@pytest.mark.parametrize("to", ["/clip.mp4", "/next", None, "", "https://[", "//["])
async def test_redirects_that_lead_nowhere_end(http: HttpClient, into: Path, to: str | None) -> None:
    async with a_server(lambda _: moved(to)) as server:
        with pytest.raises(ProviderUnavailable, match="leads nowhere"):
            await fetch(http, server, into)

    assert len(server.heard) <= MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    "to",
    ["http://cdn.example.com/clip.mp4", "https://10.0.0.1/clip.mp4", "https://127.0.0.1/", "http://127.0.0.1:1/",
     "https://[::1]/", "https://169.254.169.254/latest/meta-data/", "https://2130706433/", "https://0x7f.1/", "file:///etc/passwd",
     "ftp://cdn.example.com/clip.mp4", "data:video/mp4;base64,AAAA", "https://ann:secret@cdn.example.com/", "//10.0.0.1/x",
     "https://host:99999/", "https://\u00e4\u2488.example/"],
)  # fmt: skip
async def test_a_redirect_does_not_lead_into_a_private_network(
    http: HttpClient, names: Names, into: Path, to: str
) -> None:
    async with a_server(lambda _: moved(to.encode().decode("latin-1"))) as server:
        with pytest.raises(ResultGone, match="may not be downloaded") as raised:
            await fetch(http, server, into)

    assert "secret" not in str(raised.value)
    assert names.asked == []


async def test_a_link_itself_does_not_lead_there_either(http: HttpClient, names: Names, into: Path) -> None:
    for provider in ("wavespeed", "nobody"):
        for url in ("http://cdn.example.com/x", "https://10.0.0.1/x", "https://localhost.:1@10.0.0.1/", "", "nonsense"):
            with pytest.raises(ResultGone):
                await HttpFetcher(http, {"wavespeed": "https://api.example.net/v1"}, FakeClock()).fetch(
                    url, provider, into
                )


async def test_a_name_that_leads_into_a_private_network_is_never_connected_to(
    http: HttpClient, names: Names, authority: Authority, into: Path
) -> None:
    names.known["inside.example.com"] = "127.0.0.1"
    async with (
        a_server(Shelf(), tls=authority.server("inside.example.com")) as inside,
        a_server(lambda _: moved(f"https://inside.example.com:{inside.port}/clip.mp4")) as server,
    ):
        with pytest.raises(ProviderUnavailable):
            await fetch(http, server, into)

    assert inside.connections == 0


async def test_a_redirect_may_lead_to_another_public_host_and_our_home_is_left_there(
    http: HttpClient, names: Names, authority: Authority, into: Path
) -> None:
    """From the provider's own plain address to a public one, and from there not back into the private network."""
    shelf = Shelf()
    shelf.cuts = [10_000]
    tls = authority.server("cdn.example.com", "other.example.com")

    def lead(heard: Heard) -> bytes:
        host = heard.header("host") or ""
        return moved(f"https://other.example.com:{public.port}/x") if host.startswith("cdn") else shelf(heard)

    async with (
        a_server(lead, tls=tls, host="127.0.0.77") as public,
        a_server(lambda _: moved(f"https://cdn.example.com:{public.port}/")) as server,
    ):
        assert await fetch(http, server, into) == CLIP

    for heard in [*server.heard, *public.heard]:
        assert not {name for name, _ in heard.headers} & {"authorization", "x-api-key", "cookie", "referer"}


async def test_a_public_host_we_do_not_reach_is_a_passing_trouble(
    http: HttpClient, names: Names, authority: Authority, into: Path
) -> None:
    async with a_server(Shelf(), tls=authority.server("other.example.com"), host="127.0.0.77") as public:
        for to in (
            f"https://cdn.example.com:{public.port}/",
            "https://cdn.example.com:1/",
            "https://nobody.example.com/",
        ):
            async with a_server(lambda _, to=to: moved(to)) as server:
                with pytest.raises(ProviderUnavailable, match="could not be opened"):
                    await fetch(http, server, into)


# --- the disk --------------------------------------------------------------------------------------------------------


async def test_a_disk_that_is_full_is_not_the_providers_trouble(
    http: HttpClient, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def write_all(file: object, piece: bytes) -> None:
        nonlocal written
        written += len(piece)
        if written > 50_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write_all", write_all)
    async with a_server(Shelf()) as server:
        with pytest.raises(DiskFull):
            await fetch(http, server, into)

    assert len(server.heard) == 1


async def test_a_limit_on_the_size_of_files_is_a_full_disk(http: HttpClient, into: Path) -> None:
    """As the system itself says it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with a_server(Shelf()) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
        try:
            with pytest.raises(DiskFull):
                await fetch(http, server, into)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_folder_that_is_gone_is_said_as_it_is(http: HttpClient, tmp_path: Path) -> None:
    async with a_server(Shelf()) as server:
        with pytest.raises(FileNotFoundError):
            await fetch(http, server, tmp_path / "gone" / "clip.mp4")

    assert server.heard == []


@pytest.mark.parametrize("leave", [lambda task: task.cancel(), None])
async def test_whoever_stops_waiting_leaves_nothing_behind(
    http: HttpClient, into: Path, leave: Callable[[asyncio.Task[bytes]], bool] | None
) -> None:
    sent = asyncio.Event()

    async def half(heard: Heard) -> bytes:
        sent.set()
        return said(CLIP[:1000], length=len(CLIP), content_type="video/mp4")

    async with a_server(half) as server:
        task = asyncio.create_task(fetch(http, server, into))
        await sent.wait()
        if leave is not None:
            leave(task)
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await asyncio.wait_for(task, None if leave else 0.05)
