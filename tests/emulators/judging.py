"""What both judges share: a log that survives anything, scripts in square brackets, and lines of JSON over a socket.

A judge runs in a process of its own, so that it outlives the patient. Whatever it accepted, billed or posted is on the
disk before anybody hears of it: its log is the truth the assertions read. It reads one JSON object a line and answers
with one a line. Standard library only, so that it starts in a blink.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Answer = dict[str, Any]

_MARKER = re.compile(r"\[(?:(?P<only>[a-z]+)/)?(?P<word>[a-z]+(?:-[a-z]+)*)(?::(?P<value>[a-z0-9-]+))?\]")


class Script:
    """The markers in a text: `[stuck]`, `[throttled:2]`; `[backup/refused:balance]` counts for the judge `backup` only."""

    def __init__(self, text: str, judge: str) -> None:
        self._words = {
            match["word"]: match["value"] or "" for match in _MARKER.finditer(text) if match["only"] in (None, judge)
        }

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def value(self, word: str, default: str = "") -> str:
        """The text after the colon."""
        return self._words.get(word) or default

    def times(self, word: str, default: int) -> int:
        """How often: the number after the colon, `default` for a bare marker, 0 when the marker is absent."""
        return int(self._words[word] or default) if word in self._words else 0


class Journal:
    """An append-only file of JSON lines; a line is on the disk when `write` returns."""

    def __init__(self, path: Path, judge: str) -> None:
        self._judge = judge
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, **facts: Any) -> None:
        """Add one event."""
        line = json.dumps({"at": time.time(), "judge": self._judge, "event": event, **facts})
        os.write(self._descriptor, line.encode() + b"\n")
        os.fsync(self._descriptor)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Every complete event of a judge's log, in order."""
    if path.exists():
        *lines, _unfinished = path.read_bytes().split(b"\n")
        yield from map(json.loads, lines)


class Memory(Journal):
    """A journal that also knows by heart what it wrote, for those who ask often."""

    def __init__(self, path: Path, judge: str) -> None:
        super().__init__(path, judge)
        self.entries = list(read_journal(path))

    def write(self, event: str, **facts: Any) -> None:
        super().write(event, **facts)
        self.entries.append({"at": time.time(), "event": event, **facts})


class Violation(Exception):
    """A request that breaks the protocol: a fault of the client, never of the weather."""


class HangUp(Exception):
    """Close the connection without another word."""


class Hang(Exception):
    """Keep the connection open and never answer."""


def demand(request: Mapping[str, Any], **fields: type | tuple[type, ...]) -> None:
    """Exactly these fields, of these types: anything missing, unknown or of another type is a violation."""
    given = set(request) - {"op"}
    if unknown := given - set(fields):
        raise Violation(f"{request.get('op')}: unknown fields {sorted(unknown)}")
    if missing := set(fields) - given:
        raise Violation(f"{request.get('op')}: missing fields {sorted(missing)}")
    for name, kinds in fields.items():
        if not isinstance(request[name], kinds):
            raise Violation(f"{request.get('op')}: {name} is {request[name]!r}")


Operations = Mapping[str, Callable[[dict[str, Any]], Answer]]


class Bench:
    """Serves a judge's operations. One request is dealt with completely before the next one is read."""

    def __init__(self, journal: Journal, operations: Operations) -> None:
        self._journal = journal
        self._operations = operations
        self._hanging = asyncio.Event()
        """Never set: what a hanging connection waits for."""

    async def serve(self, port: int, port_file: Path) -> None:
        """Listen on 127.0.0.1 until stdin ends; `port_file` appears, complete, once connections are taken."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", port, limit=1 << 24)
        temporary = port_file.with_name(port_file.name + ".new")
        temporary.write_text(str(server.sockets[0].getsockname()[1]))
        os.replace(temporary, port_file)
        ended = asyncio.Event()
        # Whoever started the judge holds the other end: when they die, however they die, the judge leaves too.
        asyncio.get_running_loop().add_reader(0, ended.set)
        async with server:
            await ended.wait()
            os._exit(0)  # hanging connections have nothing to say any more

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A patient that was killed leaves connections behind in every imaginable state; none of them is our trouble.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            try:
                while (line := await reader.readline()).endswith(b"\n"):
                    writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                    await writer.drain()
            except HangUp:
                pass
            except Hang:
                await self._hanging.wait()
            finally:
                writer.close()

    def _answer(self, line: bytes) -> Answer:
        request: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or request.get("op") not in self._operations:
                raise Violation("no such operation")
            return self._operations[request["op"]](request)
        except (ValueError, Violation) as error:
            self._journal.write("violation", why=str(error), request=request)
            return {"error": "violation", "message": str(error)}


def arguments(default_name: str) -> argparse.Namespace:
    """The command line both judges have."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default=default_name)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", type=Path, help="JSON that changes the judge's defaults")
    return parser.parse_args()


def settings_from(path: Path | None, **defaults: Any) -> dict[str, Any]:
    """The defaults, changed by the file `--script` names; a name it does not know is an error."""
    changes = json.loads(path.read_text()) if path else {}
    if unknown := set(changes) - set(defaults):
        raise SystemExit(f"unknown settings {sorted(unknown)} in {path}")
    return defaults | changes
