"""What was said is remembered as such: after a restart, and from another process, it can still be said in any language."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from adapters.media.workshop import Workshop
from adapters.providers.local.folder import Failure, RenderFolder
from bot.cards.card import card
from bot.errors import BadInput
from bot.jobs.moves import Move
from bot.jobs.states import State
from bot.languages.catalogue import in_language
from bot.languages.said import joined, say
from bot.languages.stored import MARK
from bot.money.amount import Money
from bot.ports import ImageLimits
from tests.factories import a_job
from tests.house import a_house

ASKED_FIRST = {"user_daily_jobs": 1000, "user_daily_usd": "1000", "confirm_above_usd": "0.40"}
CHANGED = say("Picture: {changes}.", changes=joined((say("turned upright"), say("kept the first page")), ", "))


def columns(folder: Path) -> tuple[str, str]:
    with closing(sqlite3.connect(folder / "data" / "reelbot.db")) as connection:
        found: tuple[str, str] = connection.execute("SELECT error, adjustments FROM jobs").fetchone()
        return found


async def test_a_job_remembers_what_was_said_of_it(tmp_path: Path) -> None:
    """Its reason and what was changed of its picture: English in the database, any language on a card."""
    async with a_house(tmp_path, limits=ASKED_FIRST) as house:
        job = await house.run(await house.ask(adjustments=(CHANGED,)))
        assert job.state is State.QUOTED
        await house.clock.advance(16 * 60)
        job = await house.run(job)

        error, adjustments = await asyncio.to_thread(columns, tmp_path)
        described = json.dumps(await house.app.service.describe(job), default=str)

    assert job.error is not None
    assert job.error.message == "Nobody pressed Start within 15 minutes; nothing was charged."
    assert json.loads(error)["message"].startswith(job.error.message + MARK)
    assert json.loads(adjustments)[0].startswith(f"Picture: turned upright, kept the first page.{MARK}")
    assert job.error.message in described
    assert "\\u001e" not in described
    lines = card(job).lines
    assert lines[:2] == (job.error.message, "Picture: turned upright, kept the first page.")
    assert [in_language(line, "de") for line in lines[:2]] == [
        "Innerhalb von 15 Minuten hat niemand „Starten“ gedrückt; es wurde nichts berechnet.",
        "Bild: aufrecht gedreht, die erste Seite behalten.",
    ]
    assert in_language(lines[1], "ja") == "画像: 正しい向きに回転、最初のページだけを使用。"


async def test_a_note_is_remembered_until_the_job_moves(tmp_path: Path) -> None:
    async with a_house(tmp_path, limits=ASKED_FIRST) as house:
        job = await house.run(await house.ask())
        note = say("The price is now {price}; press Start again if that is fine.", price=Money.usd("0.75"))

        await house.app.stores.jobs.move(Move(job=job, to=State.QUOTED, changes={"note": note}))
        kept = (await house.load(job)).note

    assert kept == note
    assert in_language(kept or "", "ja") == "料金が$0.75になりました。よければもう一度「開始」を押してください。"


@pytest.mark.parametrize("state", State)
def test_everything_on_a_card_is_said(state: State) -> None:
    """Headline, lines and buttons of every state come in every language."""
    job = replace(a_job(), state=state, adjustments=(CHANGED,), charged=Money.usd("0.34"), error=None)
    drawn = card(job, queue_position=2, eta=say("Longer than 9 of 10 renders; still going."))
    shown = [drawn.headline, *drawn.lines, *(each.label for each in drawn.buttons)]

    german, japanese = ([in_language(each, locale) for each in shown] for locale in ("de", "ja"))

    assert [text for text in japanese if text.isascii()] == []
    assert {text for text, told in zip(shown, german, strict=True) if text == told} <= {"Loop"}


@pytest.mark.media
async def test_what_the_decoding_process_refuses_can_be_said_in_any_language(tmp_path: Path) -> None:
    """The sentence is made in another process, and comes back with what it was made of."""
    text = tmp_path / "picture.png"
    text.write_text("no picture")

    with pytest.raises(BadInput) as refused:
        await Workshop().prepare_image(text, ImageLimits(), tmp_path / "out.jpg")

    assert str(refused.value) == (
        "This file is not a picture Reelbot can read: send a JPEG, PNG, WebP, GIF, HEIC, AVIF, BMP or TIFF."
    )
    assert in_language(str(refused.value), "de") == (
        "Diese Datei ist kein Bild, das Reelbot lesen kann: Schick JPEG, PNG, WebP, GIF, HEIC, AVIF, BMP oder TIFF."
    )


@pytest.mark.media
async def test_what_the_decoding_process_changed_can_be_said_in_any_language(tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGB", (3000, 1000), "navy").save(wide)

    prepared = await Workshop().prepare_image(wide, ImageLimits(max_side=1200), tmp_path / "out.jpg")

    assert list(prepared.changes) == ["resized from 3000x1000 to 1200x400"]
    assert in_language(prepared.changes[0], "ja") == "3000x1000から1200x400にサイズ変更"


def test_why_a_local_render_failed_is_said_by_whoever_reads_its_folder(tmp_path: Path) -> None:
    folder = RenderFolder(tmp_path)
    folder.mark_failed(Failure(code="render_failed", message=say("Rendering failed: {reason}.", reason="No space")))

    found = folder.failure()

    assert found is not None
    assert found.message == "Rendering failed: No space."
    assert in_language(found.message, "de") == "Das Rendern ist fehlgeschlagen: No space."


def test_a_folder_of_an_older_reelbot_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "failure.json").write_text('{"code": "render_failed", "message": "Rendering failed: No space."}')

    assert RenderFolder(tmp_path).failure() == Failure(code="render_failed", message="Rendering failed: No space.")
