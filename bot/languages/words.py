"""Words that stand in many sentences."""

from __future__ import annotations

from collections.abc import Mapping

from bot.jobs.states import State
from bot.languages.said import say

_STATES: Mapping[State, str] = {
    State.RECEIVED: say("received"),
    State.QUOTED: say("quoted"),
    State.QUEUED: say("queued"),
    State.SUBMITTING: say("submitting"),
    State.UNCONFIRMED: say("unconfirmed"),
    State.RENDERING: say("rendering"),
    State.FETCHING: say("fetching"),
    State.DELIVERING: say("delivering"),
    State.DELIVERED: say("delivered"),
    State.UNDELIVERED: say("undelivered"),
    State.FAILED: say("failed"),
    State.CANCELLED: say("cancelled"),
}

# Translators: a kind of file, inside sentences such as "The {subject} is empty". All three must agree with the same
# article and ending: German says Bilddatei, Audiodatei, Videodatei.
_SUBJECTS: Mapping[str, str] = {"picture": say("picture"), "sound": say("sound"), "video": say("video")}


def subject_word(subject: str) -> str:
    """What kind of file a sentence is about: `picture`, `sound` or `video`."""
    return _SUBJECTS.get(subject, subject)


def state_word(state: State) -> str:
    """The state inside a sentence: "this job is … already". In English the word of the public contract."""
    return _STATES[state]
