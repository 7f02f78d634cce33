"""Settings on Slack: what an admin chooses is in force with the next request; money only downwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.money.limits import Limit, Period
from tests.adapters.chat.slack.own_pages import asked, home, window, wished
from tests.adapters.chat.slack.room import Room, a_room, texts
from tests.emulators.slack_world import Answer, SlackWorld

BUDGET = "Budget of this workspace per month, USD"
PERSON, PERSON_USD, PERSON_CLIPS = (
    "Whose limit (empty: each person's)", "Their budget per day, USD", "Their clips per day",
)  # fmt: skip


async def test_only_admins_may_choose(room: Room) -> None:
    """Everybody else is told so in the form that opened."""
    await room.act(room.world.slash, room.bob, room.channel, "/reelbot", "settings")
    refused = await window(room, room.bob, "Only admins of this workspace")
    shown = await settings(room, room.lea)

    assert refused["submit"] is None
    assert "Save" in texts(shown)


async def test_who_led_when_the_form_was_opened_must_lead_when_it_is_sent(room: Room) -> None:
    """The form may have been open for a day: what is stored then is nobody's who lost the right."""
    shown = await settings(room, room.lea)
    await room.act(room.world.change_person, room.lea, is_admin=False)
    await room.running.aclose()
    await room.start()

    answer = await save(room, room.lea, {"Language": "de"}, shown)

    assert "Only admins of this workspace" in texts_of(answer)["language"]
    assert await chosen(room) == {}


async def test_the_language_chosen_is_spoken_in_the_whole_workspace(room: Room) -> None:
    """On cards of people whose own Slack is English, in answers, and on the Home tab of whoever chose it."""
    await home(room, room.lea)
    await save(room, room.lea, {"Language": "Deutsch"}, await settings(room, room.lea))

    told = texts(await asked(room, room.alice, "jobs"))
    written = await room.say("die Blätter bewegen sich")

    assert "Von dir läuft gerade nichts." in told
    assert await room.card(written["ts"], "Dein Clip ist fertig")
    assert (await room.job()).requester.locale == "de"
    assert "Was du gemacht hast" in texts(await home(room, room.lea, "Läuft gerade"))


async def test_a_channel_may_have_its_own_language_and_model_and_give_them_up(room: Room) -> None:
    """The channel's own choice goes before the workspace's, and the form shows which is which."""
    await save(room, room.lea, {"Language": "de"}, await settings(room, room.lea))
    own = {"here_language": "ja", "here_model": "judge/judge/clip"}
    await save(room, room.lea, own, await settings(room, room.lea, "Speichern"))
    elsewhere = await room.act(room.world.new_channel, f"e-{room.channel.lower()}", room.alice, room.lea)

    here, there = await chosen(room, room.channel), await chosen(room, elsewhere)
    shown = await settings(room, room.lea, "保存")
    await save(room, room.lea, {"here_language": "workspace", "here_model": "workspace"}, shown)

    assert here == {"language": "ja", "model": "judge/judge/clip"}
    assert there == {"language": "de"}
    assert [initial(shown, name) for name in ("language", "model", "here_language", "here_model")] == [
        "de", "default", "ja", "judge/judge/clip",
    ]  # fmt: skip
    assert await chosen(room, room.channel) == {"language": "de"}


async def test_from_the_home_tab_there_is_no_channel_to_choose_for(room: Room) -> None:
    """The same form, without what belongs to one channel."""
    await room.press(room.lea, await home(room, room.lea), "Settings")

    shown = await window(room, room.lea, "Save")

    assert "only in this channel" not in texts(shown)


async def test_guests_ask_where_an_admin_lets_them(room: Room) -> None:
    """They are refused until then, and again when it is taken back."""
    guest = await room.act(room.world.person, "Gus", is_restricted=True)
    await room.act(room.world.join, room.channel, guest)
    await room.say(by=guest)
    refused = (await room.whispers(guest))[0]

    await save(room, room.lea, {"Who else may ask for clips": ["guests"]}, await settings(room, room.lea))
    written = await room.say(by=guest)
    await room.done(written["ts"])
    shown = await settings(room, room.lea)
    allowed = await chosen(room)
    await save(room, room.lea, {"Who else may ask for clips": []}, shown)

    assert "Guests cannot use Reelbot here" in refused
    assert allowed == {"guests": True}
    assert await chosen(room) == {}


async def test_what_was_not_touched_is_not_changed(room: Room) -> None:
    """Also a model that is not offered any more: it is shown by its name, and stays."""
    stores, team = room.app.stores, room.world.team
    for key, value in {"language": "de", "model": "judge/vanished", "strangers": True}.items():
        await stores.workspaces.choose("slack", team, key, value)
    await room.app.stores.workspaces.choose("slack", team, "model", "judge/gone", channel=room.channel)
    before = await chosen(room, room.channel)

    shown = await settings(room, room.lea, "Speichern")
    answer = await save(room, room.lea, {}, shown)

    assert texts_of(answer) == {}
    assert "judge/vanished" in texts(shown)
    assert await chosen(room, room.channel) == before
    assert await stores.limits.stored() == []


async def test_a_model_that_is_gone_cannot_be_chosen(room: Room) -> None:
    """The form was open while it went: its field says so, and nothing else is stored either."""
    shown = await settings(room, room.lea)
    room.provider.name = "renamed"

    answer = await save(room, room.lea, {"Model used when none is named": "judge/judge/clip", "Language": "de"}, shown)

    assert "I do not know the model" in texts_of(answer)["model"]
    assert await chosen(room) == {}


async def test_an_admin_lowers_the_budget_and_takes_it_back_but_never_raises_it(
    tmp_path: Path, town: SlackWorld
) -> None:
    """The money is the operator's: that figure is the ceiling, whatever was chosen in between."""
    async with a_room(tmp_path, town, engine=False, limits={"workspace_monthly_usd": "100"}) as room:
        shown = await settings(room, room.lea)
        lowered = await save(room, room.lea, {BUDGET: "12,50"}, shown)
        lower = texts(await asked(room, room.lea, "quota"))
        refused = await save(room, room.lea, {BUDGET: "101"}, await settings(room, room.lea))
        unlimited = await save(room, room.lea, {BUDGET: "Unlimited"}, (await room.act(room.world.view, room.lea)))
        back = await save(room, room.lea, {BUDGET: "100"}, (await room.act(room.world.view, room.lea)))

        stored = await room.app.stores.limits.stored()

    assert "Now $100.00. Empty: as it is." in texts(shown)
    assert texts_of(lowered) == texts_of(back) == {}
    assert "of $12.50" in lower
    assert "At most $100.00" in texts_of(refused)["budget"]
    assert "At most $100.00" in texts_of(unlimited)["budget"]
    assert stored == [Limit(scope=f"workspace:slack:{room.world.team}", period=Period.MONTH, micro_usd=100_000_000)]


async def test_a_limit_for_one_person_is_in_force_at_once(room: Room) -> None:
    """For that person alone; the form shows it from then on."""
    await save(room, room.lea, {PERSON: room.alice, PERSON_CLIPS: "0"}, await settings(room, room.lea))

    await room.say()
    refused = (await room.whispers(room.alice))[0]
    written = await room.say(by=room.bob)
    await room.done(written["ts"])
    shown = await settings(room, room.lea)

    assert "your daily limit of 0 clips" in refused
    assert f"Per day, <@{room.alice}>: – USD, 0 clips" in texts(shown)


async def test_a_limit_for_each_person_is_in_force_at_once(room: Room) -> None:
    """For everybody of the workspace alike; one person's own goes before it."""
    await save(room, room.lea, {PERSON_CLIPS: "0"}, await settings(room, room.lea))
    await save(room, room.lea, {PERSON: room.alice, PERSON_CLIPS: "1"}, await settings(room, room.lea))

    await room.say(by=room.bob)
    refused = (await room.whispers(room.bob))[0]
    written = await room.say()
    await room.done(written["ts"])
    shown = await settings(room, room.lea)

    assert "your daily limit of 0 clips" in refused
    assert "Per day, each person: – USD, 0 clips" in texts(shown)


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({PERSON: "alice"}, "person_usd", "Say how many dollars"),
        ({PERSON: "alice", PERSON_USD: "5", PERSON_CLIPS: "many"}, "person_clips", "is no number of clips"),
        ({BUDGET: "<much>"}, "budget", "'<much>' is no amount of dollars"),
        ({BUDGET: "-1"}, "budget", "cannot be below zero"),
    ],
)
async def test_what_makes_no_sense_is_said_below_its_field_and_nothing_is_stored(
    room: Room, fields: dict[str, Any], field: str, why: str
) -> None:
    """The form stays open with everything that was filled in."""
    filled = {name: room.alice if value == "alice" else value for name, value in fields.items()}

    answer = await save(room, room.lea, {**filled, "Language": "de"}, await settings(room, room.lea))

    assert why in texts_of(answer)[field]
    assert await chosen(room) == {}
    assert await room.app.stores.limits.stored() == []
    assert await room.act(room.world.view, room.lea) is not None


async def test_the_form_opens_before_anything_is_looked_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens a form is good for three seconds: a slow database costs nobody the form."""
    await wished(room, room.lea)
    opened: list[Any] = []
    look = type(room.app.stores.workspaces).settings

    async def noted(*of: Any) -> Any:
        opened.append(await room.act(room.world.view, room.lea))
        return await look(*of)

    monkeypatch.setattr(type(room.app.stores.workspaces), "settings", noted)
    await settings(room, room.lea)

    assert opened[0] is not None
    assert "One moment" in texts(opened[0])


async def settings(room: Room, who: str, holding: str = "Save") -> dict[str, Any]:
    """The form, once it is filled in."""
    await room.act(room.world.close, who) if await room.act(room.world.view, who) else None
    answer = await room.act(room.world.slash, who, room.channel, "/reelbot", "settings")
    assert answer.body in (None, "", {})
    return await window(room, who, holding)


async def save(room: Room, who: str, fields: dict[str, Any], view: dict[str, Any] | None) -> Answer:
    """What came of sending it."""
    assert view is not None
    answer = await room.act(room.world.submit, who, fields, view=view)
    assert answer.kind == "answered", answer
    return answer


def texts_of(answer: Answer) -> dict[str, str]:
    """What stands below the fields."""
    errors: dict[str, str] = (answer.body or {}).get("errors", {})
    return errors


def initial(view: dict[str, Any], name: str) -> str:
    """What a menu shows."""
    (block,) = [each for each in view["blocks"] if each["block_id"] == name]
    return str(block["element"]["initial_option"]["value"])


async def chosen(room: Room, channel: str | None = None) -> dict[str, Any]:
    """What is stored, for the workspace or as it is in force in a channel; figures of ceilings left out."""
    found = await room.app.stores.workspaces.settings("slack", room.world.team, channel)
    return {key: value for key, value in found.items() if not key.startswith("ceiling.")}
