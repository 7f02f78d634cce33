"""What lies in the media store is called: `ab/<sha256>` for files, `installation.json` for the few notes beside them."""

from __future__ import annotations

import re

CHUNK_BYTES = 256 * 1024

_ID = re.compile(r"[0-9a-f]{64}")
_NOTE = re.compile(r"[a-z][a-z0-9_-]{2,40}\.[a-z]{2,8}")


def is_asset_id(text: str) -> bool:
    """Whether this can name a file at all."""
    return _ID.fullmatch(text) is not None


def key_of(asset_id: str) -> str:
    """`ab/<sha256>`. Whatever is no SHA-256 names nothing, so that no id can climb out of the store."""
    if not is_asset_id(asset_id):
        raise FileNotFoundError(asset_id)
    return f"{asset_id[:2]}/{asset_id}"


def require_note(name: str) -> None:
    """Raise `ValueError` for a name that is not like `installation.json`; names are ours, never a person's."""
    if not _NOTE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a note")
