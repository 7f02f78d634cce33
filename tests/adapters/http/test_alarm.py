"""An operator's own address gets each alert as JSON, and nobody learns the address from us."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from adapters.http.alarm import webhook
from adapters.http.client import HttpClient
from bot.alerts import Alert
from bot.errors import ProviderUnavailable
from tests.adapters.http.servers import a_server, said

pytestmark = pytest.mark.usefixtures("no_proxies")

ALERT = Alert(cause="disk.low", sentence="Little is left.", at=datetime(2026, 1, 1, 12, 30, tzinfo=UTC))


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


async def here() -> str | None:
    return "installation-1"


async def test_an_alert_is_a_json_post_of_four_fields(http: HttpClient) -> None:
    """The shape is documented, and any 2xx says that it arrived."""
    async with a_server(lambda _: said(b"", status=204)) as server:
        await webhook(http, server.url + "/hook/SECRETSECRET", here).tell(ALERT)

    request = server.heard[0]
    assert (request.method, request.target) == ("POST", "/hook/SECRETSECRET")
    assert json.loads(request.body) == {
        "cause": "disk.low",
        "sentence": "Little is left.",
        "at": "2026-01-01T12:30:00Z",
        "installation": "installation-1",
    }


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500])
async def test_any_other_answer_is_no_arrival_and_names_no_address(http: HttpClient, status: int) -> None:
    """A redirect is not followed: alerts go where the operator said, and nowhere else."""
    async with a_server(lambda _: said(b"", status=status, location="/elsewhere")) as server:
        with pytest.raises(ProviderUnavailable, match=str(status)) as caught:
            await webhook(http, server.url + "/hook/SECRETSECRET", here).tell(ALERT)

    assert len(server.heard) == 1
    assert "SECRET" not in str(caught.value)


async def test_an_address_that_is_not_there_is_no_arrival(http: HttpClient) -> None:
    """Without a connection nothing arrived, and the reason holds no address."""
    async with a_server(lambda _: said(b"")) as server:
        url = server.url + "/hook/SECRETSECRET"

    with pytest.raises(ProviderUnavailable, match="was not reached") as caught:
        await webhook(http, url, here).tell(ALERT)

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
