"""The process that renders, called in this one: how each ending is said in the folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from PIL import Image

from adapters.providers.local import worker
from adapters.providers.local.folder import Order, RenderFolder
from bot.errors import BadInput, DiskFull, ReelbotError
from tests.adapters.media.pictures import saved
from tests.adapters.providers.local.tones import tone


@pytest.fixture
def folder(tmp_path: Path) -> RenderFolder:
    """The order of a loop, with its clip."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"a clip")
    folder = RenderFolder(tmp_path / "render")
    folder.create(
        Order(
            picture=str(clip),
            move="static",
            strength="medium",
            seed=0,
            resolution="720p",
            frames=0,
            kind="loop",
        )
    )
    return folder


@pytest.fixture
def looping(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Stands in for what joins a clip's end to its beginning; `looping(error)` makes it fail."""

    def install(error: BaseException | None = None) -> None:
        def loop(*, clip: Path, into: Path, on_frame: Callable[[int, int], None]) -> None:
            on_frame(1, 2)
            if error is not None:
                raise error
            into.write_bytes(clip.read_bytes() * 2)
            on_frame(2, 2)

        monkeypatch.setitem(sys.modules, "adapters.media.looping", SimpleNamespace(loop=loop))

    return install


@pytest.mark.media
def test_the_part_and_the_sound_of_an_order_reach_the_clip(tmp_path: Path):
    """A picture dark on its left: closing in on the left ends darker than it began, and the tone is there."""
    image = Image.new("RGB", (320, 240), "white")
    image.paste("black", (0, 0, 160, 240))
    order = Order(
        picture=str(saved(image, tmp_path / "picture.jpg")),
        move="zoom-in",
        strength="medium",
        seed=1,
        resolution="480p",
        frames=6,
        focus=(1 / 6, 1 / 2),
        audio=str(tone(tmp_path / "tone.wav", seconds=1)),
    )
    folder = RenderFolder(tmp_path / "render")
    folder.create(order)

    assert worker._render(folder, []) == worker.DONE

    with av.open(str(folder.result)) as container:
        assert container.streams.audio
        brightness = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
    assert brightness[0] == pytest.approx(126, abs=3)
    assert brightness[-1] == pytest.approx(255 / 4, abs=3)


def test_a_loop_is_made_from_its_clip_and_tells_its_progress(folder: RenderFolder, looping):
    looping()

    assert worker._render(folder, []) == worker.DONE

    assert folder.result.read_bytes() == b"a clipa clip"
    assert folder.progress() == 1.0


def test_a_loop_stops_when_asked(folder: RenderFolder, looping):
    """Cancelled or told to end, it stops at the next frame and fails nobody."""
    looping()

    assert worker._render(folder, [15]) == worker.STOPPED
    folder.mark_cancelled()
    assert worker._render(folder, []) == worker.STOPPED

    assert not folder.result.exists()
    assert folder.failure() is None


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (BadInput("The clip is cut off."), worker.FAILED, "render_failed", "The clip is cut off."),
        (DiskFull("No room."), worker.DISK_FULL, "disk_full", worker.disk_full().message),
        (
            MemoryError(),
            worker.FAILED,
            "render_failed",
            "Rendering needs more memory than this machine has.",
        ),
    ],
)
def test_why_there_is_no_loop_is_said_in_a_sentence(
    folder: RenderFolder, looping, error: ReelbotError, status: int, code: str, message: str
):
    looping(error)

    assert worker._render(folder, []) == status

    failure = folder.failure()
    assert failure is not None
    assert (failure.code, failure.message) == (code, message)


def test_a_clip_that_is_gone_is_said_to_be_gone(folder: RenderFolder, looping):
    looping()
    Path(folder.order().picture).unlink()

    assert worker._render(folder, []) == worker.FAILED

    failure = folder.failure()
    assert failure is not None
    assert (failure.code, failure.message) == ("input_gone", "The clip is no longer there to render from.")
