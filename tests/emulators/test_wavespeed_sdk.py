"""The official WaveSpeed SDK is the judge of our WaveSpeed: what it does against theirs has to work against ours."""

from __future__ import annotations

import io

import httpx
import pytest
from wavespeed.api.client import Client

from tests.emulators.processes import vendor_emulator

MODEL = "alibaba/wan-2.5/image-to-video-fast"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with vendor_emulator(tmp_path_factory.mktemp("sdk"), "wavespeed", render_s=0.1, other_models=True) as process:
        yield process


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def client(service):
    return Client(api_key="test-key", base_url=service.url, retry_interval=0.01)


def _inputs(client, prompt):
    image = client.upload(io.BytesIO(b"a picture"))
    right = {"image": image, "prompt": prompt, "resolution": "720p", "duration": 5}
    return right | {"enable_prompt_expansion": False, "seed": -1}


def test_a_run_ends_with_a_clip(client, service):
    found = client.run(MODEL, _inputs(client, "a run"), poll_interval=0.05, timeout=30)

    clip = httpx.get(found["outputs"][0], trust_env=False)
    assert clip.status_code == 200
    assert clip.headers["Content-Type"] == "video/mp4"
    assert not service.events("violation")


def test_a_file_is_uploaded_from_a_path(client, service, tmp_path):
    picture = tmp_path / "leaf.png"
    picture.write_bytes(b"the picture's bytes")

    url = client.upload(str(picture))

    answer = httpx.get(url, trust_env=False)
    assert answer.content == b"the picture's bytes"
    assert answer.headers["Content-Type"] == "image/png"


def test_any_other_model_can_be_ordered_too(client, service):
    found = client.run("wavespeed-ai/z-image/turbo", {"prompt": "a cat", "size": "1024*1024"}, poll_interval=0.05)

    assert len(found["outputs"]) == 1
    assert not [entry for entry in service.events("violation") if "a cat" in str(entry["request"])]


def test_a_failed_task_says_why_and_is_not_paid_for(client, service):
    with pytest.raises(RuntimeError, match=r"Prediction failed \(task_id: .*\): the render failed"):
        client.run(MODEL, _inputs(client, "it fails [failed-free]"), poll_interval=0.05, timeout=30)

    job_id = next(entry["provider_job_id"] for entry in service.events("accepted") if "it fails" in entry["prompt"])
    assert [entry["kept"] for entry in service.events("failed") if entry["provider_job_id"] == job_id] == [0]


def test_a_task_that_times_out_is_not_run_again(client, service):
    with pytest.raises(RuntimeError, match="Prediction timeout"):
        client.run(MODEL, _inputs(client, "too long [timed-out]"), poll_interval=0.05, max_retries=3)

    assert len([entry for entry in service.events("accepted") if "too long" in entry["prompt"]]) == 1


def test_polls_that_fail_are_repeated(client, service):
    found = client.run(MODEL, _inputs(client, "bad polls [check-down:3]"), poll_interval=0.05, timeout=30)

    assert found["outputs"]


def test_polls_without_an_answer_are_repeated(client, service):
    service.knobs(poll="reset:3")

    found = client.run(MODEL, _inputs(client, "no polls"), poll_interval=0.05, timeout=30)

    assert found["outputs"]


def test_a_poll_that_stays_down_gives_up(client, service):
    service.knobs(poll="503")
    try:
        with pytest.raises(RuntimeError, match="HTTP 503"):
            client.run(MODEL, _inputs(client, "down"), poll_interval=0.05, timeout=30)
    finally:
        service.knobs(poll=None)


@pytest.mark.parametrize("marker", ["refused:input", "refused:balance", "throttled", "plain-5xx", "late-5xx"])
def test_a_submit_that_is_not_taken_is_not_repeated(client, service, marker):
    with pytest.raises(RuntimeError, match="Failed to submit prediction: HTTP"):
        client.run(MODEL, _inputs(client, f"no {marker} [{marker}]"), max_retries=3)

    accepted = [entry for entry in service.events("accepted") if f"no {marker}" in entry["prompt"]]
    assert len(accepted) == (1 if marker == "late-5xx" else 0)


def test_a_lost_answer_is_not_repeated(client, service):
    with pytest.raises(RuntimeError, match="may already"):
        client.run(MODEL, _inputs(client, "nobody answers [lost-answer]"), max_retries=3)

    assert len([entry for entry in service.events("accepted") if "nobody answers" in entry["prompt"]]) == 1


def test_a_wrong_key_is_refused(service):
    with pytest.raises(RuntimeError, match="HTTP 401"):
        Client(api_key="somebody's", base_url=service.url).run(MODEL, {"prompt": "let me in"})


def test_an_id_can_be_asked_for_later(client, service):
    answer = client.run_no_throw(MODEL, _inputs(client, "later [stuck]"), poll_interval=0.05, timeout=3)

    assert answer["status"] == "failed"
    assert "timed out" in answer["error"]
    assert client.get_result(answer["task_id"])["data"]["status"] in {"created", "processing"}


def test_sync_mode_answers_with_the_clip(client):
    found = client.run("wavespeed-ai/any", {"prompt": "in one go"}, enable_sync_mode=True, timeout=30)

    assert len(found["outputs"]) == 1


def test_sync_mode_gives_up_and_names_the_task(tmp_path):
    with vendor_emulator(tmp_path, "wavespeed", sync_wait_s=0.1, other_models=True) as service:
        client = Client(api_key="test-key", base_url=service.url)

        answer = client.run_no_throw("wavespeed-ai/any", {"prompt": "never [stuck]"}, enable_sync_mode=True, timeout=30)

    assert answer["status"] == "processing"
    assert "Sync mode timed out" in answer["error"]
    assert answer["task_id"] == service.events("accepted")[0]["provider_job_id"]


def test_a_job_may_take_many_polls(client, service):
    before = service.counts().get("poll", 0)

    client.run(MODEL, _inputs(client, "polled [slow:4]"), poll_interval=0.01, timeout=30)

    assert service.counts()["poll"] - before >= 5
