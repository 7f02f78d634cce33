"""How the fakes speak to a judge, and what each way of failing proves.

CannotConnect    nothing of the request left this process: refused, no route, or the handshake broke off
NoAnswer         at least one byte was written, and no complete answer came back: nobody can know
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

Answer = dict[str, Any]


class CannotConnect(Exception):
    """The request provably did not leave."""


class NoAnswer(Exception):
    """The request may have arrived."""


class Call:
    """One connection to a judge, opened for one request; `async with Call(port, timeout_s) as call: …`."""

    def __init__(self, port: int, timeout_s: float) -> None:
        self._port = port
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._timeout_s):
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        except (OSError, TimeoutError) as error:
            raise CannotConnect(str(error) or type(error).__name__) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def handshake(self, **hello: Any) -> None:
        """What TLS does before a paid request: it can fail, and then nothing was sent. Raises `CannotConnect`."""
        try:
            await self.ask("hello", **hello)
        except NoAnswer as error:
            raise CannotConnect(f"the handshake broke off: {error}") from error

    async def ask(self, op: str, **fields: Any) -> Answer:
        """Send one request and read its answer. Nothing is awaited before the bytes are handed to the system."""
        if self._writer.is_closing() or self._reader.at_eof():
            raise CannotConnect("the other side closed the connection before anything was written")
        self._writer.write(json.dumps({"op": op, **fields}).encode() + b"\n")
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._writer.drain()
                line = await self._reader.readline()
        except (OSError, TimeoutError) as error:
            raise NoAnswer(str(error) or "no answer in time") from error
        if not line.endswith(b"\n"):
            raise NoAnswer("the connection ended before the answer did")
        answer: Answer = json.loads(line)
        if answer.get("error") == "violation":
            raise AssertionError(f"the judge calls a foul: {answer['message']}")
        return answer


async def ask_once(port: int, timeout_s: float, op: str, **fields: Any) -> Answer:
    """A request of its own connection, for everything that costs nothing."""
    async with Call(port, timeout_s) as call:
        return await call.ask(op, **fields)
