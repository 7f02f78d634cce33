"""The secret keys: what they derive, sign and seal, and that none of them is ever shown."""

from __future__ import annotations

import base64
import hmac
import pickle
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigurationError
from bot.keys import CannotUnseal, KeyRing, read_keys
from tests.factories import NOON

OLD, NEW = "an-old-key-of-some-length", "a-new-key-of-some-length"
LATER = NOON + timedelta(hours=1)

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
purposes = st.text(alphabet="abcdefgh-", min_size=1, max_size=20)


def test_a_derived_secret_is_the_same_every_time_and_another_for_every_purpose_value_and_key() -> None:
    ring = KeyRing([NEW, OLD])

    derived = ring.derive("webhook", "attempt-1")

    assert derived == ring.derive("webhook", "attempt-1") == KeyRing([NEW]).derive("webhook", "attempt-1")
    assert len(bytes.fromhex(derived)) == 32
    others = {
        ring.derive("webhook", "attempt-2"),
        ring.derive("webhoo", "kattempt-1"),
        ring.derive("session", "attempt-1"),
        KeyRing([OLD]).derive("webhook", "attempt-1"),
    }
    assert len(others | {derived}) == 5


def test_what_was_derived_before_a_key_was_changed_is_still_known() -> None:
    before = KeyRing([OLD]).derive("webhook", "attempt-1")

    after = KeyRing([NEW, OLD]).derive_all("webhook", "attempt-1")

    assert after == (KeyRing([NEW]).derive("webhook", "attempt-1"), before)
    assert any(hmac.compare_digest(before, each) for each in after)
    assert before not in KeyRing([NEW]).derive_all("webhook", "attempt-1")


def test_a_purpose_cannot_reach_into_the_value() -> None:
    for purpose in ("", "a\0b"):
        with pytest.raises(ValueError, match="purpose"):
            KeyRing([NEW]).derive(purpose, "x")
        with pytest.raises(ValueError, match="purpose"):
            KeyRing([NEW]).sign(purpose, {}, expires_at=LATER)
        with pytest.raises(ValueError, match="purpose"):
            KeyRing([NEW]).seal(purpose, "x")


@given(payload=st.dictionaries(texts, st.none() | st.integers(-(2**53), 2**53) | texts, max_size=5), purpose=purposes)
def test_what_was_signed_is_read_again_and_needs_no_escaping(payload: dict[str, object], purpose: str) -> None:
    ring = KeyRing([NEW, OLD])

    signed = ring.sign(purpose, payload, expires_at=LATER)

    assert ring.read(purpose, signed, now=NOON) == payload
    assert ring.read(purpose + "-2", signed, now=NOON) is None
    assert set(signed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    # Proxies refuse paths with hidden names.
    assert signed[0] not in ".-_"


def test_the_first_key_signs_and_all_verify() -> None:
    before = KeyRing([OLD]).sign("link", {"a": 1}, expires_at=LATER)
    after = KeyRing([NEW, OLD]).sign("link", {"a": 1}, expires_at=LATER)

    assert KeyRing([NEW, OLD]).read("link", before, now=NOON) == {"a": 1}
    assert KeyRing([NEW]).read("link", after, now=NOON) == {"a": 1}
    assert KeyRing([OLD]).read("link", after, now=NOON) is None
    assert KeyRing([NEW]).read("link", before, now=NOON) is None


def test_what_is_signed_ends_when_it_was_said_to() -> None:
    ring = KeyRing([NEW])
    signed = ring.sign("link", {"a": 1}, expires_at=LATER)

    assert ring.read_with_expiry("link", signed, now=LATER - timedelta(seconds=1)) == ({"a": 1}, LATER)
    assert ring.read("link", signed, now=LATER) is None
    assert ring.read("link", signed, now=LATER + timedelta(days=400)) is None


def test_nothing_else_is_read() -> None:
    """Changed in any one place, cut, or never ours."""
    ring = KeyRing([NEW])
    signed = ring.sign("link", {"a": 1}, expires_at=LATER)
    payload, _, signature = signed.rpartition(".")

    forged = [signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :] for place in range(40)]
    forged += ["", ".", "..", payload, f"{payload}.", f".{signature}", signed[:-2], signed + "A", "é" + signed]
    forged += ["A" * 5000, "\ud800", "\0", f"{signed}\n"]

    assert [text for text in forged if ring.read("link", text, now=NOON) is not None] == []


def test_a_derived_secret_is_no_key_to_what_is_signed() -> None:
    """The two ways of using a key never meet, whatever the purposes are called."""
    ring = KeyRing([NEW])
    signed = ring.sign("link", {"a": 1}, expires_at=LATER)

    for purpose in ("link", "reelbot.sign", "sign"):
        assert ring.derive(purpose, "link") not in signed
        assert KeyRing([ring.derive(purpose, "link")]).read("link", signed, now=NOON) is None


@given(text=texts, purpose=purposes)
def test_what_was_sealed_is_opened_again_for_its_purpose_alone(text: str, purpose: str) -> None:
    """It is plain ASCII, which needs no escaping anywhere."""
    ring = KeyRing([NEW, OLD])

    sealed = ring.seal(purpose, text)

    assert ring.unseal(purpose, sealed) == text
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")
    with pytest.raises(CannotUnseal):
        ring.unseal(purpose + "-2", sealed)


def test_what_is_sealed_twice_does_not_look_alike_and_does_not_show_its_text() -> None:
    """Nobody who reads the database learns that two places hold the same."""
    ring = KeyRing([NEW])

    first, second = ring.seal("token", "xoxb-1234567890"), ring.seal("token", "xoxb-1234567890")

    assert first != second
    assert b"xoxb" not in base64.urlsafe_b64decode(first)


def test_the_first_key_seals_and_all_open() -> None:
    """A key is changed by putting the new one before it; it may go when nothing is sealed by it any more."""
    before = KeyRing([OLD]).seal("token", "secret")
    after = KeyRing([NEW, OLD]).seal("token", "secret")

    both = KeyRing([NEW, OLD])
    assert [both.unseal("token", sealed) for sealed in (before, after)] == ["secret", "secret"]
    assert [both.is_sealed_by_first("token", sealed) for sealed in (before, after)] == [False, True]
    assert KeyRing([NEW]).unseal("token", after) == "secret"
    for ring, sealed in ((KeyRing([OLD]), after), (KeyRing([NEW]), before)):
        assert not ring.is_sealed_by_first("token", sealed)
        with pytest.raises(CannotUnseal):
            ring.unseal("token", sealed)


def test_what_was_changed_or_was_never_sealed_is_not_opened() -> None:
    """In any one place; what comes back is what was written, or nothing."""
    ring = KeyRing([NEW])
    sealed = ring.seal("token", "secret")
    forged = [sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :] for place in range(90)]
    forged += ["", "secret", sealed[:-4], sealed[4:], "é", "\ud800", "\0", ring.derive("token", "secret")]

    for text in forged:
        with pytest.raises(CannotUnseal):
            ring.unseal("token", text)
    assert not any(ring.is_sealed_by_first("token", text) for text in forged)


def test_what_cannot_be_opened_is_one_sentence_with_the_remedy_and_no_secret() -> None:
    """It is a fault of the settings, and the sentence names the setting."""
    sealed = KeyRing([OLD]).seal("token", "secret")

    with pytest.raises(ConfigurationError) as refused:
        KeyRing([NEW]).unseal("token", sealed)

    said = str(refused.value)
    assert "REELBOT_SECRET_KEY" in said
    assert not [secret for secret in (OLD, NEW, "xoxb", sealed) if secret in said]
    assert (refused.value.code, refused.value.exit_code) == ("configuration", 78)


def test_sealing_is_loaded_when_something_is_sealed() -> None:
    """`reelbot --help` and every short command would pay for it."""
    program = "import sys, bot.keys; sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_no_key_is_ever_shown() -> None:
    ring = KeyRing([NEW, OLD])

    shown = f"{ring} {ring!r} {vars(KeyRing)}"

    assert NEW not in shown
    assert OLD not in shown
    with pytest.raises(TypeError):
        pickle.dumps(ring)


def test_keys_are_separated_by_commas() -> None:
    ring = read_keys(f" {NEW} ,{OLD},, {NEW}\n", name="REELBOT_SECRET_KEY")

    assert ring.secrets() == (NEW, OLD)


@pytest.mark.parametrize("text", ["", " , ", "short", f"{NEW},short", "fifteen-letters"])
def test_what_is_no_key_is_refused_with_the_remedy_and_without_the_text(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_keys(text, name="REELBOT_SECRET_KEY")

    assert str(refused.value).startswith("REELBOT_SECRET_KEY holds ")
    assert "openssl rand" in str(refused.value)
    assert not {"short", NEW, "fifteen-letters"} & set(str(refused.value).replace(",", " ").split())


def test_a_ring_without_keys_cannot_be_made() -> None:
    for keys in ([], ["short"]):
        with pytest.raises(ValueError, match="16 characters"):
            KeyRing(keys)
