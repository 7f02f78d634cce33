"""A render that is finished without a video: looked at again for a minute, and only then called failed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from bot.languages.said import say
from bot.ports import Clock, Failed, Rendering

NO_VIDEO_S: Final = 60.0
_REMEMBERED: Final = 1000


class NoVideoYet:
    """Remembers since when each render has been finished without a link; the oldest are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: OrderedDict[str, float] = OrderedDict()

    def judge(self, provider_job_id: str) -> Rendering | Failed:
        """Still at work for the first minute, then failed; what it cost is for the provider to say."""
        now = self._clock.monotonic()
        since = self._since.setdefault(provider_job_id, now)
        while len(self._since) > _REMEMBERED:
            self._since.popitem(last=False)
        if now - since < NO_VIDEO_S:
            return Rendering()
        return Failed(
            code="no_video",
            message=say("The provider says that it is finished, but there is no video in the result."),
        )

    def forget(self, provider_job_id: str) -> None:
        """There is a link after all."""
        self._since.pop(provider_job_id, None)
