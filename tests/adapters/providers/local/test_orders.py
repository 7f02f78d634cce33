"""Orders: what is refused, what is decided, and that what lies on disk stays readable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.providers.local.catalogue import CAMERA_MOVE, LOOP
from adapters.providers.local.folder import Order, RenderFolder
from adapters.providers.local.orders import order_for
from bot.errors import Refused
from bot.jobs.model import Asset, AssetKind, RenderSettings
from bot.ports import HostedInput, SubmitRequest


def request(
    model: str = "camera-move", *, kind: AssetKind = AssetKind.IMAGE, prompt: str = "", **settings: object
) -> SubmitRequest:
    asset = Asset(id="a" * 64, kind=kind, size_bytes=1, content_type="image/jpeg")
    return SubmitRequest(
        attempt_id="attempt-1",
        job_id="job-1",
        model=model,
        prompt=prompt,
        settings=RenderSettings(**settings),
        image=HostedInput(asset=asset, url="file:///somewhere/a%20file"),
    )


@pytest.mark.parametrize("duration_s", CAMERA_MOVE.durations_s)
@pytest.mark.parametrize("resolution", CAMERA_MOVE.resolutions)
def test_every_length_and_resolution_of_the_paid_models_can_be_drafted(duration_s: int, resolution: str):
    """A draft takes over length, resolution and camera; the prompt's plain words still choose the move."""
    wish = request(prompt="slowly zoom out", duration_s=duration_s, resolution=resolution)

    order = order_for(wish, frames=None)

    assert (order.frames, order.resolution) == (duration_s * 24, resolution)
    assert (order.move, order.strength, order.kind) == ("zoom-out", "low", "camera")


def test_the_part_of_the_picture_a_prompt_names_is_kept_in_the_order():
    order = order_for(request(prompt="zoom in on the lower left"), frames=None)

    assert (order.move, order.focus) == ("zoom-in", (1 / 6, 5 / 6))


def test_a_loop_depends_on_nothing_but_its_clip():
    """Prompt, length, camera, seed and the rest change nothing: the same clip is the same loop."""
    plain = order_for(request("loop", kind=AssetKind.CLIP), frames=None)
    adorned = order_for(
        request("loop", kind=AssetKind.CLIP, prompt="zoom in", duration_s=10, seed=7, camera="orbit", motion="high"),
        frames=None,
    )

    assert plain == adorned
    assert (plain.kind, plain.picture) == ("loop", "/somewhere/a file")


@pytest.mark.parametrize(
    ("model", "kind", "reason"),
    [
        ("loop", AssetKind.IMAGE, "made from a finished clip"),
        ("camera-move", AssetKind.CLIP, "made over a picture"),
        ("teleport", AssetKind.IMAGE, "has no model 'teleport'"),
    ],
)
def test_each_model_is_made_from_its_own_kind_of_input(model: str, kind: AssetKind, reason: str):
    with pytest.raises(Refused, match=reason):
        order_for(request(model, kind=kind), frames=None)


def test_the_first_model_is_the_camera_move_and_the_loop_says_what_it_is_made_from():
    assert (CAMERA_MOVE.made_from, LOOP.made_from) == ("image", "clip")
    assert CAMERA_MOVE.takes_audio
    assert not LOOP.takes_seed


def test_an_order_comes_back_from_disk_as_it_was(tmp_path: Path):
    folder = RenderFolder(tmp_path / "render")
    order = Order(
        picture="/p.jpg",
        move="orbit",
        strength="low",
        seed=3,
        resolution="720p",
        frames=120,
        focus=(0.25, 0.75),
        audio="/a.wav",
    )

    folder.create(order)

    assert folder.order() == order


def test_an_order_that_an_older_reelbot_left_on_disk_is_still_an_order(tmp_path: Path):
    """It knows no focus, sound or kind: it is a camera move over the whole picture without sound."""
    folder = RenderFolder(tmp_path)
    old = {"picture": "/p.jpg", "move": "zoom-in", "strength": "low", "seed": 3, "resolution": "480p", "frames": 120}
    (tmp_path / "request.json").write_text(json.dumps(old))

    order = folder.order()

    assert (order.focus, order.audio, order.kind) == (None, None, "camera")
