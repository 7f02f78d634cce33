"""A delivery as the tracker does it, before an emulated Slack."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.chat.slack.course import Course
from bot.errors import DeliveryDelayed
from bot.jobs.model import Requester
from bot.ports import Checkpoint, Parcel, Receipt
from tests.emulators.slack_bench import SlackBench

TRIES = 40
"""A delivery that takes more is called lost."""
CLIP = b"a clip" * 5000
"""Long enough to be broken off in the middle."""


@dataclass
class Delivering:
    """Every checkpoint is remembered, and the next try goes on from it."""

    slack: SlackBench
    parcel: Parcel
    saved: list[Checkpoint] = field(default_factory=list)

    async def save(self, checkpoint: Checkpoint) -> None:
        """What the courier wants to find again."""
        assert json.loads(json.dumps(checkpoint)) == checkpoint
        self.saved.append(checkpoint)

    async def once(self) -> Receipt:
        """One try."""
        parcel = replace(self.parcel, checkpoint=self.saved[-1]) if self.saved else self.parcel
        return await self.slack.courier.deliver(parcel, self.save)

    async def to_the_end(self) -> Receipt:
        """Try until it is delivered, refused or unclear."""
        for _ in range(TRIES):
            try:
                return await self.once()
            except DeliveryDelayed:
                continue
        raise AssertionError("never delivered")

    @property
    def shares(self) -> list[dict[str, Any]]:
        """Every share of the clip there ever was."""
        return self.slack.world.shared(self.parcel.filename)

    @property
    def channel(self) -> str:
        """Where it was asked for."""
        return self.parcel.requester.channel or ""

    def course(self) -> Course:
        """As it was saved last."""
        return Course.from_json(self.saved[-1])

    def asked_by(self, requester: Requester) -> Delivering:
        """The same, for somebody else or elsewhere."""
        self.parcel = replace(self.parcel, requester=requester)
        return self


async def delivering(slack: SlackBench, **clip: Any) -> Delivering:
    """Alice's clip; nobody waits for shares here unless it is about them."""
    slack.world.knobs(share_delay_s=0)
    return Delivering(slack, await slack.parcel(content=CLIP, **clip))


def nowhere(slack: SlackBench) -> Requester:
    """Alice, who asked where there is no channel: by a shortcut."""
    return replace(slack.requester(), channel=None, thread=None, anchor=json.dumps({"team": slack.world.team}))
