"""What commands print: for people, lines and tables on stdout; with `--json`, exactly one JSON document there.

Everything else (progress, warnings, logs) goes to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from bot.errors import ReelbotError


def show(document: Any, *, as_json: bool, text: str | None = None) -> None:
    """The result: the document with `--json`, else the text (or the document, readable)."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    elif text is not None:
        print(text)
    else:
        print(json.dumps(document, ensure_ascii=False, indent=2))


def show_error(code: str, message: str, *, as_json: bool, **more: Any) -> None:
    """A failure: `{"error": {"code", "message"}}` with `--json`, else one line on stderr."""
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message}, **more}, ensure_ascii=False))
    else:
        print(f"reelbot: {message}", file=sys.stderr)


def fail(error: ReelbotError, *, as_json: bool) -> int:
    """Show one of our errors; returns its exit code."""
    show_error(error.code, str(error), as_json=as_json)
    return error.exit_code


def say(text: str) -> None:
    """A remark for the person, on stderr."""
    print(text, file=sys.stderr)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table that survives a pipe: columns aligned by spaces."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    lines = [headings, *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
