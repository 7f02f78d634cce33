"""What WaveSpeed is sent, key by key, and how its answers are read."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.providers.wavespeed.wire import (
    CreateBody,
    Envelope,
    input_in,
    meant,
    number_in,
    status_in,
    task_age,
)
from bot.jobs.model import AssetKind, RenderSettings
from bot.ports import HostedInput, SubmitRequest
from tests.adapters.providers.scripted import answered
from tests.factories import a_submit_request, an_asset

PICTURE = HostedInput(asset=an_asset(), url="https://in.example.net/a/J2-1.jpg")
SOUND = HostedInput(asset=an_asset(kind=AssetKind.AUDIO), url="https://in.example.net/a/J2-1.wav")


def a_request(*, sound: HostedInput | None = None, **settings: object) -> SubmitRequest:
    return a_submit_request(
        PICTURE,
        model="alibaba/wan-2.5/image-to-video-fast",
        prompt="slow dolly-in",
        audio=sound,
        settings=RenderSettings(**settings),
    )


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_the_body_of_the_vendors_page_is_what_is_sent() -> None:
    request = a_request(negative_prompt="blur", resolution="720p", duration_s=5, expand=False, seed=None)

    assert CreateBody.of(request).plain() == {
        "image": "https://in.example.net/a/J2-1.jpg",
        "prompt": "slow dolly-in",
        "negative_prompt": "blur",
        "resolution": "720p",
        "duration": 5,
        "enable_prompt_expansion": False,
        "seed": -1,
    }


@pytest.mark.parametrize(
    ("duration_s", "resolution", "seed", "negative", "expand", "sound"),
    list(itertools.product((5, 10), ("720p", "1080p"), (None, 0, 2_147_483_647), (None, "blur"), (True, False), (None, SOUND))),
)  # fmt: skip
def test_every_combination_of_settings_is_sent_as_documented(
    duration_s: int, resolution: str, seed: int | None, negative: str | None, expand: bool, sound: HostedInput | None
) -> None:
    """Every key that has a default of theirs is sent; what is not asked for is left out; the length is a number."""
    request = a_request(
        duration_s=duration_s, resolution=resolution, seed=seed, negative_prompt=negative, expand=expand, sound=sound
    )

    body = CreateBody.of(request).plain()

    expected = {
        "image": PICTURE.url,
        "prompt": "slow dolly-in",
        "resolution": resolution,
        "duration": duration_s,
        "enable_prompt_expansion": expand,
        "seed": -1 if seed is None else seed,
    }
    expected |= {} if negative is None else {"negative_prompt": negative}
    expected |= {} if sound is None else {"audio": SOUND.url}
    assert body == expected
    assert type(body["duration"]) is int
    assert json.loads(json.dumps(body)) == body


def test_what_a_model_does_not_take_is_left_out() -> None:
    body = CreateBody.of(a_request(seed=7, expand=True), takes_expand=False, takes_seed=False).plain()

    assert set(body) == {"image", "prompt", "resolution", "duration"}


@pytest.mark.parametrize("seed", [-2, 2_147_483_648])
def test_a_seed_out_of_range_is_never_sent(seed: int) -> None:
    with pytest.raises(ValidationError):
        CreateBody.of(a_request(seed=seed))


def test_a_key_they_do_not_know_cannot_be_sent() -> None:
    """They would drop it without a word."""
    with pytest.raises(ValidationError):
        CreateBody(**CreateBody.of(a_request()).plain(), enable_sync_mode=True)  # type: ignore[call-arg]


def test_camera_words_and_platform_settings_are_not_sent() -> None:
    body = CreateBody.of(a_request(camera="orbit", motion="slow", audio=True)).plain()

    assert not {"camera", "motion", "audio"} & set(body)


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "code", "message", "data"),
    [
        ({"code": 200, "message": "success", "data": {"id": "x"}}, 200, "success", {"id": "x"}),
        ({"code": "400", "message": "no"}, 400, "no", {}),
        ({"message": "no"}, 503, "no", {}), ({}, 503, "", {}),
        ({"code": None, "error": "no"}, 503, "no", {}), ({"code": True, "msg": "no"}, 503, "no", {}),
        ({"code": 4.5, "message": {"a": 1}}, 503, "", {}),
        ({"code": 500, "message": "", "error": "why", "data": None}, 500, "why", {}),
        ({"code": 200, "data": [1]}, 200, "", {}), ({"code": 200, "data": "x"}, 200, "", {}),
    ],
)  # fmt: skip
def test_the_envelope_is_read_whatever_is_missing(found: object, code: int, message: str, data: dict) -> None:
    assert Envelope.of(found, 503) == Envelope(code, message, data)


@pytest.mark.parametrize("found", [None, [], "x", 5, True, [{"code": 200}]])
def test_what_is_no_object_is_no_envelope(found: object) -> None:
    assert Envelope.of(found, 200) is None


@pytest.mark.parametrize(
    ("status", "code", "means"),
    [(200, 200, 200), (200, 401, 401), (200, 429, 429), (200, 500, 500), (200, 1200, 200), (200, 0, 200), (404, 200, 404), (500, 404, 500),
     (201, 400, 201)],
)  # fmt: skip
def test_200_with_another_status_inside_is_meant_as_that(status: int, code: int, means: int) -> None:
    answer = answered({"code": code}, status, retry_after="5")

    found = meant(answer, Envelope.of(answer.json(), answer.status))

    assert (found.status, found.headers, found.body) == (means, answer.headers, answer.body)
    assert meant(answer, None) is answer


@pytest.mark.parametrize(
    ("value", "number"),
    [(1200, 1200), ("1200", 1200), (0, 0), ("", None), ("12e2", None), ("²", None), ("9" * 400, None), (1200.0, None), (True, None),
     (None, None), ([1200], None), ({}, None), (-1, -1)],
)  # fmt: skip
def test_a_number_may_be_text(value: object, number: int | None) -> None:
    assert number_in({"code": value}, "code") == number
    assert number_in({}, "code") is None


@pytest.mark.parametrize(
    ("value", "word"),
    [("completed", "completed"), (" Completed ", "completed"), (None, "none"), ([], "[]"), ({}, "{}"), (5, "5")],
)
def test_a_state_is_a_word_whatever_stands_there(value: object, word: str) -> None:
    assert status_in({"status": value}) == word


@pytest.mark.parametrize(
    ("task", "picture"),
    [({"input": {"image": "https://x"}}, "https://x"), ({"input": {"image": None}}, None), ({"input": {}}, None), ({"input": None}, None),
     ({"input": "https://x"}, None), ({}, None), ({"input": {"image": ["https://x"]}}, None)],
)  # fmt: skip
def test_the_picture_of_a_task_is_known_only_where_it_is_shown(task: dict, picture: str | None) -> None:
    assert input_in(task) == picture


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "age"),
    [
        ("2026-06-01T11:00:00.123456789Z", 3600), ("2026-06-01T11:00:00Z", 3600), ("2026-06-01T11:00:00.1Z", 3600),
        ("2026-06-01T11:00:00.123456+00:00", 3600), ("2026-06-01T13:00:00.123456789+02:00", 3600), ("2026-06-01T07:00:00-04:00", 3600),
        ("2026-06-01T11:00:00", 3600), ("2026-06-01T13:00:00Z", -3600), ("2026-05-25T12:00:00.999999999Z", 604_800),
    ],
)  # fmt: skip
def test_the_age_of_a_task_is_read_with_nine_digits_and_any_zone(said: str, age: float) -> None:
    assert task_age({"created_at": said}, NOON) == timedelta(seconds=age)


@pytest.mark.parametrize(
    "said", [None, "", 1780315200, "soon", "2026-06-01", "2026-13-01T00:00:00Z", "2026-06-01T25:00:00Z", "2026-06-01 11:00:00Z", "2026-06-01T11:00:00.Z",
             "2026-06-01T11:00:00Z\nX", "0000-01-01T00:00:00Z", "２０２６-06-01T11:00:00Z", "0001-01-01T00:00:00+23:59", "2026-06-01T11:00:00+99:99"],
)  # fmt: skip
def test_a_time_that_is_none_has_no_age(said: object) -> None:
    age = task_age({"created_at": said}, NOON)

    assert age is None or said == "0001-01-01T00:00:00+23:59"


@given(st.text(alphabet="0123456789-:TZ+. "), st.datetimes())
def test_whatever_stands_for_a_time_has_an_age_or_none(said: str, moment: datetime) -> None:
    for text in (said, f"{moment.isoformat()}Z", f"{moment.isoformat()}{said}"):
        task_age({"created_at": text}, NOON)
