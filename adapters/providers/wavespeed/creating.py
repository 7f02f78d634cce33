"""What WaveSpeed's answer to a create means (fact sheet §3 and §9): accepted, refused, throttled, or unknowable."""

from __future__ import annotations

from typing import Final

from adapters.http.answer import HttpAnswer
from adapters.providers.remote import AMBIGUOUS, About, RemoteApi, kind_of, words
from adapters.providers.wavespeed.wire import Envelope
from bot.languages.said import joined, say
from bot.ports import Accepted

THROTTLED_S: Final = 60.0
"""Their limits are per minute; so long unless `Retry-After` says otherwise."""
ABOUT: Final[dict[int, About]] = {401: "account", 402: "balance", 403: "account", 404: "model"}


def judge(api: RemoteApi, answer: HttpAnswer) -> Accepted:
    """`Accepted` for any answer that names a task, whatever else it says; else raises what it means."""
    envelope = Envelope.of(answer.json(), answer.status)
    if envelope is None:
        is_edge = 400 <= answer.status < 500 and answer.status not in AMBIGUOUS
        raise api.unconfirmed(answer, likely_refused=is_edge)
    task_id = envelope.data.get("id")
    if isinstance(task_id, str) and task_id:
        return Accepted(provider_job_id=task_id)
    # 200 with a 4xx code inside is meant as that code; 200 with 200 or 5xx inside proves nothing.
    status = envelope.code if answer.status == 200 else answer.status
    if status in AMBIGUOUS or not 400 <= status < 500:
        raise api.unconfirmed(answer)
    message = words(envelope.message)
    if status == 429:
        raise api.throttled(answer, message, wait_s=THROTTLED_S)
    if status == 401:
        message = joined(
            (message or say("the key is not accepted"), say("(a key made before the first top-up never works)"))
        )
    raise api.refused(message, kind_of(message, ABOUT.get(status, "input")) if status != 401 else "account")
