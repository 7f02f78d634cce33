"""The local fetcher takes finished renders, and nothing else on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.media.results import LocalFetcher
from bot.errors import ResultGone


@pytest.fixture
def renders(tmp_path: Path) -> Path:
    folder = tmp_path / "renders" / "one with a space"
    folder.mkdir(parents=True)
    (folder / "result.mp4").write_bytes(b"a clip")
    return tmp_path / "renders"


async def test_a_result_is_fetched_whole(renders: Path, tmp_path: Path):
    into = tmp_path / "into" / "clip.mp4"
    url = (renders / "one with a space" / "result.mp4").as_uri()

    await LocalFetcher(renders).fetch(url, "local", into)

    assert into.read_bytes() == b"a clip"
    assert [path.name for path in into.parent.iterdir()] == ["clip.mp4"]


async def test_a_fetched_result_outlives_its_render(renders: Path, tmp_path: Path):
    source = renders / "one with a space" / "result.mp4"
    await LocalFetcher(renders).fetch(source.as_uri(), "local", tmp_path / "clip.mp4")

    source.unlink()

    assert (tmp_path / "clip.mp4").read_bytes() == b"a clip"


async def test_fetching_twice_is_harmless(renders: Path, tmp_path: Path):
    url = (renders / "one with a space" / "result.mp4").as_uri()
    fetcher = LocalFetcher(renders)

    await fetcher.fetch(url, "local", tmp_path / "clip.mp4")
    await fetcher.fetch(url, "local", tmp_path / "clip.mp4")

    assert (tmp_path / "clip.mp4").read_bytes() == b"a clip"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "file://{renders}/../secret.mp4",
        "file://{renders}/link.mp4",
        "file://{renders}/nothing.mp4",
        "file://{renders}",
        "file://elsewhere{renders}/one%20with%20a%20space/result.mp4",
        "file://{renders}/%00",
        "https://example.org/result.mp4",
        "/etc/hostname",
    ],
)
async def test_nothing_outside_the_renders_is_ever_read(renders: Path, tmp_path: Path, url: str):
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    (renders / "link.mp4").symlink_to(tmp_path / "secret.mp4")

    with pytest.raises(ResultGone):
        await LocalFetcher(renders).fetch(url.format(renders=renders), "local", tmp_path / "into.mp4")

    assert not (tmp_path / "into.mp4").exists()
