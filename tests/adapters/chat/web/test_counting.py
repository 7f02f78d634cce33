"""Answers are counted by the template of their route, never by the address that was asked for."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import StreamingResponse

from adapters.chat.web.counting import Counting
from bot.telemetry.metrics import Metrics


def counted(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (each.labels["route"], each.labels["method"], each.labels["status"]): each.value
        for family in families
        for each in family.samples
        if each.name == "reelbot_http_requests_total"
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def web(metrics: Metrics, tmp_path) -> httpx.AsyncClient:
    app, router = FastAPI(), APIRouter(prefix="/api/v1")
    (tmp_path / "style.css").write_text("a{}")
    app.mount("/static", StaticFiles(directory=tmp_path))

    @router.get("/jobs/{job_id}")
    async def job(job_id: str) -> dict[str, str]:
        return {"id": job_id}

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a fault of ours")

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]))

    app.include_router(router)

    @app.middleware("http")
    async def wrap(request: Request, call_next) -> Response:
        return await call_next(request)

    app.add_middleware(Counting, metrics=metrics)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_a_route_is_counted_by_its_template(web, metrics):
    """Two jobs are one series."""
    for job_id in ("one", "two"):
        await web.get(f"/api/v1/jobs/{job_id}")

    assert counted(metrics) == {("/api/v1/jobs/{job_id}", "GET", "200"): 2}


async def test_addresses_that_nobody_serves_are_one_series(web, metrics):
    """Scanners cannot fill the memory; a known route asked in a wrong way is itself."""
    for path in ("/wp-admin", "/.env", "/api/v1/nothing"):
        await web.get(path)
    await web.request("BREW", "/coffee")
    await web.delete("/api/v1/jobs/one")

    found = counted(metrics)
    assert (found["unmatched", "GET", "404"], found["unmatched", "other", "404"]) == (3, 1)
    assert sum(found.values()) == 5


async def test_files_are_not_series_of_their_own(web, metrics):
    """What is mounted has no template; each file would be a label."""
    await web.get("/static/style.css")

    assert {route for route, _, _ in counted(metrics)} == {"unmatched"}


async def test_a_fault_is_counted_as_500(web, metrics):
    """Also when nothing of an answer was sent."""
    await web.get("/api/v1/broken")

    assert counted(metrics) == {("/api/v1/broken", "GET", "500"): 1}


async def test_a_stream_is_counted_once_when_it_begins(web, metrics):
    """Its duration is the time to its beginning, however long it stays open."""
    answer = await web.get("/api/v1/stream")

    assert answer.text == "ab"
    assert counted(metrics) == {("/api/v1/stream", "GET", "200"): 1}
