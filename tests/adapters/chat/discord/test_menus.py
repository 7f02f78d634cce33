"""The menu under anybody's message: pictures are found wherever Discord shows them, and the form that follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord.shown import pictures
from tests.adapters.chat.discord.sim import PICTURE, World, a_world, anchor, shown, words
from tests.emulators.judge_chat import PICTURE_MAGIC

MENU = "Animate this"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def test_a_message_with_one_picture_opens_the_form(world: World) -> None:
    """On anybody's message; the picture is chosen already, the words are asked for."""
    message = await world.bob.send(world.room, "look", attachments=[PICTURE])

    form = await world.alice.context_menu(world.room, MENU, message)
    await world.alice.submit_modal(form, {"prompt": "the leaves move --camera orbit", "duration": ["10"]})

    job = await world.job()
    assert (job.prompt, job.settings.duration_s, job.settings.camera) == ("the leaves move", 10, "orbit")
    assert job.requester.user == str(world.alice.id)
    assert job.image.filename == "lake.png"


async def test_a_message_without_a_picture_says_so(world: World) -> None:
    """Only to the person who opened the menu."""
    message = await world.bob.send(world.room, "look")

    answer = await world.alice.context_menu(world.room, MENU, message)

    assert answer.ephemeral
    assert "no picture in this message" in words(answer.response)


async def test_several_pictures_are_chosen_from(world: World) -> None:
    """A private message shows them with a menu; the form follows the choice."""
    files = [(f"lake{number}.png", PICTURE_MAGIC + bytes([number])) for number in range(3)]
    message = await world.bob.send(world.room, "look", attachments=files)

    chooser = await world.alice.context_menu(world.room, MENU, message)
    options = _options(shown(chooser))
    form = await world.alice.select(shown(chooser), [options[1]["value"]])
    await world.alice.submit_modal(form, {"prompt": "the leaves move"})

    assert chooser.ephemeral
    assert [each["label"] for each in options] == ["Picture 1", "Picture 2", "Picture 3"]
    assert (await world.job()).image.filename == "lake1.png"


async def test_a_form_of_a_chosen_picture_survives_a_restart(world: World) -> None:
    """The pictures stand in the message with the choice, which comes back along with the form."""
    files = [(f"lake{number}.png", PICTURE_MAGIC + bytes([number])) for number in range(2)]
    message = await world.bob.send(world.room, "look", attachments=files)
    chooser = await world.alice.context_menu(world.room, MENU, message)
    form = await world.alice.select(shown(chooser), [_options(shown(chooser))[1]["value"]])

    await world.restart()
    await world.alice.submit_modal(form, {"prompt": "the leaves move"})
    job = await world.finish()

    assert "lake1.png" in job.image.locator
    assert job.image_asset is not None


async def test_a_form_of_one_picture_is_read_again_after_a_restart(world: World) -> None:
    """Where the bot may read the message, the picture is found in it."""
    message = await world.bob.send(world.room, "look", attachments=[PICTURE])
    form = await world.alice.context_menu(world.room, MENU, message)

    await world.restart()
    await world.alice.submit_modal(form, {"prompt": "the leaves move"})

    assert (await world.job()).image.filename == "lake.png"


async def test_a_picture_that_cannot_be_found_again_is_asked_for_in_words(world: World) -> None:
    """After a restart, and the message deleted: what was written comes back with the sentence."""
    message = await world.bob.send(world.room, "look", attachments=[PICTURE])
    form = await world.alice.context_menu(world.room, MENU, message)

    await world.restart()
    await world.bob.delete(message)
    answer = await world.alice.submit_modal(form, {"prompt": "the leaves move"})

    assert answer.ephemeral
    assert "open the menu of the message again" in words(answer.response)
    assert "the leaves move" in words(answer.response)


async def test_a_hidden_picture_makes_a_hidden_clip(world: World) -> None:
    """What was a spoiler stays one."""
    message = await world.bob.send(world.room, "look", attachments=[("SPOILER_lake.png", PICTURE[1])])
    form = await world.alice.context_menu(world.room, MENU, message)

    await world.alice.submit_modal(form, {"prompt": "the leaves move"})

    assert anchor(await world.job()).spoiler


def test_pictures_of_links_forwards_and_galleries_are_found() -> None:
    """In the order in which they stand, by Discord's own copy; a video's preview is no picture."""
    message = {
        "channel_id": "1", "id": "2",
        "attachments": [{"id": "3", "url": "https://cdn/a.png", "filename": "a.png", "content_type": "image/png"}],
        "embeds": [
            {"type": "image", "thumbnail": {"url": "https://far/b.png", "proxy_url": "https://proxy/b.png"}},
            {"type": "video", "thumbnail": {"url": "https://far/film.png"}},
        ],
        "message_snapshots": [{"message": {"attachments": [{"id": "4", "url": "https://cdn/c", "filename": "c.HEIC"}]}}],
        "components": [{"type": 17, "components": [{"type": 12, "items": [{"media": {"url": "https://cdn/d.webp"}}]}]}],
    }  # fmt: skip

    found = pictures(message)

    assert [each.url for each in found] == [
        "https://cdn/a.png", "https://proxy/b.png", "https://cdn/d.webp", "https://cdn/c",
    ]  # fmt: skip
    assert {(each.channel, each.message) for each in found} == {("1", "2")}


def test_what_is_no_picture_is_not_taken_for_one() -> None:
    """A film, a text and a drawing that is a program are left alone, whatever their names say."""
    message = {
        "attachments": [
            {"id": "1", "url": "https://cdn/a.mp4", "filename": "a.mp4", "content_type": "video/mp4"},
            {"id": "2", "url": "https://cdn/a.png", "filename": "a.png", "content_type": "text/plain"},
            {"id": "3", "url": "https://cdn/a.svg", "filename": "a.svg", "content_type": "image/svg+xml"},
        ]
    }

    assert pictures(message) == []


def _options(message: Any) -> list[dict[str, Any]]:
    (menu,) = [part for row in message.components for part in row.get("components", ()) if part["type"] == 3]
    options: list[dict[str, Any]] = menu["options"]
    return options
