"""Adding Reelbot to a workspace in the browser: who may come back, what is kept, who is told, and what never leaks."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from slack_bolt.error import BoltError

from adapters.chat.slack import installing
from adapters.chat.slack.installing import COOKIE, oauth_routes
from adapters.chat.slack.installing_stores import BoltInstallations, theirs
from adapters.chat.slack.scopes import NEEDED, READ_THREADS
from adapters.chat.web import problems
from bot.errors import DiskFull
from bot.workspaces import Installation, Permission
from tests.adapters.chat.slack.consent import (
    CLIENT_ID,
    CLIENT_SECRET,
    TOKEN,
    Consent,
    a_consent,
    of_organisation,
    of_team,
)
from tests.fakes.logs import logged
from tests.house import House, a_house

PUBLIC = "https://bot.example.com"
BEGIN, BACK = "/slack/install", "/slack/oauth_redirect"


@dataclass
class Scene:
    """Slack, Reelbot, and whoever adds it."""

    slack: Consent
    house: House
    app: FastAPI
    told: list[Installation] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """Somebody's own, with their cookies."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=PUBLIC, headers=headers)

    async def begin(self, browser: httpx.AsyncClient, **query: str) -> str:
        """Follow the link; returns where it leads to on Slack."""
        answer = await browser.get(BEGIN, params=query)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def add(self, answer: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """The whole way, with somebody who presses Allow."""
        async with self.browser(**headers) as browser:
            where = await self.begin(browser)
            return await browser.get(BACK, params=self.slack.allow(where, answer))

    async def kept(self) -> list[Installation]:
        return await self.house.app.stores.installations.all("slack")

    async def standing(self) -> dict[str, Permission]:
        return {each.workspace: each.permission for each in await self.house.app.stores.workspaces.all()}


@asynccontextmanager
async def a_scene(folder: Path, *, web: Mapping[str, Any] | None = None, **slack_settings: Any) -> AsyncIterator[Scene]:
    """A Reelbot that many workspaces may add; `slack_settings` says what is otherwise, `None` leaves out."""
    async with a_consent() as slack:
        given = {"api_url": slack.api_url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} | slack_settings
        allowed = given.pop("allowed", "")
        chosen = {name: value for name, value in given.items() if value is not None}
        places = {"public_url": PUBLIC} if web is None else dict(web)
        async with a_house(folder, slack=chosen, web=places, allowed_workspaces=allowed) as house:
            scene = Scene(slack, house, FastAPI())
            scene.house.app.service.alerts._sinks = (_into(scene.alerts),)
            problems.install(scene.app)
            scene.app.include_router(oauth_routes(house.app.service, house.app.settings, _into(scene.told)))
            yield scene


def _into(things: list[Any]) -> Any:
    async def note(thing: Any) -> None:
        things.append(thing)

    return note


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with a_scene(tmp_path) as scene:
        yield scene


# --- the way through ----------------------------------------------------------------------------------------------------


async def test_whoever_begins_is_sent_to_slack_with_the_least_that_is_needed(scene: Scene) -> None:
    """By our own id, our own scopes, the address to come back to, and a state that only their browser holds."""
    async with scene.browser() as browser:
        answer = await browser.get(BEGIN, params={"team": "T9\r\nX: y", "scope": "admin"})

    where = urlsplit(answer.headers["location"])
    query = parse_qs(where.query, keep_blank_values=True)
    cookie = answer.headers["set-cookie"]
    assert (
        f"{where.scheme}://{where.netloc}{where.path}"
        == scene.slack.api_url.removesuffix("/api") + "/oauth/v2/authorize"
    )
    assert query == {
        "client_id": [CLIENT_ID],
        "scope": [",".join(sorted(NEEDED))],
        "user_scope": [""],
        "redirect_uri": [PUBLIC + BACK],
        "state": query["state"],
    }
    assert cookie.startswith(f"{COOKIE}={query['state'][0]};")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "max-age=600", "path=/slack", "samesite=lax", "secure"}
    assert answer.headers["cache-control"] == "no-store"


async def test_reading_along_is_asked_for_only_where_it_is_wished(scene: Scene) -> None:
    """By the link that the operator hands out for it."""
    async with scene.browser() as browser:
        where = await scene.begin(browser, read_threads="1")

    assert set(parse_qs(urlsplit(where).query)["scope"][0].split(",")) == {*NEEDED, *READ_THREADS}


async def test_a_new_workspace_is_kept_waits_for_the_operator_and_is_told_so(scene: Scene) -> None:
    """Its token is in the database, sealed; paid models wait; the person reads the very command, the operator hears of it."""
    answer = await scene.add()

    (kept,) = await scene.kept()
    assert kept == Installation(
        platform="slack",
        workspace="T1",
        enterprise=None,
        is_org=False,
        app="A0APP",
        bot_user="U0BOT",
        bot="B0BOT",
        scopes=("app_mentions:read", "chat:write", "commands"),
        token=TOKEN,
        name="Team",
        installed_by="UALICE",
        installed_at=scene.house.clock.now(),
    )
    assert scene.told == [kept]
    assert await scene.standing() == {"T1": Permission.PENDING}
    assert [re.findall(r"`(.+?)`", alert) for alert in scene.alerts] == [["reelbot workspaces allow slack:T1"]]
    assert not await scene.house.app.stores.notes.is_first_today("workspace.pending:slack:T1")
    assert answer.status_code == 200
    assert "<h1>Reelbot was added to Team.</h1>" in answer.text
    assert "<code>reelbot workspaces allow slack:T1</code>" in answer.text
    assert "<code>local</code>" in answer.text


async def test_a_workspace_that_may_spend_is_not_told_to_wait(tmp_path: Path) -> None:
    async with a_scene(tmp_path, allowed="slack:T1") as scene:
        answer = await scene.add()

    assert "It may spend here" in answer.text
    assert "workspaces allow" not in answer.text
    assert scene.alerts == []


async def test_a_blocked_workspace_stays_blocked(scene: Scene) -> None:
    """Adding it once more is no way around."""
    await scene.house.app.stores.workspaces.put("slack", "T1", Permission.BLOCKED)

    answer = await scene.add()

    assert "has blocked this workspace" in answer.text
    assert await scene.standing() == {"T1": Permission.BLOCKED}
    assert scene.alerts == []


async def test_the_workspace_of_the_settings_needs_no_ones_word(tmp_path: Path) -> None:
    """Its token is the operator's own decision."""
    async with a_scene(tmp_path, bot_token=TOKEN) as scene:
        answer = await scene.add()

        assert await scene.standing() == {}
    assert "It may spend here" in answer.text
    assert scene.alerts == []


async def test_a_whole_organisation_adds_it_by_its_own_id(scene: Scene) -> None:
    """No workspace is known yet: each waits by itself once somebody there asks for something."""
    answer = await scene.add(of_organisation())

    (kept,) = await scene.kept()
    assert (kept.is_org, kept.workspace, kept.enterprise, kept.name) == (True, None, "E1", "Starship")
    assert await scene.standing() == {}
    assert len(scene.alerts) == 1
    assert "Starship" in scene.alerts[0]
    assert "Reelbot was added to Starship." in answer.text
    assert "chooses now which of its workspaces" in answer.text


async def test_adding_it_once_more_replaces_the_token_and_alerts_nobody_again(scene: Scene) -> None:
    await scene.add()
    await scene.add(of_team(access_token="xoxb-the-second-token", scope="chat:write"))

    (kept,) = await scene.kept()
    assert (kept.token, kept.scopes) == ("xoxb-the-second-token", ("chat:write",))
    assert len(scene.alerts) == 1


async def test_any_process_may_receive_whoever_began_at_another(scene: Scene) -> None:
    """Nothing of it is in memory."""
    other = Scene(scene.slack, scene.house, FastAPI())
    other.app.include_router(oauth_routes(scene.house.app.service, scene.house.app.settings))
    async with scene.browser() as browser, other.browser() as elsewhere:
        back = scene.slack.allow(await scene.begin(browser))
        elsewhere.cookies = browser.cookies

        answer = await elsewhere.get(BACK, params=back)

    assert answer.status_code == 200
    assert len(await scene.kept()) == 1


# --- who is turned away -------------------------------------------------------------------------------------------------


async def test_whoever_declines_has_changed_nothing(scene: Scene) -> None:
    """Whatever stands in the address is neither believed nor repeated, and Slack is not asked."""
    async with scene.browser() as browser:
        await scene.begin(browser)
        answer = await browser.get(BACK, params={"error": "storage_error", "state": "x"})

    assert answer.status_code == 200
    assert "Reelbot was not added." in answer.text
    assert "storage_error" not in answer.text
    assert f'href="{PUBLIC}{BEGIN}"' in answer.text
    assert (scene.slack.asked, await scene.kept(), scene.told) == ([], [], [])


@pytest.mark.parametrize("wrong", ["no cookie", "another state", "no state", "no code", "used", "too late"])
async def test_nobody_comes_back_who_was_not_sent_from_here(scene: Scene, wrong: str) -> None:
    """Or twice, too late, in another browser: else a stranger could slip in a workspace of theirs. Slack is not asked."""
    async with scene.browser() as browser:
        back = scene.slack.allow(await scene.begin(browser))
        match wrong:
            case "no cookie":
                browser.cookies.clear()
            case "another state":
                back["state"] = "another"
            case "no state":
                del back["state"]
            case "no code":
                del back["code"]
            case "used":
                assert (await browser.get(BACK, params=back)).status_code == 200
                browser.cookies.set(COOKIE, back["state"], domain="bot.example.com", path="/slack")
                await scene.house.app.stores.installations.forget("slack", "T1", None)
            case "too late":
                scene.house.clock.jump(601)
        scene.slack.asked.clear()

        answer = await browser.get(BACK, params=back)

    assert answer.status_code == 400
    assert "used already, or is too old" in answer.text
    assert (scene.slack.asked, await scene.kept()) == ([], [])


async def test_a_forged_state_of_somebody_else_is_not_used_up(scene: Scene) -> None:
    """A stranger who sends people to the address with a wrong state does not stop whoever began."""
    async with scene.browser() as browser:
        back = scene.slack.allow(await scene.begin(browser))
        await browser.get(BACK, params={"code": "x", "state": "forged"})

        answer = await browser.get(BACK, params=back)

    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["oauth.v2.access", "auth.test"])
async def test_what_slack_refuses_is_not_kept(scene: Scene, method: str) -> None:
    """A code that is used up, a secret that is wrong, a token that is refused at once: the log has Slack's own word."""
    scene.slack.instead[method] = "bad_client_secret"

    with logged() as log:
        answer = await scene.add()

    assert answer.status_code == 400
    assert "did not confirm" in answer.text
    assert '"bad_client_secret"' in log.getvalue()
    assert (await scene.kept(), await scene.standing(), scene.told) == ([], {}, [])


@pytest.mark.parametrize("method", ["oauth.v2.access", "auth.test"])
async def test_a_slack_that_does_not_answer_is_said_and_nothing_is_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Asked once each: the person decides whether to begin again."""
    for how in ("reset", "half", "html", "error", "hang"):
        if how == "hang":
            monkeypatch.setattr(installing, "ANSWER_WITHIN_S", 0.05)
        scene.slack.asked.clear()
        scene.slack.instead[method] = how

        answer = await scene.add()

        assert answer.status_code == 502, how
        assert "Slack did not answer." in answer.text
        assert scene.slack.asked.count(method) == 1, how
    assert (await scene.kept(), await scene.standing(), scene.told) == ([], {}, [])


async def test_an_answer_that_lacks_what_we_need_is_not_kept(scene: Scene) -> None:
    """An app without a bot, or a Slack that says too little."""
    answers = [await scene.add(of_team(**{lacking: None})) for lacking in ("access_token", "bot_user_id", "team")]

    assert [answer.status_code for answer in answers] == [500] * 3
    assert (await scene.kept(), scene.told) == ([], [])


async def test_a_token_that_would_die_by_itself_is_refused_with_the_way_out(scene: Scene) -> None:
    """Rotation cannot be switched off, and nobody would renew it."""
    answer = await scene.add(of_team(refresh_token="xoxe-1-refresh", expires_in=43_200))

    assert answer.status_code == 400
    assert "<code>reelbot manifest slack</code>" in answer.text
    assert (await scene.kept(), scene.told) == ([], [])


async def test_what_cannot_be_written_is_not_said_to_be_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack has added the app by then; the person is told to come back, and nobody else is told anything."""

    async def full(*_: Any) -> None:
        raise DiskFull("The database's disk is full; nothing was written. Free some space.")

    store = type(scene.house.app.stores.installations)
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", full)
        answer = await scene.add()
        assert answer.status_code == 500
        assert "could not be remembered here" in answer.text
    with monkeypatch.context() as patch:
        patch.setattr(store, "issue_state", full)
        async with scene.browser() as browser:
            answer = await browser.get(BEGIN)
        assert answer.status_code == 503
        assert "cannot be added at the moment" in answer.text
        assert "location" not in answer.headers
    with monkeypatch.context() as patch:
        patch.setattr(store, "consume_state", full)
        assert (await scene.add()).status_code == 503

    assert (await scene.kept(), await scene.standing(), scene.told, scene.alerts) == ([], {}, [], [])


async def test_what_is_kept_stays_kept_whoever_fails_to_hear_of_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is told the truth: it was added, and must be allowed."""

    async def fails(*_: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(type(scene.house.app.stores.workspaces), "see", fails)

    answer = await scene.add()

    assert answer.status_code == 200
    assert "workspaces allow slack:T1" in answer.text
    assert len(await scene.kept()) == 1


# --- what never leaks ---------------------------------------------------------------------------------------------------


async def test_no_secret_is_in_a_page_a_log_or_a_file(tmp_path: Path) -> None:
    """Neither token, code, state nor client secret, at the chattiest; whichever way it ends."""
    shown = []
    with logged() as log:
        async with a_scene(tmp_path) as scene:
            for trouble in (None, "invalid_code", "reset", "html"):
                scene.slack.instead = {"auth.test": trouble} if trouble else {}
                shown.append((await scene.add()).text)

    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    text = "".join(shown) + log.getvalue() + files.decode(errors="replace")
    assert "slack.installed" in text
    secrets = [TOKEN, CLIENT_SECRET, *(f"a-code-of-slack-{number}" for number in range(1, 5))]
    assert [secret for secret in secrets if secret in text] == []


async def test_a_name_is_only_a_name(scene: Scene) -> None:
    """Nothing that others wrote is markup, and nothing on the page could run."""
    name = '<script>alert(1)</script>\n`x` & "co"'
    answer = await scene.add(of_team(team={"id": "T1", "name": name}))

    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_page_is_in_the_first_language_the_browser_asks_for(scene: Scene) -> None:
    """And in English where that is none of ours."""
    languages = ["de-DE,de;q=0.9,en;q=0.8", "ja", "fr-FR", "", '"><script>']
    pages = [(await scene.add(**{"Accept-Language": language})).text for language in languages]

    assert [re.findall(r'<html lang="(.*?)">', page) for page in pages] == [["de"], ["ja"], ["en"], ["en"], ["en"]]
    assert "<script" not in "".join(pages)


async def test_nothing_is_taken_from_slacks_own_variables_or_put_into_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an id and a secret in the environment Bolt would keep tokens in clear, in files of its own."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    for name, value in {
        "SLACK_CLIENT_ID": "9.9", "SLACK_CLIENT_SECRET": "of-another-app", "SLACK_SCOPES": "admin",
        "SLACK_USER_SCOPES": "files:write", "SLACK_REDIRECT_URI": "https://elsewhere.example", "SLACK_INSTALL_PATH": "/x",
        "SLACK_REDIRECT_URI_PATH": "/y", "SLACK_BOT_TOKEN": "xoxb-of-another-app", "SLACK_SIGNING_SECRET": "z",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    async with a_scene(tmp_path) as scene:
        async with scene.browser() as browser:
            where = await scene.begin(browser)
        await scene.add()
        kept = await scene.kept()

    assert "9.9" not in where
    assert "elsewhere" not in where
    assert "admin" not in where
    assert [each.token for each in kept] == [TOKEN]
    assert os.listdir(home) == []


async def test_an_emulator_is_reached_past_the_proxy_of_the_world_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """slack_sdk takes any proxy of the environment, for any address."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with a_scene(tmp_path) as scene:
        assert (await scene.add()).status_code == 200


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "public_url"])
async def test_without_all_three_settings_there_is_nothing_at_these_addresses(tmp_path: Path, missing: str) -> None:
    """The same answer as for any address that does not exist."""
    lacking: dict[str, Any] = {"web": {}} if missing == "public_url" else {missing: None}
    async with a_scene(tmp_path, **lacking) as scene, scene.browser() as browser:
        answers = [await browser.get(path) for path in (BEGIN, BACK, "/slack/whatever")]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.text for answer in answers}) == 1


async def test_behind_a_path_of_a_proxy_the_cookie_follows(tmp_path: Path) -> None:
    """Where the proxy takes a prefix away, browsers still see it."""
    async with a_scene(tmp_path, web={"public_url": f"{PUBLIC}/reelbot"}) as scene, scene.browser() as browser:
        answer = await browser.get(BEGIN)

    assert "Path=/reelbot/slack;" in answer.headers["set-cookie"]
    assert parse_qs(urlsplit(answer.headers["location"]).query)["redirect_uri"] == [f"{PUBLIC}/reelbot{BACK}"]


# --- as Bolt sees it ----------------------------------------------------------------------------------------------------


async def test_bolt_finds_what_was_added_and_deletes_it_by_its_place(scene: Scene) -> None:
    """A person who leaves takes nothing along; an organisation's stays when one workspace goes."""
    await scene.add()
    await scene.add(of_organisation(access_token="xoxb-of-the-organisation"))
    store = BoltInstallations(scene.house.app.stores.installations, installing.logging.getLogger("judge"))
    asked = {"enterprise_id": "E1", "team_id": "T1"}

    found = await store.async_find_installation(**asked, user_id="UALICE")
    bot = await store.async_find_bot(**asked)
    whole = await store.async_find_bot(**asked, is_enterprise_install=True)
    assert found is not None
    assert (found.bot_token, found.user_token, found.team_id, found.user_id) == (TOKEN, None, "T1", "UALICE")
    assert bot is not None
    assert (bot.bot_token, bot.bot_user_id, bot.bot_id) == (TOKEN, "U0BOT", "B0BOT")
    assert whole is not None
    assert (whole.bot_token, whole.is_enterprise_install) == ("xoxb-of-the-organisation", True)

    await store.async_delete_installation(**asked, user_id="UALICE")
    assert len(await scene.kept()) == 2
    await store.async_delete_all(**asked)
    assert [each.enterprise for each in await scene.kept()] == ["E1"]
    await store.async_delete_bot(enterprise_id="E1", team_id=None)
    assert await scene.kept() == []


async def test_bolt_may_not_rotate_what_we_keep(scene: Scene) -> None:
    """It would, without a lock, wherever two requests meet."""
    await scene.add()
    (kept,) = await scene.kept()
    store = BoltInstallations(scene.house.app.stores.installations, installing.logging.getLogger("judge"))

    with pytest.raises(BoltError):
        await store.async_save_bot(theirs(kept).to_bot())

    assert theirs(kept).bot_refresh_token is None
