"""The process of local-slack: its configuration, its start on a free port of loopback, its end.

It binds every interface and has no option against that. Of the two ways out, a network namespace (`unshare -rn`) would have
to hold the product, the driver and the database too, and many containers forbid it. It is built with Bun, though, which
loads a script of ours before its own code (`BUN_OPTIONS=--preload`): `loopback.js` gives its one `Bun.serve` the host name
127.0.0.1 and changes nothing else. Whether that worked is looked up in the kernel's table after every start.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from tests.emulators.local_slack.install import HERE, Unavailable, program

START_TIMEOUT_S = 20.0
LISTENING = "0A"
LOOPBACK = "0100007F"

TEAM = "T0STUDIO01"
APP = "A0REELBOT1"
BOT = "U0REELBOT1"
BOT_TOKEN = "xoxb-reelbot-of-the-studio"
APP_TOKEN = "xapp-reelbot-of-the-studio"
SIGNING_SECRET = "the-signing-secret-of-reelbot"
ALICE, BOB, MALLORY = "U0ALICE001", "U0BOB00001", "U0MALLORY1"
GENERAL, PRIVATE, ELSEWHERE = "C0GENERAL1", "C0PRIVATE1", "C0ELSEWHR1"
"""The bot is in the first two."""


def configuration(request_url: str | None) -> dict[str, Any]:
    """The workspace; with a request URL the app's events come over HTTP, without one over Socket Mode."""
    delivery = {"mode": "socket"} if request_url is None else {"mode": "events", "requestUrl": request_url}
    return {
        "workspace": {"name": "Studio", "domain": "studio", "teamId": TEAM},
        "apps": [
            {
                "appId": APP,
                "botUserId": BOT,
                "botName": "reelbot",
                "botToken": BOT_TOKEN,
                "appToken": APP_TOKEN,
                "signingSecret": SIGNING_SECRET,
                **delivery,
            }
        ],
        "users": [
            {"id": ALICE, "name": "alice", "real_name": "Alice", "tz": "Europe/Berlin"},
            {"id": BOB, "name": "bob", "real_name": "Bob", "tz": "Asia/Tokyo"},
            {"id": MALLORY, "name": "mallory", "real_name": "Mallory"},
        ],
        "channels": [
            {"id": GENERAL, "name": "general", "members": [ALICE, BOB, MALLORY, BOT]},
            {"id": PRIVATE, "name": "private", "is_private": True, "members": [ALICE, BOB, BOT]},
            {"id": ELSEWHERE, "name": "elsewhere", "members": [ALICE, BOB]},
        ],
    }


class LocalSlack:
    """A running local-slack; it forgets its world when it ends, and ends with the process that started it."""

    def __init__(self, folder: Path, *, request_url: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config, self.log = folder / "workspace.json", folder / "local-slack.log"
        config.write_text(json.dumps(configuration(request_url)))
        # Nothing of the developer's: Bun reads proxies, its own options and colours from the environment.
        env = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "BUN_OPTIONS": "--preload=./loopback.js"}
        words = ["--config", config, "--port", "0", "--base-host", "127.0.0.1", "--files-dir", folder / "files"]
        command = [program(), *words]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=HERE, env=env, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.url = self._wait_until_listening()
            self._check_loopback()
        except BaseException:
            self.stop()
            raise

    def _wait_until_listening(self) -> str:
        deadline = time.monotonic() + START_TIMEOUT_S
        # What it says last; the port is the one it was given by the kernel.
        while not (found := re.search(r"Web API base: +(http://\S+)/api/.*Apps:\n", self._said(), re.DOTALL)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"local-slack did not start: {self._said()}")
            time.sleep(0.005)
        return found[1]

    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def _check_loopback(self) -> None:
        port = f"{int(self.url.rpartition(':')[2]):04X}"
        rows = [
            line.split()
            for table in ("tcp", "tcp6")
            if (kernel := Path(f"/proc/{self._process.pid}/net/{table}")).exists()
            for line in kernel.read_text().splitlines()[1:]
        ]
        found = {row[1] for row in rows if row[3] == LISTENING and row[1].endswith(f":{port}")}
        if not found:
            raise Unavailable(
                "local-slack has to listen on loopback alone, and this system does not say where it listens"
            )
        if found != {f"{LOOPBACK}:{port}"}:
            raise RuntimeError(f"local-slack was to listen on loopback alone, and listens on {sorted(found)}")

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
