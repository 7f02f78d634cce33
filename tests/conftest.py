"""Every test: property tests take the same examples each time, so that a run says something about the code alone.

`REELBOT_TEST_RANDOM=1` takes new ones; what they find becomes an example of its own.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("reelbot", derandomize=not os.environ.get("REELBOT_TEST_RANDOM"), deadline=None)
settings.load_profile("reelbot")
