"""What local-slack's own web page sees and does, over its WebSocket: the only way to forms and home tabs.

Standard library only: it answers a test that has no event loop, and one that has.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from tests.patience import PATIENCE_S

TEXT, PING, PONG = 1, 9, 10


class Screen:
    """One open page; `state` is what it showed when it was opened."""

    def __init__(self, url: str, timeout_s: float = PATIENCE_S) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self._timeout_s = timeout_s
        self._socket = socket.create_connection((address.hostname, address.port), timeout_s)
        self._read = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = f"Host: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        self._socket.sendall(f"GET /ui HTTP/1.1\r\n{upgrade}Sec-WebSocket-Version: 13\r\n\r\n".encode())
        status = self._read.readline()
        if b" 101 " not in status:
            raise ConnectionError(f"no page: {status.decode(errors='replace').strip()}")
        while self._read.readline().strip():
            pass
        self.state: dict[str, Any] = self.wait_for(lambda news: news["t"] == "init")["state"]

    def act(self, what: str, **facts: Any) -> None:
        """Do something; what comes of it is news."""
        self._send(TEXT, json.dumps({"t": what, **facts}).encode())

    def wait_for(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first news that is as wanted, from now on."""
        deadline = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline:
            news = self._next()
            if wanted(news):
                return news
        raise TimeoutError("the page heard of much, but not of that")

    def _next(self) -> dict[str, Any]:
        while True:
            kind, content = self._frame()
            if kind == PING:
                self._send(PONG, content)
            elif kind == TEXT:
                news: dict[str, Any] = json.loads(content)
                return news

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._exactly(8))
        return first & 0x0F, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        content = self._read.read(count)
        if len(content) < count:
            raise ConnectionError("the page was closed")
        return content

    def _send(self, kind: int, content: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        size = len(content)
        if size < 126:
            length = struct.pack("!B", 0x80 | size)
        elif size <= 0xFFFF:
            length = struct.pack("!BH", 0x80 | 126, size)
        else:
            length = struct.pack("!BQ", 0x80 | 127, size)
        self._socket.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def close(self) -> None:
        """Close the page."""
        self._read.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
