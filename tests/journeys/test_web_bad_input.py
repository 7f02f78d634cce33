"""What no browser sends: over raw sockets, against a real `reelbot run`. Whatever comes, the log stays calm and it answers on."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from adapters.chat.web.body_limit import BodyLimit
from adapters.chat.web.listening import serve_app
from tests.browser.sites import API, Site, a_site, picture
from tests.patience import PATIENCE_S

BOUNDARY = "a-boundary-of-this-test"
LIMIT_MB = 2
OPEN_PAGES = (
    "/",
    "/gallery",
    "/history",
    "/quota",
    "/tokens",
    "/admin",
    "/admin/people",
    "/admin/doctor",
    f"{API}/jobs",
)
POSTS = (
    "/studio/jobs", "/jobs/{job}/cancel", "/jobs/{job}/resend", "/jobs/{job}/again", "/jobs/{job}/loop",
    "/jobs/{job}/edit", "/jobs/{job}/extend", "/jobs/{job}/frame", "/jobs/{job}/delete", "/jobs/{job}/start", "/tokens",
    "/tokens/x/revoke", "/admin/workspaces", "/admin/limits", "/admin/people/block", "/admin/people/role", "/admin/tokens",
    "/admin/providers/pause", "/admin/decisions/{job}/resolve", "/admin/decisions/{job}/delete", "/sign-out",
    f"{API}/jobs", f"{API}/jobs/{{job}}/cancel", f"{API}/jobs/{{job}}/again", f"{API}/tokens",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server that takes two megabytes at most."""
    env = {"REELBOT_WEB__MAX_UPLOAD_MB": str(LIMIT_MB), "REELBOT_LIMITS__USER_DAILY_JOBS": "60"}
    with a_site(tmp_path_factory.mktemp("bad"), env=env) as found:
        yield found


@pytest.fixture(scope="module")
def job(site: Site) -> str:
    """A finished clip of the operator's."""
    return site.made("a clip to ask for in odd ways")


@pytest.fixture(autouse=True)
def calm(site: Site) -> Iterator[None]:
    """After each: it lives, nothing half-kept lies about, and the log says nothing of a fault."""
    kept = files(site)
    yield
    assert site.client.get("/livez").status_code == 200
    site.until(lambda: files(site) - kept, lambda new: not new)
    site.require_calm()


def files(site: Site) -> set[Path]:
    """What lies where half-kept things would."""
    folders = (site.data / "scratch", site.data / "media" / "incoming")
    return {path for folder in folders for path in folder.rglob("*")}


def said(site: Site, raw: bytes, *, hang_up: bool = False, seconds: float = 15) -> tuple[int | None, bytes]:
    """Send these bytes, and read to the end; the status, and everything. With `hang_up` nobody stays for an answer."""
    at = urlsplit(site.address)
    with socket.create_connection((at.hostname, at.port), timeout=seconds) as connection:
        connection.sendall(raw)
        if hang_up:
            return None, b""
        answer = b""
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionResetError:
            pass
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"0"
    return int(status), answer


def request(site: Site, start: str, *headers: str, body: bytes = b"", host: bool = True) -> bytes:
    """A request as bytes, the connection closed after it."""
    lines = [f"{start} HTTP/1.1", *([f"Host: {urlsplit(site.address).netloc}"] if host else []), "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def form(
    *, prompt: bytes = b"zoom in", image: bytes | None = None, name: bytes = b"lake.png", more: bytes = b""
) -> bytes:
    """A form with a picture, byte for byte."""
    edge = b"--" + BOUNDARY.encode()
    return b"".join(
        [
            edge, b'\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n', prompt, b"\r\n",
            edge, b'\r\nContent-Disposition: form-data; name="resolution"\r\n\r\n480p\r\n',
            edge, b'\r\nContent-Disposition: form-data; name="image"; filename="', name, b'"\r\n',
            b"Content-Type: image/png\r\n\r\n", picture() if image is None else image, b"\r\n", more, edge, b"--\r\n",
        ]
    )  # fmt: skip


def posted(site: Site, body: bytes, path: str = f"{API}/jobs", *headers: str) -> tuple[int, dict[str, Any]]:
    """What is answered to a form."""
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    status, answer = said(
        site, request(site, f"POST {path}", kind, f"Content-Length: {len(body)}", *headers, body=body)
    )
    assert status is not None
    _, _, rest = answer.partition(b"\r\n\r\n")
    return status, json.loads(rest) if rest.startswith(b"{") else {}


@pytest.mark.parametrize("path", [f"{API}/jobs", "/studio/jobs"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_an_upload_that_breaks_off_leaves_nothing(site: Site, path: str, share: float) -> None:
    """Whoever hangs up in the middle asked for nothing, and no part of it is kept."""
    before, body = len(site.jobs()), form(image=picture(900, 600))
    head = request(
        site, f"POST {path}", f"Content-Type: multipart/form-data; boundary={BOUNDARY}", f"Content-Length: {len(body)}"
    )

    said(site, head + body[: int(len(body) * share)], hang_up=True)

    assert len(site.jobs()) == before


@pytest.mark.parametrize(
    "body",
    [
        form()[:-40],
        form().replace(BOUNDARY.encode(), b"another"),
        b"",
        b"--" + BOUNDARY.encode(),
        b"\x00" * 1000,
        form(more=(b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n') * 1500),
        form(
            more=(
                b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\ny\r\n'
            )
            * 1500
        ),
        b"--" + BOUNDARY.encode() + b"\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
    ],
    ids=["cut short", "another boundary", "nothing", "one edge", "zeros", "many fields", "many files", "a long header"],
)
@pytest.mark.parametrize("path", [f"{API}/jobs", "/studio/jobs"])
def test_a_form_that_is_none_is_refused(site: Site, path: str, body: bytes) -> None:
    """With a status that says whose fault it is."""
    before = len(site.jobs())

    status, _ = posted(site, body, path)

    assert status in (400, 413, 422)
    assert len(site.jobs()) == before


@pytest.mark.parametrize(
    "lengths",
    [
        ["Content-Length: -1"], ["Content-Length: 1e3"], ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5, 6"],
        ["Content-Length: 99999999999999999999"], ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked, gzip"], ["Transfer-Encoding: cow"], [f"Content-Length: {LIMIT_MB * 1_000_000 + 1}"],
    ],
)  # fmt: skip
def test_a_length_that_lies_is_refused_before_the_body(site: Site, lengths: list[str]) -> None:
    """Nobody smuggles a second request behind the first."""
    hidden = request(site, f"POST {API}/jobs/smuggled/cancel", "Content-Length: 0")

    status, answer = said(site, request(site, f"POST {API}/jobs", *lengths, body=b"0\r\n\r\n" + hidden))

    assert status in (400, 413, 422, 501), answer
    assert b"smuggled" not in answer


@pytest.mark.parametrize("path", [f"{API}/jobs", "/studio/jobs"])
def test_more_than_is_taken_is_refused_although_it_was_not_announced(site: Site, path: str) -> None:
    """Counted as it comes."""
    piece = b"x" * 100_000
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    at = urlsplit(site.address)
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    answer = b""
    with socket.create_connection((at.hostname, at.port), timeout=15) as connection:
        connection.sendall(request(site, f"POST {path}", kind, "Transfer-Encoding: chunked"))
        began = form()[:-60]
        connection.sendall(f"{len(began):x}\r\n".encode() + began + b"\r\n")
        try:
            for _ in range(200):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            answer = connection.recv(65_536)
        except ConnectionResetError:
            # Refused while we were still sending: nobody had to listen to the rest.
            answer = b"HTTP/1.1 413"

    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        (["Host: localhost", "Host: evil.example"], (400,)),
        (["Host: evil.example", "Host: localhost"], (400,)),
        (["Host: localhost, evil.example"], (400, 401, 421)),
        ([], (400,)),
        (["Host: "], (400, 401, 421)),
        (["Host: localhost@evil.example"], (400, 401, 421)),
        (["Host: [::1"], (400, 401, 421)),
        (["Host: 127.0.0.1.evil.example"], (400, 401, 421)),
        (["Host: \u00e9vil"], (400, 401, 421)),
    ],
)
def test_a_host_that_is_not_ours_is_nobody(site: Site, headers: list[str], refused: tuple[int, ...]) -> None:
    """Two names, none, and those that only look like this machine: no sign-in is skipped for them."""
    status, _ = said(site, request(site, f"GET {API}/jobs", *headers, host=False))

    assert status in refused


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: a", "Forwarded: for=a", "Via: 1.1 a", "X-Real-IP: 1.2.3.4"],
)
@pytest.mark.parametrize("path", OPEN_PAGES)
def test_behind_a_proxy_nobody_is_at_this_machine(site: Site, path: str, header: str) -> None:
    """Although it is bound to loopback, and calls itself localhost."""
    status, answer = said(site, request(site, f"GET {path}", header, "Accept: text/html"))

    assert (status, b"/sign-in" in answer) == (401, True) if path.startswith("/api") else (303, True)
    assert b"Set-Cookie" not in answer


@pytest.mark.parametrize("path", POSTS)
def test_another_site_changes_nothing(site: Site, job: str, path: str) -> None:
    """By fetch metadata, and by Origin where there is none; a `null` origin is another one, too."""
    before = site.job(job)
    for header in (
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: https://evil.example",
        "Origin: null",
    ):
        status, _ = said(site, request(site, f"POST {path.format(job=job)}", header, "Content-Length: 0"))
        assert status == 403, header

    assert site.job(job) == before


@pytest.mark.parametrize(
    "start",
    [
        "GET /static/../../../../../../etc/passwd", "GET /static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "GET /static/x/..%2f..%2f..%2fstudio.py", "GET /static/x/%00", "GET /static/x/vendor/../../templates/base.html",
        "GET /static//etc/passwd", "GET /jobs/..%2f..%2freelbot.db", "GET /jobs/../reelbot.db", "GET /jobs/%00",
        "GET /jobs/%2e%2e/poster", "GET /jobs/x%0d%0aSet-Cookie:%20a=b", "GET /media/..%2f..%2fsecret-key",
        "GET /media/%00", f"GET {API}/jobs/..%2f..%2fsecret-key/video", f"GET {API}/jobs/%ff%fe/video",
        f"GET {API}/jobs/{'x' * 5000}", f"GET /jobs/{'x' * 5000}/card", f"GET {API}/jobs/%F0%9F%8E%AC/events",
        "GET /tokens/..%2f/revoke", "GET /admin/../../etc/passwd", "GET //evil.example/", "GET /%2f%2fevil.example/",
        "GET /history?cursor=%00", "GET /history?cursor=s-1", "GET /history?cursor=s99999999999999999999",
        "GET /history?since=0000-00-00", "GET /history?cost_min=1e999", "GET /history?cost_min=NaN", "GET /gallery?cursor=x",
        "GET /history?state=delivered%00", "GET /history?q=%22%22%22", "GET /history?q=*", "GET /history?q=NEAR(",
        f"GET /history?q={'%20OR'.join('a' * 500)}", "GET /history?user=%27%3B--", f"GET {API}/jobs?limit=-1",
        f"GET {API}/jobs?limit=1e9", "GET /studio/options?duration=99999999999999999999", "GET /studio/options?seed=%F0%9F",
        "GET /studio/options?at=%22%3E%3Cscript%3E", "GET /studio/options?model=%00/%00", "GET /sign-in?next=%0d%0aX:%20y",
        "GET /admin/audit?before=-1", "GET /admin/audit?before=99999999999999999999", "GET /admin/spending?span=%00",
        "GET /admin/spending?since=9999-12-31&until=0001-01-01",
    ],
)  # fmt: skip
def test_an_odd_address_leads_nowhere(site: Site, start: str) -> None:
    """Never to a file, never to a fault, and never to another site."""
    status, answer = said(site, request(site, start, "Accept: text/html"))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert status is not None
    assert status < 500, answer[:500]
    for secret in (b"root:", b"SQLite format", b"{% extends"):
        assert secret not in body
    for smuggled in (b"evil.example", b"\nX: y", b"\nSet-Cookie: a=b"):
        assert smuggled not in head
    assert b"<script>" not in body


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW", "get"])
def test_every_method_is_answered(site: Site, job: str, method: str) -> None:
    """Never with a fault; what changes nothing by GET changes nothing by another."""
    before = site.job(job)
    for path in (
        *OPEN_PAGES,
        f"/jobs/{job}",
        f"/jobs/{job}/poster",
        f"{API}/jobs/{job}/video",
        "/livez",
        "/readyz",
        "/metrics",
    ):
        status, answer = said(site, request(site, f"{method} {path}", "Content-Length: 0"))
        assert status is not None
        assert status < 500, (path, answer[:300])
        if method == "HEAD":
            assert not answer.partition(b"\r\n\r\n")[2], path

    assert site.job(job) == before


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-0", 206), ("bytes=-1", 206), ("bytes=5-", 206), ("bytes=0-99999999999999999999", 206),
        ("bytes=99999999999999-", 416), ("bytes=-0", 416), ("bytes=9-1", None), ("bytes=a-b", None), ("items=0-1", None),
        ("bytes=", None), ("bytes=" + ",".join("0-0" for _ in range(2000)), None), ("bytes=--1", None), ("\xff", None),
    ],
)  # fmt: skip
def test_a_range_is_served_or_refused(site: Site, job: str, asked: str, status: int | None) -> None:
    """And never costs more than the clip itself."""
    got, answer = said(site, request(site, f"GET {API}/jobs/{job}/video", f"Range: {asked}"))

    assert got in ((200, 206, 400, 416) if status is None else (status,))
    assert len(answer) <= site.job(job)["output"]["bytes"] + 400_000


@pytest.mark.parametrize("last", ["-1", "0", "1e3", "99999999999999999999", "x", "\x01", "\xff", "1" * 5000])
def test_an_odd_last_event_id_is_read_from_the_beginning_or_refused(site: Site, job: str, last: str) -> None:
    """A stream of a finished job ends by itself."""
    status, _ = said(site, request(site, f"GET {API}/jobs/{job}/events", f"Last-Event-ID: {last}"))

    assert status in (200, 204, 400, 422), "204: nothing came after that one, and nothing will"


@pytest.mark.parametrize(
    "headers",
    [
        ["X: " + "y" * 200_000], [f"X-{number}: y" for number in range(3000)], ["Cookie: reelbot_session=" + "a." * 2000],
        ["Authorization: Bearer " + "x" * 9000], ["Authorization: Basic YTpi"], ["Authorization: Bearer"],
        ["Accept: " + ",".join("a/b;q=0.1" for _ in range(2000))], ["If-None-Match: " + '"x",' * 2000],
        ["Accept-Encoding: gzip;q=x, *;q=nan"], ["If-Modified-Since: yesterday"], ["HX-Request: true", "HX-Current-URL: http://["],
        ["X y: z"], [": z"], ["X:\x00z"],
    ],
    ids=lambda headers: headers[0][:30],
)  # fmt: skip
def test_odd_headers_are_answered(site: Site, headers: list[str]) -> None:
    """Too large ones are refused, senseless ones do no harm."""
    for path in ("/", f"{API}/jobs", "/jobs/nothing"):
        status, answer = said(site, request(site, f"GET {path}", *headers))
        assert status is not None
        assert status < 500, (path, answer[:300])


@pytest.mark.parametrize(
    "prompt",
    [
        b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", "\u202egnp.live".encode(), "\U0001f3ac".encode() * 100, b"\x1b[31mred\x07",
        b"{{7*7}}<script>alert(1)</script>", b"x" * 20_000, b"\r\n\r\n", b"--seed 99999999999999999999999", b"--seed \xd9\xa3",
        b"--model " + b"../" * 50, b"=cmd|'/c calc'!A0",
    ],
    ids=lambda prompt: ascii(prompt[:12]),
)  # fmt: skip
def test_an_odd_prompt_is_taken_or_refused_in_words(site: Site, prompt: bytes) -> None:
    """And is text wherever it is shown afterwards."""
    status, answer = posted(site, form(prompt=prompt))

    assert status in (202, 400, 422), answer
    if status == 202:
        page = site.client.get(f"/jobs/{answer['id']}").text
        assert "<script>alert" not in page
        assert "49" not in page.partition("<h1")[2].partition("</h1>")[0]
        assert "\x00" not in page
        assert "\x1b" not in page
        site.client.post(f"{API}/jobs/{answer['id']}/cancel")


@pytest.mark.parametrize(
    "name",
    [
        b"../../../../tmp/owned.png", b"/etc/passwd", b"C:\\x.png", b"a\x00.png", b"x" * 5000 + b".png", b"<img src=x>.png",
        b"", b".", b"..", "\u202egnp.exe".encode(), b"a\r\nX: y.png", b'a"; name="prompt', b"\xff\xfe.png", b"con.png",
    ],
    ids=lambda name: ascii(name[:12]),
)  # fmt: skip
def test_a_file_name_names_no_file_of_ours(site: Site, name: bytes) -> None:
    """What it is called where it came from decides nothing here."""
    status, answer = posted(site, form(name=name))

    assert status in (202, 400, 422), answer
    assert not Path("/tmp/owned.png").exists()
    assert not [path for path in site.folder.rglob("*") if "owned" in path.name or path.name in ("con.png", "x.png")]
    if status == 202:
        site.client.post(f"{API}/jobs/{answer['id']}/cancel")


@pytest.mark.parametrize(
    "image",
    [b"", b"not a picture", b"GIF89a", picture()[:200], picture() + b"<script>", b"%PDF-1.4", b"PK\x03\x04" * 99,
     b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', b"\x00\x00\x00\x20ftypavif" + b"\x00" * 200],
    ids=lambda image: ascii(image[:12]),
)  # fmt: skip
def test_what_is_no_picture_is_refused_and_not_kept(site: Site, image: bytes) -> None:
    """By what it holds, and not by what it calls itself."""
    before = {path for path in (site.data / "media").rglob("*") if path.is_file()}

    status, answer = posted(site, form(image=image))

    if image.startswith(picture()):
        # A whole picture with something behind it: the picture is used, what came behind it goes nowhere.
        assert status == 202
        site.client.post(f"{API}/jobs/{answer['id']}/cancel")
    else:
        assert (status, answer["code"]) == (422, "bad_input") if image else status == 422
        assert {path for path in (site.data / "media").rglob("*") if path.is_file()} <= before


def test_somebody_elses_job_is_not_there(site: Site, job: str) -> None:
    """Whatever is asked of it: the same 404 as for one there is not."""
    made = site.client.post(f"{API}/tokens", json={"user": "mallory", "scopes": ["jobs:write"]}).json()
    mallory = {"Authorization": f"Bearer {made['token']}"}
    gets = ("", "/card", "/poster", "/picture", "/edit", "/extend", "/frame", "/delete", "/options?relation=edit")
    asked = [("GET", f"/jobs/{{}}{path}") for path in gets]
    asked += [("POST", path.replace("{job}", "{}")) for path in POSTS if path.startswith("/jobs/")]
    asked += [("GET", f"{API}/jobs/{{}}{path}") for path in ("", "/events", "/video", "/part")]
    asked += [("POST", f"{API}/jobs/{{}}/{path}") for path in ("cancel", "confirm", "resend")] + [
        ("DELETE", f"{API}/jobs/{{}}")
    ]

    for method, path in asked:
        theirs, none = (
            site.client.request(method, path.format(job_id), headers=mallory) for job_id in (job, "01-nothing")
        )
        assert (theirs.status_code, none.status_code) == (404, 404), path
        assert theirs.text.replace(job, "01-nothing") == none.text, path

    assert site.client.get(f"{API}/jobs", headers=mallory).json()["jobs"] == []
    assert site.client.get(f"{API}/jobs", params={"user": "api:admin"}, headers=mallory).status_code == 403
    assert site.job(job)["state"] == "delivered"


def test_a_hundred_at_once_are_each_taken_once_or_refused(site: Site) -> None:
    """As many rows as were accepted, and nobody is told of a locked database."""
    with site.paused():
        before = {each["id"] for each in site.jobs()}
        with httpx.Client(base_url=site.address, timeout=120, limits=httpx.Limits(max_connections=100)) as client:

            def ask(number: int) -> httpx.Response:
                files = {"image": ("lake.png", picture(), "image/png")}
                fields = {"prompt": f"number {number}", "resolution": "480p"}
                return client.post(
                    f"{API}/jobs", files=files, data=fields, headers={"Idempotency-Key": f"key {number % 50}"}
                )

            with ThreadPoolExecutor(100) as crowd:
                answers = list(crowd.map(ask, range(100)))

        found = [answer.status_code for answer in answers]
        taken = {answer.json()["id"] for answer in answers if answer.status_code == 202}
        # The same key with other words is another request: refused; so is what is above the limit of the day.
        assert set(found) <= {202, 422, 429}
        assert 0 < len(taken) <= 50
        assert {each["id"] for each in site.jobs()} - before == taken
        for job_id in taken:
            site.client.post(f"{API}/jobs/{job_id}/cancel").raise_for_status()
        for job_id in taken:
            site.wait(job_id, "cancelled", "failed")


def test_two_hundred_half_requests_keep_nobody_out(site: Site) -> None:
    """Connections that never say what they want hold no place that others need."""
    at = urlsplit(site.address)
    idle = [socket.create_connection((at.hostname, at.port), timeout=10) for _ in range(200)]
    try:
        for connection in idle:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")

        assert site.client.get(f"{API}/jobs").status_code == 200
    finally:
        for connection in idle:
            connection.close()


async def test_who_drips_is_let_go_over_a_real_socket() -> None:
    """408, and the connection is closed although the rest never came."""

    app = FastAPI()
    app.add_middleware(BodyLimit, limit_bytes=1_000_000, quiet_s=0.2)

    @app.post("/")
    async def reading(request: Request) -> Response:
        return Response(str(len(await request.body())))

    async with serve_app(app, "127.0.0.1", 0) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 408")
