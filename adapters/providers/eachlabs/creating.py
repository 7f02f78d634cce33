"""What Eachlabs' answer to a create means (fact sheet §2 and §9): accepted, refused, throttled, or unknowable."""

from __future__ import annotations

from typing import Final

from adapters.http.answer import HttpAnswer
from adapters.providers.eachlabs.wire import id_in, message_in
from adapters.providers.remote import AMBIGUOUS, About, RemoteApi, kind_of
from bot.languages.said import joined, say
from bot.ports import Accepted

THROTTLED_S: Final = 90.0
"""A slot frees when a render settles; retries in shorter steps were seen to be refused for minutes (field report)."""
ABOUT: Final[dict[int, About]] = {401: "account", 403: "account", 404: "model"}


def judge(api: RemoteApi, answer: HttpAnswer) -> Accepted:
    """`Accepted` for a 2xx that names a render; else raises what the answer means."""
    found = answer.object()
    if 200 <= answer.status < 300 and found is not None and (render_id := id_in(found)):
        return Accepted(provider_job_id=render_id)
    if answer.status in AMBIGUOUS or not 400 <= answer.status < 500:
        raise api.unconfirmed(answer)
    if found is None:
        raise api.unconfirmed(answer, likely_refused=True)
    message = message_in(found)
    if answer.status == 402:
        # In-flight renders exceed the balance: it fits again when one settles, or after a top-up.
        raise api.throttled(answer, message or say("the account is out of credit"), wait_s=THROTTLED_S, about="balance")
    if answer.status == 429:
        raise api.throttled(answer, message, wait_s=THROTTLED_S)
    if answer.status == 401:
        other = say("(the other way to send it: {setting})", setting="REELBOT_EACHLABS__AUTH")
        message = joined((message or say("the key is not accepted"), other))
        raise api.refused(message, "account")
    raise api.refused(message, ABOUT.get(answer.status) or kind_of(message))
