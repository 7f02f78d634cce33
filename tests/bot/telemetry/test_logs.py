"""Logs have one shape and hold no secret."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.telemetry.logs import set_up_logs
from bot.telemetry.redaction import MASK, Redactor

SECRET = 'sp"ecial/ké\\y+1'


@pytest.fixture
def stream():
    before = (logging.getLogger().handlers[:], logging.getLogger().level, structlog.get_config())
    yield io.StringIO()
    logging.getLogger().handlers[:], level, config = before
    logging.getLogger().setLevel(level)
    structlog.configure(**config)
    logging.captureWarnings(capture=False)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_events_and_those_of_libraries_have_one_shape(stream):
    set_up_logs(stream=stream)

    structlog.get_logger("bot.x").info("job.settled", job_id="j1", price_usd="0.34")
    logging.getLogger("library").warning("something %s", "odd")

    ours, theirs = lines(stream)
    assert (ours["event"], ours["job_id"], ours["level"], ours["logger"]) == ("job.settled", "j1", "info", "bot.x")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("something odd", "warning", "library")
    assert ours["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written(stream):
    set_up_logs(stream=stream, level="warning")

    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")

    assert not stream.getvalue()


def test_addresses_of_requests_are_not_logged_by_the_http_client(stream):
    set_up_logs(stream=stream)

    logging.getLogger("httpx").info("HTTP Request: GET https://x/result?sig=abcdefgh")

    assert not stream.getvalue()


@pytest.mark.parametrize("shape", ["json", "console"])
def test_a_configured_secret_appears_nowhere_not_even_in_tracebacks(stream, shape):
    set_up_logs(stream=stream, shape=shape, secrets=[SECRET, "plainsecret"])

    structlog.get_logger().info("asked", url="https://x/?k=plainsecret", raw=SECRET, deep={"a": [SECRET]})
    try:
        raise ValueError(f"bad key {SECRET} and plainsecret")
    except ValueError:
        logging.getLogger("library").exception("failed with %r", SECRET)

    written = stream.getvalue()
    assert "plainsecret" not in written
    assert "ecial/k" not in written
    assert "ValueError" in written


@pytest.mark.parametrize(
    "text",
    [
        "token xoxb-1234-5678-SECRETSECRET",
        "xapp-1-A0-SECRETSECRET",
        "xoxe.xoxp-1-SECRETSECRET",
        "Authorization: Bearer SECRETSECRET1",
        "{'authorization': 'Bot SECRETSECRET1'}",
        '{"X-API-Key": "SECRETSECRET"}',
        "[(b'x-api-key', b'SECRETSECRET')]",
        "x-api-key=SECRETSECRET",
        "https://cdn.example.net/a.mp4?X-Amz-Signature=SECRETSECRET&X-Amz-Date=1",
        "https://cdn.example.net/a.mp4?sv=1&sig=SECRET%2BSECRET",
        "/webhooks/wavespeed/SECRETSECRETSECRET",
        "/media/SECRETSECRETSECRETSECRET.mp4",
        "postgresql://reelbot:SECRETSECRET@db/reelbot",
        "whsec_SECRETSECRET",
        "SECRETSECRETSECRETSECRET.SECRET.SECRETSECRETSECRETSECRETSECRET",
        "rbt_0123456789ab_SECRET-SECRET_SECRETSECRETSECRETSECRETSECRE",
        "no token rbt_0123456789ab_SECRETSECRETSECRETSECRETSECRETSECRETSECRETS at all",
        "cookie: theme=dark; reelbot_session=SECRET.SECRET-SECRET",
        "set-cookie: __Host-reelbot_session=SECRETSECRET.SECRET; Path=/; HttpOnly",
        "{'reelbot_session': 'SECRETSECRET.SECRET'}",
        "GET /sign-in/slack/back?code=SECRET.SECRET.SECRET&state=SECRETSECRETSECRET1 HTTP/1.1",
        "https://id.example.net/authorize?client_id=7&state=SECRETSECRETSECRET1&scope=openid",
        "code=SECRETSECRET&client_id=7&client_secret=SECRETSECRET&grant_type=authorization_code",
        '{"id_token": "SECRETSECRET", "refresh_token": "SECRETSECRET", "scope": "openid"}',
        "{'client_secret': 'SECRETSECRET', 'code_verifier': 'SECRETSECRET'}",
        r'{"body": "{\"access_token\": \"SECRETSECRET\"}"}',
        "id eyJSECRETSECRET.eyJSECRETSECRET.SECRETSECRETSECRET",
    ],
)
def test_secrets_are_known_by_their_shape(text):
    redacted = Redactor()(text)

    assert "SECRET" not in redacted
    assert MASK in redacted


@pytest.mark.parametrize(
    "text",
    [
        "job.settled job_id=01JABCDEF price_usd=0.34 scope=user:discord:1:7",
        "https://example.net/docs/page?page=2",
        "job.failed code=limit_reached key=intake token=whatever",
        "a bot that renders basic shapes",
        "v1.2.3 at 12:30:00 in /media/clip.mp4",
        "GET /api/v1/jobs?state=delivered&limit=20",
        "job.moved state=delivered was=delivering code=limit_reached",
        "the token rbt_0123456789ab was revoked",
        '{"state": "rendering", "code": "not_confirmed"}',
    ],
)
def test_ordinary_lines_stay_as_they_are(text):
    assert Redactor(["abc"])(text) == text


@given(st.text(min_size=6), st.text(), st.text())
def test_no_configured_secret_survives_in_json(secret, before, after):
    line = json.dumps({"event": before + secret + after}, ensure_ascii=False)

    redacted = Redactor([secret])(line)

    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in redacted or secret in MASK * 3
