"""The operator's proxy, as the environment names it; and what an answer's body is."""

from __future__ import annotations

import pytest

from adapters.http.answer import HttpAnswer
from adapters.http.proxies import Proxy, proxy_for

pytestmark = pytest.mark.usefixtures("no_proxies")


@pytest.mark.parametrize(
    ("named", "host", "port", "url"),
    [
        ("http://proxy.corp:3128", "proxy.corp", 3128, "http://proxy.corp:3128"), ("proxy.corp:3128", "proxy.corp", 3128, "http://proxy.corp:3128"),
        ("http://proxy.corp", "proxy.corp", 80, "http://proxy.corp:80"), (" http://proxy.corp:3128/ ", "proxy.corp", 3128, "http://proxy.corp:3128"),
        ("http://[::1]:3128", "::1", 3128, "http://[::1]:3128"),
    ],
)  # fmt: skip
def test_a_proxy_is_read_as_people_write_it(
    monkeypatch: pytest.MonkeyPatch, named: str, host: str, port: int, url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", named)

    found = proxy_for("api.example.net", 443)

    assert found == Proxy(host=host, port=port)
    assert found.url == url


def test_the_credentials_of_a_proxy_are_in_one_place_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:p%40ss@proxy.corp:3128")

    found = proxy_for("api.example.net", 443)

    assert found is not None
    assert found.authorization == "Basic YW5uOnBAc3M="
    for shown in (found.url, repr(found), str(found)):
        assert not any(secret in shown for secret in ("ann", "p@ss", "p%40ss", "YW5u"))


@pytest.mark.parametrize(
    "exception",
    ["api.example.net", ".example.net", "example.net", "*", "other.example, api.example.net", "API.EXAMPLE.NET"],
)
def test_whoever_is_excepted_is_spoken_to_directly(monkeypatch: pytest.MonkeyPatch, exception: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv("NO_PROXY", exception)

    assert proxy_for("api.example.net", 443) is None
    assert proxy_for("api.example.com", 443) is None or exception != "*"


def test_a_proxy_for_https_goes_before_one_for_all_and_others_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://plain.corp:1")
    monkeypatch.setenv("FTP_PROXY", "http://ftp.corp:1")
    assert proxy_for("a.example.net", 443) is None

    monkeypatch.setenv("ALL_PROXY", "http://all.corp:2")
    assert proxy_for("b.example.net", 443) == Proxy(host="all.corp", port=2)

    monkeypatch.setenv("HTTPS_PROXY", "http://https.corp:3")
    assert proxy_for("c.example.net", 443) == Proxy(host="https.corp", port=3)


@pytest.mark.parametrize(
    ("body", "found"),
    [(b'{"a":1}', {"a": 1}), (b"[1]", [1]), (b"null", None), (b"", None), (b"<html>", None), (b'{"a":', None), (b"\xff\xfe\x00", None), (b"\x80", None),
     (b"[" * 200_000, None), (b"1" * 5000, None), (b'\xef\xbb\xbf{"a":1}', {"a": 1}), (b'{"a":1}{', None)],
)  # fmt: skip
def test_a_body_is_json_or_nothing(body: bytes, found: object) -> None:
    answer = HttpAnswer(200, {"content-type": "text/html"}, body)

    assert answer.json() == found
    assert answer.object() == (found if isinstance(found, dict) else None)
