"""Which of the vendors' variables are honoured, and what is said of a value that cannot be right.

Against the store that speaks S3 (`tests.emulators.s3`). Google's client is tried on it too, whose XML dialect is the
same; what Google's and Azure's own servers check beyond that is not. No request leaves this machine.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from bot.errors import ConfigurationError, MediaUnavailable
from bot.jobs.model import AssetKind
from storage import buckets
from storage.asset_keys import key_of
from storage.buckets import PART_BYTES
from storage.media_store import ObjectMediaStore
from tests.emulators.s3 import a_bucket, forget_clouds, s3

pytestmark = pytest.mark.asyncio

NOWHERE = "http://127.0.0.1:9"
"""Nobody listens there."""
NOT_TRUSTED = "http://127.0.0.2:9"
"""Neither there; and not an address that passes for this machine's own."""


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_clouds(monkeypatch)
    monkeypatch.setitem(buckets.RETRY, "max_retries", 0)


@pytest.fixture
def set_env(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def change(**values: str | None) -> None:
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return change


async def trouble_with(url: str, *, passing: bool = False) -> str:
    """What is said of a store, at its opening or when it is probed; `passing`: it may be over by itself."""
    with pytest.raises(MediaUnavailable if passing else ConfigurationError) as caught:
        await ObjectMediaStore(url).probe()
    assert caught.value.__cause__ is None
    return str(caught.value)


# --- Amazon S3, and what speaks like it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        {"AWS_ENDPOINT_URL": "{url}"},
        {"AWS_ENDPOINT": "{url}"},
        {"AWS_ENDPOINT_URL_S3": "{url}"},
        {"AWS_ENDPOINT_URL_S3": "{url}", "AWS_ENDPOINT_URL": NOWHERE},
    ],
)
async def test_the_address_is_where_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], way: dict[str, str]
) -> None:
    """The one for S3 alone goes before the one for everything of AWS."""
    url = a_bucket(monkeypatch)
    set_env(AWS_ENDPOINT_URL=None)
    set_env(**{name: value.format(url=s3().url) for name, value in way.items()})

    await ObjectMediaStore(url).probe()


@pytest.mark.parametrize(
    ("way", "region"),
    [
        ({"AWS_REGION": "eu-west-3"}, "eu-west-3"),
        ({"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
        ({"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-3"),
        ({}, "us-east-1"),
    ],
)
async def test_the_region_is_what_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], way: dict[str, str], region: str
) -> None:
    url = a_bucket(monkeypatch)
    set_env(AWS_REGION=None)
    set_env(**way)

    await ObjectMediaStore(url).probe()

    assert f"/{region}/s3/aws4_request" in s3().seen()["authorization"]


async def test_the_bucket_stands_in_the_path_as_servers_of_ones_own_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    url = a_bucket(monkeypatch)

    await ObjectMediaStore(url).probe()

    seen = s3().seen()
    assert seen["host"] == s3().url.removeprefix("http://")
    assert seen["path"].startswith(f"/{url.split('/')[2]}/some/where/")


async def test_the_bucket_stands_in_the_host_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None]
) -> None:
    """The address has to name it then, as it does for obstore and nobody else."""
    url = a_bucket(monkeypatch)
    set_env(AWS_VIRTUAL_HOSTED_STYLE_REQUEST="true", AWS_ENDPOINT_URL=s3().url)

    with pytest.raises(ConfigurationError):
        await ObjectMediaStore(url).probe()

    assert s3().seen()["path"].startswith("/some/where/probe/")


async def test_a_session_token_goes_along(monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None]) -> None:
    url = a_bucket(monkeypatch)
    set_env(AWS_SESSION_TOKEN="a-session")

    said = await trouble_with(url)

    assert s3().seen()["token"] == "a-session"
    assert "(InvalidToken)" in said
    assert "a-session" not in said


async def test_encryption_is_asked_for_as_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], tmp_path: Path
) -> None:
    url = a_bucket(monkeypatch)
    set_env(AWS_SERVER_SIDE_ENCRYPTION="aws:kms", AWS_SSE_KMS_KEY_ID="arn:aws:kms:eu-central-1:1:key/k")

    await ObjectMediaStore(url).set_note("installation.json", b"{}")

    assert s3().seen()["encryption"] == "aws:kms"


async def test_a_pod_s_role_gives_the_keys_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], tmp_path: Path
) -> None:
    """As on ECS and EKS: an address to ask, and a file with the word to ask it with."""
    url = a_bucket(monkeypatch)
    (tmp_path / "token").write_text("the-pods-own")
    lent = {
        "AccessKeyId": "ASIALENT", "SecretAccessKey": "lent", "Token": "lent-token", "Expiration": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    with a_lender(lent) as (address, asked):
        set_env(
            AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{address}/creds",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token"),
        )  # fmt: skip

        await trouble_with(url)

    assert asked == ["/creds the-pods-own"]
    seen = s3().seen()
    assert "Credential=ASIALENT/" in seen["authorization"]
    assert seen["token"] == "lent-token"


async def test_a_machines_role_is_asked_for_where_nothing_else_is_said(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], tmp_path: Path
) -> None:
    """And files in `~/.aws` are not read: what cannot be found is said to be missing."""
    url = a_bucket(monkeypatch)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {s3().key}\naws_secret_access_key = {s3().secret}\n"
    )
    set_env(HOME=str(tmp_path), AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_METADATA_ENDPOINT=NOWHERE)

    said = await trouble_with(url)

    assert said.endswith(
        "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role."
    )


async def test_plain_http_is_for_this_machine_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None]
) -> None:
    url = a_bucket(monkeypatch)
    set_env(AWS_ENDPOINT_URL=NOT_TRUSTED)
    refused = await trouble_with(url)
    set_env(AWS_ALLOW_HTTP="true")
    allowed = await trouble_with(url, passing=True)

    assert refused.endswith(
        "its address is plain http; use https, or set AWS_ALLOW_HTTP=true where nobody can listen in."
    )
    assert allowed.endswith("it does not answer; look at its address and at the network.")


async def test_an_authority_of_ones_own_is_named_in_a_file(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], tmp_path: Path
) -> None:
    """As for a server in one's own network; the file is read by everything in the process, not by S3 alone."""
    url, authority = a_bucket(monkeypatch), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    async with behind_tls(authority) as address:
        set_env(AWS_ENDPOINT_URL=address, SSL_CERT_FILE=None, SSL_CERT_DIR=None)
        stranger = await trouble_with(url)
        set_env(SSL_CERT_FILE=str(tmp_path / "authority.pem"))

        await ObjectMediaStore(url).probe()

    assert stranger.endswith(
        "its certificate is signed by nobody this machine trusts; name a file of authorities in SSL_CERT_FILE."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "from-a-file\n"),
        ("AWS_ACCESS_KEY_ID", " AKIA"),
        ("AWS_REGION", "eu central 1"),
        ("AWS_ENDPOINT_URL", "store.example.org"),
        ("AWS_ENDPOINT_URL", "https://user:pass-word@store.example.org"),
        ("AWS_ENDPOINT_URL_S3", "https://store.example.org/ "),
    ],
)
async def test_a_value_that_would_end_the_process_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, set_env: Callable[..., None], name: str, value: str
) -> None:
    """obstore panics over these, and a panic is no exception that anybody catches."""
    url = a_bucket(monkeypatch)
    set_env(**{name: value})

    said = await trouble_with(url)

    assert said.startswith(f"{name} ")
    assert value.strip() not in said


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/path", "s3://bucket/path?region=x", "s3://bucket/path#x"])
async def test_a_url_with_more_than_a_place_is_refused_and_not_repeated(url: str) -> None:
    said = await trouble_with(url)

    assert said.startswith("The media store's URL is s3://bucket/path and nothing more;")
    assert "secret" not in said.partition("AWS_")[0]


@pytest.mark.parametrize("url", ["s3://", "gs:///path", "az://"])
async def test_a_url_without_a_bucket_says_so(url: str) -> None:
    assert (await trouble_with(url)).startswith("The media store's URL names no ")


# --- Google Cloud Storage -----------------------------------------------------------------------------------------


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A bucket at an address that Google's client is sent to, with a key file that asks for no token."""
    bucket = s3().make_bucket()
    key_file = tmp_path / "key.json"
    key_file.write_text(
        json.dumps({"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""})
    )
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(key_file))
    monkeypatch.setenv("GOOGLE_BASE_URL", s3().url)
    s3().ask(anybody=True)
    yield f"gs://{bucket}/some/where"
    s3().ask(anybody=False)


@pytest.mark.parametrize("size", [1000, PART_BYTES + 5])
async def test_google_s_client_puts_reads_lists_and_deletes(google: str, tmp_path: Path, size: int) -> None:
    store = ObjectMediaStore(google)
    source = tmp_path / "source"
    source.write_bytes((bytes(range(256)) * (size // 256 + 1))[:size])

    await store.probe()
    asset = await store.put(source, AssetKind.CLIP, "video/mp4")
    await store.copy_to(asset.id, tmp_path / "copy")
    listed = [asset_id async for asset_id, _ in store.ids()]
    await store.delete(asset.id)

    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert listed == [asset.id]
    assert s3().look(google.split("/")[2]) == []
    assert key_of(asset.id) in str(s3().seen()["requests"])


async def test_google_s_bucket_that_is_not_there_is_named(google: str) -> None:
    assert (await trouble_with("gs://nobodys-bucket")).endswith(
        "there is no bucket nobodys-bucket; make it, or correct REELBOT_MEDIA_URL."
    )


@pytest.mark.parametrize("name", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT"])
@pytest.mark.parametrize("content", [None, '{"private_key": "-----SECRET'])
async def test_a_key_file_that_cannot_be_read_is_said_without_its_content(
    set_env: Callable[..., None], tmp_path: Path, name: str, content: str | None
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    set_env(**{name: str(path)})

    said = await trouble_with("gs://bucket/path")

    assert said == (
        "The media store gs://bucket cannot be opened: the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read, "
        "or is no key file."
    )


# --- Azure --------------------------------------------------------------------------------------------------------


async def test_azure_s_client_asks_for_the_container_of_the_url_with_the_account_s_key(
    set_env: Callable[..., None],
) -> None:
    """Which no server here can answer; so much is seen of how it asks."""
    set_env(AZURE_STORAGE_ACCOUNT_NAME="account", AZURE_STORAGE_ACCOUNT_KEY="c2VjcmV0")
    set_env(AZURE_STORAGE_ENDPOINT=f"{s3().url}/account")

    said = await trouble_with("az://container/some/where", passing=True)

    seen = s3().seen()
    assert seen["path"].startswith("/account/container/some/where/probe/")
    assert seen["authorization"].startswith("SharedKey account:")
    assert said.startswith("The media store az://container cannot be used, a small file could not be written: ")
    assert "c2VjcmV0" not in said


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "set AZURE_STORAGE_ACCOUNT_NAME"),
        (
            {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "not!base64"},
            "the value of AZURE_STORAGE_ACCOUNT_KEY is no key",
        ),
    ],
)
async def test_what_azure_lacks_is_said(set_env: Callable[..., None], values: dict[str, str], sentence: str) -> None:
    set_env(**values)

    assert await trouble_with("az://container/path") == f"The media store az://container cannot be opened: {sentence}."


async def test_a_machine_without_an_identity_is_told_which_keys_azure_wants(set_env: Callable[..., None]) -> None:
    set_env(AZURE_STORAGE_ACCOUNT_NAME="account", AZURE_MSI_ENDPOINT=f"{NOWHERE}/metadata/identity/oauth2/token")

    said = await trouble_with("az://container/path")

    assert said.endswith(
        "no credentials were found; set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or give this machine a "
        "role."
    )


@contextmanager
def a_lender(keys: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Who hands out keys to machines; and what it was asked, with which word."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['Authorization']}")
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@asynccontextmanager
async def behind_tls(authority: trustme.CA) -> AsyncIterator[str]:
    """The store at an https address, with a certificate of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_store = await asyncio.open_connection("127.0.0.1", int(s3().url.rpartition(":")[2]))
        await asyncio.gather(pass_on(reader, to_store[1]), pass_on(to_store[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
