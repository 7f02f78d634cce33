"""Asking on the page: the price follows every choice, a form is one job, and what cannot be done is said beside its field."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from adapters.chat.web.caller import ADMIN, Caller
from adapters.chat.web.studio.pages import routes
from adapters.chat.web.studio.templates import Pages
from bot.jobs.states import State
from bot.money.amount import Money
from bot.people import Role
from tests.adapters.chat.web.reading import read
from tests.adapters.chat.web.web_house import WebHouse, a_web_house
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.fakes.provider import FakeProvider
from tests.fakes.workshop import SOUND_MAGIC

PICTURE = ("lake.png", PICTURE_MAGIC + b"lake", "image/png")
PIECE = {"HX-Request": "true"}


async def start(client: httpx.AsyncClient, /, *, htmx: bool = True, **fields: str) -> httpx.Response:
    """Press Start."""
    said = {"prompt": "zoom in", **fields}
    return await client.post("/studio/jobs", data=said, files={"image": PICTURE}, headers=PIECE if htmx else {})


async def jobs(web: WebHouse) -> int:
    """How many there are."""
    return len((await web.house.app.stores.history.page()).jobs)


async def test_start_answers_with_the_jobs_card_and_a_fresh_key(tmp_path: Path) -> None:
    """The row is committed before the card is shown; the next press is another wish."""
    async with a_web_house(tmp_path) as web:
        key = read((await web.client.get("/")).text).all("input", name="key")[0]["value"]

        answer = await start(web.client, key=str(key))

        card = read(answer.text)
        [job] = (await web.house.app.stores.history.page()).jobs
        assert card.all("article", id=f"job-{job.id}")
        assert card.all("input", id="ask-key")[0]["value"] != key
        assert answer.headers["hx-trigger"] == "job:asked"
        assert job.requester.person == "api:admin"


async def test_a_double_press_is_one_job(tmp_path: Path) -> None:
    """The same form sent twice has the same key: the second answer shows the first one's job."""
    async with a_web_house(tmp_path) as web:
        first = await start(web.client, key="one-form")
        second = await start(web.client, key="one-form")

        assert read(first.text).all("article")[0]["id"] == read(second.text).all("article")[0]["id"]
        assert await jobs(web) == 1


async def test_a_form_that_was_changed_after_a_lost_answer_can_be_sent_again(tmp_path: Path) -> None:
    """The key names what arrived before; the answer says so, and brings the key of another wish."""
    async with a_web_house(tmp_path) as web:
        await start(web.client, key="one-form", prompt="zoom in")

        refused = await start(web.client, key="one-form", prompt="zoom out")
        key = read(refused.text).all("input", id="ask-key", hx_swap_oob="true")[0]["value"]
        taken = await start(web.client, key=str(key), prompt="zoom out")

        assert refused.status_code == 422
        assert refused.headers["hx-retarget"] == "#start-trouble"
        assert taken.status_code == 200
        assert await jobs(web) == 2


async def test_without_a_script_one_is_led_to_the_jobs_page(tmp_path: Path) -> None:
    """The form posts by itself, and its answer is a page."""
    async with a_web_house(tmp_path) as web:
        form = next(form for form in read((await web.client.get("/")).text).forms if form.action == "/studio/jobs")

        answer = await start(web.client, htmx=False)

        assert form.method == "post"
        assert {"image", "prompt", "model", "duration", "resolution", "camera", "motion", "key"} <= set(form.fields)
        assert answer.status_code == 303
        assert (await web.client.get(answer.headers["location"])).status_code == 200


async def test_what_is_chosen_is_what_is_made(tmp_path: Path) -> None:
    """Every field of the form reaches the job; one left empty leaves it to the prompt's words."""
    async with a_web_house(tmp_path) as web:
        await start(
            web.client, prompt="the fog lifts --1080p", duration="10", camera="orbit", motion="low", seed="7",
            negative_prompt="text", model="judge/judge/clip", resolution="",
        )  # fmt: skip

        [job] = (await web.house.app.stores.history.page()).jobs
        settings = job.settings
        assert (settings.duration_s, settings.resolution, settings.camera) == (10, "1080p", "orbit")
        assert (settings.motion, settings.seed, settings.negative_prompt) == ("low", 7, "text")


WRONG = (
    ({"prompt": "zoom --camera orbitt"}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "x" * 5000}, "prompt"),
    ({"seed": "seven"}, "ask-seed"),
    ({"seed": "99999999999999"}, "ask-seed"),
    ({"duration": "7"}, "prompt"),
    ({"duration": "soon"}, "prompt"),
    ({"model": "nobody/nothing"}, "prompt"),
)


async def test_what_cannot_be_done_is_said_beside_its_field(tmp_path: Path) -> None:
    """One sentence for htmx to put there; without a script the page again, with what was typed. Nothing was kept."""
    async with a_web_house(tmp_path) as web:
        for fields, place in WRONG:
            piece = await start(web.client, **fields)
            page = await start(web.client, htmx=False, **fields)

            assert piece.status_code == page.status_code == 422
            assert piece.headers["hx-retarget"] == f"#{place}-trouble"
            assert "<" not in piece.text
            sentence = re.escape(piece.text.strip())
            assert sentence
            assert re.search(rf'id="{place}-trouble" role="alert">{sentence}</p>', page.text)
            assert fields.get("prompt", "zoom in") in read(page.text).text
        assert await jobs(web) == 0


async def test_a_picture_that_is_none_is_said_beside_the_picture(tmp_path: Path) -> None:
    """Neither a wrong file nor a missing one makes a job."""
    async with a_web_house(tmp_path) as web:
        for picture in (("a.png", b"no picture", "image/png"), ("", b"", "application/octet-stream")):
            files = {"image": picture}
            answer = await web.client.post("/studio/jobs", data={"prompt": "zoom"}, files=files, headers=PIECE)

            assert answer.status_code == 422
            assert answer.headers["hx-retarget"] == "#image-trouble"
        assert await jobs(web) == 0


async def test_a_hostile_file_name_is_only_a_name(tmp_path: Path) -> None:
    """It names no file here, and no page is changed by it."""
    async with a_web_house(tmp_path) as web:
        for name in ("../../etc/passwd", "a\x00b.png", "<img src=x>.png", "\u202egnp.exe", "x" * 400 + ".png"):
            files = {"image": (name, PICTURE[1])}
            answer = await web.client.post("/studio/jobs", data={"prompt": "zoom"}, files=files, headers=PIECE)

            assert answer.status_code == 200, name
            job_id = str(read(answer.text).all("article")[0]["data-job"])
            read((await web.client.get(f"/jobs/{job_id}")).text)
        assert await jobs(web) == 5


async def test_a_limit_that_is_reached_is_said_at_the_button(tmp_path: Path) -> None:
    """Which limit, how much is left, and when it resets; the price box says it before anybody presses."""
    async with a_web_house(tmp_path, limits={"user_daily_jobs": 1, "user_daily_usd": "100"}) as web:
        await web.delivered()

        answer = await start(web.client)
        price = await web.client.get("/studio/options")

        assert answer.status_code == 429
        assert answer.headers["hx-retarget"] == "#start-trouble"
        assert "your daily limit of 1 clips" in answer.text
        assert "your daily limit of 1 clips" in price.text


async def test_the_price_is_the_catalogues_own(tmp_path: Path) -> None:
    """Whatever is chosen, in a field or by a word of the prompt, is priced by the rule that will hold the money."""
    async with a_web_house(tmp_path) as web:
        shown = {
            said: (await web.client.get(f"/studio/options?{said}")).text
            for said in (
                "",
                "duration=10",
                "resolution=1080p",
                "prompt=zoom+--10s+--1080p",
                "duration=10&resolution=480p",
            )
        }

        prices = ["$0.50", "$1.00", "$1.50", "$3.00", "$0.50"]
        for (said, text), price in zip(shown.items(), prices, strict=True):
            assert f'<b class="figure">{price}</b>' in text, said


async def test_the_price_box_is_never_a_failure(tmp_path: Path) -> None:
    """Half-typed words, foreign models and nonsense are a sentence, never an error: somebody is still typing."""
    async with a_web_house(tmp_path) as web:
        for said in (
            {"prompt": "zoom --cam"}, {"prompt": "--"}, {"model": "x/y"}, {"model": "judge/judge/loop"}, {"seed": "-1"},
            {"duration": "7"}, {"duration": "²"}, {"camera": "sideways"}, {"prompt": "--10s", "duration": "5"},
            {"resolution": "4k"}, {"prompt": "\x00\u202e{{ 7 * 7 }}"}, {"offered": "<b>"}, {"negative_prompt": "x" * 9000},
        ):  # fmt: skip
            answer = await web.client.get("/studio/options", params=said)
            assert answer.status_code == 200, said
            read(answer.text)


async def test_another_model_brings_its_own_options(tmp_path: Path) -> None:
    """Lengths and resolutions are offered by the chosen model; one it has not falls back to its usual one."""
    other = FakeProvider("other")
    other.rates = {"480p": Money.usd("0.01")}
    async with a_web_house(tmp_path, providers=[FakeProvider(), other]) as web:
        same = await web.client.get("/studio/options", params={"offered": "judge/judge/clip"})
        changed = await web.client.get(
            "/studio/options",
            params={
                "offered": "judge/judge/clip",
                "model": "other/other/clip",
                "resolution": "1080p",
                "duration": "10",
            },
        )

        assert "ask-options" not in same.text
        options = read(changed.text)
        resolutions = options.all("select", id="ask-resolution")
        assert resolutions
        assert "1080p" not in changed.text
        assert options.all("option", value="10", selected=None)


async def test_words_of_the_prompt_show_in_the_options(tmp_path: Path) -> None:
    """What the prompt sets is what the fields show as usual, so that nothing is said twice."""
    async with a_web_house(tmp_path) as web:
        answer = await web.client.get(
            "/studio/options", params={"offered": "judge/judge/clip", "prompt": "zoom --10s --camera orbit"}
        )

        assert "10 s (prompt)" in answer.text
        assert "10 s, 720p, orbit" in " ".join(read(answer.text).text.split())


async def test_left_quota_stands_beside_the_price(tmp_path: Path) -> None:
    """What is left of one's own allowance, of money where it costs some."""
    async with a_web_house(tmp_path, limits={"user_daily_jobs": 4, "user_daily_usd": "2"}) as web:
        await web.delivered()

        text = " ".join(read((await web.client.get("/studio/options")).text).text.split())

        assert "$1.50 of $2.00 left, 3 of 4 clips left today." in text


async def test_what_is_dear_is_asked_once_more(tmp_path: Path) -> None:
    """Above the threshold the form says so, and the card waits for its own Start, which begins it."""
    limits = {"confirm_above_usd": "0.20", "user_daily_usd": "100"}
    async with a_web_house(tmp_path, limits=limits) as web:
        price = await web.client.get("/studio/options")
        await start(web.client)
        [job] = (await web.house.app.stores.history.page()).jobs
        quoted = await web.house.run(job)

        card = read((await web.client.get(f"/jobs/{job.id}/card")).text)
        pressed = await web.client.post(f"/jobs/{job.id}/start", headers=PIECE)
        done = await web.house.run(quoted)

        assert "asked once more" in price.text
        assert quoted.state is State.QUOTED
        assert "It will cost $0.50." in card.text
        assert card.all("form", action=f"/jobs/{job.id}/start")
        assert pressed.status_code == 200
        assert done.state is State.DELIVERED


async def test_another_site_cannot_start_a_job(tmp_path: Path) -> None:
    """A form that is sent from elsewhere in one's name is refused, whatever it holds."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        client = await web.as_("slack:T1:UALICE", Role.MEMBER)
        client.headers["Sec-Fetch-Site"] = "cross-site"

        assert (await start(client)).status_code == 403
        assert await jobs(web) == 0


async def test_the_newest_jobs_are_on_the_first_page(tmp_path: Path) -> None:
    """Whoever comes back finds what is under way, and nobody else's."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        alice = await web.as_("slack:T1:UALICE", Role.MEMBER)
        await start(alice, prompt="alice's own")
        await start(await web.as_("slack:T1:UBOB", Role.MEMBER), prompt="bob's own")

        page = read((await alice.get("/")).text)

        assert len(page.all("article")) == 1
        assert "alice's own" in page.text


async def test_a_sound_goes_along_and_a_wrong_one_is_said_beside_it(tmp_path: Path) -> None:
    """Where the chosen model takes one."""
    provider = FakeProvider()
    provider.takes_audio = True
    async with a_web_house(tmp_path, providers=[provider]) as web:
        wrong = {"image": PICTURE, "audio": ("a.wav", b"no sound", "audio/wav")}
        right = {"image": PICTURE, "audio": ("a.wav", SOUND_MAGIC + b"waves", "audio/wav")}

        refused = await web.client.post("/studio/jobs", data={"prompt": "zoom"}, files=wrong, headers=PIECE)
        page = await web.client.post("/studio/jobs", data={"prompt": "zoom"}, files=wrong)
        taken = await web.client.post("/studio/jobs", data={"prompt": "zoom"}, files=right, headers=PIECE)

        assert refused.headers["hx-retarget"] == "#ask-audio-trouble"
        assert 'id="ask-audio-trouble" role="alert">This is not a sound.' in page.text
        assert taken.status_code == 200
        [job] = (await web.house.app.stores.history.page()).jobs
        assert job.settings.audio


async def test_an_upload_with_too_many_parts_is_refused(tmp_path: Path) -> None:
    """A form of somebody's own making keeps nothing and breaks nothing."""
    async with a_web_house(tmp_path) as web:
        many = [("image", (f"{number}.png", PICTURE[1])) for number in range(9)]
        fields = {f"field{number}": "x" for number in range(90)}

        files = await web.client.post("/studio/jobs", data={"prompt": "zoom"}, files=many)
        text = await web.client.post("/studio/jobs", data={"prompt": "zoom", **fields}, files={"image": PICTURE})

        assert (files.status_code, text.status_code) == (400, 400)
        assert await jobs(web) == 0


async def test_who_is_blocked_is_told_so_at_the_button(tmp_path: Path) -> None:
    """And a place that may not spend yet hears who can allow it."""
    async with a_web_house(tmp_path, needs_sign_in=True, allowed_workspaces="slack:T9") as web:
        client = await web.as_("slack:T1:UALICE", Role.MEMBER)

        answer = await start(client)

        assert answer.status_code == 403
        assert answer.headers["hx-retarget"] == "#start-trouble"
        assert "an operator of this Reelbot must allow it first" in answer.text


async def test_how_much_may_be_sent_is_said_before(tmp_path: Path) -> None:
    """The page knows what the server takes in one request."""
    async with a_web_house(tmp_path) as web:
        service, clock = web.house.app.service, web.house.clock
        app = FastAPI()
        app.include_router(routes(service, Pages(clock), web.app.state.feed, upload_limit_bytes=50_000_000))

        @app.middleware("http")
        async def sign_in(request: Request, call_next: RequestResponseEndpoint) -> Response:
            request.state.caller = Caller(requester=ADMIN, role=Role.OPERATOR, name="admin", by="local")
            return await call_next(request)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            page = read((await client.get("/")).text)

        assert "up to 50 MB" in page.text
        assert page.all("input", id="image", data_most="50000000")
