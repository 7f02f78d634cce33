"""The schema on PostgreSQL: made once whoever starts first, only ever added to, and refused where we cannot work with it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.pool import NullPool

from bot.errors import ConfigurationError, DatabaseUnavailable, SchemaTooNew
from bot.ground.many_machines import prepare_database
from bot.jobs.states import State
from storage import schema
from storage.postgres import server_url
from storage.schema_postgres import SERVES, fit, prepare_server, server_revision
from storage.tables import metadata
from tests import postgres
from tests.conformance.engines import EngineBench, ask, is_in, until
from tests.journeys.running import ROOT

SINCE = "0007"
"""The first schema that PostgreSQL had in the hands of others."""


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """A database in which nothing is."""
    name = postgres._databases[tmp_path / "empty"] = postgres.server().create()
    return postgres.server().url(name)


def say(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def at(url: str, revision: str) -> None:
    """As the version that had this schema left it."""
    engine = sa.create_engine(server_url(url), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def shape(url: str) -> list[tuple[object, ...]]:
    """Columns, indexes and constraints of everything but the queue."""
    ours = "LIKE '%' AND {0} NOT LIKE 'procrastinate%'"
    return [
        *say(
            url,
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
            f"WHERE table_schema = 'public' AND table_name {ours.format('table_name')} ORDER BY 1, 2",
        ),
        *say(url, f"SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename {ours.format('tablename')} ORDER BY 1"),
        *say(
            url,
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text {ours.format('conrelid::regclass::text')} "
            "ORDER BY 1, 2",
        ),
    ]  # fmt: skip


# --- made and upgraded ------------------------------------------------------------------------------------------------------


def _is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _to: object) -> bool:
    return not (kind == "table" and (name or "").startswith(("jobs_fts", "procrastinate")))


def test_a_new_database_has_exactly_the_tables_of_the_code(empty: str) -> None:
    """Nothing that autogenerate would still add or remove, beside the index of words and the queue."""
    found = prepare_database(empty)

    assert (found, server_revision(empty)) == (None, schema.HEAD)
    engine = sa.create_engine(server_url(empty), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    assert say(empty, "SELECT to_regclass('jobs_fts'), to_regclass('procrastinate_jobs')") == [
        ("jobs_fts", "procrastinate_jobs")
    ]


@pytest.mark.parametrize("revision", sorted(schema.known_revisions()))
def test_every_revision_upgrades_to_the_same_schema_as_a_new_database(empty: str, revision: str) -> None:
    """With its rows kept; and a second time is harmless."""
    at(empty, revision)
    say(empty, "INSERT INTO meta (key, value) VALUES ('kept', 'yes')")

    found = prepare_database(empty)
    again = prepare_database(empty)

    assert (found, again) == (revision, schema.HEAD)
    assert shape(empty) == shape(postgres.server().url(postgres.server().template))
    assert say(empty, "SELECT value FROM meta WHERE key = 'kept'") == [("yes",)]


def test_processes_that_start_at_once_upgrade_once(empty: str) -> None:
    """One does it while the others wait, and all of them start."""
    at(empty, "0005")
    script = "import sys; from bot.ground.many_machines import prepare_database; print(prepare_database(sys.argv[1]))"

    starting = [
        subprocess.Popen([sys.executable, "-c", script, empty], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0].strip() for process in starting]

    assert [process.returncode for process in starting] == [0, 0, 0]
    assert sorted(said) == ["0005", schema.HEAD, schema.HEAD]


# --- migrations that only add -------------------------------------------------------------------------------------------------

BREAKS = re.compile(
    r"\bDROP (TABLE|COLUMN|CONSTRAINT|INDEX|TYPE|FUNCTION|DEFAULT)\b|\bRENAME\b|\bTYPE\b|\bSET NOT NULL\b"
    r"|\bADD CONSTRAINT\b|\bADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b|\bCREATE UNIQUE INDEX\b|\bTRUNCATE\b",
    re.IGNORECASE,
)
"""What the version before, which still runs, would stumble over: in a table that it knows."""


def what_breaks(sql: str) -> list[str]:
    """Statements that take something away, or ask for more than the version before gives; new tables may be anything."""
    statements = [" ".join(each.split()) for each in re.sub(r"--[^\n]*", "", sql).split(";")]
    new = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", sql))
    return [
        each
        for each in statements
        if BREAKS.search(each)
        and not each.startswith(("CREATE TABLE", "COMMENT ON", "INSERT", "UPDATE"))
        and not re.search(rf"\b(?:ON|TABLE) (?:ONLY )?(?:{'|'.join(new) or 'none'})\b", each)
    ]


def test_migrations_since_only_add(tmp_path: Path) -> None:
    """So that the version before goes on working beside the new one; what is to go, goes one release later."""
    for number in sorted(schema.known_revisions()):
        if number > SINCE:
            assert what_breaks(_sql_of(number)) == [], f"migration {number} would stop the version before"


def _sql_of(number: str) -> str:
    """What a migration says to PostgreSQL, without a server."""
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    script = ScriptDirectory.from_config(config).get_revision(number)
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": out, "render_as_batch": True}
    )
    with Operations.context(context):
        script.module.upgrade()
    return out.getvalue()


@pytest.mark.parametrize(
    ("statement", "is_fine"),
    [
        ("ALTER TABLE jobs DROP COLUMN note", False),
        ("DROP TABLE paces", False),
        ("ALTER TABLE jobs RENAME COLUMN note TO remark", False),
        ("ALTER TABLE jobs ALTER COLUMN note TYPE INTEGER", False),
        ("ALTER TABLE jobs ALTER COLUMN note SET NOT NULL", False),
        ("ALTER TABLE jobs ADD COLUMN extra VARCHAR NOT NULL", False),
        ("CREATE UNIQUE INDEX ix ON jobs (note)", False),
        ("ALTER TABLE jobs ADD COLUMN extra VARCHAR", True),
        ("ALTER TABLE jobs ADD COLUMN extra VARCHAR DEFAULT 'x' NOT NULL", True),
        ("CREATE INDEX ix ON jobs (note)", True),
        ("CREATE TABLE fresh (id INTEGER NOT NULL); CREATE UNIQUE INDEX ix ON fresh (id)", True),
    ],
)
def test_the_rule_knows_what_breaks_the_version_before(statement: str, is_fine: bool) -> None:
    """There is no migration yet that it could catch, so it is tried on what one might say."""
    assert (what_breaks(statement) == []) is is_fine


def test_what_a_migration_says_is_seen(tmp_path: Path) -> None:
    """0007 made its tables; the reading of it must not be empty."""
    assert "CREATE TABLE jobs_fts" in _sql_of("0007")


# --- old beside new, and refusals ------------------------------------------------------------------------------------------------


def newer(url: str, serves: str | None) -> None:
    """A version of tomorrow was here, and can live with processes of this schema, or cannot say so."""
    say(url, "UPDATE alembic_version SET version_num = '0099'")
    say(url, f"DELETE FROM meta WHERE key = '{SERVES}'")
    if serves is not None:
        say(url, f"INSERT INTO meta (key, value) VALUES ('{SERVES}', '{serves}')")


@pytest.mark.parametrize("serves", ["0008", None])
def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, serves: str | None) -> None:
    """The sentence names both versions, and not the server."""
    url = postgres.database_of(tmp_path)
    newer(url, serves)

    with pytest.raises(SchemaTooNew, match=rf"schema 0099; this one knows up to {schema.HEAD}"):
        prepare_server(url)

    with sa.create_engine(server_url(url)).connect() as connection:
        assert fit(connection) == ("0099", False)
    assert server_revision(url) == "0099"


async def test_this_version_goes_on_beside_a_newer_one_that_says_so(tmp_path: Path) -> None:
    """For one release: it starts, accepts and runs jobs, and leaves the schema alone."""
    bench = EngineBench("procrastinate", tmp_path)
    url = str(bench.settings["database_url"])
    newer(url, schema.HEAD)

    async with bench.running() as (app, _):
        job = await ask(app)
        await until(lambda: is_in(app, job, State.DELIVERED))
        assert (await app.ground.schema()).status == "ok"

    assert server_revision(url) == "0099"
    assert say(url, f"SELECT value FROM meta WHERE key = '{SERVES}'") == [(schema.HEAD,)]


def refused(url: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        prepare_server(url)
    said = str(refusal.value)
    assert "hunter2" not in said
    assert str(postgres.server().folder) not in said
    assert said.count("\n") == 0
    return said


def test_a_database_or_a_user_that_is_not_there_is_a_wrong_setting(empty: str) -> None:
    """Nobody can log in as somebody who does not exist, whatever the password."""
    server = postgres.server()

    assert "does not exist there" in refused(server.url("nowhere"))
    stranger = f"postgresql://stranger:hunter2@127.0.0.1:{server.port}/postgres"
    assert "REELBOT_DATABASE_URL" in refused(stranger)


def test_a_wrong_password_is_a_wrong_setting(empty: str) -> None:
    """Also none at all, where one is wanted. The server here trusts everybody, so it is told to ask for one."""
    server = postgres.server()
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    say(empty, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
    try:
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{before}")
        server.execute("SELECT pg_reload_conf()")
        for words in ("guarded:hunter2", "guarded"):
            said = refused(f"postgresql://{words}@127.0.0.1:{server.port}/postgres")
            assert "password" in said
    finally:
        rules.write_text(before)
        server.execute("SELECT pg_reload_conf()")
        server.execute("DROP ROLE guarded")


def test_a_database_in_another_encoding_is_refused() -> None:
    """Before anything is made in it."""
    server = postgres.server()
    server.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        assert (
            refused(server.url("latin")) == "The database must be in UTF8; this one is in LATIN1. Create another one."
        )
        assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "latin") == [(0,)]
    finally:
        server.drop("latin")


def test_a_user_that_may_not_create_tables_is_told(empty: str) -> None:
    """Since PostgreSQL 15 only a database's owner may, unless somebody says otherwise."""
    server = postgres.server()
    server.execute("CREATE ROLE guest LOGIN")
    try:
        url = empty.replace("reelbot@", "guest@")
        assert refused(url) == "Our user may not create tables there; make it the owner of the database."
    finally:
        server.execute("DROP ROLE guest")


def test_a_server_that_is_away_is_no_wrong_setting() -> None:
    """Whoever starts us tries again."""
    with pytest.raises(DatabaseUnavailable):
        prepare_server("postgresql://reelbot:hunter2@127.0.0.1:1/there")
