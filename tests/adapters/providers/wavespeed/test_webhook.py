"""WaveSpeed's signature: over id, time and the raw body, with the text behind `whsec_` as the key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.wavespeed import webhook
from bot.errors import NotAllowed
from bot.ports import ProviderEvent


@dataclass(frozen=True)
class Vector:
    """One of the fact sheet (§4)."""

    secret: str
    id: str
    timestamp: str
    body: bytes
    signature: str
    wrong: str

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.timestamp), UTC)

    def headers(self, **changes: str | None) -> dict[str, str]:
        named = {"webhook_id": self.id, "webhook_timestamp": self.timestamp, "webhook_signature": self.signature}
        return {name.replace("_", "-"): value for name, value in (named | changes).items() if value is not None}

    def read(self, body: bytes | None = None, now: datetime | None = None, **changes: str | None) -> ProviderEvent:
        given = self.body if body is None else body
        return webhook.read(self.headers(**changes), given, secret=self.secret, now=now or self.sent_at)


W1 = Vector(
    secret="whsec_reelbot0test0secret0one",
    id="wh-7f31c0de",
    timestamp="1780315200",
    body=b'{"id":"task-a1","status":"completed","outputs":["https://cdn.example.net/a1.mp4"],"error":""}',
    signature="v3,6a856effa70b74c421361cb3b8d432b35f965b14d00c79d7e2a14e03c59d8c68",
    wrong="v3,2d42204f582120c3e57c14eaa844f1ee17ff801048dd98ca115900e4113d7dd6",
)
W2 = Vector(
    secret="whsec_Zm9vYmFyLW5vdC1iYXNlNjQ=",
    id="wh-0002",
    timestamp="1780315261",
    body=base64.b64decode(
        "eyJpZCI6InRhc2stYjIiLCJzdGF0dXMiOiJmYWlsZWQiLCJvdXRwdXRzIjpbXSwiZXJyb3IiOiJjYWbDqSDigJQgYmxvY2tlZCIsImNvZGUiOjEyMDB9Cg=="
    ),
    signature="v3,5505382a0dfb0f75e264938af0dace023c337ee08891f799509ae1ed84393ea5",
    wrong="v3,9e8f40b9466222768466d73b8adeb68f979be66713a346207f2dd317ebc1b471",
)


@pytest.mark.parametrize(
    ("vector", "length", "event"),
    [
        (W1, 93, ProviderEvent(provider_job_id="task-a1", status="completed")),
        (W2, 88, ProviderEvent(provider_job_id="task-b2", status="failed")),
    ],
)
def test_the_vectors_are_believed(vector: Vector, length: int, event: ProviderEvent) -> None:
    assert len(vector.body) == length
    assert webhook.signature(vector.secret, vector.id, vector.timestamp, vector.body) == vector.signature
    assert vector.read() == event


@pytest.mark.parametrize("vector", [W1, W2])
def test_a_signature_by_another_reading_of_the_key_is_refused(vector: Vector) -> None:
    """With the prefix kept, or with the key taken for base64."""
    with pytest.raises(NotAllowed, match="signature"):
        vector.read(webhook_signature=vector.wrong)


def test_the_wrong_readings_are_the_ones_meant() -> None:
    def by(vector: Vector, key: bytes) -> str:
        signed = f"{vector.id}.{vector.timestamp}.".encode() + vector.body
        return "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest()

    assert by(W1, W1.secret.encode()) == W1.wrong
    assert by(W2, base64.b64decode(W2.secret.removeprefix("whsec_"))) == W2.wrong


@pytest.mark.parametrize("vector", [W1, W2])
def test_nothing_but_exactly_the_right_signature_is_believed(vector: Vector) -> None:
    hex_digits = vector.signature.removeprefix("v3,")
    for signature in (
        f"V3,{hex_digits}", f"v1,{hex_digits}", f"v2,{hex_digits}", f"v3={hex_digits}", f"v3,{hex_digits.upper()}", hex_digits,
        f"v3,{hex_digits[:-1]}", f"v3,{hex_digits[:32]}", f"v3,{hex_digits}0", f"v3, {hex_digits}", f" v3,{hex_digits}", f"v3,{hex_digits} ",
        f"{vector.signature} {vector.signature}", f"v3,0x{hex_digits}", "v3,", "", "v3," + base64.b64encode(bytes.fromhex(hex_digits)).decode(),
        "v3," + hex_digits.translate(str.maketrans("0123456789", "０１２３４５６７８９")), "\u00e9" * 67, None,
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            vector.read(webhook_signature=signature)


@pytest.mark.parametrize("missing", ["webhook_id", "webhook_timestamp", "webhook_signature"])
@pytest.mark.parametrize("instead", [None, ""])
def test_a_missing_header_is_refused(missing: str, instead: str | None) -> None:
    with pytest.raises(NotAllowed):
        W1.read(**{missing: instead})


def test_a_signature_over_an_empty_id_is_refused() -> None:
    signature = webhook.signature(W1.secret, "", W1.timestamp, W1.body)

    with pytest.raises(NotAllowed):
        W1.read(webhook_id="", webhook_signature=signature)


@pytest.mark.parametrize("vector", [W1, W2])
def test_the_body_counts_as_it_came(vector: Vector) -> None:
    """The right signature does not hold for what a JSON library would write of the same."""
    again = json.loads(vector.body)
    for body in (json.dumps(again).encode(), json.dumps(again, ensure_ascii=False).encode(), vector.body + b"\n",
                 vector.body.strip() + b" ", b"\xef\xbb\xbf" + vector.body, vector.body[:-2], b""):  # fmt: skip
        assert body != vector.body
        with pytest.raises(NotAllowed):
            vector.read(body)


def test_a_signature_of_another_call_is_refused() -> None:
    for changes in ({"webhook_id": "wh-0002"}, {"webhook_timestamp": "1780315201"}, {"webhook_timestamp": "01780315200"},
                    {"webhook_timestamp": " 1780315200"}, {"webhook_id": "wh-7f31c0de.1780315200"}):  # fmt: skip
        with pytest.raises(NotAllowed):
            W1.read(**changes)
    with pytest.raises(NotAllowed):
        webhook.read(W1.headers(), W1.body, secret=W2.secret, now=W1.sent_at)


@given(
    st.binary(max_size=200),
    st.sampled_from(["webhook_id", "webhook_timestamp", "webhook_signature"]),
    st.text(max_size=70),
)
def test_no_change_to_a_call_is_believed(body: bytes, name: str, value: str) -> None:
    if body != W1.body:
        with pytest.raises(NotAllowed):
            W1.read(body)
    if value != W1.headers()[name.replace("_", "-")]:
        with pytest.raises(NotAllowed):
            W1.read(**{name: value})


@pytest.mark.parametrize("seconds", [0, 1, 299, 300, -1, -299, -300])
def test_a_call_of_the_last_five_minutes_is_believed_however_the_clocks_differ(seconds: int) -> None:
    assert W1.read(now=W1.sent_at + timedelta(seconds=seconds)).provider_job_id == "task-a1"


@pytest.mark.parametrize("seconds", [300.001, 301, 3600, -300.001, -301, -86_400 * 365])
def test_a_call_from_longer_ago_or_ahead_is_refused_though_it_is_signed(seconds: float) -> None:
    with pytest.raises(NotAllowed, match="too old"):
        W1.read(now=W1.sent_at + timedelta(seconds=seconds))


@pytest.mark.parametrize("timestamp", ["", "now", "-1780315200", "1780315200.0", "1.78e9", "+1780315200", "１７８０３１５２００", "²", "9" * 400,
                                       "9" * 5000])  # fmt: skip
def test_a_time_that_is_none_is_refused_though_it_is_signed(timestamp: str) -> None:
    signature = webhook.signature(W1.secret, W1.id, timestamp, W1.body)

    with pytest.raises(NotAllowed):
        W1.read(webhook_timestamp=timestamp, webhook_signature=signature)


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_an_empty_secret_believes_nobody(secret: str) -> None:
    """Anybody could sign with it."""
    signature = webhook.signature(secret, W1.id, W1.timestamp, W1.body)

    with pytest.raises(NotAllowed):
        webhook.read(W1.headers(webhook_signature=signature), W1.body, secret=secret, now=W1.sent_at)


def test_a_secret_without_the_prefix_is_the_same_secret() -> None:
    secret = W1.secret.removeprefix("whsec_")

    assert webhook.read(W1.headers(), W1.body, secret=secret, now=W1.sent_at).provider_job_id == "task-a1"


def test_header_names_may_be_written_in_any_case() -> None:
    headers = {name.title(): value for name, value in W1.headers().items()}

    assert webhook.read(headers, W1.body, secret=W1.secret, now=W1.sent_at).provider_job_id == "task-a1"


# --- what a believed call says ---------------------------------------------------------------------------------------


def test_a_call_names_the_task_its_state_and_the_picture_it_was_given() -> None:
    body = b'{"id":"task-1","status":"processing","input":{"image":"https://in.example.net/a.jpg","prompt":"x"}}'

    event = webhook.parse(body)

    assert event == ProviderEvent(
        provider_job_id="task-1", status="processing", input_url="https://in.example.net/a.jpg"
    )


@pytest.mark.parametrize("given_input", ["null", "[]", '"https://x"', "{}", '{"image":5}', '{"image":null}'])
def test_a_picture_in_another_shape_is_not_known(given_input: str) -> None:
    assert webhook.parse(f'{{"id":"t","status":"failed","input":{given_input}}}'.encode()).input_url is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"[]", b'"text"', b"5", b"{", b"\xff\xfe", b'{"id":"t"}', b'{"status":"failed"}', b'{"id":5,"status":"failed"}',
     b'{"id":"","status":"failed"}', b'{"id":"t","status":null}', b'{"id":null,"status":"x"}', b'{"data":{"id":"t","status":"failed"}}',
     b"[" * 100_000],
)  # fmt: skip
def test_a_call_that_names_no_task_is_refused(body: bytes) -> None:
    with pytest.raises(NotAllowed):
        webhook.parse(body)


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text()), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["id", "status", "input", "image", "x"]), inner)))  # fmt: skip
def test_whatever_is_signed_is_an_event_or_refused(call: object) -> None:
    try:
        event = webhook.parse(json.dumps(call).encode())
    except NotAllowed:
        return
    assert event.provider_job_id
    assert isinstance(event.status, str)
