"""The API's own description, put to the test by schemathesis against a real `reelbot run`.

It sends what the description allows, and much that it does not, and finds fault with an answer that is not described, with
a 5xx, with wrong data that is taken and right data that is not, with a sign-in that is not asked for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from tests.journeys.running import server

CONFIG = Path(__file__).with_name("schemathesis.toml")
TOKEN = "correct-horse-battery-staple"
DOCUMENT = "/api/v1/openapi.json"
ROUTES = {
    "/api/v1/jobs": {"get", "post"},
    "/api/v1/jobs.csv": {"get"},
    "/api/v1/jobs/{job_id}": {"get", "delete"},
    "/api/v1/jobs/{job_id}/events": {"get"},
    "/api/v1/jobs/{job_id}/video": {"get"},
    "/api/v1/jobs/{job_id}/part": {"get"},
    "/api/v1/jobs/{job_id}/again": {"post"},
    "/api/v1/jobs/{job_id}/cancel": {"post"},
    "/api/v1/jobs/{job_id}/confirm": {"post"},
    "/api/v1/jobs/{job_id}/resend": {"post"},
    "/api/v1/jobs/{job_id}/resolve": {"post"},
    "/api/v1/quota": {"get"},
    "/api/v1/limits": {"get"},
    "/api/v1/limits/{scope}": {"put"},
    "/api/v1/models": {"get"},
    "/api/v1/tokens": {"get", "post"},
    "/api/v1/tokens/{token_id}": {"delete"},
}


def test_no_fault_is_found_with_the_description(tmp_path: Path) -> None:
    """Every route that the contract names is described, and every described one keeps its word."""
    with server(tmp_path, env={"REELBOT_WEB__ADMIN_TOKEN": TOKEN}) as (url, _):
        signed_in = {"Authorization": f"Bearer {TOKEN}"}
        described = httpx.get(f"{url}{DOCUMENT}", headers=signed_in).json()["paths"]

        found = _schemathesis(f"{url}{DOCUMENT}", tmp_path)

        alive = httpx.get(f"{url}/livez").status_code
    assert {path: set(methods) for path, methods in described.items()} == ROUTES
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-1000:]
    assert alive == 200


def _schemathesis(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", url,
        "--header", f"Authorization: Bearer {TOKEN}", "--seed", "7", "--phases", "examples,coverage,fuzzing",
        "--no-color", "--request-timeout", "20",
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
