"""The manifest: what Slack takes, the least it must be asked for, and nothing that we do not listen to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.slack.manifest import (
    COMMANDS,
    EVENTS,
    EVENTS_PATH,
    INSTALL_PATH,
    REDIRECT_PATH,
    SHORTCUTS,
    manifest,
)
from adapters.chat.slack.scopes import NEEDED, READ_THREADS, missing
from bot.cli.main import execute
from bot.errors import UsageError
from tests.journeys.running import document, reelbot

PUBLIC = "https://bot.example.com"
SOCKET = manifest(public_url=None, read_threads=False, many=False)
HTTP = manifest(public_url=PUBLIC, read_threads=False, many=True)
BOTH = manifest(public_url=PUBLIC, read_threads=True, many=True, socket_mode=True)

SHAPE = {
    "_metadata": {"major_version": int, "minor_version": int},
    "display_information": {"name": str, "description": str, "background_color": str},
    "features": {
        "app_home": {"home_tab_enabled": bool, "messages_tab_enabled": bool, "messages_tab_read_only_enabled": bool},
        "bot_user": {"display_name": str, "always_online": bool},
        "slash_commands": [{"command": str, "url": str, "description": str, "usage_hint": str, "should_escape": bool}],
        "shortcuts": [{"name": str, "type": str, "callback_id": str, "description": str}],
    },
    "oauth_config": {"redirect_urls": [str], "scopes": {"bot": [str]}},
    "settings": {
        "event_subscriptions": {"request_url": str, "bot_events": [str]},
        "interactivity": {"is_enabled": bool, "request_url": str},
        "org_deploy_enabled": bool,
        "socket_mode_enabled": bool,
        "token_rotation_enabled": bool,
    },
}
"""The part of Slack's manifest that we use (docs.slack.dev/reference/app-manifest, and the types of
slackapi/node-slack-sdk at 24ecda6). The addresses may be left out, everything else has to be there."""
MAY_BE_MISSING = {"url", "request_url", "redirect_urls"}
LONGEST = {
    "display_information.name": 35,
    "display_information.description": 140,
    "features.bot_user.display_name": 80,
    "features.slash_commands.command": 32,
    "features.slash_commands.description": 2000,
    "features.slash_commands.usage_hint": 1000,
    "features.shortcuts.name": 24,
    "features.shortcuts.callback_id": 255,
    "features.shortcuts.description": 150,
}
"""Characters, from the same place."""


def faults(value: Any, shape: Any, where: str = "") -> list[str]:
    """Where a manifest is not what Slack takes."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where} is no object"]
        wrong = [f"{where}.{name} is unknown" for name in value.keys() - shape.keys()]
        wrong += [f"{where}.{name} is missing" for name in shape.keys() - value.keys() - MAY_BE_MISSING]
        inner = {name: faults(value[name], shape[name], f"{where}.{name}") for name in shape.keys() & value.keys()}
        return wrong + [fault for found in inner.values() for fault in found]
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{where} is no list, or empty"]
        return [fault for each in value for fault in faults(each, shape[0], where)]
    if type(value) is not shape:
        return [f"{where} is no {shape.__name__}"]
    too_long = isinstance(value, str) and not 0 < len(value) <= LONGEST.get(where.lstrip("."), 1000)
    return [f"{where} is too long, or empty"] if too_long else []


@pytest.mark.parametrize("made", [SOCKET, HTTP, BOTH], ids=["socket", "http", "both"])
def test_slack_takes_it(made: dict[str, Any]) -> None:
    """Every field is known, of its type and within its limit; names have the characters that are allowed."""
    assert faults(made, SHAPE) == []
    assert re.fullmatch(r"[a-z0-9._-]+", made["features"]["bot_user"]["display_name"])
    assert re.fullmatch(r"#[0-9a-f]{6}", made["display_information"]["background_color"])
    assert {each["type"] for each in made["features"]["shortcuts"]} == {"message", "global"}
    assert all(re.fullmatch(r"/[a-z-]+", each["command"]) for each in made["features"]["slash_commands"])
    assert json.loads(json.dumps(made)) == made


def test_the_judge_of_manifests_finds_what_is_wrong() -> None:
    """A name that is too long, a field that nobody knows, one that is missing, one of another type."""
    wrong = json.loads(json.dumps(HTTP))
    wrong["features"]["shortcuts"][0]["name"] = "x" * 25
    wrong["settings"]["org_deploy_enabled"] = "yes"
    wrong["features"]["workflow_steps"] = []
    del wrong["display_information"]["name"]

    assert len(faults(wrong, SHAPE)) == 4


def test_over_http_slack_posts_to_one_address() -> None:
    """Events, presses and commands; people who add the app come back to another."""
    settings = HTTP["settings"]

    to = {settings["event_subscriptions"]["request_url"], settings["interactivity"]["request_url"]}
    to |= {each["url"] for each in HTTP["features"]["slash_commands"]}

    assert to == {f"{PUBLIC}/slack/events"}
    assert not settings["socket_mode_enabled"]
    assert HTTP["oauth_config"]["redirect_urls"] == [f"{PUBLIC}/slack/oauth_redirect"]


def test_with_socket_mode_slack_posts_nowhere() -> None:
    """No address at all for one workspace; only the one to come back to, where many may add the app."""
    for made in (SOCKET, BOTH):
        text = json.dumps({**made, "oauth_config": None})
        assert "http" not in text
        assert made["settings"]["socket_mode_enabled"]

    assert "redirect_urls" not in SOCKET["oauth_config"]
    assert BOTH["oauth_config"]["redirect_urls"] == [f"{PUBLIC}/slack/oauth_redirect"]


def test_the_least_is_asked_for() -> None:
    """Reading along in channels only when it was wished for; never everything of a person or a workspace."""
    least = {"app_mentions:read", "chat:write", "commands", "files:read", "files:write"}
    least |= {"im:history", "im:write", "reactions:write", "users:read"}

    assert set(SOCKET["oauth_config"]["scopes"]["bot"]) == set(HTTP["oauth_config"]["scopes"]["bot"]) == least
    assert set(BOTH["oauth_config"]["scopes"]["bot"]) - least == {"channels:history", "groups:history"}
    assert "user" not in BOTH["oauth_config"]["scopes"]


def test_every_scope_says_what_it_is_for() -> None:
    """Each has a reason of its own, and none is in both lists."""
    reasons = {**NEEDED, **READ_THREADS}

    assert len(reasons) == len(NEEDED) + len(READ_THREADS) == len(set(reasons.values()))
    assert all(len(reason) > 5 for reason in reasons.values())


def test_tokens_do_not_rotate_and_organisations_may_add_the_app() -> None:
    """Rotation cannot be switched off again, and would leave dead tokens where two processes meet."""
    assert [made["settings"]["token_rotation_enabled"] for made in (SOCKET, HTTP, BOTH)] == [False] * 3
    assert [made["settings"]["org_deploy_enabled"] for made in (SOCKET, HTTP, BOTH)] == [True] * 3


def test_what_is_offered_is_what_the_constants_say() -> None:
    """The listeners are registered by them: what is subscribed and not listened to comes three times more."""
    assert HTTP["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert [each["command"] for each in HTTP["features"]["slash_commands"]] == list(COMMANDS)
    assert [each["callback_id"] for each in HTTP["features"]["shortcuts"]] == list(SHORTCUTS)
    assert {"app_uninstalled", "tokens_revoked"} < set(EVENTS), "an uninstalled app is not told otherwise"


@pytest.mark.parametrize("address", ["http://bot.example.com", "ftp://bot.example.com"])
def test_an_address_that_slack_refuses_is_refused_here(address: str) -> None:
    with pytest.raises(UsageError, match="https://"):
        manifest(public_url=address, read_threads=False, many=True)


def test_nobody_can_be_sent_back_without_a_public_address() -> None:
    """The sentence names the flag."""
    for wish in ({"many": True}, {"many": False, "socket_mode": False}):
        with pytest.raises(UsageError, match="--public-url"):
            manifest(public_url=None, read_threads=False, **wish)


def test_what_was_not_granted_is_named_in_order() -> None:
    """What was granted besides does not matter."""
    assert missing(["users:read", "admin", "chat:write"], ["app_mentions:read", "chat:write", "files:read"]) == [
        "app_mentions:read",
        "files:read",
    ]
    assert missing(NEEDED, NEEDED) == []


# --- the command --------------------------------------------------------------------------------------------------------


def test_the_bare_manifest_is_one_document(tmp_path: Path) -> None:
    """Before there is anything else: no data directory is made, and nothing else stands on standard output."""
    done = reelbot(tmp_path, "manifest", "slack", "--public-url", f"{PUBLIC}/", "--read-threads", "--json")

    assert done.returncode == 0
    assert document(done) == manifest(public_url=PUBLIC, read_threads=True, many=True)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing but what the test says."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLACK_APP_TOKEN", "REELBOT_SLACK__APP_TOKEN", "REELBOT_WEB__PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REELBOT_DATA_DIR", str(tmp_path / "data"))
    return monkeypatch


def test_a_person_is_told_where_to_paste_it(settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error: what is on standard output can be piped."""
    assert execute(["manifest", "slack"]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out) == SOCKET
    assert "Socket Mode" in err
    assert "https://api.slack.com/apps" in err


@pytest.mark.parametrize(
    ("set_up", "flags", "expected"),
    [
        ({"REELBOT_WEB__PUBLIC_URL": PUBLIC}, [], HTTP),
        ({"REELBOT_WEB__PUBLIC_URL": PUBLIC, "SLACK_APP_TOKEN": "xapp-1-000000"}, [], SOCKET),
        ({"REELBOT_WEB__PUBLIC_URL": "https://a.example", "SLACK_APP_TOKEN": "xapp-1-0"}, ["--public-url", PUBLIC], HTTP),
        ({"REELBOT_WEB__PUBLIC_URL": PUBLIC, "SLACK_APP_TOKEN": "xapp-1-000000", "REELBOT_SLACK__CLIENT_ID": "1.2"},
         ["--read-threads"], BOTH),
    ],
    ids=["a public address", "an app token", "the flag goes first", "socket mode for many"],
)  # fmt: skip
def test_the_settings_say_which_it_is(
    settings: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    set_up: dict[str, str],
    flags: list[str],
    expected: dict[str, Any],
) -> None:
    """Socket Mode where there is an app token or no public address; the flag asks for HTTP."""
    for name, value in set_up.items():
        settings.setenv(name, value)

    assert execute(["manifest", "slack", *flags, "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == expected


def test_a_wrong_address_is_a_usage_error(settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["manifest", "slack", "--public-url", "http://bot.example.com", "--json"]) == 2

    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_request"


def test_every_address_of_ours_is_in_the_reference() -> None:
    """Whoever sets up a reverse proxy reads it there."""
    page = (Path(__file__).parents[4] / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")

    assert f"`POST {EVENTS_PATH}`" in page
    assert f"`GET {INSTALL_PATH}`" in page
    assert f"`GET {REDIRECT_PATH}`" in page
