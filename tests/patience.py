"""How long a test waits for what has to come. Only what hangs lasts so long: nothing is timed by it."""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 90.0
