"""Asking for a clip on Slack: by mention, direct message, form and shortcut; every post is one job."""

from __future__ import annotations

from adapters.chat.slack.scopes import NEEDED, READ_THREADS
from tests.adapters.chat.slack.room import PICTURE, Room, labels, texts


async def test_a_mention_with_a_picture_becomes_a_card_and_a_clip_in_its_thread(room: Room) -> None:
    """The card and the clip hang below the message, which gets a reaction."""
    asked = await room.say("zoom *in* on the <!channel> lake --10s")

    card = await room.done(asked["ts"])

    job = await room.job()
    share = await room.clip(job)
    assert (job.prompt, job.settings.duration_s) == ("zoom *in* on the <!channel> lake", 10)
    assert job.request_key == f"slack:m:{room.world.team}:{room.channel}:{asked['ts']}"
    assert share["thread"] == asked["ts"]
    assert labels(card) == ["Again", "Edit", "Extend", "Loop", "Use last frame", "Send again", "Delete"]
    assert set(await room.act(room.world.reactions, room.channel, asked["ts"])) == {"white_check_mark"}


async def test_a_direct_message_with_a_picture_needs_no_mention(room: Room) -> None:
    """It comes as a file share; the answer hangs below it."""
    direct = await room.act(room.world.dm, room.alice)
    asked = await room.act(room.world.say, room.alice, direct, "the leaves move", files=[PICTURE])

    await room.done(asked["ts"], channel=direct)

    job = await room.job()
    assert (await room.clip(job))["channel"] == direct
    assert job.requester.person == f"slack:{room.world.team}:{room.alice}"


async def test_a_mention_inside_a_thread_is_answered_at_its_root(room: Room) -> None:
    """A reply's own stamp is never used as a thread."""
    root = await room.act(room.world.say, room.bob, room.channel, "what about this?")
    await room.say(thread=root["ts"])

    await room.done(root["ts"])

    assert (await room.clip(await room.job()))["thread"] == root["ts"]


async def test_a_mention_and_its_message_are_one_job(room: Room) -> None:
    """Where messages of channels are subscribed to, both events come for one post."""
    await room.act(room.world.knobs, events=["app_mention", "message.channels", "message.im", "app_home_opened"])
    asked = await room.say()

    await room.done(asked["ts"])

    assert len(await room.jobs()) == 1
    await room.act(room.world.knobs, events=None)


async def test_the_command_opens_a_form_and_the_form_asks(room: Room) -> None:
    """The card begins a thread in the channel, and the clip hangs below it."""
    opened = await room.act(room.world.slash, room.alice, room.channel, "/animate", "the leaves move")
    view = await room.act(opened.view)

    sent = await room.act(
        room.world.submit, room.alice, {"Picture": PICTURE, "Length": "10 s", "Camera": "zoom-in"}, view=view
    )

    assert sent.kind == "answered"
    card = await room.done()
    job = await room.job()
    assert (job.prompt, job.settings.duration_s, job.settings.camera) == ("the leaves move", 10, "zoom-in")
    assert job.request_key is not None
    assert job.request_key.startswith(f"slack:view:{room.world.team}:V")
    assert (await room.clip(job))["thread"] == card["ts"]


async def test_what_is_wrong_with_a_form_stands_below_its_field(room: Room) -> None:
    """The form stays open with what was written; nothing was asked for."""
    opened = await room.act(room.world.slash, room.alice, room.channel, "/animate", "the leaves --shiny")
    view = await room.act(opened.view)

    sent = await room.act(room.world.submit, room.alice, {"Picture": PICTURE}, view=view)

    assert "shiny" in str(sent.body)
    assert "errors" in str(sent.body)
    assert await room.jobs() == []


async def test_the_shortcut_of_anybodys_message_takes_its_picture(room: Room) -> None:
    """The answer hangs below the message, whoever wrote it."""
    theirs = await room.act(room.world.say, room.bob, room.channel, "look", files=[PICTURE])
    opened = await room.act(room.world.shortcut, room.alice, "animate_message", theirs)
    view = await room.act(opened.view)
    assert "lake.png" in texts(view)

    await room.act(room.world.submit, room.alice, {"What should happen?": "the leaves move"}, view=view)

    await room.done(theirs["ts"])
    job = await room.job()
    assert job.requester.user == room.alice
    assert (await room.clip(job))["thread"] == theirs["ts"]


async def test_of_several_pictures_one_is_chosen(room: Room) -> None:
    """They are offered by their names."""
    second = ("hill.png", PICTURE[1] + b" and a hill")
    theirs = await room.act(room.world.say, room.bob, room.channel, "look", files=[PICTURE, second])
    opened = await room.act(room.world.shortcut, room.alice, "animate_message", theirs)
    view = await room.act(opened.view)

    await room.act(room.world.submit, room.alice, {"Picture": "2: hill.png", "What should happen?": "rain"}, view=view)

    await room.done(theirs["ts"])
    assert (await room.job()).image.filename == "hill.png"


async def test_a_message_without_a_picture_says_so(room: Room) -> None:
    """In the form that would have opened."""
    theirs = await room.act(room.world.say, room.bob, room.channel, "no picture here")

    opened = await room.act(room.world.shortcut, room.alice, "animate_message", theirs)

    assert "There is no picture in this message" in texts(await room.act(opened.view))


async def test_the_global_shortcut_asks_where_the_clip_goes(room: Room) -> None:
    """Left empty, it comes as a direct message."""
    opened = await room.act(room.world.shortcut, room.alice, "new_clip")
    view = await room.act(opened.view)

    await room.act(room.world.submit, room.alice, {"Picture": PICTURE, "What should happen?": "rain"}, view=view)

    direct = await room.act(room.world.dm, room.alice)
    await room.done(channel=direct)
    assert (await room.clip(await room.job()))["channel"] == direct


async def test_a_mention_without_a_picture_names_the_ways(room: Room) -> None:
    """Once, and to that person alone."""
    await room.say("animate this", files=[])
    await room.say("animate this, please", files=[])

    told = await room.whispers(room.alice)

    assert len(told) == 1
    assert "Animate this image" in told[0]
    assert await room.jobs() == []


async def test_a_reply_below_a_picture_takes_it_where_we_may_read(room: Room) -> None:
    """With the optional scopes, the newest picture above the mention is meant."""
    await room.act(room.world.scopes, *NEEDED, *READ_THREADS)
    room.courier.bots.forget()
    root = await room.act(room.world.say, room.bob, room.channel, "look", files=[PICTURE])

    await room.say("the leaves move", files=[], thread=root["ts"])

    await room.done(root["ts"])
    assert (await room.job()).image.filename == "lake.png"
    await room.act(room.world.scopes, *NEEDED)


async def test_a_reply_below_a_picture_in_direct_messages_takes_it(room: Room) -> None:
    """There we may always read."""
    direct = await room.act(room.world.dm, room.alice)
    first = await room.act(room.world.say, room.alice, direct, "--shiny", files=[PICTURE])

    await room.act(room.world.say, room.alice, direct, "the leaves move", thread=first["ts"])

    await room.done(first["ts"], channel=direct)
    assert len(await room.jobs()) == 1
