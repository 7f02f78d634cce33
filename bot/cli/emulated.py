"""`demo --emulate`: a paid service on this machine, so that the paid path can be tried without an account.

The emulators live with the tests, which check them against the vendors' own documents; the installed package has none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from bot.errors import ConfigurationError

Vendor = Literal["wavespeed", "eachlabs"]

KEY: Final = "test-key"
START_S: Final = 20.0
RENDER_S: Final = 6
"""How long an emulated render takes: long enough to be watched."""
_ROOT: Final = Path(__file__).resolve().parents[2]


@contextmanager
def emulated(vendor: Vendor, folder: Path) -> Iterator[dict[str, object]]:
    """Run the emulator while the block lasts; yields the settings that make Reelbot use it.

    `folder` keeps its log, its bills and its files: the account it plays survives until the next time. Raises
    `ConfigurationError` where there are no emulators, or it does not start.
    """
    if not (_ROOT / "tests" / "emulators" / f"{vendor}.py").is_file():
        raise ConfigurationError(
            "The emulators come with Reelbot's source code, not with the installed package: "
            "run `make setup` in a checkout and then `.venv/bin/reelbot demo --emulate …` there."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port_file, script = folder / f"{vendor}.port", folder / f"{vendor}.script"
    port_file.unlink(missing_ok=True)
    script.write_text(json.dumps({"clips": "real", "render_s": RENDER_S, "api_key": KEY}))
    files = ["--log", str(folder / f"{vendor}.log"), "--port-file", str(port_file), "--script", str(script)]
    command = [sys.executable, "-m", f"tests.emulators.{vendor}", *files]
    # It ends with its stdin: also when we are killed.
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE) as process:
        try:
            port = _port(process, port_file)
            home = f"http://127.0.0.1:{port}" + ("/v1" if vendor == "eachlabs" else "")
            yield {
                vendor: {"api_key": KEY, "base_url": home, "creates_per_minute": 60, "max_concurrent": 8},
                "default_provider": vendor,
            }
        finally:
            process.terminate()


def _port(process: subprocess.Popen[bytes], port_file: Path) -> int:
    deadline = time.monotonic() + START_S
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ConfigurationError("The emulator did not start; the lines above say why.")
        time.sleep(0.02)
    return int(port_file.read_text())
