"""What is pressed on the admin pages: it happens, it stands in the audit trail, and only who may can make it happen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from adapters.chat.web.admin.front import SAID
from bot.jobs.states import State
from bot.money.amount import Money
from bot.money.limits import Limit, Period
from bot.people import Role
from bot.workspaces import Permission
from tests.adapters.chat.web.admin_house import BOB, AdminHouse, an_admin_house
from tests.adapters.chat.web.reading import read

NO_JOB = "00000000-0000-7000-8000-000000000000"
OPERATORS_POSTS = {
    "/admin/workspaces": {"workspace": "slack:T1", "permission": "allowed"},
    "/admin/providers/pause": {"provider": "*"},
    "/admin/providers/resume": {"provider": "*"},
    f"/admin/decisions/{NO_JOB}/resolve": {"decision": "lost"},
    "/admin/decisions/correct": {"job_id": NO_JOB, "usd": "1", "reason": "why"},
    "/admin/people/role": {"person": "slack:T1:UBOB", "role": "operator"},
    "/admin/people/sign-out": {"person": "slack:T1:UBOB"},
    "/admin/people/block": {"person": "slack:T1:UBOB"},
    "/admin/people/unblock": {"person": "slack:T1:UBOB"},
    "/admin/tokens": {"person": "alice", "scopes": "admin"},
    "/admin/tokens/revoke": {"token_id": "none"},
    "/admin/doctor": {},
    "/admin/chats": {},
}
LEADS_POSTS = {
    "/admin/limits": {"scope": "workspace:slack:T1", "per": "day", "usd": "1"},
    "/admin/limits/remove": {"scope": "channel:slack:T1:C1"},
    f"/admin/decisions/{NO_JOB}/resend": {},
    f"/admin/decisions/{NO_JOB}/delete": {},
}


async def said(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    """What the page says that an act's answer leads to."""
    assert answer.status_code == 303, answer.text
    page = await client.get(answer.headers["location"], headers=with_said(client, answer.cookies[SAID]))
    assert page.status_code == 200
    start = page.text.index('role="status" dir="auto">') + len('role="status" dir="auto">')
    return page.text[start : page.text.index("</p>", start)]


def with_said(client: httpx.AsyncClient, words: str) -> dict[str, str]:
    """The cookies of a client, and this one."""
    own = client.headers.get("cookie")
    return {"Cookie": f"{own}; {SAID}={words}" if own else f"{SAID}={words}"}


async def trail(admin: AdminHouse) -> list[tuple[str, str, str]]:
    """Who did what to what, oldest first."""
    return [(act.by, act.action, act.subject) for act in await admin.acts()]


def posted(routes: Iterable[Any]) -> Iterator[str]:
    """Paths that take a POST; FastAPI keeps a router that was included as it is."""
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from posted(router.routes)
        elif "POST" in route.methods:
            yield route.path


# --- who may --------------------------------------------------------------------------------------------------------------


async def test_every_form_that_is_posted_is_looked_at_here(tmp_path: Path) -> None:
    """A new form has to be added to the lists above, and so to the tests below."""
    async with an_admin_house(tmp_path) as admin:
        posts = {path.replace("{job_id}", NO_JOB) for path in posted(admin.web.app.routes) if path.startswith("/admin")}

    assert posts == set(OPERATORS_POSTS) | set(LEADS_POSTS)


async def test_nobody_but_operators_posts_what_is_theirs(tmp_path: Path) -> None:
    """A team lead, a member and a viewer are refused, whatever they send; nothing is changed or noted."""
    async with an_admin_house(tmp_path) as admin:
        for client in (await admin.alice(), await admin.bob(), await admin.bob(Role.VIEWER)):
            for path, fields in OPERATORS_POSTS.items():
                assert (await client.post(path, data=fields)).status_code == 403, path

        assert await admin.acts() == []


async def test_nobody_below_a_team_lead_posts_anything(tmp_path: Path) -> None:
    """A member is refused."""
    async with an_admin_house(tmp_path) as admin:
        bob = await admin.bob()
        for path, fields in LEADS_POSTS.items():
            assert (await bob.post(path, data=fields)).status_code == 403, path

        assert await admin.acts() == []


async def test_a_form_on_another_site_posts_nothing(tmp_path: Path) -> None:
    """The browser says where it comes from, and that is not here."""
    async with an_admin_house(tmp_path) as admin:
        alice = await admin.alice()

        answer = await alice.post(
            "/admin/limits", data=LEADS_POSTS["/admin/limits"], headers={"Sec-Fetch-Site": "cross-site"}
        )

        assert answer.status_code == 403
        assert await admin.acts() == []


NOT_THEIRS = (
    "installation", "user:default", "workspace:default", "workspace:slack:T2", "channel:slack:T2:C9", "user:api:admin",
)  # fmt: skip


async def test_a_team_lead_touches_no_limit_but_their_own(tmp_path: Path) -> None:
    """Neither sets nor removes one; the page says why, and keeps what was typed."""
    async with an_admin_house(tmp_path) as admin:
        limits, alice = admin.web.house.app.stores.limits, await admin.alice()
        for scope in NOT_THEIRS:
            await limits.put(Limit(scope=scope, period=Period.DAY, jobs=5))

            put = await alice.post("/admin/limits", data={"scope": scope, "per": "day", "jobs": "9"})
            remove = await alice.post("/admin/limits/remove", data={"scope": scope})

            assert (put.status_code, remove.status_code) == (403, 403), scope
            assert "their own workspace, its channels and its people only" in put.text
            assert read(put.text).all("input", name="scope", value=scope)
        assert {(each.scope, each.jobs) for each in await limits.stored()} == {(scope, 5) for scope in NOT_THEIRS}
        assert await admin.acts() == []


async def test_a_team_lead_of_another_workspace_settles_nothing_here(tmp_path: Path) -> None:
    """To Mallory the job is not there."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.undelivered(BOB)
        mallory = await admin.mallory()

        answers = [await mallory.post(f"/admin/decisions/{job.id}/{deed}") for deed in ("resend", "delete")]

        assert [answer.status_code for answer in answers] == [404, 404]
        assert (await admin.web.house.load(job)).state is State.UNDELIVERED
        assert await admin.acts() == []


# --- decisions --------------------------------------------------------------------------------------------------------------


async def test_lost_gives_the_money_back(tmp_path: Path) -> None:
    """The button settles it: the job fails, its hold is released, and its page says nothing was charged."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.unconfirmed(BOB)
        operator = await admin.operator()
        shown = await operator.get("/admin/decisions")

        answer = await operator.post(f"/admin/decisions/{job.id}/resolve", data={"decision": "lost"})
        sentence = await said(operator, answer)
        job = await admin.web.house.run(job)

        assert f"/admin/decisions/{job.id}/resolve" in {form.action for form in read(shown.text).forms}
        assert sentence == "Decided: it was lost. $0.50 is given back, and its person is told."
        assert (job.state, await admin.web.house.used()) == (State.FAILED, 0)
        assert await trail(admin) == [("api:admin", "job.resolved", job.id)]


async def test_submitted_with_an_id_brings_the_clip(tmp_path: Path) -> None:
    """It is looked for under the id, and posted."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.unconfirmed(BOB)
        operator = await admin.operator()

        answer = await operator.post(
            f"/admin/decisions/{job.id}/resolve", data={"decision": "submitted", "provider_job_id": "theirs-9"}
        )
        job = await admin.web.house.run(job)

        assert answer.status_code == 303
        assert (job.state, job.provider_job_id) == (State.DELIVERED, "theirs-9")


async def test_submitted_without_an_id_is_booked(tmp_path: Path) -> None:
    """Nothing more is known, and the provider will charge: so the ledger does."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.unconfirmed(BOB)
        operator = await admin.operator()

        answer = await operator.post(f"/admin/decisions/{job.id}/resolve", data={"decision": "submitted"})
        sentence = await said(operator, answer)
        job = await admin.web.house.run(job)

        assert sentence.startswith("Decided: it was submitted. $0.50 is booked")
        assert (job.state, job.charged) == (State.FAILED, Money.usd("0.50"))


async def test_within_thirty_seconds_the_page_offers_no_decision_and_takes_none(tmp_path: Path) -> None:
    """The answer may be on its way: it says when, and refuses a form that is sent all the same."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.unconfirmed(BOB)
        submission = await admin.web.house.app.stores.submissions.load(job.attempt_id or "")
        assert submission is not None
        admin.web.house.clock.jump((submission.started_at - admin.web.house.clock.now()).total_seconds() + 10)
        operator = await admin.operator()

        page = read((await operator.get("/admin/decisions")).text)
        answer = await operator.post(f"/admin/decisions/{job.id}/resolve", data={"decision": "lost"})

        assert "you can decide in 20 seconds" in page.text
        assert not [form for form in page.forms if form.action.endswith("/resolve")]
        assert answer.status_code == 409
        assert "decide in 20 seconds" in read(answer.text).text
        assert await admin.acts() == []


async def test_send_again_posts_the_clip(tmp_path: Path) -> None:
    """By the workspace's team lead; the page says why it was not posted before, and how long ago."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.undelivered(BOB)
        alice = await admin.alice()
        shown = read((await alice.get("/admin/decisions")).text)

        answer = await alice.post(f"/admin/decisions/{job.id}/resend")
        job = await admin.web.house.run(job)

        assert "Reelbot may not post in #brand." in shown.text
        assert "Did the provider take it?" not in shown.text
        assert answer.status_code == 303
        assert job.state is State.DELIVERED
        assert await trail(admin) == [("slack:T1:UALICE", "job.resent", job.id)]


async def test_delete_erases_the_clip(tmp_path: Path) -> None:
    """And the page has it no more."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.undelivered(BOB, prompt="the draft nobody wants")
        alice = await admin.alice()

        answer = await alice.post(f"/admin/decisions/{job.id}/delete")

        assert await said(alice, answer) == "The job and its clip are deleted."
        assert "the draft nobody wants" not in (await alice.get("/admin/decisions")).text
        assert await trail(admin) == [("slack:T1:UALICE", "job.deleted", job.id)]


async def test_a_correction_is_booked_on_top(tmp_path: Path) -> None:
    """With its reason; what is no amount is named."""
    async with an_admin_house(tmp_path) as admin:
        job = await admin.made(BOB)
        operator = await admin.operator()
        fields = {"job_id": job.id, "usd": "-$0.20", "reason": "their bill says so"}

        answer = await operator.post("/admin/decisions/correct", data=fields)
        wrong = await operator.post("/admin/decisions/correct", data=fields | {"usd": "a lot"})

        assert await said(operator, answer) == f"-$0.20 is booked on top for job {job.id}."
        assert await admin.web.house.used() == Money.usd("0.30")
        assert (wrong.status_code, "is no amount of dollars" in wrong.text) == (422, True)


# --- what may be spent, and who may ---------------------------------------------------------------------------------------------


async def test_a_workspace_is_allowed_by_one_press(tmp_path: Path) -> None:
    """The page then says what is so."""
    async with an_admin_house(tmp_path, allowed_workspaces=()) as admin:
        workspaces = admin.web.house.app.stores.workspaces
        await workspaces.see(BOB, "Northwind")
        operator = await admin.operator()
        waits = read((await operator.get("/admin/workspaces")).text)

        answer = await operator.post("/admin/workspaces", data={"workspace": "slack:T1", "permission": "allowed"})

        assert "waits for you" in waits.text
        assert await said(operator, answer) == "Northwind is allowed: paid models work there from now on."
        (known,) = await workspaces.all()
        assert known.permission is Permission.ALLOWED
        assert await trail(admin) == [("api:admin", "workspace.allowed", "slack:T1")]


async def test_a_limit_is_set_and_removed(tmp_path: Path) -> None:
    """In dollars, in clips, or lifted; a figure that makes no sense is named, and what was typed stays."""
    async with an_admin_house(tmp_path) as admin:
        operator, limits = await admin.operator(), admin.web.house.app.stores.limits
        fields = {"scope": " workspace:slack:T1 ", "per": "month", "usd": "$12.50", "jobs": "unlimited"}

        answer = await operator.post("/admin/limits", data=fields)
        wrong = await operator.post("/admin/limits", data=fields | {"usd": "much"})
        nothing = await operator.post("/admin/limits", data={"scope": "installation", "per": "day"})
        stored = [(each.scope, each.micro_usd, each.jobs) for each in await limits.stored()]
        removed = await operator.post("/admin/limits/remove", data={"scope": "workspace:slack:T1"})

        assert await said(operator, answer) == "slack:T1: $12.50 and no limit in clips per month."
        assert stored == [("workspace:slack:T1", 12_500_000, -1)]
        assert wrong.status_code == nothing.status_code == 422
        assert read(wrong.text).all("input", name="usd", value="much")
        assert "Say how many dollars, how many clips, or both." in nothing.text
        assert removed.status_code == 303
        assert await limits.stored() == []
        assert [action for _, action, _ in await trail(admin)] == ["limit.set", "limit.removed"]


async def test_a_team_lead_sees_why_a_budget_cannot_be_raised(tmp_path: Path) -> None:
    """Beside the form, with the figure the operator gave."""
    async with an_admin_house(tmp_path) as admin:
        await admin.web.house.app.stores.limits.put(
            Limit(scope="workspace:slack:T1", period=Period.MONTH, micro_usd=Money.usd(40))
        )
        alice = await admin.alice()

        more = await alice.post("/admin/limits", data={"scope": "workspace:slack:T1", "per": "month", "usd": "41"})
        less = await alice.post("/admin/limits", data={"scope": "workspace:slack:T1", "per": "month", "usd": "30"})

        assert more.status_code == 403
        assert "At most $40.00 are given here" in read(more.text).text
        assert less.status_code == 303
        assert await trail(admin) == [("slack:T1:UALICE", "limit.set", "workspace:slack:T1")]


async def test_renders_are_paused_and_resumed(tmp_path: Path) -> None:
    """Of one provider, or of all; what rests is asked at once."""
    async with an_admin_house(tmp_path) as admin:
        operator, health = await admin.operator(), admin.web.house.app.stores.health

        paused = await operator.post("/admin/providers/pause", data={"provider": "judge"})
        sentence = await said(operator, paused)
        was = await health.paused()
        resumed = await operator.post("/admin/providers/resume", data={"provider": "judge"})
        now = admin.web.house.clock.now()
        await health.change("judge", lambda found: found.after_account_refusal(now, "no credit"))
        asked = await operator.post("/admin/providers/resume", data={"provider": "judge"})
        unknown = await operator.post("/admin/providers/pause", data={"provider": "judges"})

        assert sentence == "judge is paused. Renders under way finish; what waits is kept."
        assert was == ["judge"]
        assert await said(operator, resumed) == "Renders are started again."
        assert await said(operator, asked) == "judge is asked at once whether it is well again."
        assert (await health.load("judge")).open_until == now
        assert unknown.status_code == 422


async def test_a_restored_database_is_held_until_everything_is_resumed(tmp_path: Path) -> None:
    """The page says what that means and asks first; resuming one provider does not end it."""
    async with an_admin_house(tmp_path) as admin:
        operator, service = await admin.operator(), admin.web.house.app.service
        await service.stores.health.pause("*", "restore")
        first = read((await operator.get("/admin")).text)
        shown = read((await operator.get("/admin/providers")).text)

        one = await operator.post("/admin/providers/resume", data={"provider": "judge"})
        is_held = await service.operating.held() is not None
        everything = await operator.post("/admin/providers/resume", data={"provider": "*"})

        assert "This database was restored or copied, and is held" in first.text
        assert "Make sure that no other Reelbot runs with it" in shown.text
        assert await said(operator, one) == "Still paused: every provider."
        assert is_held
        assert await said(operator, everything) == "The hold is over: renders are started, paid and posted again."
        assert await service.operating.held() is None


async def test_a_role_is_given_and_sessions_are_ended(tmp_path: Path) -> None:
    """From the next request on: Bob leads, and then is signed out."""
    async with an_admin_house(tmp_path) as admin:
        bob, operator = await admin.bob(), await admin.operator()

        given = await operator.post("/admin/people/role", data={"person": "slack:T1:UBOB", "role": "team_lead"})
        leads = await bob.get("/admin")
        await admin.web.house.clock.advance(1)
        ended = await operator.post("/admin/people/sign-out", data={"person": "slack:T1:UBOB"})
        after = await bob.get("/admin", headers={"Accept": "text/html"})

        assert await said(operator, given) == "Bob is now a team lead."
        assert leads.status_code == 200
        assert await said(operator, ended) == "Bob is signed out everywhere."
        assert after.status_code == 303
        assert after.headers["location"].startswith("/sign-in")


async def test_a_person_is_blocked_and_unblocked(tmp_path: Path) -> None:
    """The page lists who is refused; what names nobody is refused itself."""
    async with an_admin_house(tmp_path) as admin:
        operator, workspaces = await admin.operator(), admin.web.house.app.stores.workspaces

        await operator.post("/admin/people/block", data={"person": " discord:1:7 "})
        page = await operator.get("/admin/people")
        wrong = await operator.post("/admin/people/block", data={"person": "discord:1"})
        await operator.post("/admin/people/unblock", data={"person": "discord:1:7"})

        assert "discord:1:7" in read(page.text).text
        assert wrong.status_code == 422
        assert not await workspaces.is_blocked("discord:1:7")
        assert [action for _, action, _ in await trail(admin)] == ["person.blocked", "person.unblocked"]


async def test_a_token_is_shown_once_and_revoked(tmp_path: Path) -> None:
    """Its secret works, stands on the one page that made it, and in no cookie and no address."""
    async with an_admin_house(tmp_path) as admin:
        operator, tokens = await admin.operator(), admin.web.house.app.stores.tokens

        answer = await operator.post(
            "/admin/tokens",
            data={"person": "alice", "scopes": ["jobs:read", "jobs:write"], "label": "farm", "days": "30"},
        )
        (shown,) = read(answer.text).all("input", aria_label="The new token")
        secret = str(shown["value"])
        works = await tokens.verify(secret)
        later = await operator.get("/admin/tokens")
        (token,) = await tokens.all()
        await operator.post("/admin/tokens/revoke", data={"token_id": token.id})

        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert works is not None
        assert (works.person, works.label) == ("api:alice", "farm")
        assert secret not in later.text
        assert await tokens.verify(secret) is None
        assert [action for _, action, _ in await trail(admin)] == ["token.made", "token.revoked"]


async def test_a_token_for_nobody_or_for_nothing_is_not_made(tmp_path: Path) -> None:
    """A name that is none, and no scope at all."""
    async with an_admin_house(tmp_path) as admin:
        operator = await admin.operator()

        nobody = await operator.post("/admin/tokens", data={"person": "a b", "scopes": "jobs:read"})
        nothing = await operator.post("/admin/tokens", data={"person": "alice"})

        assert (nobody.status_code, nothing.status_code) == (422, 422)
        assert await admin.web.house.app.stores.tokens.all() == []


# --- what a page says afterwards --------------------------------------------------------------------------------------------------


async def test_what_was_done_is_said_once(tmp_path: Path) -> None:
    """The page that says it takes the cookie back."""
    async with an_admin_house(tmp_path) as admin:
        operator = await admin.operator()
        answer = await operator.post("/admin/providers/pause", data={"provider": "*"})

        page = await operator.get("/admin/providers", headers=with_said(operator, answer.cookies[SAID]))

        assert "Every provider is paused. Renders under way finish" in page.text
        assert f'{SAID}=""' in page.headers["set-cookie"]


async def test_nobody_puts_words_into_our_mouth(tmp_path: Path) -> None:
    """What is said is signed, and old words are not said again."""
    async with an_admin_house(tmp_path) as admin:
        operator = await admin.operator()
        answer = await operator.post("/admin/providers/pause", data={"provider": "*"})
        await admin.web.house.clock.advance(120)

        old = await operator.get("/admin/limits", headers=with_said(operator, answer.cookies[SAID]))
        forged = await operator.get("/admin/limits", headers=with_said(operator, "Send-me-your-token"))

        for page in (old, forged):
            assert page.status_code == 200
            assert 'role="status" dir' not in page.text
