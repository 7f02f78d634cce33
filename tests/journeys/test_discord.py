"""Whole paths of people on Discord: a real `reelbot run`, an emulated Discord over real sockets, clips that play."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.providers.local.sample import draw_sample
from tests.emulators.discord_world import Answer, DiscordWorld, Guild
from tests.emulators.processes import JudgeProcess, discord_emulator
from tests.journeys.running import ROOT, environment

pytestmark = pytest.mark.media


class Town:
    """An emulated Discord, and a Reelbot that can be killed and started again."""

    def __init__(self, folder: Path, emulator: JudgeProcess) -> None:
        self.folder = folder
        self.world = DiscordWorld(emulator.url)
        self.process: subprocess.Popen[bytes] | None = None
        self.picture = folder / "sample.jpg"
        draw_sample(self.picture)

    def start(self, roles: str = "worker,discord", **settings: str) -> None:
        """Start, and return once Discord has it."""
        before = len(self.world.journal("identified"))
        named = {f"REELBOT_{name.upper()}": value for name, value in settings.items()}
        env = environment(
            self.folder,
            PYTHONPATH=str(ROOT),
            REELBOT_DISCORD__TOKEN=self.world.token,
            REELBOT_DISCORD__API_URL=self.world.api_url,
            REELBOT_ALLOWED_WORKSPACES="*",
            **named,
        )
        command = [sys.executable, "-m", "bot.cli.main", "run", "--roles", roles]
        log = (self.folder / "run.log").open("ab")
        self.process = subprocess.Popen(command, cwd=self.folder, env=env, stderr=log)
        self.world.until(lambda: len(self.world.journal("identified")) > before, 60, about="the start")
        self.world.until(lambda: self.world.commands(None), 30, about="telling the commands")
        self.world.until(lambda: b"discord.ready" in self.log_since_start(), 30, about="being ready")

    def log_since_start(self) -> bytes:
        return (self.folder / "run.log").read_bytes().rpartition(b"engine.began")[2]

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it, politely or not."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=40)
            self.process = None

    def clips(self, channel: str) -> list[dict[str, Any]]:
        """Messages with a video, oldest first."""
        return [m for m in self.world.from_bot(channel) if any(f["filename"].endswith(".mp4") for f in m["files"])]

    def clip_in(self, channel: str, count: int = 1) -> dict[str, Any]:
        """The newest clip, once there are so many."""
        self.world.until(lambda: len(self.clips(channel)) >= count, 90, about="the clip")
        return self.clips(channel)[-1]

    def animate(self, person: str, channel: str, prompt: str = "zoom in", **options: Any) -> Answer:
        return self.world.slash(person, channel, "animate", image=("cat.jpg", self.picture), prompt=prompt, **options)

    def place(self, **facts: Any) -> tuple[Guild, str, str]:
        """A server, its channel, and Alice."""
        guild = self.world.guild("Studio", **facts)
        return guild, guild.channel(), self.world.person("Alice", guild)


@contextmanager
def a_town(folder: Path, **settings: Any) -> Iterator[Town]:
    emulator = discord_emulator(folder, **settings)
    town = Town(folder, emulator)
    try:
        yield town
    finally:
        town.end()
        violations = town.world.violations()
        emulator.stop()
    assert violations == []


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One process for all the tests that do not kill it."""
    with a_town(tmp_path_factory.mktemp("town")) as town:
        town.start()
        yield town


def texts(message: dict[str, Any] | None) -> str:
    """What a card says."""
    return json.dumps(message, ensure_ascii=False)


def test_a_command_becomes_a_card_and_then_a_clip(busy: Town) -> None:
    """The answer is the card; the clip replies to it, and the card says how it ended."""
    _, channel, alice = busy.place()

    answer = busy.animate(alice, channel, "zoom *in* on the @everyone lake")

    assert (answer.kind, answer.ephemeral) == ("message", False)
    clip = busy.clip_in(channel)
    assert answer.message is not None
    assert clip["message_reference"]["message_id"] == answer.message["id"]
    done = answer.wait_for(lambda card: "Your clip is ready" in texts(card))
    assert "\\\\*in\\\\*" in texts(done)
    assert "Go to the clip" in texts(done)
    assert len(busy.world.from_bot(channel)) == 2


@pytest.mark.parametrize(
    ("fault", "when"), [("reset", "before"), ("reset", "after"), ("status:503", "before"), ("status:502", "after")]
)
def test_an_answer_that_breaks_off_is_still_one_card(busy: Town, fault: str, when: str) -> None:
    """Discord was told or was not: there is one job, one card, one clip."""
    _, channel, alice = busy.place()
    busy.world.fault("POST /interactions/*/*/callback", fault, when=when)

    answer = busy.animate(alice, channel)

    busy.clip_in(channel)
    answer.wait_for(lambda card: "Your clip is ready" in texts(card))
    assert len(busy.world.from_bot(channel)) == 2


def test_a_burst_of_commands_keeps_discords_limits(busy: Town) -> None:
    """Six cards in one channel, edited and answered: no request is sent whose bucket was empty, and all end well."""
    _, channel, alice = busy.place()
    before = len(busy.world.journal("throttled"))

    answers = [busy.animate(alice, channel) for _ in range(6)]

    busy.clip_in(channel, 6)
    for answer in answers:
        answer.wait_for(lambda card: "Your clip is ready" in texts(card))
    assert [entry for entry in busy.world.journal("throttled")[before:] if entry.get("ignored")] == []


def test_a_mention_with_a_picture(busy: Town) -> None:
    """Words of the prompt count; card and clip reply to the message that asked."""
    _, channel, alice = busy.place()
    asked = busy.world.say(
        alice, channel, busy.world.mention("the water moves --480p"), files=[("cat.jpg", busy.picture)]
    )

    clip = busy.clip_in(channel)

    assert clip["message_reference"]["message_id"] == asked["id"]
    assert "480p" in clip["content"]


def test_a_mention_in_reply_to_a_picture_that_discord_keeps_back(busy: Town) -> None:
    """Without the privileged intent the replied-to message comes empty: one sentence names the way that works."""
    guild, channel, alice = busy.place()
    bob = busy.world.person("Bob", guild)
    shown = busy.world.say(bob, channel, "my drawing", files=[("cat.jpg", busy.picture)])

    for _ in range(2):
        busy.world.say(alice, channel, busy.world.mention("let it breathe"), reply_to=shown["id"])

    busy.world.until(lambda: busy.world.from_bot(channel))
    [said] = busy.world.from_bot(channel)
    assert "Animate this" in said["content"]


def test_a_reply_to_a_picture_that_discord_hands_over(busy: Town) -> None:
    """In direct messages it does."""
    _, _, alice = busy.place()
    private = busy.world.dm(alice)
    shown = busy.world.say(alice, private, "", files=[("cat.jpg", busy.picture)])

    busy.world.say(alice, private, busy.world.mention("let it breathe"), reply_to=shown["id"])

    assert busy.clip_in(private)


def test_a_direct_message(busy: Town) -> None:
    """No mention is needed where nobody else is."""
    _, _, alice = busy.place()
    private = busy.world.dm(alice)

    busy.world.say(alice, private, "zoom in", files=[("cat.jpg", busy.picture)])

    assert busy.clip_in(private)["channel_id"] == private


def test_the_menu_on_anybodys_message_opens_a_form_with_the_picture_chosen(busy: Town) -> None:
    """No intent is needed to read it; the form only asks for words."""
    guild, channel, alice = busy.place()
    bob = busy.world.person("Bob", guild)
    shown = busy.world.say(bob, channel, "my drawing", files=[("cat.jpg", busy.picture)])

    form = busy.world.menu(alice, channel, "Animate this", shown["id"])
    fields = [component["component"]["custom_id"] for component in form.modal["components"] if "component" in component]
    answer = busy.world.submit(form, {fields[0]: "the cat breathes"})

    assert answer.kind in {"message", "deferred"}
    assert busy.clip_in(channel)


def test_in_a_thread_the_clip_stays_in_the_thread(busy: Town) -> None:
    _, channel, alice = busy.place()
    begun = busy.world.say(alice, channel, "a talk")
    thread = busy.world.thread(alice, channel, begun["id"], "a talk")

    busy.animate(alice, thread)

    assert busy.clip_in(thread)["channel_id"] == thread
    assert busy.clips(channel) == []


def test_where_the_bot_is_no_member_the_clip_comes_into_the_answer(busy: Town) -> None:
    """The interaction's token is all there is; an edit of the card holds the clip."""
    guild = busy.world.guild("Elsewhere", bot=False)
    alice = busy.world.person("Alice", guild, installed=True)

    answer = busy.animate(alice, guild.channel())

    done = answer.wait_for(lambda card: card["files"])
    assert [file["filename"].endswith("-1.mp4") for file in done["files"]] == [True]
    assert "Again" in texts(done)


def test_after_the_tokens_time_it_comes_by_direct_message(busy: Town) -> None:
    """Where the bot is no member and the token is too old, its direct messages are left."""
    _, _, alice = busy.place()
    elsewhere = busy.world.guild("Elsewhere", bot=False)
    busy.world.change_person(alice, installed=True)
    busy.world.join(elsewhere, alice)
    busy.world.knobs(token_lives_s=1)
    try:
        busy.animate(alice, elsewhere.channel())
        assert busy.clip_in(busy.world.dm(alice))
    finally:
        busy.world.knobs(token_lives_s=None)


def test_a_dropped_gateway_loses_no_command(busy: Town) -> None:
    """What was pressed meanwhile is delivered after the resume, as one job."""
    _, channel, alice = busy.place()
    resumed = len(busy.world.journal("resumed"))
    busy.world.drop_gateway()

    busy.world.say(alice, channel, busy.world.mention("zoom in"), files=[("cat.jpg", busy.picture)])

    busy.world.until(lambda: len(busy.world.journal("resumed")) > resumed, 30, about="the resume")
    busy.clip_in(channel)
    assert len(busy.clips(channel)) == 1


def test_buttons_and_forms_work_after_a_restart(tmp_path: Path) -> None:
    """SIGKILL, another process: an old card's buttons, and a form that was open meanwhile."""
    with a_town(tmp_path) as town:
        town.start()
        _, channel, alice = town.place()
        town.animate(alice, channel)
        clip = town.clip_in(channel)
        form = town.world.click(alice, channel, clip["id"], "Edit")
        town.end(signal.SIGKILL)
        town.start()

        [field] = [
            part["component"]["custom_id"]
            for part in form.modal["components"]
            if part.get("component", {}).get("type") == 4
        ][:1]
        edited = town.world.submit(form, {field: "zoom out"})
        again = town.world.click(alice, channel, clip["id"], "Again")

        assert {edited.kind, again.kind} <= {"message", "deferred"}
        town.clip_in(channel, 3)
        assert len(town.clips(channel)) == 3
        assert town.world.journal("synced") != []
        assert len([entry for entry in town.world.journal("synced") if entry["guild"] is None]) == 1


def test_killed_while_the_clip_is_posted_it_is_there_once(tmp_path: Path) -> None:
    """The message was created, its answer never came, the process died: the next one looks before it posts."""
    with a_town(tmp_path) as town:
        town.start()
        _, channel, alice = town.place()
        town.world.fault(f"POST /channels/{channel}/messages", "hang:30", when="after")
        town.animate(alice, channel)
        town.clip_in(channel)
        town.end(signal.SIGKILL)
        town.world.no_faults()
        town.start()

        town.world.until(lambda: any("is ready" in texts(m) for m in town.world.from_bot(channel)))
        assert len(town.clips(channel)) == 1


def test_the_roles_may_be_apart(tmp_path: Path) -> None:
    """One process listens, another works: the card and the clip are still one each."""
    with a_town(tmp_path) as town:
        town.start("discord")
        worker = subprocess.Popen(
            [sys.executable, "-m", "bot.cli.main", "run", "--roles", "worker"],
            cwd=tmp_path,
            env=environment(
                tmp_path,
                PYTHONPATH=str(ROOT),
                REELBOT_DISCORD__TOKEN=town.world.token,
                REELBOT_DISCORD__API_URL=town.world.api_url,
                REELBOT_ALLOWED_WORKSPACES="*",
            ),
            stderr=subprocess.DEVNULL,
        )
        try:
            _, channel, alice = town.place()

            answer = town.animate(alice, channel)

            town.clip_in(channel)
            answer.wait_for(lambda card: "Your clip is ready" in texts(card))
            assert len(town.world.from_bot(channel)) == 2
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=40)


def test_no_privileged_intent_is_asked_for(busy: Town) -> None:
    """Members, presences and the content of messages are nobody's business here."""
    privileged = 1 << 1 | 1 << 8 | 1 << 15
    assert [entry["intents"] & privileged for entry in busy.world.journal("identified")] == [0]


def test_invite_and_doctor(tmp_path: Path) -> None:
    """Before anything runs: the address with the least permissions, and what Discord says of us."""
    with a_town(tmp_path) as town:
        env = environment(
            tmp_path,
            PYTHONPATH=str(ROOT),
            REELBOT_DISCORD__TOKEN=town.world.token,
            REELBOT_DISCORD__API_URL=town.world.api_url,
        )

        def reelbot(*words: str) -> Any:
            command = [sys.executable, "-m", "bot.cli.main", *words, "--json"]
            done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
            return json.loads(done.stdout)

        invited = reelbot("invite", "discord")
        town.place()
        findings = {finding["id"]: finding for finding in reelbot("doctor")["checks"]}

    assert f"client_id={town.world.application}" in invited["url"]
    assert findings["discord"]["status"] == "ok"
    assert findings["discord.servers"]["status"] == "ok"
