"""A shelf in an object store, by URL: `s3://bucket/path`, `gs://bucket/path`, `az://container/path`.

Keys and addresses come from the environment variables that the vendors' own tools read (`AWS_…`, `GOOGLE_…`,
`AZURE_…`), never from the URL and never from our settings, so that a role of the machine works without any; which of
them are read is kept by `tests/conformance/test_media_store_settings.py`. obstore's words hold addresses, account ids
and whatever the store answered, so none of them reaches a person or a log: what went wrong is said in ours.

obstore's blocking functions are used: its asynchronous ones, seen with 0.12.1 on Python 3.11, now and then abort the
interpreter while it exits.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from bot.errors import ConfigurationError, MediaUnavailable
from bot.languages.said import say
from storage.asset_keys import CHUNK_BYTES, is_asset_id, key_of, require_note
from storage.clouds import KEYS, is_passing, may_speak_http, noun, require_clean, trouble, unopened

if TYPE_CHECKING:
    from obstore.store import ObjectStore

log = structlog.get_logger(__name__)

FRESH_FOR_S = 30 * 60
"""An object younger than this need not be uploaded again to count as just put."""
PART_BYTES = 8 << 20
"""Larger files are sent in parts of this size."""
PARTS_AT_ONCE = 3
"""Of one file; what a put holds in memory is a part for each, and one being read."""

CLIENT = {
    "connect_timeout": timedelta(seconds=5),
    # Of silence. obstore's own 30 seconds are for a whole answer, which a long clip on a slow line does not keep.
    "read_timeout": timedelta(seconds=60),
    "timeout": timedelta(hours=1),
}
RETRY = {
    # What fails for longer is tried again by whoever asked; obstore's own ten times are minutes of a held thread.
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=3), "base": 2},
}


class Bucket:
    """A shelf in an object store, where a put that returned is durable by the vendor's word.

    Beside `FileNotFoundError` for a key that is not there, every method raises `MediaUnavailable` when the store
    does not answer or refuses us; `check` says which, as a `ConfigurationError`.
    """

    def __init__(self, store: ObjectStore, *, scheme: str, name: str) -> None:
        """`name` is the bucket's, or the container's, for the operator's eyes."""
        self._store = store
        self._scheme = scheme
        self._name = name

    @classmethod
    def at(cls, url: str) -> Bucket:
        """The one a URL names; nothing is contacted. `ConfigurationError` when its settings cannot be understood."""
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        parts = urlsplit(url)
        scheme, name = parts.scheme, parts.hostname or ""
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigurationError(
                f"The media store's URL is {scheme}://bucket/path and nothing more; its keys and options are read from "
                f"environment variables ({KEYS[scheme]})."
            )
        if scheme == "memory":
            return cls(from_url(url), scheme=scheme, name=name)
        if not name:
            raise ConfigurationError(
                f"The media store's URL names no {noun(scheme)}; write {scheme}://{noun(scheme)}/path."
            )
        require_clean(scheme)
        # Options that are given put those in the environment out of force, this one too.
        options: Any = CLIENT | {"allow_http": may_speak_http(scheme)}
        # One object at a time needs no bulk deletion, which not every store that speaks S3 offers.
        config: Any = {"disable_bulk_delete": True} if scheme == "s3" else None
        retry: Any = RETRY
        try:
            return cls(
                from_url(url, config=config, client_options=options, retry_config=retry), scheme=scheme, name=name
            )
        except (BaseError, ValueError) as error:
            # From nothing: obstore's words may hold what stands in the variables.
            raise ConfigurationError(
                f"The media store {scheme}://{name} cannot be opened: {unopened(str(error), scheme)}."
            ) from None

    def put(self, source: Path, *, consume: bool) -> tuple[str, int]:
        """Copy a file in; its id and its bytes. It stays where it is, also with `consume`."""
        import obstore

        with source.open("rb") as file:
            asset_id = hashlib.file_digest(file, "sha256").hexdigest()
        size = source.stat().st_size
        with self._asked(), contextlib.suppress(FileNotFoundError):
            known = obstore.head(self._store, key_of(asset_id))
            if known["size"] == size and time.time() - known["last_modified"].timestamp() < FRESH_FOR_S:
                return asset_id, size
        self._send(key_of(asset_id), source)
        return asset_id, size

    def local_path(self, key: str) -> Path | None:
        """The file itself, where there is one on this machine."""
        return None

    def size(self, key: str) -> int:
        """Bytes."""
        import obstore

        with self._asked(key):
            return obstore.head(self._store, key)["size"]

    def chunks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end`, in pieces."""
        import obstore

        if start >= end:  # an object store calls an empty range an error
            return
        with self._asked(key):
            for piece in obstore.get(self._store, key, options={"range": (start, end)}).stream(
                min_chunk_size=CHUNK_BYTES
            ):
                yield bytes(piece)

    def delete(self, key: str) -> None:
        """Remove it, at any age."""
        import obstore

        with self._asked(key):
            obstore.delete(self._store, key)

    def touch(self, key: str) -> None:
        """It is there; for so long that nobody need make it young again (see `delete_older`)."""
        self.size(key)

    def delete_older(self, key: str, age_s: float) -> bool:
        """As a directory's; a put between the look and the removal is lost, which only the wait before keeps rare."""
        import obstore

        try:
            with self._asked(key):
                put_at = obstore.head(self._store, key)["last_modified"].timestamp()
        except FileNotFoundError:
            return True
        # An object passes for just put for FRESH_FOR_S without being uploaded again.
        if time.time() - put_at < max(age_s, 2 * FRESH_FOR_S):
            return False
        self.delete(key)
        return True

    def ids(self) -> Iterator[tuple[str, float]]:
        """Every object by its id, and how many seconds ago it was uploaded."""
        import obstore

        with self._asked():
            for some in obstore.list(self._store):
                for each in some:
                    name = each["path"].rpartition("/")[2]
                    if is_asset_id(name) and each["path"] == key_of(name):
                        yield name, time.time() - each["last_modified"].timestamp()

    def note(self, name: str) -> bytes | None:
        """A small named object beside the files; `None` where there is none."""
        import obstore

        require_note(name)
        try:
            with self._asked(name):
                return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:
            return None

    def set_note(self, name: str, data: bytes) -> None:
        """Write it, whole, in the place of what was there."""
        require_note(name)
        self._send(name, data)

    def check(self) -> None:
        """Write, read, list and delete a small object.

        `ConfigurationError` says what of it does not work; `MediaUnavailable` that the store does not answer at present.
        """
        import obstore
        from obstore.exceptions import BaseError

        key, content = f"probe/{secrets.token_hex(16)}", secrets.token_bytes(16)
        doing = "written"
        try:
            obstore.put(self._store, key, content)
            doing = "read"
            is_whole = bytes(obstore.get(self._store, key).bytes()) == content
            doing = "listed"
            is_listed = any(each["path"] == key for some in obstore.list(self._store, "probe") for each in some)
            doing = "deleted"
            obstore.delete(self._store, key)
        except (BaseError, OSError) as error:
            why = trouble(error, self._scheme, self._name)
            what = f"The media store {self._scheme}://{self._name} cannot be used, a small file could not be {doing}: {why}."
            # What may pass is for a supervisor to try again; what is set up wrongly is not.
            raise (MediaUnavailable if is_passing(why) else ConfigurationError)(what) from None
        if not (is_whole and is_listed):
            raise ConfigurationError(
                f"The media store {self._scheme}://{self._name} does not give back what was put into it."
            )

    def _send(self, key: str, content: Path | bytes) -> None:
        import obstore

        # Puts are atomic: readers see the whole object or none, and an abandoned multipart upload is never listed.
        try:
            with self._asked():
                obstore.put(self._store, key, content, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        except FileNotFoundError:
            # Whatever was to be put need not be there before: it is the bucket that is gone.
            raise self._unavailable(f"there is no {noun(self._scheme)} {self._name}") from None

    @contextlib.contextmanager
    def _asked(self, key: str | None = None) -> Iterator[None]:
        """What obstore raises becomes ours; of a `key` that is not there it is made sure that its bucket is."""
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError:
            if key is not None:
                self._require_bucket()
            raise FileNotFoundError(key) from None
        except (BaseError, OSError) as error:
            raise self._unavailable(trouble(error, self._scheme, self._name)) from None

    def _require_bucket(self) -> None:
        """Whoever asks for one object is told the same of a bucket that is not there: 404."""
        import obstore

        with contextlib.suppress(StopIteration), self._asked():
            try:
                next(iter(obstore.list(self._store, "probe", chunk_size=1)))
            except FileNotFoundError:
                raise self._unavailable(f"there is no {noun(self._scheme)} {self._name}") from None

    def _unavailable(self, why: str) -> MediaUnavailable:
        log.warning("media.unavailable", store=f"{self._scheme}://{self._name}", why=why)
        return MediaUnavailable(say("The media store cannot be reached at the moment."))
