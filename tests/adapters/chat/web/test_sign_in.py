"""Who may use the web side: tokens, sessions, other sites, other names, and those who guess."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.people import Role, TokenScope
from tests.adapters.chat.web.web_house import API, PUBLIC_URL, TOKEN, WebHouse, a_web_house, problem

BEARER = {"Authorization": f"Bearer {TOKEN}"}
OURS = {"Origin": PUBLIC_URL}


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebHouse]:
    """A Reelbot that the world can reach, with an admin token."""
    async with a_web_house(tmp_path, needs_sign_in=True) as found:
        yield found


async def sign_in(client: httpx.AsyncClient, token: str = TOKEN, **fields: str) -> httpx.Response:
    return await client.post("/sign-in", data={"token": token, **fields}, headers=OURS)


async def test_nobody_gets_in_without_one(web: WebHouse) -> None:
    """A program is told how to sign in, a browser is brought to where it can; an address that leads nowhere says no more."""
    asked = await web.client.get(f"{API}/jobs")
    page = await web.client.get("/history?q=lake", headers={"Accept": "text/html"})
    nowhere = await web.client.get("/nowhere")

    assert (asked.status_code, problem(asked)["code"]) == (401, "unauthorized")
    assert asked.headers["www-authenticate"].startswith("Bearer")
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2Fhistory%3Fq%3Dlake")
    assert nowhere.status_code == 401


async def test_an_upload_is_refused_before_it_is_read(web: WebHouse) -> None:
    """Whoever is not signed in cannot make us keep a byte."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b"x" * 1000

    answer = await web.client.post(f"{API}/jobs", content=endless(), headers={"Content-Type": "multipart/form-data"})

    assert answer.status_code == 401
    assert read <= 1


async def test_the_admin_token_becomes_a_session(web: WebHouse) -> None:
    """Signed, HttpOnly, for https and this host only; and it ends by signing out."""
    begun = await sign_in(web.client, next="/quota")

    cookie = begun.headers["set-cookie"]
    assert (begun.status_code, begun.headers["location"]) == (303, "/quota")
    assert cookie.startswith("__Host-reelbot_session=")
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert TOKEN not in cookie
    assert (await web.client.get(f"{API}/jobs")).status_code == 200
    assert (await web.client.post("/sign-out", headers=OURS)).status_code == 303
    assert (await web.client.get(f"{API}/jobs")).status_code == 401


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
async def test_signing_in_leads_nowhere_else(web: WebHouse, onward: str) -> None:
    """Only ever to a page of this site."""
    begun = await sign_in(web.client, next=onward)

    assert (begun.status_code, begun.headers["location"]) == (303, "/")


async def test_a_forged_an_expired_and_another_installations_cookie_are_none(web: WebHouse, tmp_path: Path) -> None:
    """Nobody but us makes one, and not for ever."""
    await sign_in(web.client)
    ((name, good),) = web.client.cookies.items()
    async with a_web_house(tmp_path / "other", needs_sign_in=True) as other:
        await sign_in(other.client)
        ((_, foreign),) = other.client.cookies.items()

    answers = {
        what: (await (await web.open(Cookie=f"{name}={value}")).get(f"{API}/jobs")).status_code
        for what, value in {
            "good": good,
            "forged": f"{good[:-2]}AA",
            "foreign": foreign,
            "nonsense": "x" * 5000,
        }.items()
    }
    await web.house.clock.advance(8 * 86_400)
    expired = await (await web.open(Cookie=f"{name}={good}")).get(f"{API}/jobs")

    assert answers == {"good": 200, "forged": 401, "foreign": 401, "nonsense": 401}
    assert expired.status_code == 401


async def test_another_admin_token_ends_its_sessions(tmp_path: Path) -> None:
    """Who had the old one is out."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        await sign_in(web.client)
        cookie = "; ".join(f"{name}={value}" for name, value in web.client.cookies.items())
    async with a_web_house(tmp_path, needs_sign_in=True, token="quite-another-admin-token") as later:
        answer = await (await later.open(Cookie=cookie)).get(f"{API}/jobs")

    assert answer.status_code == 401


async def test_what_another_site_sends_is_refused(web: WebHouse) -> None:
    """By fetch metadata, else by Origin; a cookie that comes with neither is not believed, a token is."""
    await sign_in(web.client)
    told = {"user": "alice"}

    from_elsewhere = [
        await web.client.post(f"{API}/tokens", json=told, headers=headers)
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": PUBLIC_URL},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {},
        )
    ]
    from_here = [
        await web.client.post(f"{API}/tokens", json=told, headers=headers)
        for headers in ({"Sec-Fetch-Site": "same-origin"}, OURS, BEARER)
    ]

    assert [answer.status_code for answer in from_elsewhere] == [403] * 5
    assert [answer.status_code for answer in from_here] == [201] * 3


async def test_another_site_signs_nobody_in_or_out(web: WebHouse) -> None:
    """Also not with the right token."""
    foreign = {"Origin": "https://evil.example"}

    begun = await web.client.post("/sign-in", data={"token": TOKEN}, headers=foreign)
    await sign_in(web.client)
    ended = await web.client.post("/sign-out", headers=foreign)

    assert (begun.status_code, ended.status_code) == (403, 403)
    assert (await web.client.get(f"{API}/jobs")).status_code == 200


async def test_another_name_for_this_server_is_refused(web: WebHouse) -> None:
    """A name that somebody made point here (DNS rebinding); probes and providers may use any."""
    foreign = {"Host": "evil.example"}

    refused = await web.client.get(f"{API}/jobs", headers=BEARER | foreign)

    assert (refused.status_code, problem(refused)["code"]) == (421, "wrong_host")
    assert (await web.client.get("/livez", headers=foreign)).status_code == 200
    assert (await web.client.get(f"{API}/jobs", headers=BEARER | {"Host": "127.0.0.1:8080"})).status_code == 200


async def test_guessing_on_the_page_is_slowed_down(web: WebHouse) -> None:
    """Ten wrong ones in five minutes, and then the right one must wait, too."""
    wrong = [(await sign_in(web.client, token=f"guess-{number}")).status_code for number in range(11)]
    waiting = await sign_in(web.client)
    await web.house.clock.advance(301)

    assert wrong == [401] * 10 + [429]
    assert waiting.status_code == 429
    assert int(waiting.headers["retry-after"]) <= 300
    assert "try again in" in waiting.text
    assert (await sign_in(web.client)).status_code == 303


async def test_guessing_over_the_api_is_slowed_down(web: WebHouse) -> None:
    """More patiently: programs repeat themselves."""
    wrong = {"Authorization": "Bearer wrong"}

    statuses = {(await web.client.get(f"{API}/jobs", headers=wrong)).status_code for _ in range(60)}
    waiting = await web.client.get(f"{API}/jobs", headers=wrong)

    assert statuses == {401}
    assert (waiting.status_code, problem(waiting)["code"]) == (429, "too_many_attempts")


async def test_a_token_is_as_good_as_its_scopes(web: WebHouse) -> None:
    """Reading only reads; writing starts jobs; admin operates; revoked and expired ones are nothing."""
    tokens = web.house.app.stores.tokens
    reading = await web.with_token("api:alice", TokenScope.READ)
    writing = await web.with_token("api:alice", TokenScope.WRITE)
    operating = await web.with_token("api:olga", TokenScope.ADMIN)
    token, secret = await tokens.make("api:alice", [TokenScope.READ], by="api:admin")
    soon = web.house.clock.now() + timedelta(hours=1)
    _, brief = await tokens.make("api:alice", [TokenScope.READ], by="api:admin", expires_at=soon)
    ending, expiring = await web.open(Authorization=f"Bearer {secret}"), await web.open(Authorization=f"Bearer {brief}")

    assert (await reading.get(f"{API}/jobs")).status_code == 200
    assert (await web.ask(reading)).status_code == 403
    assert (await web.ask(writing)).status_code == 202
    assert (await writing.get(f"{API}/limits")).status_code == 403
    assert (await operating.get(f"{API}/limits")).status_code == 200
    assert [(await client.get(f"{API}/jobs")).status_code for client in (ending, expiring)] == [200, 200]
    await tokens.revoke(token.id)
    await web.house.clock.advance(3601)
    assert [(await client.get(f"{API}/jobs")).status_code for client in (ending, expiring)] == [401, 401]


async def test_a_personal_token_signs_in_on_the_page_and_out_with_it(web: WebHouse) -> None:
    """The session ends with the token."""
    token, secret = await web.house.app.stores.tokens.make("api:alice", [TokenScope.WRITE], by="api:admin")

    begun = await sign_in(web.client, token=secret)

    assert begun.status_code == 303
    assert (await web.client.get(f"{API}/tokens")).json()["tokens"][0]["user"] == "api:alice"
    await web.house.app.stores.tokens.revoke(token.id)
    assert (await web.client.get(f"{API}/tokens")).status_code == 401


async def test_a_chats_person_keeps_what_an_operator_gave_and_took(web: WebHouse) -> None:
    """Their role counts from the next request on, for their tokens too; a block and the end of sessions at once."""
    stores = web.house.app.stores
    alice = await web.as_("slack:T1:U1", Role.OPERATOR)
    program = await web.with_token("slack:T1:U1", TokenScope.ADMIN)

    as_operator = [(await each.get(f"{API}/limits")).status_code for each in (alice, program)]
    await stores.members.give_role("slack:T1:U1", Role.MEMBER)
    as_member = [(await each.get(f"{API}/limits")).status_code for each in (alice, program)]
    await stores.workspaces.block("slack:T1:U1")
    blocked = [(await each.get(f"{API}/jobs")).status_code for each in (alice, program)]
    await stores.workspaces.unblock("slack:T1:U1")
    await web.house.clock.advance(1)
    await stores.members.end_sessions("slack:T1:U1")
    ended = (await alice.get(f"{API}/jobs")).status_code

    assert (as_operator, as_member, blocked, ended) == ([200, 200], [403, 403], [403, 403], 401)


async def test_on_this_machine_nobody_needs_one_but_behind_a_proxy(tmp_path: Path) -> None:
    """Any of the headers a proxy adds, and any name but a loopback one, asks for a sign-in."""
    async with a_web_house(tmp_path) as web:
        here = await web.client.get(f"{API}/jobs")
        by_proxy = [
            (await web.client.get(f"{API}/jobs", headers=headers)).status_code
            for headers in (
                {"X-Forwarded-For": "127.0.0.1"},
                {"Forwarded": "for=127.0.0.1"},
                {"Via": "1.1 proxy"},
                {"X-Real-IP": "127.0.0.1"},
                {"Host": "reelbot.example"},
                {"Host": "127.0.0.1.evil.example"},
            )
        ]
        wrong = await web.client.get(f"{API}/jobs", headers={"Authorization": "Bearer something"})

    assert here.status_code == 200
    assert by_proxy == [401] * 6
    assert wrong.status_code == 401


async def test_a_proxy_that_is_not_trusted_is_not_believed(web: WebHouse) -> None:
    """Whoever writes another's address into a header still waits as who they are."""
    for number in range(10):
        await web.client.post(
            "/sign-in", data={"token": "guess"}, headers=OURS | {"X-Forwarded-For": f"198.51.100.{number}"}
        )

    waiting = await sign_in(web.client)

    assert waiting.status_code == 429


async def test_health_and_metrics_tell_strangers_nothing(web: WebHouse) -> None:
    """The bare status; the parts for operators; metrics for operators only."""
    stranger = await web.client.get("/readyz")
    operator = await web.client.get("/readyz", headers=BEARER)
    member = await web.with_token("api:alice", TokenScope.WRITE)

    assert stranger.content == b""
    assert "database" in operator.json()["parts"]
    assert (await member.get("/readyz")).content == b""
    assert (await web.client.get("/metrics")).status_code == 401
    assert (await member.get("/metrics")).status_code == 403
    assert b"reelbot_build_info" in (await web.client.get("/metrics", headers=BEARER)).content
