"""`/reelbot …`: one person's own pages, told to that person alone, in their language."""

from __future__ import annotations

from tests.adapters.chat.slack.room import Room, texts


async def test_words_of_a_page_are_understood_in_every_language(room: Room) -> None:
    """English words work for everybody, translated ones and small slips too; only the person who asked sees it."""
    answers = {
        words: await _asked(room, room.alice, words)
        for words in ("jobs", "JOBS", " Aufträge ", "進行中", "my-data", "my data", "quota", "予算")
    }

    assert all("under way" in answers[words] for words in ("jobs", "JOBS", " Aufträge ", "進行中"))
    assert answers["my-data"] == answers["my data"]
    assert answers["quota"] == answers["予算"]
    assert await room.act(room.world.ephemerals, room.bob) == []


async def _asked(room: Room, who: str, words: str) -> str:
    """What a person was told."""
    answer = await room.act(room.world.slash, who, room.channel, "/reelbot", words)
    assert answer.kind == "answered", answer
    assert answer.body["response_type"] == "ephemeral"
    return texts(answer.body)
