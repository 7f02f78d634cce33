"""A whole installation on this machine: PostgreSQL, an emulated service, members of the cluster, and a wire to be cut."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg

from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.processes import ROOT, VendorProcess, vendor_emulator
from tests.postgres import PostgresServer

TOKEN = "an-admin-token-for-the-cluster"
PRICE_USD = 0.34
START_S = 60.0


class Wire:
    """A TCP connection through us, which can be cut: whatever runs over it is reset, and may connect again."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> int:
        """Reset every connection; how many there were."""
        cut = list(self._writers)
        for writer in cut:
            writer.transport.abort()
        return len(cut) // 2

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._pipe(reader, there_writer), self._pipe(there_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


class Member:
    """One process of the cluster."""

    def __init__(self, folder: Path, name: str, roles: str, settings: dict[str, Any]) -> None:
        self.name = name
        script = folder / f"{name}.json"
        script.write_text(json.dumps(settings | {"data_dir": str(folder / name)}))
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cluster.member", roles, str(script)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out,
            )  # fmt: skip

    async def told(self) -> dict[str, Any]:
        """What it says once it serves: one line of JSON."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), START_S)
        assert line, f"{self.name} did not start: {self.log.read_text()[-2000:]}"
        said: dict[str, Any] = json.loads(line)
        return said

    def send(self, number: signal.Signals) -> None:
        """To this process alone."""
        os.kill(self._process.pid, number)

    def end(self, how: signal.Signals = signal.SIGTERM, *, within_s: float = 60.0) -> int:
        """Its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(within_s)

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process.poll() is None


class Town:
    """Everything, for one test; ended by process ids, whatever happens."""

    def __init__(self, folder: Path, *, render_s: float = 1.5, **limits: str) -> None:
        self.folder = folder
        self._limits = limits
        self.server = PostgresServer(durable=True)
        self.database = self.server.create()
        self.vendor: VendorProcess = vendor_emulator(folder, "wavespeed", clips="magic", render_s=render_s)
        self.members: dict[str, Member] = {}
        self.web_url = ""

    def settings(self, *, database_port: int | None = None) -> dict[str, Any]:
        """What every process is told."""
        url = self.server.url(self.database, tcp=True)
        if database_port is not None:
            url = url.replace(f":{self.server.port}/", f":{database_port}/")
        return {
            "database_url": url,
            "secret_key": "k" * 40,
            "media_url": (self.folder / "media").as_uri(),
            "default_provider": "wavespeed",
            "wavespeed": {
                "api_key": "test-key", "base_url": self.vendor.url, "max_concurrent": 40, "creates_per_minute": 10_000,
            },
            "limits": {
                "user_daily_jobs": "100000", "user_daily_usd": "10000", "user_concurrent": "1000",
                "workspace_monthly_usd": "10000", "installation_monthly_usd": "10000", "confirm_above_usd": "100",
                **self._limits,
            },
            "web": {"port": 0, "admin_token": TOKEN},
        }  # fmt: skip

    def start(self, name: str, roles: str, *, database_port: int | None = None) -> Member:
        """One more process."""
        member = Member(self.folder, name, roles, self.settings(database_port=database_port))
        self.members[name] = member
        return member

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """A question to the database, past the product."""
        with psycopg.connect(self.server.url(self.database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def worker_id(self, before: set[int]) -> int:
        """The number in the queue of the worker that registered since."""
        deadline = time.monotonic() + START_S
        while not (new := self.worker_ids() - before):
            assert time.monotonic() < deadline, "no worker registered"
            time.sleep(0.05)
        return new.pop()

    def worker_ids(self) -> set[int]:
        """Every worker the queue knows."""
        found = self.ask("SELECT to_regclass('procrastinate_workers')")
        return {row[0] for row in self.ask("SELECT id FROM procrastinate_workers")} if found[0][0] else set()

    async def order(self, number: int, client: httpx.AsyncClient) -> str:
        """Ask for one clip over HTTP, as often as it takes for an answer, under one key; the job's id, or the refusal."""
        form = {"prompt": f"the leaves move, take {number}"}
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"order-{number}"}
        deadline = time.monotonic() + 120
        while True:
            try:
                picture = {"image": ("picture.jpg", PICTURE_MAGIC + str(number).encode(), "image/jpeg")}
                answer = await client.post("/api/v1/jobs", data=form, files=picture, headers=headers)
                if answer.status_code in (200, 202):
                    return str(answer.json()["id"])
                if answer.status_code == 429:
                    return str(answer.json()["code"])
                assert answer.status_code in (500, 503), answer.text
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "nobody answered"
            await asyncio.sleep(0.2)

    def end(self) -> None:
        """Everybody leaves."""
        for member in self.members.values():
            if member.runs:
                member.send(signal.SIGCONT)
                member.end(signal.SIGKILL)
        self.vendor.stop()
        self.server.remove()
