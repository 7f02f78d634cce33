"""What is pressed under a job: in place with htmx, as plain forms and pages without, and only by who may."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bot.jobs.model import Job, Relation
from bot.jobs.states import State
from bot.people import Role
from tests.adapters.chat.web.reading import read
from tests.adapters.chat.web.web_house import HERE, PUBLIC_URL, WebHouse, a_web_house

ON_STUDIO = {"HX-Request": "true", "HX-Current-URL": f"{HERE}/"}
CHILDREN = ("edit", "extend", "frame")


async def newest(web: WebHouse) -> Job:
    """The job that was asked for last."""
    return (await web.house.app.stores.history.page(limit=1)).jobs[0]


def elsewhere(job: Job) -> dict[str, str]:
    """Pressed on the job's own page."""
    return {"HX-Request": "true", "HX-Current-URL": f"{HERE}/jobs/{job.id}"}


async def test_again_in_the_studio_brings_a_card_and_elsewhere_a_page(tmp_path: Path) -> None:
    """Where cards hang the new one hangs first; anywhere else one is led to it."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered()

        here = await web.client.post(f"/jobs/{job.id}/again", headers=ON_STUDIO)
        child = await newest(web)
        await web.house.clock.advance(60)
        there = await web.client.post(f"/jobs/{job.id}/loop", headers=elsewhere(job))
        loop = await newest(web)

        assert here.headers["hx-retarget"] == "#cards"
        assert read(here.text).all("article", id=f"job-{child.id}")
        assert child.relation is Relation.AGAIN
        assert there.headers["hx-redirect"] == f"/jobs/{loop.id}"
        assert loop.relation is Relation.LOOP


@pytest.mark.parametrize("relation", CHILDREN)
async def test_a_child_is_asked_for_in_a_form_that_is_filled_in(tmp_path: Path, relation: str) -> None:
    """Prompt, settings and price of the parent stand there, in a dialog or on a page; what is left is as it was."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered(prompt="the fog lifts", duration="10", camera="orbit", negative_prompt="text")

        page = read((await web.client.get(f"/jobs/{job.id}/{relation}")).text)
        piece = read((await web.client.get(f"/jobs/{job.id}/{relation}", headers=ON_STUDIO)).text)
        answer = await web.client.post(f"/jobs/{job.id}/{relation}", data={"prompt": "the fog comes back"})

        child = await newest(web)
        assert page.all("h1")
        assert piece.all("h2", id="dialog-title")
        for shown in (page, piece):
            assert "the fog lifts" in shown.text
            assert "$1.00" in shown.text
            assert shown.all("form", action=f"/jobs/{job.id}/{relation}", method="post")
        assert answer.status_code == 303
        assert (child.relation, child.parent_id, child.prompt) == (relation, job.id, "the fog comes back")
        assert (child.settings.duration_s, child.settings.camera) == (10, "orbit")
        assert child.settings.negative_prompt == "text"


async def test_edit_changes_what_is_changed_and_nothing_else(tmp_path: Path) -> None:
    """A field that says what was so already says nothing, so that the prompt's words may."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered(prompt="the fog lifts", negative_prompt="text", motion="high")
        form = {"prompt": "the fog lifts --10s", "model": "judge/judge/clip", "duration": "", "camera": "static"}

        await web.client.post(f"/jobs/{job.id}/edit", data={**form, "negative_prompt": "", "motion": "high"})

        settings = (await newest(web)).settings
        assert (settings.duration_s, settings.camera, settings.motion) == (10, "static", "high")
        assert settings.negative_prompt is None


async def test_an_edit_without_a_change_is_refused_in_the_form(tmp_path: Path) -> None:
    """The sentence stands in the form, and what was filled in stays."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered(prompt="the fog lifts")

        piece = await web.client.post(f"/jobs/{job.id}/edit", data={"prompt": "the fog lifts"}, headers=ON_STUDIO)
        page = await web.client.post(f"/jobs/{job.id}/edit", data={"prompt": "the fog lifts"})

        assert piece.status_code == page.status_code == 422
        assert piece.headers["hx-retarget"] == "#edit-trouble"
        assert "Nothing was changed" in read(page.text).text
        assert "the fog lifts" in read(page.text).text


async def test_the_price_of_a_child_follows_its_form(tmp_path: Path) -> None:
    """By the same rule as a first clip's."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered(prompt="the fog lifts")

        answer = await web.client.get(
            f"/jobs/{job.id}/options", params={"relation": "extend", "duration": "10", "resolution": "1080p"}
        )

        assert "$3.00" in answer.text
        assert 'hx-target="#extend-price"' in answer.text


async def test_a_form_sent_twice_is_one_child(tmp_path: Path) -> None:
    """Its key is the same."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered()
        page = read((await web.client.get(f"/jobs/{job.id}/edit")).text)
        key = page.all("input", name="key")[0]["value"]

        answers = [
            await web.client.post(f"/jobs/{job.id}/edit", data={"prompt": "another", "key": str(key)}) for _ in range(2)
        ]

        assert answers[0].headers["location"] == answers[1].headers["location"]


async def test_cancel_is_pressed_in_place(tmp_path: Path) -> None:
    """The wish is committed, and the card says so until the job has followed."""
    async with a_web_house(tmp_path) as web:
        answer = await web.ask()
        job = await web.house.app.stores.jobs.load(answer.json()["id"])
        assert job is not None

        pressed = await web.client.post(f"/jobs/{job.id}/cancel", data={"shape": "page"}, headers=elsewhere(job))
        ended = await web.house.run(job)
        late = await web.client.post(f"/jobs/{job.id}/start", headers=ON_STUDIO)

        assert "You asked to cancel it" in read(pressed.text).text
        assert read(pressed.text).all("article", class_="job whole")
        assert not read(pressed.text).all("form", action=f"/jobs/{job.id}/cancel")
        assert ended.state is State.CANCELLED
        assert late.status_code == 409
        assert late.headers["hx-retarget"] == f"#trouble-{job.id}"


async def test_send_again_makes_another_delivery(tmp_path: Path) -> None:
    """By a plain form, too."""
    async with a_web_house(tmp_path) as web:
        job = await web.delivered()

        answer = await web.client.post(f"/jobs/{job.id}/resend")
        await web.house.run(job)

        assert answer.headers["location"] == f"/jobs/{job.id}"
        assert len(await web.house.app.stores.deliveries.of_job(job.id)) == 2


async def test_delete_asks_first_then_says_what_remains(tmp_path: Path) -> None:
    """In a dialog and as a page; afterwards the job is nowhere, and its card goes."""
    async with a_web_house(tmp_path) as web:
        job, other = await web.delivered(), await web.delivered()

        asked = read((await web.client.get(f"/jobs/{job.id}/delete", headers=ON_STUDIO)).text)
        done = await web.client.post(f"/jobs/{job.id}/delete", headers=ON_STUDIO)
        page = await web.client.post(f"/jobs/{other.id}/delete")

        assert asked.all("form", action=f"/jobs/{job.id}/delete", method="post")
        assert f'hx-target="#job-{job.id}" hx-swap="delete"' in done.text
        assert "stay in the ledger" in read(page.text).text
        assert (await web.client.get(f"/jobs/{job.id}")).status_code == 404
        assert (await web.client.get(f"/jobs/{other.id}")).status_code == 404


async def test_each_sees_the_buttons_that_are_theirs(tmp_path: Path) -> None:
    """Edit is for who asked; a lead may delete and make another take; who may only look is offered nothing."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        alice = await web.as_("slack:T1:UALICE", Role.MEMBER)
        job = await web.delivered(alice)

        async def offered(client: httpx.AsyncClient) -> set[str]:
            page = read((await client.get(f"/jobs/{job.id}/card")).text)
            forms = {str(form["action"]).rpartition("/")[2] for form in page.all("form")}
            links = {str(link["href"]).rpartition("/")[2] for link in page.all("a") if link.get("hx-get")}
            return forms | links

        lead = await offered(await web.as_("slack:T1:ULEAD", Role.TEAM_LEAD))
        own = await offered(alice)
        await web.house.app.stores.members.give_role("slack:T1:UALICE", Role.VIEWER)
        viewer = await offered(alice)

        assert own == {"again", "edit", "extend", "loop", "frame", "resend", "delete"}
        assert lead == own - {"edit"}
        assert viewer == set()


async def test_a_press_that_is_not_ones_own_is_refused(tmp_path: Path) -> None:
    """A form of one's own making gets no further than the button that was not shown."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        alice = await web.as_("slack:T1:UALICE", Role.MEMBER)
        job = await web.delivered(alice)
        lead = await web.as_("slack:T1:ULEAD", Role.TEAM_LEAD)
        headers = {"HX-Request": "true", "HX-Current-URL": f"{PUBLIC_URL}/"}

        edited = await lead.post(f"/jobs/{job.id}/edit", data={"prompt": "mine now"}, headers=headers)
        form = await lead.get(f"/jobs/{job.id}/edit", headers=headers)
        await web.house.app.stores.members.give_role("slack:T1:UALICE", Role.VIEWER)
        again = await alice.post(f"/jobs/{job.id}/again", headers=headers)
        deleted = await alice.post(f"/jobs/{job.id}/delete", headers=headers)

        assert [answer.status_code for answer in (edited, form, again, deleted)] == [403] * 4
        assert len((await web.house.app.stores.history.page()).jobs) == 1
