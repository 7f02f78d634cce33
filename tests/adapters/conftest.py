"""What tests of the outside share: certificates we believe, and an environment without proxies."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from adapters.http import proxies, tls

trustme = pytest.importorskip("trustme")


class Authority:
    """A certificate authority, and what its servers show."""

    def __init__(self, file: Path) -> None:
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(str(file))

    def server(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate = self._ca.issue_cert(*(names or ("127.0.0.1", "localhost")), not_after=not_after)
        certificate.configure_cert(context)
        return context


@pytest.fixture(scope="session")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Path]:
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    return Authority(file), file


@pytest.fixture
def authority(_authority: tuple[Authority, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """Whoever it vouches for is believed, for one test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(_authority[1]))
    tls.client_context.cache_clear()
    yield _authority[0]
    tls.client_context.cache_clear()


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of this machine's environment counts; what a test sets is read afresh."""
    for name in ("http", "https", "all", "no", "ftp"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    proxies.proxy_for.cache_clear()
    yield
    proxies.proxy_for.cache_clear()
