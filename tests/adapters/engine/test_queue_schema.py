"""The queue's tables: made once, brought along by Procrastinate's migrations, whichever release they were made by."""

from __future__ import annotations

import re
from importlib import metadata, resources

import psycopg
import pytest

from adapters.engine.queue_schema import prepare_queue, scripts_between
from storage.schema_postgres import prepare_server
from tests import postgres

NEWEST = (99, 0, 0)


def named(*names: str) -> list[bytes]:
    """Procrastinate's own files."""
    folder = resources.files("procrastinate.sql.migrations")
    return [(folder / f"{name}.sql").read_bytes() for name in names]


def test_the_first_halves_of_a_step_come_now_and_its_second_halves_with_the_next() -> None:
    """While this version starts, the one before may still be running; nobody runs the one before that."""
    assert scripts_between((3, 0, 0), (3, 0, 0), (3, 1, 0)) == named("03.01.00_01_pre_add_heartbeat")
    assert scripts_between((3, 0, 0), (3, 1, 0), (3, 2, 0)) == named(
        "03.01.00_50_post_add_heartbeat", "03.02.00_01_pre_batch_defer_jobs"
    )
    assert scripts_between((3, 2, 0), (3, 4, 0), (3, 4, 0)) == named("03.04.00_50_post_add_retry_failed_job_procedure")
    assert scripts_between((3, 4, 0), (3, 4, 0), (3, 4, 0)) == []


def test_every_migration_of_procrastinates_is_understood() -> None:
    """A file whose name is spelt in another way would be left out without a word."""
    files = [each.name for each in resources.files("procrastinate.sql.migrations").iterdir()]
    scripts = [name for name in files if name.endswith(".sql")]

    everything = scripts_between((0, 0, 0), NEWEST, NEWEST)
    firsts = scripts_between(NEWEST, (0, 0, 0), NEWEST)

    initial = [name for name in scripts if name.startswith("00.00.00")]
    seconds = [name for name in scripts if "_post_" in name]
    assert len(everything) == len(seconds) > 0
    assert len(firsts) == len(scripts) - len(seconds) - len(initial)


def shape(url: str) -> dict[str, object]:
    """Tables, indexes, constraints, types, triggers and functions of the queue."""
    asked = {
        "columns": "SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_name LIKE 'procrastinate%' ORDER BY 1, 2",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'procrastinate%' ORDER BY 1",
        "constraints": "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid::regclass::text LIKE 'procrastinate%' ORDER BY 1, 2",
        "labels": "SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid ORDER BY 1, 2",
        "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        "functions": "SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), prosrc FROM pg_proc "
        "WHERE proname LIKE 'procrastinate%' ORDER BY 1, 2",
    }
    found: dict[str, object] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for what, statement in asked.items():
            rows = connection.execute(statement.encode()).fetchall()
            found[what] = [tuple(re.sub(r"\s+", " ", str(each)) for each in row) for row in rows]
    return found


@pytest.fixture
def database() -> str:
    """With our own tables, and none of the queue's."""
    name = postgres.server().create()
    postgres._databases[postgres.server().folder / name] = name  # removed after the test, as the others are
    url = postgres.server().url(name)
    prepare_server(url)
    return url


def note(url: str, text: str) -> None:
    """What `meta` says of the queue's tables."""
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM meta WHERE key = 'schema.queue'")
        connection.execute("INSERT INTO meta (key, value) VALUES ('schema.queue', %s)", (text,))


def noted(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema.queue'").fetchone()
    assert row is not None
    return str(row[0])


def test_a_fresh_and_an_upgraded_database_are_alike(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the last release before there were two halves, in one step; and once more, when its second halves are due."""
    fresh = postgres.server().url(postgres.server().template)
    with psycopg.connect(database) as connection:
        connection.execute(b"".join(named("00.00.00_01_initial")))
        for script in scripts_between((2, 99, 0), (0, 0, 0), (2, 99, 0)):
            connection.execute(script)
    note(database, "2.99.0 2.99.0")
    ours = metadata.version("procrastinate")

    prepare_queue(database, {})
    with_old_beside_it = noted(database)
    monkeypatch.setattr(metadata, "version", lambda _name: "98.0.0")
    prepare_queue(database, {})

    assert with_old_beside_it == f"{ours} 2.99.0"
    assert noted(database) == f"98.0.0 {ours}"
    assert shape(database) == shape(fresh)


def test_tables_of_a_newer_release_are_left_alone(database: str) -> None:
    """The version before starts once more, beside the new one."""
    prepare_queue(database, {})
    note(database, "97.0.0 96.0.0")
    before = shape(database)

    prepare_queue(database, {})

    assert (noted(database), shape(database)) == ("97.0.0 96.0.0", before)
