"""The pages of a person: each for every role, nothing on them that could run, and nobody's job but one's own."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import httpx
import pytest
from jinja2 import UndefinedError

from adapters.chat.web.caller import ADMIN, Caller
from adapters.chat.web.studio import words
from adapters.chat.web.studio.templates import Pages
from adapters.chat.web.studio.views import Shape, view
from bot.jobs.model import Job, JobError
from bot.jobs.states import State
from bot.people import Role, TokenScope
from tests.adapters.chat.web.reading import read
from tests.adapters.chat.web.web_house import WebHouse, a_web_house
from tests.factories import NOON
from tests.fakes.clock import FakeClock

PAGES = ("/", "/gallery", "/history", "/quota", "/tokens")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "</textarea></title><svg onload=alert(1)>",
    "bell \x07 escape \x1b[31m nul \x00 c1 \x9b",
    "\u202egnp.exe\u202c \u2067rtl\u2069 שלום مرحبا",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
)


async def drawn(web: WebHouse, job: Job, shape: Shape) -> str:
    """A job as an operator's page draws it, whatever stands in the database."""
    caller = Caller(requester=ADMIN, role=Role.OPERATOR, name="admin", by="local")
    template = Pages(web.house.clock).templates.get_template("parts/job.html")
    return template.render(view=await view(web.house.app.service, caller, job), shape=shape, shows_people=True)


async def alice(web: WebHouse, role: Role = Role.MEMBER) -> httpx.AsyncClient:
    """Of the team T1."""
    return await web.as_("slack:T1:UALICE", role)


async def test_every_page_is_there_for_every_role(tmp_path: Path) -> None:
    """A page is whole, runs nothing of its own, and offers the admin pages only to who may see them."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        for role, path in product(Role, PAGES):
            await web.house.app.stores.members.give_role("slack:T1:UALICE", role)
            answer = await client.get(path)
            page = read(answer.text)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
            assert len(page.all("h1")) == 1, path
            assert len(page.all("main")) == 1
            assert bool(page.all("a", href="/admin")) == role.reaches(Role.TEAM_LEAD)


async def test_a_viewer_is_offered_nothing_to_start(tmp_path: Path) -> None:
    """Who may only look sees no form for a clip, and what they send all the same is refused."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web, Role.VIEWER)

        page = read((await client.get("/")).text)
        answer = await client.post("/studio/jobs", data={"prompt": "zoom in"}, files={"image": ("a.png", b"x")})

        assert not page.all("form", id="ask")
        assert answer.status_code == 403


async def test_nobody_sees_a_page_who_is_not_signed_in(tmp_path: Path) -> None:
    """A browser is led to the sign-in page."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        for path in (*PAGES, "/jobs/any", "/jobs/any/poster", "/studio/options"):
            answer = await web.client.get(path, headers={"Accept": "text/html"})

            assert answer.status_code in (302, 303)
            assert answer.headers["location"].startswith("/sign-in")


async def test_a_prompt_is_text_wherever_it_stands(tmp_path: Path) -> None:
    """Markup, templates, control characters and turned writing do nothing on any page, nor in any form that holds them."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        for hostile in HOSTILE:
            client = await web.as_("slack:T1:UALICE", Role.OPERATOR, name=hostile)
            job = await web.delivered(client, prompt=f"a {hostile}")

            holds_it = ("/", "/gallery", "/history", *(f"/jobs/{job.id}{path}" for path in ("", "/edit", "/delete")))
            for path in (*PAGES, *holds_it):
                answer = await client.get(path)
                page = read(answer.text)
                assert answer.status_code == 200, path
                assert not set("\x00\x07\x1b\x9b\u202e\u2067") & set(answer.text)
                if path in holds_it:
                    assert words.harmless(job.prompt) in page.text, path


async def test_somebody_elses_job_is_not_there(tmp_path: Path) -> None:
    """Bob gets the same answer for Alice's job as for one that never was, at every address of it."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        job = await web.delivered(await alice(web))
        bob = await web.as_("slack:T1:UBOB", Role.MEMBER)
        for method, path in (
            ("GET", ""), ("GET", "/card"), ("GET", "/poster"), ("GET", "/picture"), ("GET", "/edit"), ("GET", "/delete"),
            ("GET", "/options?relation=edit"), ("POST", "/again"), ("POST", "/edit"), ("POST", "/loop"), ("POST", "/cancel"),
            ("POST", "/delete"), ("POST", "/start"), ("POST", "/resend"),
        ):  # fmt: skip
            theirs = await bob.request(method, f"/jobs/{job.id}{path}")
            nowhere = await bob.request(method, f"/jobs/{job.id[:-1]}x{path}")
            assert theirs.status_code == nowhere.status_code == 404, path
            assert theirs.text.replace(job.id, "") == nowhere.text.replace(f"{job.id[:-1]}x", "")


async def test_a_team_lead_sees_the_team_and_nobody_else(tmp_path: Path) -> None:
    """History and gallery of a lead hold their workspace's jobs; a stranger's are not among them."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        await web.delivered(await alice(web), prompt="of the team")
        await web.delivered(await web.as_("slack:T2:UMALLORY", Role.MEMBER), prompt="of strangers")
        lead = await web.as_("slack:T1:ULEAD", Role.TEAM_LEAD)

        shown = [(await lead.get(path)).text for path in ("/history", "/gallery?whose=all")]
        asked = await lead.get("/history", params={"user": "slack:T2:UMALLORY"})

        assert all("of the team" in text and "of strangers" not in text for text in shown)
        assert "of strangers" not in asked.text


async def test_the_gallery_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Without a script the next page is a link; with htmx it comes as tiles and the next link, and no tile twice."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        first_job = await web.delivered(client)
        for number in range(24):
            await web.delivered(client, prompt=f"clip {number}")

        first = read((await client.get("/gallery")).text)
        older = first.all("p", id="more")[0]["hx-get"]
        plain = read((await client.get(str(older))).text)
        more = await client.get(str(older), headers={"HX-Request": "true", "HX-Target": "p#more"})

        assert len(first.all("li", class_="tile")) == 24
        assert first.all("a", class_="button", href=str(older))
        assert [tile["data-job"] for tile in plain.all("li", class_="tile")] == [first_job.id]
        assert f'data-job="{first_job.id}"' in more.text
        assert "<html" not in more.text


async def test_history_is_found_by_words_and_filters(tmp_path: Path) -> None:
    """What is looked for stands in the form again, in the CSV's address, and in nothing else that is found."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        await web.delivered(client, prompt="a lighthouse in the fog")
        await web.delivered(client, prompt="a lake at noon")

        page = read((await client.get("/history", params={"q": "fog", "state": "delivered", "cost_max": "5"})).text)
        none = read((await client.get("/history", params={"q": "volcano"})).text)

        assert len(page.all("th", scope="row")) == 1
        assert page.all("input", id="q", value="fog")
        assert page.all("option", value="delivered", selected=None)
        assert page.all("a", href="/api/v1/jobs.csv?q=fog&state=delivered&cost_max=5")
        assert "Nothing found" in none.text


async def test_a_filter_that_makes_no_sense_is_explained(tmp_path: Path) -> None:
    """One sentence on the page; what was filled in stays."""
    async with a_web_house(tmp_path) as web:
        for filters in ({"state": "nonsense"}, {"since": "yesterday"}, {"cost_min": "much"}, {"cursor": "x"}):
            page = read((await web.client.get("/history", params={"q": "fog", **filters})).text)

            assert page.all("p", role="alert", class_="notice bad")
            assert page.all("input", id="q", value="fog")


async def test_a_job_page_tells_all_that_is_known(tmp_path: Path) -> None:
    """Clip, settings, price, ledger, delivery, timeline, and where it comes from and went."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        job = await web.delivered(client, prompt="the fog lifts --seed 7", negative_prompt="text")
        again = await client.post(f"/jobs/{job.id}/again")

        page = read((await client.get(f"/jobs/{job.id}")).text)
        child = read((await client.get(again.headers["location"])).text)

        assert page.all("video", src=f"/api/v1/jobs/{job.id}/video", poster=f"/jobs/{job.id}/poster")
        for words in ("the fog lifts", "7", "text", "$0.50", "Held", "Charged", "Delivered", "Rendering", "UALICE"):
            assert words in page.text, words
        assert page.all("a", href=again.headers["location"])
        assert child.all("a", href=f"/jobs/{job.id}")


async def test_pictures_are_served_and_originals_never(tmp_path: Path) -> None:
    """The stripped picture and the poster go to who sees the job; what a person sent has no address."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        job = await web.delivered(client)
        assets = await web.house.app.stores.assets.of_job(job.id)

        poster = await client.get(f"/jobs/{job.id}/poster")
        picture = await client.get(f"/jobs/{job.id}/picture")

        assert poster.content == b"JUDGE-POSTER\n"
        assert picture.headers["etag"] == f'"{assets["image"].id}"'
        assert "private" in poster.headers["cache-control"]
        assert "immutable" in poster.headers["cache-control"]


async def test_a_card_is_drawn_for_the_page_that_asks(tmp_path: Path) -> None:
    """The same job as a card, a tile, a row and on its page; each asks for its own shape again when it changes."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        job = await web.delivered(client)

        for shape, tag in (("card", "article"), ("tile", "li"), ("row", "tr"), ("page", "article")):
            text = (await client.get(f"/jobs/{job.id}/card", params={"shape": shape})).text
            card = read(text).all(tag, id=f"job-{job.id}")
            assert len(card) == 1
            assert "job:changed" in str(card[0]["hx-trigger"])
        assert (await client.get(f"/jobs/{job.id}/card?shape=poem")).status_code == 422


async def test_the_card_of_a_deleted_job_goes_away(tmp_path: Path) -> None:
    """A page that still shows it takes it off."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        job = await web.delivered(client)
        await client.post(f"/jobs/{job.id}/delete")

        answer = await client.get(f"/jobs/{job.id}/card", headers={"HX-Request": "true"})

        assert answer.status_code == 200
        assert answer.headers["hx-reswap"] == "delete"
        assert answer.text == ""


async def test_a_flagged_clip_is_shown_only_to_who_asks_for_it(tmp_path: Path) -> None:
    """The gallery names it without showing it; on its page it is behind a press."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered()

        tile = read(await drawn(web, replace(job, flagged=True), "tile"))
        whole = read(await drawn(web, replace(job, flagged=True), "page"))

        assert not tile.all("video")
        assert not tile.all("img")
        assert whole.all("details", class_="veil")


async def test_progress_is_shown_only_where_it_is_known(tmp_path: Path) -> None:
    """A bar has a figure when the renderer says one; otherwise nothing is invented."""
    async with a_web_house(tmp_path) as web:
        job = replace(await web.delivered(), state=State.RENDERING, output=None)
        await web.house.clock.advance(75)

        known = read(await drawn(web, replace(job, progress=0.42), "card"))
        unknown = read(await drawn(web, job, "card"))

        assert known.all("progress", value="42")
        assert not unknown.all("progress")
        assert "%" not in unknown.text
        assert "1:15" in unknown.text


async def test_why_it_failed_is_said(tmp_path: Path) -> None:
    """The sentence for the person, and what it cost."""
    async with a_web_house(tmp_path) as web:
        failed = replace(
            await web.delivered(), state=State.FAILED, output=None, charged=None, hold_id=None,
            error=JobError(code="refused", message="The provider refused <this>.", charged=False),
        )  # fmt: skip

        shown = await drawn(web, failed, "card")

        assert "The provider refused <this>." in read(shown).text
        assert "Nothing was charged." in read(shown).text


async def test_quota_is_said_in_words_and_bars(tmp_path: Path) -> None:
    """Used, left, the limit and when it begins anew, for every scope that has a limit."""
    async with a_web_house(tmp_path, needs_sign_in=True, limits={"user_daily_jobs": 4, "user_daily_usd": "2"}) as web:
        client = await alice(web)
        await web.delivered(client)

        page = read((await client.get("/quota")).text)

        assert "$0.50 of $2.00 used, $1.50 left" in page.text
        assert "1 of 4 clips used, 3 left" in page.text
        assert page.all("progress", value="25")
        assert page.all("time")


async def test_a_token_is_made_shown_once_and_revoked(tmp_path: Path) -> None:
    """The secret stands on one page, works at once, and is nowhere afterwards; revoked, it is refused."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)

        made = await client.post("/tokens", data={"label": "the <build> server", "scope": "jobs:write", "days": "30"})
        secret = read(made.text).all("button", data_copy_text=_secret(made.text))[0]["data-copy-text"]
        again = await client.get("/tokens")
        program = await web.open(Authorization=f"Bearer {secret}")
        before = await program.get("/api/v1/quota")
        token = (await web.house.app.stores.tokens.all("slack:T1:UALICE"))[0]
        gone = await client.post(f"/tokens/{token.id}/revoke")
        after = await program.get("/api/v1/quota")

        assert str(secret).startswith("rbt_")
        assert str(secret) not in again.text
        assert "the <build> server" in read(again.text).text
        assert (before.status_code, gone.status_code, after.status_code) == (200, 303, 401)


def _secret(text: str) -> str:
    return next(str(found["data-copy-text"]) for found in read(text).all("button") if found.get("data-copy-text"))


async def test_nobody_makes_a_token_that_reaches_further_than_they(tmp_path: Path) -> None:
    """The form offers no more than one's own role, and a form of one's own making is refused."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)

        offered = read((await client.get("/tokens")).text).all("input", type="radio")
        answer = await client.post("/tokens", data={"scope": TokenScope.ADMIN.value, "days": "30"})

        assert [each["value"] for each in offered] == ["jobs:read", "jobs:write"]
        assert answer.status_code == 403
        assert read(answer.text).all("p", role="alert")
        assert await web.house.app.stores.tokens.all("slack:T1:UALICE") == []


async def test_somebody_elses_token_is_not_revoked(tmp_path: Path) -> None:
    """Not there, says the answer; and it still works."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        theirs, secret = await web.house.app.stores.tokens.make("slack:T1:UBOB", [TokenScope.READ], by="slack:T1:UBOB")

        answer = await (await alice(web)).post(f"/tokens/{theirs.id}/revoke")

        assert answer.status_code == 404
        assert await web.house.app.stores.tokens.verify(secret) is not None


@pytest.mark.parametrize("said", [{"scope": "everything", "days": "30"}, {"scope": "jobs:read", "days": "-1"}, {}])
async def test_a_token_form_that_makes_no_sense_is_explained(tmp_path: Path, said: dict[str, str]) -> None:
    """One sentence, and what was typed stays."""
    async with a_web_house(tmp_path) as web:
        answer = await web.client.post("/tokens", data={"label": "kept", **said})

        assert answer.status_code == 422
        assert read(answer.text).all("input", value="kept")


async def test_the_gallery_holds_every_clip_that_is_kept(tmp_path: Path) -> None:
    """However its job ended; a job without a clip has no tile, and does not hide older ones."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await alice(web)
        kept = await web.delivered(client)
        for _ in range(30):
            await web.ask(client)

        page = read((await client.get("/gallery")).text)

        assert [tile["data-job"] for tile in page.all("li", class_="tile")] == [kept.id]
        assert not page.all("p", id="more")


async def test_the_first_page_is_light(tmp_path: Path) -> None:
    """Everything the studio needs at first, scripts and style included, is at most 60 kB over the wire."""
    async with a_web_house(tmp_path) as web:
        for _ in range(8):
            await web.delivered()
        first = await web.client.get("/")
        page = read(first.text)
        addresses = [str(found["src"]) for found in page.all("script")] + [
            str(found["href"]) for found in page.all("link")
        ]

        answers = [first] + [await web.client.get(address) for address in addresses]

        assert len(addresses) >= 6
        assert all(answer.status_code == 200 for answer in answers)
        assert sum(len(gzip.compress(answer.content, 6)) for answer in answers) <= 60_000
        assert [found["src"] for found in page.all("script") if "vendor" in str(found["src"])] == [addresses[0]]


@pytest.mark.parametrize("sentence", HOSTILE)
def test_pages_before_the_sign_in_hold_to_the_same(sentence: str) -> None:
    """The sign-in page and the page of an error run nothing either, whatever they are given to say."""
    templates = Pages(FakeClock()).templates
    around = {"caller": None, "path": "/sign-in"}
    chats = [{"name": sentence, "url": "/sign-in/slack"}]

    asked = read(
        templates.get_template("sign_in.html").render(around, next=sentence, trouble=sentence, providers=chats)
    )
    error = read(
        templates.get_template("error.html").render(around, status=404, sentence=sentence, what_to_do=sentence)
    )

    for page in (asked, error):
        assert len(page.all("h1")) == len(page.all("main")) == 1
        assert not page.all("nav")
        assert words.harmless(sentence) in page.text
    assert {"next", "token"} == set(next(form for form in asked.forms if form.action == "/sign-in").fields)
    assert asked.all("input", name="token", autocomplete="current-password", type="password")


def test_a_template_that_misses_something_fails_here_and_not_before_a_person() -> None:
    """Nothing that is undefined is shown as an empty string."""
    pages = Pages(FakeClock())

    with pytest.raises(UndefinedError):
        pages.templates.from_string("{{ nobody_said_this }}").render()
    with pytest.raises(KeyError):
        pages.asset("nothing.css")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just now"), (59, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (90_000, "1 day ago")],
)
def test_how_long_ago_is_said_in_the_largest_unit(seconds: int, said: str) -> None:
    """And the moment itself stands behind it, for scripts and for who asks."""
    shown = words.ago(NOON, NOON + timedelta(seconds=seconds))

    assert said in shown
    assert 'datetime="2026-01-01T12:00:00Z"' in shown


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("api:admin", "admin"), ("cli:local", "command line"), ("slack:T1:U2", "U2 (Slack)"), ("discord:1:7", "7 (Discord)"),
        (None, "\N{EN DASH}"), ("somebody", "somebody"),
    ],
)  # fmt: skip
def test_people_are_named_for_people(who: str | None, said: str) -> None:
    """Not as the limits name them."""
    assert words.person(who) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, "\N{EN DASH}"), (0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (50_000_000, "50 MB")],
)
def test_sizes_are_said_as_people_say_them(count: int | None, said: str) -> None:
    """In thousands, as disks are sold."""
    assert words.size(count) == said
