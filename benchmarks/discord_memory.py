"""What a process holds in memory, and what of discord.py's is among it."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from typing import Any

import discord
from discord.ui.view import BaseView, ViewStore

FORGOTTEN = (discord.ui.Item, BaseView, discord.Message, discord.Interaction)
"""Nothing of these may stay when a press was answered."""


def memory() -> dict[str, Any]:
    """After a collection: resident bytes, objects, discord.py's among them, and how much its store of views holds."""
    gc.collect()
    kept = gc.get_objects()
    stores = [each for each in kept if isinstance(each, ViewStore)]
    return {
        "bytes": resident(),
        "objects": len(kept),
        "discord": sum(isinstance(each, FORGOTTEN) for each in kept),
        "views": sum(len(each._views) + len(each._synced_message_views) + len(each._modals) for each in stores),
        "patterns": sum(len(each._dynamic_items) for each in stores),
    }


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def forget_peak() -> None:
    """Let `peak` begin anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most there were, in bytes. Not `ru_maxrss`, which begins with what the parent held when it started us."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
