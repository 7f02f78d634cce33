"""What the Dockerfile starts, started: the server in its box, its health probe, its end."""

from __future__ import annotations

import ast
import io
import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.deploy.box import a_box, running, stop, user, words
from tools.sealed import why_not


def a_free_port() -> dict[str, str]:
    """As `--env` would say it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return {"REELBOT_WEB__PORT": str(free.getsockname()[1])}


def a_picture() -> bytes:
    file = io.BytesIO()
    Image.effect_mandelbrot((320, 240), (-2, -1.4, 1, 1.4), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()


def ask(client: httpx.Client, prompt: str) -> str:
    """The id of an accepted job."""
    files = {"image": ("a.png", a_picture(), "image/png")}
    answer = client.post("/api/v1/jobs", files=files, data={"prompt": prompt})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait_for(client: httpx.Client, job_id: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
        if job["state"] in states:
            return job
        assert job["state"] not in ("failed", "cancelled"), job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def state_of(database: Path, job_id: str) -> str:
    with closing(sqlite3.connect(database, timeout=5)) as connection:
        (state,) = connection.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return str(state)


def test_it_renders_on_a_root_that_nobody_can_write_and_ends_on_sigterm():
    """Another user, no home, only `/data` and `/tmp` to write: a clip comes out, and the one under way is kept.

    On a sealed root where mount namespaces are permitted; else in place on a copy of the packages that is compared
    afterwards, as user 10001 when run by root, as oneself otherwise.
    """
    port = a_free_port()
    with a_box() as box:
        if box.user is None and os.getuid() == 0:
            pytest.skip(f"root may write everywhere, {why_not()}, and user {user()} cannot reach this Python")
        code, said = box.code(), box.folder / "said.txt"
        with running(box, env=port, stderr=said) as server:
            token = (box.data / "admin-token").read_text()
            address = f"http://127.0.0.1:{port['REELBOT_WEB__PORT']}"
            signed_in = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=address, timeout=30, headers=signed_in) as client:
                alive, ready = httpx.get(f"{address}/livez"), client.get("/readyz")
                refused = httpx.get(f"{address}/api/v1/jobs")
                well = box.probe(env=port)
                first = wait_for(client, ask(client, "zoom in --5s --480p"), "delivered")
                clip = client.get(first["output"]["url"])
                second = ask(client, "zoom out --10s --1080p")
                wait_for(client, second, "rendering")
                code_at_end = stop(server)
        dead = box.probe(env=port)
        kept = state_of(box.data / "reelbot.db", second)
        owners = {each.lstat().st_uid for each in box.data.rglob("*")}
        secrets = {stat.S_IMODE((box.data / each).stat().st_mode) for each in ("admin-token", "secret-key")}
        complaints = said.read_text()

        assert (alive.status_code, ready.status_code, refused.status_code) == (200, 200, 401)
        assert (well, dead != 0) == (0, True)
        assert (clip.status_code, len(clip.content)) == (200, first["output"]["bytes"])
        assert code_at_end == 0
        assert kept in {"rendering", "fetching", "delivering", "delivered"}
        assert "Traceback" not in complaints
        assert box.code() == code
        assert box.is_sealed or not any((box.folder / "tmp").iterdir())
        assert owners == {box.data.stat().st_uid}
        assert secrets == {0o600}


@pytest.mark.skipif(why_not() is not None, reason=f"a sealed root is needed: {why_not()}")
def test_a_volume_of_another_owner_is_refused_with_the_line_that_mends_it():
    """The most repeated first-run trouble of containers, in one sentence and with exit code 78."""
    with a_box() as box:
        box.data.chmod(0o755)
        box.data.rmdir()
        box.data.mkdir(mode=0o755)
        said = box.folder / "said.txt"

        ended = box.start(["reelbot", *words("CMD")], env=a_free_port(), stderr=said).wait(timeout=60)

        (sentence,) = said.read_text().splitlines()
        assert ended == 78
        assert f"Reelbot runs as {user()}:{user()}. Run `sudo chown -R {user()}:{user()} /data`" in sentence


@pytest.mark.skipif(why_not() is not None, reason=f"a sealed root is needed: {why_not()}")
def test_the_sealed_root_is_what_it_says():
    """Otherwise the test above would prove nothing: not even the box's own user can write anywhere else."""
    look = (
        "import os, json, tempfile, sys\n"
        "def can(path):\n"
        "    try: open(path, 'w').close(); return True\n"
        "    except OSError: return False\n"
        "status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)\n"
        "print(json.dumps({'uid': os.getuid(), 'home': os.environ.get('HOME'), 'cwd': os.getcwd(),\n"
        "  'powers': status['CapEff'] + status['CapBnd'], 'temp': tempfile.gettempdir(),\n"
        "  'can': [each for each in sys.argv[1:] if can(each + '/x')]}), file=sys.stderr)\n"
    )
    places = ["/", "/app", "/etc", "/usr", "/dev", sys.prefix, str(Path(sys.prefix).parent / "bot"), "/tmp", "/data"]
    with a_box() as box:
        said = box.folder / "said.txt"

        box.start(["python", "-c", look, *places], env={}, stderr=said).wait(timeout=30)

        found = json.loads(said.read_text())
        assert found == {
            "uid": user(), "home": None, "cwd": "/data", "powers": "0" * 32, "temp": "/tmp", "can": ["/tmp", "/data"]
        }  # fmt: skip


@contextmanager
def answering(reply: Callable[[socket.socket], None]) -> Iterator[dict[str, str]]:
    """A server that takes one connection, and the port it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                reply(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield {"REELBOT_WEB__PORT": str(listener.getsockname()[1])}
        thread.join(timeout=30)
        assert not thread.is_alive()


def probe_alone(env: dict[str, str]) -> int:
    """The probe of the Dockerfile, with this interpreter."""
    _, *rest = words("HEALTHCHECK")
    return subprocess.run([sys.executable, *rest], env=env, capture_output=True, timeout=30, check=False).returncode


def saying(status: bytes) -> Callable[[socket.socket], None]:
    def reply(connection: socket.socket) -> None:
        asked = connection.recv(1000)
        assert asked.startswith(b"GET /livez HTTP/1.0\r\n")
        assert asked.endswith(b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    return reply


@pytest.mark.parametrize(
    ("status", "is_well"), [(b"200 OK", True), (b"503 Service Unavailable", False), (b"204 No Content", False)]
)
def test_the_probe_believes_nothing_but_200(status, is_well):
    """What any server at that port answers."""
    with answering(saying(status)) as port:
        code = probe_alone(port)

    assert (code == 0) is is_well


def test_the_probe_gives_up_on_a_server_that_takes_calls_and_says_nothing():
    """A process that hangs still accepts connections: its kernel does."""
    with answering(lambda connection: connection.recv(1000) and connection.recv(1000)) as port:
        code = probe_alone(port)

    assert code != 0


def test_the_probe_is_sick_where_nobody_listens():
    """A dead port."""
    assert probe_alone(a_free_port()) != 0


def test_the_probe_imports_nothing_heavy():
    """It is started some 1,400 times a day: three modules of the standard library, and no site packages."""
    python, *flags, code = words("HEALTHCHECK")

    imported = [name.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import) for name in node.names]
    others = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]

    assert (python, flags) == ("python", ["-I", "-S", "-c"])
    assert (imported, others) == (["os", "socket", "sys"], [])
