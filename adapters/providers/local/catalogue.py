"""What the local renderer offers."""

from __future__ import annotations

from bot.money.prices import Free
from bot.ports import ImageLimits, Model

CAMERA_MOVE = Model(
    provider="local",
    slug="camera-move",
    title="Camera move (local, free)",
    durations_s=(5, 10),
    resolutions=("480p", "720p", "1080p"),
    default_duration_s=5,
    default_resolution="720p",
    price=Free(),
    takes_audio=True,
    takes_negative=False,
    takes_expand=False,
    takes_seed=True,
    real_camera=True,
    # 4096 keeps every pixel the closest framing of a 1080p clip can show.
    image=ImageLimits(min_side=16, max_side=4096, max_bytes=50_000_000),
    kind="camera move over the picture",
)

LOOP = Model(
    provider="local",
    slug="loop",
    title="Loop (made here, free)",
    # Whatever the finished clip was ordered with: none of it is asked again.
    durations_s=tuple(range(1, 61)),
    resolutions=("480p", "720p", "1080p"),
    default_duration_s=5,
    default_resolution="720p",
    price=Free(),
    takes_audio=False,
    takes_negative=False,
    takes_expand=False,
    takes_seed=False,
    made_from="clip",
    kind="loop of the finished clip",
)

MODELS = (CAMERA_MOVE, LOOP)
