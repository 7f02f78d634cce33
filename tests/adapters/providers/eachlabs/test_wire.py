"""What Eachlabs is sent, key by key, and the many places where its answers say something."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.providers.eachlabs.wire import (
    CreateBody,
    cost_in,
    failure_in,
    id_in,
    input_in,
    message_in,
    status_in,
)
from adapters.providers.remote import https_link
from bot.jobs.model import AssetKind, RenderSettings
from bot.ports import HostedInput, SubmitRequest
from tests.factories import a_submit_request, an_asset

PICTURE = HostedInput(asset=an_asset(), url="https://in.example.net/a/J1-1.jpg")
SOUND = HostedInput(asset=an_asset(kind=AssetKind.AUDIO), url="https://in.example.net/a/J1-1.wav")
WEBHOOK = "https://bot.example.net/webhooks/eachlabs/TOKEN"


def a_request(*, sound: HostedInput | None = None, webhook: str | None = None, **settings: object) -> SubmitRequest:
    return a_submit_request(
        PICTURE,
        model="wan-2-5-preview-image-to-video",
        prompt="slow dolly-in",
        audio=sound,
        webhook_url=webhook,
        settings=RenderSettings(**settings),
    )


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_the_body_of_the_vendors_page_is_what_is_sent() -> None:
    request = a_request(webhook=WEBHOOK, duration_s=5, resolution="720p", expand=True, negative_prompt="blur", seed=7)

    assert CreateBody.of(request, webhook_secret="of this attempt").plain() == {
        "model": "wan-2-5-preview-image-to-video",
        "input": {
            "prompt": "slow dolly-in",
            "image_url": "https://in.example.net/a/J1-1.jpg",
            "duration": "5",
            "resolution": "720p",
            "enable_prompt_expansion": True,
            "negative_prompt": "blur",
            "seed": 7,
        },
        "webhook_url": "https://bot.example.net/webhooks/eachlabs/TOKEN",
        "webhook_secret": "of this attempt",
    }


@pytest.mark.parametrize(
    ("duration_s", "resolution", "seed", "negative", "expand", "sound", "webhook"),
    list(itertools.product((5, 10), ("480p", "720p", "1080p"), (None, 0, 2_147_483_647), (None, "blur"), (True, False), (None, SOUND),
                           (None, WEBHOOK))),
)  # fmt: skip
def test_every_combination_of_settings_is_sent_as_documented(
    duration_s: int, resolution: str, seed: int | None, negative: str | None, expand: bool,
    sound: HostedInput | None, webhook: str | None,
) -> None:  # fmt: skip
    """The length is text, a random seed is left out, and a secret goes along only where there is a webhook."""
    request = a_request(
        duration_s=duration_s, resolution=resolution, seed=seed, negative_prompt=negative, expand=expand, sound=sound,
        webhook=webhook,
    )  # fmt: skip

    body = CreateBody.of(request, webhook_secret="s").plain()

    expected = {
        "prompt": "slow dolly-in",
        "image_url": PICTURE.url,
        "duration": str(duration_s),
        "resolution": resolution,
        "enable_prompt_expansion": expand,
    }
    expected |= {} if negative is None else {"negative_prompt": negative}
    expected |= {} if seed is None else {"seed": seed}
    expected |= {} if sound is None else {"audio_url": SOUND.url}
    around = {} if webhook is None else {"webhook_url": WEBHOOK, "webhook_secret": "s"}
    assert body == {"model": "wan-2-5-preview-image-to-video", "input": expected} | around
    assert json.loads(json.dumps(body)) == body


@pytest.mark.parametrize("seed", [-1, 2_147_483_648])
def test_a_seed_out_of_range_is_never_sent(seed: int) -> None:
    with pytest.raises(ValidationError):
        CreateBody.of(a_request(seed=seed), webhook_secret="s")


def test_what_a_model_does_not_take_and_what_is_deprecated_are_left_out() -> None:
    body = CreateBody.of(a_request(expand=True, camera="orbit", motion="slow"), webhook_secret="s", takes_expand=False)

    assert set(body.plain()) == {"model", "input"}
    assert set(body.plain()["input"]) == {"prompt", "image_url", "duration", "resolution"}


def test_a_key_they_do_not_know_cannot_be_sent() -> None:
    plain = CreateBody.of(a_request(), webhook_secret="s").plain()
    with pytest.raises(ValidationError):
        CreateBody(**plain, version="0.0.1")
    with pytest.raises(ValidationError):
        CreateBody(**(plain | {"input": plain["input"] | {"size": "720p"}}))


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "render_id"),
    [({"predictionID": "a"}, "a"), ({"prediction_id": "a"}, "a"), ({"id": "a"}, "a"), ({"predictionID": "a", "prediction_id": "b", "id": "c"}, "a"),
     ({"predictionID": "", "id": "a"}, "a"), ({"predictionID": None, "prediction_id": "a"}, "a"), ({"predictionID": 5}, None), ({"id": ""}, None),
     ({"id": ["a"]}, None), ({"PredictionID": "a"}, None), ({}, None)],
)  # fmt: skip
def test_the_id_is_found_under_each_of_its_names(found: dict, render_id: str | None) -> None:
    assert id_in(found) == render_id


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"status": "error", "message": "Invalid input", "details": "duration must be 5 or 10"}, "Invalid input: duration must be 5 or 10"),
        ({"error": "Prediction not found"}, "Prediction not found"),
        ({"status": 402, "error": "payment required", "details": "in-flight executions exceed your balance"},
         "payment required: in-flight executions exceed your balance"),
        ({"message": "same", "details": "same"}, "same"), ({"message": "a", "error": "b", "details": "c"}, "a: b"), ({"details": "only"}, "only"),
        ({"message": "", "error": None, "details": ["x"]}, ""), ({"message": {"a": 1}}, ""), ({}, ""), ({"message": "two\nlines\u202e"}, "two lines"),
    ],
)  # fmt: skip
def test_what_an_error_says_is_put_together(found: dict, told: str) -> None:
    assert message_in(found) == told


PLACES = [
    {"output": {"error_message": "content rejected"}},
    {"output": [{"error": "content rejected"}]},
    {"message": "content rejected"},
    {"details": "content rejected"},
    {"error": "content rejected"},
    {"logs": "content rejected"},
    {"output": {"error": "content rejected"}},
]


@pytest.mark.parametrize("place", PLACES)
def test_the_reason_of_a_failure_is_found_in_every_documented_place(place: dict) -> None:
    assert failure_in({"status": "error"} | place) == "content rejected"


@pytest.mark.parametrize(
    "inside", [{"error_message": "1", "error": "6"}, [{"error": "1"}]], ids=["an object", "a list"]
)
def test_the_place_that_says_more_comes_first(inside: dict | list) -> None:
    found = {"output": inside, "message": "2", "details": "3", "error": "4", "logs": "5"}
    told = []
    for place in ("output", "message", "details", "error", "logs", None):
        told.append(failure_in(found))
        if place == "output" and isinstance(inside, dict):
            found["output"] = {"error": "6"}
        elif place is not None:
            found[place] = ""

    assert told == ["1", "2", "3", "4", "5", "6" if isinstance(inside, dict) else ""]


def test_the_vendors_own_example_says_what_happened() -> None:
    output = {
        "success": False, "error": "Execution failed", "error_code": "PROVIDER_FAILED", "error_message": "content rejected",
        "classification": {"category": "PROVIDER"}, "retryable": False,
    }  # fmt: skip

    assert failure_in({"id": "x", "status": "error", "output": output, "metrics": {"cost": 0}}) == "content rejected"


@pytest.mark.parametrize(
    ("found", "told"),
    [({}, ""), ({"output": None}, ""), ({"output": "text"}, ""), ({"output": []}, ""), ({"output": ["text"]}, ""), ({"output": [None]}, ""),
     ({"output": {"error_message": ""}, "error": "why"}, "why"), ({"output": {"error_message": {"a": 1}}, "message": " ", "error": "why"}, "why"),
     ({"output": [{"error": ""}], "error": "", "logs": "why"}, "why"), ({"logs": ["why"]}, ""), ({"output": [{}, {"error": "second"}]}, "")],
)  # fmt: skip
def test_an_empty_place_is_passed_over(found: dict, told: str) -> None:
    assert failure_in(found) == told


@pytest.mark.parametrize(
    "output",
    ["https://cdn-us.eachlabs.ai/x.mp4", ["https://cdn-us.eachlabs.ai/x.mp4"], {"url": "https://cdn-us.eachlabs.ai/x.mp4"},
     [{"url": "https://cdn-us.eachlabs.ai/x.mp4"}], ["", "https://cdn-us.eachlabs.ai/x.mp4"], {"url": ["https://cdn-us.eachlabs.ai/x.mp4"]}],
)  # fmt: skip
def test_the_video_is_found_in_every_shape_of_output(output: object) -> None:
    assert https_link(output, "https://api.eachlabs.ai/v1") == "https://cdn-us.eachlabs.ai/x.mp4"


@pytest.mark.parametrize(
    ("found", "cost"), [({"metrics": {"cost": 0.5}}, 0.5), ({"metrics": {"cost": 0}}, 0), ({"metrics": {}}, None), ({"metrics": None}, None), ({"metrics": [1]}, None), ({}, None)]
)  # fmt: skip
def test_the_settled_price_is_found(found: dict, cost: object) -> None:
    assert cost_in(found) == cost


@pytest.mark.parametrize(
    ("found", "picture"),
    [({"input": {"image_url": "https://x"}}, "https://x"), ({"input": {"image_url": None}}, None), ({"input": {}}, None), ({"input": None}, None),
     ({"input": [{"image_url": "https://x"}]}, None), ({}, None)],
)  # fmt: skip
def test_the_picture_of_a_render_is_known_only_where_it_is_shown(found: dict, picture: str | None) -> None:
    assert input_in(found) == picture


NAMES = st.sampled_from(
    ["id", "status", "message", "error", "details", "output", "error_message", "logs", "metrics", "cost", "input", "image_url"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(NAMES, ANYTHING))
def test_no_answer_confuses_a_reader(found: dict) -> None:
    assert isinstance(failure_in(found), str)
    assert isinstance(message_in(found), str)
    assert isinstance(status_in(found), str)
    assert id_in(found) is None or id_in(found)
    assert input_in(found) is None or isinstance(input_in(found), str)
    cost_in(found)
