"""discord.py against the emulated Discord: the library everybody uses is content with it, and it with the library."""

from __future__ import annotations

import discord
import pytest

from tests.emulators.discord_py_bot import NOBODY, BotThread, CancelButton
from tests.emulators.discord_world import DiscordWorld, Impossible
from tests.emulators.processes import discord_emulator

PNG = ("cat.png", b"\x89PNG picture")


@pytest.fixture(scope="module")
def _process(tmp_path_factory):
    process = discord_emulator(tmp_path_factory.mktemp("discord"), limits=False)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def _running(_process):
    running = BotThread(DiscordWorld(_process.url))
    yield running
    running.stop()


@pytest.fixture
def world(_process, _running):
    world = DiscordWorld(_process.url)
    world.mark()
    yield world
    world.no_faults()
    world.knobs(ack_s=None, token_lives_s=None, limits=None, refuse_resumes=None, in_flight_s=None)
    assert world.violations() == []


@pytest.fixture
def running(_running):
    return _running


@pytest.fixture
def guild(world):
    return world.guild("Studio", locale="de")


@pytest.fixture
def alice(world, guild):
    return world.person("Alice", guild)


def seen(running, world, event):
    return world.until(lambda: [facts for name, facts in running.bot.seen if name == event], about=event)


def test_a_bot_logs_in_and_syncs_its_commands_once(world, running, guild, alice):
    """login, READY, the bulk overwrite; the session says which intents it has, and none of them is privileged."""
    assert str(running.bot.user) == "reelbot#0001"
    assert {one["name"] for one in world.commands()} >= {"animate", "settings", "Animate this"}
    (session,) = world.sessions()
    assert (session["shard"], session["intents"]) == ([0, 1], 1 | 1 << 9 | 1 << 12)
    world.until(lambda: running.bot.get_guild(int(guild.id)), about="GUILD_CREATE")


def test_a_command_is_deferred_and_finished_by_an_edit(world, guild, alice):
    """A picture goes in as an ephemeral attachment, a clip and a button come back in the edit."""
    answer = world.slash(alice, guild.channel(), "animate", image=PNG, prompt="it blinks")

    assert (answer.kind, answer.ephemeral) == ("deferred", False)
    done = answer.wait_for(lambda message: message["files"])
    assert (done["content"], done["files"][0]["filename"], done["edits"]) == ("it blinks", "clip.mp4", 1)
    assert world.download(done["files"][0]) == PNG[1]
    assert done["interaction_metadata"]["user"]["id"] == alice


def test_a_button_works_by_its_custom_id_alone(world, guild, alice):
    """A DynamicItem's button updates its message; a button that is gone cannot be pressed."""
    answer = world.slash(alice, guild.channel(), "animate", image=PNG, prompt="it blinks")
    card = answer.wait_for(lambda message: message["components"])["id"]

    pressed = world.click(alice, guild.channel(), card, "Cancel")

    assert (pressed.kind, pressed.message["content"]) == ("update", "j1 cancelled")
    with pytest.raises(Impossible, match="no Cancel"):
        world.click(alice, guild.channel(), card, "Cancel")


def test_a_form_is_shown_filled_in_and_answered(world, guild, alice):
    """A form is an answer; what it forbids cannot be sent; its file arrives as an attachment."""
    answer = world.slash(alice, guild.channel(), "form")

    assert answer.kind == "modal"
    with pytest.raises(Impossible, match="25 characters"):
        world.submit(answer, {"Prompt": "x" * 25, "Size": ["480p"]})
    with pytest.raises(Impossible, match="cannot all be chosen"):
        world.submit(answer, {"Prompt": "x", "Size": ["4k"]})
    done = world.submit(answer, {"Prompt": "it blinks", "Size": ["720p"], "Picture": [PNG]})
    assert (done.kind, done.ephemeral) == ("message", True)
    assert done.message["content"] == "it blinks ['720p'] [12]"
    with pytest.raises(Impossible, match="already"):
        world.submit(answer, {"Prompt": "x", "Size": ["480p"]})


def test_a_form_behind_a_button_changes_the_buttons_message(world, guild, alice):
    """What the form showed at first is kept when nobody touches it; an empty required field cannot be sent."""
    answer = world.slash(alice, guild.channel(), "animate", image=PNG, prompt="it blinks")
    card = answer.wait_for(lambda message: message["components"])["id"]
    form = world.click(alice, guild.channel(), card, "Edit")

    with pytest.raises(Impossible, match="0 characters"):
        world.submit(form, {"Prompt": ""})
    sent = world.submit(form)

    assert (form.kind, sent.kind) == ("modal", "update")
    assert (sent.message["id"], sent.message["content"]) == (card, "j1: as before")


def test_choices_menus_and_subcommands(world, guild, alice):
    """Autocomplete, a select, a message's menu with the whole message, and a subcommand with both locales."""
    picture = world.say(alice, guild.channel(), "look", files=[PNG])
    passed_on = world.say(alice, guild.channel(), forward=(guild.channel(), picture["id"]))
    question = world.slash(alice, guild.channel(), "choose")

    choices = world.autocomplete(alice, guild.channel(), "animate", "model", model="wa", prompt="x")
    assert [(one["name"], one["value"]) for one in choices] == [("wan", "wan")]
    assert world.menu(alice, guild.channel(), "Animate this", picture["id"]).message["content"] == "look ['cat.png'] []"
    assert "['cat.png']" in world.menu(alice, guild.channel(), "Animate this", passed_on["id"]).message["content"]
    chosen = world.select(alice, guild.channel(), question.message["id"], "b", custom_id="size")
    assert chosen.message["content"] == "you chose ['b']"
    placed = world.select(alice, guild.channel(), question.message["id"], guild.channel(), custom_id="where")
    assert placed.message["content"] == "in ['general']"
    left = world.slash(alice, guild.channel(), "quota", whose=alice)
    assert left.message["content"] == "Alice has 3 left"
    told = world.slash(alice, guild.channel(), "settings language", name="de")
    assert told.message["content"] == "de en-US de"


def test_what_a_command_does_not_offer_cannot_be_asked(world, guild, alice):
    """Options are those of the definition, of its types and within its bounds."""
    for options, why in (
        ({"prompt": "x"}, "image"),
        ({"image": PNG, "prompt": ""}, "0 characters"),
        ({"image": PNG, "prompt": "x", "speed": 3}, "no options"),
        ({"image": PNG, "prompt": 5}, "not of the option's type"),
    ):
        with pytest.raises(Impossible, match=why):
            world.slash(alice, guild.channel(), "animate", **options)
    with pytest.raises(Impossible, match="not offered"):
        world.slash(alice, world.dm(alice), "settings language", name="de")


def test_only_mentions_direct_messages_and_own_words_are_readable(world, running, guild, alice):
    """Without the message content intent everything else arrives empty."""
    running.bot.seen.clear()
    world.say(alice, guild.channel(), "a secret", files=[PNG])
    asked = world.say(alice, guild.channel(), world.mention("animate this"), files=[PNG])
    world.say(alice, world.dm(alice), "psst", files=[PNG])

    world.until(lambda: len([one for name, one in running.bot.seen if name == "message"]) >= 4, about="messages")
    world.edit_message(alice, guild.channel(), asked["id"], world.mention("animate that"))
    assert world.message(guild.channel(), asked["id"])["content"] == f"<@{world.bot}> animate that"
    heard = [one for name, one in running.bot.seen if name == "message"]
    assert ("", 0, "text") in heard
    assert (f"<@{world.bot}> animate this", 1, "text") in heard
    assert ("psst", 1, "private") in heard
    (reply,) = world.from_bot(guild.channel())
    assert (reply["content"], reply["message_reference"]["message_id"]) == ("seen", asked["id"])


def test_a_thread_is_opened_written_to_and_known(world, running, guild, alice):
    """A thread on a person's message, by the bot; commands work inside."""
    asked = world.say(alice, guild.channel(), world.mention("go"))

    async def open_it():
        channel = running.bot.get_channel(int(guild.channel()))
        thread = await channel.get_partial_message(int(asked["id"])).create_thread(name="a clip")
        await thread.send("inside", view=discord.ui.View(timeout=None).add_item(CancelButton("j2")))
        return thread.id

    thread = str(running.call(open_it()))
    (inside,) = world.from_bot(thread)
    assert (thread, inside["content"]) == (asked["id"], "inside")
    assert world.slash(alice, thread, "animate", image=PNG, prompt="x").kind == "deferred"
    assert world.click(alice, thread, inside["id"], "Cancel").kind == "update"


def test_a_direct_message_is_opened_and_answered(world, running, guild, alice):
    """The bot writes first, the person calls a command there, and gets the answer there."""

    async def write():
        await (await running.bot.fetch_user(int(alice))).send("your clip")

    running.call(write())

    assert [one["content"] for one in world.from_bot(world.dm(alice))] == ["your clip"]
    answer = world.slash(alice, world.dm(alice), "animate", image=PNG, prompt="x")
    assert answer.wait_for(lambda message: message["files"])["channel_id"] == world.dm(alice)


def test_an_app_of_a_person_works_where_the_bot_is_not(world, running):
    """A user install reaches other servers by its token only, with five follow-ups and not one more."""
    elsewhere = world.guild("Elsewhere", bot=False)
    bob = world.person("Bob", elsewhere)

    with pytest.raises(Impossible, match="installed neither"):
        world.slash(bob, elsewhere.channel(), "animate", image=PNG, prompt="x")
    world.change_person(bob, installed=True)
    answer = world.slash(bob, elsewhere.channel(), "animate", image=PNG, prompt="x")
    assert answer.wait_for(lambda message: message["files"])["content"] == "x"
    world.slash(bob, elsewhere.channel(), "chatter")
    world.until(lambda: world.journal("refused"), about="the sixth follow-up")
    assert world.journal("refused")[0]["code"] == 40094
    assert [one["content"] for one in world.from_bot(elsewhere.channel())][1:] == list("012345")


def test_silence_is_seen_after_the_time_that_discord_gives(world, guild, alice):
    """Nobody answered: the person sees that the application did not respond."""
    world.knobs(ack_s=0.05)

    assert world.slash(alice, guild.channel(), "silence").kind == "timeout"


def test_a_session_is_resumed_with_what_was_missed(world, running, guild, alice):
    """A dropped connection: the command of the meantime arrives, and is answered in time."""
    running.bot.seen.clear()
    world.until(lambda: running.bot.get_guild(int(guild.id)), about="GUILD_CREATE")
    world.drop_gateway()

    answer = world.slash(alice, guild.channel(), "settings language", name="de")

    assert answer.kind == "message"
    seen(running, world, "resumed")
    assert world.journal("resumed")
    assert not world.journal("identified")


def test_a_refused_resume_becomes_a_new_session(world, running, guild, alice):
    """INVALID_SESSION after a drop: the bot identifies again and goes on."""
    world.knobs(refuse_resumes=True)
    world.drop_gateway(close_code=4000)

    world.until(lambda: world.journal("identified"), about="a new session")
    world.knobs(refuse_resumes=None)
    world.until(lambda: any(one["connected"] for one in world.sessions()), about="a session")
    assert world.slash(alice, guild.channel(), "settings language", name="de").kind == "message"


def test_being_asked_to_reconnect_loses_nothing(world, running, guild, alice):
    """Opcode 7: the bot comes back by itself."""
    world.reconnect_gateway()

    world.until(lambda: world.journal("resumed"), about="a resume")
    assert world.slash(alice, guild.channel(), "settings language", name="de").kind == "message"


def test_discord_py_waits_out_a_429_and_repeats_a_500(world, running, guild):
    """What the library retries by itself ends in one message, by its nonce, also when the first one was made."""
    world.until(lambda: running.bot.get_channel(int(guild.channel())), about="the channel")
    world.fault("POST /channels/*/messages", "status:500", when="after")
    world.fault("POST /channels/*/messages", "429:0.05")

    running.call(running.bot.get_channel(int(guild.channel())).send("once"))

    assert [one["content"] for one in world.from_bot(guild.channel())] == ["once"]
    assert world.counts()["POST /channels/{channel_id}/messages"] >= 3
    assert len(world.journal("nonce-repeated")) == 1


def test_discord_py_reads_the_rate_limits_and_never_meets_them(world, running, guild):
    """A client that waits for its bucket is neither throttled nor in violation."""
    world.until(lambda: running.bot.get_channel(int(guild.channel())), about="the channel")
    world.knobs(limits={"create": [2, 0.2]}, in_flight_s=0)

    async def flood():
        for number in range(5):
            await running.bot.get_channel(int(guild.channel())).send(str(number))

    running.call(flood())

    assert [one["content"] for one in world.from_bot(guild.channel())] == list("01234")
    assert world.journal("throttled") == []


def test_a_layout_with_a_clip_is_sent_and_changed(world, running, guild, tmp_path):
    """Components V2 by discord.py: the clip is in the gallery, the attachments are empty, pings stay off in edits."""
    world.until(lambda: running.bot.get_channel(int(guild.channel())), about="the channel")

    def layout(text, *, clip):
        view = discord.ui.LayoutView(timeout=None)
        box = discord.ui.Container(discord.ui.TextDisplay(text))
        if clip:
            box.add_item(discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://clip.mp4")))
        return view.add_item(box)

    async def send(folder):
        channel = running.bot.get_channel(int(guild.channel()))
        sent = await channel.send(view=layout("rendering", clip=False))
        path = folder / "clip.mp4"
        path.write_bytes(b"moov")
        partial = channel.get_partial_message(sent.id)
        await partial.edit(view=layout("done", clip=True), attachments=[discord.File(path)], allowed_mentions=NOBODY)
        return str(sent.id)

    card = running.call(send(tmp_path))

    shown = world.message(guild.channel(), card)
    assert (shown["attachments"], shown["files"][0]["filename"]) == ([], "clip.mp4")
    assert [entry["files"] for entry in world.journal("message-edited")] == [["clip.mp4"]]


def test_a_guild_that_throws_the_bot_out_is_left(world, running, guild):
    """GUILD_DELETE on a kick."""
    world.until(lambda: running.bot.get_guild(int(guild.id)), about="GUILD_CREATE")

    world.kick_bot(guild)

    assert seen(running, world, "left")[-1] == int(guild.id)
