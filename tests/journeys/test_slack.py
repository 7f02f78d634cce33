"""Whole paths of people on Slack: a real `reelbot run`, an emulated Slack over real sockets, clips that play."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.providers.local.sample import draw_sample
from tests.adapters.chat.slack.room import labels, texts
from tests.emulators.processes import JudgeProcess, slack_emulator
from tests.emulators.slack_world import SlackWorld
from tests.journeys.running import ROOT, environment

pytestmark = pytest.mark.media


class Office:
    """An emulated Slack, and Reelbots that can be killed and started again."""

    def __init__(self, folder: Path, emulator: JudgeProcess) -> None:
        self.folder = folder
        self.world = SlackWorld(emulator.url)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.picture = folder / "sample.jpg"
        draw_sample(self.picture)

    def start(self, roles: str = "worker,slack", *, http: bool = False, **settings: str) -> None:
        """Start, and return once Slack has it."""
        connected = self.world.connections()
        named = {f"REELBOT_{name.upper()}": value for name, value in settings.items()}
        way = (
            {"REELBOT_SLACK__SIGNING_SECRET": self.world.signing_secret}
            if http
            else {"REELBOT_SLACK__APP_TOKEN": self.world.app_token}
        )
        env = environment(
            self.folder,
            PYTHONPATH=str(ROOT),
            REELBOT_SLACK__API_URL=self.world.api_url,
            REELBOT_WEB__PORT="0",
            **({"REELBOT_SLACK__BOT_TOKEN": self.world.token} | way | named),
        )
        env.pop("REELBOT_SLACK__BOT_TOKEN") if not env["REELBOT_SLACK__BOT_TOKEN"] else None
        command = [sys.executable, "-m", "bot.cli.main", "run", "--roles", roles]
        path = self.folder / f"run-{len(self.processes)}.log"
        with path.open("ab") as log:
            self.processes.append(subprocess.Popen(command, cwd=self.folder, env=env, stderr=log))
        if "slack" not in roles:
            self.world.until(lambda: b"engine.began" in path.read_bytes(), 60, about="the start")
        elif http:
            self.world.until(lambda: re.search(rb"listens on (http://\S+)", path.read_bytes()), 60, about="the start")
            found = re.search(rb"listens on (http://\S+)", path.read_bytes())
            assert found is not None
            self.address = found[1].decode()
            self.world.deliver_to(f"{self.address}/slack/events")
            self.world.until(lambda: b"Slack is answered" in path.read_bytes(), 60, about="being ready")
        else:
            self.world.until(lambda: self.world.connections() > connected, 60, about="the socket")

    def end(self, how: int = signal.SIGTERM) -> None:
        """End all of them, politely or not."""
        for process in self.processes:
            process.send_signal(how)
        for process in self.processes:
            process.wait(timeout=40)
        self.processes = []

    def room(self) -> tuple[str, str]:
        """A channel of its own, and Alice in it."""
        alice = self.world.person("Alice")
        return self.world.new_channel(f"room-{len(self.world.journal())}", alice), alice

    def ask(self, person: str, channel: str, text: str = "zoom in", **more: Any) -> dict[str, Any]:
        """A mention with a picture."""
        said: dict[str, Any] = self.world.say(
            person, channel, self.world.mention(text), files=[("cat.jpg", self.picture)], **more
        )
        return said

    def card(self, channel: str, thread: str | None, saying: str = "Your clip is ready") -> dict[str, Any]:
        """The card of a thread, once it says so."""

        def look() -> dict[str, Any] | None:
            shown = [each for each in self.world.from_bot(channel, thread) if each.get("blocks")]
            return next((each for each in shown if saying in texts(each["blocks"])), None)

        found: dict[str, Any] | None = self.world.until(look, 90, about=f"a card that says {saying!r}")
        assert found is not None
        return found

    def clips(self, channel: str, thread: str | None = None) -> list[dict[str, Any]]:
        """Messages with a video, oldest first."""
        return [
            each
            for each in self.world.from_bot(channel, thread)
            if any(str(file.get("name", "")).endswith(".mp4") for file in each.get("files") or ())
        ]


@contextmanager
def an_office(folder: Path, **settings: Any) -> Iterator[Office]:
    emulator = slack_emulator(folder, **settings)
    office = Office(folder, emulator)
    try:
        yield office
    finally:
        office.end()
        violations = office.world.violations()
        emulator.stop()
    assert violations == []


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One process for all the tests that do not kill it."""
    with an_office(tmp_path_factory.mktemp("office")) as office:
        office.start()
        yield office


def test_a_mention_becomes_a_card_and_then_a_clip_that_plays(busy: Office) -> None:
    """Both in the thread of the message; the clip is a real video."""
    channel, alice = busy.room()

    asked = busy.ask(alice, channel, "zoom *in* on the <!channel> lake --5s")

    card = busy.card(channel, asked["ts"])
    [clip] = busy.clips(channel, asked["ts"])
    [file] = clip["files"]
    assert file["size"] > 10_000
    assert "It cost nothing." in texts(card["blocks"])
    assert labels(card)[0] == "Again"


def test_six_at_once_keep_slacks_limits(busy: Office) -> None:
    """With Slack's own rates in force, nothing is sent that it would refuse, and all end well."""
    channel, alice = busy.room()

    asked = [busy.ask(alice, channel, f"zoom in {number}") for number in range(6)]

    for each in asked:
        busy.card(channel, each["ts"])
    assert len(busy.clips(channel)) == 6


def test_a_kill_in_the_middle_loses_nothing_and_posts_once(tmp_path: Path) -> None:
    """Killed while the clip is being shared, the next process finishes it: one card, one clip."""
    with an_office(tmp_path, limits=False) as office:
        office.start()
        channel, alice = office.room()
        office.world.fault("files.completeUploadExternal", "hang:3", when="after")
        asked = office.ask(alice, channel)
        office.world.until(lambda: office.world.journal("completed"), 90, about="the share")

        office.end(signal.SIGKILL)
        office.world.no_faults()
        office.start()

        office.card(channel, asked["ts"])
        assert len(office.clips(channel, asked["ts"])) == 1
        assert len(office.world.from_bot(channel, asked["ts"])) == 2


def test_over_http_it_is_the_same(tmp_path: Path) -> None:
    """Signed posts to /slack/events; a forged one, and an old one, are refused; the studio is not there."""
    import urllib.error
    import urllib.request

    with an_office(tmp_path, limits=False) as office:
        office.start(http=True)
        channel, alice = office.room()
        office.world.verify_url()

        asked = office.ask(alice, channel)
        opened = office.world.slash(alice, channel, "/animate", "rain")

        assert "Picture" in texts(opened.view())
        office.card(channel, asked["ts"])
        assert len(office.clips(channel, asked["ts"])) == 1
        forged = urllib.request.Request(f"{office.address}/slack/events", data=b"{}", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(forged)
        assert refused.value.code == 401
        with pytest.raises(urllib.error.HTTPError) as nothing:
            urllib.request.urlopen(f"{office.address}/api/v1/jobs")
        assert nothing.value.code == 404


def test_ears_and_hands_may_be_two_processes(tmp_path: Path) -> None:
    """One listens, the other renders and posts, by the same token and database."""
    with an_office(tmp_path, limits=False) as office:
        office.start("worker")
        office.start("slack")
        channel, alice = office.room()

        asked = office.ask(alice, channel)

        office.card(channel, asked["ts"])
        assert len(office.clips(channel, asked["ts"])) == 1


def test_two_listeners_make_one_job_of_a_post(tmp_path: Path) -> None:
    """Slack gives each event to one of several sockets, and a redelivery perhaps to another."""
    with an_office(tmp_path, limits=False, ack_s=0.0) as office:
        office.start("worker,slack")
        office.start("slack")
        channel, alice = office.room()

        asked = office.ask(alice, channel)
        office.world.until(lambda: office.world.journal("event-lost"), 30, about="the end of Slack's tries")

        office.card(channel, asked["ts"])
        assert len(office.clips(channel, asked["ts"])) == 1


def test_another_workspace_adds_us_and_waits_to_be_allowed(tmp_path: Path) -> None:
    """By OAuth: its token is kept sealed, camera moves work at once, and removing us erases the token."""
    with an_office(tmp_path, limits=False, installed=False) as office:
        public = "https://reelbot.example.com"
        office.start(
            "web,worker,slack",
            http=True,
            slack__bot_token="",
            slack__client_id=office.world.client_id,
            slack__client_secret=office.world.client_secret,
            web__public_url=public,
        )
        world = office.world
        alice = world.person("Alice")

        page = world.install(office.address, alice)
        channel = world.new_channel("cats", alice)
        world.bot = world.show_workspace()["bot"]
        asked = office.ask(alice, channel)

        assert page.status == 200
        assert "workspaces allow" in page.text
        office.card(channel, asked["ts"])
        database = (tmp_path / "data" / "reelbot.db").read_bytes()
        token = world.show_workspace()["token"]
        assert token.encode() not in database
        world.uninstall(world.team)
        log = tmp_path / "run-0.log"
        world.until(lambda: b"slack.left" in log.read_bytes(), 30, about="being removed")
        assert b'"token_erased": true' in log.read_bytes()
        assert token.encode() not in log.read_bytes()
