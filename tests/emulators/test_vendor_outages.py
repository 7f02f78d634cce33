"""Every outage really does on the wire what its marker or knob says; §8 of the provider facts, one by one."""

from __future__ import annotations

import socket
import ssl
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from tests.emulators.customers import CUSTOMERS, until
from tests.emulators.processes import vendor_emulator
from tests.patience import PATIENCE_S

SHORT_S = 2.0
"""How long we listen to a connection on which nothing is supposed to come."""


def _paid(customer, prompt):
    return len(customer.accepted(prompt))


def _exchange(customer, prompt, *, patience_s=PATIENCE_S):
    """Everything that comes back for one create, by a plain socket: the bytes, and how the connection ended."""
    request = customer.http.build_request("POST", "/x", json=customer.body(prompt, customer.upload()))
    path = f"/api/v3/{customer.model}" if customer.vendor == "wavespeed" else "/v1/prediction/"
    lines = [f"POST {path} HTTP/1.1", "Host: emulator", f"Content-Length: {len(request.content)}"]
    lines += [
        "Content-Type: application/json",
        "Connection: close",
        *(f"{name}: {value}" for name, value in customer.key.items()),
    ]
    found = b""
    with socket.create_connection(("127.0.0.1", customer.service.port), timeout=patience_s) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + request.content)
        try:
            while piece := connection.recv(65536):
                found += piece
        except ConnectionResetError:
            return found, "reset"
        except TimeoutError:
            return found, "silence"
    return found, "end"


# Creates


def test_throttled_creates_are_not_accepted(customer):
    prompt = customer.prompt("busy [throttled:2]")
    answers = [customer.create(prompt) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "30"
    assert _paid(customer, prompt) == 1
    assert len([entry for entry in customer.service.events("throttled") if entry.get("prompt") == prompt]) == 2


@pytest.mark.parametrize("value", ["0", "soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_retry_after_says_what_it_is_set_to(customer, value):
    customer.service.knobs(retry_after=value)

    assert customer.create(customer.prompt("busy [throttled]")).headers["Retry-After"] == value


def test_retry_after_may_be_a_date_to_come(customer):
    customer.service.knobs(retry_after="date")
    answer = customer.create(customer.prompt("busy [throttled]"))

    wait = parsedate_to_datetime(answer.headers["Retry-After"]) - parsedate_to_datetime(answer.headers["Date"])
    assert 28 <= wait.total_seconds() <= 32


def test_retry_after_may_be_missing(tmp_path):
    with vendor_emulator(tmp_path, "wavespeed", retry_after=None) as service:
        answer = CUSTOMERS["wavespeed"](service).create("busy [throttled]")

    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("about", "wavespeed", "eachlabs"),
    [
        ("", 400, 400),
        (":input", 400, 400),
        (":moderation", 400, 400),
        (":balance", 400, 402),
        (":balance-429", 429, 429),
        (":account", 403, 403),
        (":account-401", 401, 401),
        (":model", 404, 404),
        (":edge", 403, 403),
    ],
)
def test_refusals_are_not_billed(customer, about, wavespeed, eachlabs):
    prompt = customer.prompt(f"no [refused{about}]")
    answer = customer.create(prompt)

    assert answer.status_code == {"wavespeed": wavespeed, "eachlabs": eachlabs}[customer.vendor]
    assert _paid(customer, prompt) == 0
    (refused,) = [entry for entry in customer.service.events("refused") if entry.get("prompt") == prompt]
    assert refused["about"] == (about[1:].partition("-")[0] or "input")
    is_page = answer.headers["Content-Type"].startswith("text/html")
    assert is_page == (about == ":edge")


def test_a_429_says_which_limit_it_is_about(eachlabs):
    rate, credit = (
        eachlabs.create(eachlabs.prompt(f"no [{word}]")).json() for word in ("throttled", "refused:balance-429")
    )

    assert rate["error"] == credit["error"] == "too many requests"
    assert "100 creates a minute" in rate["details"]
    assert "$10" in credit["details"]


def test_eachlabs_words_its_errors_in_three_ways(eachlabs):
    bodies = []
    for errors in ("seed", "short", "docs"):
        eachlabs.service.knobs(errors=errors)
        bodies.append(eachlabs.create("no [refused]").json())

    assert bodies[0] == {"status": "error", "message": "Invalid input", "details": ""}
    assert bodies[1] == {"error": "Invalid input"}
    assert bodies[2] == {"status": 400, "error": "Invalid input", "details": ""}


@pytest.mark.parametrize(
    ("marker", "paid", "end"),
    [("lost-answer", 1, "reset"), ("hang", 1, "silence")],
)
def test_an_answer_that_never_comes(customer, marker, paid, end):
    prompt = customer.prompt(f"lost [{marker}]")

    assert _exchange(customer, prompt, patience_s=SHORT_S if end == "silence" else PATIENCE_S) == (b"", end)
    until(lambda: _paid(customer, prompt) == paid, "the order is accepted")


def test_a_lost_answer_is_lost_once(customer):
    prompt = customer.prompt("lost [lost-answer]")
    with pytest.raises(httpx.NetworkError):
        customer.create(prompt)
    again = customer.create(prompt)

    assert customer.id_in(again)
    assert _paid(customer, prompt) == 2


def test_an_answer_cut_in_the_middle(customer):
    prompt = customer.prompt("half [cut]")
    found, _end = _exchange(customer, prompt)

    head, _, body = found.partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < announced
    assert _paid(customer, prompt) == 1


def test_an_answer_cut_in_tls_ends_without_a_goodbye(tmp_path):
    pair = trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem
    pair.write_to_path(tmp_path / "both.pem")
    files = {"cert": tmp_path / "both.pem", "key": tmp_path / "both.pem"}
    with vendor_emulator(tmp_path, "eachlabs", **files) as service:
        customer = CUSTOMERS["eachlabs"](service)
        body = customer.http.build_request("POST", "/x", json=customer.body("[cut]", customer.upload())).content
        head = f"POST /v1/prediction/ HTTP/1.1\r\nHost: e\r\nX-API-Key: test-key\r\nContent-Length: {len(body)}\r\n\r\n"
        with _blind_tls(service.port) as connection:
            connection.sendall(head.encode() + body)
            with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
                _read_all(connection)
        assert len(service.events("accepted")) == 1


def _blind_tls(port):
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return ssl._create_unverified_context().wrap_socket(plain, suppress_ragged_eofs=False)


def _read_all(connection):
    while connection.recv(65536):
        pass


@pytest.mark.parametrize(
    ("marker", "status", "kind", "paid"),
    [
        ("late-5xx", 502, "text/html", 1),
        ("plain-5xx", 503, "application/json", 0),
        ("empty-200", 200, "application/json", 1),
        ("code-500", 200, "application/json", 0),
        ("garbled", 200, "application/json", 1),
        ("portal", 200, "text/html", 0),
        ("redirect", 307, None, 0),
    ],
)
def test_an_answer_that_proves_nothing(customer, marker, status, kind, paid):
    prompt = customer.prompt(f"odd [{marker}]")
    answer = customer.create(prompt)

    assert answer.status_code == status
    if kind is not None:
        assert answer.headers["Content-Type"].partition(";")[0] == kind
    assert _paid(customer, prompt) == paid
    if marker == "empty-200":
        assert answer.content == b""
    if marker == "code-500":
        assert (answer.json()["code"], answer.json()["data"]) == (500, None)
    if marker == "garbled":
        assert customer.id_in(answer) is None


def test_after_a_late_5xx_the_job_is_in_the_list(customer):
    prompt = customer.prompt("late [late-5xx]")
    customer.create(prompt)

    assert customer.accepted(prompt)[0]["provider_job_id"] in customer.listed()


def test_a_job_may_be_born_failed(customer):
    answer = customer.create(customer.prompt("dead [born-failed]"))
    told = answer.json().get("data") or answer.json()

    assert answer.status_code == 200
    assert told["status"] == "failed"
    assert customer.task(customer.id_in(answer))["status"] == customer.failed


@pytest.mark.parametrize("marker", ["slow-answer", "trickle"])
def test_a_slow_answer_is_the_right_one(customer, marker):
    prompt = customer.prompt(f"slowly [{marker}]")
    answer = customer.create(prompt)

    assert customer.id_in(answer) == customer.accepted(prompt)[0]["provider_job_id"]


# Polls


def _statuses(customer, job_id, count):
    return [customer.poll(job_id).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("marker", "statuses"),
    [
        ("unknown-check:2", [404, 404, 200]),
        ("check-down:2", [503, 503, 200]),
        ("check-401", [401, 200]),
    ],
)
def test_polls_that_fail_for_a_while(customer, marker, statuses):
    job_id = customer.order(f"polls [{marker}]")

    assert _statuses(customer, job_id, len(statuses)) == statuses


def test_a_poll_cut_in_the_middle(customer):
    job_id = customer.order("polls [check-cut]")
    with pytest.raises(httpx.RemoteProtocolError):
        customer.poll(job_id)

    assert customer.poll(job_id).status_code == 200


def test_a_status_nobody_has_heard_of(customer):
    job_id = customer.order("polls [odd-status:2]")

    assert [customer.task(job_id)["status"] for _ in range(2)] == ["warming_up", "warming_up"]
    assert customer.ended(job_id)["status"] == customer.done


def test_a_status_that_goes_backwards(customer):
    job_id = customer.order("polls [backwards] [takes:0]")

    assert [customer.task(job_id)["status"] for _ in range(3)] == ["processing", "created", "processing"]
    assert customer.ended(job_id)["status"] == customer.done


def test_a_job_n_polls_long(customer):
    job_id = customer.order("polls [slow:3] [takes:0]")

    statuses = [customer.task(job_id)["status"] for _ in range(4)]
    assert set(statuses[:3]) <= customer.at_work
    assert statuses[3] == customer.done


def test_a_job_that_never_ends(customer):
    job_id = customer.order("polls [stuck] [takes:0]")

    assert {customer.task(job_id)["status"] for _ in range(5)} == {"processing"}


def test_a_finished_job_without_a_link(customer):
    job_id = customer.order("polls [no-output:2]")
    output = {"wavespeed": "outputs", "eachlabs": "output"}[customer.vendor]

    first = customer.ended(job_id)
    assert not first[output]
    assert not customer.task(job_id)[output]
    assert customer.link(job_id)


@pytest.mark.parametrize(
    ("marker", "words"),
    [("failed-free", "the render failed"), ("moderated", "content rejected by moderation")],
)
def test_a_failure_says_why(customer, marker, words):
    task = customer.ended(customer.order(f"fails [{marker}]"))

    assert task["status"] == customer.failed
    reason = task["error"] if customer.vendor == "wavespeed" else task["output"]["error_message"]
    assert reason == words
    if customer.vendor == "wavespeed":
        assert task["code"] == (1200 if marker == "moderated" else 1403)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [("seed", ("message", "the render failed")), ("logs", ("logs", "Error: the render failed"))],
)
def test_eachlabs_words_its_failures_in_more_ways(eachlabs, failure, reason):
    eachlabs.service.knobs(failure=failure, failed_word="failed")
    task = eachlabs.ended(eachlabs.order("fails [failed-free]"))

    assert task["status"] == "failed"
    assert task[reason[0]] == reason[1]


@pytest.mark.parametrize("output", ["list", "object"])
def test_eachlabs_wraps_its_output_in_more_ways(eachlabs, output):
    eachlabs.service.knobs(output=output)
    found = eachlabs.link(eachlabs.order("wrapped"))

    link = found[0] if output == "list" else found["url"]
    assert link.endswith(".mp4")


def test_wavespeed_flags_what_is_not_safe_for_work(wavespeed):
    flags = [wavespeed.ended(wavespeed.order(text))["has_nsfw_contents"] for text in ("fine", "naked [flagged]")]

    assert flags == [[False], [True]]


def test_wavespeed_has_times_with_nine_digits(wavespeed):
    seen = set()

    def both_precisions():
        created = wavespeed.task(wavespeed.order("when"))["created_at"]
        seen.add(len(created.partition(".")[2].removesuffix("Z")))
        return seen == {3, 9}

    until(both_precisions, "three digits and nine")


# Clips


@pytest.mark.parametrize(
    ("marker", "misfortune"),
    [
        ("dead-link:2", lambda answer: answer.status_code == 404),
        ("link-403:2", lambda answer: answer.status_code == 403),
        ("empty-clip:2", lambda answer: (answer.status_code, answer.content) == (200, b"")),
        ("html-clip:2", lambda answer: answer.headers["Content-Type"].startswith("text/html")),
        ("link-302:2", lambda answer: answer.headers["Location"].startswith("/results/")),
        ("link-private:2", lambda answer: urlsplit(answer.headers["Location"]).hostname == "169.254.169.254"),
    ],
)
def test_a_clip_that_is_not_there_yet(customer, marker, misfortune):
    link = customer.link(customer.order(f"clip [{marker}]"))
    answers = [httpx.get(link, trust_env=False) for _ in range(3)]

    assert misfortune(answers[0])
    assert misfortune(answers[1])
    assert answers[2].headers["Content-Type"] == "video/mp4"
    assert len(answers[2].content) > 1000


def test_a_clip_shorter_than_announced(customer):
    link = customer.link(customer.order("clip [short-clip]"))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(link, trust_env=False)

    assert httpx.get(link, trust_env=False).status_code == 200


def test_a_clip_that_is_gone(customer):
    job_id = customer.order("clip [gone]")
    link = customer.link(job_id)

    assert {httpx.get(link, trust_env=False).status_code for _ in range(4)} == {404}
    assert customer.link(job_id) == link


def test_a_clip_that_moves(customer):
    job_id = customer.order("clip [moved-link]")
    first = customer.link(job_id)
    missed = httpx.get(first, trust_env=False)
    second = customer.link(job_id)

    assert missed.status_code == 404
    assert second != first
    assert httpx.get(second, trust_env=False).status_code == 200


# Look-ups


def test_a_list_that_lags(customer):
    job_id = customer.order("list [not-listed:2]")

    assert [job_id in customer.listed() for _ in range(3)] == [False, False, True]


def test_a_job_that_does_not_show_its_input(customer):
    task = customer.ended(customer.order("hidden [no-input]"))

    assert "input" not in task


def test_a_job_that_cannot_be_told_from_another(customer):
    before = set(customer.listed())
    job_id = customer.order("twins [cannot-tell]", webhook="https://bot.example.net/w/t", webhook_secret="s")
    new = set(customer.listed()) - before
    tasks = [customer.ended(found) for found in new]

    assert job_id in new
    assert len(new) == 2
    assert [task["status"] for task in tasks] == [customer.done, customer.done]
    assert all("input" not in task for task in tasks)
    if customer.vendor == "eachlabs":
        assert customer.ask("GET", f"/v1/webhooks/{job_id}").status_code == 404


# Knobs


@pytest.mark.parametrize(
    ("word", "status"),
    [("429", 429), ("503", 503), ("401", 401), ("402", 402), ("html-403", 403), ("portal", 200), ("code-500", 200)],
)
def test_a_knob_stops_every_create(customer, word, status):
    prompt = customer.prompt("stopped")
    customer.service.knobs(create=word)
    answer = customer.create(prompt)

    assert answer.status_code == status
    assert _paid(customer, prompt) == 0


@pytest.mark.parametrize("word", ["502", "reset", "empty-200", "cut"])
def test_a_knob_may_strike_afterwards(customer, word):
    prompt = customer.prompt("struck")
    customer.service.knobs(create=f"{word}-after" if word != "cut" else word)
    found, _end = _exchange(customer, prompt)

    assert _paid(customer, prompt) == 1
    assert found.startswith({"502": b"HTTP/1.1 502", "reset": b""}.get(word, b"HTTP/1.1 200"))


def test_a_slow_answer_afterwards_is_still_one_order(customer):
    prompt = customer.prompt("slow but once")
    customer.service.knobs(create="slow-answer-after")

    assert customer.id_in(customer.create(prompt)) == customer.accepted(prompt)[0]["provider_job_id"]
    assert _paid(customer, prompt) == 1


def test_a_knob_may_swallow_creates(customer):
    prompt = customer.prompt("swallowed")
    customer.service.knobs(create="hang")

    assert _exchange(customer, prompt, patience_s=SHORT_S) == (b"", "silence")
    assert _paid(customer, prompt) == 0


def test_a_knob_may_count(customer):
    customer.service.knobs(poll="503:2")
    job_id = customer.order("counted")

    assert _statuses(customer, job_id, 3) == [503, 503, 200]
    assert customer.service.knobs() == {}


@pytest.mark.parametrize(("word", "status"), [("503", 503), ("401", 401), ("html-504", 504), ("garbage-200", 200)])
def test_a_knob_breaks_every_poll_and_the_job_goes_on(customer, word, status):
    job_id = customer.order("polled")
    customer.service.knobs(poll=word)
    answer = customer.poll(job_id)
    customer.service.knobs(poll=None)

    assert answer.status_code == status
    assert customer.ended(job_id)["status"] == customer.done


def test_a_list_may_be_empty_or_down(customer):
    job_id = customer.order("listed")
    customer.service.knobs(list="empty")
    empty = customer.listed()
    customer.service.knobs(list=None)

    assert empty == []
    assert job_id in customer.listed()


def test_eachlabs_lists_may_be_down_one_by_one(eachlabs):
    paths = ("/v1/executions", "/v1/webhooks")
    statuses = []
    for knobs in ({"list": "503"}, {"list": None, "webhook_log": "503"}, {"webhook_log": None, "executions": "503"}):
        eachlabs.service.knobs(**knobs)
        statuses.append([eachlabs.ask("GET", path).status_code for path in paths])

    assert statuses == [[503, 503], [200, 503], [503, 200]]


def test_uploads_may_not_be_offered(customer):
    path = {"wavespeed": "/api/v3/media/uploads", "eachlabs": "/v1/upload/presign"}[customer.vendor]
    customer.service.knobs(uploads="404")

    assert customer.ask("POST", path, json={}).status_code == 404


def test_the_storage_may_be_down(customer):
    customer.service.knobs(put="503")

    with pytest.raises(AssertionError, match="service unavailable"):
        customer.upload()


def test_a_balance_may_not_be_told(customer):
    path = {"wavespeed": "/api/v3/balance", "eachlabs": "/v1/billing/balance"}[customer.vendor]
    customer.service.knobs(balance="404")

    assert customer.ask("GET", path).status_code == 404


def test_outages_by_knob_are_written_down(customer):
    customer.service.knobs(create="429:1")
    customer.create(customer.prompt("noted"))

    assert [entry for entry in customer.service.events("throttled") if entry.get("word") == "429"]
