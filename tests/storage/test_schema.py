"""The schema: made from nothing, upgraded from every revision after a backup, refused when newer or damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.errors import DatabaseCorrupt, SchemaTooNew
from storage import schema
from storage.tables import metadata


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    return ScriptDirectory.from_config(config)


def shape(path: Path) -> list[str]:
    """Every statement that made the file's tables and indexes."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return [row[0] for row in found]


def test_the_newest_revision_is_the_one_the_code_names() -> None:
    """`HEAD` is written by hand so that a start needs no Alembic; it must not be forgotten."""
    assert scripts().get_heads() == [schema.HEAD]
    assert schema.known_revisions() == {revision.revision for revision in scripts().walk_revisions()}


def test_a_new_file_has_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    """Nothing that autogenerate would still add or remove; and no backup of nothing."""
    path = tmp_path / "reelbot.db"

    backup = schema.prepare(path)

    assert backup is None
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _to: object) -> bool:
    return not (kind == "table" and (name or "").startswith("jobs_fts"))


@pytest.mark.parametrize("revision", sorted(schema.known_revisions()))
def test_every_revision_upgrades_to_the_same_schema_as_a_new_file(tmp_path: Path, revision: str) -> None:
    """With its rows kept, and a backup made before when there was anything to do."""
    from alembic import command

    fresh, old = tmp_path / "fresh.db", tmp_path / "old.db"
    schema.prepare(fresh)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.attributes["path"] = old
    command.upgrade(config, revision)
    connection = sqlite3.connect(old)
    connection.execute("INSERT INTO meta (key, value) VALUES ('kept', 'yes')")
    connection.commit()
    connection.close()

    backup = schema.prepare(old)

    assert shape(old) == shape(fresh)
    assert (backup is not None) == (revision != schema.HEAD)
    connection = sqlite3.connect(old)
    assert connection.execute("SELECT value FROM meta WHERE key = 'kept'").fetchone() == ("yes",)
    connection.close()


def test_a_backup_is_a_whole_database_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    """Made while the file is in use."""
    path = tmp_path / "reelbot.db"
    schema.prepare(path)

    backups = [schema.backup_before_migration(path) for _ in range(schema.KEPT_BACKUPS + 2)]

    assert schema.check_integrity(backups[-1]) is None
    assert shape(backups[-1]) == shape(path)
    assert sorted((tmp_path / "backups").iterdir()) == backups[-schema.KEPT_BACKUPS :]


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The sentence names both versions."""
    path = tmp_path / "reelbot.db"
    schema.prepare(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()

    with pytest.raises(SchemaTooNew, match="9999"):
        schema.prepare(path)

    assert schema.current_revision(path) == "9999"


def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Also when only its first page is."""
    path = tmp_path / "reelbot.db"
    schema.prepare(path)
    damaged = b"x" * 4096 + path.read_bytes()[4096:]
    path.write_bytes(damaged)

    with pytest.raises(DatabaseCorrupt, match="was not touched"):
        schema.prepare(path)

    assert path.read_bytes() == damaged
