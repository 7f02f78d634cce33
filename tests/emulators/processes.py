"""Starting judges in processes of their own, and reading what they wrote down."""

from __future__ import annotations

import atexit
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from tests.emulators.judging import read_journal

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 20.0


class Nursery:
    """A warm process that forks others for this one (see `tests.emulators.nursery`); it ends with `stop`, or with us."""

    def __init__(self, module: str = "tests.emulators.nursery") -> None:
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._turn = threading.Lock()
        atexit.register(self._process.kill)

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request, one answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._turn:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
        if not line:
            raise RuntimeError("the process that forks the others died")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End it, and with it all that is left of its children."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@cache
def nursery() -> Nursery:
    """The one of this process."""
    return Nursery()


class Forked:
    """A child of the nursery, with what is needed of `subprocess.Popen`."""

    stdin = None

    def __init__(self, module: str, arguments: list[str]) -> None:
        self.pid = int(nursery().ask(judge=module, arguments=arguments)["pid"])
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status; `None` while it runs."""
        if self._status is None:
            self._status = nursery().ask(wait=self.pid, for_s=0)["status"]
        return self._status

    def kill(self) -> None:
        """End it, and wait until it has ended."""
        if self._status is None:
            self._status = nursery().ask(kill=self.pid)["status"]

    def wait(self) -> int | None:
        """Its exit status, after `kill`."""
        return self._status


class JudgeProcess:
    """A judge's process; it ends with `stop`, and with the process that started it."""

    def __init__(self, module: str, folder: Path, name: str, *options: str, **settings: Any) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._port_file = folder / f"{name}.port"
        script = folder / f"{name}.script"
        script.write_text(json.dumps(settings))
        files = ["--log", str(self.log), "--port-file", str(self._port_file), "--script", str(script)]
        self._process = self._begin(module, ["--name", name, *options, *files])
        self.port = 0

    def _begin(self, module: str, arguments: list[str]) -> subprocess.Popen[bytes] | Forked:
        # Judges need the standard library only, and start in a blink.
        command = [sys.executable, "-S", "-m", f"tests.emulators.{module}", *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)

    def wait_until_listening(self) -> Self:
        """Return once connections are taken."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the judge {self.name} did not start")
            time.sleep(0.005)
        self.port = int(self._port_file.read_text())
        return self

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What it wrote down so far; all kinds when none are named."""
        return [entry for entry in read_journal(self.log) if not kinds or entry["event"] in kinds]

    def stop(self) -> None:
        """End it; its log stays."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._port_file.exists():
            os.unlink(self._port_file)


def start_judges(judges: Sequence[JudgeProcess]) -> None:
    """Wait for several at once; on failure none is left running."""
    try:
        for judge in judges:
            judge.wait_until_listening()
    except BaseException:
        for judge in judges:
            judge.stop()
        raise


def provider_judge(folder: Path, name: str = "judge", **settings: Any) -> JudgeProcess:
    """A `tests.emulators.judge_provider`."""
    return JudgeProcess("judge_provider", folder, name, **settings)


def chat_judge(folder: Path, name: str = "chat", **settings: Any) -> JudgeProcess:
    """A `tests.emulators.judge_chat`."""
    return JudgeProcess("judge_chat", folder, name, **settings)


class VendorProcess(JudgeProcess):
    """The process of an emulated paid service: `tests.emulators.wavespeed` or `eachlabs`, with its knobs."""

    scheme = "http"

    def _begin(self, module: str, arguments: list[str]) -> Forked:
        return Forked(module, arguments)

    @property
    def url(self) -> str:
        """What clients take for the service's base URL."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def knobs(self, **knobs: Any) -> dict[str, Any]:
        """Turn runtime knobs, `None` removes one; what is set afterwards."""
        return self._ask("knobs", knobs)

    def counts(self) -> dict[str, int]:
        """How many requests each route has had."""
        return self._ask("counts")

    def _ask(self, what: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        trusting = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting)
        with opener.open(f"{self.url}/_emulator/{what}", data, timeout=20) as answer:
            return json.load(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def base_url(vendor: str, emulator_url: str) -> str:
    """What the setting `BASE_URL` says for an emulator at this address."""
    return f"{emulator_url}/v1" if vendor == "eachlabs" else emulator_url


def vendor_emulator(
    folder: Path,
    vendor: Literal["wavespeed", "eachlabs"],
    name: str | None = None,
    *,
    port: int = 0,
    cert: Path | None = None,
    key: Path | None = None,
    **settings: Any,
) -> VendorProcess:
    """An emulated paid service that already listens.

    With the same folder and name it remembers what an earlier process of that name accepted; give it the same port too, so
    that the links it gave out lead somewhere. With `cert` and `key` (PEM files) it speaks TLS.
    """
    options = ["--port", str(port)]
    if cert is not None:
        options += ["--cert", str(cert), "--key", str(key)]
    process = VendorProcess(vendor, folder, name or vendor, *options, **settings)
    process.scheme = "https" if cert is not None else "http"
    start_judges([process])
    return process


class DiscordProcess(VendorProcess):
    """The process of the emulated Discord: `tests.emulators.discord_server`."""

    @property
    def api_url(self) -> str:
        """What clients take for the API's base URL."""
        return f"{self.url}/api/v10"

    @property
    def gateway_url(self) -> str:
        """Where clients connect when nobody tells them."""
        return f"ws://127.0.0.1:{self.port}/gateway"


def discord_emulator(folder: Path, name: str = "discord", *, port: int = 0, **settings: Any) -> DiscordProcess:
    """An emulated Discord that already listens; it forgets its world when it ends, its journal stays.

    `tests.emulators.discord_world.DiscordWorld(process.url)` makes guilds and people in it.
    """
    process = DiscordProcess("discord_server", folder, name, "--port", str(port), **settings)
    start_judges([process])
    return process


class SlackProcess(VendorProcess):
    """The process of the emulated Slack: `tests.emulators.slack_server`."""

    @property
    def api_url(self) -> str:
        """What clients take for the Web API's address."""
        return f"{self.url}/api"


def slack_emulator(folder: Path, name: str = "slack", *, port: int = 0, **settings: Any) -> SlackProcess:
    """An emulated Slack that already listens; it forgets its world when it ends, its journal stays.

    `tests.emulators.slack_world.SlackWorld(process.url)` makes people and channels in it.
    """
    process = SlackProcess("slack_server", folder, name, "--port", str(port), **settings)
    start_judges([process])
    return process
