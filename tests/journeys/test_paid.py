"""The paid path of a person over HTTP: a real server, an emulated service on a real socket, its bills as the judge."""

from __future__ import annotations

import hashlib
import socket
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.emulators.processes import VendorProcess, base_url, vendor_emulator
from tests.journeys.running import document, reelbot, server

VENDORS = ("wavespeed", "eachlabs")
TOKEN = "a-token-of-this-test-only"
PUBLIC = "https://bot.example.net"


class Account:
    """Somebody who uses the API of a server, and the books of the service behind it."""

    def __init__(self, address: str, service: VendorProcess, picture: Path) -> None:
        self.service = service
        self._picture = picture
        self._http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

    def ask(self, prompt: str, *, sound: Path | None = None, **fields: str) -> dict[str, Any]:
        """Order a clip."""
        files = {"image": self._picture.read_bytes()} | ({"audio": sound.read_bytes()} if sound else {})
        answer = self._http.post("/api/v1/jobs", data={"prompt": prompt, "confirm": "true"} | fields, files=files)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def extend(self, job_id: str, prompt: str) -> dict[str, Any]:
        """Go on from its last frame."""
        body = {"relation": "extend", "prompt": prompt, "confirm": True}
        answer = self._http.post(f"/api/v1/jobs/{job_id}/again", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def download(self, address: str) -> httpx.Response:
        """A file of the API."""
        return self._http.get(address)

    def job(self, job_id: str) -> dict[str, Any]:
        """As it stands."""
        return dict(self._http.get(f"/api/v1/jobs/{job_id}").json())

    def wait(self, job_id: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Until the job stands there."""
        return self.until(lambda: self.job(job_id), lambda job: job["state"] in states, seconds)

    def until(self, look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 60) -> Any:
        """Look until it is good."""
        deadline = time.monotonic() + seconds
        while not good(seen := look()):
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        return seen

    def bills(self) -> list[dict[str, Any]]:
        """What was accepted so far."""
        return self.service.events("accepted")


@contextmanager
def account(
    tmp_path: Path, vendor: str, *, webhooks: bool = False, env: dict[str, str] | None = None, **settings: Any
) -> Iterator[Account]:
    """A server with an account at an emulated service; nothing no correct client would send is forgiven."""
    picture = tmp_path / "picture.png"
    Image.effect_mandelbrot((640, 480), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(picture)
    port = _free_port()
    settings = {"reachable": {PUBLIC: f"http://127.0.0.1:{port}"}, "check_media": True} | settings
    with vendor_emulator(tmp_path, vendor, **settings) as service:
        name = vendor.upper()
        chosen = {
            f"REELBOT_{name}__API_KEY": "test-key",
            f"REELBOT_{name}__BASE_URL": base_url(vendor, service.url),
            f"REELBOT_{name}__CREATES_PER_MINUTE": "1000",
            f"REELBOT_{name}__MAX_CONCURRENT": "20",
            "REELBOT_WEB__ADMIN_TOKEN": TOKEN,
            "REELBOT_WEB__PORT": str(port),
            "REELBOT_LIMITS__USER_DAILY_USD": "100",
            "REELBOT_LIMITS__USER_CONCURRENT": "20",
        }
        chosen |= {"REELBOT_WEB__PUBLIC_URL": PUBLIC} if webhooks else {}
        with server(tmp_path, env=chosen | (env or {}), port=port) as (address, _process):
            yield Account(address, service, picture)
        assert [event["why"] for event in service.events("violation")] == []


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_picture_and_a_sentence_become_a_paid_clip(tmp_path: Path, vendor: str) -> None:
    with account(tmp_path, vendor) as here:
        asked = here.ask("the sea begins to move --10s --1080p --seed 7 --camera zoom-in", negative_prompt="blur")
        job = here.wait(asked["id"], "delivered")
        [bill] = here.bills()

    usd = "1.02" if vendor == "wavespeed" else "1.50"
    assert (job["provider"], job["price"]["held_usd"], job["price"]["charged_usd"]) == (vendor, usd, usd)
    assert job["provider_job_id"] == bill["provider_job_id"]
    assert (bill["duration_s"], bill["resolution"], bill["seed"], bill["negative_prompt"]) == (10, "1080p", 7, "blur")
    assert bill["prompt"].startswith("the sea begins to move")
    assert bill["expand"] is (vendor == "eachlabs"), "each vendor's own default, said explicitly"
    assert job["output"]["bytes"] > 0


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("marker", ["", "[webhook-twice]", "[webhook-early]"])
def test_a_webhook_ends_the_wait(tmp_path: Path, vendor: str, marker: str) -> None:
    """The render ends long before the next poll would come; the service's own answer to a question stays the proof."""
    # Polls come once a minute here, so that only the call can be what ends the wait.
    with account(tmp_path, vendor, webhooks=True, render_s=3, env={"REELBOT_POLL__FASTEST_SECONDS": "60"}) as here:
        job = here.wait(here.ask(f"the sea {marker}")["id"], "delivered", seconds=45)
        calls = here.service.events("webhook-sent")

    assert {call["answer"] for call in calls} == {200}
    assert len(here.bills()) == 1
    assert len(job["deliveries"]) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_lost_answer_is_found_by_the_webhook(tmp_path: Path, vendor: str) -> None:
    """Nobody heard the id when it was ordered; the call names it, and nothing is ordered again."""
    with account(tmp_path, vendor, webhooks=True, render_s=1) as here:
        here.service.knobs(list="503", webhook_log="503", input_shown=False)
        job = here.wait(here.ask("the sea [lost-answer]")["id"], "delivered", seconds=45)

    assert [bill["provider_job_id"] for bill in here.bills()] == [job["provider_job_id"]]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("marker", ["webhook-other-job", "webhook-old-secret"])
def test_a_call_that_proves_nothing_changes_nothing(tmp_path: Path, vendor: str, marker: str) -> None:
    with account(tmp_path, vendor, webhooks=True, render_s=0.5) as here:
        other = here.wait(here.ask("the other one")["id"], "delivered")
        job = here.wait(here.ask(f"the sea [{marker}]")["id"], "delivered")

    answers = [call["answer"] for call in here.service.events("webhook-sent")]
    assert set(answers) - {200}, "it was refused"
    assert job["provider_job_id"] != other["provider_job_id"]
    assert len(here.bills()) == 2


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_storm_of_errors_leaves_at_most_two_unconfirmed(tmp_path: Path, vendor: str) -> None:
    """Ten people order while every create is answered 503; the others wait in line, and go on when it is over."""
    with account(tmp_path, vendor, render_s=0.2) as here:
        here.service.knobs(create="503")
        ids = [here.ask(f"wave {number}")["id"] for number in range(10)]
        here.until(
            lambda: [here.job(job_id)["state"] for job_id in ids], lambda states: states.count("unconfirmed") == 2
        )
        time.sleep(8)  # look-ups at 5 s find nothing, and nobody is sent after the first two
        states = [here.job(job_id)["state"] for job_id in ids]

        assert sorted(states) == ["queued"] * 8 + ["unconfirmed"] * 2
        assert here.bills() == []
        creates = here.service.counts()["create"]
        assert creates == 2


def test_another_provider_takes_it_within_the_same_price(tmp_path: Path) -> None:
    """Eachlabs refuses the account; WaveSpeed is cheaper, and takes it. Once, and said."""
    with vendor_emulator(tmp_path, "wavespeed", render_s=0.2) as cheaper:
        env = {
            "REELBOT_WAVESPEED__API_KEY": "test-key",
            "REELBOT_WAVESPEED__BASE_URL": cheaper.url,
            "REELBOT_DEFAULT_PROVIDER": "eachlabs",
        }
        with account(tmp_path, "eachlabs", env=env) as here:
            here.service.knobs(create="403")
            job = here.wait(here.ask("the sea", expand="false")["id"], "delivered")
            assert here.bills() == []

        assert (job["provider"], job["price"]["charged_usd"]) == ("wavespeed", "0.34")
        assert len(cheaper.events("accepted")) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_inputs_can_be_read_from_our_own_address(tmp_path: Path, vendor: str) -> None:
    """Nothing is uploaded; the service reads a signed link, and that it did is written down."""
    env = {f"REELBOT_{vendor.upper()}__UPLOAD": "own"}
    with account(tmp_path, vendor, webhooks=True, env=env) as here:
        here.wait(here.ask("the sea")["id"], "delivered")
        [bill] = here.bills()
        assert bill["input_url"].startswith(f"{PUBLIC}/media/")
        assert here.service.events("hosted") == []
        assert here.service.events("fetched-input")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_sound_goes_along_and_an_extension_is_a_second_order_joined_to_the_first(tmp_path: Path, vendor: str) -> None:
    """The sound is cut to the clip and hosted like the picture; the part is paid, the whole is delivered."""
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(4 * 44_100 * 8))
    with account(tmp_path, vendor) as here:
        asked = here.ask("the sea begins to move", sound=sound)
        first = here.wait(asked["id"], "delivered")
        again = here.extend(first["id"], "and then it rains")
        extended = here.wait(again["id"], "delivered")
        bills = here.bills()
        part_file = here.download(extended["output"]["part"]["url"])
        no_part = here.download(first["output"]["url"].replace("video", "part"))

    assert (part_file.status_code, part_file.content[4:8], no_part.status_code) == (200, b"ftyp", 404)
    assert hashlib.sha256(part_file.content).hexdigest() == extended["output"]["part"]["sha256"]
    assert [bool(bill["audio_url"]) for bill in bills] == [True, False]
    assert any(said.startswith("Sound: cut from 8.0 s to 5.0 s") for said in first["adjustments"])
    assert (extended["parent_id"], extended["relation"]) == (first["id"], "extend")
    assert extended["price"]["charged_usd"] == first["price"]["charged_usd"]
    whole, part = extended["output"]["duration_s"], first["output"]["duration_s"]
    assert part < whole < 2 * part + 0.1


def test_a_draft_is_shown_before_anything_is_paid(tmp_path: Path) -> None:
    """Free, of the same framing and length; without a yes it ends there, with one the scene is ordered once."""
    Image.effect_mandelbrot((640, 480), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(tmp_path / "a.png")
    with vendor_emulator(tmp_path, "wavespeed", check_media=True) as service:
        env = {"REELBOT_WAVESPEED__API_KEY": "test-key", "REELBOT_WAVESPEED__BASE_URL": service.url}
        words = ("animate", "a.png", "the sea begins to move --720p --camera orbit", "--draft", "--json")

        draft = reelbot(tmp_path, *words, env=env)
        unpaid = service.events("accepted")
        done = reelbot(tmp_path, *words, "--yes", env=env)
        paid = service.events("accepted")

    shown, made = document(draft), document(done)
    assert (draft.returncode, shown["provider"], shown["price"]["charged_usd"], unpaid) == (0, "local", "0.00", [])
    assert (shown["output"]["width"], shown["output"]["height"], shown["settings"]["camera"]) == (960, 720, "orbit")
    assert "Nothing is paid yet" in draft.stderr
    assert (done.returncode, made["provider"], made["state"], len(paid)) == (0, "wavespeed", "delivered", 1)
    assert "This is a draft" in done.stderr
