"""The admin pages: who sees which, what a team lead is shown, and nothing on them that could run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.chat.web.admin import providers
from adapters.chat.web.admin.front import PAGES as PLACES
from adapters.chat.web.admin.front import run_checks
from bot.doctor.finding import Finding
from bot.jobs.model import Requester
from bot.money.amount import Money
from bot.money.limits import Limit, Period
from bot.people import Role, TokenScope
from bot.ports import Provider
from bot.workspaces import Permission
from tests.adapters.chat.web.admin_house import ALICE, BOB, MALLORY, PAGES, AdminHouse, an_admin_house
from tests.adapters.chat.web.reading import read

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "</title><svg onload=alert(1)>",
    "bell \x07 escape \x1b[31m c1 \x9b",
    "\u202egnp.exe\u202c \u2067rtl\u2069 שלום",
    "`code` and `<b>more</b>`",
)


def test_every_page_has_its_place() -> None:
    """What the tests below look at is what the navigation offers."""
    assert {url: role for _, url, role in PLACES} == PAGES


async def test_each_page_is_for_its_role(tmp_path: Path) -> None:
    """Others get a plain 403 and nothing of it; who may is offered exactly the pages they may see."""
    async with an_admin_house(tmp_path) as admin:
        for role in Role:
            client = await admin.bob(role)
            for path, least in PAGES.items():
                answer = await client.get(path)
                assert answer.status_code == (200 if role.reaches(least) else 403), (role, path)
                if role.reaches(least):
                    offered = {str(a["href"]) for a in read(answer.text).all("a") if a.get("href") in PAGES}
                    assert offered == {url for url, needed in PAGES.items() if role.reaches(needed)}, (role, path)


async def full(admin: AdminHouse) -> None:
    """Something on every page, all of it named as badly as can be."""
    stores = admin.web.house.app.stores
    for number, text in enumerate(HOSTILE):
        person = f"slack:T1:U{number}"
        await stores.members.sign_in(person, name=text, role=Role.MEMBER)
        await stores.workspaces.see(Requester(platform="discord", workspace=f"{number}", user="x"), text)
        await stores.workspaces.put("discord", f"{number}", list(Permission)[number % 3])
        await stores.tokens.make(person, [TokenScope.READ], by=person, label=text)
        await stores.audit.add(text, "limit.set", text, {text: text, "was": [{"usd": text}]})
    await admin.unconfirmed(BOB, prompt=HOSTILE[0])
    for text in HOSTILE:
        await admin.undelivered(BOB, prompt=text)
    now = admin.web.house.clock.now()
    await stores.health.change("judge", lambda health: health.after_account_refusal(now, HOSTILE[1]))
    await stores.limits.put(Limit(scope="channel:slack:T1:C1", period=Period.MONTH, micro_usd=Money.usd("3.60")))
    await stores.workspaces.block("slack:T1:U3")


async def test_nothing_that_people_wrote_runs_on_a_page(tmp_path: Path) -> None:
    """Names, prompts, labels and reasons are text; no page has a script, a style or a handler of its own."""
    async with an_admin_house(tmp_path) as admin:
        await full(admin)
        operator = await admin.operator()
        for path in PAGES:
            answer = await operator.get(path)
            page = read(answer.text)
            assert answer.status_code == 200, path
            assert len(page.all("h1")) == len(page.all("main")) == 1, path
            assert not page.all("img"), path
            assert not any(character in answer.text for character in "\x07\x1b\x9b\u202e\u2067"), path


async def test_what_needs_somebody_comes_first(tmp_path: Path) -> None:
    """Decisions, budgets, workspaces and providers, the pressing ones before the others; each leads to its page."""
    async with an_admin_house(tmp_path, allowed_workspaces=("slack:T1",)) as admin:
        stores = admin.web.house.app.stores
        await admin.unconfirmed()
        await admin.undelivered()
        await stores.workspaces.see(MALLORY, "Elsewhere")
        await stores.limits.put(Limit(scope="workspace:slack:T1", period=Period.MONTH, micro_usd=Money.usd("1.20")))
        await stores.health.pause("judge", "api:admin")

        page = read((await (await admin.operator()).get("/admin")).text)

        assert "1 job waits for your decision" in page.text
        assert "1 clip is ready and could not be posted" in page.text
        assert "1 workspace waits to be allowed" in page.text
        assert "Elsewhere: only free models work there" in page.text
        assert "This month's budget is 83 % used: slack:T1" in page.text
        assert "Paused: judge" in page.text
        assert page.text.index("for your decision") < page.text.index("could not be posted")


async def test_with_nothing_to_do_the_page_says_so(tmp_path: Path) -> None:
    """A team lead's, whose workspace has no trouble."""
    async with an_admin_house(tmp_path) as admin:
        page = read((await (await admin.alice()).get("/admin")).text)

        assert "Nothing needs you" in page.text


async def test_a_team_lead_is_shown_nothing_of_another_workspace(tmp_path: Path) -> None:
    """No name, prompt, sum, limit or person of it, on any page they see, nor in the table of figures."""
    async with an_admin_house(tmp_path) as admin:
        stores = admin.web.house.app.stores
        await admin.mallory()
        await admin.undelivered(MALLORY, prompt="the secret launch")
        await admin.unconfirmed(MALLORY, prompt="the other secret")
        await stores.workspaces.see(MALLORY, "Elsewhere")
        await stores.limits.put(Limit(scope="workspace:slack:T2", period=Period.MONTH, micro_usd=Money.usd("77.77")))
        await stores.limits.put(Limit(scope="user:slack:T2:UMALLORY", period=Period.DAY, jobs=7))
        await admin.made(ALICE)

        alice = await admin.alice()
        shown = {path: (await alice.get(path)).text for path, role in PAGES.items() if role is Role.TEAM_LEAD}
        shown["csv"] = (await alice.get("/admin/spending.csv")).text

        for path, text in shown.items():
            for word in ("secret", "Mallory", "UMALLORY", "T2", "Elsewhere", "77.77"):
                assert word not in text, (path, word)
        assert "slack:T1:UALICE" in shown["csv"]
        assert "$0.50" in shown["/admin/spending"]


async def test_spending_is_drawn_and_stands_in_a_table(tmp_path: Path) -> None:
    """A drawing with a title and a description, and the same figures as rows; a span without a job says so."""
    async with an_admin_house(tmp_path) as admin:
        await admin.made(ALICE)
        await admin.made(BOB)
        await admin.made(MALLORY)
        operator = await admin.operator()

        page = read((await operator.get("/admin/spending")).text)
        before = read((await operator.get("/admin/spending?since=2025-01-01&until=2025-01-31")).text)

        (plot,) = page.all("svg", role="img")
        assert plot["aria-labelledby"] == "plot-title plot-said"
        assert {"plot-title", "plot-said"} <= set(page.ids)
        assert "Spent per day, 2026-01-01 to 2026-01-01" in page.text
        assert "slack:T1:UALICE" in page.text
        assert "$1.50" in page.text
        assert "Nothing was made in these days." in before.text


NO_SPANS = {
    "since=2026-02-01&until=2026-01-01": "No day lies between 2026-02-01 and 2026-01-01",
    "since=yesterday": "since must be a day like 2026-11-21",
    "since=2020-01-01&until=2026-01-01": "At most 366 days",
}


async def test_a_span_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    """The page is there all the same, with this month's figures."""
    async with an_admin_house(tmp_path) as admin:
        operator = await admin.operator()
        for query, sentence in NO_SPANS.items():
            answer = await operator.get(f"/admin/spending?{query}")

            assert answer.status_code == 422, query
            assert sentence in read(answer.text).text
            assert "2026-01-01" in answer.text


async def test_figures_go_into_a_spreadsheet_unharmed(tmp_path: Path) -> None:
    """One row for each day and model, person, channel and workspace; no cell is a formula."""
    async with an_admin_house(tmp_path) as admin:
        await admin.made(Requester(platform="slack", workspace="=1+1", user="U1"))

        answer = await (await admin.operator()).get("/admin/spending.csv?since=2026-01-01&until=2026-01-31")

        header, *rows = answer.text.splitlines()
        assert answer.headers["content-disposition"] == (
            'attachment; filename="reelbot-spending-2026-01-01-2026-01-31.csv"'
        )
        assert header == "by,name,provider,model,settled_usd,held_usd,clips,open,not_charged"
        assert "day,2026-01-01,judge,judge/clip,0.50,0.00,1,0,0" in rows
        assert not [row for row in rows if ",=" in row]


async def test_a_budget_near_its_end_is_marked(tmp_path: Path) -> None:
    """By a word, too, and not by colour alone."""
    async with an_admin_house(tmp_path) as admin:
        limits = admin.web.house.app.stores.limits
        await limits.put(Limit(scope="channel:slack:T1:C1", period=Period.MONTH, micro_usd=Money.usd("0.60")))
        await limits.put(Limit(scope="user:slack:T1:UALICE", period=Period.DAY, jobs=1))
        await admin.made()

        page = read((await (await admin.alice()).get("/admin/limits")).text)

        assert "$0.50 of $0.60 · near its end" in page.text
        assert "1 of 1 clips · used up" in page.text


async def test_the_settings_figures_are_listed_while_they_hold(tmp_path: Path) -> None:
    """One that was replaced by a stored figure is not; the other figure of the same rule still is."""
    async with an_admin_house(tmp_path, limits={"user_daily_usd": "3.21", "user_daily_jobs": 45}) as admin:
        operator = await admin.operator()
        before = read((await operator.get("/admin/limits")).text)
        await admin.web.house.app.stores.limits.put(
            Limit(scope="user:default", period=Period.DAY, micro_usd=Money.usd("6.54"))
        )

        after = read((await operator.get("/admin/limits")).text)

        assert ("3.21" in before.text, "6.54" in before.text, "45" in before.text) == (True, False, True)
        assert ("3.21" in after.text, "6.54" in after.text, "45" in after.text) == (False, True, True)


async def test_providers_tell_how_they_fare(tmp_path: Path) -> None:
    """The breaker with why and until when, what is left, what is in line, and measured renders once there are enough."""
    async with an_admin_house(tmp_path) as admin:
        house = admin.web.house
        now = house.clock.now()
        await house.app.stores.health.change(
            "judge", lambda health: health.after_account_refusal(now, "no credit left")
        )
        for seconds in (40.0, 41.0, 42.0, 43.0, 70.0):
            await house.app.stores.render_times.add("judge", "judge/clip", 5, "720p", seconds)
        await house.app.stores.render_times.add("judge", "judge/clip", 10, "720p", 90.0)
        await house.ask()

        page = read((await (await admin.operator()).get("/admin/providers")).text)

        assert "No credit left." in page.text
        assert f"{now + timedelta(minutes=15):%H:%M} UTC" in page.text
        assert "$100.00 left" in page.text
        assert "1 in line, 0 being made" in page.text
        assert all(figure in page.text for figure in ("42 s", "70 s", "(too few)"))


async def test_a_provider_that_does_not_answer_does_not_keep_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is asked for within a time; then the page says that nobody answered."""
    monkeypatch.setattr(providers, "BALANCE_S", 0.01)
    async with an_admin_house(tmp_path) as admin:

        async def never(_self: Provider) -> Money | None:
            await asyncio.Event().wait()
            return None

        monkeypatch.setattr(type(admin.web.house.provider), "balance", never)

        page = read((await (await admin.operator()).get("/admin/providers")).text)

        assert "no answer within" in page.text


async def test_the_doctor_s_findings_are_shown_worst_first(tmp_path: Path) -> None:
    """Run when somebody asks; each with why and what to do."""
    async with an_admin_house(tmp_path) as admin:
        await admin.unconfirmed()
        operator = await admin.operator()

        before = read((await operator.get("/admin/doctor")).text)
        page = read((await operator.post("/admin/doctor")).text)

        assert "Check everything" in before.text
        assert "1 unconfirmed:" in page.text
        assert "the database is intact" in page.text
        assert page.text.index("1 unconfirmed:") < page.text.index("the database is intact")


async def test_a_check_that_hangs_or_breaks_leaves_what_the_others_found() -> None:
    """Both end in a finding of their own."""

    async def hangs() -> object:
        yield Finding(id="database", status="ok", what="the database is intact")
        await asyncio.Event().wait()

    async def breaks() -> object:
        yield Finding(id="database", status="ok", what="the database is intact")
        raise RuntimeError("a mistake of ours")

    found = [await run_checks(checks, within_s=0.01) for checks in (hangs, breaks)]  # type: ignore[arg-type]

    assert [[each.id for each in findings] for findings in found] == [
        ["database", "unfinished"],
        ["database", "broken"],
    ]


async def test_the_trail_goes_on_where_a_page_ended(tmp_path: Path) -> None:
    """Fifty acts a page, newest first, and a link to older ones that keeps the filter."""
    async with an_admin_house(tmp_path) as admin:
        for number in range(53):
            await admin.web.house.app.stores.audit.add("api:admin", "limit.set", f"user:slack:T1:U{number:02}")
        await admin.web.house.app.stores.audit.add("api:admin", "person.blocked", "discord:1:7")
        operator = await admin.operator()

        first = read((await operator.get("/admin/audit?action=limit.set")).text)
        (older,) = first.all("a", rel="next")
        second = read((await operator.get(str(older["href"]))).text)

        assert "U52" in first.text
        assert "U03" in first.text
        assert "discord:1:7" not in first.text
        assert all(name in second.text for name in ("U02", "U01", "U00"))
        assert "U03" not in second.text
        assert not second.all("a", rel="next")
