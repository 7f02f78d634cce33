"""A store that speaks Amazon S3: moto's server, on a free port, in an environment of its own (`requirements/s3.txt`).

It checks signatures, and the rights of the one user it knows, as S3 does. Started by `tests.emulators.s3`; says its port
and its user's keys in one line on stdout, then answers one JSON request per line, and ends with its stdin.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(1 << 20)  # what is larger lies on the disk
os.environ["S3_UPLOAD_PART_MIN_SIZE"] = "1"  # for parts whose content is swallowed

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

USER = "reelbot"
CHUNK_BYTES = 1 << 16
REGION = "eu-central-1"
UNSIGNED = f"AWS4-HMAC-SHA256 Credential=nobody/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
IAM = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
S3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


class Quiet(WSGIRequestHandler):
    """Keeps connections open, and no log."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Say nothing."""


class Door:
    """Stands before the store: sees how people ask, and loses what it is told to lose."""

    def __init__(self) -> None:
        self.lose = ""
        self.silence = threading.Event()
        self.swallow = 0
        """Bytes: a file of so many zeros is neither kept nor read, only taken in parts and given."""
        self.has_come = False
        self.seen: dict[str, str] = {}
        self.requests: list[str] = []
        self._store = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        method, query = environ["REQUEST_METHOD"], environ["QUERY_STRING"]
        self.requests.append(f"{method} {environ['PATH_INFO']}?{query}")
        self.seen = {
            "host": environ.get("HTTP_HOST", ""),
            "path": environ["PATH_INFO"],
            "authorization": environ.get("HTTP_AUTHORIZATION", ""),
            "token": environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""),
            "encryption": environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION", ""),
        }
        if math.isinf(settings.INITIAL_NO_AUTH_ACTION_COUNT):
            # Google's client speaks the same dialect of XML, but moto cannot read who it says it is.
            environ["HTTP_AUTHORIZATION"] = UNSIGNED
        if self.swallow:
            if "partNumber=" in query:
                _swallow(environ)
                self.has_come = True
            elif method in ("GET", "HEAD") and not query and self.has_come:
                return _zeros(environ, start, self.swallow)
        lost = {
            "puts": method == "PUT",
            "later parts": "partNumber=" in query and "partNumber=1&" not in query,
            "answers": False,
            "everything": True,
        }
        if self.lose == "time":
            self.silence.wait()
        if lost.get(self.lose):
            _hang_up(environ)
        answer = self._store(environ, start)
        return self._half(environ, answer) if self.lose == "answers" and method == "GET" else answer

    @staticmethod
    def _half(environ: dict[str, Any], answer: Iterable[bytes]) -> Iterator[bytes]:
        whole = b"".join(answer)
        yield whole[: len(whole) // 2]
        _hang_up(environ)


def _swallow(environ: dict[str, Any]) -> None:
    left = int(environ["CONTENT_LENGTH"])
    while left > 0:
        left -= len(environ["wsgi.input"].read(min(left, CHUNK_BYTES)))
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(b"-"), "1"


def _zeros(environ: dict[str, Any], start: Callable[..., Any], size: int) -> Iterable[bytes]:
    first, last = 0, size - 1
    headers = [("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"), ("ETag", '"zeros"')]
    if asked := environ.get("HTTP_RANGE"):
        first, last = (int(each) for each in asked.removeprefix("bytes=").split("-"))
        headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    start("206 Partial Content" if asked else "200 OK", [*headers, ("Content-Length", str(last - first + 1))])
    whole, rest = divmod(last - first + 1, CHUNK_BYTES)
    if environ["REQUEST_METHOD"] == "HEAD":
        return ()
    return itertools.chain(itertools.repeat(bytes(CHUNK_BYTES), whole), [bytes(rest)] if rest else [])


def _hang_up(environ: dict[str, Any]) -> None:
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def answer(request: dict[str, Any], door: Door) -> Any:
    """Do one thing behind the store's back."""
    match request:
        case {"make": bucket, "policy": policy}:
            S3.create_bucket(bucket, REGION)
            IAM.put_user_policy(USER, bucket, json.dumps(policy))
        case {"allow": bucket, "policy": policy}:
            IAM.put_user_policy(USER, bucket, json.dumps(policy))
        case {"put": keys, "bucket": bucket}:
            for key in keys:
                S3.put_object(bucket, key, b"x")
        case {"age": bucket, "hours": hours}:
            for held in S3.buckets[bucket].keys.values():
                held.last_modified -= timedelta(hours=hours)
        case {"look": bucket}:
            held = S3.buckets[bucket]
            return {"objects": sorted(held.keys), "uploads": len(held.multiparts)}
        case {"lose": what}:
            door.lose = what
            door.silence.set()
            door.silence = threading.Event()
        case {"swallow": size}:
            door.swallow, door.has_come = size, False
        case {"anybody": anybody}:
            settings.INITIAL_NO_AUTH_ACTION_COUNT = math.inf if anybody else 0
        case {"seen": True}:
            seen, door.requests = door.seen | {"requests": door.requests}, []
            return seen
    return None


def main() -> None:
    """Serve until stdin closes."""
    IAM.create_user(REGION, USER)
    key = IAM.create_access_key(USER)
    door = Door()
    server = make_server("127.0.0.1", 0, door, threaded=True, request_handler=Quiet)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # from now on, everybody shows who they are
    said = {"port": server.port, "key": key.access_key_id, "secret": key.secret_access_key, "region": REGION}
    print(json.dumps(said), flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), door)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
