"""What an outage looks like on the wire: resets, edge pages, answers cut in the middle, answers that never come.

A word names each of them; knobs and markers use the same words:

    429, 503, …    the service's own JSON error          502, 504       the same from the edge, so as an HTML page
    html-403, …    an HTML page with that status         portal         200 with somebody's login page
    reset          TCP reset instead of an answer        hang           no answer, connection kept open
    redirect       307 to somewhere else                 empty-200      200 without a body
    garbage-200    200, JSON that breaks off             code-500       200 with {"code": 500, …, "data": null}
    slow-answer    the right answer, much later          trickle        the right answer, byte by byte
    cut            half of the right answer, then nothing
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Refuse = Callable[[int, str], web.Response]
_WORD = re.compile(
    r"(?:html-)?[345]\d\d|portal|reset|hang|redirect|empty-200|garbage-200|code-500|slow-answer|trickle|cut"
)
_EDGE = {502, 504}


def is_outage(word: object) -> bool:
    """Whether `spoil` knows the word."""
    return isinstance(word, str) and _WORD.fullmatch(word) is not None


def page(status: int, title: str) -> web.Response:
    """An HTML page, as an edge, a proxy or a hotel would send it."""
    text = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return web.Response(status=status, text=text, content_type="text/html")


async def spoil(
    request: web.Request, word: str, answer: Callable[[], Awaitable[web.Response]], refuse: Refuse, settings: Any
) -> web.StreamResponse:
    """Do what the word says; `answer` makes the right answer, for the words that need one."""
    match word:
        case "reset":
            return reset(request)
        case "hang":
            await asyncio.Event().wait()
        case "portal":
            return page(200, "Welcome to the guest network: please sign in")
        case "redirect":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        case "empty-200":
            return web.Response(status=200, content_type="application/json")
        case "garbage-200":
            return web.Response(status=200, text='{"code":200,"mess', content_type="application/json")
        case "code-500":
            return web.json_response({"code": 500, "message": "internal server error", "data": None})
        case "slow-answer":
            response = await answer()
            await asyncio.sleep(settings["slow_s"])
            return response
        case "trickle":
            return await trickle(request, await answer(), settings["trickle_s"])
        case "cut":
            return await cut(request, await answer())
    if word.startswith("html-") or int(word) in _EDGE:
        return page(int(word[-3:]), f"{word[-3:]} from the edge")
    return refuse(int(word), "")


def reset(request: web.Request) -> web.Response:
    """End the connection with a TCP reset. The response is for aiohttp; nobody gets it."""
    if (transport := request.transport) is not None:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response(status=500)


async def _begin(request: web.Request, response: web.Response) -> tuple[web.StreamResponse, bytes]:
    """A response that announces the whole body and has sent none of it."""
    body = response.body
    assert isinstance(body, bytes)
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    stream = web.StreamResponse(status=response.status, headers=headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    return stream, body


async def cut(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Announce all of the body, send half, and end the connection (in TLS: without a goodbye)."""
    stream, body = await _begin(request, response)
    await stream.write(body[: len(body) // 2])
    await asyncio.sleep(0.05)  # let the half leave before the connection does
    if request.transport is not None:
        request.transport.abort()
    return stream


async def trickle(request: web.Request, response: web.Response, pause_s: float) -> web.StreamResponse:
    """Send the body byte by byte."""
    stream, body = await _begin(request, response)
    for number in range(len(body)):
        await stream.write(body[number : number + 1])
        await asyncio.sleep(pause_s)
    await stream.write_eof()
    return stream
