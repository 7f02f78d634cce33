"""How much somebody may send, and how slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from adapters.chat.web.body_limit import STRANGERS_BYTES, BodyLimit
from tests.adapters.chat.web.web_house import API, PUBLIC_URL, TOKEN, a_web_house, problem


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads everything and says how much it was."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def sent(pieces: list[bytes], *, pause_s: float = 0.0, announced: bytes | None = None) -> tuple[int, bytes]:
    """What is answered to somebody who is signed in and sends these pieces."""
    left = list(pieces)
    answered: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Any) -> None:
        answered.append(message)

    headers = [] if announced is None else [(b"content-length", announced)]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "state": {"caller": object()}}
    await BodyLimit(reading, limit_bytes=5_000_000, quiet_s=0.05)(scope, receive, send)
    return answered[0]["status"], answered[1].get("body", b"")


async def test_what_fits_passes() -> None:
    """To the byte."""
    assert await sent([b"x" * 2_500_000, b"x" * 2_500_000]) == (200, b"5000000")


@pytest.mark.parametrize(
    ("pieces", "announced"),
    [([b"x" * 2_500_000] * 2 + [b"x"], None), ([b"x"], b"5000001"), ([b"x"], b"-1"), ([b"x"], b"1e9")],
)
async def test_what_is_too_much_is_413(pieces: list[bytes], announced: bytes | None) -> None:
    """By what was announced, and by what really came, whatever was announced."""
    status, body = await sent(pieces, announced=announced)

    assert status == 413
    assert b"too_large" in body


async def test_who_sends_nothing_for_a_while_is_let_go() -> None:
    """408, and the connection with it."""
    status, body = await sent([b"x", b"y"], pause_s=0.5)

    assert status == 408
    assert b"did not arrive" in body


async def test_a_stranger_may_send_little(tmp_path: Path) -> None:
    """Also where no sign-in is needed: what signs in, what a chat and a provider send is small."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        token = "x" * (STRANGERS_BYTES + 1)

        signing_in = await web.client.post("/sign-in", data={"token": token}, headers={"Origin": PUBLIC_URL})
        calling = await web.client.post("/webhooks/judge/x", content=token.encode())
        known = await web.client.post(
            f"{API}/tokens", content=b" " * (STRANGERS_BYTES + 1) + b"{}",
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )  # fmt: skip

    assert [answer.status_code for answer in (signing_in, calling, known)] == [413, 413, 201]
    assert problem(signing_in)["code"] == "too_large"


async def test_a_form_that_is_too_much_or_too_slow_is_said_to_be_so(tmp_path: Path) -> None:
    """Not "cannot be read", whatever reads it; also where its length was not announced."""
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    async def endless() -> AsyncIterator[bytes]:
        yield head
        for _ in range(50):
            yield b"x" * 100_000

    async with a_web_house(tmp_path) as web:
        answer = await web.client.post(f"{API}/jobs", content=endless(), headers=form)

    assert (answer.status_code, problem(answer)["code"]) == (413, "too_large")


async def test_an_upload_that_breaks_off_keeps_nothing(tmp_path: Path) -> None:
    """Neither a row nor a file."""
    async with a_web_house(tmp_path) as web:
        media = web.house.app.data_dir / "media"
        before = sorted(media.rglob("*"))

        async def broken() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + b"x" * 100_000

        answer = await web.client.post(
            f"{API}/jobs", content=broken(), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )

        assert answer.status_code in (400, 422)
        assert sorted(media.rglob("*")) == before
        assert list((web.house.app.data_dir / "scratch").iterdir()) == []
        assert (await web.client.get(f"{API}/jobs")).json()["jobs"] == []
