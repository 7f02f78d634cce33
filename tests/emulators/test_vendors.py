"""Both emulated services are strict, bill what they accept, and remember it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import ssl
import subprocess
import sys

import av
import httpx
import pytest
import trustme
from PIL import Image

from tests.emulators import vendor_desk
from tests.emulators.customers import CUSTOMERS, until
from tests.emulators.judge_provider import clip_of
from tests.emulators.processes import ROOT, vendor_emulator

# Ordering


def test_an_order_is_billed_rendered_and_served(customer):
    prompt = customer.prompt("slow dolly-in")
    picture = b"the picture of the order"
    image = customer.upload(picture)
    answer = customer.send(customer.body(prompt, image), headers={"X-Request-Id": "attempt-1"})
    job_id = customer.id_in(answer)
    link = customer.link(job_id)
    clip = httpx.get(link, trust_env=False)

    (accepted,) = customer.accepted(prompt)
    assert accepted["provider_job_id"] == job_id
    assert accepted["input_url"] == image
    assert accepted["request_id"] == "attempt-1"
    assert accepted["duration_s"] == 5
    assert accepted["resolution"] == "720p"
    assert accepted["billed"] == {"wavespeed": 340_000, "eachlabs": 500_000}[customer.vendor]
    (hosted,) = [entry for entry in customer.service.events("hosted") if entry["url"] == image]
    assert hosted["sha256"] == hashlib.sha256(picture).hexdigest()
    assert (customer.ending(job_id)["event"], customer.ending(job_id)["kept"]) == ("succeeded", accepted["billed"])
    (served,) = [entry for entry in customer.service.events("served") if entry["provider_job_id"] == job_id]
    assert served["bytes"] == len(clip.content)
    assert customer.violations(prompt) == []


def test_a_tiny_clip_can_be_decoded_and_is_like_no_other(customer):
    first, second = (httpx.get(customer.link(customer.order("tiny")), trust_env=False).content for _ in range(2))

    assert first != second
    with av.open(io.BytesIO(first)) as clip:
        assert (clip.streams.video[0].width, clip.streams.video[0].height) == (320, 180)
        assert len(list(clip.decode(video=0))) == 12


def test_a_clip_comes_in_ranges(customer):
    link = customer.link(customer.order("ranges"))
    whole = httpx.get(link, trust_env=False)
    part = httpx.get(link, headers={"Range": "bytes=10-19"}, trust_env=False)
    rest = httpx.get(link, headers={"Range": "bytes=100-", "If-Range": whole.headers["ETag"]}, trust_env=False)
    changed = httpx.get(link, headers={"Range": "bytes=100-", "If-Range": '"other"'}, trust_env=False)
    beyond = httpx.get(link, headers={"Range": "bytes=999999-"}, trust_env=False)
    head = httpx.head(link, trust_env=False)

    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert beyond.status_code == 416
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole.content)))
    assert head.headers["Content-Type"] == "video/mp4"


def test_inputs_are_there_for_everybody(customer):
    url = customer.upload(b"look at me")

    assert httpx.get(url, trust_env=False).content == b"look at me"
    assert httpx.head(url, trust_env=False).headers["Content-Length"] == "10"


def test_a_poll_shows_the_input_unless_told_otherwise(customer):
    job_id = customer.order("shown")
    shown = customer.ended(job_id)
    customer.service.knobs(input_shown=False)
    hidden = customer.task(job_id)

    name = {"wavespeed": "image", "eachlabs": "image_url"}[customer.vendor]
    assert shown["input"][name].startswith(customer.service.url)
    assert "input" not in hidden


def test_a_list_says_nothing_about_inputs(customer):
    job_id = customer.order("listed")

    assert job_id in customer.listed()
    path, method = {"wavespeed": ("/api/v3/predictions", "POST"), "eachlabs": ("/v1/executions", "GET")}[
        customer.vendor
    ]
    answer = customer.ask(method, path, **({"json": {"page": 1, "page_size": 100}} if method == "POST" else {}))
    assert customer.service.url + "/files" not in answer.text


# Keys


def test_without_the_key_nothing_happens(customer):
    prompt = customer.prompt("no key")
    body = customer.body(prompt, customer.upload())
    customer.key, right = {}, customer.key
    answer = customer.send(body)
    customer.key = right

    assert answer.status_code == 401
    assert customer.accepted(prompt) == []


def test_a_revoked_key_is_no_key(customer):
    job_id = customer.order("revoked")
    customer.service.knobs(key="revoked")
    revoked = customer.poll(job_id).status_code
    customer.service.knobs(key=None)

    assert revoked == 401
    assert customer.poll(job_id).status_code == 200


def test_wavespeed_reads_bearer_keys_only(wavespeed):
    answer = wavespeed.http.get("/api/v3/balance", headers={"X-API-Key": "test-key"})

    assert answer.status_code == 401


@pytest.mark.parametrize(("auth", "by_header", "by_bearer"), [("both", 200, 200), ("bearer", 401, 200)])
def test_eachlabs_reads_the_headers_it_is_set_to(eachlabs, auth, by_header, by_bearer):
    eachlabs.service.knobs(auth=auth)
    path = "/v1/billing/balance"

    assert eachlabs.http.get(path, headers={"X-API-Key": "test-key"}).status_code == by_header
    assert eachlabs.http.get(path, headers={"Authorization": "Bearer test-key"}).status_code == by_bearer


@pytest.mark.parametrize("place", ["files", "results"])
def test_the_key_is_not_for_the_storage(customer, place):
    url = customer.upload() if place == "files" else customer.link(customer.order("key to storage"))
    httpx.get(url, headers=customer.key, trust_env=False)

    whys = [entry["why"] for entry in customer.service.events("violation")]
    assert f"the API key was sent to {httpx.URL(url).path}" in whys


# What a correct client never sends


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"wrong_key": 1}, {"wavespeed": 200, "eachlabs": 400}, "unknown key 'wrong_key'"),
        ({"duration": 7}, 400, "duration is 7"),
        ({"duration": True}, 400, "duration is True"),
        ({"prompt": " "}, 400, "prompt is empty"),
        ({"prompt": 5}, 400, "prompt is 5"),
        ({"prompt": "x" * 801}, {"wavespeed": 200, "eachlabs": 400}, "prompt has 801 characters"),
        ({"negative_prompt": "n" * 501}, {"wavespeed": 200, "eachlabs": 400}, "negative_prompt has 501"),
        ({"negative_prompt": ""}, 200, "negative_prompt is empty"),
        ({"resolution": "4k"}, {"wavespeed": 400, "eachlabs": 200}, "resolution is '4k'"),
        ({"resolution": ["720p"]}, 400, "resolution is ['720p']"),
        ({"seed": 2**31}, 400, "seed is 2147483648"),
        ({"seed": "7"}, 400, "seed is '7'"),
        ({"seed": -2}, 400, "seed is -2"),
        ({"enable_prompt_expansion": "true"}, 400, "enable_prompt_expansion is 'true'"),
        ({"enable_prompt_expansion": None}, 200, "enable_prompt_expansion is not sent explicitly"),
        ({"resolution": None}, 200, "resolution is not sent explicitly"),
        ({"duration": None}, 200, "duration is not sent explicitly"),
    ],
)
def test_a_wrong_create_is_noticed_and_answered_as_theirs_would(customer, changes, status, why):
    image = customer.upload()
    body = customer.body(customer.prompt("wrong"), image, **changes)
    answer = customer.send(body)

    expected = status if isinstance(status, int) else status[customer.vendor]
    assert answer.status_code == expected, answer.text
    assert any(why in violation for violation in customer.violations(image))


@pytest.mark.parametrize("right", [{"seed": 0}, {"seed": 2**31 - 1}, {"prompt": "é" * 800}, {"negative_prompt": "n"}])
def test_a_create_at_the_limits_is_fine(customer, right):
    image = customer.upload()
    answer = customer.send(customer.body(customer.prompt("right"), image, **right))

    assert answer.status_code == 200
    assert customer.violations(image) == []


def test_each_service_has_its_own_type_of_duration(customer):
    image = customer.upload()
    other = {"wavespeed": "5", "eachlabs": 5}[customer.vendor]
    answer = customer.send(customer.body(customer.prompt("duration"), image, duration=other))

    assert answer.status_code == 400
    assert any(f"duration is {other!r}" in why for why in customer.violations(image))


def test_minus_one_is_a_seed_at_wavespeed_only(customer):
    image = customer.upload()
    answer = customer.send(customer.body(customer.prompt("seed"), image, seed=-1))

    assert answer.status_code == {"wavespeed": 200, "eachlabs": 400}[customer.vendor]


def test_a_resolution_nobody_offers_costs_the_top_rate_at_eachlabs(eachlabs):
    prompt = eachlabs.prompt("misspelt")
    eachlabs.send(eachlabs.body(prompt, eachlabs.upload(), resolution="72Op"))

    assert eachlabs.accepted(prompt)[0]["billed"] == 750_000


@pytest.mark.parametrize(
    "image",
    [
        "data:image/png;base64,AAAA",
        "http://in.example.net/a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://10.1.2.3/a.jpg",
        "https://localhost/a.jpg",
        "https://[::1]/a.jpg",
        "ftp://in.example.net/a.jpg",
        "/a.jpg",
    ],
)
def test_an_image_nobody_can_reach_is_refused(customer, image):
    prompt = customer.prompt("unreachable")
    answer = customer.send(customer.body(prompt, image))

    assert answer.status_code == 400
    assert customer.violations(prompt)


def test_an_image_on_the_public_internet_is_taken(customer):
    prompt = customer.prompt("public")
    answer = customer.send(customer.body(prompt, f"https://in.example.net/{prompt[-8:]}.jpg"))

    assert answer.status_code == 200
    assert customer.violations(prompt) == []


def test_an_upload_that_never_came_is_no_image(customer):
    prompt = customer.prompt("empty ticket")
    answer = customer.send(customer.body(prompt, f"{customer.service.url}/files/nothing.jpg"))

    assert answer.status_code == 400
    assert any("not there" in why for why in customer.violations(prompt))


def test_an_input_serves_one_attempt_only_and_both_are_paid(customer):
    prompt, image = customer.prompt("twice"), customer.upload()
    answers = [customer.send(customer.body(prompt, image)).status_code for _ in range(2)]

    assert answers == [200, 200]
    assert len(customer.accepted(prompt)) == 2
    assert "create: the input URL was used by another accepted create" in customer.violations(prompt)


def test_a_misspelt_model_is_unknown(customer):
    prompt = customer.prompt("model")
    body = customer.body(prompt, customer.upload())
    if customer.vendor == "eachlabs":
        answer = customer.send(body | {"model": "wan-2-5"})
    else:
        answer = customer.ask("POST", "/api/v3/alibaba/wan-2.5", json=body)

    assert answer.status_code == 404
    assert customer.accepted(prompt) == []
    assert [entry["about"] for entry in customer.service.events("refused") if entry.get("prompt") == prompt] == [
        "model"
    ]


def test_a_path_nobody_has_is_a_violation(customer):
    assert customer.ask("GET", "/v1/accounts").status_code == 404
    assert "no such route: GET /v1/accounts" in [entry["why"] for entry in customer.service.events("violation")]


def test_a_lenient_emulator_writes_no_violations(tmp_path):
    with vendor_emulator(tmp_path, "wavespeed", strict=False) as service:
        customer = CUSTOMERS["wavespeed"](service)
        customer.send(customer.body("lenient", customer.upload(), wrong_key=1))

        assert service.events("violation") == []
        assert len(service.events("accepted")) == 1


def test_the_slash_at_the_end_belongs_to_eachlabs_create(eachlabs):
    prompt = eachlabs.prompt("no slash")
    answer = eachlabs.ask("POST", "/v1/prediction", json=eachlabs.body(prompt, eachlabs.upload()))

    assert (answer.status_code, answer.headers["Location"]) == (307, "/v1/prediction/")
    assert "create: the trailing slash is missing" in eachlabs.violations("")
    assert eachlabs.accepted(prompt) == []


def test_eachlabs_echoes_the_request_id(eachlabs):
    answer = eachlabs.create("echo", headers={"X-Request-Id": "attempt-9"})

    assert answer.headers["X-Request-Id"] == "attempt-9"


def test_eachlabs_notices_a_secret_for_all(eachlabs):
    prompt = eachlabs.prompt("secret")
    for _ in range(2):
        eachlabs.create(prompt, webhook="https://bot.example.net/w/1", webhook_secret="one for all")

    assert eachlabs.violations(prompt) == ["create: the webhook secret was used by another accepted create"]


def test_wavespeed_takes_a_webhook_in_the_query_and_nothing_else(wavespeed):
    prompt = wavespeed.prompt("query")
    body = wavespeed.body(prompt, wavespeed.upload())
    path = f"/api/v3/{wavespeed.model}"
    wavespeed.ask("POST", path, json=body, params={"webhook": "https://bot.example.net/w/1", "token": "t"})

    (why,) = wavespeed.violations(prompt)
    assert "only one webhook belongs there" in why


# Uploads


def _eachlabs_ticket(customer, **changes):
    wish = {"content_type": "image/jpeg", "file_type": "image", "expires_in_seconds": 86400} | changes
    return customer.ask("POST", "/v1/upload/presign", json=wish).json()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda headers: headers.pop("x-amz-meta-file-id"), "x-amz-meta-file-id is None"),
        (lambda headers: headers.update({"Content-Type": "image/png"}), "content-type is 'image/png'"),
        (lambda headers: headers.update({"x-amz-acl": "public-read"}), "x-amz-acl was not signed"),
        (lambda headers: headers.update({"X-API-Key": "test-key"}), "the API key was sent to the storage"),
        (lambda headers: headers.update({"Authorization": "Bearer test-key"}), "the API key was sent to the storage"),
    ],
)
def test_an_upload_needs_exactly_the_signed_headers(eachlabs, change, why):
    ticket = _eachlabs_ticket(eachlabs)
    headers = {"Content-Type": "image/jpeg", **ticket["required_headers"]}
    change(headers)
    answer = httpx.put(ticket["presigned_url"], content=b"x", headers=headers, trust_env=False)

    assert answer.status_code == 403
    assert any(why in violation for violation in eachlabs.violations(""))
    assert httpx.get(ticket["public_url"], trust_env=False).status_code == 404


def test_wavespeed_wants_as_many_bytes_as_were_announced(wavespeed):
    wish = {"filename": "p.jpg", "size": 5, "content_type": "image/jpeg"}
    ticket = wavespeed.ask("POST", "/api/v3/media/uploads", json=wish).json()["data"]
    upload = ticket["upload"]
    answer = httpx.put(upload["url"], content=b"four", headers=upload["headers"], trust_env=False)

    assert answer.status_code == 403
    assert "upload: 4 bytes came, 5 were announced" in wavespeed.violations("")


def test_wavespeed_takes_a_form_too(wavespeed):
    answer = wavespeed.ask(
        "POST", "/api/v3/media/upload/binary", files={"file": ("p.png", b"in a form", "image/png")}
    ).json()["data"]

    assert (answer["type"], answer["size"]) == ("image", 9)
    assert httpx.get(answer["download_url"], trust_env=False).content == b"in a form"


def test_eachlabs_deletes_files(eachlabs):
    url = eachlabs.upload()
    file_id = url.rpartition("/")[2].partition(".")[0]

    assert eachlabs.ask("DELETE", f"/v1/files/{file_id}").status_code == 200
    assert eachlabs.ask("DELETE", f"/v1/files/{file_id}").status_code == 404
    assert httpx.get(url, trust_env=False).status_code == 404


@pytest.mark.parametrize(("side", "status"), [(400, 200), (300, 400)])
def test_pictures_are_looked_at_when_asked(customer, side, status):
    picture = io.BytesIO()
    Image.new("RGB", (640, side), "red").save(picture, "JPEG")
    customer.service.knobs(check_media=True)
    answer = customer.send(customer.body("looked at", customer.upload(picture.getvalue())))

    assert answer.status_code == status


# Money


@pytest.mark.parametrize(
    ("vendor", "resolution", "duration", "billed"),
    [
        ("wavespeed", "720p", 5, 340_000),
        ("wavespeed", "720p", 10, 680_000),
        ("wavespeed", "1080p", 5, 510_000),
        ("wavespeed", "1080p", 10, 1_020_000),
        ("eachlabs", "480p", "5", 250_000),
        ("eachlabs", "480p", "10", 500_000),
        ("eachlabs", "720p", "5", 500_000),
        ("eachlabs", "720p", "10", 1_000_000),
        ("eachlabs", "1080p", "5", 750_000),
        ("eachlabs", "1080p", "10", 1_500_000),
    ],
)
def test_the_price_is_that_of_the_table(request, vendor, resolution, duration, billed):
    customer = request.getfixturevalue(vendor)
    prompt = customer.prompt("price")
    customer.send(customer.body(prompt, customer.upload(), resolution=resolution, duration=duration))

    assert [entry["billed"] for entry in customer.accepted(prompt)] == [billed]


@pytest.mark.parametrize(
    ("marker", "status", "share"),
    [
        ("", "done", 1),
        ("[dearer]", "done", 2),
        ("[failed-free]", "failed", 0),
        ("[moderated]", "failed", 0),
        ("[billed-then-failed]", "failed", 1),
        ("[failed-silent]", "failed", 1),
    ],
)
def test_what_an_ending_costs(customer, marker, status, share):
    job_id = customer.order(f"ending {marker}")
    task = customer.ended(job_id)

    usual = {"wavespeed": 340_000, "eachlabs": 500_000}[customer.vendor]
    ending = customer.ending(job_id)
    assert task["status"] == getattr(customer, status)
    assert ending["kept"] == usual * share
    if customer.vendor == "eachlabs":
        named = task["metrics"].get("cost")
        assert named == (None if "silent" in marker else usual * share / 1_000_000)
    else:
        wish = {"prediction_uuids": [job_id], "page": 1, "page_size": 10}
        items = customer.ask("POST", "/api/v3/billings/search", json=wish).json()["data"]["items"]
        signs = {"deduct": 1, "refund": -1}
        net = sum(signs[item["billing_type"]] * round(item["price"] * 1_000_000) for item in items)
        assert net == (0 if "silent" in marker else usual * share)


def test_the_balance_goes_down_with_every_clip(tmp_path):
    with vendor_emulator(tmp_path, "eachlabs", balance_usd=1.2) as service:
        customer = CUSTOMERS["eachlabs"](service)
        statuses = [customer.create(f"clip {number}").status_code for number in range(3)]
        left = customer.ask("GET", "/v1/billing/balance").json()

    assert statuses == [200, 200, 402]
    assert left == {"balance": 0.2}


def test_a_balance_can_be_set(wavespeed):
    wavespeed.service.knobs(balance=0.1)
    answer = wavespeed.create("poor")

    assert answer.status_code == 400
    assert "credits" in answer.json()["message"]
    assert wavespeed.ask("GET", "/api/v3/balance").json()["data"] == {"balance": 0.1}


def test_wavespeed_quotes(wavespeed):
    wish = {"model_id": wavespeed.model, "inputs": {"resolution": "1080p", "duration": 10}}
    today = wavespeed.ask("POST", "/api/v3/model/price", json=wish).json()["data"]
    wavespeed.service.knobs(quote=0.5, pricing_only=True)
    gone = wavespeed.ask("POST", "/api/v3/model/price", json=wish)
    older = wavespeed.ask("POST", "/api/v3/model/pricing", json=wish).json()["data"]

    assert (today["price"], today["discounted_price"], today["currency"]) == (1.02, 1.02, "USD")
    assert gone.status_code == 404
    assert older["unit_price"] == 0.5


def test_limits_hold_when_enforced(tmp_path):
    with vendor_emulator(tmp_path, "wavespeed", enforce_limits=True, per_minute=100, render_s=60) as service:
        customer = CUSTOMERS["wavespeed"](service)
        statuses = [customer.create(f"clip {number} [stuck]").status_code for number in range(3)]

        assert statuses == [200, 200, 429]
        assert len(service.events("throttled")) == 1


# Looking things up


def test_eachlabs_refuses_to_filter_by_processing(eachlabs):
    answer = eachlabs.ask("GET", "/v1/executions?status=processing")

    assert answer.status_code == 400
    assert "list: status=processing is refused" in eachlabs.violations("")


def test_eachlabs_lists_in_pages_and_windows(eachlabs):
    ids = [eachlabs.order(f"row {number}") for number in range(3)]
    pages = [eachlabs.ask("GET", f"/v1/executions?limit=2&offset={offset}").json() for offset in (0, 2)]
    earlier = eachlabs.ask("GET", "/v1/executions?to=2020-01-01T00:00:00Z&limit=100").json()
    other = eachlabs.ask("GET", "/v1/executions?model=other&limit=100").json()

    assert [row["id"] for page in pages for row in page["executions"]][:3] == ids[::-1]
    assert earlier["executions"] == other["executions"] == []


def test_eachlabs_may_list_in_v2_only(eachlabs):
    eachlabs.service.knobs(executions="v2")

    assert eachlabs.ask("GET", "/v1/executions").status_code == 404
    assert eachlabs.ask("GET", "/v2/executions").status_code == 200


def test_wavespeed_lists_in_pages_and_windows(wavespeed):
    ids = [wavespeed.order(f"row {number}") for number in range(3)]

    def items(**wish):
        answer = wavespeed.ask("POST", "/api/v3/predictions", json={"page": 1, "page_size": 100} | wish)
        return [item["id"] for item in answer.json()["data"]["items"]]

    assert items()[:3] == ids[::-1]
    assert items(page=2, page_size=2)[0] == ids[0]
    assert items(created_before="2020-01-01T00:00:00Z") == items(model="other/model") == []
    assert wavespeed.ask("POST", "/api/v3/predictions", json={"page": 1, "page_size": 101}).status_code == 400


def test_wavespeed_deletes_for_good(wavespeed):
    job_id = wavespeed.order("delete me [stuck]")
    answer = wavespeed.ask("POST", "/api/v3/predictions/delete", json={"ids": [job_id]})

    assert answer.json()["data"] == {"deleted_count": 1}
    assert wavespeed.task(job_id)["status"] == "deleted"
    assert job_id not in wavespeed.listed()
    assert wavespeed.ending(job_id)["kept"] == 340_000


def test_eachlabs_cancels(eachlabs):
    job_id = eachlabs.order("cancel me [takes:60]")
    answer = eachlabs.ask("POST", f"/v1/prediction/{job_id}/cancel")

    assert answer.json()["status"] == "cancelled"
    assert eachlabs.task(job_id)["status"] == "cancelled"
    assert eachlabs.ending(job_id)["kept"] == 0
    assert eachlabs.ask("POST", f"/v1/prediction/{job_id}/cancel").status_code == 409
    assert eachlabs.ask("POST", "/v1/prediction/unknown/cancel").status_code == 404


@pytest.mark.parametrize(("marker", "answer"), [("late-cancel", 200), ("no-cancel", 409)])
def test_eachlabs_may_finish_what_was_cancelled(eachlabs, marker, answer):
    job_id = eachlabs.order(f"cancel me [{marker}] [slow:1]")

    assert eachlabs.ask("POST", f"/v1/prediction/{job_id}/cancel").status_code == answer
    assert eachlabs.ended(job_id)["status"] == "success"


# The process


def test_a_restarted_emulator_knows_every_job_upload_and_bill(tmp_path):
    with vendor_emulator(tmp_path, "eachlabs", balance_usd=10, render_s=0.1) as service:
        customer = CUSTOMERS["eachlabs"](service)
        image = customer.upload(b"kept")
        running = customer.id_in(customer.send(customer.body("still running [slow:1]", image)))
        done = customer.order("done")
        customer.ended(done)
    with vendor_emulator(tmp_path, "eachlabs", balance_usd=10, render_s=0.1, port=service.port) as service:
        customer = CUSTOMERS["eachlabs"](service)

        assert httpx.get(image, trust_env=False).content == b"kept"
        assert customer.ended(running)["status"] == "success"
        assert httpx.get(customer.link(done), trust_env=False).status_code == 200
        assert customer.ask("GET", "/v1/billing/balance").json() == {"balance": 9.0}
        customer.send(customer.body("again", image))
        assert "used by another accepted create" in service.events("violation")[0]["why"]


def test_it_ends_with_its_stdin(tmp_path):
    files = ["--log", str(tmp_path / "w.log"), "--port-file", str(tmp_path / "w.port")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.emulators.wavespeed", *files], cwd=ROOT, stdin=subprocess.PIPE
    )
    until((tmp_path / "w.port").exists, "it listens")
    process.stdin.close()

    assert process.wait(timeout=30) == 0


FORK = """
import os, sys
from tests.emulators import eachlabs
child = os.fork()
if not child:
    lifeline, _keep = os.pipe()
    os.dup2(lifeline, 0)
    try:
        eachlabs.main()
    finally:
        os._exit(1)
sys.stdin.read()
os.kill(child, 9)
"""


def test_it_works_in_a_forked_process(tmp_path):
    files = ["--log", str(tmp_path / "e.log"), "--port-file", str(tmp_path / "e.port")]
    process = subprocess.Popen([sys.executable, "-c", FORK, *files], cwd=ROOT, stdin=subprocess.PIPE)
    until((tmp_path / "e.port").exists, "it listens")
    url = f"http://127.0.0.1:{(tmp_path / 'e.port').read_text()}/v1/billing/balance"
    answer = httpx.get(url, headers={"X-API-Key": "test-key"}, trust_env=False)
    process.stdin.close()

    assert answer.json() == {"balance": 1000.0}
    assert process.wait(timeout=30) == 0


def test_it_speaks_tls(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    files = {"cert": tmp_path / "both.pem", "key": tmp_path / "both.pem"}
    with vendor_emulator(tmp_path, "wavespeed", render_s=0.1, **files) as service:
        customer = CUSTOMERS["wavespeed"](service)
        link = customer.link(customer.order("in private"))
        clip = httpx.get(link, verify=trusted, trust_env=False)

    assert link.startswith("https://127.0.0.1:")
    assert clip.status_code == 200
    assert service.events("violation") == []


def test_magic_clips_are_those_of_the_judge(tmp_path):
    with vendor_emulator(tmp_path, "eachlabs", clips="magic", render_s=0.1) as service:
        customer = CUSTOMERS["eachlabs"](service)
        job_id = customer.order("magic")

        assert httpx.get(customer.link(job_id), trust_env=False).content == clip_of(job_id)


@pytest.mark.media
def test_real_clips_are_made_of_the_picture(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (600, 800), (200, 30, 30)).save(picture, "PNG")
    with vendor_emulator(tmp_path, "eachlabs", clips="real", render_s=0.1) as service:
        customer = CUSTOMERS["eachlabs"](service)
        image = customer.upload(picture.getvalue())
        job_id = customer.id_in(customer.send(customer.body("real", image, resolution="480p")))
        clip = httpx.get(customer.link(job_id), trust_env=False).content

    with av.open(io.BytesIO(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert abs(stream.width / stream.height - 600 / 800) < 0.02
        assert abs(stream.width * stream.height - 832 * 480) < 10_000
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == 60
        red, green, _blue = frames[30][-1, -1]
        assert red > 150 > green


@pytest.mark.media
def test_a_picture_that_is_none_fails_the_job(tmp_path):
    with vendor_emulator(tmp_path, "wavespeed", clips="real", render_s=0.1) as service:
        customer = CUSTOMERS["wavespeed"](service)
        task = customer.ended(customer.order("no picture"))

    assert (task["status"], task["code"]) == ("failed", 1402)


def test_every_marker_is_explained():
    sources = "".join(path.read_text() for path in (ROOT / "tests/emulators").glob("*.py") if "test_" not in path.name)
    marker = r'(?:turn|times|seconds)\(\s*"([a-z0-9-]+)"|"([a-z0-9-]+)" in (?:job\.)?markers'
    markers = {word for pair in re.findall(marker, sources) for word in pair if word}
    markers |= {word for word, *_ in vendor_desk.NOT_ACCEPTED + vendor_desk.ACCEPTED}

    assert len(markers) > 40
    assert {word for word in markers if word not in (vendor_desk.__doc__ or "")} == set()


def test_the_log_and_the_counts_can_be_asked_for(customer):
    customer.order("counted")

    log = customer.http.get("/_emulator/log").json()
    assert json.dumps(log) == json.dumps(customer.service.events())
    assert customer.service.counts()["create"] >= 1
