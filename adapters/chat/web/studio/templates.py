"""The one Jinja environment, and how a page is answered. Everything that people wrote is escaped, always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.chat.web.caller import Caller
from adapters.chat.web.studio import words
from adapters.chat.web.studio.files import StaticFile, read_files
from bot import __version__
from bot.people import Role
from bot.ports import Clock

STUDIO = Path(__file__).parent / "templates"
ADMIN = Path(__file__).parents[1] / "admin" / "templates"
NOT_KEPT = {"Cache-Control": "no-store"}
"""Pages show what is somebody's own, as it is now: nothing between us and them keeps a copy."""


class Pages:
    """Fills templates. `caller`, `path` and `version` are there in every one; `caller` is `None` before the sign-in."""

    def __init__(
        self,
        clock: Clock,
        *,
        files: Mapping[str, StaticFile] | None = None,
        folders: Sequence[Path] = (STUDIO, ADMIN),
    ) -> None:
        self.files = dict(files if files is not None else read_files())
        self.templates = Environment(
            loader=FileSystemLoader([str(folder) for folder in folders]),
            # Not by the file's ending: there is nothing here that is not HTML.
            autoescape=True,
            undefined=StrictUndefined,
            finalize=words.harmless,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.globals |= {"asset": self.asset, "version": __version__, "Role": Role}
        self.templates.filters |= {
            "usd": words.usd,
            "when": words.when,
            "stamp": words.stamp,
            "span": words.span,
            "bytes": words.size,
            "state_word": words.state_word,
            "person": words.person,
            "initials": words.initials,
            "ago": lambda moment: words.ago(moment, clock.now()),
        }

    def asset(self, name: str) -> str:
        """The address of a static file; `KeyError` for one there is not, so that a test meets it and no person."""
        return self.files[name].url

    def page(
        self, request: Request, name: str, /, *, status_code: int = 200, headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:  # fmt: skip
        """A whole page."""
        return self._answer(request, name, status_code, headers, context)

    def part(
        self, request: Request, name: str, /, *, status_code: int = 200, headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:  # fmt: skip
        """A piece of one, for htmx to put where it belongs."""
        return self._answer(request, name, status_code, headers, context)

    def _answer(
        self, request: Request, name: str, status_code: int, headers: Mapping[str, str] | None, context: dict[str, Any]
    ) -> HTMLResponse:
        caller = getattr(request.state, "caller", None)
        assert caller is None or isinstance(caller, Caller)
        text = self.templates.get_template(name).render({"caller": caller, "path": request.url.path, **context})
        return HTMLResponse(text, status_code=status_code, headers={**NOT_KEPT, **(headers or {})})


def is_htmx(request: Request) -> bool:
    """Whether a piece is asked for, and not a page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"
