"""Starting the store that speaks S3 (`tests.emulators.s3_server`), and asking it for things behind its back."""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bot.ids import new_id

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "s3" / "bin" / "python"
PAGE = ROOT / "docs" / "howto" / "keep-media-in-the-cloud.md"
DOCUMENTED_BUCKET = "reelbot-media"
_OF_VENDORS = ("AWS_", "GOOGLE_", "AZURE_")


def documented_policy(bucket: str) -> dict[str, Any]:
    """The rights that the how-to page asks for, and nothing else."""
    (text,) = (block for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL) if "s3:" in block)
    found: dict[str, Any] = json.loads(text.replace(DOCUMENTED_BUCKET, bucket))
    return found


class S3:
    """A store of one's own; it ends with `stop`, and with the process that started it."""

    def __init__(self) -> None:
        if not PYTHON.exists():
            raise RuntimeError(f"{PYTHON} is missing: `make dev` makes it")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_OF_VENDORS)}
        command = [str(PYTHON), str(ROOT / "tests" / "emulators" / "s3_server.py")]
        self._process = subprocess.Popen(
            command, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        atexit.register(self._process.kill)
        self._said = self._read()
        self.url = f"http://127.0.0.1:{self._said['port']}"
        self.secret = str(self._said["secret"])
        self.key = str(self._said["key"])
        self.region = str(self._said["region"])

    @property
    def environment(self) -> dict[str, str]:
        """What an operator sets."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "NO_PROXY": "localhost,127.0.0.1",
        }

    def make_bucket(self) -> str:
        """A new bucket, on which our user has the documented rights."""
        bucket = "b" + new_id().replace("-", "")  # some servers stumble over dashes that are written as %2D
        self.ask(make=bucket, policy=documented_policy(bucket))
        return bucket

    def look(self, bucket: str) -> list[str]:
        """The keys in it."""
        return list(self.ask(look=bucket)["objects"])

    def uploads(self, bucket: str) -> int:
        """Uploads in parts that were begun and neither finished nor given up."""
        return int(self.ask(look=bucket)["uploads"])

    def lose(self, what: str) -> None:
        """Hang up on `puts`, `later parts` or `everything`, or in the middle of `answers`; nothing with an empty word.

        `time`: answer nobody, and keep the connection open.
        """
        self.ask(lose=what)

    def seen(self) -> dict[str, Any]:
        """How it was asked last, and the `requests` since this was asked."""
        return dict(self.ask(seen=True))

    def ask(self, **request: Any) -> Any:
        """One request, one answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the store that speaks S3 died")
        return json.loads(line)


def forget_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's own machine says of real clouds, and of ways there."""
    for name in os.environ:
        if name.startswith(_OF_VENDORS) or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)


@cache
def s3() -> S3:
    """The one of this process."""
    return S3()


def a_bucket(monkeypatch: pytest.MonkeyPatch, store: S3 | None = None) -> str:
    """The URL of a new bucket, and the environment in which it can be used."""
    store = store or s3()
    forget_clouds(monkeypatch)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{store.make_bucket()}/some/where"
