"""Signing in with Slack and with Discord, against emulated pages of consent over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from adapters.chat.web.chat_sign_in import DiscordSignIn, SlackSignIn
from adapters.chat.web.server import chats_of
from bot.errors import ConfigurationError
from bot.people import Role
from bot.settings import load_settings
from bot.workspaces import Permission
from tests.adapters.chat.web.web_house import API, PUBLIC_URL, WebHouse, a_web_house
from tests.emulators.consent import CLIENT_ID, CLIENT_SECRET, Consent, a_consent

PAGE = {"Accept": "text/html"}
SERVER, OTHER, FOREIGN = "100000000000000001", "100000000000000002", "100000000000000003"


@pytest.fixture
async def consent() -> AsyncIterator[Consent]:
    """Slack and Discord."""
    async with a_consent() as found:
        yield found


@pytest.fixture
async def web(tmp_path: Path, consent: Consent) -> AsyncIterator[WebHouse]:
    """A Reelbot that lets people of both sign in, and is used in one workspace and two servers."""
    account = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "role": Role.VIEWER}
    chats = (
        SlackSignIn(api_url=f"{consent.url}/api", **account),  # type: ignore[arg-type]  # each as it is called
        DiscordSignIn(api_url=f"{consent.url}/api/v10", **account),  # type: ignore[arg-type]
    )
    async with a_web_house(tmp_path, needs_sign_in=True, chats=chats, operators=("slack:T1:OLGA",)) as found:
        for platform, workspace in (("slack", "T1"), ("discord", SERVER), ("discord", OTHER)):
            await found.house.app.stores.workspaces.put(platform, workspace, Permission.ALLOWED)
        yield found


async def there_and_back(web: WebHouse, consent: Consent, chat: str, onward: str = "/history") -> httpx.Response:
    """A browser that goes to the chat, says yes, and comes back."""
    begun = await web.client.get(f"/sign-in/{chat}", params={"next": onward}, headers=PAGE)
    assert begun.status_code == 302, begun.text
    back = consent.consent(begun.headers["location"])
    assert back.startswith(f"{PUBLIC_URL}/sign-in/{chat}/callback?")
    return await web.client.get(f"{urlsplit(back).path}?{urlsplit(back).query}", headers=PAGE)


async def who(web: WebHouse) -> set[str]:
    quota = (await web.client.get(f"{API}/quota")).json()
    return {each["scope"] for each in quota["scopes"] if each["scope"].startswith("user:")}


async def test_somebody_of_slack_becomes_who_they_are_there(web: WebHouse, consent: Consent) -> None:
    """The same person with the same budgets; a viewer until an operator gives them more."""
    entered = await there_and_back(web, consent, "slack")

    assert (entered.status_code, entered.headers["location"]) == (303, "/history")
    assert await who(web) == {"user:slack:T1:U1"}
    assert (await web.ask()).status_code == 403
    (member,) = await web.house.app.stores.members.all()
    assert (member.person, member.name, member.role) == ("slack:T1:U1", "Alice", Role.VIEWER)


async def test_the_sign_in_page_offers_both(web: WebHouse) -> None:
    """And remembers where somebody wanted to go."""
    page = (await web.client.get("/sign-in", params={"next": "/gallery"}, headers=PAGE)).text

    assert 'href="/sign-in/slack?next=%2Fgallery"' in page
    assert 'href="/sign-in/discord?next=%2Fgallery"' in page


async def test_an_operator_by_the_settings_is_one_here_too(web: WebHouse, consent: Consent) -> None:
    """Whoever operates in the chat, operates on the page."""
    consent.person.user = "OLGA"

    await there_and_back(web, consent, "slack")

    assert (await web.client.get(f"{API}/limits")).status_code == 200


async def test_signing_in_again_keeps_the_role_an_operator_gave(web: WebHouse, consent: Consent) -> None:
    """What the chat says is a beginning."""
    await there_and_back(web, consent, "slack")
    await web.house.app.stores.members.give_role("slack:T1:U1", Role.TEAM_LEAD)

    await there_and_back(web, consent, "slack")

    assert (await web.house.app.stores.members.load("slack:T1:U1")).role is Role.TEAM_LEAD  # type: ignore[union-attr]


async def test_a_member_of_one_server_enters_it_with_their_roles(web: WebHouse, consent: Consent) -> None:
    """Manage Server makes a team lead; role ids come along for their allowance."""
    person = consent.person
    person.guilds = [
        {"id": SERVER, "name": "Studio", "owner": False, "permissions": str(0x20)},
        {"id": FOREIGN, "name": "Elsewhere", "owner": True, "permissions": "8"},
    ]
    person.members = {SERVER: {"nick": "Al", "roles": ["9", "8"]}}

    entered = await there_and_back(web, consent, "discord")

    assert entered.status_code == 303
    assert await who(web) == {f"user:discord:{SERVER}:U1"}
    (member,) = await web.house.app.stores.members.all()
    assert (member.name, member.role, member.chat_roles) == ("Al", Role.TEAM_LEAD, ("8", "9"))


async def test_a_member_of_several_servers_chooses_one(web: WebHouse, consent: Consent) -> None:
    """Only among those where we are; a name in the form is no proof."""
    person = consent.person
    person.guilds = [
        {"id": guild, "name": f"<b>{guild}</b>", "owner": False, "permissions": "0"}
        for guild in (SERVER, OTHER, FOREIGN)
    ]
    person.members = {guild: {"nick": None, "roles": []} for guild in (SERVER, OTHER, FOREIGN)}
    here = {"Origin": PUBLIC_URL, **PAGE}

    asked = await there_and_back(web, consent, "discord")
    foreign = await web.client.post("/sign-in/discord/choose", data={"workspace": FOREIGN}, headers=here)
    chosen = await web.client.post("/sign-in/discord/choose", data={"workspace": OTHER}, headers=here)

    assert asked.status_code == 200
    assert "&lt;b&gt;100000000000000002&lt;/b&gt;" in asked.text
    assert FOREIGN not in asked.text
    assert foreign.status_code == 403
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/history")
    assert await who(web) == {f"user:discord:{OTHER}:U1"}


@pytest.mark.parametrize("chat", ["slack", "discord"])
async def test_who_is_nowhere_where_reelbot_is_stays_out(web: WebHouse, consent: Consent, chat: str) -> None:
    """A workspace nobody uses it in, a blocked one: told why, and no session."""
    consent.person.team = "T9"
    consent.person.guilds = [{"id": FOREIGN, "name": "Elsewhere", "owner": True, "permissions": "8"}]

    refused = await there_and_back(web, consent, chat)

    assert refused.status_code == 403
    assert "ask an operator" in refused.text
    assert (await web.client.get(f"{API}/jobs")).status_code == 401
    assert [
        each.workspace for each in await web.house.app.stores.workspaces.all() if each.workspace in ("T9", FOREIGN)
    ] == []


async def test_a_blocked_person_and_a_blocked_workspace_stay_out(web: WebHouse, consent: Consent) -> None:
    """As in the chat."""
    workspaces = web.house.app.stores.workspaces
    await workspaces.block("slack:T1:U1")
    person = await there_and_back(web, consent, "slack")
    await workspaces.unblock("slack:T1:U1")
    await workspaces.put("slack", "T1", Permission.BLOCKED)
    team = await there_and_back(web, consent, "slack")

    assert (person.status_code, team.status_code) == (403, 403)


async def test_a_callback_that_nobody_here_asked_for_is_refused(web: WebHouse, consent: Consent) -> None:
    """Another browser's consent, a code used twice, a state made up, a consent declined, a forged id token."""
    begun = await web.client.get("/sign-in/slack", headers=PAGE)
    back = urlsplit(consent.consent(begun.headers["location"]))
    other = await web.open()

    stolen = await other.get(f"{back.path}?{back.query}", headers=PAGE)
    made_up = await web.client.get("/sign-in/slack/callback?code=x&state=y", headers=PAGE)
    declined = await web.client.get("/sign-in/slack/callback?error=access_denied&state=y", headers=PAGE)
    consent.forges_nonce = True
    forged = await there_and_back(web, consent, "slack")
    consent.forges_nonce, consent.refuses_tokens = False, True
    refused = await there_and_back(web, consent, "slack")

    answers = [stolen, made_up, declined, forged, refused]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert all("begin again" in answer.text for answer in answers)
    assert [client.cookies.get("__Host-reelbot_session") for client in (web.client, other)] == [None, None]


async def test_a_chat_that_is_away_is_said_so(tmp_path: Path) -> None:
    """One sentence, and nothing of the address in it."""
    away = SlackSignIn(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, api_url="http://127.0.0.1:9/api", role=Role.VIEWER
    )
    async with a_web_house(tmp_path, needs_sign_in=True, chats=(away,)) as web:
        answer = await web.client.get("/sign-in/slack", headers=PAGE)

    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"web": {"sign_in": "slack"}}, "REELBOT_WEB__PUBLIC_URL"),
        ({"web": {"sign_in": "slack", "public_url": PUBLIC_URL}}, "REELBOT_SLACK__CLIENT_ID"),
        ({"web": {"sign_in": "discord", "public_url": PUBLIC_URL}}, "REELBOT_DISCORD__CLIENT_ID"),
        ({"web": {"sign_in": "myspace", "public_url": PUBLIC_URL}}, "slack, discord"),
    ],
)
def test_settings_that_cannot_work_are_said_at_the_start(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    """What is missing, by its name."""
    chosen = load_settings({**settings, "data_dir": tmp_path}, environ={}, cwd=tmp_path)

    with pytest.raises(ConfigurationError, match=said):
        chats_of(chosen)
