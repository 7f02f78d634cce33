"""Eachlabs' three proofs, and the rule that picks one when nobody knows which is live."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.catalogue import read_models
from adapters.providers.eachlabs import webhook
from adapters.providers.eachlabs.entry import CATALOGUE
from adapters.providers.eachlabs.provider import WEBHOOK_PURPOSE, EachlabsProvider
from adapters.providers.eachlabs.webhook import Proof
from adapters.providers.hosting import Hosting
from bot.errors import NotAllowed
from bot.keys import KeyRing
from bot.ports import Capacity, ProviderEvent
from tests.adapters.providers.scripted import Script, answered, none_known
from tests.fakes.clock import FakeClock

PROOFS: tuple[Proof, ...] = get_args(Proof)


@dataclass(frozen=True)
class Vector:
    """One of the fact sheet (§4)."""

    secret: str
    timestamp: str
    body: bytes
    with_time: str
    body_only: str

    def read(
        self,
        proof: Proof,
        body: bytes | None = None,
        *,
        secrets: tuple[str, ...] | None = None,
        shown: str | None = None,
        signature: str | None = None,
        timestamp: str | None = None,
    ) -> ProviderEvent:
        """`shown` is the secret in the clear."""
        named = {SECRET: shown, SIGNATURE: signature, TIMESTAMP: timestamp}
        headers = {name: value for name, value in named.items() if value is not None}
        given_body = self.body if body is None else body
        return webhook.read(headers, given_body, secrets=secrets or (self.secret,), proof=proof)


SECRET, SIGNATURE, TIMESTAMP = "X-Webhook-Secret", "X-Webhook-Signature", "X-Webhook-Timestamp"

E1 = Vector(
    secret="reelbot-each-secret-1",
    timestamp="1780315300",
    body=b'{"exec_id":"pred-c3","flow_id":null,"status":"succeeded","output":"https://cdn.example.net/c3.mp4","error":""}',
    with_time="5ae03736239121bc3291254cbbeb6e22a2794611f3259681b5a0947032f18f82",
    body_only="74d067e22694a09ff81284294e56463a4bd9c3d72bf0045aa274de2692b16b9c",
)
E2 = Vector(
    secret="reelbot-each-secret-2",
    timestamp="1780315361",
    body=b'{"exec_id":"pred-d4","flow_id":null,"status":"failed","output":[{"id":"","status":"","output":"","error":"model timeout"}],"error":""}',
    with_time="37905becbb571fb7632f53793fd93b16332c89b39bd10c54c1c59cd94ecc130a",
    body_only="caf99895d9e9f04c83a5ec7bcf665f72b6a35325f03a4281b48889813bc496bc",
)
VECTORS = pytest.mark.parametrize("vector", [E1, E2], ids=["E1", "E2"])


BOTH = pytest.mark.parametrize("vector", [E1, E2], ids=["E1", "E2"])
EVERY = pytest.mark.parametrize("proof", PROOFS)


def refuses(vector: Vector, proof: Proof, *more: bytes, **shown: object) -> None:
    with pytest.raises(NotAllowed, match="proof"):
        vector.read(proof, *more, **shown)  # type: ignore[arg-type]


# --- the vectors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vector", "length", "event"),
    [(E1, 110, ProviderEvent(provider_job_id="pred-c3", status="succeeded")), (E2, 134, ProviderEvent(provider_job_id="pred-d4", status="failed"))],
)  # fmt: skip
def test_the_vectors_are_believed_in_their_mode_and_in_auto(vector: Vector, length: int, event: ProviderEvent) -> None:
    assert len(vector.body) == length
    assert webhook.signature(vector.secret, vector.body, vector.timestamp) == vector.with_time
    assert webhook.signature(vector.secret, vector.body) == vector.body_only
    for prefix in ("", "sha256="):
        for proof in ("hmac-timestamp", "auto"):
            assert vector.read(proof, signature=prefix + vector.with_time, timestamp=vector.timestamp) == event
        for proof in ("hmac-body", "auto"):
            assert vector.read(proof, signature=prefix + vector.body_only) == event
    for proof in ("secret-header", "auto"):
        assert vector.read(proof, shown=vector.secret) == event


@BOTH
def test_no_mode_believes_the_proof_of_another(vector: Vector) -> None:
    refuses(vector, "secret-header", signature=vector.with_time, timestamp=vector.timestamp)
    refuses(vector, "secret-header", signature=vector.body_only)
    refuses(vector, "hmac-timestamp", signature=vector.body_only)
    refuses(vector, "hmac-timestamp", signature=vector.body_only, timestamp=vector.timestamp)
    refuses(vector, "hmac-timestamp", signature=vector.with_time)
    refuses(vector, "hmac-timestamp", shown=vector.secret)
    refuses(vector, "hmac-body", signature=vector.with_time, timestamp=vector.timestamp)
    refuses(vector, "hmac-body", shown=vector.secret)


@EVERY
def test_a_call_without_any_proof_is_refused(proof: Proof) -> None:
    refuses(E1, proof)
    refuses(E1, proof, timestamp=E1.timestamp)
    refuses(E1, proof, shown="", signature="", timestamp="")


# --- auto ------------------------------------------------------------------------------------------------------------


@BOTH
def test_in_auto_a_signature_that_is_there_must_hold(vector: Vector) -> None:
    """The secret in the clear beside it does not mend it: whoever reads one call could send others."""
    other = E2 if vector is E1 else E1
    for signature in (
        "",
        "sha256=",
        "0" * 64,
        other.with_time,
        other.body_only,
        vector.with_time[:-1],
        vector.body_only.upper(),
    ):
        refuses(vector, "auto", signature=signature, shown=vector.secret)
        refuses(vector, "auto", signature=signature, shown=vector.secret, timestamp=vector.timestamp)
    refuses(vector, "auto", signature=vector.with_time, shown=vector.secret)
    refuses(vector, "auto", signature=vector.with_time, shown=vector.secret, timestamp=other.timestamp)


@BOTH
def test_in_auto_a_signature_over_the_body_alone_holds_beside_a_time_too(vector: Vector) -> None:
    assert vector.read("auto", signature=vector.body_only, timestamp=vector.timestamp)
    assert vector.read("auto", signature=vector.with_time, timestamp=vector.timestamp, shown="anything")


@BOTH
def test_in_auto_the_secret_counts_where_no_signature_is(vector: Vector) -> None:
    assert vector.read("auto", shown=vector.secret, timestamp="whenever")
    refuses(vector, "auto", shown=vector.secret + " ")
    refuses(vector, "auto", shown=vector.secret.upper())
    refuses(vector, "auto", shown=f"Bearer {vector.secret}")


# --- what is no proof ------------------------------------------------------------------------------------------------


@BOTH
def test_nothing_but_exactly_the_right_signature_is_believed(vector: Vector) -> None:
    for proof, right in (("hmac-timestamp", vector.with_time), ("hmac-body", vector.body_only)):
        for signature in (right.upper(), right[:-1], right + "0", f"sha1={right}", f"SHA256={right}", f"sha256=sha256={right}", f" {right}", f"{right} ",
                          f"v1={right}", f"{right},{right}", "sha256=", "", "\u00e9" * 64):  # fmt: skip
            refuses(vector, proof, signature=signature, timestamp=vector.timestamp)


@BOTH
def test_the_body_counts_as_it_came(vector: Vector) -> None:
    for body in (json.dumps(json.loads(vector.body)).encode(), vector.body + b"\n", vector.body[:-1] + b" }", b""):
        assert body != vector.body
        refuses(vector, "hmac-body", body, signature=vector.body_only)
        refuses(vector, "hmac-timestamp", body, signature=vector.with_time, timestamp=vector.timestamp)
        refuses(vector, "auto", body, signature=vector.with_time, timestamp=vector.timestamp)


@EVERY
def test_a_proof_by_another_secret_is_refused(proof: Proof) -> None:
    for shown in (
        {"shown": E1.secret}, {"signature": E1.with_time, "timestamp": E1.timestamp}, {"signature": E1.body_only}
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            E1.read(proof, secrets=(E2.secret,), **shown)


@EVERY
@given(st.text(max_size=70), st.text(max_size=70), st.text(max_size=12))
def test_no_guess_is_believed(proof: Proof, shown: str, signature: str, timestamp: str) -> None:
    if shown != E1.secret:
        refuses(E1, proof, shown=shown, signature=signature, timestamp=timestamp)
        refuses(E1, proof, shown=shown)


@EVERY
def test_nothing_is_believed_without_a_secret(proof: Proof) -> None:
    with pytest.raises(NotAllowed):
        webhook.read({SECRET: "", SIGNATURE: webhook.signature("", E1.body)}, E1.body, secrets=(), proof=proof)


def test_header_names_may_be_written_in_any_case() -> None:
    for name in ("x-webhook-secret", "X-WEBHOOK-SECRET"):
        assert webhook.read({name: E1.secret}, E1.body, secrets=[E1.secret], proof="auto")


# --- whose secret ----------------------------------------------------------------------------------------------------


def a_provider(keys: KeyRing, **more: object) -> EachlabsProvider:
    clock = FakeClock()
    api = Script(lambda _: answered()).api("Eachlabs", "https://api.eachlabs.ai/v1", clock)

    async def locate(asset_id: str) -> object:
        raise AssertionError

    hosting = Hosting(api.base_url, (), locate, None)  # type: ignore[arg-type]
    models = read_models("eachlabs", CATALOGUE)
    return EachlabsProvider(api, models, Capacity(), clock, hosting, none_known, keys, **more)  # type: ignore[arg-type]


OLD, NEW = "an old secret key of ours", "a new secret key of ours"


def test_every_attempt_has_a_secret_of_its_own() -> None:
    """One mode sends it in the clear: what one call shows is worth nothing for another attempt."""
    keys = KeyRing([NEW])
    provider = a_provider(keys)
    shown = keys.derive(WEBHOOK_PURPOSE, "attempt-1")

    assert provider.read_webhook({SECRET: shown}, E1.body, attempt_id="attempt-1").provider_job_id == "pred-c3"
    for attempt_id in ("attempt-2", "", "ATTEMPT-1"):
        with pytest.raises(NotAllowed):
            provider.read_webhook({SECRET: shown}, E1.body, attempt_id=attempt_id)
    assert len({keys.derive(WEBHOOK_PURPOSE, f"attempt-{number}") for number in range(100)}) == 100


def test_a_change_of_our_key_leaves_calls_under_way_believed_until_the_old_one_is_gone() -> None:
    before = KeyRing([OLD]).derive(WEBHOOK_PURPOSE, "attempt-1")
    signed = {SIGNATURE: webhook.signature(before, E1.body)}

    for headers in ({SECRET: before}, signed):
        assert a_provider(KeyRing([NEW, OLD])).read_webhook(headers, E1.body, attempt_id="attempt-1")
        with pytest.raises(NotAllowed):
            a_provider(KeyRing([NEW])).read_webhook(headers, E1.body, attempt_id="attempt-1")


def test_a_secret_of_the_settings_takes_the_place_of_ours() -> None:
    keys = KeyRing([NEW])
    provider = a_provider(keys, webhook_secret=E1.secret)

    assert provider.read_webhook({SECRET: E1.secret}, E1.body, attempt_id="attempt-1")
    with pytest.raises(NotAllowed):
        provider.read_webhook({SECRET: keys.derive(WEBHOOK_PURPOSE, "attempt-1")}, E1.body, attempt_id="attempt-1")


@pytest.mark.parametrize(
    ("proof", "is_believed"), [("auto", True), ("hmac-body", True), ("secret-header", False), ("hmac-timestamp", False)]
)
def test_the_setting_says_which_proof_counts(proof: Proof, is_believed: bool) -> None:
    provider = a_provider(KeyRing([NEW]), webhook_secret=E1.secret, webhook_proof=proof)
    try:
        provider.read_webhook({SIGNATURE: E1.body_only}, E1.body, attempt_id="attempt-1")
    except NotAllowed:
        assert not is_believed
    else:
        assert is_believed


# --- what a believed call says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "status"),
    [({"exec_id": "p", "status": "succeeded"}, "succeeded"), ({"exec_id": "p", "status": "failed", "error": "why"}, "failed"),
     ({"id": "p", "success": True}, "succeeded"), ({"id": "p", "success": False}, "failed"), ({"exec_id": "p", "id": "q", "success": True}, "succeeded"),
     ({"exec_id": "", "id": "p", "status": "x"}, "x"), ({"exec_id": None, "id": "p", "status": "processing", "success": True}, "processing")],
)  # fmt: skip
def test_both_shapes_of_a_call_are_read(call: dict, status: str) -> None:
    assert webhook.parse(json.dumps(call).encode()) == ProviderEvent(provider_job_id="p", status=status)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"[]", b'"p"', b"5", b"{", b"\xff\xfe", b'{"exec_id":"p"}', b'{"status":"failed"}', b'{"exec_id":5,"status":"failed"}',
     b'{"exec_id":"","status":"failed"}', b'{"exec_id":"","id":"","status":"failed"}', b'{"exec_id":"p","status":5}', b'{"exec_id":"p","success":"yes"}',
     b'{"exec_id":["p"],"status":"failed"}', b"[" * 100_000],
)  # fmt: skip
def test_a_call_that_names_no_render_is_refused(body: bytes) -> None:
    with pytest.raises(NotAllowed, match="names no render"):
        webhook.parse(body)
