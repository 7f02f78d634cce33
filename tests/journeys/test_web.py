"""The JSON API and the health routes over a real socket, against a real `reelbot run`."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.journeys.running import server

API = "/api/v1"


def picture(*, shade: int = 60) -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.effect_mandelbrot((480, 480), (-2, -1.4, 1, 1.4), shade).convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for this module, with a low price threshold and small bodies."""
    folder = tmp_path_factory.mktemp("web")
    with server(folder, env={"REELBOT_WEB__MAX_UPLOAD_MB": "2"}) as (url, _):
        yield url


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A client on this machine."""
    with httpx.Client(base_url=address, timeout=30) as found:
        yield found


def ask(client: httpx.Client, *, prompt: str = "zoom in", key: str | None = None, **fields: str) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    data = {"prompt": prompt, "resolution": "480p", **fields}
    return client.post(f"{API}/jobs", files={"image": ("a.png", picture(), "image/png")}, data=data, headers=headers)


def delivered(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + 60
    while True:
        job: dict[str, Any] = client.get(f"{API}/jobs/{job_id}").json()
        if job["state"] in ("delivered", "failed", "cancelled"):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.1)


def test_a_clip_is_asked_for_watched_and_downloaded_with_ranges(client: httpx.Client) -> None:
    """From the form's fields to the bytes a player asks for."""
    accepted = ask(client, prompt="zoom in on the seahorse valley")
    assert accepted.status_code == 202

    job = delivered(client, accepted.json()["id"])

    assert (job["state"], job["requested_by"]["user"]) == ("delivered", "admin")
    whole = client.get(job["output"]["url"])
    part = client.get(job["output"]["url"], headers={"Range": "bytes=0-99"})
    assert (whole.status_code, len(whole.content)) == (200, job["output"]["bytes"])
    assert (part.status_code, part.content) == (206, whole.content[:100])
    assert whole.headers["content-type"] == "video/mp4"
    found = client.get(f"{API}/jobs", params={"q": "seahorse", "user": "api:admin", "state": "delivered"}).json()
    assert [each["id"] for each in found["jobs"]] == [job["id"]]


def test_the_same_key_is_the_same_job_and_another_request_under_it_is_refused(client: httpx.Client) -> None:
    """Idempotent entry over HTTP."""
    first = ask(client, key="key-1").json()
    again = ask(client, key="key-1")
    other = ask(client, key="key-1", prompt="zoom out")

    assert again.json()["id"] == first["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert other.headers["content-type"] == "application/problem+json"
    client.post(f"{API}/jobs/{first['id']}/cancel")


def test_bad_requests_are_problems_with_one_sentence(client: httpx.Client) -> None:
    """Each with its status and code; nothing is written."""
    files = {"image": ("a.png", b"not a picture", "image/png")}
    before = [job["id"] for job in client.get(f"{API}/jobs").json()["jobs"]]
    answers = {
        "bad_input": client.post(f"{API}/jobs", files=files, data={"prompt": "zoom in"}),
        "bad_prompt": ask(client, prompt="zoom in --cammera orbit"),
        "bad_request": client.post(f"{API}/jobs", data={"prompt": "zoom in"}),
        "not_found": client.get(f"{API}/jobs/nothing"),
        "too_large": client.post(f"{API}/jobs", files={"image": ("a.png", b"x" * 3_000_000)}, data={"prompt": "a"}),
    }

    assert {name: answer.json()["code"] for name, answer in answers.items()} == {name: name for name in answers}
    assert [answer.status_code for answer in answers.values()] == [422, 422, 422, 404, 413]
    assert "did you mean" in answers["bad_prompt"].json()["detail"]
    assert [job["id"] for job in client.get(f"{API}/jobs").json()["jobs"]] == before


def test_a_resolution_that_is_not_offered_is_answered_with_those_that_are(client: httpx.Client) -> None:
    """`4k is not available for …; 480p, 720p and 1080p are.`"""
    answer = ask(client, resolution="4k")

    assert answer.status_code == 422
    assert "480p, 720p and 1080p are" in answer.json()["detail"]


def test_quota_and_limits_are_read_and_set(client: httpx.Client) -> None:
    """A stored limit wins over the settings' own."""
    put = client.put(f"{API}/limits/user:api:admin", json={"period": "day", "usd": "2.50", "jobs": 99})

    scopes = client.get(f"{API}/quota").json()["scopes"]
    mine = next(each for each in scopes if (each["scope"], each["period"]) == ("user:api:admin", "day"))
    assert (put.status_code, mine["limit_usd"], mine["limit_jobs"]) == (200, "2.50", 99)
    assert client.put(f"{API}/limits/moon", json={"usd": "1"}).status_code == 422
    stored = [each for each in client.get(f"{API}/limits").json()["limits"] if each["source"] == "stored"]
    assert [each["scope"] for each in stored] == ["user:api:admin"]


def test_a_limit_already_reached_is_429(client: httpx.Client) -> None:
    """And the sentence says which, and when it resets."""
    client.put(f"{API}/limits/installation", json={"period": "day", "jobs": 0})

    answer = ask(client)

    client.put(f"{API}/limits/installation", json={"period": "day", "jobs": "unlimited"})
    assert (answer.status_code, answer.json()["code"]) == (429, "limit_reached")
    assert "resets at" in answer.json()["detail"]


def test_health_says_whether_jobs_would_be_carried_out(client: httpx.Client) -> None:
    """Details only for who needs no sign-in."""
    assert client.get("/livez").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["database"]["status"]) == (200, "ok")
    assert client.get("/readyz", headers={"X-Forwarded-For": "198.51.100.7"}).content == b""


@pytest.mark.parametrize(
    "headers",
    [{"Host": "reelbot.example"}, {"X-Forwarded-For": "198.51.100.7"}, {"Forwarded": "for=198.51.100.7"}],
)
def test_whoever_does_not_come_from_this_machine_must_sign_in(client: httpx.Client, headers: dict[str, str]) -> None:
    """A name that is not ours (DNS rebinding), or a proxy in between."""
    assert client.get(f"{API}/jobs", headers=headers).status_code == 401
    assert client.get("/", headers=headers).status_code == 401


def test_another_site_cannot_send_a_form_here(client: httpx.Client) -> None:
    """By fetch metadata, and by Origin where there is none."""
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        files = {"image": ("a.png", picture())}
        answer = client.post(f"{API}/jobs", files=files, data={"prompt": "a"}, headers=headers)
        assert answer.status_code == 403


def test_the_page_allows_no_script_but_its_own(client: httpx.Client) -> None:
    """A strict policy, and the page comes with it."""
    page = client.get("/")

    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


def test_with_an_admin_token_only_the_token_passes(tmp_path: Path) -> None:
    """As bearer, or exchanged for a session on the page."""
    with server(tmp_path, env={"REELBOT_WEB__ADMIN_TOKEN": "correct-horse-battery-staple"}) as (url, _):
        right = {"Authorization": "Bearer correct-horse-battery-staple"}

        assert httpx.get(f"{url}{API}/jobs").status_code == 401
        assert httpx.get(f"{url}{API}/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert httpx.get(f"{url}{API}/jobs", headers=right).status_code == 200
        asked = httpx.get(f"{url}/history?q=lake", headers={"Accept": "text/html"})
        assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=%2Fhistory%3Fq%3Dlake")
        with httpx.Client(base_url=url, headers={"Sec-Fetch-Site": "same-origin"}) as browser:
            signed_in = browser.post("/sign-in", data={"token": "correct-horse-battery-staple", "next": "/history"})
            assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/history")
            assert "HttpOnly" in signed_in.headers["set-cookie"]
            assert browser.get(f"{API}/jobs").status_code == 200
            browser.post("/sign-out")
            assert browser.get(f"{API}/jobs").status_code == 401
        assert httpx.get(f"{url}/readyz").content == b""
