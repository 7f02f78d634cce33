"""Stories: what people ask and do, and how the outside misbehaves meanwhile. Plain values that travel as JSON."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, field
from typing import Any, Self

LIMITLESS = 1_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of one person. Asked again, under the same key, by every patient that starts: as platforms do."""

    key: str = "a"
    prompt: str = "the leaves start to move"
    place: str = "room"
    user: str = "alice"
    resolution: str = "720p"
    duration_s: int = 5
    attached: bool = True
    """The picture is collected from the chat; otherwise it was handed in with the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody does once, as soon as the job stands in `at`."""

    do: str
    """`cancel`, `confirm`, `resend`, `resolve-lost`, `resolve-submitted`, `delete`; `again`, `extend`, `loop` and `frame`
    make a job of their own, called `<key>+<relation>`."""
    at: str
    key: str = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A case of the crash suite."""

    name: str
    asks: tuple[Ask, ...] = (Ask(),)
    deeds: tuple[Deed, ...] = ()
    max_concurrent: int | None = None
    user_daily_micro_usd: int = LIMITLESS
    user_daily_jobs: int = 1000
    workspace_monthly_micro_usd: int = LIMITLESS
    installation_monthly_micro_usd: int = LIMITLESS
    render_within_s: float = 3600.0
    vendor: str | None = None
    """The paid service that is emulated in the judges' place: `wavespeed` or `eachlabs`."""
    chat: str = "judge"
    """The chat everybody is in: the judge's own; or `discord` or `slack`, emulated, with the product's own courier."""
    misfortunes: tuple[tuple[str, str, str, int], ...] = ()
    """What befalls an emulated chat: route, fault, `before` or `after` it was applied, how often."""
    losses: tuple[str, ...] = ()
    """What is taken from the bot there: permissions, `channel` for being in it, `dms` for direct messages to the asker."""
    knobs: dict[str, Any] = field(default_factory=dict)
    """How an emulated chat differs from its usual self."""
    quiet_s: float = 0.0
    """How long a patient goes on watching after all has ended, but not as `ends` says: late evidence takes a while."""
    ends: dict[str, str] = field(default_factory=dict)
    """The state each ask must end in when nobody is killed: a story that does not happen tests nothing."""

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From text."""
        plain: dict[str, Any] = json.loads(text)
        asks = tuple(Ask(**ask) for ask in plain.pop("asks"))
        deeds = tuple(Deed(**deed) for deed in plain.pop("deeds"))
        misfortunes = tuple(tuple(each) for each in plain.pop("misfortunes"))
        return cls(asks=asks, deeds=deeds, misfortunes=misfortunes, losses=tuple(plain.pop("losses")), **plain)


def _one(
    name: str, end: str, markers: str = "", *, place: str = "room", deeds: tuple[Deed, ...] = (), **more: Any
) -> Story:
    ask = Ask(prompt=f"a storm {markers}".strip(), place=place, **more.pop("ask", {}))
    ends = {"a": end, **more.pop("more_ends", {})}
    return Story(name=name, asks=(ask,), deeds=deeds, ends=ends, **more)


STORIES = (
    _one("plain", "delivered"),
    _one("picture handed in", "delivered", ask={"attached": False}),
    _one("lost answer", "delivered", "[lost-answer]"),
    _one("lost answer, listed late", "delivered", "[lost-answer][not-listed:2]"),
    _one("lost answer, nobody can tell", "unconfirmed", "[lost-answer][cannot-tell]"),
    _one("no answer in time", "delivered", "[hang]"),
    _one("answer without an id", "delivered", "[garbled]"),
    _one("never connected", "delivered", "[reset-before:2]"),
    _one("throttled", "delivered", "[throttled:2]"),
    _one("moderated", "failed", "[refused:moderation]"),
    _one("out of credit, another takes it", "delivered", "[judge/refused:balance]"),
    _one("priced above the threshold", "delivered", ask={"resolution": "1080p", "duration_s": 10}, deeds=(Deed(do="confirm", at="quoted"),)),
    _one("price declined", "cancelled", ask={"resolution": "1080p", "duration_s": 10}, deeds=(Deed(do="cancel", at="quoted"),)),
    _one("dearer than quoted", "delivered", "[dearer]"),
    _one("cancelled while rendering", "cancelled", "[slow:30]", deeds=(Deed(do="cancel", at="rendering"),)),
    _one("cancelled too late", "cancelled", "[slow:6][late-cancel]", deeds=(Deed(do="cancel", at="rendering"),)),
    _one("cancel not offered", "cancelled", "[slow:6][no-cancel]", deeds=(Deed(do="cancel", at="rendering"),)),
    _one("cancelled while unconfirmed", "cancelled", "[lost-answer][not-listed:2]", deeds=(Deed(do="cancel", at="unconfirmed"),)),
    _one("provider hesitates", "delivered", "[unknown-check:2][check-down:2]"),
    _one("failed and kept the money", "failed", "[billed-then-failed]"),
    _one("failed for free", "failed", "[failed-free]"),
    _one("failed without a word on money", "failed", "[failed-silent]"),
    _one("never finishes", "failed", "[stuck]", render_within_s=0.5),
    _one("result link dead for a while", "delivered", "[dead-link:2]"),
    _one("result gone", "failed", "[gone]"),
    _one("post unanswered", "delivered", place="room[lost-answer]"),
    _one("post unanswered, search lags", "delivered", place="room[lost-answer][search-lag:2]"),
    _one("post unanswered, nobody can tell", "undelivered", place="room[lost-answer][cannot-search][no-nonce]"),
    _one("post refused", "undelivered", place="room[refuses]"),
    _one("post delayed", "delivered", place="room[delays:2]"),
    _one("chat unreachable", "delivered", place="room[reset-before:2]"),
    _one("sent again", "delivered", deeds=(Deed(do="resend", at="delivered"),)),
    _one("sent again after a refusal", "undelivered", place="room[refuses]", deeds=(Deed(do="resend", at="undelivered"),)),
    _one("given up, and found after all", "delivered", "[lost-answer][not-listed:6]", deeds=(Deed(do="resolve-lost", at="unconfirmed"),), quiet_s=1.5),
    _one("counted as taken", "failed", "[lost-answer][cannot-tell]", deeds=(Deed(do="resolve-submitted", at="unconfirmed"),)),
    _one("again", "delivered", deeds=(Deed(do="again", at="delivered"),), more_ends={"a+again": "delivered"}),
    _one("extended", "delivered", deeds=(Deed(do="extend", at="delivered"),), more_ends={"a+extend": "delivered"}),
    _one("deleted in the end", "delivered", deeds=(Deed(do="delete", at="delivered"),)),
    _one("deleted while rendering", "cancelled", "[slow:6][no-cancel]", deeds=(Deed(do="delete", at="rendering"),)),
    _one("deleted while unconfirmed", "cancelled", "[lost-answer][not-listed:2]", deeds=(Deed(do="delete", at="unconfirmed"),)),
    Story(
        name="three at once, room for one",
        asks=tuple(Ask(key=key, user=user) for key, user in (("a", "alice"), ("b", "bob"), ("c", "alice"))),
        max_concurrent=1,
        ends={"a": "delivered", "b": "delivered", "c": "delivered"},
    ),
    Story(
        name="four wishes, money for two",
        asks=tuple(Ask(key=key) for key in "abcd"),
        user_daily_micro_usd=1_200_000,
    ),
)  # fmt: skip

VENDORS = ("wavespeed", "eachlabs")


def _of_vendor(vendor: str) -> tuple[Story, ...]:
    """The same troubles, and those only HTTP has, with the product's own client and the vendor's emulator."""

    def one(name: str, end: str, markers: str = "", **more: Any) -> Story:
        return _one(f"{vendor}: {name}", end, markers, vendor=vendor, **more)

    called_off = (Deed(do="cancel", at="rendering"),)
    return (
        one("plain", "delivered"),
        one("reset instead of an answer", "delivered", "[lost-answer]"),
        one("reset, listed late", "delivered", "[lost-answer][not-listed:2]"),
        one("502 after it was taken", "delivered", "[late-5xx]"),
        one("answer cut in the middle", "delivered", "[cut]"),
        one("answer without an id", "delivered", "[garbled]"),
        one("no answer in time", "delivered", "[hang]"),
        one("503, nothing taken", "unconfirmed", "[plain-5xx]"),
        one("200 with a fault inside", "unconfirmed", "[code-500]"),
        one("nobody can tell", "unconfirmed", "[lost-answer][cannot-tell]"),
        one("throttled", "delivered", "[throttled:2]"),
        one("moderated", "failed", "[refused:moderation]"),
        one("a page from the edge", "failed", "[refused:edge]"),
        one("born failed", "failed", "[born-failed]"),
        one("polls fail", "delivered", "[unknown-check:2][check-down:2][check-cut]"),
        one("the link is dead for a while", "delivered", "[dead-link:2][short-clip]"),
        one("finishes late", "delivered", "[no-output:3][odd-status:2]"),
        one("cancelled while rendering", "cancelled", "[slow:40]", deeds=called_off),
        one("cancelled too late", "cancelled", "[slow:20][late-cancel][no-cancel]", deeds=called_off),
        one(
            "given up, and found after all", "delivered", "[lost-answer][not-listed:6]",
            deeds=(Deed(do="resolve-lost", at="unconfirmed"),), quiet_s=1.5,
        ),
    )  # fmt: skip


_POSTS = "POST /channels/*/messages"
_EDITS = "PATCH /channels/*/messages/*"


def _on_discord(
    name: str, end: str, *misfortunes: tuple[str, str, str, int], deeds: tuple[Deed, ...] = (), **more: Any
) -> Story:
    return _one(f"discord: {name}", end, deeds=deeds, chat="discord", misfortunes=misfortunes, **more)


DISCORD_STORIES = (
    _on_discord("plain", "delivered"),
    _on_discord("reset after the card and the clip were posted", "delivered", (_POSTS, "reset", "after", 2)),
    _on_discord("reset before anything was posted", "delivered", (_POSTS, "reset", "before", 2)),
    _on_discord("cut in the middle of the upload", "delivered", (_POSTS, "reset", "mid-body", 2)),
    _on_discord("502 after the clip was posted", "delivered", (_POSTS, "status:502", "after", 2)),
    _on_discord("a burst of 500s", "delivered", (_POSTS, "status:500", "before", 3), (_EDITS, "status:500", "before", 2)),
    _on_discord("throttled", "delivered", (_POSTS, "429:0.05", "before", 2)),
    _on_discord("too large as it is, and again", "delivered", (_POSTS, "413", "before", 1)),
    _on_discord("no permission: by direct message", "delivered", losses=("SEND_MESSAGES",)),
    _on_discord("no permission, direct messages closed", "undelivered", losses=("SEND_MESSAGES", "dms")),
    _on_discord("history is not to be read", "delivered", (_POSTS, "reset", "after", 2), losses=("READ_MESSAGE_HISTORY",)),
    _on_discord("sent again", "delivered", deeds=(Deed(do="resend", at="delivered"),)),
    _on_discord("deleted in the end", "delivered", deeds=(Deed(do="delete", at="delivered"),)),
)  # fmt: skip

_COMPLETED, _SEEN = "files.completeUploadExternal", "files.info"


def _on_slack(
    name: str, end: str, *misfortunes: tuple[str, str, str, int], deeds: tuple[Deed, ...] = (), **more: Any
) -> Story:
    """`place` says how it was asked: by a mention in the `room` or a `thread`, by a `form`, or by a `direct` message."""
    return _one(f"slack: {name}", end, deeds=deeds, chat="slack", misfortunes=misfortunes, **more)


SLACK_STORIES = (
    _on_slack("plain", "delivered"),
    _on_slack("asked in a thread, unanswered when it was completed", "delivered", (_COMPLETED, "reset", "after", 2), place="thread"),
    _on_slack("asked by a form, reset before it was completed", "delivered", (_COMPLETED, "reset", "before", 2), place="form"),
    _on_slack("asked directly, the card's answer lost", "delivered", ("chat.postMessage", "reset", "after", 1), place="direct"),
    _on_slack(
        "priced above the threshold", "delivered", ask={"resolution": "1080p", "duration_s": 10},
        deeds=(Deed(do="confirm", at="quoted"),),
    ),
    _on_slack("the card's answer lost", "delivered", ("chat.postMessage", "reset", "after", 1)),
    _on_slack(
        "whatever can break breaks", "delivered", ("files.getUploadURLExternal", "status:500", "before", 1),
        ("upload", "reset", "mid-body", 1), (_COMPLETED, "status:502", "after", 1), (_SEEN, "status:500", "before", 1),
        ("chat.update", "status:500", "before", 2),
    ),
    _on_slack("throttled", "delivered", (_COMPLETED, "429:0", "before", 2), ("chat.*", "429:0", "before", 2), (_SEEN, "429:0", "before", 1)),
    _on_slack("never shown the first time", "delivered", ("files.delete", "reset", "after", 1), knobs={"never_share": 1}),
    _on_slack("shown late", "delivered", knobs={"share_delay_s": 0.1}),
    _on_slack("nobody may look", "undelivered", (_COMPLETED, "reset", "after", 1), (_SEEN, "error:missing_scope", "before", 99)),
    _on_slack("not in the channel: by direct message", "delivered", place="form", losses=("channel",)),
    _on_slack("not in the channel, direct messages closed", "undelivered", place="form", losses=("channel", "dms")),
    _on_slack("sent again", "delivered", deeds=(Deed(do="resend", at="delivered"),)),
    _on_slack("deleted in the end", "delivered", deeds=(Deed(do="delete", at="delivered"),)),
)  # fmt: skip

VENDOR_STORIES = tuple(story for vendor in VENDORS for story in _of_vendor(vendor))

PROMPTS = (
    *[""] * 6, "[lost-answer]", "[lost-answer][not-listed:2]", "[lost-answer][cannot-tell]", "[hang]", "[garbled]",
    "[reset-before]", "[throttled:2]", "[refused:moderation]", "[judge/refused:balance]", "[dearer]", "[slow:6]",
    "[slow:10][late-cancel]", "[slow:10][no-cancel]", "[unknown-check][check-down]", "[billed-then-failed]",
    "[failed-free]", "[failed-silent]", "[stuck]", "[dead-link:2]", "[gone]",
)  # fmt: skip
PLACES = (
    *["room"] * 4, "room[lost-answer]", "room[lost-answer][search-lag:2]", "room[lost-answer][cannot-search][no-nonce]",
    "room[refuses]", "room[delays:2]", "room[reset-before]",
)  # fmt: skip
DEEDS = (("cancel", "received"), ("cancel", "queued"), ("cancel", "rendering"), ("cancel", "unconfirmed"), ("cancel", "fetching"),
         ("resend", "delivered"), ("resend", "undelivered"), ("resolve-submitted", "unconfirmed"))  # fmt: skip


def random_story(seed: int) -> Story:
    """A mix of everything, the same for the same seed."""
    rng = random.Random(seed)
    asks, deeds = [], []
    for key in "abcdefgh"[: rng.randint(1, 6)]:
        is_dear = rng.random() < 0.15
        asks.append(
            Ask(
                key=key,
                prompt=f"a storm {rng.choice(PROMPTS)}".strip(),
                place=rng.choice(PLACES),
                user=rng.choice(("alice", "bob")),
                resolution="1080p" if is_dear else rng.choice(("480p", "720p")),
                duration_s=10 if is_dear else 5,
                attached=rng.random() < 0.7,
            )
        )
        if is_dear:
            deeds.append(Deed(do=rng.choice(("confirm", "confirm", "cancel")), at="quoted", key=key))
        if rng.random() < 0.4:
            do, at = rng.choice(DEEDS)
            deeds.append(Deed(do=do, at=at, key=key))
    return Story(
        name=f"seed {seed}",
        asks=tuple(asks),
        deeds=tuple(deeds),
        max_concurrent=rng.choice((None, None, 1, 2)),
        user_daily_micro_usd=rng.choice((LIMITLESS, LIMITLESS, 1_200_000)),
        user_daily_jobs=rng.choice((1000, 1000, 2)),
        installation_monthly_micro_usd=rng.choice((LIMITLESS, LIMITLESS, 2_000_000)),
        render_within_s=0.7,
    )
