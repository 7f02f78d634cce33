"""What could not be done is said beside what was pressed or filled in: one sentence, and nothing typed is lost."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from adapters.chat.web.studio.templates import Pages
from bot.errors import BadInput, BadPrompt, ReelbotError


def beside(pages: Pages, request: Request, error: ReelbotError, place: str) -> HTMLResponse:
    """The sentence of `error`, for htmx to put into the element with the id `place`."""
    headers = {"HX-Retarget": f"#{place}", "HX-Reswap": "innerHTML"}
    return pages.part(
        request, "parts/trouble.html", status_code=error.http_status, headers=headers, sentence=str(error)
    )


def field_of(error: ReelbotError) -> str:
    """Which field of the asking form an error is about: `image`, `prompt`, or `start` for all of it."""
    if isinstance(error, BadInput):
        return "image"
    return "prompt" if isinstance(error, BadPrompt) else "start"
