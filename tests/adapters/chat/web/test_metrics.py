"""The metrics can be had from a process without a web side, on a port of their own."""

from __future__ import annotations

import socket

import httpx
import pytest

from adapters.chat.web.metrics import metrics_listener
from bot.errors import ConfigurationError
from bot.telemetry.metrics import CONTENT_TYPE
from tests.house import a_house


async def test_a_worker_serves_its_metrics_and_nothing_else(tmp_path):
    """What it counted is there as text that Prometheus reads; every other address is empty."""
    async with (
        a_house(tmp_path) as house,
        metrics_listener(house.app.exposition, house.app.parts, "127.0.0.1", 0) as address,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        await house.run(await house.ask())
        answer = await http.get(address)
        elsewhere = [(await http.get(address.replace("/metrics", path))).status_code for path in ("/", "/api/v1/jobs")]

    assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
    assert 'outcome="delivered"' in answer.text
    assert elsewhere == [404, 404]


async def test_probes_are_answered_there_too(tmp_path):
    """Alive whatever else is wrong; ready only while jobs would be carried out; nothing is told but that."""
    async with (
        a_house(tmp_path) as house,
        metrics_listener(house.app.exposition, house.app.parts, "127.0.0.1", 0) as address,
        httpx.AsyncClient(trust_env=False, base_url=address.removesuffix("/metrics")) as http,
    ):
        alive, idle = await http.get("/livez"), await http.get("/readyz")
        lock = house.app.ground.lock("run")
        lock.acquire()
        ready = await http.get("/readyz")
        lock.release()

    assert alive.json() == {"status": "ok"}
    assert [(each.status_code, each.content) for each in (idle, ready)] == [(503, b""), (200, b"")]


async def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    """It names the setting to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with a_house(tmp_path) as house:
            with pytest.raises(ConfigurationError, match="REELBOT_METRICS__PORT"):
                async with metrics_listener(house.app.exposition, house.app.parts, "127.0.0.1", port):
                    raise AssertionError("it cannot listen there")
