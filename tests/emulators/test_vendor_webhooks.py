"""Webhooks: signed to the letter of the fact sheet's vectors, sent as often, as late and as wrongly as a marker says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.emulators.customers import until
from tests.emulators.vendor_webhooks import eachlabs_headers, wavespeed_signature

W1 = b'{"id":"task-a1","status":"completed","outputs":["https://cdn.example.net/a1.mp4"],"error":""}'
W2 = base64.b64decode(
    "eyJpZCI6InRhc2stYjIiLCJzdGF0dXMiOiJmYWlsZWQiLCJvdXRwdXRzIjpbXSwiZXJyb3IiOiJjYWbDqSDigJQgYmxvY2tlZCIsImNvZGUiOjEyMDB9Cg=="
)
E1 = b'{"exec_id":"pred-c3","flow_id":null,"status":"succeeded","output":"https://cdn.example.net/c3.mp4","error":""}'
E2 = (
    b'{"exec_id":"pred-d4","flow_id":null,"status":"failed",'
    b'"output":[{"id":"","status":"","output":"","error":"model timeout"}],"error":""}'
)


@pytest.mark.parametrize(
    ("secret", "webhook_id", "timestamp", "body", "size", "signature"),
    [
        (
            "whsec_reelbot0test0secret0one",
            "wh-7f31c0de",
            "1780315200",
            W1,
            93,
            "v3,6a856effa70b74c421361cb3b8d432b35f965b14d00c79d7e2a14e03c59d8c68",
        ),
        (
            "whsec_Zm9vYmFyLW5vdC1iYXNlNjQ=",
            "wh-0002",
            "1780315261",
            W2,
            88,
            "v3,5505382a0dfb0f75e264938af0dace023c337ee08891f799509ae1ed84393ea5",
        ),
    ],
    ids=["W1", "W2"],
)
def test_wavespeed_vectors(secret, webhook_id, timestamp, body, size, signature):
    assert len(body) == size
    assert wavespeed_signature(secret, webhook_id, timestamp, body) == signature


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "size", "with_timestamp", "body_alone"),
    [
        (
            "reelbot-each-secret-1",
            "1780315300",
            E1,
            110,
            "5ae03736239121bc3291254cbbeb6e22a2794611f3259681b5a0947032f18f82",
            "74d067e22694a09ff81284294e56463a4bd9c3d72bf0045aa274de2692b16b9c",
        ),
        (
            "reelbot-each-secret-2",
            "1780315361",
            E2,
            134,
            "37905becbb571fb7632f53793fd93b16332c89b39bd10c54c1c59cd94ecc130a",
            "caf99895d9e9f04c83a5ec7bcf665f72b6a35325f03a4281b48889813bc496bc",
        ),
    ],
    ids=["E1", "E2"],
)
def test_eachlabs_vectors(secret, timestamp, body, size, with_timestamp, body_alone):
    assert len(body) == size
    assert eachlabs_headers("secret-header", secret, timestamp, body) == {"X-Webhook-Secret": secret}
    assert eachlabs_headers("hmac-body", secret, timestamp, body) == {"X-Webhook-Signature": body_alone}
    assert eachlabs_headers("hmac-timestamp", secret, timestamp, body) == {
        "X-Webhook-Signature": with_timestamp,
        "X-Webhook-Timestamp": timestamp,
    }


class Listener:
    """What a bot would be: takes webhooks, and answers what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.secret = uuid.uuid4().hex
        listener = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(listener.answers.pop(0) if listener.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/TOKEN"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def called(self, times=1):
        return until(lambda: len(self.calls) >= times and self.calls, f"{times} calls of the webhook")


@pytest.fixture
def listener():
    door = Listener()
    yield door
    door.close()


def _order(customer, text, listener):
    return customer.order(text, webhook=listener.url, webhook_secret=listener.secret)


def _sent(customer, job_id, times):
    """The answers to so many attempts, once all are written down."""
    entries = until(lambda: len(found := customer.of(job_id, "webhook-sent")) >= times and found, f"{times} attempts")
    return [entry["answer"] for entry in entries]


def _id_in(customer, body):
    return json.loads(body)["id" if customer.vendor == "wavespeed" else "exec_id"]


def _is_genuine(customer, listener, headers, body):
    if customer.vendor == "eachlabs":
        return headers.get("x-webhook-secret") == listener.secret
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(b"test-secret", signed, hashlib.sha256).hexdigest()
    return headers["webhook-signature"] == f"v3,{expected}"


def test_the_end_of_a_job_is_announced(customer, listener):
    job_id = _order(customer, "told", listener)
    ((path, headers, body),) = listener.called()
    told = json.loads(body)

    assert path == "/webhooks/TOKEN"
    assert _is_genuine(customer, listener, headers, body)
    assert _id_in(customer, body) == job_id
    assert told["status"] == {"wavespeed": "completed", "eachlabs": "succeeded"}[customer.vendor]
    if customer.vendor == "wavespeed":
        assert told["input"]["image"].startswith(customer.service.url)
        assert told["outputs"] == [customer.link(job_id)]
        assert told["error"] == ""
    else:
        assert told == {
            "exec_id": job_id,
            "flow_id": None,
            "status": "succeeded",
            "output": customer.link(job_id),
            "error": "",
        }
    assert _sent(customer, job_id, 1) == [200]


def test_a_failure_is_announced_too(customer, listener):
    _order(customer, "told [moderated]", listener)
    ((_path, _headers, body),) = listener.called()
    told = json.loads(body)

    assert told["status"] == "failed"
    if customer.vendor == "wavespeed":
        assert (told["error"], told["code"]) == ("content rejected by moderation", 1200)
    else:
        assert (told["output"][0]["error"], told["error"]) == ("content rejected by moderation", "")


def test_a_webhook_is_sent_three_times_at_most(customer, listener):
    listener.answers = [500, 404, 503]
    job_id = _order(customer, "nobody listens", listener)

    assert _sent(customer, job_id, 3) == [500, 404, 503]
    customer.ended(customer.order("another job, to let time pass"))
    assert len(listener.calls) == 3


def test_one_success_is_enough(customer, listener):
    listener.answers = [500]
    job_id = _order(customer, "heard at last", listener)

    assert _sent(customer, job_id, 2) == [500, 200]
    customer.ended(customer.order("another job, to let time pass"))
    assert len(listener.calls) == 2


def test_a_webhook_may_come_twice(customer, listener):
    job_id = _order(customer, "twice [webhook-twice]", listener)
    first, second = listener.called(2)

    assert first[2] == second[2]
    assert _id_in(customer, first[2]) == job_id


def test_a_webhook_may_never_come(customer, listener):
    silent = _order(customer, "silence [no-webhook]", listener)
    assert customer.ended(silent)["status"] == customer.done
    loud = _order(customer, "loud", listener)
    listener.called()

    assert [_id_in(customer, body) for _path, _headers, body in listener.calls] == [loud]


def test_a_webhook_may_come_late(customer, listener):
    job_id = _order(customer, "late [webhook-late:0.3]", listener)
    assert customer.ended(job_id)["status"] == customer.done
    listener.called()

    _sent(customer, job_id, 1)
    (sent,) = customer.of(job_id, "webhook-sent")
    assert sent["at"] - customer.ending(job_id)["at"] >= 0.3


def test_a_webhook_may_be_there_before_the_answer(customer, listener):
    prompt = customer.prompt("early [webhook-early]")
    body = customer.body(prompt, customer.upload())
    job_id = customer.id_in(customer.send(body, webhook=listener.url, webhook_secret=listener.secret))

    assert [_id_in(customer, body) for _path, _headers, body in listener.calls] == [job_id]


def test_a_webhook_may_name_another_job(customer, listener):
    job_id = _order(customer, "mistaken [webhook-other-job]", listener)
    ((_path, headers, body),) = listener.called()

    assert _id_in(customer, body) != job_id
    assert _is_genuine(customer, listener, headers, body)


def test_a_webhook_may_be_signed_with_an_old_secret(customer, listener):
    _order(customer, "old [webhook-old-secret]", listener)
    ((_path, headers, body),) = listener.called()

    assert not _is_genuine(customer, listener, headers, body)


def test_webhooks_stay_on_this_machine(customer):
    prompt = customer.prompt("elsewhere")
    url = "https://bot.example.net/webhooks/t"
    job_id = customer.id_in(customer.create(prompt, webhook=url, webhook_secret=prompt))
    (withheld,) = until(lambda: customer.of(job_id, "webhook-withheld"), "the webhook is withheld")

    assert withheld["url"] == url
    assert customer.violations(prompt) == []


def test_wavespeed_tells_its_secret(wavespeed):
    wavespeed.service.knobs(webhook_secret="whsec_mine")

    assert wavespeed.ask("GET", "/api/v3/webhook/secret").json()["data"] == {"secret": "whsec_mine"}


@pytest.mark.parametrize("proof", ["hmac-timestamp", "hmac-body"])
def test_eachlabs_may_sign_the_body(eachlabs, listener, proof):
    eachlabs.service.knobs(proof=proof)
    _order(eachlabs, "signed", listener)
    ((_path, headers, body),) = listener.called()

    stamp = headers.get("x-webhook-timestamp", "")
    signed = body if proof == "hmac-body" else stamp.encode() + b"." + body
    expected = hmac.new(listener.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-webhook-signature"] == expected
    assert "x-webhook-secret" not in headers


def test_eachlabs_logs_its_webhooks(eachlabs, listener):
    listener.answers = [500]
    without = eachlabs.order("no webhook")
    job_id = _order(eachlabs, "logged", listener)
    _sent(eachlabs, job_id, 2)
    newest = eachlabs.ask("GET", "/v1/webhooks?limit=100").json()["webhooks"][0]
    alone = eachlabs.ask("GET", f"/v1/webhooks/{job_id}").json()

    assert (newest["execution_id"], newest["url"]) == (job_id, listener.url)
    assert [attempt["response_code"] for attempt in alone["attempts"]] == [500, 200]
    assert eachlabs.ask("GET", f"/v1/webhooks/{without}").status_code == 404


@pytest.mark.parametrize(("early", "status"), [(True, 200), (False, 404)])
def test_eachlabs_may_log_a_webhook_before_it_is_due(eachlabs, listener, early, status):
    eachlabs.service.knobs(webhook_log_early=early)
    job_id = _order(eachlabs, "running [stuck]", listener)

    assert eachlabs.ask("GET", f"/v1/webhooks/{job_id}").status_code == status


# Inputs hosted by the bot


class _Host(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200 if self.path == "/media/leaf.jpg?a=1" else 404)
        self.send_header("Content-Length", "4")
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(b"leaf")

    def log_message(self, *_arguments):
        pass


@pytest.mark.parametrize(("path", "status"), [("/media/leaf.jpg?a=1", 200), ("/media/gone.jpg", 404)])
def test_inputs_hosted_elsewhere_are_fetched_there(customer, path, status):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    customer.service.knobs(reachable={"https://bot.example.net": f"http://127.0.0.1:{server.server_port}"})
    url = f"https://bot.example.net{path}"
    job_id = customer.id_in(customer.send(customer.body("hosted elsewhere", url)))
    task = customer.ended(job_id)
    server.shutdown()
    server.server_close()

    (fetched,) = customer.of(job_id, "fetched-input")
    assert (fetched["url"], fetched["status"], fetched["head"]) == (url, status, status)
    assert task["status"] == (customer.done if status == 200 else customer.failed)
    assert httpx.get(customer.link(job_id), trust_env=False).status_code == 200 if status == 200 else True
