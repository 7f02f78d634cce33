"""The judge of the emulated Discord: Discord's own document, and a short list of where it is known to be wrong."""

from __future__ import annotations

import pytest

from tests.emulators.discord_openapi import ABSENT_ROUTES, LACKING, judge
from tests.emulators.discord_server import SETTINGS, Discord
from tests.emulators.judging import read_journal

CREATE = "POST /channels/{channel_id}/messages"


def test_every_route_is_in_the_document_or_named_as_absent(tmp_path):
    """Nothing is answered unjudged without a reason that can be read."""
    routes = Discord("discord", tmp_path / "log", dict(SETTINGS)).routes()

    assert {route for route in routes if not judge().knows(route)} == set(ABSENT_ROUTES)


@pytest.mark.parametrize(("schema", "field"), sorted(LACKING))
def test_what_is_listed_as_lacking_is_lacking(schema, field):
    """A newer document may have the field: then the exception goes."""
    assert field not in judge()._schemas[schema]["properties"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"content": "x"}, []),
        ({"content": 1}, ["content: 1 is not of type 'string', 'null'"]),
        ({"kontent": "x"}, ["(body): MessageCreateRequest has no field 'kontent'"]),
        ({"attachments": [{"id": 0, "filename": "a.mp4"}]}, []),
        ({"message_reference": {"message_id": 15}}, []),
        ({"components": [{"type": 99}]}, None),
        ({"components": [{"type": 10}]}, ["components.0: 'content' is a required property"]),
        ([], ["(body): [] is not of type 'object'"]),
    ],
)
def test_requests_are_judged(body, said):
    """Types, unknown fields, missing ones; ids may be numbers, and files are numbered."""
    errors = judge().request(CREATE, body)

    assert errors == said if said is not None else len(errors) == 1


def test_answers_are_judged():
    """Ours have to be as Discord's: no field missing, none too many, ids in text."""
    limited = {"message": "You are being rate limited.", "retry_after": 0.5, "global": False}

    assert judge().answer(CREATE, 429, limited) == []
    assert judge().answer(CREATE, 400, {"message": "Invalid Form Body", "code": 50035, "extra": 1}) != []
    assert judge().answer("GET /gateway", 200, {"url": "ws://127.0.0.1:1/gateway"}) == []
    assert judge().answer("GET /gateway", 200, {"url": 5}) != []
    assert "id: 5 is not of type 'string'" in judge().value("ThreadMemberResponse", {"id": 5, "flags": 0})
    assert judge().answer("DELETE /channels/{channel_id}/messages/{message_id}", 204, None) == []
    assert judge().answer("DELETE /channels/{channel_id}/messages/{message_id}", 204, {}) != []


def test_a_wrong_answer_of_ours_is_a_500_and_written_down(tmp_path):
    """The emulator does not hide its own faults: no test may pass on an answer that Discord would never give."""
    discord = Discord("discord", tmp_path / "discord.log", dict(SETTINGS))

    response = discord.door._checked(CREATE, 200, {"id": 5}, {})

    assert response.status == 500
    assert [entry["event"] for entry in read_journal(tmp_path / "discord.log")] == ["emulator-fault"]
