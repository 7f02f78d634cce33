"""Adding the app to a workspace of the emulated Slack, with Bolt's own OAuth flow and somebody's browser."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.oauth.installation_store import FileInstallationStore
from slack_sdk.oauth.state_store import FileOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from tests.emulators.slack_client import SlackBot
from tests.emulators.slack_world import Impossible

SCOPES = ["chat:write", "commands"]


async def there(function, *args, **facts):
    """A person acts while the test's loop goes on."""
    return await asyncio.to_thread(function, *args, **facts)


@pytest.fixture
def store(slack, tmp_path):
    return FileInstallationStore(base_dir=str(tmp_path / "installations"), client_id=slack.client_id)


@pytest.fixture
async def base(slack, tmp_path, store):
    """Where the app's install page is."""
    settings = AsyncOAuthSettings(
        client_id=slack.client_id,
        client_secret=slack.client_secret,
        scopes=SCOPES,
        user_scopes=[],
        redirect_uri="https://bot.example.com/slack/oauth_redirect",
        authorization_url=f"{slack.url}/oauth/v2/authorize",
        installation_store=store,
        state_store=FileOAuthStateStore(expiration_seconds=60, base_dir=str(tmp_path / "states")),
        install_page_rendering_enabled=False,
    )
    client = AsyncWebClient(base_url=f"{slack.api_url}/")
    app = AsyncApp(signing_secret=slack.signing_secret, oauth_settings=settings, client=client)

    async def pages(request):
        asked = AsyncBoltRequest(body="", query=request.query_string, headers=dict(request.headers))
        flow = app.oauth_flow
        answer = await (
            flow.handle_installation(asked) if request.path.endswith("install") else flow.handle_callback(asked)
        )
        response = web.Response(status=answer.status, text=answer.body)
        for name, values in answer.headers.items():
            for value in values:
                response.headers.add(name, value) if name.lower() != "content-type" else None
        return response

    server = web.Application()
    server.router.add_get("/slack/{page}", pages)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def workspace(slack):
    return slack.workspace("Customer")


@pytest.fixture
def ada(slack, workspace):
    return slack.person("Ada", workspace["id"], is_admin=True)


async def test_somebody_adds_the_app(slack, base, store, workspace, ada):
    """Install page, permission, redirect: a token for that workspace, with the scopes that were asked for."""
    page = await there(slack.install, base, ada)

    assert page.status == 200
    found = await store.async_find_bot(enterprise_id=None, team_id=workspace["id"])
    bot = SlackBot(slack, found.bot_token)
    assert (found.bot_scopes, found.is_enterprise_install) == (SCOPES, False)
    assert (await there(bot.call, "auth.test"))["team_id"] == workspace["id"]
    assert [one["workspace"] for one in slack.journal("installed")] == [workspace["id"]]
    assert page.cookies["slack-app-oauth-state"]["path"] == "/"
    assert slack.violations() == []


async def test_adding_it_again_keeps_the_token(slack, base, store, workspace, ada):
    """The same token; after it was removed, another."""
    tokens = []
    for again in range(3):
        if again == 2:
            slack.uninstall(workspace["id"])
        await there(slack.install, base, ada)
        tokens.append((await store.async_find_bot(enterprise_id=None, team_id=workspace["id"])).bot_token)

    assert tokens[0] == tokens[1] != tokens[2]


@pytest.mark.parametrize(
    ("how", "status"), [({"deny": True}, 200), ({"wrong_state": True}, 400), ({"no_cookie": True}, 400)]
)
async def test_nothing_is_installed_otherwise(slack, base, store, workspace, ada, how, status):
    """Denied, with a state that is somebody else's, or from another browser."""
    page = await there(slack.install, base, ada, **how)

    assert page.status == status
    assert slack.journal("installed") == []
    assert await store.async_find_bot(enterprise_id=None, team_id=workspace["id"]) is None


async def test_a_whole_organisation(slack, base, store):
    """Installed for all its workspaces: no workspace in the answer, and one token."""
    enterprise = slack.enterprise("Acme")
    ada = slack.person("Ada", slack.workspace("One", enterprise=enterprise)["id"], is_owner=True)

    await there(slack.install, base, ada, org=True)

    found = await store.async_find_bot(enterprise_id=enterprise, team_id=None, is_enterprise_install=True)
    assert (found.team_id, found.enterprise_id, found.is_enterprise_install) == (None, enterprise, True)
    bob = await there(slack.person, "Bob", slack.workspace("Lonely")["id"])
    with pytest.raises(Impossible):
        await there(slack.install, base, bob, org=True)


def test_a_code_is_good_once_for_the_app_that_asked(slack, ada):
    """Wrong secret, wrong address, used code: each its own error."""
    asked = {"client_id": slack.client_id, "scope": "chat:write", "state": "s", "redirect_uri": "https://a.b/c"}

    def exchange(secret=slack.client_secret, **args):
        location = slack.do("authorize", person=ada, query=asked)["location"]
        code = httpx.URL(location).params["code"]
        data = {"code": code, "redirect_uri": "https://a.b/c", **args}
        auth = (slack.client_id, secret)
        answer = httpx.post(f"{slack.api_url}/oauth.v2.access", data=data, auth=auth, trust_env=False)
        return code, answer.json()

    code, good = exchange()
    assert good["ok"]
    assert exchange(code=code)[1]["error"] == "invalid_code"
    assert exchange(secret="wrong")[1]["error"] == "bad_client_secret"
    assert exchange(redirect_uri="https://x.y/z")[1]["error"] == "bad_redirect_uri"
    with pytest.raises(Impossible, match="invalid_scope"):
        slack.do("authorize", person=ada, query=asked | {"scope": "world:rule"})
