"""Whom we believe: the system's certificate authorities, or certifi's where the system has none (slim containers)."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import certifi


@cache
def client_context() -> ssl.SSLContext:
    """One context for the whole process: making one costs as much as ten requests. `SSL_CERT_FILE` is honoured."""
    paths = ssl.get_default_verify_paths()  # either may be missing, which the types do not say
    file, folder = Path(str(paths.cafile)), Path(str(paths.capath))
    has_some = file.is_file() or (folder.is_dir() and any(folder.iterdir()))
    return ssl.create_default_context(cafile=None if has_some else certifi.where())
