"""Moving to PostgreSQL: everything arrives and is proven, in one of the two it lives at every moment, never in both."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from bot.app import Parts, open_app
from bot.cli.session import DECIDER
from bot.errors import AlreadyRunning, ConfigurationError, DatabaseCorrupt, DatabaseUnavailable, NotEmpty, UsageError
from bot.jobs.states import State
from bot.settings import load_settings
from storage import copying_source, schema, tables
from storage.copying import undo
from storage.copying_proof import CopyDiffers
from storage.copying_rows import MOVED, rows_of
from storage.copying_target import connected
from storage.database import Database
from storage.history import History
from storage.postgres import PostgresDatabase
from storage.sqlite import SqliteDatabase
from tests import postgres
from tests.conformance.engines import QUICK, is_in, until
from tests.factories import a_request
from tests.fakes.courier import FakeCourier
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.house import GENEROUS
from tests.storage.moving_places import SECRET_KEY, Place, a_worked_installation, asked, killed_at, move

MARK = "SELECT value FROM meta WHERE key = 'moved_to'"


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An installation with everything in it; to be copied, not to be touched."""
    return a_worked_installation(tmp_path_factory.mktemp("worked"))


@pytest.fixture
def place(worked: Place, tmp_path: Path) -> Place:
    return worked.copy_to(tmp_path / "data")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A PostgreSQL database that has this version's tables, and nothing in them."""
    return postgres.database_of(tmp_path)


@pytest.fixture
def blank() -> Iterator[str]:
    """One without any table."""
    name = postgres.server().create()
    yield postgres.server().url(name)
    postgres.server().drop(name)


def lives_here(place: Place) -> bool:
    """Whether Reelbot may start on the source."""
    return place.execute(MARK) == []


def starts_there(url: str) -> bool:
    """Whether it may start on the target."""
    return asked(url, "SELECT 1 FROM meta WHERE key = 'copied_at'") != [] and not asked(
        url, "SELECT 1 FROM meta WHERE key = 'copying'"
    )


@contextlib.asynccontextmanager
async def opened(url: str, folder: Path) -> Any:
    """Reelbot on the target, as a process of its own."""
    parts = Parts(
        providers={"judge": FakeProvider()},
        couriers={"judge": FakeCourier(folder)},
        workshop=FakeWorkshop(),
        fetchers={"fake": FakeFetcher()},
        times=QUICK,
    )
    chosen = {**GENEROUS, "data_dir": folder / "there", "database_url": url, "secret_key": SECRET_KEY}
    chosen |= {"media_url": (folder / "media").as_uri()}
    async with open_app(load_settings(chosen, environ={}, cwd=folder), parts) as app:
        parts.couriers["judge"].media = app.service.media  # type: ignore[attr-defined]
        yield app
        await app.board.settle()


# --- what arrives -------------------------------------------------------------------------------------------------------


def test_every_row_arrives_as_it_was(place: Place, blank: str) -> None:
    """Counted and looked at by others than those who copied: text of every kind, JSON, times, booleans, nothing."""
    done = move(place, blank)

    for table, (there, here) in done.proof.rows.items():
        assert place.execute(f"SELECT count(*) FROM {table}") == [(there,)]
        assert asked(blank, f"SELECT count(*) FROM {table}") == [(here,)]
        assert there == here > 0, f"{table}: nothing went over"
    both = "SELECT seq, id, state, prompt, held_micro_usd, epoch, person FROM jobs ORDER BY seq"
    assert asked(blank, both) == place.execute(both)
    as_text = "SELECT seq, CAST(settings AS TEXT), CAST(roles AS TEXT), error IS NULL, CAST(error AS TEXT) FROM jobs"
    assert sorted(asked(blank, as_text)) == [
        (seq, settings, roles, bool(is_null), error)
        for seq, settings, roles, is_null, error in sorted(place.execute(as_text))
    ]
    [(at,)] = asked(blank, "SELECT to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.US') FROM jobs WHERE prompt = 'quoted'")
    assert place.execute("SELECT created_at FROM jobs WHERE prompt = 'quoted'") == [(at,)]
    assert asked(blank, "SELECT value::text FROM workspace_settings") == [("5",)]
    assert "\\u0000 \\ud800" in asked(blank, "SELECT details::text FROM audit")[0][0]


def test_the_outcome_says_what_is_unfinished_and_what_is_held(place: Place, url: str) -> None:
    """Every state that has not ended; the sums of both ledgers, whose totals SQL finds, too."""
    proof = move(place, url).proof

    assert set(proof.unfinished) == {
        "received", "quoted", "queued", "submitting", "unconfirmed", "rendering", "fetching", "delivering",
    }  # fmt: skip
    assert (proof.source.unequal, proof.target.unequal) == ((), ())
    assert proof.source.sums == proof.target.sums
    [(charged,)] = asked(url, "SELECT sum(micro_usd) FROM ledger WHERE kind IN ('settle', 'correction')")
    [(booked,)] = asked(url, "SELECT sum(delta_micro_usd) FROM ledger")
    assert (proof.target.charged, proof.target.held + proof.target.charged) == (charged, booked)
    assert proof.target.held > 0


async def test_the_history_finds_the_same_on_both_sides(place: Place, url: str) -> None:
    """By words in any form and script, by person, state and cost; erased jobs by nothing."""
    move(place, url)

    async def found(database: Database) -> list[list[str]]:
        history = History(database)
        searches: list[dict[str, Any]] = [
            {}, {"q": "moving leaves"}, {"q": "CAFE fällt"}, {"q": "木の葉が動く"}, {"q": "erased"}, {"q": "judge clip"},
            {"person": "judge:team:alice"}, {"person": "judge:team:zoë"}, {"state": State.DELIVERED}, {"state": State.QUEUED},
        ]  # fmt: skip
        pages = [await history.page(limit=100, **each) for each in searches]
        await database.close()
        return [[job.id for job in page.jobs] for page in pages]

    here, there = await found(PostgresDatabase(url)), await found(SqliteDatabase(place.database))

    assert here == there
    assert [len(ids) > 0 for ids in here] == [True, True, True, True, False, True, True, True, True, True]


def test_no_number_is_given_twice(place: Place, url: str) -> None:
    """Not even that of a row that is gone."""
    [(newest,)] = place.execute("SELECT max(id) FROM job_events")
    place.execute("DELETE FROM job_events WHERE id = ?", newest)

    move(place, url)

    insert = (
        "INSERT INTO job_events (job_id, at, kind, state, details) SELECT id, now(), 'x', 'x', '{}' FROM jobs LIMIT 1"
    )
    assert asked(url, f"{insert} RETURNING id") == [(newest + 1,)]


def test_an_installation_that_never_took_a_job_moves_too(tmp_path: Path, url: str) -> None:
    """Numbers begin with one."""
    (tmp_path / "new").mkdir()
    new = Place(folder=tmp_path / "new")
    schema.prepare(new.database)

    done = move(new, url)

    assert done.proof.rows["jobs"] == (0, 0)
    assert (lives_here(new), starts_there(url)) == (False, True)
    assert asked(
        url, "INSERT INTO audit (at, by, action, subject, details) VALUES (now(), '', '', '', '{}') RETURNING id"
    ) == [(1,)]


# --- the target afterwards ----------------------------------------------------------------------------------------------


async def test_the_first_start_is_held_and_after_resume_a_job_goes_to_its_end(
    place: Place, url: str, tmp_path: Path
) -> None:
    """What waited is ended and nothing is paid; then a new job is made, and what was at the provider goes on."""
    move(place, url)

    async with opened(url, tmp_path) as app:
        held = await app.origin.held()
        states = dict(asked(url, "SELECT prompt, state FROM jobs"))
        await app.service.operating.resume(DECIDER)
        job, _ = await app.service.front_desk.accept(a_request(prompt="after the move"))
        async with app.run_engine("run"):
            await until(lambda: is_in(app, job, State.DELIVERED))
            await until(lambda: asked(url, "SELECT 1 FROM jobs WHERE prompt = 'rendering' AND state <> 'rendering'"))
        unequal = await app.unequal_sums()

    assert "copied from SQLite" in str(held)
    assert {prompt: states[prompt] for prompt in ("received", "quoted", "queued", "submitting", "rendering")} == {
        "received": "cancelled", "quoted": "cancelled", "queued": "cancelled",
        "submitting": "unconfirmed", "rendering": "rendering",
    }  # fmt: skip
    assert states["delivering"] == "undelivered"
    assert unequal == []


async def test_the_source_says_where_the_installation_is(place: Place, url: str, tmp_path: Path) -> None:
    """Nothing starts on it, and its sentence has no password."""
    with_password = url.replace("reelbot@", "reelbot:secret@", 1)

    move(place, with_password)

    with pytest.raises(ConfigurationError, match="was moved to postgresql://reelbot@/") as refused:
        async with open_app(load_settings({"data_dir": place.folder}, environ={}, cwd=tmp_path)):
            raise AssertionError("it opened")
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="was moved to"):
        move(place, url)


# --- cut short ----------------------------------------------------------------------------------------------------------


def test_killed_at_any_point_it_lives_in_one_place_and_the_next_copy_ends(worked: Place, tmp_path: Path) -> None:
    """Before the end the target cannot be started, at the end the source cannot; the same command goes to the end."""
    points = ("begun", "half", "filled", "marked", "released")
    places = [worked.copy_to(tmp_path / point / "data") for point in points]
    urls = [postgres.database_of(tmp_path / point) for point in points]

    ended = killed_at(list(zip(places, urls, points, strict=True)))

    assert ended == [-9] * len(points)
    assert [starts_there(url) for url in urls] == [False] * 4 + [True]
    assert [lives_here(each) for each in places] == [True] * 3 + [False, False]
    for each, url in list(zip(places, urls, strict=True))[:-1]:
        move(each, url)
        assert (lives_here(each), starts_there(url)) == (False, True)


async def test_nothing_starts_on_the_beginning_of_a_copy(place: Place, url: str, tmp_path: Path) -> None:
    """However much of it is there."""

    def stop(point: str) -> None:
        if point == "proven":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(place, url, watch=stop)

    with pytest.raises(ConfigurationError, match="cut short"):
        async with opened(url, tmp_path):
            raise AssertionError("it opened")
    assert lives_here(place)


def test_a_copy_of_another_installation_does_not_replace_a_begun_one(place: Place, url: str) -> None:
    """Only the same installation begins anew."""

    def stop(point: str) -> None:
        if point == "filled":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(place, url, watch=stop)
    place.execute("UPDATE meta SET value = 'another' WHERE key = 'installation_id'")

    with pytest.raises(NotEmpty, match="another installation"):
        move(place, url)


# --- what is refused ----------------------------------------------------------------------------------------------------


def test_a_target_that_holds_anything_is_refused_and_untouched(place: Place, url: str, blank: str) -> None:
    """Rows of an installation, or tables of something else."""
    asked(url, "INSERT INTO blocked_people VALUES ('discord:1:7', now())")
    asked(blank, "CREATE TABLE jobs (theirs text)")
    before = asked(url, "SELECT * FROM meta")

    with pytest.raises(NotEmpty, match="holds blocked_people already"):
        move(place, url)
    with pytest.raises(NotEmpty, match="tables of something else"):
        move(place, blank)

    assert (asked(url, "SELECT * FROM meta"), lives_here(place)) == (before, True)
    assert asked(blank, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'") == [("jobs",)]


def test_a_target_on_which_reelbot_runs_is_refused(place: Place, url: str) -> None:
    """It would go on with an installation that it takes for a new one."""
    with (
        psycopg.connect(url, application_name="reelbot looks"),
        pytest.raises(AlreadyRunning, match="stop it there first"),
    ):
        move(place, url)

    assert lives_here(place)


def test_two_copies_into_one_database_do_not_mix(place: Place, url: str) -> None:
    """Whoever came second is told, and may come again."""
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_lock(7309, -3)")

        with pytest.raises(AlreadyRunning, match="Another `reelbot db copy`"):
            move(place, url)

    assert lives_here(place)


def test_a_server_that_does_not_answer_is_said_to_be_away(place: Place) -> None:
    """And the source goes on."""
    with pytest.raises(DatabaseUnavailable):
        move(place, "postgresql://reelbot@127.0.0.1:1/nothing")

    assert lives_here(place)


def test_whoever_has_the_source_open_is_told_to_stop(place: Place, url: str) -> None:
    """Also a process that only reads: it could write afterwards."""
    with closing(sqlite3.connect(place.database)) as other:
        other.execute("SELECT count(*) FROM jobs").fetchone()

        with pytest.raises(AlreadyRunning, match=r"has .* open"):
            move(place, url)

    assert lives_here(place)
    assert move(place, url).proof.rows["jobs"][0] > 0


def test_what_is_written_meanwhile_is_not_lost(place: Place, url: str) -> None:
    """The copy does not have it, so the source stays the installation; the next copy takes it along."""

    def write(point: str) -> None:
        if point == "proven":
            place.execute("INSERT INTO blocked_people VALUES ('discord:1:9', '2026-01-01 00:00:00.000000')")

    with pytest.raises(AlreadyRunning, match="Something was written"):
        move(place, url, watch=write)

    assert (lives_here(place), starts_there(url)) == (True, False)
    assert move(place, url).proof.rows["blocked_people"] == (2, 2)


def test_whoever_opened_the_source_meanwhile_takes_the_mark_away_again(place: Place, url: str) -> None:
    """It was open before the mark, and would have gone on writing into what nobody looks at any more."""
    with contextlib.ExitStack() as others:

        def open_it(point: str) -> None:
            if point == "filled":
                other = others.enter_context(closing(sqlite3.connect(place.database)))
                other.execute("SELECT count(*) FROM jobs").fetchone()

        with pytest.raises(AlreadyRunning, match=r"has .* open"):
            move(place, url, watch=open_it)

        assert (lives_here(place), starts_there(url)) == (True, False)


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (
            "UPDATE jobs SET prompt = 'the leaves stand still' WHERE prompt = 'the leaves start to move'",
            "`jobs` differs",
        ),
        ("UPDATE jobs SET error = 'null' WHERE error IS NULL", "`jobs` differs"),
        (
            "UPDATE jobs SET created_at = created_at + interval '1 microsecond' WHERE prompt = 'quoted'",
            "`jobs` differs",
        ),
        ("DELETE FROM job_events WHERE id = 3", "`job_events` differs in its row 3"),
        ("INSERT INTO blocked_people VALUES ('discord:1:9', now())", "`blocked_people` differs"),
        ("DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger)", "`ledger` differs"),
        ("DELETE FROM jobs_fts WHERE seq = 1", "the history finds"),
        ("UPDATE jobs_fts SET seq = 4711 WHERE seq = 1", "the history finds"),
        ("UPDATE meta SET value = '7' WHERE key = 'epoch'", "`meta` says something else"),
    ],
)
def test_a_copy_that_differs_anywhere_is_noticed(place: Place, url: str, harm: str, what: str) -> None:
    """The proof reads what was committed, and can fail: then the source stays the installation."""

    def do_harm(point: str) -> None:
        if point == "filled":
            asked(url, harm)

    with pytest.raises(CopyDiffers, match=what):
        move(place, url, watch=do_harm)

    assert (lives_here(place), starts_there(url)) == (True, False)


CHANGED = {
    sa.JSON: "CAST('[\"other\"]' AS json)",
    sa.Boolean: "NOT coalesce({0}, false)",
    tables.UtcTime: "coalesce({0}, now()) + interval '1 microsecond'",
    sa.String: "coalesce({0}, '') || 'x'",
    sa.Integer: "coalesce({0}, 0) + 100000",
    sa.Float: "coalesce({0}, 0) + 0.001",
}


def test_every_column_of_every_table_counts_in_the_comparison(place: Place, url: str) -> None:
    """Each is changed in one row, and then the rows are not the same as the source's."""
    move(place, url)
    unseen = []
    with copying_source.seen(place.database) as source, connected(url) as target:
        target.exec_driver_sql("SET session_replication_role = replica")  # rows may name rows that are not there
        for table in MOVED:
            rows = list(rows_of(source, table))
            assert list(rows_of(target, table)) == rows
            for column in table.columns if rows else ():
                change = next(CHANGED[kind] for kind in CHANGED if isinstance(column.type, kind))
                name = f'"{column.name}"'
                first = f'WHERE ctid = (SELECT min(ctid) FROM "{table.name}")'
                with target.begin_nested() as changing:
                    target.exec_driver_sql(f'UPDATE "{table.name}" SET {name} = {change.format(name)} {first}')
                    if list(rows_of(target, table)) == rows:
                        unseen.append(column)
                    changing.rollback()

    assert unseen == []


def test_a_text_that_postgresql_cannot_hold_is_named_before_anything_is_written(place: Place, url: str) -> None:
    """With the way out: erase that job, or leave the character out."""
    place.execute("UPDATE jobs SET prompt = ? WHERE prompt = 'rendering'", "ren\0dering")
    [(job_id,)] = place.execute("SELECT id FROM jobs WHERE state = 'rendering'")

    with pytest.raises(UsageError, match=f"`prompt` of job {job_id} .*--drop-nul"):
        move(place, url)

    assert asked(url, "SELECT 1 FROM meta WHERE key = 'copying'") == []
    move(place, url, drop_nul=True)
    assert asked(url, "SELECT prompt FROM jobs WHERE state = 'rendering'") == [("rendering",)]


@pytest.mark.parametrize(
    ("harm", "error", "what"),
    [
        ("UPDATE audit SET by = CAST(x'ff41' AS TEXT)", UsageError, "`by` of row 1 of `audit` is no Unicode"),
        ("UPDATE jobs SET version = 3000000000 WHERE seq = 2", ConfigurationError, "row of `jobs` .*out of range"),
        (
            "UPDATE ledger_sums SET micro_usd = micro_usd + 1 WHERE period = '2026-01'",
            ConfigurationError,
            "does not add up",
        ),
        ("DELETE FROM assets", DatabaseCorrupt, "names a row of `assets` that is not there"),
    ],
)
def test_a_source_that_is_not_in_order_is_refused_in_one_sentence(
    place: Place, url: str, harm: str, error: type[Exception], what: str
) -> None:
    """And stays as it is."""
    place.execute(harm)

    with pytest.raises(error, match=what):
        move(place, url)

    assert (lives_here(place), starts_there(url)) == (True, False)


@pytest.mark.parametrize(
    "address", ["postgresql://db/reelbot", "sqlite:///nowhere/reelbot.db", "sqlite:////etc/hostname", "reelbot.db"]
)
def test_a_source_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        copying_source.source_path(address)


# --- back ---------------------------------------------------------------------------------------------------------------


async def test_taken_back_before_the_first_start_it_lives_in_the_source_again(
    place: Place, url: str, tmp_path: Path
) -> None:
    """Nothing can start on the copy any more; and it can be moved once more."""
    move(place, url)

    undo(place.database, url)

    assert lives_here(place)
    with pytest.raises(ConfigurationError, match="taken back"):
        async with opened(url, tmp_path):
            raise AssertionError("it opened")
    move(place, url)
    assert (lives_here(place), starts_there(url)) == (False, True)


async def test_once_started_there_it_is_not_taken_back(place: Place, url: str, tmp_path: Path) -> None:
    """What happened since would be lost."""
    move(place, url)
    async with opened(url, tmp_path):
        pass

    with pytest.raises(ConfigurationError, match="was started there since"):
        undo(place.database, url)

    assert not lives_here(place)


def test_it_is_taken_back_only_from_where_it_is(place: Place, url: str, tmp_path: Path) -> None:
    """Another database proves nothing; an empty one at the same address proves that the copy is gone."""
    with pytest.raises(ConfigurationError, match="was not moved"):
        undo(place.database, url)
    move(place, url)

    with pytest.raises(ConfigurationError, match="only from there"):
        undo(place.database, postgres.database_of(tmp_path / "other"))
    asked(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    undo(place.database, url)

    assert lives_here(place)


def test_an_older_schema_is_upgraded_after_a_backup(tmp_path: Path, url: str) -> None:
    """As any start would do it."""
    (tmp_path / "old").mkdir()
    old = Place(folder=tmp_path / "old")
    _at_revision(old.database, "0004")

    done = move(old, url)

    assert done.backup is not None
    assert done.backup.exists()
    assert copying_source.moved(old.database) is not None


def _at_revision(path: Path, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.attributes["path"] = path
    command.upgrade(config, revision)
