"""Procrastinate's own tables: made from its schema, and brought along by its migrations when a release has new ones.

Which release the tables are of is a row of `meta`. Its migrations come in two halves, `pre` (before the new version
starts) and `post` (once the old one is gone); those of a step forward are all carried out by the first process of the new
version, except for the `post` of that step, which wait for the next one: until then the old version may still be running.
"""

from __future__ import annotations

import re
from importlib import metadata, resources
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager

_KEY = "schema.queue"
_UPGRADING = "SELECT pg_advisory_xact_lock(7309, -2)"
_FILE = re.compile(r"(\d\d)\.(\d\d)\.(\d\d)_\d\d_(?:(pre|post)_)?.*\.sql")

Version = tuple[int, ...]


def prepare_queue(conninfo: str, options: dict[str, Any]) -> None:
    """Make the queue's tables ready for this version, inside one transaction; harmless when they are."""
    ours = _version(metadata.version("procrastinate"))
    with psycopg.connect(conninfo, **options) as connection:
        connection.execute(_UPGRADING)
        row = connection.execute("SELECT value FROM meta WHERE key = %s", (_KEY,)).fetchone()
        if row is None:
            connection.execute(_schema())
        else:
            done, finished = (_version(each) for each in str(row[0]).split(" "))
            if done >= ours:
                return
            for script in scripts_between(finished, done, ours):
                connection.execute(script)
        # The tables as they are made anew have both halves of every step already.
        finished_now = ours if row is None else _version(str(row[0]).split(" ")[0])
        connection.execute("DELETE FROM meta WHERE key = %s", (_KEY,))
        stands = f"{_spelt(ours)} {_spelt(finished_now)}"
        connection.execute("INSERT INTO meta (key, value) VALUES (%s, %s)", (_KEY, stands))


def scripts_between(finished: Version, done: Version, ours: Version) -> list[bytes]:
    """What is to be carried out: the second halves after `finished` up to `done`, then the first halves up to `ours`."""
    found: list[tuple[Version, bool, str, bytes]] = []
    for file in resources.files("procrastinate.sql.migrations").iterdir():
        match = _FILE.fullmatch(file.name)
        if match is None:
            continue
        version, is_second = tuple(int(part) for part in match.group(1, 2, 3)), match[4] == "post"
        due = finished < version <= done if is_second else done < version <= ours
        if due:
            found.append((version, is_second, file.name, file.read_bytes()))
    return [script for *_, script in sorted(found)]


def _schema() -> bytes:
    return SchemaManager.get_schema().encode()


def _version(text: str) -> Version:
    numbers = [int(part) for part in re.findall(r"\d+", text)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _spelt(version: Version) -> str:
    return ".".join(map(str, version))
